"""Opening a run by its folder, or the newest run; where there is none, the error says what to do."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

from rnngen.arguments import why_unusable
from rnngen.errors import CheckpointError, UsageError
from rnngen.platforms import quote_argument
from rnngen.runs.files import read_json
from rnngen.runs.layout import CONFIG, HOLDER, MANIFEST, RESUME, checkpoints_folder, saved_steps
from rnngen.runs.manifest import read_manifest
from rnngen.runs.run import Run

_MADE_BY_TRAIN = "a folder made by rnngen train"
_LISTED = 5  # runs named in a hint


def open_run(path: str | Path | None = None) -> Run:
    """Open a run by its folder, or the newest complete one under ``checkpoints/``.

    Raises:
        CheckpointError: there is none, or it is damaged.
        UsageError: no folder can have this name.
    """
    if path is not None and (unusable := why_unusable(path)):
        raise UsageError("is not a run", where=path, expected=_MADE_BY_TRAIN, found=unusable)
    folder = Path(path) if path is not None else newest_run()
    if not folder.is_dir():
        raise _no_folder(folder)
    if not any((folder / name).exists() for name in (CONFIG, MANIFEST, RESUME)):
        runs = sorted(manifest.parent for manifest in folder.glob(f"*/{MANIFEST}"))
        raise CheckpointError(
            "is not a run",
            where=folder,
            expected=_MADE_BY_TRAIN,
            hint=f"It holds runs: {_listed(runs)}." if runs else None,
        )
    if never_saved(folder):
        raise never_saved_error(folder, being_trained=(folder / HOLDER).exists())  # unless its process was killed
    if not (folder / MANIFEST).exists():
        raise CheckpointError(
            "has no saved model yet",
            where=folder,
            expected=f"{_MADE_BY_TRAIN}, with a manifest.json",
            hint=f"Resume its training: rnngen train --resume {quote_argument(str(folder))}."
            if (folder / CONFIG).exists() and saved_steps(folder)
            else None,
        )
    manifest = read_manifest(folder)
    config = read_json(folder / CONFIG, Run(folder, manifest, {}).read(CONFIG))
    if not isinstance(config, dict):
        raise CheckpointError("is not a configuration", where=folder / CONFIG)
    return Run(folder, manifest, config)


def newest_run() -> Path:
    """The run under ``checkpoints/`` whose manifest was written last.

    Raises:
        CheckpointError: there is none.
    """
    folder = checkpoints_folder()
    manifests = [manifest for manifest in folder.glob(f"*/{MANIFEST}") if manifest.is_file()]
    if not manifests:
        here = sorted(manifest.parent for manifest in Path().glob(f"*/{MANIFEST}"))
        raise CheckpointError(
            "there is no trained model yet",
            where=folder,
            expected="a run made by rnngen train",
            hint=f"Runs in this folder are named: {_listed(here)}." if here else "Train one: rnngen train FILE.",
        )
    return max(manifests, key=lambda manifest: (manifest.stat().st_mtime_ns, manifest.parent.name)).parent


def never_saved(folder: Path) -> bool:
    """Whether a run was begun in this folder, and ended before it saved anything."""
    if not (folder / CONFIG).is_file() or (folder / MANIFEST).exists():
        return False
    with contextlib.suppress(CheckpointError):  # then it is no run, or not one that may be begun again
        if saved_steps(folder):
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
    if folder.exists():
        found = "a file"
        hint = (
            "A text comes after the run: rnngen train --resume RUN TEXT, rnngen eval RUN TEXT, or "
            "rnngen sample RUN --prompt-file TEXT."
        )
    else:
        from rnngen.options.other_names import closest  # here: only a mistake needs it

        known = {manifest.parent.name: manifest.parent for manifest in checkpoints_folder().glob(f"*/{MANIFEST}")}
        near = closest(folder.name, known)
        found, hint = "nothing there", f"Did you mean {known[near]}?" if near else "List the runs: rnngen runs."
        hint = hint if known else "Train one: rnngen train TEXT."
    return CheckpointError("is not a run", where=folder, expected=_MADE_BY_TRAIN, found=found, hint=hint)


def _listed(runs: Sequence[Path]) -> str:
    return ", ".join(map(str, runs[:_LISTED])) + ", …" * (len(runs) > _LISTED)
