"""The networks of an experiment are trained once, resumed if they were stopped, and never mixed with others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rnngen.demos.networks import train_networks
from rnngen.errors import CorpusError, UsageError
from rnngen.training.events import Event, Stepped
from rnngen.training.trainer import Trainer
from tests.conftest import FAST

NETWORKS = {"lstm": {**FAST, "cell": "lstm", "steps": 3}, "rnn": {**FAST, "cell": "rnn", "steps": 4}}


def counted(folder: Path, text: Path, networks: dict[str, dict[str, object]] = NETWORKS) -> Counter[str]:
    """The steps that each network took."""
    steps: Counter[str] = Counter()

    def count(name: str, event: Event) -> None:
        steps[name] += isinstance(event, Stepped)

    runs = train_networks(folder, text, networks, count)
    assert {name: run.path for name, run in runs.items()} == {name: folder / name for name in networks}
    return steps


def test_networks_are_trained_once(corpus: Path, tmp_path: Path) -> None:
    assert counted(tmp_path / "demo", corpus) == {"lstm": 3, "rnn": 4}
    assert counted(tmp_path / "demo", corpus) == {}


def test_a_training_that_was_stopped_is_resumed(corpus: Path, tmp_path: Path) -> None:
    @contextmanager
    def stopping(trainer: Trainer) -> Iterator[None]:
        if trainer.config.model.cell == "rnn":
            trainer.stop("SIGINT")
        yield

    with pytest.raises(KeyboardInterrupt):
        train_networks(tmp_path / "demo", corpus, NETWORKS, during=stopping)
    assert counted(tmp_path / "demo", corpus) == {"rnn": 4}


def test_a_text_that_cannot_be_read_is_told_before_anything_is_made(tmp_path: Path) -> None:
    for text, said in ((tmp_path / "gone.txt", "no such file"), (tmp_path, "cannot be read")):
        with pytest.raises(CorpusError, match=rf"{text.name}.*: {said}.*; expected a file of text"):
            train_networks(tmp_path / "demo", text, NETWORKS)
    assert not (tmp_path / "demo").exists()


def test_networks_of_other_options_or_texts_are_not_taken_for_these(corpus: Path, tmp_path: Path) -> None:
    counted(tmp_path / "demo", corpus)
    with pytest.raises(UsageError, match="there is a run in this folder already"):
        counted(tmp_path / "demo", corpus, {"lstm": {**NETWORKS["lstm"], "steps": 5}})
    corpus.write_text(corpus.read_text() + "more\n")
    with pytest.raises(UsageError, match="there is a run in this folder already"):
        counted(tmp_path / "demo", corpus)
