"""The facts about lines, compared with those of the list of all lines."""

from __future__ import annotations

import random
import statistics

import pytest

from rnngen.corpus.line_facts import LineFacts


def facts(text: str, step: int = 1 << 20, **options: int) -> LineFacts:
    found = LineFacts(**options)
    for start in range(0, len(text), step):
        found.add(text[start : start + step])
    found.finish()
    return found


def some_lines(number: int, different: int) -> list[str]:
    generator = random.Random(1)
    return [
        f"line {generator.randrange(different)}" + "x" * generator.randrange(40) * (n % 3 == 0) for n in range(number)
    ]


@pytest.mark.parametrize("step", [1, 7, 1 << 20])
@pytest.mark.parametrize("end", ["", "\n"])
def test_lines_are_those_of_the_whole_text(step: int, end: str) -> None:
    lines = [*some_lines(500, 50), "", "  ", "\t", "", "last"]
    found = facts("\n".join(lines) + end, step)
    full = [line for line in lines if line.strip()]
    assert (found.total, found.blank) == (len(lines), 4)
    assert found.repeated == (len(full) - len(set(full))) / len(full)
    assert not found.repeated_is_estimated
    lengths = [len(line) for line in lines]
    assert found.length(0.5) == statistics.median_low(lengths)
    assert found.length(1) == max(lengths)
    assert sum(length <= found.length(0.95) for length in lengths) >= 0.95 * len(lengths)
    assert sum(length < found.length(0.95) for length in lengths) < 0.95 * len(lengths)


def test_a_text_without_lines_has_none() -> None:
    found = facts("")
    assert (found.total, found.blank, found.repeated, found.length(0.5)) == (0, 0, 0.0, 0)


def test_repeated_lines_are_estimated_in_bounded_memory_where_there_are_too_many() -> None:
    """The sample's share is the share of a sample of n different lines: its deviation is of the order 1/sqrt(n)."""
    lines = some_lines(30_000, 4_000)
    found = facts("\n".join(lines), most_hashes=2_000)
    assert found.repeated_is_estimated
    assert len(found._seen) <= 2_000
    exact = 1 - len(set(lines)) / len(lines)
    assert abs(found.repeated - exact) < 5 / len(found._seen) ** 0.5


def test_a_line_of_any_length_is_not_held() -> None:
    found = LineFacts()
    for _ in range(50):
        found.add("x" * 100_000)
    assert not any(isinstance(value, str | list) for value in vars(found).values())
    found.finish()
    assert found.length(1) == 5_000_000
