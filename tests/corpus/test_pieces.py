"""A text in pieces, against the whole text."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

from rnngen.corpus.pieces import Cutter, TextCounter, TextCounts, TextHash

quick = settings(deadline=None, max_examples=60)
some_pieces = st.lists(st.text("ab \n\t\u3000\x1c\x85é😀", max_size=6), max_size=8)


@quick
@given(some_pieces)
def test_counts_over_pieces_equal_counts_of_the_whole(pieces: list[str]) -> None:
    whole, counter = "".join(pieces), TextCounter()
    for piece in pieces:
        counter.add(piece)
    assert counter.counts == TextCounts(len(whole), len(whole.split()), len(whole.encode()))


def test_counts_of_nothing_are_zero() -> None:
    assert TextCounter().counts == TextCounts(0, 0, 0)


@quick
@given(some_pieces)
def test_hash_over_pieces_equals_the_hash_of_the_whole(pieces: list[str]) -> None:
    whole, hashed = "".join(pieces), TextHash()
    for piece in pieces:
        hashed.add(piece)
    assert hashed.sha256 == hashlib.sha256(whole.encode()).hexdigest()
    assert (hashed.characters, hashed.bytes) == (len(whole), len(whole.encode()))


@quick
@given(some_pieces, st.lists(st.integers(0, 30), max_size=4).map(sorted))
def test_consecutive_parts_equal_slices_of_the_whole(pieces: list[str], ends: list[int]) -> None:
    whole, cutter = "".join(pieces), Cutter(pieces)
    parts = ["".join(cutter.until(end)) for end in ends]
    assert parts == [whole[start:end] for start, end in zip([0, *ends], ends, strict=False)]
    assert "".join(cutter.until(None)) == whole[ends[-1] if ends else 0 :]


def test_no_more_pieces_are_taken_than_a_part_needs() -> None:
    taken: list[str] = []

    def watched() -> Iterator[str]:
        for piece in ("abc", "def", "ghi"):
            taken.append(piece)
            yield piece

    cutter = Cutter(watched())
    assert list(cutter.until(4)) == ["abc", "d"]
    assert taken == ["abc", "def"]
    assert list(cutter.until(6)) == ["ef"]
    assert taken == ["abc", "def"]
