"""The parts of a text, against slices and sets of the whole."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnngen.corpus.documents import BOUNDARY
from rnngen.corpus.parts import (
    PARTS,
    Piece,
    choose_documents,
    cut_by_position,
    lengths_by_position,
    number_in_text,
    numbers_of_documents,
    shares_of,
)

quick = settings(deadline=None, max_examples=100)
some_pieces = st.lists(st.text("ab\n😀", max_size=6), max_size=12)
splits = st.sampled_from([(0.9, 0.05, 0.05), (0.5, 0.5), (1.0, 0.0), (0.2, 0.0, 0.8), (0.34, 0.33, 0.33)])


def joined(pieces: Iterator[Piece]) -> dict[str, str]:
    texts: dict[str, str] = defaultdict(str)
    for part, piece in pieces:
        texts[part] += piece
    return texts


@quick
@given(some_pieces, splits)
def test_consecutive_parts_equal_slices_of_the_whole(pieces: list[str], split: tuple[float, ...]) -> None:
    whole = "".join(pieces)
    found = joined(cut_by_position(pieces, len(whole), shares_of(split, ())))
    begin, total = 0, 0.0
    for part, share in zip(PARTS, split, strict=False):
        total += share
        end = len(whole) if total > 0.999 else int(total * len(whole) + 1e-6)
        assert found[part] == whole[begin:end]
        begin = end
    assert "".join(found.values()) == whole
    assert lengths_by_position(len(whole), shares_of(split, ())) == {part: len(found[part]) for part in PARTS}


def test_the_share_of_a_part_that_is_given_stays_with_the_training_part() -> None:
    assert shares_of((0.8, 0.1, 0.1), ["valid"]) == {"train": 0.9, "test": 0.1}
    assert shares_of((0.8, 0.2), []) == {"train": 0.8, "valid": 0.2, "test": 0.0}


@quick
@given(st.lists(st.text("ab\n", min_size=1, max_size=5), max_size=40), splits, st.integers(0, 3), st.integers(1, 9))
def test_every_document_is_whole_and_in_one_part_and_in_order(
    documents: list[str], split: tuple[float, ...], seed: int, size: int
) -> None:
    documents = [f"{number}.{document}" for number, document in enumerate(documents)]
    text = "".join(document + BOUNDARY for document in documents)
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    shares = shares_of(split, ())
    found = joined(choose_documents(pieces, len(documents), shares, seed))
    parts = {part: found[part].split(BOUNDARY)[:-1] for part in PARTS}
    assert sorted(d for part in parts.values() for d in part) == sorted(documents)
    for part in parts.values():
        assert part == sorted(part, key=documents.index)
    numbers = [number_in_text(n, len(documents), shares, seed) for n in range(1, len(parts["train"]) + 2)]
    assert numbers == [*(documents.index(document) + 1 for document in parts["train"]), None]
    assert {part: len(chosen) for part, chosen in parts.items()} == numbers_of_documents(len(documents), shares)


def test_a_seed_gives_the_same_choice_and_another_seed_another_one() -> None:
    text = ["".join(f"{number}{BOUNDARY}" for number in range(200))]
    shares = shares_of((0.8, 0.1, 0.1), ())
    first, again, other = (joined(choose_documents(text, 200, shares, seed)) for seed in (1, 1, 2))
    assert first == again != other


def test_every_document_is_equally_likely_to_be_held_out() -> None:
    text, shares, times = ["".join(f"{number}{BOUNDARY}" for number in range(10))], shares_of((0.7, 0.2, 0.1), ()), 2000
    held = Counter[str]()
    for seed in range(times):
        held.update(joined(choose_documents(text, 10, shares, seed))["valid"].split(BOUNDARY)[:-1])
    assert set(held) == set("0123456789")
    deviation = (times * 0.2 * 0.8) ** 0.5
    assert all(abs(count - times * 0.2) < 5 * deviation for count in held.values())


@pytest.mark.parametrize(
    ("documents", "numbers"),
    [(1, (1, 0, 0)), (2, (1, 1, 0)), (3, (1, 1, 1)), (20, (18, 1, 1)), (100, (90, 5, 5)), (3000, (2700, 150, 150))],
)
def test_a_part_gets_its_share_of_the_documents_and_at_least_one(documents: int, numbers: tuple[int, ...]) -> None:
    assert tuple(numbers_of_documents(documents, shares_of((0.9, 0.05, 0.05), ())).values()) == numbers


def test_a_part_without_a_share_gets_no_document() -> None:
    assert numbers_of_documents(10, shares_of((1.0, 0.0), ())) == {"train": 10, "valid": 0, "test": 0}
