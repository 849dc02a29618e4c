"""Writing a run: one process at a time, every save complete or as if it had never begun."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from rnngen.corpus.tokenizer import Tokenizer
from rnngen.errors import CheckpointError
from rnngen.platforms import replace_file
from rnngen.runs import files, states
from rnngen.runs.finding import never_saved
from rnngen.runs.layout import (
    CONFIG,
    HOLDER,
    LOCK,
    LOGS,
    MANIFEST,
    METRICS,
    MODEL,
    NEW,
    NGRAM,
    PLAN,
    RESUME,
    TOKENIZER,
    UNSAVED,
    check_layout,
)
from rnngen.runs.manifest import manifest_bytes, read_manifest, sha256
from rnngen.runs.plan_record import Stretch
from rnngen.untrusted import parse_json


class RunWriter:
    """A run folder, open for writing by this process alone.

    Args:
        path: the folder; made if it does not exist.

    Raises:
        CheckpointError: another process writes it, it cannot be written, or one of its files or folders is a link or
            the like (see ``check_layout``).
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._begun: list[Path] = []
        try:
            path.mkdir(parents=True, exist_ok=True)
            check_layout(path)
            self._lock = FileLock(path / LOCK)
            self._lock.acquire(timeout=0)
        except Timeout as error:
            with contextlib.suppress(OSError):
                holder = (path / HOLDER).read_text(encoding="utf-8")
                raise CheckpointError("another process is writing this run", where=path, found=holder) from error
            raise CheckpointError("another process is writing this run", where=path) from error
        except OSError as error:
            raise files.cannot_write(path, error) from error
        try:
            (path / HOLDER).write_text(f"process {os.getpid()} on {socket.gethostname()}", encoding="utf-8")
            self._clean()
        except OSError as error:
            self.close()
            raise files.cannot_write(path, error) from error

    def close(self) -> None:
        """Let other processes write the run."""
        with contextlib.suppress(OSError):
            (self.path / HOLDER).unlink(missing_ok=True)
        self._lock.release()

    def discard(self, *, folder_too: bool) -> None:
        """Give up a run that never began: remove what it wrote, and the folder if it was made for it."""
        for path in self._begun:
            path.unlink(missing_ok=True)
        self.close()
        with contextlib.suppress(OSError):  # on Windows another process may have just opened the lock
            (self.path / LOCK).unlink(missing_ok=True)
            if folder_too:
                self.path.rmdir()

    def _clean(self) -> None:
        """Complete the commit of weights that was interrupted; remove what a killed save left behind."""
        with contextlib.suppress(PermissionError):  # a reader has them open on Windows: the next save tries again
            self._settle_weights()
        for name in (CONFIG, TOKENIZER, *LOGS, MANIFEST):
            files.temporary(self.path / name).unlink(missing_ok=True)
        states.clean_states(self.path)

    # a new run

    def clear(self) -> None:
        """Remove what a run that never saved left in this folder.

        Raises:
            CheckpointError: it cannot be removed.
        """
        if not never_saved(self.path):
            return
        try:
            for name in UNSAVED:
                if name != RESUME:
                    (self.path / name).unlink(missing_ok=True)
                elif files.exists(self.path / name, "folder"):
                    (self.path / name / PLAN).unlink(missing_ok=True)
                    if not any((self.path / name).iterdir()):  # otherwise it holds files that no run wrote
                        (self.path / name).rmdir()
        except OSError as error:
            raise files.cannot_write(self.path, error) from error

    def begin(self, config: dict[str, Any], tokenizer: Tokenizer) -> None:
        """Write what is decided before the first step, and empty logs.

        Raises:
            CheckpointError: it cannot be written.
        """
        contents = {CONFIG: files.to_json(config), TOKENIZER: tokenizer.to_json().encode()}
        for name, content in (contents | dict.fromkeys(LOGS, b"")).items():
            self._begun.append(self.path / name)
            files.write_atomically(self.path / name, content)

    # logs

    def append(self, log: str, text: str) -> None:
        """Add to a log.

        Raises:
            CheckpointError: the disk is full, or the file is a link or the like.
        """
        path = self.path / log
        try:
            files.exists(path, "file")
            with path.open("ab") as stream:
                stream.write(text.encode())
        except OSError as error:
            raise files.cannot_write(path, error) from error

    def log_metrics(self, **values: Any) -> None:
        """Add a row to metrics.jsonl.

        Raises:
            CheckpointError: as ``append``.
        """
        self.append(METRICS, files.to_json_line(**values))

    def logged(self, name: str) -> list[float]:
        """A column of metrics.jsonl, from the rows that have it; empty if the file is gone."""
        rows = map(parse_json, (files.read_file(self.path / METRICS) or b"").splitlines())
        return [float(row[name]) for row in rows if name in row]

    def log_lengths(self) -> dict[str, int]:
        """Bytes in each log."""
        return {log: (self.path / log).stat().st_size for log in LOGS}

    def cut_logs(self, lengths: Mapping[str, int]) -> None:
        """Remove the rows written after the state that training is resumed from.

        Raises:
            CheckpointError: a log is a link or the like.
        """
        for log, length in lengths.items():
            if log in LOGS and files.exists(self.path / log, "file"):
                os.truncate(self.path / log, min(length, (self.path / log).stat().st_size))

    def record_plan(self, stretches: Iterable[Stretch]) -> None:
        """Add to the record of plans, which is never cut: a resumed run follows it.

        Raises:
            CheckpointError: the disk is full, or the file is a link or the like.
        """
        folder = self.path / RESUME
        if not files.exists(folder, "folder"):
            try:
                folder.mkdir()
            except OSError as error:
                raise files.cannot_write(folder, error) from error
        written = files.read_file(folder / PLAN) or b"\n"
        unfinished = not written.endswith(b"\n")  # the last row, by a process that was killed
        rows = "".join(files.to_json_line(**stretch.as_dict()) for stretch in stretches)
        self.append(f"{RESUME}/{PLAN}", "\n" * unfinished + rows)

    # the weights to use

    @property
    def has_model(self) -> bool:
        """Whether there are weights to use."""
        return (self.path / MANIFEST).exists()

    @property
    def has_ngram(self) -> bool:
        """Whether there is an n-gram model that was fitted to these weights."""
        return self._committed_hash(NGRAM) is not None

    def save_model(self, content: bytes) -> None:
        """Make these the weights to use, and drop the n-gram model, which was fitted to those before.

        Args:
            content: of a safetensors file.

        Raises:
            CheckpointError: they cannot be written; those before are intact.
        """
        self._commit(MODEL, content)
        if (self.path / NGRAM).exists():  # the manifest no longer names it, so nobody reads it
            with contextlib.suppress(OSError):
                (self.path / NGRAM).unlink()

    def save_ngram(self, content: bytes) -> None:
        """Add an n-gram model that was fitted to the weights.

        Args:
            content: of a safetensors file.

        Raises:
            CheckpointError: it cannot be written; the one before is intact.
        """
        self._commit(NGRAM, content, kept=(MODEL,))

    def _commit(self, name: str, content: bytes, kept: tuple[str, ...] = ()) -> None:
        """Write the new file, then the manifest that names it and those that are kept, then replace the old file."""
        new = self.path / (name + NEW)
        try:
            self._settle_weights()
            files.write_synced(new, content)
            contents = {other: files.read_needed(self.path / other) for other in (CONFIG, TOKENIZER, *LOGS, *kept)}
            files.write_atomically(self.path / MANIFEST, manifest_bytes({**contents, name: content}))
            with contextlib.suppress(PermissionError):  # open in another process on Windows: see manifest.py
                replace_file(new, self.path / name)
            files.sync_folder(self.path)
        except (OSError, CheckpointError) as error:
            # once the manifest names the new file it is the one to use, even if it has not replaced the old one
            with contextlib.suppress(OSError, CheckpointError):
                if sha256(files.read_needed(new)) != self._committed_hash(name):
                    new.unlink()
            raise error if isinstance(error, CheckpointError) else files.cannot_write(new, error) from error

    def _settle_weights(self) -> None:
        """Replace old weights and n-grams by new ones that the manifest names; remove those that it does not name."""
        for name in (MODEL, NGRAM):
            new = self.path / (name + NEW)
            content = files.read_file(new)
            if content is not None:
                if sha256(content) == self._committed_hash(name):
                    replace_file(new, self.path / name)
                else:
                    new.unlink()

    def _committed_hash(self, name: str) -> str | None:
        """SHA-256 of a file according to the manifest; None if it is not named."""
        try:
            return str(read_manifest(self.path)[name]["sha256"])
        except (CheckpointError, KeyError):
            return None

    # states to resume from

    def save_state(self, step: int, tensors: bytes, values: Mapping[str, Any]) -> Path:
        """Save a state that training can be resumed from; see ``rnngen.runs.states.save_state``."""
        return states.save_state(self.path, step, tensors, values)
