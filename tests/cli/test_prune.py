"""``rnngen prune``: what finished training no longer needs, after asking, and nothing else."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from rnngen.corpus import cached_texts
from rnngen.runs.layout import saved_steps
from rnngen.training import launch
from tests.cli.test_rm import Typed, files
from tests.conftest import FAST, Outcome
from tests.runs.saving import writing
from tests.training.interrupted import finish

Cli = Callable[..., Outcome]


@pytest.fixture
def stopped(corpus: Path) -> Path:
    """A run that was stopped after 9 of 20 steps."""
    options = {**FAST, "steps": 20, "valid_every": 4, "save_every": 4, "corpus": [str(corpus)]}
    finish(launch.launch(options, out=Path("checkpoints/stopped")), stop_at=9)
    return Path("checkpoints/stopped")


def states(run: Path) -> list[int]:
    return [int(folder.name) for folder in saved_steps(run)]


def test_the_states_of_a_finished_run_go_and_it_is_as_good_as_before(trained: Path, cli: Cli) -> None:
    sample = ("sample", trained, "--seed", 1, "-n", 40)
    before, text = files(trained), cli(*sample).out
    outcome = cli("prune", "--yes")
    assert (outcome.code, outcome.err) == (0, "")
    assert "2 of 2 saved states" in outcome.out
    assert "it can no longer be resumed or trained further" in outcome.out
    assert files(trained) == {name: content for name, content in before.items() if not name.startswith("resume/")}
    assert cli(*sample).out == text
    assert cli("verify", trained, "-q").code == 0
    assert "--init-from" in cli("train", "--resume", trained).err


def test_of_a_run_that_can_be_resumed_the_newest_state_stays(stopped: Path, cli: Cli) -> None:
    assert states(stopped) == [9, 8]
    outcome = cli("prune", "--yes")
    assert "1 of 2 saved states" in outcome.out
    assert "it can be resumed from step 9 only" in outcome.out
    assert states(stopped) == [9]
    assert cli("train", "--resume", stopped, "--quiet").code == 0
    assert cli("verify", stopped, "-q").code == 0


def test_what_is_freed_is_what_was_shown(trained: Path, stopped: Path, cli: Cli) -> None:
    shown = json.loads(cli("prune", "--dry-run", "--json").out)
    before = sum(map(len, files(Path("checkpoints")).values()))
    assert {entry["where"] for entry in shown["found"]} == {"checkpoints/stopped", "checkpoints/tiny"}
    assert shown["freed_bytes"] == 0
    done = json.loads(cli("prune", "--yes", "--json").out)
    assert done == {**shown, "freed_bytes": shown["bytes"]}
    assert before - sum(map(len, files(Path("checkpoints")).values())) == shown["bytes"]
    assert cli("prune", "--yes").out == "Nothing can be removed.\n"


def test_dry_run_removes_nothing_and_asks_nothing(trained: Path, cli: Cli) -> None:
    before = files(Path())
    outcome = cli("prune", "--dry-run")
    assert (outcome.code, outcome.err) == (0, "")
    assert files(Path()) == before


def test_without_a_terminal_yes_is_required_to_prune(trained: Path, cli: Cli) -> None:
    before = files(trained)
    outcome = cli("prune")
    assert outcome.code == 2
    assert "Add --yes" in outcome.err
    assert files(trained) == before


@pytest.mark.parametrize(("answer", "removed"), [("y\n", True), ("\n", False)])
def test_the_user_is_asked(
    trained: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch, answer: str, removed: bool
) -> None:
    monkeypatch.setattr("sys.stdin", Typed(answer))
    outcome = cli("prune", trained)
    assert outcome.code == 0
    assert outcome.err.startswith("Remove this (")
    assert (states(trained) == []) == removed


def test_states_stay_where_the_weights_are_damaged(trained: Path, cli: Cli) -> None:
    (trained / "model.safetensors").write_bytes(b"damaged")
    outcome = cli("prune", "--yes")
    assert outcome.code == 0
    assert "left alone: checkpoints/tiny/model.safetensors: is damaged" in outcome.err
    assert states(trained) == [60, 40]
    assert cli("prune", trained, "--yes").code == 1  # named by hand, it is an error


def test_the_older_state_stays_where_the_newest_is_damaged(stopped: Path, cli: Cli) -> None:
    (stopped / "resume/000000009/state.json").write_bytes(b"damaged")
    outcome = cli("prune", "--yes")
    assert outcome.code == 0
    assert "left alone: checkpoints/stopped/resume/000000009/state.json: is damaged" in outcome.err
    assert states(stopped) == [9, 8]


def test_a_run_that_is_being_written_is_left_alone_and_others_are_pruned(
    trained: Path, stopped: Path, cli: Cli
) -> None:
    with writing(stopped):
        outcome = cli("prune", "--yes")
    assert outcome.code == 0
    assert "left alone: checkpoints/stopped: another process is writing this run" in outcome.err
    assert (states(stopped), states(trained)) == ([9, 8], [])


def test_what_is_not_of_the_run_stays_where_its_state_was(trained: Path, cli: Cli) -> None:
    (trained / "resume/000000060/notes.txt").write_text("somebody's")
    assert cli("prune", "--yes").code == 0
    assert states(trained) == []
    assert files(trained / "resume") == {"000000060/notes.txt": b"somebody's"}
    assert cli("prune", "--yes").out == "Nothing can be removed.\n"
    assert cli("verify", trained, "-q").code == 0


# encoded texts


def cached() -> list[Path]:
    return sorted(Path(os.environ["RNNGEN_CACHE"], "corpora").iterdir())


def age(folder: Path, days: float) -> None:
    for file in folder.iterdir():
        long_ago = file.stat().st_mtime - days * 24 * 3600
        os.utime(file, (long_ago, long_ago))


def test_only_old_texts_that_no_run_was_trained_on_go(stopped: Path, cli: Cli) -> None:
    (own,) = cached()
    for name in ("a" * 32, "b" * 32, "somebody's"):
        shutil.copytree(own, own.with_name(name))
    age(own, 100)
    age(own.with_name("a" * 32), 31)
    age(own.with_name("b" * 32), 29)
    age(own.with_name("somebody's"), 100)
    outcome = cli("prune", "--yes")
    assert "1 encoded text " in outcome.out
    assert {folder.name for folder in cached()} == {own.name, "b" * 32, "somebody's"}


def test_texts_stay_where_runs_are_named(stopped: Path, cli: Cli) -> None:
    (own,) = cached()
    shutil.copytree(own, own.with_name("a" * 32))
    age(own.with_name("a" * 32), 31)
    cli("prune", stopped, "--yes")
    assert len(cached()) == 2


def test_a_text_that_another_process_clears_away_at_the_same_moment_is_gone(
    stopped: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    (own,) = cached()
    going = own.with_name("a" * 32)
    shutil.copytree(own, going)
    age(going, 31)

    def cleared(source: Path, target: Path) -> None:
        source.rename(target)
        shutil.rmtree(target)

    monkeypatch.setattr(cached_texts, "rename_folder", cleared)
    outcome = cli("prune", "--yes")
    assert (outcome.code, "left alone" in outcome.err) == (0, False)
    assert [folder.name for folder in cached()] == [own.name]
