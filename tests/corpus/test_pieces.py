"""A text in pieces, against the whole text."""

from __future__ import annotations

import dataclasses
import hashlib

from hypothesis import given, settings
from hypothesis import strategies as st

from rnngen.corpus.documents import BOUNDARY
from rnngen.corpus.pieces import TextCounter, TextCounts, TextHash

quick = settings(deadline=None, max_examples=60)
some_pieces = st.lists(st.text("ab \n\t\u3000\x1c\x85é😀", max_size=6), max_size=8)


@quick
@given(some_pieces)
def test_counts_over_pieces_equal_counts_of_the_whole(pieces: list[str]) -> None:
    whole, counter = "".join(pieces), TextCounter()
    for piece in pieces:
        counter.add(piece)
    lines = whole.count("\n") + (whole[-1:] not in ("", "\n"))
    assert counter.counts == TextCounts(len(whole), len(whole.split()), len(whole.encode()), lines=lines)


@quick
@given(some_pieces)
def test_a_boundary_counts_as_one_character_like_a_line_end_and_as_one_document(pieces: list[str]) -> None:
    lines, documents = TextCounter(), TextCounter()
    for piece in pieces:
        lines.add(piece)
        documents.add(piece.replace("\n", BOUNDARY))
    assert documents.counts == dataclasses.replace(lines.counts, documents="".join(pieces).count("\n"))


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
