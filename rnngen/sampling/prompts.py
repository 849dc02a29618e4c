"""What a model reads before it writes: a label, and a prompt without the end that is held back."""

from __future__ import annotations

from collections.abc import Iterable

from rnngen.corpus.tokenizer import Ids, Tokenizer
from rnngen.errors import UsageError, shortened


def never_seen(unseen: str, tokenizer: Tokenizer) -> str:
    """What a model has never seen of a text, and what becomes of it, in words."""
    how = "read as <unk>" if tokenizer.is_closed else "left out of what it reads"
    return f"the model has never seen {shortened(unseen)!r}: {how}"


class PromptReader:
    """Turns prompts into tokens.

    Args:
        tokenizer: the model's.
        documents: the rule of the documents that the model writes; None: it writes texts without end.
    """

    def __init__(self, tokenizer: Tokenizer, documents: str | None) -> None:
        self.tokenizer = tokenizer
        self.documents = documents

    def encode_prompt(self, prompt: str) -> tuple[Ids, str]:
        """The ids of a prompt, and what the model has never seen of it.

        That is characters, which are left out, or words, with a space between them, which are read as ``<unk>``.
        """
        ids, unseen = self.tokenizer.encode(prompt), self.unseen_in([prompt])
        return (ids[ids != self.tokenizer.unknown_id] if unseen and not self.tokenizer.is_closed else ids), unseen

    def unseen_in(self, prompts: Iterable[str]) -> str:
        """The characters or words of prompts that the model has never seen, each once."""
        found = dict.fromkeys(part for prompt in prompts for part in self.tokenizer.unknown_in(prompt, is_whole=False))
        return self.tokenizer.join(found)

    def check_force(self, text: str) -> None:
        """Refuse a text of ``force`` that the model cannot write.

        Raises:
            UsageError: it has never seen some of it.
        """
        _, unseen = self.encode_prompt(text)
        if unseen:
            what = "words" if self.tokenizer.is_closed else "characters"
            raise UsageError(f"`force` has {what} that the model has never seen: {unseen!r}")

    def prompt_ids(self, prompt: str) -> list[int]:
        """The ids of a prompt or, if it has none, of line ends; a document begins with none."""
        ids, _ = self.encode_prompt(prompt)
        if not len(ids) and self.documents is None:
            ids, _ = self.encode_prompt("\n" if self.tokenizer.is_closed else "\n\n")
        read: list[int] = ids.tolist()
        return read

    def hold_back(self, text: str) -> tuple[list[int], str]:
        """Like ``Tokenizer.hold_back``, without characters that the model has never seen."""
        if self.tokenizer.level == "char":  # nothing is held back
            return self.encode_prompt(text)[0].tolist(), ""
        ids, held = self.tokenizer.hold_back(text)
        return ids.tolist(), held

    def hold_back_prompt(self, prompt: str, label: str | None = None) -> tuple[list[int], str]:
        """Like ``hold_back``, for a prompt: line ends where nothing is left of it. The ``label`` is read before it."""
        ids, held = self.hold_back(prompt)
        if label is not None:
            ids.insert(0, self.tokenizer.label_ids()[self.tokenizer.labels.index(label)])
        return (ids, held) if ids or held else (self.prompt_ids(""), "")
