"""``rnngen inspect``: what is shown of the inside of a model."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from rich.cells import cell_len

import rnngen
from rnngen.cli.unit_memory import _with_digits
from rnngen.inspection.gates import trace_gates
from rnngen.model.load import load_network
from rnngen.plaintext.widths import pad
from rnngen.runs.finding import open_run
from rnngen.runs.own_text import own_part
from tests.conftest import FAST, Outcome
from tests.runs.test_card import log_rows

Cli = Callable[..., Outcome]


@pytest.mark.usefixtures("trained")
def test_mistakes_are_told(cli: Cli) -> None:
    Path("short.txt").write_text("too short")
    for arguments, code, said in (
        (["nowhere"], 1, "nowhere: is not a run"),
        (["--text", "short.txt"], 1, "the text is too short for this many lags"),
        (["--text", "missing.txt"], 1, "missing.txt: no such file"),
        (["--lags", "0"], 2, "invalid value for --lags"),
    ):
        outcome = cli("inspect", "gradients", *arguments)
        assert (outcome.code, outcome.out) == (code, ""), arguments
        assert said in outcome.err
        assert outcome.err.count("\n") == 1


@pytest.mark.usefixtures("trained")
def test_the_card_is_what_inspect_shows(cli: Cli, corpus: Path) -> None:
    shown = cli("inspect")
    assert shown == cli("inspect", "checkpoints/tiny") == cli("inspect", "card")
    rows = dict(line.split(maxsplit=1) for line in shown.out.splitlines()[:13])
    assert rows["run"] == "checkpoints/tiny"
    assert rows["model"] == "lstm, 1 layer of 16, embedding 8 (n-grams up to 4)"
    assert rows["steps"].startswith("60 of 60, ")
    assert rows["tokens"] == "18,000 for training, 1,000 for validation, 1,000 for test"
    assert rows["tokenizer"] == "char, vocabulary 39"
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d", rows["saved"])
    assert "nats per token on the validation part" in shown.out
    card = json.loads(cli("inspect", "--json").out)
    assert card["steps"] == 60
    assert f"{card['best_nats']:.4f}" in rows["validation"]
    rnngen.train(corpus, out="checkpoints/other", steps=2, cell="gru", **FAST)
    outcome = cli("inspect", "checkpoints/tiny", "checkpoints/other")
    assert (outcome.code, outcome.out) == (2, "")
    assert "Type: rnngen inspect --compare checkpoints/tiny checkpoints/other\n" in outcome.err
    assert "Type: rnngen inspect gates checkpoints/tiny\n" in cli("inspect", "checkpoints/tiny", "gates").err


def test_gates_shows_saturation_and_units_and_json_has_every_value(cli: Cli, trained: Path) -> None:
    tokens = own_part(open_run(trained), "test").tokens[:60]
    (trace,) = trace_gates(load_network(open_run(trained)), tokens)
    found = json.loads(cli("inspect", "gates", "--length", 60, "--json").out)
    assert np.allclose(found["layers"][0]["gates"]["forget"], trace.gates["forget"])
    assert np.allclose(found["layers"][0]["states"]["c"], trace.states["c"])
    assert len(found["tokens"]) == 60
    shown = cli("inspect", "gates", "--length", 600).out
    (longer,) = trace_gates(load_network(open_run(trained)), own_part(open_run(trained), "test").tokens[:600])
    left, right = longer.saturation()["forget"]
    line = next(line for line in shown.splitlines() if "forget" in line)
    assert line.split()[-2:] == [f"{left:.1%}", f"{right:.1%}"]
    assert "since newline r = " in shown
    one = cli("inspect", "gates", "--length", 60, "--unit", "1:3").out
    assert "unit 3" in one
    for wrong in ("1:999", "2:0", "x"):
        assert cli("inspect", "gates", "--length", 60, "--unit", wrong).code == 2


@pytest.mark.usefixtures("trained")
def test_a_curve_without_extent_is_drawn_too(trained: Path, cli: Cli) -> None:
    rows = [{"step": 0, "valid_nll": 3.0, "seconds": 0}, {"step": 0, "valid_nll": 3.0, "seconds": 0}]
    log_rows(trained, *rows)
    assert "a tiny" in cli("inspect").out


def test_digits_stand_below_the_cells_of_each_character() -> None:
    text = "我们 e\u0301x\t👍🏽y\u2764\ufe0fz\n👩\u200d👩\u200d👧!\x1b\n"
    lines = _with_digits(list(text), [0.35] * len(text)).splitlines()
    assert len(lines) == 4
    for above, below in zip(lines[::2], lines[1::2], strict=True):
        assert cell_len(above) == len(below)
        assert set(below.strip()) == {"3"}
    assert lines[0].startswith("  我们 e\u0301x→")
    assert lines[1].startswith("  " + "33" * 2 + "3" + "3" + "3" + "3" + "33")
    assert "\x1b" not in lines[2]
    apart = _with_digits(["a", "b\u0301", "世"], [0.0, 0.5, 1.0])
    assert apart == "  ab\u0301世\n  0599\n"


def test_padding_counts_cells() -> None:
    assert pad("世界", 6) == "世界  "
    assert pad("世界", 6, ">") == "  世界"
    assert pad("e\u0301", 3) == "e\u0301  "
    assert pad("toolong", 3) == "toolong"


@pytest.mark.fault(13)
def test_a_curve_of_nearly_no_extent_is_drawn(cli: Cli, trained: Path) -> None:
    for seconds, nll in ((1e-320, 2.0), (0, 1e-320), (1e-320, 1e-320), (1e9, 1e38)):
        rows = [{"step": step, "valid_nll": step * nll, "seconds": step * seconds} for step in range(3)]
        log_rows(trained, *rows, {"step": 3, "train_nll": nll, "seconds": seconds})
        outcome = cli("inspect", trained)
        assert (outcome.code, outcome.err) == (0, "")
        assert "a tiny" in outcome.out


def test_the_list_of_views_cuts_no_sentence(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    listed = cli("inspect", "--help").out.partition("Commands:")[2]
    assert "truncation" in listed
    assert "..." not in listed
