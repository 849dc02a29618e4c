"""Runs side by side: what differs, what may be compared, and in which unit."""

from __future__ import annotations

import itertools
import json
import random
import shutil
import statistics
from pathlib import Path
from typing import Any

import pytest

import rnngen
from rnngen.corpus.closed_vocabulary import CLOSED
from rnngen.errors import CheckpointError, UsageError
from rnngen.evaluation.comparing import score_runs
from rnngen.python.evaluation import evaluate
from rnngen.runs.binning import MOST, Binned
from rnngen.runs.compared import distinct_names
from rnngen.runs.comparison import Comparison, compare_runs, describe_runs
from rnngen.runs.curves import Curve, thinned, top_of
from rnngen.runs.finding import open_run
from rnngen.runs.settings import in_words
from tests.conftest import FAST
from tests.runs.test_card import log_rows
from tests.runs.test_run import rewrite


def sibling(run: Path, name: str, **values: Any) -> Path:
    """A copy of a run whose config.json says something else: ``section__option=value``."""
    copy = run.parent / name
    shutil.copytree(run, copy)
    config = json.loads((copy / "config.json").read_text())
    for key, value in values.items():
        *path, last = key.split("__")
        part = config
        for each in path:
            part = part[each]
        part[last] = value
    rewrite(copy, {"config.json": json.dumps(config).encode()})
    return copy


def compared(*runs: Path) -> Comparison:
    return compare_runs([open_run(run) for run in runs])


def test_settings_that_were_given_come_first_and_those_that_were_decided_apart(trained: Path) -> None:
    given = [*json.loads((trained / "config.json").read_text())["given"], "minutes"]
    given = [name for name in given if name != "steps"]
    other = sibling(trained, "other", given=given, optimizer__clip=0.25, train__steps=80, train__bptt=32)
    found = compared(trained, other).differences
    assert [(d.group, d.name, d.values, d.given) for d in found] == [
        ("training", "bptt", (16, 32), True),
        ("training", "steps", (60, 80), True),  # given for the first of them
        ("learning", "clip", (1.0, 0.25), False),  # FAST does not give it
    ]
    third = sibling(other, "third", train__steps=90)
    assert [(d.name, d.given) for d in compared(other, third).differences] == [("steps", False)]  # minutes were
    sized = sibling(trained, "sized", given=["size"], model__hidden_size=128)
    assert next(d for d in compared(sized, trained).differences if d.name == "hidden_size").given


def test_one_text_in_two_places_is_no_difference_but_another_text_is_said_first(trained: Path) -> None:
    moved = sibling(trained, "moved", data__corpus=["/elsewhere/corpus.txt"])
    comparison = compared(trained, moved)
    assert (comparison.differences, comparison.warnings) == ([], [])
    other = sibling(trained, "other", data__corpus=["/x/other.txt"], corpus__fingerprint="0" * 64)
    comparison = compared(trained, other)
    assert [d.name for d in comparison.differences] == ["corpus"]
    assert comparison.warnings[0].startswith("trained and validated on different texts (tiny; other)")
    split = sibling(trained, "split", data__split=[0.8, 0.1, 0.1])
    assert "the same text, with other parts held out (tiny; split)" in compared(trained, split).warnings[0]


GROUP = {"group": "0123456789ab", "options": {}}


def test_runs_that_were_trained_as_siblings_are_summed_up(trained: Path) -> None:
    first = sibling(trained, "s0", siblings=GROUP)
    runs = [first, *(sibling(first, f"s{seed}", train__seed=seed, train__threads=seed) for seed in (1, 2))]
    for run, nll in zip(runs, (2.0, 2.5, 2.25), strict=True):
        log_rows(run, {"step": 9, "valid_nll": nll, "seconds": 1, "best": True}, {"step": 60, "train_nll": 2})
    again = sibling(runs[1], "again")  # the same seed once more says nothing new
    alone = sibling(trained, "alone", train__seed=7)  # the same settings, but nobody said that they belong together
    others = [sibling(first, f"g{n}", train__seed=n, siblings={**GROUP, "group": f"{n:012x}"}) for n in (8, 9)]
    longer = sibling(first, "longer", train__seed=10, train__steps=90)
    (group,) = compared(*runs, again, alone, *others, longer).siblings
    assert [run.name for run in group.runs] == ["s0", "s1", "s2"]
    assert group.seeds == [0, 1, 2]
    spread = group.validation
    assert spread is not None
    assert (spread.runs, spread.mean, spread.low, spread.high) == (3, 2.25, 2.0, 2.5)
    assert spread.deviation == pytest.approx(statistics.stdev([2.0, 2.5, 2.25])) == pytest.approx(0.25)
    assert group.score is None
    assert compared(trained, alone).siblings == []


def test_where_tokens_differ_all_nats_are_per_character(trained: Path, tmp_path: Path) -> None:
    corpus = json.loads((trained / "config.json").read_text())["data"]["corpus"][0]
    words = rnngen.train(corpus, out=tmp_path / "words", steps=4, valid_every=2, tokenizer="word", **FAST)
    comparison = score_runs(compared(trained, words.path))
    assert [run.unit for run in comparison.runs] == ["nats per character"] * 2
    assert "tokens differ" in comparison.warnings[0]
    for run, path in zip(comparison.runs, (trained, words.path), strict=True):
        rows = [json.loads(line) for line in (path / "metrics.jsonl").read_text().splitlines()]
        parts = json.loads((path / "config.json").read_text())["corpus"]["parts"]
        valid = [
            row["valid_nll"] * parts["valid"]["tokens"] / parts["valid"]["characters"]
            for row in rows
            if "valid_nll" in row
        ]
        assert [nats for _, nats in run.validation.against("steps")] == pytest.approx(valid)
        exact = evaluate(path).as_dict()
        assert run.scores == exact
        assert run.score == pytest.approx(exact["nats"] / exact["characters"])
    assert comparison.runs[0].score != pytest.approx(comparison.runs[1].score)
    nothing = sibling(words.path, "nothing", corpus__parts={"train": {"tokens": 5}, "valid": {"tokens": 5}})
    unknown = compared(trained, nothing)
    assert unknown.runs[1].validation.points == ()
    assert "nothing did not record how many characters" in unknown.warnings[1]


def test_where_words_are_spelled_in_one_part_only_all_nats_are_per_character(trained: Path, tmp_path: Path) -> None:
    corpus = json.loads((trained / "config.json").read_text())["data"]["corpus"][0]
    Path("valid.txt").write_text("The zebra ran. Quaggas gazed over hedges.\n" * 40, encoding="utf-8")
    words = rnngen.train(
        corpus, valid=["valid.txt"], out=tmp_path / "words", steps=10, valid_every=5, tokenizer="word", **FAST
    )
    parts = words.config["corpus"]["parts"]
    length = {name: parts[name]["characters"] / parts[name]["tokens"] for name in ("train", "valid")}
    assert length["train"] > 1.1 * length["valid"]  # unknown words are spelled
    found = describe_runs([words])
    (run,) = found.runs
    assert run.unit == "nats per character"
    assert (run.card.train_characters_per_token, run.card.valid_characters_per_token) == tuple(length.values())
    rows = [json.loads(line) for line in (words.path / "metrics.jsonl").read_text().splitlines()]
    losses = [row["train_nll"] for row in rows if "train_nll" in row]
    means = [statistics.fmean(losses[begin : begin + 5]) / length["train"] for begin in (0, 5)]
    assert [nats for _, nats in run.training.against("steps")] == pytest.approx(means)
    valid = [row["valid_nll"] / length["valid"] for row in rows if "valid_nll" in row]
    assert [nats for _, nats in run.validation.against("steps")] == pytest.approx(valid)
    told = f"words: tokens have {length['train']:.2f} characters in the training part and {length['valid']:.2f} in the"
    assert found.warnings == [f"{told} validation part, so losses are nats per character"]
    assert compared(words.path, sibling(words.path, "twin")).runs[0].unit == "nats per character"
    assert describe_runs([open_run(trained)]).runs[0].unit == "nats per token"


def test_bidirectional_runs_stand_apart(trained: Path, tmp_path: Path) -> None:
    corpus = json.loads((trained / "config.json").read_text())["data"]["corpus"][0]
    both = rnngen.train(corpus, out=tmp_path / "both", steps=4, bidirectional=True, **FAST)
    comparison = score_runs(compared(trained, both.path))
    assert [[run.name for run in group] for group in comparison.kinds] == [["tiny"], ["both"]]
    assert [run.unit for run in comparison.runs] == ["nats per token", "pseudo-nats per token"]
    assert comparison.warnings == [
        "both: bidirectional, each token predicted from both sides: pseudo-nats, not comparable with nats"
    ]
    assert comparison.runs[1].score == comparison.runs[1].scores["pseudo_nats_per_token"]


def test_closed_vocabularies_stand_apart(trained: Path, tmp_path: Path) -> None:
    corpus = json.loads((trained / "config.json").read_text())["data"]["corpus"][0]
    runs = [
        rnngen.train(corpus, out=tmp_path / name, steps=2, tokenizer="words-closed", vocab_size=size, **FAST).path
        for name, size in (("small", 10), ("large", 30))
    ]
    comparison = compared(runs[0], trained, runs[1])
    assert [[run.name for run in group] for group in comparison.kinds] == [["tiny"], ["small"], ["large"]]
    assert {run.unit for run in comparison.runs} == {"nats per token"}
    assert comparison.warnings == [f"small, large: {' '.join(CLOSED)}"]
    assert compared(runs[0], sibling(runs[0], "same")).warnings == []


def test_a_run_that_failed_is_no_text_of_unknown_length(trained: Path, tmp_path: Path) -> None:
    corpus = json.loads((trained / "config.json").read_text())["data"]["corpus"][0]
    words = rnngen.train(corpus, out=tmp_path / "words", steps=2, tokenizer="word", **FAST).path
    log_rows(words, {"step": 0, "valid_nll": 9.0, "seconds": 1})
    found = compared(trained, words)
    assert (found.runs[1].best, len(found.runs[1].card.curve)) == (None, 1)
    assert not any("did not record" in warning for warning in found.warnings)


def test_curves_have_every_axis(trained: Path) -> None:
    run = compared(trained, sibling(trained, "other")).runs[0]
    rows = [json.loads(line) for line in (trained / "metrics.jsonl").read_text().splitlines()]
    valid = [row for row in rows if "valid_nll" in row]
    assert run.validation.against("steps") == [(row["step"], row["valid_nll"]) for row in valid]
    assert [x for x, _ in run.validation.against("epochs")] == pytest.approx(
        [row["step"] * 64 / 18_000 for row in valid]
    )
    assert [x for x, _ in run.validation.against("tokens")] == [row["step"] * 64 for row in valid]
    assert run.tokens_read == 60 * 64
    losses = [row["train_nll"] for row in rows if "train_nll" in row]
    means = [statistics.fmean(losses[i : i + 5]) for i in range(0, 60, 5)]
    assert [nats for _, nats in run.training.against("steps")] == pytest.approx(means)
    assert [x for x, _ in run.training.against("steps")] == [3.0 + 5 * i for i in range(12)]


def curve(*nats: float) -> Curve:
    return Curve(tuple({"steps": step, "nats": each} for step, each in enumerate(nats)))


@pytest.mark.parametrize(
    ("curves", "top"),
    [
        ([], None),
        ([curve()], None),
        ([curve(5.0)], 5.0),
        ([curve(5.0, 3.0, 2.5, 2.0, *[1.0] * 20)], 2.0),  # a tenth of 23 steps is 2.3, so from the fourth on
        ([curve(5.0, 4.0, 6.0, 2.0)], 6.0),  # what rises is shown
        ([curve(5.0, 1.0, 1.0), curve(4.0, 1e12, 1e30)], 4.8),  # but not how far it exploded
    ],
)
def test_the_frame_of_curves_ends_at_the_loss_after_a_tenth_of_training(curves: list[Curve], top: float | None) -> None:
    assert top_of(curves) == top


def test_a_run_without_scores_is_compared_by_what_there_is(trained: Path) -> None:
    empty = sibling(trained, "empty")
    log_rows(empty, {"step": 1, "train_nll": 4.0, "seconds": 1})
    Path(empty / "model.safetensors").write_bytes(b"x")
    comparison = score_runs(compared(trained, empty))
    run = comparison.runs[1]
    assert (run.best, run.validation.points, run.score) == (None, (), None)
    assert run.missing is not None
    assert comparison.runs[0].score is not None
    json.dumps(comparison.as_dict())


def test_one_text_is_the_whole_text_for_all_and_those_that_learned_from_it_are_named(trained: Path) -> None:
    own = Path(json.loads((trained / "config.json").read_text())["data"]["corpus"][0])
    other = sibling(trained, "other", corpus__fingerprint="0" * 64)
    for text in (own, shutil.copy(own, "copy.txt")):
        comparison = score_runs(compared(trained, other), Path(text))
        assert [run.scores["tokens"] for run in comparison.runs] == [len(own.read_text())] * 2
        assert comparison.warnings[0].startswith(f"tiny: trained on {text}, or on parts of it")
        assert not any(f"the scores on {text} can" in warning for warning in comparison.warnings)


def test_a_comparison_needs_two_runs(trained: Path) -> None:
    with pytest.raises(UsageError, match="at least two runs"):
        compared(trained, trained)


def test_names_tell_runs_apart() -> None:
    paths = [Path(path) for path in ("/x/a/run", "/x/b/run", "/x/other")]
    assert distinct_names(paths) == ["a/run", "b/run", "other"]


@pytest.mark.parametrize("rows", [1, 7, MOST, 2 * MOST, 2 * MOST + 1, 5000])
def test_binned_means_are_those_of_the_rows(rows: int) -> None:
    rng = random.Random(rows)
    values = [rng.random() for _ in range(rows)]
    binned = Binned(2)
    for number, value in enumerate(values):
        binned.add(number, value)
    means = binned.means(60, 5)
    assert len(means) <= 60
    begin = 0
    for number, mean in means:  # the mean of numbers from begin to end is in their middle
        end = min(round(2 * number - begin) + 1, rows)
        assert mean == pytest.approx(statistics.fmean(values[begin:end]))
        begin = end
    assert begin == rows


def test_values_are_written_as_people_say_them() -> None:
    assert in_words("tied", True) == "yes"
    assert in_words("hidden_dropout", None) == "as `dropout`"
    assert in_words("corpus", ("/a/b.txt", "c.txt")) == "b.txt, c.txt"
    assert in_words("split", (0.9, 0.1)) == "0.9,0.1"
    assert in_words("steps", 12000) == "12,000"
    assert in_words("init_from", None) == "none"


def test_a_run_with_an_option_of_a_newer_version_is_described_but_not_compared(trained: Path) -> None:
    newer = sibling(trained, "newer", train__from_the_future=1)
    assert describe_runs([open_run(newer)]).runs[0].best is not None
    with pytest.raises(CheckpointError, match="from_the_future"):
        compared(trained, newer)


@pytest.mark.parametrize(("count", "most"), [(0, 5), (1, 5), (5, 5), (6, 5), (1000, 2), (1001, 300)])
def test_a_long_curve_is_thinned_evenly_from_its_first_point_to_its_last(count: int, most: int) -> None:
    points = list(range(count))
    kept = thinned(points, most)
    assert len(kept) == min(count, most)
    assert kept[:1] + kept[-1:] == points[:1] + points[-1:]
    steps = {after - before for before, after in itertools.pairwise(kept)}
    assert not steps or max(steps) - min(steps) <= 1
