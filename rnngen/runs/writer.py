"""Writing a run: one process at a time, every save complete or as if it had never begun."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from rnngen.corpus.tokenizer import Tokenizer
from rnngen.errors import CheckpointError
from rnngen.runs import files, manifest, states
from rnngen.runs.finding import never_saved, next_order, order_of
from rnngen.runs.folder import Folder, cannot_write
from rnngen.runs.layout import (
    ADAPTATION,
    CONFIG,
    LOCK,
    LOGS,
    MANIFEST,
    METRICS,
    MODEL,
    NEW,
    NGRAM,
    OF_WEIGHTS,
    PLAN,
    RESUME,
    TEMPORARY,
    TOKENIZER,
    UNSAVED,
    check_layout,
)
from rnngen.runs.lock import RunLock
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
        self._begun: list[str] = []
        self._adding = threading.Lock()  # a save, in a thread, counts whole rows only
        try:
            path.mkdir(parents=True, exist_ok=True)
            self._folder = Folder.open(path)
        except OSError as error:
            raise cannot_write(path, error) from error
        with contextlib.ExitStack() as failed:
            failed.callback(self._folder.close)
            try:
                check_layout(path)
                self._lock = RunLock(self._folder)
                failed.callback(self._lock.release)
                self._clean()
            except OSError as error:
                raise cannot_write(path, error) from error
            failed.pop_all()

    def close(self) -> None:
        """Let other processes write the run."""
        try:
            self._lock.release()
        finally:
            self._folder.close()

    def discard(self, *, folder_too: bool) -> None:
        """Give up a run that never began: remove what it wrote, and the folder if it was made for it."""
        in_place = self._folder.is_in_place()
        with contextlib.suppress(OSError):  # on Windows another process may have just opened the lock
            for name in reversed(self._begun):
                self._folder.remove(name)
            self._lock.release()
            self._folder.remove(LOCK)
            if folder_too and in_place:
                self.path.rmdir()
        self.close()

    def _clean(self) -> None:
        """Complete the commit of weights that was interrupted; remove what a killed save left behind."""
        with contextlib.suppress(PermissionError):  # a reader has them open on Windows: the next save tries again
            self._settle_weights()
        for name in TEMPORARY:
            self._folder.remove(name)
        states.clean_states(self._folder)

    @contextlib.contextmanager
    def _writing(self, name: str) -> Iterator[Folder]:
        """The folder, if it is still this process's to write.

        Raises:
            CheckpointError: it is not, or the system refuses what is done to it.
        """
        self._lock.check()
        try:
            yield self._folder
        except OSError as error:
            self._lock.check()  # a folder that was removed meanwhile is called that
            raise cannot_write(self.path / name, error) from error

    # a new run

    def clear(self) -> None:
        """Remove what a run that never saved left in this folder.

        Raises:
            CheckpointError: it cannot be removed.
        """
        if not never_saved(self.path):
            return
        with self._writing("") as folder:
            if folder.exists(RESUME, "folder"):
                with folder.folder(RESUME) as resume:
                    resume.remove(PLAN)
                    empty = not resume.names()
                if empty:  # otherwise it holds files that no run wrote
                    folder.remove_empty(RESUME)
            for name in UNSAVED[1:]:
                folder.remove(name)

    def begin(self, config: dict[str, Any], tokenizer: Tokenizer) -> None:
        """Write what is decided before the first step, and empty logs.

        Raises:
            CheckpointError: it cannot be written.
        """
        contents = {CONFIG: files.to_json(config), TOKENIZER: tokenizer.to_json().encode()}
        for name, content in (contents | dict.fromkeys(LOGS, b"")).items():
            self._begun.append(name)
            with self._writing(name) as folder:
                folder.put(name, content)

    # logs

    def append(self, log: str, text: str) -> None:
        """Add to a log, which is begun again if it was removed.

        Raises:
            CheckpointError: the disk is full, or the file is a link or the like; nothing of the text is in it.
        """
        with self._adding, self._writing(log) as folder:
            folder.append(log, text.encode())

    def log_metrics(self, **values: Any) -> None:
        """Add a row to metrics.jsonl.

        Raises:
            CheckpointError: as ``append``.
        """
        self.append(METRICS, files.to_json_line(**values))

    def logged(self, name: str) -> list[float]:
        """A column of metrics.jsonl, from the rows that have it; empty if the file is gone."""
        values: list[float] = []
        for line in self.log_lines(METRICS) if files.exists(self.path / METRICS, "file") else ():
            with contextlib.suppress(ValueError, TypeError, KeyError):  # no row of ours: the log is damaged
                values.append(float(parse_json(line)[name]))
        return values

    def log_lines(self, log: str) -> Iterator[bytes]:
        """The lines of a log; see ``rnngen.runs.files.read_lines``."""
        return files.read_lines(self.path / log)

    def log_lengths(self) -> dict[str, int]:
        """Bytes in each log; 0 if it was removed."""
        with self._adding:
            return {log: status.st_size if (status := self._folder.status(log)) else 0 for log in LOGS}

    def cut_logs(self, lengths: Mapping[str, int]) -> None:
        """Remove the rows written after the state that training is resumed from.

        The manifest covers no more of a log than remains, at any moment. A log is written anew, so that another name of
        the same file, in a copy of the run for example, keeps what it held.

        Raises:
            CheckpointError: a log is a link or the like, or cannot be written.
        """
        there = {log: self._folder.exists(log, "file") for log in LOGS}
        found = self.log_lengths()
        kept = {log: files.whole_lines(self.path / log, min(n, lengths.get(log, n))) for log, n in found.items()}
        entries: manifest.Entries = {}
        with contextlib.suppress(CheckpointError):  # it has none, or one that covers nothing
            entries = manifest.read_manifest(self.path)
        if shorter := manifest.with_shorter_logs(self.path, entries, kept):
            with self._writing(MANIFEST) as folder:
                folder.put(MANIFEST, manifest.entries_bytes(shorter, order_of(self.path)))
        for log, length in kept.items():
            status = self._folder.status(log)
            if length != found[log] or not there[log] or (status and status.st_nlink > 1):
                with self._writing(log) as folder:
                    folder.put(log, files.read_pieces(self.path / log, length) if there[log] else b"")

    def record_plan(self, stretches: Iterable[Stretch]) -> None:
        """Add to the record of plans, which is never cut: a resumed run follows it.

        Raises:
            CheckpointError: the disk is full, or the file is a link or the like.
        """
        rows = "".join(files.to_json_line(**stretch.as_dict()) for stretch in stretches)
        with self._writing(f"{RESUME}/{PLAN}") as run, run.folder_or_new(RESUME) as resume:
            written = files.read_file(resume.path / PLAN) or b"\n"
            unfinished = not written.endswith(b"\n")  # the last row, by a process that was killed
            resume.append(PLAN, ("\n" * unfinished + rows).encode())

    # the weights to use

    @property
    def has_model(self) -> bool:
        """Whether there are weights to use."""
        return self._folder.exists(MANIFEST, "file")

    @property
    def has_ngram(self) -> bool:
        """Whether there is an n-gram model that was fitted to these weights."""
        return self._committed_hash(NGRAM) is not None

    def save_model(self, content: bytes) -> None:
        """Make these the weights to use, and drop the n-gram model and settings, which were fitted to those before.

        Args:
            content: of a safetensors file.

        Raises:
            CheckpointError: they cannot be written; those before are intact.
        """
        self._commit(MODEL, content)
        with contextlib.suppress(OSError):  # the manifest no longer names them, so nobody reads them
            self._folder.remove(NGRAM)
            self._folder.remove(ADAPTATION)

    def save_ngram(self, content: bytes) -> None:
        """Add an n-gram model (a safetensors file) that was fitted to the weights; errors as ``save_model``."""
        self._commit(NGRAM, content, kept=(MODEL,))

    def save_adaptation(self, content: bytes) -> None:
        """Add settings (JSON) that were tuned for the weights; errors as ``save_model``. The run counts as no newer."""
        self._commit(ADAPTATION, content, (MODEL, NGRAM) if self.has_ngram else (MODEL,), order_of(self.path))

    def _commit(self, name: str, content: bytes, kept: tuple[str, ...] = (), order: int | None = None) -> None:
        """Write the new file, then the manifest that names it and those that are kept, then replace the old file."""
        new = name + NEW
        with self._writing(new) as folder:
            try:
                self._settle_weights()
                folder.create(new, content)
                self._sync_logs()
                entries = manifest.entries_of(self.path, (CONFIG, TOKENIZER, *kept), self.log_lengths())
                entries[name] = manifest.entry_of(content)
                folder.put(MANIFEST, manifest.entries_bytes(entries, next_order(self.path) if order is None else order))
                with contextlib.suppress(PermissionError):  # open in another process on Windows: see manifest.py
                    folder.replace(new, name)
                folder.sync()
            except (OSError, CheckpointError):
                # once the manifest names the new file it is the one to use, even if it has not replaced the old one
                with contextlib.suppress(OSError, CheckpointError):
                    if manifest.sha256(files.read_needed(self.path / new)) != self._committed_hash(name):
                        folder.remove(new)
                raise

    def _sync_logs(self) -> None:
        """Wait until what a save refers to is on the disk; a log that was removed is begun again."""
        for log in LOGS:
            self._folder.append(log, b"")
            self._folder.sync_file(log)

    def _settle_weights(self) -> None:
        """Replace old weights and n-grams by new ones that the manifest names; remove those that it does not name."""
        for name in OF_WEIGHTS:
            new = name + NEW
            content = files.read_file(self.path / new)
            if content is not None:
                if manifest.sha256(content) == self._committed_hash(name):
                    self._folder.replace(new, name)
                else:
                    self._folder.remove(new)

    def _committed_hash(self, name: str) -> str | None:
        """SHA-256 of a file according to the manifest; None if it is not named."""
        with contextlib.suppress(CheckpointError, KeyError):
            return str(manifest.read_manifest(self.path)[name]["sha256"])
        return None

    # states to resume from

    def save_state(self, step: int, tensors: bytes, values: Mapping[str, Any]) -> Path:
        """Save a state that training can be resumed from; see ``rnngen.runs.states.save_state``."""
        with self._writing(f"{RESUME}/{step:09d}") as folder:
            self._sync_logs()
            return states.save_state(folder, step, tensors, values)
