from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

import rnngen
from rnngen.errors import CheckpointError
from rnngen.runs import metrics
from rnngen.runs.card import make_card
from rnngen.runs.comparison import describe_runs
from rnngen.runs.finding import open_run
from rnngen.runs.listing import list_runs
from rnngen.runs.manifest import sha256
from tests.conftest import FAST
from tests.runs.test_run import rewrite


def test_a_card_says_what_the_run_is(trained: Path) -> None:
    run = open_run(trained)
    card = make_card(run)
    assert card.model == "lstm, 1 layer of 16, embedding 8 (n-grams up to 4)"
    assert card.parameters == sum(w.size for w in run.weights().values())
    assert card.bytes == (trained / "model.safetensors").stat().st_size
    assert (card.steps, card.planned_steps, card.tokens, card.precision) == (60, 60, 18_000, "float32")
    assert card.epochs == pytest.approx(60 * 4 * 16 / 18_000, rel=0.02)
    assert card.text[0].endswith("corpus.txt")
    assert not card.ngram
    assert (card.valid_tokens, card.test_tokens, card.finished) == (1000, 1000, True)
    assert card.saved == (trained / "manifest.json").stat().st_mtime


def test_a_card_agrees_with_the_metrics(trained: Path) -> None:
    card = make_card(open_run(trained))
    rows = [json.loads(line) for line in (trained / "metrics.jsonl").read_text().splitlines()]
    valid = {row["step"]: row["valid_nll"] for row in rows if "valid_nll" in row}
    assert card.best_nats == min(valid.values()) == valid[card.best_step]
    assert min(valid) == 0
    assert card.curve[0][1] == valid[0] > card.best_nats
    norms = [row["grad_norm"] for row in rows if "grad_norm" in row]
    assert card.clipped == pytest.approx(sum(n > 1.0 for n in norms) / len(norms))
    assert card.gradient_norm == pytest.approx(sorted(norms)[len(norms) // 2], rel=0.2)
    assert [y for _, y in card.curve] == list(valid.values())
    assert card.tokens_per_second == pytest.approx(60 * 4 * 16 / rows[-1]["seconds"])


def test_a_half_written_last_row_is_left_out(trained: Path) -> None:
    whole = make_card(open_run(trained))
    with (trained / "metrics.jsonl").open("a") as log:
        log.write('{"step": 61, "train_')
    assert make_card(open_run(trained)) == whole


def test_runs_are_listed_newest_first_and_a_damaged_one_says_so(trained: Path, corpus: Path) -> None:
    rnngen.train(corpus, out="checkpoints/second", steps=2, ngram=2, **FAST)
    rnngen.train(corpus, out="checkpoints/third", steps=2, cell="rnn", **FAST)
    (Path("checkpoints/second") / "config.json").write_text("{}")
    found = list_runs().cards
    assert [folder.name for folder, _ in found] == ["third", "second", "tiny"]
    assert isinstance(found[1][1], CheckpointError)
    assert [card.model for _, card in (found[0], found[2])] == [  # type: ignore[union-attr]
        "rnn (tanh), 1 layer of 16, embedding 8 (n-grams up to 4)",
        "lstm, 1 layer of 16, embedding 8 (n-grams up to 4)",
    ]


def test_without_a_run_the_way_to_one_is_told() -> None:
    with pytest.raises(CheckpointError, match="no trained model yet"):
        list_runs()


def test_rows_of_the_log_that_are_no_numbers_are_passed_over(trained: Path) -> None:
    whole = make_card(open_run(trained))
    with (trained / "metrics.jsonl").open("a", encoding="utf-8") as log:
        log.write('{"step": 1, "valid_nll": "x", "seconds": "y"}\n{"step": 9, "train_nll": 1.0, "grad_norm": null}\n')
        log.write('{"valid_nll": 0.5}\n[1]\n')
    again = make_card(open_run(trained))
    assert (again.curve, again.best_nats, again.gradient_norm) == (whole.curve, whole.best_nats, whole.gradient_norm)


def test_a_line_that_is_no_row_hides_none_of_those_after_it(trained: Path) -> None:
    whole = make_card(open_run(trained))
    log = trained / "metrics.jsonl"
    first, *others = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join([first, b'{"step": 1, "tra\n', *others]))
    manifest = json.loads((trained / "manifest.json").read_bytes())
    manifest["files"]["metrics.jsonl"] = {"sha256": sha256(log.read_bytes()), "bytes": log.stat().st_size}
    (trained / "manifest.json").write_text(json.dumps(manifest))
    assert replace(make_card(open_run(trained)), saved=whole.saved) == whole


@pytest.mark.parametrize(("limit", "what"), [("MAX_ROWS", "rows"), ("MAX_VALIDATIONS", "validations")])
def test_more_rows_or_validations_than_any_run_has_are_called_that(
    trained: Path, monkeypatch: pytest.MonkeyPatch, limit: str, what: str
) -> None:
    monkeypatch.setattr(metrics, limit, 3)
    with pytest.raises(CheckpointError, match=rf"metrics\.jsonl: has more {what} than any run; expected at most 3$"):
        make_card(open_run(trained))


def test_times_and_losses_that_no_run_has_are_left_out(trained: Path) -> None:
    log_rows(
        trained,
        {"step": 1, "valid_nll": 2.0, "seconds": 1.5},
        {"step": 2, "valid_nll": -1.0, "seconds": 2.5},
        {"step": 3, "valid_nll": 1.0, "seconds": -1},
        {"step": 4, "valid_nll": 1.0, "seconds": 1e200},
        {"step": 5, "valid_nll": 1e200, "seconds": 3.5},
        {"step": 6, "valid_nll": 1.0, "seconds": 1e30},
        {"step": 7, "train_nll": 1.0, "seconds": 1e-320},
    )
    card = make_card(open_run(trained))
    assert card.curve == ((1.5, 2.0), (2.5, 1.0), (2.5, 1.0), (3.5, 1.0))
    assert (card.seconds, card.tokens_per_second) == (0, None)


def log_rows(run: Path, *rows: dict[str, object]) -> None:
    """Replace what a run's log holds."""
    content = "".join(json.dumps(row) + "\n" for row in rows).encode()
    (run / "metrics.jsonl").write_bytes(content)
    manifest = json.loads((run / "manifest.json").read_bytes())
    manifest["files"]["metrics.jsonl"] = {"sha256": sha256(content), "bytes": len(content)}
    (run / "manifest.json").write_text(json.dumps(manifest))


def test_untrained_weights_are_drawn_but_are_not_the_best(trained: Path) -> None:
    log_rows(trained, {"step": 0, "valid_nll": 1.0, "best": False, "seconds": 0}, {"step": 0, "valid_nll": 1.5})
    card = make_card(open_run(trained))
    assert (card.best_nats, card.steps, card.tokens_per_second) == (None, 0, None)
    assert card.curve == ((0, 1.0), (0, 1.5))
    log_rows(
        trained,
        {"step": 0, "valid_nll": 1.0, "best": True, "seconds": 0},
        {"step": 1, "train_nll": 2.0, "seconds": 0},
        {"step": 1, "valid_nll": 2.0, "seconds": 0},
    )
    card = make_card(open_run(trained))
    assert (card.best_nats, card.best_step, card.steps) == (1.0, 0, 1)


def test_a_run_that_was_trained_twice_is_one_curve_and_finished_at_the_new_end(trained: Path, corpus: Path) -> None:
    rows = [{"step": n, "train_nll": 2.0, "epoch": n / 10, "seconds": n / 2} for n in range(1, 121)]
    valid = [{"step": n, "valid_nll": nll, "seconds": n / 2} for n, nll in ((0, 3.0), (60, 2.0), (90, 1.5))]
    log_rows(trained, valid[0], *rows[:60], valid[1], *rows[60:90], valid[2])
    cycle = {"peak": 0.5, "valid_every": 30, "sample_every": 0}
    plan = {"step": 60, "steps": 120, "threads": 1, "precision": "float32", "trial": False, "cycle": cycle}
    (trained / "resume" / "plan.jsonl").write_text(json.dumps(plan) + "\n")
    card = make_card(open_run(trained))
    assert (card.steps, card.planned_steps, card.finished) == (90, 120, False)
    assert card.curve == ((0, 3.0), (30.0, 2.0), (45.0, 1.5))
    assert (card.best_nats, card.best_step, card.epochs, card.seconds) == (1.5, 90, 9.0, 45.0)


@pytest.mark.parametrize(("patience", "finished"), [(2, True), (3, False), (0, False)])
def test_a_run_that_ended_without_improvement_is_finished(corpus: Path, patience: int, finished: bool) -> None:
    rnngen.train(corpus, out="run", steps=60, valid_every=10, patience=patience, **FAST)
    log_rows(
        Path("run"),
        {"step": 10, "valid_nll": 2.0, "best": True},
        {"step": 30, "train_nll": 2.0},
        {"step": 30, "valid_nll": 2.1, "best": False},
    )
    assert make_card(open_run("run")).finished is finished


def test_hostile_rows_of_the_log_are_passed_over(trained: Path) -> None:
    whole = make_card(open_run(trained))
    with (trained / "metrics.jsonl").open("a", encoding="utf-8") as log:
        log.write('{"step": 1, "valid_nll": NaN}\n{"step": 1, "valid_nll": 1e999}\n')
        log.write('{"step": 1, "valid_nll": ' + "9" * 400 + "}\n" + "[" * 100_000 + "\n")
    again = make_card(open_run(trained))
    assert (again.curve, again.best_nats) == (whole.curve, whole.best_nats)


def test_runs_that_never_saved_are_listed_even_if_there_are_no_others(trained: Path) -> None:
    killed = Path("checkpoints/killed")
    killed.mkdir()
    (trained / "config.json").rename(killed / "config.json")
    (trained / "manifest.json").unlink()
    ((folder, error),) = list_runs().cards
    assert folder == killed
    assert isinstance(error, CheckpointError)
    assert "has not saved anything" in str(error)


@pytest.mark.parametrize(
    ("part", "key", "value"),
    [
        ("train", "steps", "many"),
        ("train", "patience", []),
        ("optimizer", "clip", "1"),
        ("data", "corpus", [3]),
        ("corpus", "parts", {"valid": {"characters": "x"}}),
        ("corpus", "parts", {"train": {"tokens": [], "characters": 1}}),
    ],
)
def test_a_value_of_the_wrong_type_in_the_configuration_is_named(
    trained: Path, part: str, key: str, value: object
) -> None:
    config = json.loads((trained / "config.json").read_bytes())
    config[part][key] = value
    rewrite(trained, {"config.json": json.dumps(config).encode()})
    with pytest.raises(CheckpointError, match=rf"config\.json: {part}\.{key}.* has the wrong type; found"):
        make_card(open_run(trained))
    with pytest.raises(CheckpointError, match=rf"config\.json: {part}\.{key}.* has the wrong type; found"):
        describe_runs([open_run(trained)])


def test_a_configuration_without_what_a_card_tells_gives_a_card_without_it(trained: Path) -> None:
    config = json.loads((trained / "config.json").read_bytes())
    config["corpus"], config["train"], config["optimizer"] = None, {}, []
    rewrite(trained, {"config.json": json.dumps(config).encode()})
    card = make_card(open_run(trained))
    assert (card.tokens, card.test_tokens, card.planned_steps, card.finished) == (None, None, None, None)
