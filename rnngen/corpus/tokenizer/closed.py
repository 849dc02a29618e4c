"""Tokens that are the words of a closed vocabulary, as word-level benchmarks have them.

The Penn Treebank as prepared by Mikolov (2010) and WikiText (Merity et al. 2016, arXiv 1609.07843) are read by one
rule: a word is what stands between white space, and every line, an empty one too, ends with the token ``<eos>``. So a
text of W words in L lines has W + L tokens; the published numbers of tokens are these (``docs/evaluation.md``). What is
not in the vocabulary is ``<unk>``, the same token as a ``<unk>`` that stands in the text.

White space is not kept: between two words there is one space, and none at the beginning and end of a line.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from rnngen.corpus.documents import BOUNDARY
from rnngen.corpus.normalization import Normalization
from rnngen.corpus.pieces import TextCounts
from rnngen.corpus.tokenizer.char import UNKNOWN
from rnngen.corpus.tokenizer.encoder import Encoder, Ids
from rnngen.corpus.tokenizer.protocol import Level, Tokenizer, check_vocab_size, to_bytes
from rnngen.errors import TokenizerError

LINE_END = "\n"
"""The name of ``<eos>`` in the vocabulary: no word is like it, so a ``<eos>`` in the text is an ordinary word."""

LONGEST = 1000
"""Characters; a longer word is unknown."""
MAX_VOCABULARY_BYTES = 1 << 24
"""Of all words as JSON, so that the ``tokenizer.json`` can be read again."""

_SPACES = r"\t\v\f\r\x{1c}-\x{20}\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}"
BORDERS, SPACES = r"[\n\x{0}]", f"[{_SPACES}]+"
"""What ``str.split`` takes for white space, for the ``tokenizers`` library, whose ``\\s`` differs: line ends and
boundaries, which are tokens, and the rest, which separates words."""


class ClosedTokenizer(Tokenizer):
    """One token per word: ids 0 is ``<unk>``, 1 is ``<eos>``, and 2 the boundary, if there are documents.

    Args:
        words: the others, in the order of their ids.
        normalization: of the tokenizer.
        documents: whether it has the boundary between documents.
    """

    level: Level = "words-closed"
    unknown_id = 0
    line_end_id = 1
    is_closed = True

    def __init__(self, words: Sequence[str], normalization: Normalization = "none", *, documents: bool = False) -> None:
        self.normalization = normalization
        self.words = tuple(words)
        self.boundary_id = 2 if documents else None
        self._names = [UNKNOWN, LINE_END, *([BOUNDARY] if documents else []), *self.words]
        self._ids = {name: number for number, name in enumerate(self._names)}
        self.vocab_size = len(self._names)
        check_vocab_size(self.vocab_size)

    @classmethod
    def train(
        cls, pieces: Iterable[str], vocab_size: int | None, min_count: int = 1, normalization: Normalization = "none"
    ) -> ClosedTokenizer:
        """Take all words that occur ``min_count`` times, or the most frequent of them up to ``vocab_size`` tokens.

        Raises:
            TokenizerError: there are none, but there is text; or they are too many or too long.
        """
        counts, has_documents = _count(pieces)
        ranked = sorted((word for word in counts if counts[word] >= min_count), key=lambda word: (-counts[word], word))
        if counts and not ranked:
            raise TokenizerError(
                f"no word occurs {min_count} times in the training text",
                found=f"{max(counts.values())} at most",
                hint="Give a smaller `min_count`, or more text.",
            )
        if vocab_size:
            marks = 2 + has_documents
            ranked = ranked[: max(0, vocab_size - marks)]
            if counts and not ranked:
                raise TokenizerError(
                    "`vocab_size` leaves no word", expected=f"{marks + 1} or more: {_MARKS[has_documents]}, and words"
                )
        if sum(len(json.dumps(word, ensure_ascii=False).encode()) for word in ranked) > MAX_VOCABULARY_BYTES:
            raise TokenizerError(
                "the words of the vocabulary are too long",
                expected=f"at most {MAX_VOCABULARY_BYTES:,} bytes in all",
                hint="Give a smaller `vocab_size`, or another `tokenizer`.",
            )
        return cls(ranked, normalization, documents=has_documents)

    def grown(self, learn: Callable[[int | None], Tokenizer]) -> ClosedTokenizer:
        """With the words of a text that it lacks, at the end."""
        other = learn(None)
        assert isinstance(other, ClosedTokenizer)
        known = set(self.words)
        new = [word for word in other.words if word not in known]
        documents = self.boundary_id is not None or other.boundary_id is not None
        if not new and documents == (self.boundary_id is not None):
            return self
        grown = ClosedTokenizer([*self.words, *new], self.normalization, documents=documents)
        return grown.with_labels(self.labels)

    def _encode(self, text: str) -> Ids:
        """Ids, shape (N,): one per word and one per line end."""
        to_bytes(text)  # a lone surrogate is an error, not an unknown word
        ids: list[int] = []
        known, boundary = self._ids.get, self.boundary_id or 0
        for number, document in enumerate(text.split(BOUNDARY)):
            if number:
                ids.append(boundary)
            for at, line in enumerate(document.split("\n")):
                if at:
                    ids.append(self.line_end_id)
                ids += [known(word, 0) for word in line.split()]
        return np.array(ids, dtype=self.dtype)

    def _encoder(self) -> ClosedEncoder:
        """An encoder that cuts the text where a word ends."""
        return ClosedEncoder(self._encode)

    def hold_back(self, text: str) -> tuple[Ids, str]:
        """Split a text into ids that no continuation can change, and the word at its end, which one can.

        If no word of the vocabulary begins like it, it is unknown, whatever follows.
        """
        to_bytes(text)
        text = self.normalized(text)
        at = last_border(text)
        word = text[at:]
        known = not word or self.tokens_beginning(word.encode())
        return self._encode(text[:at]), word if known else UNKNOWN

    def unknown_in(self, text: str, *, is_whole: bool = True) -> tuple[str, ...]:
        """The words of a text that are not in the vocabulary, each once."""
        text = self.normalized(text)
        at = len(text) if is_whole else last_border(text)
        words = dict.fromkeys(text[:at].replace(BOUNDARY, " ").split())
        if text[at:] and not self.tokens_beginning(text[at:].encode()):
            words[text[at:]] = None
        return tuple(word for word in words if word not in self._ids)

    def counts_of(self, tokens: Ids, counts: TextCounts) -> TextCounts:
        """The length of a text as it is read: with ``<unk>`` and with single spaces.

        Args:
            tokens: ids of the text, (N,).
            counts: of the text as it stands.
        """
        occurrences = np.zeros(self.vocab_size, np.int64)
        for start in range(0, len(tokens), _COUNTED):
            occurrences += np.bincount(tokens[start : start + _COUNTED], minlength=self.vocab_size)
        ends = [self.line_end_id, *([] if self.boundary_id is None else [self.boundary_id])]
        line_ends = int(occurrences[ends].sum())
        words = int(occurrences[: self.text_size].sum()) - line_ends
        # a space between two words: of a line with n words n - 1, which the line end takes the place of
        empty = _empty_lines(tokens, ends)
        spaces = words - (line_ends - empty)
        lengths = [(len(name), len(name.encode())) for name in self._names]
        characters, size = (occurrences[: self.text_size] @ np.array(lengths, np.int64).reshape(-1, 2)).tolist()
        return TextCounts(characters + spaces, words, size + spaces, counts.documents, line_ends)

    def decode(self, ids: Iterable[int], *, before: bytes = b"", skip: int = 0) -> str:
        """Decode ids: words with a space between them; a line end is one."""
        return without_spaces_at_ends(super().decode(ids, before=before, skip=skip)).removesuffix(" ")

    def join(self, parts: Iterable[str]) -> str:
        """One text of parts that were decoded one by one: with a space where two words meet."""
        text = ""
        for part in parts:
            meet = text and part and not (text[-1].isspace() or part[0].isspace())
            text += f" {part}" if meet else part
        return text

    def spelling(self, text: str) -> str:
        """A text as the tokens' bytes spell it: the space after a word stands before a line end too."""
        return "".join(
            f" {after}" if after in ENDS and before not in ("", *ENDS) else after
            for before, after in zip(["", *text], text, strict=False)
        )

    def _token_bytes(self) -> list[bytes]:
        """Each word with the space after it, which ``decode`` leaves out before a line end; line ends."""
        return [f"{name}{'' if name in ENDS else ' '}".encode() for name in self._names]

    def _to_hf(self) -> Any:
        """A WordLevel model over words and line ends."""
        from tokenizers import Regex, decoders, models, pre_tokenizers
        from tokenizers import Tokenizer as HfTokenizer

        tokenizer = HfTokenizer(models.WordLevel(vocab=self._ids, unk_token=UNKNOWN))
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [pre_tokenizers.Split(Regex(BORDERS), "isolated"), pre_tokenizers.Split(Regex(SPACES), "removed")]
        )
        # a space before every token but the first (none begins with one), and then none around line ends
        tokenizer.decoder = decoders.Sequence(
            [
                decoders.WordPiece(prefix=" ", cleanup=False),
                decoders.Fuse(),
                *(decoders.Replace(Regex(f" ?{end} ?"), name) for end, name in ((r"\n", "\n"), (r"\x{0}", BOUNDARY))),
            ]
        )
        return tokenizer


ENDS = (LINE_END, BOUNDARY)
_MARKS = ("<unk>, <eos>", "<unk>, <eos>, the boundary between documents")
_COUNTED = 1 << 22  # tokens at a time


def without_spaces_at_ends(text: str) -> str:
    """A text that tokens spell, without the space that stands after the last word of a line or document."""
    return text.replace(" \n", "\n").replace(f" {BOUNDARY}", BOUNDARY)


def _empty_lines(tokens: Ids, ends: Sequence[int]) -> int:
    """How many line ends come first, or after another one."""
    empty, after_end = 0, True
    for start in range(0, len(tokens), _COUNTED):
        is_end = np.isin(tokens[start : start + _COUNTED], ends)
        empty += int(is_end[0] and after_end) + int(np.count_nonzero(is_end[1:] & is_end[:-1]))
        after_end = bool(is_end[-1])
    return empty


class ClosedEncoder(Encoder):
    """Encodes a text that comes in pieces, as the whole text is encoded."""

    def __init__(self, encode: Callable[[str], Ids]) -> None:
        super().__init__(encode)
        self._words = WholeWords()

    def add(self, piece: str) -> Ids:
        """The ids that are settled after one more piece, shape (N,)."""
        return self._encode(self._words.add(piece))

    def finish(self) -> Ids:
        """The ids of what was held back, shape (N,)."""
        return self._encode(self._words.finish())


class WholeWords:
    """A text that comes in pieces, cut only where words end; of a word that is too long, only the beginning is kept."""

    def __init__(self) -> None:
        self._held = ""

    def add(self, piece: str) -> str:
        """The text up to the last word, which may go on, after one more piece."""
        to_bytes(piece)
        text = self._held + piece
        at = last_border(text)
        self._held = text[at : at + LONGEST + 1]
        return text[:at]

    def finish(self) -> str:
        """The last word."""
        rest, self._held = self._held, ""
        return rest


def last_border(text: str) -> int:
    """Where the word at the end of a text begins; its length, if it ends with white space."""
    at = len(text)
    while at and not (text[at - 1].isspace() or text[at - 1] == BOUNDARY):
        at -= 1
    return at


def _count(pieces: Iterable[str]) -> tuple[Counter[str], bool]:
    """How often each word of a text occurs that can be a token, and whether it consists of documents."""
    counts: Counter[str] = Counter()
    words, has_documents = WholeWords(), False
    for piece in pieces:
        has_documents |= BOUNDARY in piece
        counts.update(words.add(piece).replace(BOUNDARY, " ").split())
    counts.update(words.finish().split())
    for word in [UNKNOWN, *(word for word in counts if len(word) > LONGEST)]:
        counts.pop(word, None)
    return counts, has_documents
