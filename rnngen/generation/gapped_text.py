"""Texts with gaps: how they are written, and what is known of each gap."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnngen.errors import UsageError

MOST_TOKENS = 1000
"""The longest gap."""

_GAP = r"_{3,}|\[[0-9]+\]"
_ESCAPED = rf"\\(?:{_GAP})"


class Gap(NamedTuple):
    """A place to fill.

    Attributes:
        length: in tokens; None: nobody knows.
    """

    length: int | None


class Place(NamedTuple):
    """A gap in a text of ids.

    Attributes:
        lengths: that it may have, in tokens.
        after: the known tokens up to the next gap, or to the end.
        first: which tokens it may begin with, (V,); None: all.
    """

    lengths: Sequence[int]
    after: Sequence[int]
    first: NDArray[np.bool_] | None = None


def parse_gaps(text: str) -> list[str | Gap]:
    r"""The known parts of a text and its gaps: ``___`` is one of unknown length, ``[5]`` one of five tokens.

    A backslash before them, ``\[5]``, makes them text.

    Raises:
        UsageError: there is no gap, or one of no tokens, or two without text between them.
    """
    parts: list[str | Gap] = [""]
    for piece in re.split(rf"(\\?(?:{_GAP}))", text):
        if re.fullmatch(_GAP, piece):
            digits = piece[1:-1].lstrip("0") if piece[0] == "[" else None
            if digits == "":
                raise UsageError("a gap has no tokens", found=piece, expected="a length above 0, such as [5]")
            if digits and (len(digits) > 6 or int(digits) > MOST_TOKENS):
                raise UsageError("a gap is too long", found=f"{piece[:12]}", expected=f"at most {MOST_TOKENS} tokens")
            gap = Gap(int(digits) if digits else None)
            parts += [gap, ""]
        else:
            parts[-1] = f"{parts[-1]}{piece[1:] if re.fullmatch(_ESCAPED, piece) else piece}"
    if len(parts) == 1:
        raise UsageError("the text has no gap", expected="___ for a gap, or [5] for one of five tokens")
    if "" in parts[2:-1]:
        raise UsageError("two gaps have nothing between them", expected="one gap, or text between the two")
    return parts
