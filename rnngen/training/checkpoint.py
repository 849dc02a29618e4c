"""Writing a run: one writer at a time, atomic saves, the last two states to resume from, pruning.

    resume/000000400/state.safetensors   weights, average, optimizer moments, hidden state, random state
    resume/000000400/state.json          step, best score, lengths of the logs
    resume/000000400/manifest.json       SHA-256 of the two; written last
    resume/plan.jsonl                    how the run was planned again: a row per stretch (rnngen/runs/stretches.py)

A state is written into a hidden folder which is then renamed, so it is there whole or not at all. If the newest
is damaged the one before it is used, with a warning.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout
from safetensors import SafetensorError
from safetensors.torch import load as parse_tensors
from safetensors.torch import save as format_tensors
from torch import Tensor

from rnngen.corpus.tokenizer import Tokenizer
from rnngen.errors import CheckpointError
from rnngen.platforms import quote_argument, rename_folder, replace_file, safe_file_name
from rnngen.runs import run as files
from rnngen.runs.stretches import Stretch
from rnngen.training.state_checks import check_tensors, check_values, expected_moments

STATE_TENSORS, STATE_JSON = "state.safetensors", "state.json"
KEEP = 2


@dataclass(frozen=True)
class TrainingState:
    """What training needs to go on as if it had never stopped.

    Attributes:
        tensors: by name, all on the CPU.
        values: JSON: step, best score, and the like.
        warnings: what had to be passed over to find a sound state.
    """

    tensors: dict[str, Tensor]
    values: dict[str, Any]
    warnings: tuple[str, ...] = ()


class RunWriter:
    """A run folder, open for writing by this process alone.

    Args:
        path: the folder; made if it is not there.

    Raises:
        CheckpointError: another process writes it, it cannot be written, or something else than its own files and
            folders is in their place (``rnngen.runs.run.check_places``).
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._begun: list[Path] = []
        try:
            path.mkdir(parents=True, exist_ok=True)
            files.check_places(path)
            self._lock = FileLock(path / files.LOCK)
            self._lock.acquire(timeout=0)
        except Timeout as error:
            with contextlib.suppress(OSError):
                holder = (path / files.HOLDER).read_text(encoding="utf-8")
                raise CheckpointError("another process is writing this run", where=path, found=holder) from error
            raise CheckpointError("another process is writing this run", where=path) from error
        except OSError as error:
            raise files.cannot_write(path, error) from error
        try:
            (path / files.HOLDER).write_text(f"process {os.getpid()} on {socket.gethostname()}", encoding="utf-8")
            self._clean()
        except OSError as error:
            self.close()
            raise files.cannot_write(path, error) from error

    def close(self) -> None:
        """Let others write."""
        with contextlib.suppress(OSError):
            (self.path / files.HOLDER).unlink(missing_ok=True)
        self._lock.release()

    def discard(self, *, folder_too: bool) -> None:
        """Give up a run that never began: remove what it wrote, and the folder if it was made for it."""
        for path in self._begun:
            path.unlink(missing_ok=True)
        self.close()
        with contextlib.suppress(OSError):  # on Windows another process may have just opened the lock
            (self.path / files.LOCK).unlink(missing_ok=True)
            if folder_too:
                self.path.rmdir()

    def _clean(self) -> None:
        """Put committed weights in place; remove what a killed save left behind."""
        with contextlib.suppress(PermissionError):  # a reader has them open on Windows: the next save tries again
            self._settle_weights()
        for name in (files.CONFIG, files.TOKENIZER, *files.LOGS, files.MANIFEST):
            files.temporary(self.path / name).unlink(missing_ok=True)
        for leftover in files.unfinished_states(self.path):
            state = leftover.with_name(leftover.name[1:].removesuffix(files.REPLACED))
            if not leftover.is_dir():
                leftover.unlink()
            elif leftover.name.endswith(files.REPLACED) and not state.exists():  # killed before the new one was there
                rename_folder(leftover, state)
            else:
                shutil.rmtree(leftover)

    def _settle_weights(self) -> None:
        """Weights (and n-grams) that the manifest names but that are not in place take their place; others go."""
        for name in (files.MODEL, files.NGRAM):
            new = self.path / (name + files.NEW)
            content = files.read_file(new)
            if content is not None:
                if files.sha256(content) == self._committed_hash(name):
                    replace_file(new, self.path / name)
                else:
                    new.unlink()

    def _committed_hash(self, name: str) -> str | None:
        """SHA-256 of a file that the manifest names."""
        try:
            return str(files.read_manifest(self.path)[name]["sha256"])
        except (CheckpointError, KeyError):
            return None

    def clear(self) -> None:
        """Remove what a run that never saved left in this folder.

        Raises:
            CheckpointError: it cannot be removed.
        """
        if not files.never_saved(self.path):
            return
        try:
            for name in files.UNSAVED:
                if name != files.RESUME:
                    (self.path / name).unlink(missing_ok=True)
                elif files.is_there(self.path / name, "folder"):
                    (self.path / name / files.PLAN).unlink(missing_ok=True)
                    if not any((self.path / name).iterdir()):  # else it holds what no run left there
                        (self.path / name).rmdir()
        except OSError as error:
            raise files.cannot_write(self.path, error) from error

    def begin(self, config: dict[str, Any], tokenizer: Tokenizer) -> None:
        """Write what is decided before the first step, and empty logs."""
        contents = {files.CONFIG: files.to_json(config), files.TOKENIZER: tokenizer.to_json().encode()}
        for name, content in (contents | dict.fromkeys(files.LOGS, b"")).items():
            self._begun.append(self.path / name)
            files.write_atomically(self.path / name, content)

    def append(self, log: str, text: str) -> None:
        """Add to a log.

        Raises:
            CheckpointError: the disk is full, or something else than a file is in its place.
        """
        path = self.path / log
        try:
            files.is_there(path, "file")
            with path.open("ab") as stream:
                stream.write(text.encode())
        except OSError as error:
            raise files.cannot_write(path, error) from error

    def record_plan(self, stretches: Iterable[Stretch]) -> None:
        """Add to the record of plans, which is never cut: a resumed run follows it.

        Raises:
            CheckpointError: the disk is full, or something else than a file is in its place.
        """
        rows = "".join(metrics_row(**stretch.as_dict()) for stretch in stretches)
        if not files.is_there(self.path / files.RESUME, "folder"):
            try:
                (self.path / files.RESUME).mkdir()
            except OSError as error:
                raise files.cannot_write(self.path / files.RESUME, error) from error
        written = files.read_file(self.path / files.RESUME / files.PLAN) or b"\n"
        torn = not written.endswith(b"\n")  # by a process that was killed
        self.append(f"{files.RESUME}/{files.PLAN}", "\n" * torn + rows)

    def log_lengths(self) -> dict[str, int]:
        """Bytes in each log."""
        return {log: (self.path / log).stat().st_size for log in files.LOGS}

    def cut_logs(self, lengths: Mapping[str, int]) -> None:
        """Forget the rows written after the state that is resumed from.

        Raises:
            CheckpointError: something else than a file is in place of a log.
        """
        for log, length in lengths.items():
            if log in files.LOGS and files.is_there(self.path / log, "file"):
                os.truncate(self.path / log, min(length, (self.path / log).stat().st_size))

    def logged(self, name: str) -> list[float]:
        """A column of metrics.jsonl, from the rows that have it; nothing where the file is gone."""
        rows = map(json.loads, (files.read_file(self.path / files.METRICS) or b"").splitlines())
        return [float(row[name]) for row in rows if name in row]

    def save_model(self, weights: Mapping[str, Tensor]) -> None:
        """Make these the weights to use. An n-gram model was fitted to the ones before: it goes with them.

        Raises:
            CheckpointError: they cannot be written; the ones before are intact.
        """
        content = format_tensors({name: w.float() for name, w in weights.items()}, {"format": "pt"})
        self._commit(files.MODEL, content)
        if (self.path / files.NGRAM).exists():  # the manifest names it no more, so nobody reads it
            with contextlib.suppress(OSError):
                (self.path / files.NGRAM).unlink()

    def save_ngram(self, content: bytes) -> None:
        """Put an n-gram model beside the weights it was fitted to.

        Raises:
            CheckpointError: it cannot be written; what was there before is intact.
        """
        self._commit(files.NGRAM, content, beside=(files.MODEL,))

    def _commit(self, name: str, content: bytes, beside: tuple[str, ...] = ()) -> None:
        """Write a file whole, then the manifest that names it and those beside it, then put it in its place."""
        new = self.path / (name + files.NEW)
        try:
            self._settle_weights()
            files.write_synced(new, content)
            others = (files.CONFIG, files.TOKENIZER, *files.LOGS, *beside)
            entries = {other: files.read_needed(self.path / other) for other in others}
            files.write_atomically(self.path / files.MANIFEST, files.manifest_bytes({**entries, name: content}))
            with contextlib.suppress(PermissionError):  # open in another process on Windows: see rnngen/runs/run.py
                replace_file(new, self.path / name)
            files.sync_folder(self.path)
        except (OSError, CheckpointError) as error:
            # once the manifest names them the new weights are the ones to use, wherever they lie
            with contextlib.suppress(OSError, CheckpointError):
                if files.sha256(files.read_needed(new)) != self._committed_hash(name):
                    new.unlink()
            raise error if isinstance(error, CheckpointError) else files.cannot_write(new, error) from error

    @property
    def has_model(self) -> bool:
        """Whether there are weights to use."""
        return (self.path / files.MANIFEST).exists()

    @property
    def has_ngram(self) -> bool:
        """Whether there is an n-gram model that was fitted to these weights."""
        return self._committed_hash(files.NGRAM) is not None

    def save_state(self, step: int, tensors: Mapping[str, Tensor], values: Mapping[str, Any]) -> Path:
        """Save what ``--resume`` goes on from, and prune older ones.

        Raises:
            CheckpointError: it cannot be written; the ones before are intact.
        """
        folder = self.path / files.RESUME / f"{step:09d}"
        work = folder.with_name(f".{folder.name}")
        contents = {STATE_TENSORS: format_tensors(dict(tensors)), STATE_JSON: files.to_json(dict(values))}
        replaced = folder.with_name(f".{folder.name}{files.REPLACED}")
        if folder.exists():  # the same step saved twice, by a stop right after a save
            with contextlib.suppress(CheckpointError):
                if _same(_read_state(folder)[1], values):
                    return folder
        try:
            files.is_there(folder.parent, "folder")
            shutil.rmtree(work, ignore_errors=True)
            if folder.exists():  # else what it replaces is all that is left of it
                shutil.rmtree(replaced, ignore_errors=True)
            work.mkdir(parents=True)
            for name, content in contents.items():
                files.write_synced(work / name, content)
            files.write_synced(work / files.MANIFEST, files.manifest_bytes(contents))
            files.sync_folder(work)
            if folder.exists():  # damaged, or something that was due at this step has been done since
                rename_folder(folder, replaced)
            rename_folder(work, folder)
            files.sync_folder(folder.parent)
            shutil.rmtree(replaced, ignore_errors=True)
        except OSError as error:
            shutil.rmtree(work, ignore_errors=True)
            if replaced.exists() and not folder.exists():
                with contextlib.suppress(OSError):  # then the next process that writes the run puts it back
                    rename_folder(replaced, folder)
            raise files.cannot_write(folder, error) from error
        for old in files.saved_steps(self.path)[KEEP:]:
            shutil.rmtree(old, ignore_errors=True)
        return folder


def _same(values: Any, others: Mapping[str, Any]) -> bool:
    """Whether two states of the same step are the same but for the time that was spent."""
    return isinstance(values, Mapping) and {**values, "seconds": 0} == {**json.loads(json.dumps(others)), "seconds": 0}


def load_state(run: Path) -> TrainingState:
    """The newest sound state of a run.

    Raises:
        CheckpointError: there is none, or none that is sound.
    """
    warnings: list[str] = []
    for folder in files.saved_steps(run):
        try:
            tensors, values = _read_state(folder)
            check_values(values, int(folder.name), folder / STATE_JSON)
        except CheckpointError as error:
            warnings.append(str(error))
            continue
        passed = tuple(f"{w} Going on from {folder.name} instead." for w in warnings)
        return TrainingState(tensors, values, passed)
    if warnings:
        raise CheckpointError("every saved state is damaged", where=run / files.RESUME, found=warnings[0])
    quoted = quote_argument(str(run))
    raise CheckpointError(
        "has no state to resume from",
        where=run,
        expected=f"a saved state in {run / files.RESUME}",
        hint=f"Begin a new run with its weights: rnngen train TEXT --init-from {quoted}.",
    )


def _read_state(folder: Path) -> tuple[dict[str, Tensor], Any]:
    files.is_there(folder, "folder")
    reader = files.Run(folder, files.read_manifest(folder), {})
    values = files.read_json(folder / STATE_JSON, reader.read(STATE_JSON))
    try:
        tensors = parse_tensors(reader.read(STATE_TENSORS))
    except (SafetensorError, KeyError, ValueError, TypeError, RuntimeError) as error:
        raise CheckpointError("is not a sound safetensors file", where=folder / STATE_TENSORS, found=error) from error
    return tensors, values


def pack(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Names put under a prefix."""
    return {f"{prefix}/{name}": t.detach().to("cpu").contiguous() for name, t in tensors.items()}


def unpack(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors under a prefix, by the rest of their names."""
    return {name.removeprefix(f"{prefix}/"): t for name, t in tensors.items() if name.startswith(f"{prefix}/")}


def pack_optimizers(optimizers: Sequence[torch.optim.Optimizer]) -> dict[str, Tensor]:
    """The optimizers' moments and counters, by ``optimizer/parameter index/name``."""
    flat: dict[str, Tensor] = {}
    for number, optimizer in enumerate(optimizers):
        for i, entry in optimizer.state_dict()["state"].items():
            flat |= {f"{number}/{i}/{name}": torch.as_tensor(value) for name, value in entry.items()}
    return pack("optimizer", flat)


def unpack_optimizers(
    optimizers: Sequence[torch.optim.Optimizer],
    tensors: Mapping[str, Tensor],
    where: object = None,
    *,
    stepped: bool | None = None,
) -> None:
    """Put back what ``pack_optimizers`` took; the parameter groups come from the configuration.

    Args:
        optimizers: as they were made, in the same order.
        tensors: by name; those that do not begin with ``optimizer/`` are left alone.
        where: they are from, for errors.
        stepped: whether they had taken a step, and so had moments; None: whatever the tensors say.

    Raises:
        CheckpointError: they are not the moments of these optimizers; nothing was put back.
    """
    found = {name: tensor for name, tensor in tensors.items() if name.startswith("optimizer/")}
    check_tensors(found, expected_moments(optimizers) if found or stepped else {}, where)
    states: list[dict[int, dict[str, Tensor]]] = [{} for _ in optimizers]
    for name, tensor in unpack("optimizer", found).items():
        number, index, key = name.split("/")
        states[int(number)].setdefault(int(index), {})[key] = tensor
    for optimizer, state in zip(optimizers, states, strict=True):
        optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def new_run_folder(parent: Path, stem: str) -> Path:
    """The first free name ``stem-1``, ``stem-2``, … under ``parent``."""
    return next(p for p in _numbered(parent, safe_file_name(stem)) if not p.exists())


def _numbered(parent: Path, stem: str) -> Iterator[Path]:
    number = 1
    while True:
        yield parent / f"{stem}-{number}"
        number += 1


def metrics_row(**values: Any) -> str:
    """One line of metrics.jsonl."""
    return json.dumps(values, allow_nan=False) + "\n"
