"""``train --seeds``: runs that differ in their seed alone, that go on where they were stopped, and their scores."""

from __future__ import annotations

import json
import shutil
import signal
import statistics
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import rnngen
from rnngen.errors import UsageError
from rnngen.options.given import Given
from rnngen.runs.finding import open_run
from rnngen.runs.siblings import Group, Spread, free_base, group_of, sibling_folder
from rnngen.training.siblings import Begun, group_for
from rnngen.training.trainer import Trainer
from tests.conftest import FAST, Outcome, make_text

Cli = Callable[..., Outcome]
OPTIONS = ["--steps", 6, *(word for name, value in FAST.items() for word in (f"--{name.replace('_', '-')}", value))]


def config(run: str) -> dict[str, object]:
    content: dict[str, object] = json.loads(Path(run, "config.json").read_text(encoding="utf-8"))
    return content


def test_siblings_differ_in_nothing_but_their_seed_and_each_is_an_ordinary_run(corpus: Path, cli: Cli) -> None:
    done = cli("train", corpus, "--seeds", "3,1", "--out", "runs/a", "--json", *OPTIONS)
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert [(each["run"], each["seed"]) for each in told["siblings"]] == [("runs/a-seed3", 3), ("runs/a-seed1", 1)]
    scores = [each["valid_nats_per_token"] for each in told["siblings"]]
    assert told["valid_nats_per_token"] == {
        "runs": 2,
        "mean": pytest.approx(sum(scores) / 2),
        "deviation": pytest.approx(abs(scores[0] - scores[1]) / 2**0.5),
        "low": min(scores),
        "high": max(scores),
    }
    assert scores[0] != scores[1]
    first, second = config("runs/a-seed3"), config("runs/a-seed1")
    assert first["siblings"] == second["siblings"]
    assert group_of(first).options["corpus"] == [str(corpus.absolute())]  # type: ignore[union-attr]
    assert [each["train"].pop("seed") for each in (first, second)] == [3, 1]  # type: ignore[attr-defined]
    first["corpus"].pop("places")  # type: ignore[attr-defined]
    second["corpus"].pop("places")  # type: ignore[attr-defined]
    assert first == second
    # what rnngen.train makes of the same options is the same run
    alone = rnngen.train(corpus, out="alone", steps=6, seed=1, **FAST)
    for name, weights in alone.weights().items():
        assert np.array_equal(weights, open_run("runs/a-seed1").weights()[name]), name


def test_the_plan_is_made_once_and_the_others_take_the_same_steps(
    corpus: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = [word for word in OPTIONS if word not in ("--steps", 6)]
    done = cli("train", corpus, "--seeds", "1,2", "--minutes", 0.02, *options)
    assert done.code == 0, done.err
    first, second = (config(f"checkpoints/corpus-1-seed{seed}")["train"] for seed in (1, 2))
    assert {**first, "seed": 2} == second  # type: ignore[dict-item]
    assert not any(
        '"plan"' in line for line in Path("checkpoints/corpus-1-seed1/metrics.jsonl").read_text().splitlines()[1:]
    )
    compared = cli("inspect", "--compare", "checkpoints/corpus-1-seed1", "checkpoints/corpus-1-seed2").out
    (told,) = [line.strip() for line in done.err.splitlines() if " ± " in line]
    assert f"validation: {told}" in " ".join(compared.split())  # in the same words
    assert "2 siblings that differ in their seed" in done.err
    assert "rnngen inspect --compare checkpoints/corpus-1-seed1 checkpoints/corpus-1-seed2" in done.err
    assert free_base(Path("checkpoints"), "corpus") == Path("checkpoints/corpus-2")


def test_the_same_command_goes_on_where_it_was_stopped_and_takes_more_seeds(
    corpus: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ["train", corpus, "--out", "a", *OPTIONS]
    taken = Trainer.events

    def stopped(self: Trainer) -> object:
        if self.config.train.seed == 2:
            self.stop("SIGINT")
        return taken(self)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "events", stopped)
        done = cli(*command, "--seeds", "1,2,3")
    assert done.code == 128 + signal.SIGINT
    assert "1 of 3 siblings are finished. Resume with the same command." in done.err
    assert not Path("a-seed3").exists()
    before = Path("a-seed1", "manifest.json").stat().st_mtime_ns
    done = cli(*command, "--seeds", "1,2,3,4", "--json")
    assert done.code == 0, done.err
    assert Path("a-seed1", "manifest.json").stat().st_mtime_ns == before
    assert "Resuming a-seed2" in done.err
    assert "Training into a-seed4" in done.err
    assert len(json.loads(done.out)["siblings"]) == 4
    groups = {group_of(config(f"a-seed{seed}")).name for seed in (1, 2, 3, 4)}  # type: ignore[union-attr]
    assert len(groups) == 1
    whole = rnngen.train(corpus, out="whole", steps=6, seed=2, **FAST)
    for name, weights in whole.weights().items():
        assert np.array_equal(weights, open_run("a-seed2").weights()[name]), name
    # another command, or another text, is no sibling
    refused = cli(*command, "--seeds", "1,2", "--bptt", 8)
    assert (refused.code, "--bptt is not as for the sibling that was begun" in refused.err) == (2, True), refused.err
    corpus.write_text(make_text(20_000, seed=5), encoding="utf-8")
    refused = cli(*command, "--seeds", "1,5")
    assert (refused.code, "text has changed since the first sibling" in refused.err) == (1, True), refused.err
    assert not Path("a-seed5").exists()


def test_a_single_number_of_seeds_is_how_many_siblings_there_are(corpus: Path, cli: Cli) -> None:
    command = ["train", corpus, "--out", "a", "--json", *OPTIONS]
    done = cli(*command, "--seeds", "2")
    assert [each["seed"] for each in json.loads(done.out)["siblings"]] == [1, 2], done.err
    assert "Sibling 2 of 2: seed 2" in done.err
    assert json.loads(cli(*command, "--seeds", "1,2").out) == json.loads(done.out)  # the same siblings
    more = cli(*command, "--seeds", "3")
    assert "Training into a-seed3" in more.err
    assert "Training into a-seed2" not in more.err
    assert [each["seed"] for each in json.loads(more.out)["siblings"]] == [1, 2, 3]


@pytest.mark.parametrize(
    ("begun", "now", "name"),
    [
        ({"epochs": 2.0}, {"epochs": 3.0}, "epochs"),
        ({"minutes": 1.0}, {"minutes": 2.0}, "minutes"),
        ({"size": "tiny"}, {"size": "small"}, "size"),
        ({"preset": "awd-lstm"}, {"preset": "awd-lstm-wt2"}, "preset"),
        ({"preset": "awd-lstm"}, {}, "preset"),
        ({"steps": 3}, {"epochs": 3.0}, "epochs"),
        ({"corpus": ["a.txt"]}, {"corpus": ["b.txt"]}, "corpus"),
    ],
)
def test_a_group_goes_on_with_the_options_that_it_was_begun_with(
    begun: dict[str, object], now: dict[str, object], name: str
) -> None:
    group = group_for(Given.of(begun), None, [])
    first = Begun(Path("a-seed1"), json.loads(json.dumps({"siblings": group.as_dict()})), group)
    assert group_for(Given.of({**begun, "seed": 7}), None, [first]) == group
    with pytest.raises(UsageError, match=f"`{name}` is not as for the sibling"):
        group_for(Given.of(now), None, [first])
    with pytest.raises(UsageError, match="`init_from` is not as for the sibling"):
        group_for(Given.of(begun), Path("other"), [first])


def test_seeds_that_make_no_siblings_are_refused(corpus: Path, cli: Cli, trained: Path) -> None:
    for options, said in (
        (["--seeds", "1,1"], "--seeds has a number twice"),
        (["--seeds", "1,x"], "expected numbers, such as 1,2,3"),
        (["--seeds", "1,2", "--seed", 3], "--seed and --seeds cannot both be given"),
        (["--seeds", "1,2", "--resume", trained], "--seeds cannot be given with --resume"),
    ):
        refused = cli("train", *([] if "--resume" in options else [corpus]), *options)
        assert (refused.code, said in refused.err) == (2, True), refused.err
    for number in ("0", "1", "1001"):
        refused = cli("train", corpus, "--seeds", number, "--out", "x", *OPTIONS)
        assert (refused.code, list(Path().glob("x*"))) == (2, [])
        assert "a number of siblings from 2 to 1,000 (--seeds 3), or a list" in refused.err
        assert f"(--seeds 1,2,5); found {number}. " in refused.err
    shutil.copytree(trained, "x-seed1")
    refused = cli("train", corpus, "--seeds", "1,2", "--out", "x", *OPTIONS)
    assert (refused.code, "a run in this folder that has no siblings" in refused.err) == (2, True), refused.err


@pytest.mark.parametrize(
    "record",
    [
        *(None, [], {}, {"group": "x", "options": {}}, {"group": "0" * 12}, {"group": "0" * 12, "options": []}),
        {"group": 3, "options": {}},
    ],
)
def test_a_damaged_record_of_siblings_is_none(record: object) -> None:
    assert group_of({"siblings": record}) is None


def test_a_record_comes_back_and_folders_are_named_after_seeds() -> None:
    group = Group("0123456789ab", {"steps": 3})
    assert group_of({"siblings": group.as_dict()}) == group
    assert sibling_folder(Path("a/b"), 7) == Path("a/b-seed7")


def test_the_spread_of_scores_is_their_sample_standard_deviation() -> None:
    scores = [3.0, 1.0, 2.5]
    mean = 6.5 / 3
    found = Spread.of([*scores, None])
    assert found is not None
    assert found.deviation == pytest.approx((sum((s - mean) ** 2 for s in scores) / 2) ** 0.5)
    assert (found.runs, found.mean, found.low, found.high) == (3, pytest.approx(statistics.fmean(scores)), 1.0, 3.0)
    assert Spread.of([2.0]) is Spread.of([]) is None
