"""Opening a run by its folder, or the newest run; where there is none, the error says what to do."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Sequence
from pathlib import Path

from rnngen import arguments
from rnngen.errors import CheckpointError, RnngenError, UsageError
from rnngen.platforms import quote_argument
from rnngen.runs.failure import failure_of
from rnngen.runs.files import exists, read_json
from rnngen.runs.layout import CONFIG, HOLDER, MANIFEST, MODEL, RESUME, STATE_JSON, checkpoints_folder, saved_steps
from rnngen.runs.run import Run

_MADE_BY_TRAIN = "a folder made by rnngen train"
_SHOWN_BY = (CONFIG, MANIFEST)
_SLACK = 366 * 86_400 * 10**9  # nanoseconds by which a clock may have been set back since a run was saved
_LISTED = 5  # runs named in a hint


def open_run(path: str | Path | None = None) -> Run:
    """Open a run by its folder, or the newest complete one under ``checkpoints/``.

    Raises:
        CheckpointError: there is none, or it is damaged.
        UsageError: no folder can have this name.
    """
    folder = run_folder(path)
    if never_saved(folder):
        raise never_saved_error(folder, being_trained=exists(folder / HOLDER, "file"))  # unless it was killed
    if not exists(folder / MANIFEST, "file"):
        lost = exists(folder / MODEL, "file")
        raise CheckpointError(
            f"has lost its {MANIFEST}" if lost else "has no saved model yet",
            where=folder,
            expected=f"{_MADE_BY_TRAIN}, with a manifest.json",
            hint=f"Resume its training: rnngen train --resume {quote_argument(str(folder))}."
            if exists(folder / CONFIG, "file") and saved_steps(folder)
            else None,
        )
    return Run.open(folder)


def open_runs(paths: Sequence[str | Path | None]) -> list[Run]:
    """Open runs, each once, however often it is named; without any, the newest complete one.

    Raises:
        As ``open_run``.
    """
    return list({run.path.resolve(): run for run in map(open_run, paths or (None,))}.values())


def lost_weights(folder: Path) -> RnngenError | None:
    """Why the weights that a run has saved cannot be used; None: they can, or there are none yet."""
    if not exists(folder / MANIFEST, "file") and not exists(folder / MODEL, "file"):
        return None
    try:
        open_run(folder).weights()
    except RnngenError as error:
        return error
    return None


def run_folder(path: str | Path | None = None) -> Path:
    """The folder of a run, sound or damaged, or of the newest complete one under ``checkpoints/``.

    Raises:
        CheckpointError: there is none.
        UsageError: no folder can have this name.
    """
    if path is not None and (unusable := arguments.why_unusable(path)):
        raise UsageError("is not a run", where=path, expected=_MADE_BY_TRAIN, found=unusable)
    folder = Path(path) if path is not None else newest_run()
    if not arguments.is_folder(folder):
        raise _no_folder(folder)
    if (run := _run_of_states(folder)) is not None:
        what = "holds the saved states of" if folder.absolute().name == RESUME else "is a saved state of"
        raise CheckpointError(
            f"is not a run; it {what} {run}",
            where=folder,
            expected=_MADE_BY_TRAIN,
            hint=f"Name the run: {quote_argument(str(run))}.",
        )
    if not any(exists(folder / name, "file", "folder") for name in (CONFIG, MANIFEST, RESUME)):
        runs = sorted(runs_in(folder, MANIFEST))
        raise CheckpointError(
            "is not a run",
            where=folder,
            expected=_MADE_BY_TRAIN,
            hint=f"It holds runs: {_listed(runs)}." if runs else None,
        )
    return folder


def _run_of_states(folder: Path) -> Path | None:
    """The run whose saved states are in a folder, or to which it belongs as one of them; None: it is neither."""
    resume = folder.absolute() if folder.absolute().name == RESUME else folder.absolute().parent
    if resume.name != RESUME or _is_file(folder / CONFIG) or not any(_is_file(resume.parent / n) for n in _SHOWN_BY):
        return None
    return Path(os.path.normpath(folder / ".." if resume == folder.absolute() else folder / ".." / ".."))


def newest_run() -> Path:
    """The run under ``checkpoints/`` whose weights were saved last; see ``order_of``.

    One that failed before it learned anything is taken only if there is no other.

    Raises:
        CheckpointError: there is none.
    """
    folder = checkpoints_folder()
    runs = runs_in(folder, MANIFEST)
    if not runs:
        here = runs_in(Path(), MANIFEST)
        raise CheckpointError(
            "there is no trained model yet",
            where=folder,
            expected="a run made by rnngen train",
            hint=f"Runs in this folder are named: {_listed(here)}." if here else "Train one: rnngen train FILE.",
        )
    return next((run for run in reversed(runs) if not learned_nothing(run)), runs[-1])


def learned_nothing(folder: Path) -> bool:
    """Whether the training of a run failed, and the weights that it keeps have learned nothing."""
    try:
        failure = failure_of(Run.open(folder))
    except RnngenError:  # it is damaged, which is told when it is opened
        return False
    return failure is not None and failure.kept_step == 0


def remove_failed(folder: Path) -> str:
    """What to do with a run that has learned nothing, as the beginning of a sentence."""
    return f"Its training failed. Remove it: rnngen rm {quote_argument(str(folder))}"


def runs_in(folder: Path, *having: str) -> list[Path]:
    """The runs in a folder, the newest last; see ``order_of``. What cannot be read is passed over.

    Args:
        folder: that holds runs.
        having: files of which a run must have one: by default any that shows that it is one.
    """
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if entry.is_dir()]
    except OSError:
        return []
    found = [folder / name for name in names if is_run(folder / name, *having)]
    return sorted(found, key=lambda run: (order_of(run), run.name))


def is_run(folder: Path, *having: str) -> bool:
    """Whether a folder is a run, sound or damaged; ``having`` as for ``runs_in``."""
    shown = any(_is_file(folder / file) for file in having or _SHOWN_BY)
    return shown and not _is_file(folder / STATE_JSON)  # a saved state has a manifest, too


def order_of(run: Path) -> int:
    """By what runs are sorted, the one whose weights were saved last being the last.

    It is the time of that save, in nanoseconds since 1970, or more: never less than that of a run that was saved before
    in the same folder, so a clock that is set back by less than a year changes nothing. Runs of older versions do not
    record it; then it is the time at which the manifest was written. Of a run without a manifest it is the time at
    which its folder changed. What lies more than a year ahead is not believed: no run could be saved after it.
    0: there is no time to believe, or the run is being removed.
    """
    latest = time.time_ns() + _SLACK
    with contextlib.suppress(CheckpointError):
        manifest = read_json(run / MANIFEST)
        order = manifest.get("order") if isinstance(manifest, dict) else None
        if isinstance(order, int) and 0 <= order <= latest:
            return order
    for path in (run / MANIFEST, run):
        with contextlib.suppress(OSError):
            changed = path.lstat().st_mtime_ns
            return changed if changed <= latest else 0
    return 0


def next_order(run: Path) -> int:
    """What ``order_of`` is to be for a run that is being saved: more than for any other in the same folder."""
    others = [order_of(other) for other in runs_in(run.absolute().parent, MANIFEST)]
    return max(time.time_ns(), 1 + max(others, default=0))


def _is_file(path: Path) -> bool:
    try:
        return exists(path, "file")
    except CheckpointError:
        return False


def never_saved(folder: Path) -> bool:
    """Whether a run was begun in this folder, and ended before it saved anything."""
    with contextlib.suppress(CheckpointError):  # then it is no run, or not one that may be begun again
        if not exists(folder / CONFIG, "file") or exists(folder / MANIFEST, "file") or saved_steps(folder):
            return False
        config = read_json(folder / CONFIG)
        return isinstance(config, dict) and {"rnngen", "model", "train"} <= config.keys()
    return False


def never_saved_error(folder: Path, *, being_trained: bool) -> CheckpointError:
    """The error for a run that has to be saved but never was, with the command that begins it again.

    Args:
        folder: the run's.
        being_trained: whether another process may be training it now.
    """
    text = "TEXT"
    with contextlib.suppress(CheckpointError, KeyError, TypeError, AttributeError):
        sources = read_json(folder / CONFIG)["data"]["corpus"]
        text = " ".join(quote_argument(str(source)) for source in sources)
    again = f"begin it again in the same folder: rnngen train {text} --out {quote_argument(str(folder))}."
    return CheckpointError(
        "this run has not saved anything",
        where=folder,
        expected="a run that was saved at least once",
        hint=f"Wait for its first save, or, if it is not being trained any more, {again}"
        if being_trained
        else f"{again[0].upper()}{again[1:]}",
    )


def _no_folder(folder: Path) -> CheckpointError:
    """The error for a run that is not a folder, with what was probably meant."""
    if arguments.exists(folder):
        found = "a file"
        hint = (
            "A text comes after the run: rnngen train --resume RUN TEXT, rnngen eval RUN TEXT, or "
            "rnngen sample RUN --prompt-file TEXT."
        )
    else:
        from rnngen.options.other_names import closest  # here: only a mistake needs it

        known = {run.name: run for run in runs_in(checkpoints_folder(), MANIFEST)}
        near = closest(folder.name, known)
        found, hint = "nothing there", f"Did you mean {known[near]}?" if near else "List the runs: rnngen runs."
        hint = hint if known else "Train one: rnngen train TEXT."
    return CheckpointError("is not a run", where=folder, expected=_MADE_BY_TRAIN, found=found, hint=hint)


def _listed(runs: Sequence[Path]) -> str:
    return ", ".join(map(str, runs[:_LISTED])) + ", …" * (len(runs) > _LISTED)
