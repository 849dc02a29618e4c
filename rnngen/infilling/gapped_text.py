"""Texts with gaps: how they are typed, and how they are encoded."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from rnngen.corpus.tokenizer import Tokenizer
from rnngen.errors import UsageError
from rnngen.infilling.options import LONGEST, MAX_GAP

_GAP = r"_{3,}|\[[0-9]+\]"
_ESCAPED = rf"\\(?:{_GAP})"


class Gap(NamedTuple):
    """A gap as it is typed.

    Attributes:
        length: in tokens; None: unknown.
    """

    length: int | None


class Beginning(NamedTuple):
    """One way in which a fill may begin.

    Attributes:
        ids: its first tokens.
        then: whether each token may come after them, (V,); None: all may.
    """

    ids: tuple[int, ...] = ()
    then: NDArray[np.bool_] | None = None

    def allowed(self, at: int, vocab_size: int) -> NDArray[np.bool_]:
        """Whether each token may be at this position of the fill, (V,)."""
        if at == len(self.ids) and self.then is not None:
            return self.then
        allowed = np.full(vocab_size, at >= len(self.ids))
        if at < len(self.ids):
            allowed[self.ids[at]] = True
        return allowed


class EncodedGap(NamedTuple):
    """A gap in an encoded text.

    Attributes:
        lengths: the lengths that it may have, in tokens.
        after: the known tokens between it and the next gap, or the end.
        beginnings: the ways in which its fill may begin; their ``ids`` do not count towards its length.
        held: bytes of the known text before the gap with which every fill begins; they are not shown.
    """

    lengths: Sequence[int]
    after: Sequence[int]
    beginnings: Sequence[Beginning] = (Beginning(),)
    held: bytes = b""

    @property
    def max_length(self) -> int:
        """The maximum number of tokens in a fill, including those of its beginning."""
        return max(self.lengths) + max(len(beginning.ids) for beginning in self.beginnings)

    def with_shape_of(self, fill: Sequence[int]) -> EncodedGap:
        """The same gap, for fills that begin like this one and have as many tokens."""
        beginning = max(
            (each for each in self.beginnings if tuple(fill[: len(each.ids)]) == each.ids), key=lambda b: len(b.ids)
        )
        return self._replace(lengths=[len(fill) - len(beginning.ids)], beginnings=[beginning])


def parse_gaps(text: str) -> list[str | Gap]:
    r"""Split a text into known parts and gaps: ``___`` is one of unknown length, ``[5]`` one of five tokens.

    After a backslash, ``\[5]``, they are text.

    Raises:
        UsageError: there is no gap, or one without tokens, or two without text between them.
    """
    parts: list[str | Gap] = [""]
    for piece in re.split(rf"(\\?(?:{_GAP}))", text):
        if re.fullmatch(_GAP, piece):
            digits = piece[1:-1].lstrip("0") if piece[0] == "[" else None
            if digits == "":
                raise UsageError("a gap has no tokens", found=piece, expected="a length above 0, such as [5]")
            if digits and (len(digits) > 6 or int(digits) > MAX_GAP):
                raise UsageError("a gap is too long", found=f"{piece[:12]}", expected=f"at most {MAX_GAP} tokens")
            gap = Gap(int(digits) if digits else None)
            parts += [gap, ""]
        else:
            parts[-1] = f"{parts[-1]}{piece[1:] if re.fullmatch(_ESCAPED, piece) else piece}"
    if len(parts) == 1:
        raise UsageError("the text has no gap", expected="___ for a gap, or [5] for one of five tokens")
    if "" in parts[2:-1]:
        raise UsageError("two gaps have nothing between them", expected="one gap, or text between the two")
    return parts


@dataclass(frozen=True)
class GappedText:
    """A text with gaps, encoded for a model.

    Attributes:
        parts: its known parts and its gaps.
        before: ids before the first gap, without the end of the text that a fill may join (see ``EncodedGap.held``).
        gaps: the gaps.
    """

    parts: Sequence[str | Gap]
    before: Sequence[int]
    gaps: Sequence[EncodedGap]

    @classmethod
    def read(cls, text: str, tokenizer: Tokenizer, longest: int | None = None) -> Self:
        """Parse and encode a text.

        Args:
            text: see ``parse_gaps``.
            tokenizer: of the model.
            longest: the maximum number of tokens of a gap of unknown length; by default, see ``LONGEST``.

        Raises:
            UsageError: there is no gap, or nothing tells the length of one.
        """
        level = tokenizer.level
        longest = LONGEST[level] if longest is None else longest
        parts = parse_gaps(text)
        if parts[-1] == "" and parts[-2] == Gap(None):
            raise UsageError(
                "nothing follows the last gap, so nothing says how long it is",
                expected="text after ___, or a length",
                hint="Write [5] for five tokens, or what ends it, such as a full stop.",
            )
        known: list[list[int]] = []
        held: list[str] = []
        for i, part in enumerate(parts):
            ids, end = _read_before_gap(part, tokenizer) if isinstance(part, str) else ([], "")
            # a word between two gaps is not held back: it tells how long the first gap is
            if end and (i == len(parts) - 1 or (i and not ids and not end.isspace())):
                ids, end = _encode(str(part), tokenizer), ""
            known.append(ids)
            held.append(end)
        gaps = []
        for i, part in enumerate(parts):
            if isinstance(part, Gap):
                lengths = range(1, longest + 1) if part.length is None else [part.length]
                beginnings = _beginnings(held[i - 1], tokenizer) if held[i - 1] else [Beginning()]
                gaps.append(EncodedGap(list(lengths), known[i + 1], beginnings, held[i - 1].encode()))
        return cls(parts, known[0], gaps)

    def filled(self, fills: Sequence[str]) -> list[str]:
        """The parts of the whole text with these fills."""
        remaining = iter(fills)
        return [part if isinstance(part, str) else next(remaining) for part in self.parts]


def unreadable(tokenizer: Tokenizer) -> list[int]:
    """Ids that no text has: the unknown symbol and the boundary between documents, as far as they exist, and labels."""
    known = (tokenizer.unknown_id, tokenizer.boundary_id, *tokenizer.label_ids())
    return [token for token in known if token is not None]


def unseen(text: str, tokenizer: Tokenizer) -> str:
    """The characters or words of a text with gaps that a model has never seen, each once."""
    known = (part for part in parse_gaps(text) if isinstance(part, str))
    return tokenizer.join(dict.fromkeys(each for part in known for each in tokenizer.unknown_in(part)))


def _read_before_gap(text: str, tokenizer: Tokenizer) -> tuple[list[int], str]:
    """Ids of a known part, and its end, with which fills begin, if there are tokens that continue it."""
    if tokenizer.unknown_id is not None:  # of characters or whole words, of which one may be unknown
        return _encode(text, tokenizer), ""
    ids, held = tokenizer.hold_back(text)
    return (ids.tolist(), held) if held and _longer(held, tokenizer) else (_encode(text, tokenizer), "")


def _longer(held: str, tokenizer: Tokenizer) -> list[int]:
    """Ids of the tokens that begin with the end of a known part and continue it."""
    content, table = held.encode(), tokenizer.token_bytes()
    return [token for token in tokenizer.tokens_beginning(content) if len(table[token]) > len(content)]


def _beginnings(held: str, tokenizer: Tokenizer) -> list[Beginning]:
    """A fill begins with a token that continues the end of the text before it, or after that end's own tokens."""
    continues = np.zeros(tokenizer.vocab_size, bool)
    continues[_longer(held, tokenizer)] = True
    return [Beginning((), continues), Beginning(tuple(_encode(held, tokenizer)))]


def _encode(text: str, tokenizer: Tokenizer) -> list[int]:
    """Ids of a text, without what the model cannot read."""
    banned = [token for token in unreadable(tokenizer) if not (tokenizer.is_closed and token == tokenizer.unknown_id)]
    return [i for i in tokenizer.encode(text).tolist() if i not in banned]
