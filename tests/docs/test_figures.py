"""Every figure in a table of results is in benchmarks/results/."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.docs.pages import ROOT, text_of

RESULTS = ROOT / "benchmarks" / "results"
NUMBER = re.compile(r"(?<![\w.])\d[\d,]*(?:\.\d+)?%?")


def numbers_of(value: Any) -> Iterator[float]:
    """The numbers anywhere in a result, also those within its texts."""
    if isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from numbers_of(each)
    elif isinstance(value, str):
        yield from (float(text.replace(",", "").rstrip("%.")) for text in NUMBER.findall(value))
    elif value is not None:
        yield float(value)


def is_in(results: list[float], figure: str) -> bool:
    """Whether a figure is one of the results, rounded to its digits."""
    scale = 100 if figure.endswith("%") else 1
    text = figure.rstrip("%").replace(",", "")
    half = 0.5 * 10.0 ** -len(text.partition(".")[2]) * 1.000001
    return any(abs(scale * result - float(text)) <= half for result in results)


@pytest.mark.parametrize("page", ["README", "benchmarks"])
def test_every_figure_in_a_table_is_in_the_results(page: str) -> None:
    results = [n for path in sorted(RESULTS.glob("*.json")) for n in numbers_of(json.loads(path.read_text("utf-8")))]
    tables = re.findall(r"^\|.*\d.*\|$", text_of(page), flags=re.MULTILINE)
    figures = [figure for row in tables for cell in row.split("|")[2:] for figure in NUMBER.findall(cell)]
    assert page == "README" or len(figures) > 300
    assert [figure for figure in figures if not is_in(results, figure)] == []
