"""How gaps are found in a text."""

from __future__ import annotations

import pytest

from rnngen.infilling.gapped_text import Gap, parse_gaps


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("to ___ be", ["to ", Gap(None), " be"]),
        ("______x", ["", Gap(None), "x"]),
        ("a[5]b[12]", ["a", Gap(5), "b", Gap(12), ""]),
        (r"a[1] is \[5] and \___", ["a", Gap(1), " is [5] and ___"]),
        ("x__y[3] [a] [-1]", ["x__y", Gap(3), " [a] [-1]"]),
    ],
)
def test_gaps_are_found_in_text(text: str, parts: list[object]) -> None:
    assert parse_gaps(text) == parts
