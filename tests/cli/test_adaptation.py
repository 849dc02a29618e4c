"""``eval --dynamic --cache --tune``: beside the static number, never instead of it; tuned settings stay in the run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

import rnngen
from rnngen.cli.eval import adaptation_section, single
from rnngen.engine.probabilities import log_softmax
from rnngen.errors import CheckpointError
from rnngen.evaluation.adaptation import dynamic, file, tuning
from rnngen.evaluation.adaptation.file import load_settings, parse_settings
from rnngen.evaluation.adaptation.settings import Dynamic, Settings
from rnngen.runs.card import make_card
from rnngen.runs.finding import open_run
from tests.conftest import FAST, Outcome

Cli = Callable[..., Outcome]


@pytest.fixture
def tuned(cli: Cli, trained: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tuning, "TRIED", 100)
    monkeypatch.setattr(dynamic, "STATISTICS_SEGMENTS", 20)
    monkeypatch.setattr(tuning, "_MOST_TRIALS", 1)
    assert cli("eval", trained, "--tune", "--json").code == 0
    return trained


def result(outcome: Outcome) -> dict[str, Any]:
    assert outcome.code == 0, outcome.err
    found: dict[str, Any] = json.loads(outcome.out)
    return found


def test_dynamic_stands_beside_the_static_number(cli: Cli, trained: Path) -> None:
    plain = result(cli("eval", trained, "--json"))
    weights = (trained / "model.safetensors").read_bytes()
    both = result(cli("eval", trained, "--dynamic", "--json"))
    adaptation = both.pop("adaptation")
    assert both == plain
    assert (trained / "model.safetensors").read_bytes() == weights
    assert adaptation["tuned"] is False
    (way,) = adaptation["ways"]
    assert way["name"] == "dynamic"
    assert way["nats_per_token"] < plain["nats_per_token"]  # a network that 60 steps have trained has much to learn
    shown = cli("eval", trained, "--dynamic")
    assert f"{plain['nats_per_token']:.4f}" in shown.out
    assert f"{way['nats_per_token']:.4f}" in shown.out
    assert "of training" in shown.out
    speed = make_card(open_run(trained)).tokens_per_second
    assert speed
    for each in (way, adaptation["static"]):
        assert each["of_training"] == pytest.approx(each["tokens_per_second"] / speed)


def test_an_interruption_shows_what_was_read_until_then(
    cli: Cli, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learned: list[object] = []

    def learn(learner: object, loss: object) -> None:
        learned.append(loss)
        if len(learned) % 3 == 0:
            raise KeyboardInterrupt

    monkeypatch.setattr(dynamic, "STATISTICS_SEGMENTS", 2)
    monkeypatch.setattr(dynamic._Learner, "learn", learn)
    outcome, shown = cli("eval", trained, "--dynamic", "--json"), cli("eval", trained, "--dynamic")
    assert outcome.code == shown.code == 130
    (way,) = json.loads(outcome.out)["adaptation"]["ways"]
    assert way["tokens"] == 192
    assert way["nats_per_token"] == pytest.approx(way["static_nats_per_token"], rel=1e-5)  # it did not learn
    assert way["nats_per_token"] != pytest.approx(json.loads(outcome.out)["nats_per_token"], rel=1e-3)
    assert "dynamic: of the first 192 tokens" in shown.out


def test_a_model_that_loses_by_learning_is_told_to_be_tuned(
    cli: Cli, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dynamic, "STATISTICS_SEGMENTS", 2)
    monkeypatch.setattr(file, "load_settings", lambda _: Settings(Dynamic(learning_rate=0.1)))
    outcome = cli("eval", trained, "--dynamic")
    assert "worse than the static model" in outcome.err
    assert "--tune" in outcome.err


def test_the_nats_so_far_are_those_of_dynamic_evaluation() -> None:
    said: list[object] = []
    job = SimpleNamespace(describe=said.append, announce=said.append)
    adaptation = SimpleNamespace(so_far=(0.0, 0))
    on_read = adaptation_section._progress(cast("Any", job), cast("Any", adaptation))
    for so_far in ((0.0, 0), (100.0, 64), (2400.0, 1600), (2500.0, 1664), (0.0, 0)):
        adaptation.so_far = so_far
        on_read(64)
    what = "reading with adaptation"
    assert said == [64, 64, f"{what} (1.5000 nats per token so far)", 64, 64, what, 64]


def test_tune_keeps_its_settings_and_later_evals_use_them(cli: Cli, tuned: Path) -> None:
    assert load_settings(open_run(tuned)) is not None
    assert cli("verify", tuned).code == 0
    found = result(cli("eval", tuned, "--dynamic", "--cache", "--ngram", "--json"))
    ways = {way["name"]: way["nats_per_token"] for way in found["adaptation"]["ways"]}
    assert list(ways) == ["dynamic", "cache", "ngram", "dynamic+cache+ngram"]
    assert found["adaptation"]["tuned"]
    assert min(ways, key=ways.__getitem__) == "dynamic+cache+ngram"
    assert "ngram" not in found, "the run has no n-gram model of its own"
    assert found["adaptation"]["tuned_on_this_text"] is False


@pytest.mark.slow
def test_a_score_on_the_text_that_it_was_tuned_on_says_so(cli: Cli, tuned: Path) -> None:
    corpus = json.loads((tuned / "config.json").read_text())["data"]["corpus"][0]
    for what in (["--part", "valid"], [corpus, "--part", "all"]):
        outcome = cli("eval", tuned, *what, "--dynamic", "--json")
        assert result(outcome)["adaptation"]["tuned_on_this_text"] is True
        assert "tuned on this text" in outcome.err


@pytest.mark.slow
def test_tuning_does_not_make_a_run_the_newest_and_training_drops_it(cli: Cli, tuned: Path) -> None:
    order = json.loads((tuned / "manifest.json").read_text())["order"]
    assert cli("eval", tuned, "--tune", "--quiet").code == 0
    assert json.loads((tuned / "manifest.json").read_text())["order"] == order
    from rnngen.runs.writer import RunWriter

    writer = RunWriter(tuned)
    writer.save_model((tuned / "model.safetensors").read_bytes())
    writer.close()
    assert load_settings(open_run(tuned)) is None
    assert not (tuned / "adaptation.json").exists()


def test_damaged_settings_are_told_before_anything_is_scored(
    cli: Cli, tuned: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tuned / "adaptation.json").write_text("damaged")
    monkeypatch.setattr(single, "score_run", lambda *arguments: pytest.fail("scored"))
    outcome = cli("eval", tuned, "--dynamic")
    assert (outcome.code, outcome.out) == (1, "")
    assert "adaptation.json" in outcome.err


@pytest.mark.parametrize("options", [["--cache"], ["--dynamic", "--ngram"]])
def test_a_mixture_needs_a_tuned_run(cli: Cli, trained: Path, options: list[str]) -> None:
    outcome = cli("eval", trained, *options)
    assert outcome.code == 2
    assert "was not tuned" in outcome.err
    assert f"rnngen eval {trained} --tune" in outcome.err.replace("\n", " ")


def test_a_bidirectional_run_cannot_adapt(cli: Cli, corpus: Path) -> None:
    rnngen.train(corpus, out="both", steps=1, bidirectional=True, **FAST)
    outcome = cli("eval", "both", "--dynamic")
    assert outcome.code == 2
    assert "--dynamic" in outcome.err
    assert "left-to-right" in outcome.err


def test_a_run_whose_text_is_gone_learns_by_the_text_itself(
    cli: Cli, tuned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other.txt"
    other.write_text("The cat sat. The cat sat. The cat sat.")
    config = json.loads((tuned / "config.json").read_text())
    Path(config["data"]["corpus"][0]).rename(tmp_path / "gone.txt")
    monkeypatch.setenv("RNNGEN_CACHE", str(tmp_path / "empty"))
    try:
        outcome = cli("eval", tuned, other, "--dynamic", "--cache", "--ngram", "--json")
        refused = cli("eval", tuned, other, "--tune", "--surprisal", "t.jsonl", "--json")
    finally:
        (tmp_path / "gone.txt").rename(config["data"]["corpus"][0])
    assert outcome.code == 0
    assert "the training text is not read" in outcome.err
    ways = [way["name"] for way in result(outcome)["adaptation"]["ways"]]
    assert ways == ["dynamic", "cache", "dynamic+cache"], "n-grams without that text have the weights of those with it"
    assert refused.code == 1
    assert json.loads(refused.out)["tokens"] == len(Path("t.jsonl").read_text().splitlines())  # what was known is kept


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("format",), 2),
        (("dynamic", "learning_rate"), -1.0),
        (("dynamic", "segment"), 0),
        (("dynamic", "segment"), 2.5),
        (("cache", "size"), 10**9),
        (("recent",), [0.5]),
        (("growing", 0), 1.5),
        (("weights", "dynamic+cache", 0, 0), 0.9),
        (("weights", "cache"), [[1, 2], [3]]),
        (("weights",), {}),
    ],
)
def test_every_number_of_the_file_is_checked(tuned_content: Any, path: tuple[Any, ...], value: Any) -> None:
    content = json.loads(tuned_content)
    parse_settings(content, Path("adaptation.json"))
    place = content
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with pytest.raises(CheckpointError, match=r"adaptation\.json: is not a"):
        parse_settings(content, Path("adaptation.json"))


@pytest.fixture(scope="module")
def tuned_content() -> bytes:
    import numpy as np

    from rnngen.evaluation.adaptation.file import to_bytes
    from rnngen.evaluation.adaptation.mixing import number_of_classes
    from rnngen.evaluation.adaptation.settings import MIXED, RECENT_ORDER, Settings

    rows = number_of_classes(RECENT_ORDER)
    weights = {parts.name: np.full((rows, parts.models), 1 / parts.models) for parts in MIXED}
    return to_bytes(Settings(weights=weights))


def test_a_sample_is_drawn_from_weights_that_learned_from_the_prompt(cli: Cli, trained: Path) -> None:
    prompt = "zq zq zq zq " * 20
    prompt = prompt.replace("z", "b").replace("q", "d")
    how = ("sample", trained, "--seed", 1, "--length", 40, "--temperature", 0.5, "--prompt", prompt)
    plain, adapted = cli(*how), cli(*how, "--dynamic")
    assert adapted.code == plain.code == 0
    assert adapted.out != plain.out
    assert "adapted to the prompt" in adapted.err
    assert cli(*how).out == plain.out
    before, after = rnngen.load(trained), rnngen.load(trained, adapt_to=prompt)
    ids = before.tokenizer.encode(prompt).tolist()

    def nats(generator: rnngen.Generator) -> float:
        total = 0.0
        for token in ids:
            total -= float(log_softmax(generator.model.logits)[0, token])
            generator.model.step([token])
        return total

    assert nats(after) < nats(before)


def test_sample_dynamic_needs_a_prompt(cli: Cli, trained: Path) -> None:
    outcome = cli("sample", trained, "--dynamic")
    assert outcome.code == 2
    assert "--prompt" in outcome.err
