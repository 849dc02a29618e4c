"""``as_dict()`` of every result is what ``--json`` of the command prints that gives the same."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

import rnngen
from rnngen.python.listing import Runs
from rnngen.runs.card import make_card
from rnngen.runs.finding import open_run
from tests.conftest import Outcome

Cli = Callable[..., Outcome]


def printed(cli: Cli, *arguments: object) -> list[Any]:
    outcome = cli(*arguments, "--json")
    assert outcome.code == 0, outcome.err
    return [json.loads(line) for line in outcome.out.splitlines()]


def finite(value: Any) -> Any:
    """As JSON has it, where a number that is not finite is null."""
    if isinstance(value, dict):
        return {name: finite(each) for name, each in value.items()}
    if isinstance(value, list):
        return [finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def test_of_cards_gradients_comparisons_and_next_tokens(trained: Path, mixed: Path, corpus: Path, cli: Cli) -> None:
    calls: list[tuple[Callable[[], Any], tuple[object, ...]]] = [
        (lambda: rnngen.inspect(trained), ("inspect", trained)),
        (lambda: rnngen.gradients(trained, text=corpus, lags=5), ("inspect", "gradients", trained)),
        (lambda: rnngen.gradients(trained, mixed, text=corpus, lags=5), ("inspect", "gradients", trained, mixed)),
        (lambda: rnngen.compare(trained, mixed), ("inspect", "--compare", trained, mixed)),
        (lambda: rnngen.next_tokens("the ", 4, run=trained), ("inspect", "next", trained, "-p", "the ", "--top", 4)),
    ]
    more = {"gradients": ("--text", corpus, "--lags", 5), "next": ("--temperatures", 1)}
    for call, command in calls:
        (expected,) = printed(cli, *command, *more.get(str(command[1]), ()))
        assert finite(call().as_dict()) == expected, command


def test_of_scores(trained: Path, corpus: Path, cli: Cli) -> None:
    (expected,) = printed(cli, "eval", trained, corpus, "--part", "all")
    assert expected.items() >= finite(rnngen.evaluate(trained, corpus, part="all").as_dict()).items()
    assert expected.items() >= finite(rnngen.score(corpus.read_text(), run=trained).as_dict()).items()


def test_of_samples_and_fills(trained: Path, cli: Cli) -> None:
    samples = rnngen.load(trained).generate_batch(["the "] * 2, length=9, seed=3)
    shown = printed(cli, "sample", trained, "-p", "the ", "-n", 9, "--seed", 3, "-N", 2)
    assert [{**each.as_dict(), "temperature": 1.0} for each in samples] == shown
    fills = rnngen.load_filler(trained).best("the ___ cat", longest=3)
    assert [each.as_dict() for each in fills] == printed(cli, "fill", trained, "the ___ cat", "--longest", 3)


def test_of_runs(trained: Path, cli: Cli) -> None:
    (Path("checkpoints/broken")).mkdir()
    (Path("checkpoints/broken/config.json")).write_text("{}")
    (Path("checkpoints/broken/manifest.json")).write_text("{}")
    found, card = rnngen.list_runs("checkpoints"), make_card(open_run(trained))
    intact = next(each for each in found if each.name == "tiny")
    (shown,) = [each for each in printed(cli, "runs") if "error" not in each]
    assert intact.as_dict() == shown
    assert (intact.path, intact.size, intact.tokenizer, intact.corpus) == (
        trained.relative_to(Path.cwd()) if trained.is_absolute() else trained,
        card.parameters,
        card.tokenizer,
        card.text,
    )
    assert intact.score == pytest.approx(card.best_nats)  # tokens are characters
    assert intact.date == datetime.fromtimestamp(card.saved)
    assert sorted((each.name, each.state, each.score is None) for each in found) == [
        ("broken", "damaged", True),
        ("tiny", "finished", False),
    ]
    assert repr(found).splitlines() == cli("runs", "checkpoints").out.splitlines()
    assert "checkpoints/tiny" in found._repr_html_()
    assert repr(intact) == f"ListedRun('checkpoints/tiny': finished, {intact.score:.4f} nats per character)"
    assert rnngen.inspect(intact).best_nats == card.best_nats  # type: ignore[arg-type]
    assert found.as_dict()["runs"][found.index(intact)] == shown


def test_where_there_are_no_runs_the_list_is_empty(tmp_path: Path) -> None:
    assert rnngen.list_runs() == []
    assert repr(rnngen.list_runs()) == "no runs"
    assert isinstance(rnngen.list_runs(tmp_path), Runs)
    with pytest.raises(rnngen.RnngenError, match="nowhere: is not a folder"):
        rnngen.list_runs("nowhere")
