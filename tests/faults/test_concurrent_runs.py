"""Several processes and one run: readers while it is saved, a second writer, a folder that goes away."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnngen
from rnngen.errors import CheckpointError
from rnngen.runs import layout, states
from rnngen.runs.finding import newest_run, open_run
from rnngen.runs.layout import LOCK, LOGS, METRICS, MODEL, NGRAM, SAMPLES, saved_steps
from rnngen.runs.lock import HOLDER
from rnngen.runs.run import Run
from rnngen.runs.writer import RunWriter
from rnngen.training import launch
from rnngen.training.checkpoint import format_weights, load_state
from rnngen.training.events import Event, Stepped
from rnngen.untrusted import open_regular
from tests.conftest import FAST, Outcome
from tests.faults.test_interrupted_saves import CONFIG, TOKENIZER, value_of, weights
from tests.runs.saving import Killed, fault_at, state, steps_of, tensors, writing
from tests.training.interrupted import run_until_killed

Cli = Callable[..., Outcome]


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A run that was saved once."""
    with writing(tmp_path / "run") as writer:
        writer.begin(CONFIG, TOKENIZER)
        writer.save_model(weights(0.0))
        writer.save_state(1, *state(1))
    return tmp_path / "run"


# readers


@contextmanager
def at_each_opening(do: Callable[[int], object], only: int | None = None) -> Iterator[list[Path]]:
    """Something happens just before a reader opens a file of a run: each file, or only the one of this number."""
    opened: list[Path] = []

    def opening(path: Path, **options: Any) -> Any:
        if threading.current_thread() is reader and not inside:
            opened.append(path)
            if only in (None, len(opened) - 1):
                inside.append(True)
                do(len(opened))
                inside.clear()
        return open_regular(path, **options)

    reader, inside = threading.current_thread(), list[bool]()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rnngen.runs.files.open_regular", opening)
        patch.setattr("rnngen.untrusted.open_regular", opening)
        yield opened


@pytest.mark.fault(27)
def test_a_save_before_any_file_that_a_reader_opens_gives_it_the_old_or_the_new_weights(saved: Path) -> None:
    with at_each_opening(lambda number: None) as opened:
        value_of(saved)
    assert {path.name for path in opened} >= {"manifest.json", "config.json", "tokenizer.json", MODEL}
    with writing(saved) as writer:
        for k in range(len(opened)):
            before = value_of(saved)
            with at_each_opening(lambda number, v=before: writer.save_model(weights(v + 1)), only=k):  # type: ignore[misc]
                found = value_of(saved)
            assert found in (before, before + 1)
            assert value_of(saved) == before + 1


@pytest.mark.fault(27)
def test_a_reader_that_meets_one_save_after_another_comes_to_its_end(saved: Path) -> None:
    with (
        writing(saved) as writer,
        at_each_opening(lambda number: writer.save_model(weights(float(number))) if number < 30 else None),
    ):
        assert value_of(saved) > 0


@pytest.mark.fault(27)
def test_weights_and_ngram_model_are_of_the_same_save(saved: Path) -> None:
    """Whenever new ones are saved, in the order in which a command reads them."""
    with writing(saved) as writer:

        def save(value: float) -> None:
            writer.save_model(weights(value))
            writer.save_ngram(f"fitted to {value}".encode())

        def read() -> tuple[str, float]:
            run = open_run(saved)
            run.read_ahead()
            run.hold(MODEL, NGRAM)
            content = run.read(NGRAM).decode()
            return content, float(next(iter(run.weights().values())).flat[0])

        save(1.0)
        with at_each_opening(lambda number: None) as opened:
            read()
        for k in range(len(opened)):
            with at_each_opening(lambda number, k=k: save(k + 2.0), only=k):  # type: ignore[misc]
                content, value = read()
            assert content == f"fitted to {value}"


@pytest.mark.fault(27)
def test_what_was_read_of_one_save_is_not_mixed_with_another(saved: Path) -> None:
    with writing(saved) as writer:
        run = open_run(saved)
        run.weights()
        writer.save_model(weights(2.0))
        writer.save_ngram(b"fitted to 2")
        with pytest.raises(CheckpointError, match=r"is not in the run's manifest|was saved again while it was read"):
            run.hold(MODEL, NGRAM)
        assert float(next(iter(run.weights().values())).flat[0]) == 0.0


@pytest.mark.fault(27)
def test_a_run_that_is_replaced_by_another_while_it_is_read_is_not_mixed_with_it(saved: Path) -> None:
    run = open_run(saved)
    shutil.rmtree(saved)
    with writing(saved) as writer:
        writer.begin({**CONFIG, "given": []}, TOKENIZER)
        writer.save_model(weights(1.0))
    with pytest.raises(CheckpointError, match="was replaced by another run while it was read"):
        run.weights()


@pytest.mark.fault(27)
def test_readers_beside_a_process_that_saves_as_fast_as_it_can_never_see_a_damaged_run(
    saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    done = threading.Event()

    def save() -> None:
        with writing(saved) as writer:
            value = 0.0
            while not done.is_set():
                value += 1
                writer.save_model(weights(value))
                writer.save_state(int(value), *state(int(value)))

    saver = threading.Thread(target=save)
    saver.start()
    try:
        last = 0.0
        for _ in range(150):
            value = value_of(saved)
            assert value >= last
            last = value
            found = load_state(saved)
            assert found.warnings == ()
            assert {name: t.tolist() for name, t in found.tensors.items()} == {
                name: t.tolist() for name, t in tensors(found.values["step"]).items()
            }
    finally:
        done.set()
        saver.join()
    assert last > 3


@pytest.mark.fault(27)
def test_states_that_are_all_replaced_while_they_are_looked_for_are_found(
    saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, steps = layout.has_files_of_state, iter(range(1000, 1006))
    with writing(saved) as writer:

        def has_files(folder: Path) -> bool:
            monkeypatch.setattr(layout, "has_files_of_state", original)
            for step in steps:
                writer.save_state(step, *state(step))
            return original(folder)

        monkeypatch.setattr(layout, "has_files_of_state", has_files)
        assert load_state(saved).values["step"] == 1005


@pytest.mark.fault(27)
def test_commands_read_a_run_while_it_saves_better_weights(trained: Path, corpus: Path, cli: Cli) -> None:
    """Every command, with a save just before each file that it opens."""
    content = {name: w.copy() for name, w in open_run(trained).weights().items()}
    import torch

    def save(number: int) -> None:
        if number < 25:
            new = {name: torch.from_numpy(w * (1 + number / 1000)) for name, w in content.items()}
            writer.save_model(format_weights(new))

    with writing(trained) as writer:
        for command in (("sample", trained, "--length", 3), ("eval", trained), ("inspect", trained), ("runs",)):
            with at_each_opening(save):
                outcome = cli(*command)
            assert (outcome.code, "damaged" in outcome.out + outcome.err) == (0, False), outcome
        with at_each_opening(save):
            launch.train(corpus, out="begun", init_from=trained, steps=1, batch_size=4, bptt=16, precision="float32")
    assert open_run("begun").weights()


@pytest.mark.fault(27)
def test_a_state_that_is_removed_while_it_is_read_is_passed_over_for_a_newer_one(
    saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with writing(saved) as writer:
        real, steps = states.read_state, iter((2, 3))

        def read_state(folder: Path, max_bytes: int | None = None) -> Any:
            for step in steps:
                writer.save_state(step, *state(step))
            return real(folder, max_bytes)

        monkeypatch.setattr("rnngen.training.checkpoint.read_state", read_state)
        found = load_state(saved)
    assert (found.values["step"], found.warnings) == (3, ())


@pytest.mark.fault(27)
def test_a_run_that_is_removed_while_it_is_read_is_a_clear_error(saved: Path) -> None:
    with at_each_opening(lambda number: None) as opened:
        value_of(saved)
    shutil.copytree(saved, "kept")
    for k in range(len(opened)):
        with (
            at_each_opening(lambda number: shutil.rmtree(saved), only=k),
            pytest.raises(CheckpointError, match="missing"),
        ):
            value_of(saved)
        shutil.copytree("kept", saved)


def test_runs_that_vanish_while_they_are_listed_are_passed_over(trained: Path, cli: Cli) -> None:
    for name in ("another", "gone"):
        shutil.copytree(trained, trained.parent / name)
    with at_each_opening(lambda number: shutil.rmtree(trained.parent / "gone", ignore_errors=True), only=4):
        outcome = cli("runs")
    assert outcome.code == 0
    assert {"tiny", "another"} <= {name for name in ("tiny", "another", "gone") if name in outcome.out}
    assert newest_run().name in ("tiny", "another")


# writers


@pytest.mark.fault(11)
def test_removing_the_lock_file_does_not_let_a_second_writer_in(saved: Path) -> None:
    with writing(saved) as writer:
        (saved / LOCK).unlink()
        with pytest.raises(
            CheckpointError, match=f"another process is writing this run; found process {os.getpid()} on"
        ):
            RunWriter(saved)
        writer.save_state(2, *state(2))
    with writing(saved) as writer:
        writer.save_state(3, *state(3))


@pytest.mark.fault(11)
def test_where_folders_cannot_be_locked_a_writer_whose_lock_file_was_removed_ends(
    saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rnngen.runs.lock.lock_folder", lambda descriptor: None)
    with writing(saved) as first:
        with pytest.raises(CheckpointError, match="another process is writing this run"):
            RunWriter(saved)
        (saved / LOCK).unlink()
        with writing(saved) as second:
            for save in (lambda w: w.save_state(2, *state(2)), lambda w: w.save_model(weights(9.0)), log_row):
                with pytest.raises(CheckpointError, match="another one may be writing this run"):
                    save(first)
            second.save_state(3, *state(3))
    assert load_state(saved).values["step"] == 3
    assert value_of(saved) == 0.0


def log_row(writer: RunWriter) -> None:
    writer.log_metrics(step=1)


HOLD = """
import sys
from pathlib import Path
from rnngen.runs.writer import RunWriter
writer = RunWriter(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


@pytest.mark.fault(11)
def test_a_second_training_is_refused_and_told_which_process_holds_the_folder_until_that_is_killed(
    trained: Path, corpus: Path, cli: Cli
) -> None:
    command = [sys.executable, "-c", HOLD, str(trained)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        outcome = cli("train", "--resume", trained, "--steps", 3)
        assert outcome.code == 1
        assert f"another process is writing this run; found process {other.pid} on" in outcome.err
        assert cli("train", corpus, "--out", trained).code == 2
        other.kill()
        other.wait()
    assert (trained / HOLDER).exists()
    assert cli("train", "--resume", trained, "--steps", 3, "--quiet").code == 0
    assert not (trained / HOLDER).exists()


# a folder that changes under a run that is being trained


def train(corpus: Path, at: int, do: Callable[[Path], object], **options: Any) -> None:
    def on_event(event: Event) -> None:
        if isinstance(event, Stepped) and event.step == at:
            launched.trainer.saver.wait()  # so that what was due is saved
            do(Path("here/run"))

    chosen = {**FAST, "steps": 30, "valid_every": 10, "save_every": 10, **options}
    launched = launch.launch({**chosen, "corpus": [str(corpus)]}, out=Path("here/run"))
    run_until_killed(launched, on_event)


@pytest.mark.fault(11)
def test_a_folder_that_is_moved_while_a_run_is_trained_ends_it_with_all_that_was_saved(corpus: Path) -> None:
    with pytest.raises(CheckpointError, match=r"here/run: the run's folder was moved or removed.*--resume FOLDER"):
        train(corpus, 15, lambda run: run.rename("moved"))
    assert not any(Path("here").iterdir())
    assert load_state(Path("moved")).values["step"] == 10
    assert rnngen.resume("moved", device="cpu").weights()
    assert load_state(Path("moved")).values["step"] == 30


@pytest.mark.fault(11)
def test_a_folder_that_is_removed_while_a_run_is_trained_is_not_made_again(corpus: Path) -> None:
    with pytest.raises(CheckpointError, match="the run's folder was moved or removed"):
        train(corpus, 15, shutil.rmtree)
    assert not any(Path("here").iterdir())


@pytest.mark.fault(11)
def test_a_folder_that_is_moved_at_any_moment_of_a_save_takes_the_save_with_it(saved: Path) -> None:
    """And what is in its place then stays as it is."""
    with writing(saved) as writer:
        real = states.Folder.create
        for step, name in enumerate(("state.safetensors", "state.json", "manifest.json"), start=3):

            def create(folder: Any, file: str, content: bytes, name: str = name) -> None:
                if file == name and saved.exists():
                    saved.rename("moved")
                    (saved / "resume").mkdir(parents=True)
                real(folder, file, content)

            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(states.Folder, "create", create)
                writer.save_state(step, *state(step))
            assert not any((saved / "resume").iterdir())
            assert load_state(Path("moved")).values["step"] == step
            shutil.rmtree(saved)
            Path("moved").rename(saved)


@pytest.mark.fault(11)
def test_a_folder_that_takes_the_place_of_a_run_in_training_stays_as_it_is(corpus: Path) -> None:
    def replace(run: Path) -> None:
        run.rename("moved")
        run.mkdir()
        (run / "notes").write_text("somebody's")

    with pytest.raises(CheckpointError, match="the run's folder was moved or removed"):
        train(corpus, 15, replace)
    assert [path.name for path in Path("here/run").iterdir()] == ["notes"]


@pytest.mark.parametrize("log", LOGS)
def test_a_log_that_is_lost_while_a_run_is_trained_ends_nothing(corpus: Path, log: str, cli: Cli) -> None:
    train(corpus, 15, lambda run: (run / log).unlink(), sample_every=15)
    run = open_run("here/run")
    assert run.read(METRICS).startswith(b'{"step": ')
    assert (run.path / SAMPLES).read_text().startswith("--- step ")
    assert cli("inspect", "here/run").code == 0
    (run.path / log).unlink()  # and before it is resumed
    assert cli("train", "--resume", "here/run", "--steps", 5, "--quiet").code == 0
    assert cli("inspect", "here/run").code == 0


# logs that are cut when a run is resumed


def test_a_run_that_was_killed_resumed_and_stopped_early_is_sound(corpus: Path, cli: Cli) -> None:
    """Its manifest was written after the state that it is resumed from, when its logs were longer than they are now."""

    def kill(run: Path) -> None:
        raise Killed

    with pytest.raises(Killed):
        train(corpus, 28, kill, valid_every=9)
    assert load_state(Path("here/run")).values["step"] == 20
    covered = open_run("here/run").manifest[METRICS]["bytes"]
    before = open_run("here/run").weights()
    launched = launch.resume(Path("here/run"))
    launched.trainer.stop("SIGINT")
    launch.run_to_end(launched)
    assert (Path("here/run") / METRICS).stat().st_size < covered
    for command in (("inspect", "here/run"), ("sample", "here/run", "--length", 3), ("verify", "here/run")):
        outcome = cli(*command)
        assert (outcome.code, "damaged" in outcome.out + outcome.err) == (0, False), outcome
    after = open_run("here/run").weights()
    assert all(np.array_equal(before[name], after[name]) for name in before)


@pytest.mark.fault(1)
def test_killed_while_logs_are_cut_the_run_is_sound(saved: Path) -> None:
    with writing(saved) as writer:
        writer.append(METRICS, '{"step": 1}\n' * 5)
        writer.save_model(weights(1.0))
    shutil.copytree(saved, "copy")

    def cut(writer: RunWriter) -> None:
        writer.cut_logs({METRICS: 12})

    with writing(Path("copy")) as writer:
        steps = steps_of(lambda: cut(writer), "before")
    assert len(steps) >= 6
    for k in steps:
        shutil.copytree(saved, f"{k}/run")
        with writing(Path(f"{k}/run")) as writer, fault_at(k, "before", Killed), pytest.raises(Killed):
            cut(writer)
        assert open_run(f"{k}/run").read(METRICS)
    assert Run.open(Path("copy")).read(METRICS) == b'{"step": 1}\n'


def test_a_hard_link_to_a_log_keeps_what_it_held_when_the_run_is_resumed(saved: Path) -> None:
    """As in a copy of the run that shares its files."""
    with writing(saved) as writer:
        writer.append(METRICS, "row\n")
    os.link(saved / METRICS, "copy")
    with writing(saved) as writer:
        writer.cut_logs({METRICS: 4})
        writer.append(METRICS, "another\n")
    assert (Path("copy").read_text(), (saved / METRICS).read_text()) == ("row\n", "row\nanother\n")


# what is kept


def test_the_best_weights_and_the_two_newest_states_are_kept(corpus: Path) -> None:
    scores: dict[int, float] = {}

    def on_event(event: Event) -> None:
        if type(event).__name__ == "Validated":
            scores[event.step] = event.nll  # type: ignore[attr-defined]
            if event.best:  # type: ignore[attr-defined]
                launched.trainer.saver.wait()  # so that they are saved
                best[0] = {name: w.copy() for name, w in open_run("run").weights().items()}

    best: list[Any] = [None]
    # so high a learning rate that later steps are not all better
    options = {**FAST, "steps": 40, "valid_every": 4, "save_every": 8, "learning_rate": 0.3, "patience": 0}
    launched = launch.launch({**options, "corpus": [str(corpus)]}, out=Path("run"))
    finished = launch.run_to_end(launched, on_event)
    assert finished.best_step == min((nll, step) for step, nll in scores.items() if step)[1]
    kept = open_run("run").weights()
    assert all(np.array_equal(kept[name], best[0][name]) for name in kept)
    assert [int(path.name) for path in saved_steps(Path("run"))] == [40, 32]


def test_states_of_steps_that_training_did_not_continue_from_are_removed_with_the_next_save(saved: Path) -> None:
    """So that a damaged newest state does not count as one of the two that are kept."""
    with writing(saved) as writer:
        writer.save_state(9, *state(9))
        (saved / "resume/000000009/state.json").write_text("damaged")
        writer.save_state(4, *state(4))
    assert [int(path.name) for path in saved_steps(saved)] == [4, 1]
