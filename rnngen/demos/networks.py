"""Several networks trained on one text, one after the other, each in a folder of its own under one folder.

What was trained before with the same options on the same text is not trained again, and a training that was stopped is
resumed.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from rnngen.errors import CheckpointError, CorpusError, TrainingError
from rnngen.runs.failure import failure_of
from rnngen.runs.files import exists, read_json
from rnngen.runs.finding import open_run
from rnngen.runs.folder import cannot_write, write_atomically
from rnngen.runs.layout import saved_steps
from rnngen.runs.run import Run
from rnngen.training.events import Event
from rnngen.training.launch import launch, resume, run_to_end
from rnngen.training.trainer import Trainer

SETTINGS = "networks.json"
"""The file beside the runs: how each was trained, and whether that is over."""


def train_networks(
    folder: Path,
    text: Path,
    networks: Mapping[str, Mapping[str, Any]],
    on_event: Callable[[str, Event], None] | None = None,
    during: Callable[[Trainer], AbstractContextManager[None]] = lambda trainer: contextlib.nullcontext(),
    *,
    may_fail: bool = False,
) -> dict[str, Run]:
    """Train networks on a text, or open them if they are trained.

    Args:
        folder: of the runs; it is made.
        text: the file to train on.
        networks: the options of each network, as ``rnngen.train`` takes them, by the name of its folder.
        on_event: called with the network's name and every event of its training.
        during: makes the context in which a trainer runs, which may stop it.
        may_fail: whether a training that diverges is a result like others: what it left is opened.

    Raises:
        RnngenError: the text cannot be read, an option is invalid, or the folder holds something else.
        KeyboardInterrupt: a trainer was stopped; its run is saved.
    """
    content = _sha256(text)
    known = _known(folder)
    runs = {}
    for name, options in networks.items():
        settings = json.loads(json.dumps({"text": content, **options}))
        before = known.get(name, {})
        if before.get("settings") != settings or not before.get("finished") or not exists(folder / name, "folder"):
            if before.get("settings") == settings and exists(folder / name, "folder") and saved_steps(folder / name):
                launched = resume(folder / name)
            else:
                launched = launch({**options, "corpus": [str(text)]}, out=folder / name)
            known[name] = {"settings": settings, "finished": False}
            _record(folder, known)
            try:
                with during(launched.trainer):
                    finished = run_to_end(launched, None if on_event is None else _named(on_event, name))
                if not finished.is_over:
                    raise KeyboardInterrupt
            except TrainingError:
                if not may_fail or failure_of(open_run(folder / name)) is None:
                    raise
            known[name]["finished"] = True
            _record(folder, known)
        runs[name] = open_run(folder / name)
    return runs


def _sha256(text: Path) -> str:
    try:
        return hashlib.sha256(text.read_bytes()).hexdigest()
    except OSError as error:
        why = "no such file" if isinstance(error, FileNotFoundError) else f"cannot be read ({error.strerror})"
        raise CorpusError(why, where=text, expected="a file of text") from error


def _named(on_event: Callable[[str, Event], None], name: str) -> Callable[[Event], None]:
    return lambda event: on_event(name, event)


def _known(folder: Path) -> dict[str, dict[str, Any]]:
    """The settings of the networks that were trained before, by name."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(folder, error) from error
    if not exists(folder / SETTINGS, "file"):
        return {}
    found = read_json(folder / SETTINGS)
    if not isinstance(found, dict) or not all(isinstance(each, dict) for each in found.values()):
        raise CheckpointError("does not say how networks were trained", where=folder / SETTINGS)
    return found


def _record(folder: Path, known: Mapping[str, Any]) -> None:
    write_atomically(folder / SETTINGS, (json.dumps(known, indent=2) + "\n").encode())
