"""``rnngen eval --check``: a result names what produced it, and can be computed again."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from rnngen.corpus.tokenizer import ByteTokenizer
from rnngen.evaluation.blocks import ScoredBlock, TokenScores
from rnngen.evaluation.checking import ABSENT, Compared, compared_values
from rnngen.evaluation.provenance import TextFingerprint
from rnngen.evaluation.scoring import held_out_nats
from rnngen.model.device import using_threads
from rnngen.model.load import load_network
from rnngen.runs.finding import open_run
from tests.conftest import Outcome, make_text
from tests.runs.test_comparison import sibling

Cli = Callable[..., Outcome]
RESULT = Path("result.json")


@pytest.fixture
def result(cli: Cli, trained: Path) -> dict[str, Any]:
    """The result of a run on a text, as it is in the file ``RESULT``."""
    Path("new.txt").write_text(make_text(6000, seed=9), encoding="utf-8")
    RESULT.write_text(cli("eval", trained, "new.txt", "--json").out)
    found: dict[str, Any] = json.loads(RESULT.read_text())
    return found


def changed(result: dict[str, Any], **values: Any) -> None:
    """Write the result with other values; ``provenance__x`` is one within."""
    for key, value in values.items():
        *path, last = key.split("__")
        part = result
        for each in path:
            part = part[each]
        part[last] = value
    RESULT.write_text(json.dumps(result))


def test_a_result_names_what_produced_it(trained: Path, result: dict[str, Any]) -> None:
    origin, config = result["provenance"], json.loads((trained / "config.json").read_text())
    assert origin["weights"] == hashlib.sha256((trained / "model.safetensors").read_bytes()).hexdigest()
    assert origin["tokenizer"] == hashlib.sha256((trained / "tokenizer.json").read_bytes()).hexdigest()
    assert origin["corpus"] == config["corpus"]["fingerprint"]
    text = {
        "sha256": hashlib.sha256(Path("new.txt").read_bytes()).hexdigest(),
        "files": [str(Path("new.txt").resolve())],
    }
    assert origin["text"] == {**text, "part": None}
    assert (origin["device"], origin["precision"], origin["threads"]) == ("cpu", "float32", torch.get_num_threads())
    assert (origin["torch"], origin["numpy"]) == (torch.__version__, np.__version__)
    assert origin["processor"]


@pytest.mark.usefixtures("result")
def test_the_same_numbers_are_identical_to_the_last_bit(
    cli: Cli, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")  # run and text are found again
    outcome = cli("eval", "--check", tmp_path / RESULT)
    assert outcome.code == 0, outcome.err
    found = json.loads(cli("eval", "--check", tmp_path / RESULT, "--json").out)
    assert (found["agrees"], found["results"][0]["identical"], found["results"][0]["wrong"]) == (True, True, [])
    values = found["results"][0]["values"]
    assert values >= 20
    assert f"All {values} values are identical to the last bit." in outcome.out
    result = json.loads((tmp_path / RESULT).read_text())
    (tmp_path / RESULT).write_text(json.dumps({**result, "tokens": result["tokens"] + 1}))
    outcome = cli("eval", "--check", tmp_path / RESULT)
    assert f"1 of {values} values do not agree" in outcome.out  # of the same values


def test_of_several_runs_and_of_an_own_part(cli: Cli, trained: Path, mixed: Path) -> None:
    for arguments in ((trained, mixed), (trained, "--part", "valid")):
        RESULT.write_text(cli("eval", *arguments, "--json").out)
        outcome = cli("eval", "--check", RESULT)
        assert outcome.code == 0, outcome.err
        assert outcome.out.count("identical to the last bit") == len(arguments) - ("--part" in arguments) * 2


def test_another_machine_may_round_otherwise_within_bounds(cli: Cli, result: dict[str, Any]) -> None:
    nats = result["nats"]
    for factor, same_machine, agrees in ((1 + 1e-8, True, False), (1 + 1e-8, False, True), (1 + 1e-5, False, False)):
        processor = result["provenance"]["processor"] if same_machine else "another one"
        other = json.loads(json.dumps(result))
        changed(other, nats=nats * factor, provenance__processor=processor)
        outcome = cli("eval", "--check", RESULT)
        assert outcome.code == (0 if agrees else 1)
        assert ("nats: recorded" in outcome.out) is not agrees
        assert ("values agree: the largest relative difference is 1.0e-08" in " ".join(outcome.out.split())) is agrees


def test_another_gpu_or_library_may_round_otherwise(cli: Cli, result: dict[str, Any]) -> None:
    changed(result, nats=result["nats"] * (1 + 1e-8), provenance__gpu="another one")
    outcome = cli("eval", "--check", RESULT)
    assert (outcome.code, "  gpu        recorded another one, now nothing\n" in outcome.out) == (0, True)


def test_what_has_changed_or_is_gone_is_said(cli: Cli, trained: Path, result: dict[str, Any]) -> None:
    changed(result, provenance__weights="0" * 64)
    outcome = cli("eval", "--check", RESULT)
    assert outcome.code == 1
    assert "weights    recorded 000000000000…, now " in outcome.out
    assert "so its values were not compared" in " ".join(outcome.out.split())
    changed(result, provenance__weights=open_run(trained).manifest["model.safetensors"]["sha256"])
    Path("new.txt").write_text("The cat sat.\n")
    outcome = cli("eval", "--check", RESULT)
    assert (outcome.code, "text       recorded " in outcome.out) == (1, True)
    Path("new.txt").rename("moved.txt")
    outcome = cli("eval", "--check", RESULT)
    assert (outcome.code, outcome.out) == (1, "")
    assert f"the text cannot be read again ({Path('new.txt').resolve()}: no such file" in outcome.err
    assert f"If it is elsewhere: rnngen eval {trained} TEXT --check result.json" in outcome.err
    Path("moved.txt").write_text(make_text(6000, seed=9), encoding="utf-8")
    trained.rename("moved")
    outcome = cli("eval", "--check", RESULT)
    assert (outcome.code, outcome.out) == (1, "")
    assert "the run is gone" in outcome.err
    assert cli("eval", "moved", "moved.txt", "--check", RESULT).code == 0


def test_a_file_that_is_no_result_is_refused(cli: Cli, result: dict[str, Any]) -> None:
    for content, said in (
        ("no", "is not a result of rnngen eval --json that can be checked; expected JSON; found no value"),
        ("", "expected JSON; found nothing"),
        (" \n", "expected JSON; found nothing"),
        ('{\n "run": "x', "expected JSON; found a string that does not end (line 2, column 9)"),
        (json.dumps(result)[:100], "(line 1, column "),
        ("[1]", "found other JSON"),
        ('{"a": 1}', "expected a score with its provenance; found something else"),
        (
            json.dumps({**result, "provenance": {"run": 3, "text": {"files": []}}}),
            "expected a score with its provenance",
        ),
    ):
        RESULT.write_text(content)
        outcome = cli("eval", "--check", RESULT)
        assert (outcome.code, outcome.out) == (1, "")
        assert said in outcome.err
    for arguments, said in ((("--per-line",), "scores of lines"), (("--pairs", "pairs.tsv"), "scores of pairs")):
        Path("pairs.tsv").write_text("The cat sat.\tThe sat cat.\n")
        RESULT.write_text(cli("eval", *arguments, "--json").out)
        assert f"found {said}" in cli("eval", "--check", RESULT).err
    changed({**result, "complete": False})
    assert "found a score that was interrupted" in cli("eval", "--check", RESULT).err
    assert "no such file" in cli("eval", "--check", "none.json").err
    changed(result, provenance__text__files=["-"])
    assert "standard input, which cannot be read again" in cli("eval", "--check", RESULT).err
    assert "--gaps cannot be given with --check" in cli("eval", "--check", RESULT, "--gaps", 3).err


def test_layouts_and_threads_change_nothing_beyond_rounding(trained: Path) -> None:
    run = open_run(trained)
    model, tokens = load_network(run), run.tokenizer().encode(make_text(6000, seed=3))
    expected = held_out_nats(model, tokens)
    assert held_out_nats(model, tokens) == expected
    for how in ({"batch_size": 1}, {"batch_size": 16, "window": 32}, {"block": 4096, "window": 128}):
        assert held_out_nats(model, tokens, **how) == pytest.approx(expected, rel=1e-6)
    with using_threads(2):
        assert held_out_nats(model, tokens) == pytest.approx(expected, rel=1e-6)


def test_perplexities_are_compared_in_their_logarithms() -> None:
    assert Compared("word_perplexity", 1e10, 1e10 * (1 + 1e-5)).agrees
    assert not Compared("nats", 1e10, 1e10 * (1 + 1e-5)).agrees
    assert not Compared("tokens", 5, 6).agrees
    recorded = {"nats": 1.0, "fill": {"a": 1}, "interval": {"x": [1.0, None]}, "text": "a", "provenance": {"a": 1}}
    values, unchecked = compared_values(recorded, {"nats": 1.0, "interval": {"x": [1.0, float("inf")]}})
    assert [each.name for each in values] == ["nats", "interval.x.0", "interval.x.1"]
    assert all(each.is_identical for each in values)
    assert unchecked == ["fill", "text", "provenance"]


@pytest.mark.parametrize(
    ("recorded", "now", "wrong"),
    [
        ({"a": 1, "b": 2}, {"a": 1, "b": 2}, []),
        ({"a": 1}, {"a": 1, "b": 2}, [("b", ABSENT, 2)]),
        ({"a": {"x": 1, "y": [1, 2]}}, {"a": {"x": 1}}, [("a.y.0", 1, ABSENT), ("a.y.1", 2, ABSENT)]),
        ({"texts": [{"n": 1}, {"n": 2}]}, {"texts": [{"n": 1}]}, [("texts.1.n", 2, ABSENT)]),
        ({"a": None}, {"a": math.nan}, []),
        ({"a": {}}, {"a": {"x": None}}, [("a", {}, ABSENT), ("a.x", ABSENT, None)]),
    ],
)
def test_a_value_that_only_one_side_has_is_wrong(
    recorded: dict[str, Any], now: dict[str, Any], wrong: list[tuple[str, Any, Any]]
) -> None:
    values, unchecked = compared_values(recorded, now)
    assert [tuple(each) for each in values if not each.agrees] == wrong
    assert unchecked == []


def test_numbers_that_are_missing_or_added_are_told(cli: Cli, result: dict[str, Any]) -> None:
    nats = result.pop("nats")
    changed(result, interval__more=[1, 2])
    outcome = cli("eval", "--check", RESULT)
    assert outcome.code == 1
    assert f"  nats: recorded nothing, now {nats}\n" in outcome.out
    assert "  interval.more.0: recorded 1, now nothing\n" in outcome.out
    (found,) = json.loads(cli("eval", "--check", RESULT, "--json").out)["results"]
    assert {"name": "nats", "now": nats, "agrees": False} in found["wrong"]
    assert {"name": "interval.more.1", "recorded": 2, "agrees": False} in found["wrong"]


def test_what_compares_several_runs_is_named_as_not_computed_again(cli: Cli, trained: Path) -> None:
    RESULT.write_text(cli("eval", trained, sibling(trained, "other"), "--json").out)
    result = json.loads(RESULT.read_text())
    result["differences"][0]["runs"][0]["difference"] = 99.0
    changed(result)
    outcome = cli("eval", "--check", RESULT)
    assert (outcome.code, outcome.out.endswith("\n\nNot computed again: differences.\n")) == (0, True)
    assert json.loads(cli("eval", "--check", RESULT, "--json").out)["unchecked"] == ["differences"]


def test_flags_and_words_are_compared_too() -> None:
    result = {"a": 1, "b": 0.5, "flag": True, "word": "x", "null": None}
    values, _ = compared_values(result, {**result, "word": "y"})
    assert [each.name for each in values] == list(result)
    assert [each.name for each in values if not each.agrees] == ["word"]


def test_a_fingerprint_tells_labels_apart() -> None:
    found = set()
    for label in (256, 257):
        text = TextFingerprint(ByteTokenizer().with_labels(["one", "two"]))
        tokens = np.array([label, 97, 0])
        text.add(ScoredBlock(0, tokens, TokenScores(np.zeros(3, np.float32))))
        found.add(text.sha256)
    assert len(found) == 2
