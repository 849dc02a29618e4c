from __future__ import annotations

import json
from pathlib import Path

import pytest

import rnngen
from rnngen.errors import CheckpointError
from rnngen.inspection.card import list_runs, make_card
from rnngen.run import open_run
from tests.conftest import FAST


def test_a_card_says_what_the_run_is(trained: Path) -> None:
    run = open_run(trained)
    card = make_card(run)
    assert card.model == "lstm, 1 layer of 16, embedding 8"
    assert card.parameters == sum(w.size for w in run.weights().values())
    assert card.bytes == (trained / "model.safetensors").stat().st_size
    assert (card.steps, card.planned_steps, card.tokens, card.precision) == (60, 60, 18_000, "float32")
    assert card.epochs == pytest.approx(60 * 4 * 16 / 18_000, rel=0.02)
    assert card.text[0].endswith("corpus.txt")
    assert not card.ngram


def test_a_card_agrees_with_the_metrics(trained: Path) -> None:
    card = make_card(open_run(trained))
    rows = [json.loads(line) for line in (trained / "metrics.jsonl").read_text().splitlines()]
    valid = {row["step"]: row["valid_nll"] for row in rows if "valid_nll" in row}
    assert card.best_nats == min(valid.values()) == valid[card.best_step]
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
    found = list_runs()
    assert [folder.name for folder, _ in found] == ["third", "second", "tiny"]
    assert isinstance(found[1][1], CheckpointError)
    assert [card.model for _, card in (found[0], found[2])] == [  # type: ignore[union-attr]
        "rnn (tanh), 1 layer of 16, embedding 8", "lstm, 1 layer of 16, embedding 8",
    ]  # fmt: skip


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
