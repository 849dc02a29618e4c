"""One unit along a text: every mark stands in the column of its token and says its value."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from rich.cells import cell_len

from rnngen.cli.gate_rows import BARS, blocks, mark, rows_of
from rnngen.inspection.gates import LayerTrace, trace_gates
from rnngen.model.load import load_network
from rnngen.runs.finding import open_run
from rnngen.runs.own_text import own_part
from tests.conftest import Outcome

Cli = Callable[..., Outcome]


def test_tokens_keep_their_columns_whatever_their_width() -> None:
    pieces = ["a", "世", "e", "\u0301", "", "word", "👍", "🏽", "\n", "\t", "\x1b"]
    lines = blocks(pieces, 8)
    cells = [cell for line in lines for _, cell in line]
    assert [t for line in lines for t, _ in line] == list(range(len(pieces)))
    for line in lines:
        text = "".join(cell for _, cell in line)
        assert cell_len(text) == sum(cell_len(cell) for _, cell in line) <= 8
    assert all(cell_len(cell) > 0 for cell in cells)
    assert cells[4] == "·"
    assert cells[8:] == ["↵", "→", "␛"]
    assert blocks(["a long token"], 4) == [[(0, "a long token")]]  # wider than the terminal: a line of its own


def test_marks_rise_with_the_value() -> None:
    assert [mark(BARS, value) for value in (0, 0.05, 0.5, 0.95, 1)] == [" ", " ", "▄", "█", "█"]


def test_the_rows_are_the_units_gates_and_the_positive_and_negative_parts_of_its_states() -> None:
    values = np.array([[0.25, 0.5], [0.75, -1.0]], np.float32)
    trace = LayerTrace("", 1, {"reset": values, "update": values, "candidate": values}, {"h": values})
    rows = {row.name: row.values.tolist() for row in rows_of(trace, 1)}
    assert rows == {"reset r": [0.5, -1], "update z": [0.5, -1], "state h +": [0.5, 0], "        -": [0, 1]}


def test_one_unit_is_drawn_below_the_text_as_the_lectures_do(cli: Cli, trained: Path) -> None:
    run = open_run(trained)
    tokens = own_part(run, "test").tokens[:60]
    (trace,) = trace_gates(load_network(run), tokens)
    shown = cli("inspect", "gates", "--length", 60, "--unit", "1:3").out.splitlines()
    assert max(map(cell_len, shown)) <= 80
    text = "".join(line[14:] for line in shown if line.startswith(" " * 14))
    assert text.split() == run.tokenizer().decode(tokens.tolist()).replace("\n", "↵").split(" ")
    for gate, words in (("forget", "erase f"), ("input", "write i"), ("output", "read o")):
        drawn = "".join(line.ljust(79)[14:79] for line in shown if line.startswith(words))[:60]
        assert drawn == "".join(mark(BARS, value) for value in trace.gates[gate][:, 3])
    c = trace.states["c"][:, 3]
    drawn = "".join(line.ljust(79)[14:79] for line in shown if line.startswith("contents c +"))[:60]
    assert drawn == "".join(mark(BARS, max(value, 0)) for value in c / abs(c).max())


@pytest.mark.usefixtures("trained")
def test_the_units_with_the_longest_memory_are_listed_and_json_has_all(cli: Cli) -> None:
    found = json.loads(cli("inspect", "gates", "--length", 600, "--json").out)["layers"][0]
    constants = 1 / (1 - np.array(found["gates"]["forget"]).mean(axis=0))
    np.testing.assert_allclose(found["memory"]["time_constant"], constants, rtol=1e-4)
    lines = cli("inspect", "gates", "--length", 600).out.splitlines()
    first = next(i for i, line in enumerate(lines) if line.split() == ["unit", "half-life", "follows"]) + 1
    listed = [int(line.split()[2]) for line in lines[first : first + 10]]
    lives = np.array([np.inf if life is None else life for life in found["memory"]["half_life"]])
    assert listed == sorted(range(len(lives)), key=lambda unit: (-lives[unit], -constants[unit]))[:10]


@pytest.mark.usefixtures("trained")
def test_a_heat_map_is_written(cli: Cli) -> None:
    assert cli("inspect", "gates", "--length", 90, "--unit", "1:3", "--picture", "unit.svg").code == 0
    picture = Path("unit.svg").read_text(encoding="utf-8")
    for words in ("erase f", "write i", "read o", "contents c", "state h", "layer 1, unit 3"):
        assert words in picture
    outcome = cli("inspect", "gates", "--length", 90, "--picture", "units.svg")
    assert outcome.code == 2
    assert "there is no unit to draw" in outcome.err
    assert not Path("units.svg").exists()


def test_no_line_is_wider_than_80_cells(trained: Path, cli: Cli) -> None:
    for arguments in (["--unit", "1:3"], []):
        lines = cli("inspect", "gates", "--length", 900, "--shown", 60, *arguments).out.splitlines()
        text = [line for line in lines if not line.startswith("  ")]  # what is shown of the text has lines of its own
        assert max(map(len, text)) <= 80
