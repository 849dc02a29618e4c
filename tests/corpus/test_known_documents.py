"""Finding a document among others, against a set of tuples."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnngen.corpus import known_documents
from rnngen.corpus.known_documents import KnownDocuments, number_known

BOUNDARY = 3
tokens = st.lists(st.integers(0, 5), max_size=40)


@settings(deadline=None, max_examples=200)
@given(tokens, tokens, st.lists(st.integers(0, 5).filter(lambda t: t != BOUNDARY), max_size=4), st.integers(1, 50))
def test_exactly_the_documents_of_all_parts_are_found(
    first: list[int], second: list[int], other: list[int], block: int
) -> None:
    parts = [np.array([*part, BOUNDARY], np.uint16) for part in (first, second)]
    documents = set()
    for part in parts:
        ends = [-1, *np.flatnonzero(part == BOUNDARY).tolist()]
        documents |= {tuple(part[begin + 1 : end].tolist()) for begin, end in pairwise(ends)}
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(known_documents, "_BLOCK", block)
        known = KnownDocuments(parts, BOUNDARY)
    for document in (*documents, tuple(other), (), (0,), (5, 5)):
        assert (np.array(document, np.uint16) in known) == (document in documents)


def test_documents_with_equal_hashes_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known_documents, "_BASE", np.uint64(1))  # so that the order of tokens does not matter
    known = KnownDocuments([np.array([1, 2, BOUNDARY, 2, 2, BOUNDARY], np.uint16)], BOUNDARY)
    assert np.array([1, 2]) in known
    assert np.array([2, 1]) not in known


def test_no_text_has_no_documents() -> None:
    assert np.array([1]) not in KnownDocuments([np.zeros(0, np.uint16)], BOUNDARY)


@pytest.mark.parametrize("block", [1, 2, 3, 100])
def test_the_documents_of_a_text_are_counted_in_any_order_and_with_any_label(
    monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    monkeypatch.setattr(known_documents, "_BLOCK", block)
    training = np.array([1, BOUNDARY, 2, 2, BOUNDARY, 8, 0, BOUNDARY], np.uint16)
    text = np.array([9, 2, 2, BOUNDARY, 0, BOUNDARY, 5, BOUNDARY, 1, 1, BOUNDARY, 2, 2, BOUNDARY], np.uint16)
    assert number_known(text, training, BOUNDARY, range(8, 10)) == 3
    nothing = np.zeros(0, np.uint16)
    assert number_known(nothing, training, BOUNDARY) == number_known(text, nothing, BOUNDARY) == 0
