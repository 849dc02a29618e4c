"""A run that normalises its text reads every other text in the same form."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import FAST, Outcome, make_text

Cli = Callable[..., Outcome]
OPTIONS = [f"--{name.replace('_', '-')}={value}" for name, value in {**FAST, "steps": 4, "valid_every": 2}.items()]
TEXT = make_text(6_000).replace("cat", "Käfé")
NFC, NFD = unicodedata.normalize("NFC", TEXT), unicodedata.normalize("NFD", TEXT)


@pytest.fixture(params=["char", "bpe"])
def run(cli: Cli, request: pytest.FixtureRequest) -> str:
    Path("text.txt").write_text(NFD, encoding="utf-8")
    level = ["--tokenizer", request.param]
    outcome = cli("train", "text.txt", "--normalize", "nfc", *level, *OPTIONS, "--out", "run")
    assert outcome.code == 0, outcome.err
    assert "characters are composed" not in outcome.err
    return "run"


def test_scores_prompts_and_gaps_are_those_of_the_normalised_text(cli: Cli, run: str) -> None:
    other = make_text(3_000, seed=4).replace("dog", "Käfé")
    for form in ("NFC", "NFD"):
        Path(f"{form}.txt").write_text(unicodedata.normalize(form, other), encoding="utf-8")
    scores = [json.loads(cli("eval", run, f"{form}.txt", "--json").out) for form in ("NFC", "NFD")]
    origins = [score.pop("provenance")["text"] for score in scores]
    assert origins[0]["sha256"] == origins[1]["sha256"]
    assert {**scores[0], "text": ""} == {**scores[1], "text": ""}
    assert scores[0]["characters"] == len(other)
    assert scores[0]["bytes"] == len(other.encode())
    assert not scores[0].get("unknown")
    prompts = [unicodedata.normalize(form, "the Käfé") for form in ("NFC", "NFD")]
    samples = [cli("sample", run, "--prompt", prompt, "--seed", 1, "-n", 30) for prompt in prompts]
    assert all("never seen" not in sample.err for sample in samples)
    assert samples[0].out.removeprefix(prompts[0]) == samples[1].out.removeprefix(prompts[1])
    gapped = [cli("fill", run, f"{prompt} ___ on the mat", "--json") for prompt in prompts]
    fills = [[json.loads(line)["fills"] for line in each.out.splitlines()] for each in gapped]
    assert fills[0] == fills[1]
    assert all("never seen" not in each.err for each in gapped)
    if json.loads(Path("run/config.json").read_text())["data"]["tokenizer"] == "char":
        assert "never seen 'ò'" in cli("fill", run, "Ko\u0300we ___ on", "--json").err


def test_stop_and_ban_are_compared_in_the_form_of_the_text(cli: Cli, run: str) -> None:
    for option, text in (("--stop", "é"), ("--ban", "é")):
        composed, decomposed = (
            cli("sample", run, option, unicodedata.normalize(form, text), "--seed", 2, "-N", 8, "-n", 150, "--json")
            for form in ("NFC", "NFD")
        )
        assert composed.code == 0
        assert decomposed == composed
        assert "ends nothing" not in composed.err
        ends = [json.loads(line).get("stop") for line in composed.out.splitlines()]
        assert text in ends or option == "--ban"


@pytest.mark.parametrize("form", [NFC, NFD])
def test_the_text_is_the_same_in_any_form(cli: Cli, run: str, form: str) -> None:
    before = cli("eval", run, "--json").out
    Path("text.txt").unlink()
    Path("moved.txt").write_text(form, encoding="utf-8")
    assert "only its test part is read" in cli("eval", run, "moved.txt").err
    assert json.loads(cli("eval", run, "moved.txt", "--json").out)["nats"] == json.loads(before)["nats"]
    assert cli("train", "--resume", run, "moved.txt", "--steps", 2).code == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--normalize", "nfd"], "expected 'none', 'nfc', 'nfkc' or 'lower'; found 'nfd'"),
        (["--normalize", "NFC"], "Did you mean --normalize nfc?"),
        (["--min-count", 0], "an integer ≥ 1"),
        (["--min-count", "few"], "an integer"),
        (["--min-count", 2, "--tokenizer", "byte"], "--min-count has no effect with --tokenizer byte"),
    ],
)
def test_what_cannot_be_is_a_usage_error(cli: Cli, options: list[object], message: str) -> None:
    Path("text.txt").write_text(TEXT, encoding="utf-8")
    outcome = cli("train", "text.txt", *options)
    assert outcome.code == 2
    assert message in outcome.err
    assert not Path("checkpoints").exists()


def test_a_text_of_rare_characters_only_is_refused(cli: Cli) -> None:
    Path("text.txt").write_text("".join(map(chr, range(0x4E00, 0x5E00))), encoding="utf-8")
    outcome = cli("train", "text.txt", "--min-count", 2, *OPTIONS, "--out", "run")
    assert outcome.code == 1
    assert "no character occurs 2 times" in outcome.err
    assert not Path("run").exists()
