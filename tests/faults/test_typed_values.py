"""Every option of every command, given extreme values: a documented exit code, one short line, no traceback."""

from __future__ import annotations

import io
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from unicodedata import category

import numpy as np
import pytest

import rnngen
from rnngen.cli.app import run
from rnngen.cli.commands import load_command
from rnngen.cli.console import Console
from rnngen.evaluation.surprising import _highest
from rnngen.formats import visible
from rnngen.sampling.options import Sampling
from rnngen.sampling.session import Session
from tests.conftest import Outcome

Cli = Callable[..., Outcome]

EXTREME = [
    *("", "1e308", "1" + "0" * 30, "1" + "0" * 400, "9" * 5000, "nan", "inf", "-inf", "-0", "１", "1_0", "²", "0x10"),
    *("n" * 251, "n" * 300, "x/" * 3000, "\udc80", "\ud800", "1e-300,1", ",", "a\nb", "\x1b[2J", "loop", "x" * 100_000),
    *(str(2**63 - 1), str(2**63)),
]
BEFORE = {  # arguments with which each command ends before it trains or scores anything
    "train": ["nowhere.txt"],
    "sample": ["nowhere"],
    "eval": ["nowhere"],
    "fill": ["nowhere", "a ___ b"],
    "report": ["nowhere"],
    "inspect card": ["nowhere"],
    "inspect gates": ["nowhere"],
    "inspect gradients": ["nowhere"],
    "inspect truncation": ["nowhere"],
    "inspect training": ["nowhere"],
    "demo clipping": ["--text", "nowhere.txt"],
    "inspect memory": ["nowhere"],
    "corpus build": ["nothing"],
    "demo gradients": ["--text", "nowhere.txt"],
}


@pytest.mark.fault(30)
@pytest.mark.parametrize("share", [6, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize("words", BEFORE)
def test_extreme_values_are_one_line_or_no_mistake(words: str, share: int) -> None:
    """Every option, each with every sixth value, or with all of them."""
    Path("loop").symlink_to("loop")
    name, *member = words.split()
    command = load_command(name)
    for each in member:
        command = command.commands[each]
    for number, parameter in enumerate(command.params):
        if parameter.param_type_name == "option" and parameter.is_flag:
            continue
        option = [] if parameter.param_type_name == "argument" else [max(parameter.opts, key=len)]
        if words == "train" and not option:
            continue  # its texts are tried in test_bad_corpora
        for value in EXTREME[number % share :: share]:
            out, err = io.StringIO(), io.StringIO()
            before = BEFORE[words] if option else []
            code = run([*words.split(), *before, *option, value], Console(out, err))
            said = err.getvalue()
            assert code in (1, 2), (option, value[:20], said)
            assert said.count("\n") == 1, (option, value[:20])
            assert len(said) < 4000, (option, value[:20])


@pytest.mark.fault(30)
@pytest.mark.parametrize(
    ("option", "value", "found"),
    [
        ("--num-samples", "1" + "0" * 30, "1" + "0" * 30),
        ("--length", "1" + "0" * 70, "1" + "0" * 58 + "…"),
        ("--beam", "100000", "100000"),
        ("--temperature", "1e999", "1e999"),
    ],
)
def test_a_number_out_of_range_is_shown_as_it_was_typed(cli: Cli, option: str, value: str, found: str) -> None:
    outcome = cli("sample", option, value)
    assert outcome.code == 2
    assert f"invalid value for {option}; expected a" in outcome.err
    assert f"; found {found}. Try rnngen sample --help." in outcome.err


@pytest.mark.fault(22)
def test_no_character_without_a_shape_reaches_a_terminal_but_the_joiners() -> None:
    kept = {0x200C, 0x200D, *range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD}
    for code in range(0x110000):
        c = chr(code)
        kind = category(c)  # what newer versions of Unicode have added is none of these
        if kind in ("Cf", "Zl", "Zp", "Cc", "Cs") and c not in "\t\n" and code not in kept:
            assert visible(c) != c, hex(code)
            assert visible(c).isprintable()
        elif kind != "Cn":
            assert visible(c) == c, hex(code)


@pytest.mark.fault(7)
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_weights_that_are_not_finite_are_refused(cli: Cli, trained: Path, value: float) -> None:
    import hashlib
    import json

    from safetensors.numpy import load_file, save_file

    weights = load_file(trained / "model.safetensors")
    weights["layers.0.weight_hh_l0"][3, 2] = value
    save_file(weights, trained / "model.safetensors")
    content = (trained / "model.safetensors").read_bytes()
    manifest = json.loads((trained / "manifest.json").read_text())
    entry = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    manifest.get("files", manifest)["model.safetensors"] = entry
    (trained / "manifest.json").write_text(json.dumps(manifest))
    Path("text.txt").write_text("The cat sat.\n" * 50)
    for command in (
        ["sample"],
        ["sample", "-t", 0],
        ["eval", trained, "text.txt"],
        ["fill", "the ___ cat"],
        ["inspect", "gates", "--text", "text.txt"],
        ["inspect", "gradients", "--text", "text.txt"],
    ):
        outcome = cli(*command)
        assert (outcome.code, outcome.out) == (1, ""), command
        assert "tensor layers.0.weight_hh_l0 has values that are not finite" in outcome.err
        assert "Go back to a saved state: rnngen train --resume " in outcome.err
        assert "If training diverged, train again with a lower --learning-rate or --clip." in outcome.err
    shutil.copytree(trained, trained.parent / "without", ignore=shutil.ignore_patterns("resume"))
    assert "--resume" not in cli("sample", trained.parent / "without").err
    assert cli("train", "--resume", trained, "--quiet").code == 0
    assert cli("sample", "--length", 5).code == 0


def test_of_equal_surprise_only_as_many_positions_as_wanted_are_looked_at_again() -> None:
    values = np.array([1, 3, 2, 2, 2, 2, 0], np.float32)
    assert _highest(values, 3) == [1, 2, 3]
    assert _highest(values, 20) == [1, 2, 3, 4, 5, 0, 6]


@pytest.mark.fault(18)
def test_a_text_that_cannot_be_read_is_not_added_to_a_session(trained: Path) -> None:
    session = Session(rnngen.load(trained), "The ", Sampling(), 1)
    with pytest.raises(rnngen.RnngenError, match="lone surrogate"):
        session.add("a\ud800")
    assert session.text == "The "
    assert session.add("cat") == ""
    assert session.text == "The cat"
