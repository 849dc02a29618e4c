"""Notes on options that cannot end a text, because the model cannot write what they name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rnngen.cli.sample_inputs import typed_line_breaks
from rnngen.errors import shortened
from rnngen.platforms import quote_argument
from rnngen.sampling.stopping import UNTIL
from rnngen.sampling.writable import cannot_be_written

if TYPE_CHECKING:
    from rnngen.sampling.generator import Generator
    from rnngen.sampling.options import Sampling


def notes_on_ending(generator: Generator, sampling: Sampling) -> list[str]:
    """For each ending that the model cannot write: why not, and what ends the text instead.

    Also a note for each stop text whose backslash seems to be meant as a line break, since no shell reads it so, unless
    the model has learned to use backslashes.
    """
    if not sampling.ends_itself:
        return []
    tokenizer, banned = generator.tokenizer, generator.banned(sampling.ban)
    notes, impossible = [], 0
    for text in sampling.stop:
        reason = _why_not([tokenizer.normalized(text)], generator, banned)
        impossible += reason is not None
        meant = _meant_by_backslashes(text)
        if meant is not None and (reason or not _has_use_for_backslash(tokenizer.token_bytes(), tokenizer.level)):
            notes.append(f"--stop {quote_argument(shortened(text))} has a backslash in it: for a line break, {meant}")
        elif reason:
            notes.append(f"--stop {shortened(text)!r} ends nothing: {reason}")
    ends = [] if sampling.until is None else [(f"--until {sampling.until}", sampling.until)]
    if sampling.at_most("sentence"):
        ends.append((f"--length {quote_argument(str(sampling.length))}", "sentence"))
    for typed, end in ends:
        reason = _why_not(_ends_of(end), generator, banned)
        impossible += reason is not None
        if reason:
            notes.append(f"{typed} ends nothing: {reason}")
    if impossible and impossible == len(sampling.stop) + len(ends) and not sampling.at_most("word"):
        given = "" if sampling.at_most("token") is not None else "; --length N sets another number"
        earlier = "with the document, or " if generator.documents else ""
        notes[-1] += f". The text ends {earlier}after {generator.max_tokens(sampling):,} tokens{given}"
    return notes


def _ends_of(until: str) -> list[str]:
    if until in UNTIL:
        return [UNTIL[until]]
    from rnngen.sampling.sentences import MARKS

    return [*MARKS, UNTIL["paragraph"]]


def _why_not(texts: list[str], generator: Generator, banned: list[int]) -> str | None:
    """Why the model can write none of these texts; None: it can write one."""
    tokenizer = generator.tokenizer
    if not all(cannot_be_written([text], tokenizer, banned) for text in texts):
        return None
    if not all(cannot_be_written([text], tokenizer) for text in texts):
        return "--ban forbids it"
    missing = cannot_be_written(dict.fromkeys("".join(texts)), tokenizer)
    return (
        f"the model has never seen {shortened(''.join(missing))!r}"
        if len(texts) == 1
        else "the model has never seen its marks"
    )


def _has_use_for_backslash(tokens: list[bytes], level: str) -> bool:
    """Whether the vocabulary suggests that the training text had backslashes: as a character, or inside a longer token.

    A vocabulary of bytes always has it.
    """
    return level in ("char", "byte") or any(b"\\" in token and len(token) > 1 for token in tokens)


def _meant_by_backslashes(text: str) -> str | None:
    """How to type what a text with ``\\n`` in it probably means; None: it has none."""
    typed = typed_line_breaks("--stop", text)
    until = next((name for name, end in UNTIL.items() if text.replace("\\n", "\n") == end), None)
    return f"{typed}, or --until {until}" if typed and until else typed
