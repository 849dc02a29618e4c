"""A run on disk: what is in its folder, how it is written, and how it is read without trusting it.

    config.json        what was decided before the first step
    tokenizer.json     text ↔ ids
    model.safetensors  the weights to use: the best validation score seen
    ngram.safetensors  with --ngram: an n-gram model, and how much of it is mixed in
    metrics.jsonl      one row a report
    samples.txt        what the model wrote while it learned
    resume/            what training needs to go on (see training/checkpoint.py)
    manifest.json      SHA-256 of the files above; written last

The manifest is the commit: new weights are first written in full as ``model.safetensors.new``, then the
manifest that names their hash replaces the old one, then they take their place. A reader that finds the weights
not yet in place uses the ``.new`` file, so whenever the process is killed, one complete set is there. The same where
Windows refuses the last rename because another program has the old weights open: the next save, or the next process
that writes the run, puts the new ones in place. Nothing that is read here is ever unpickled.

The folder itself may be a link, for example to a larger disk. Everything in it has to lie in it: a link in place of one
of its files or folders is refused before it is followed, a pipe or a device before it is opened.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import stat
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnngen.errors import CheckpointError
from rnngen.options.network import ModelConfig
from rnngen.platforms import quote_argument, replace_file
from rnngen.platforms import sync_folder as sync_folder  # with the other steps of a save, for those who write runs
from rnngen.runs.stretches import Stretch, parse_record

if TYPE_CHECKING:
    import mmap

    import numpy as np
    from numpy.typing import NDArray

    from rnngen.corpus.tokenizer import Tokenizer

FORMAT = 1
CONFIG, TOKENIZER, MODEL, MANIFEST = "config.json", "tokenizer.json", "model.safetensors", "manifest.json"
NGRAM = "ngram.safetensors"
METRICS, SAMPLES = "metrics.jsonl", "samples.txt"
NEW, REPLACED = ".new", ".replaced"  # what is about to take its place; a state that is about to lose it
RESUME, PLAN = "resume", "plan.jsonl"  # what training needs to be resumed, and how it was planned again (in RESUME)
LOGS = (METRICS, SAMPLES)  # they grow: the manifest covers what they held when it was written
LOCK, HOLDER = ".lock", ".lock-holder"  # of the process that writes the run, and who that is
UNSAVED = (RESUME, *LOGS, TOKENIZER, CONFIG)
"""All that a run that never saved can leave: how it was planned, logs, and what was decided before the first step.

In the order in which it is removed: config.json tells what the folder is, so it goes last.
"""
_KINDS = {"file": stat.S_ISREG, "folder": stat.S_ISDIR}
_STATE, _UNFINISHED = re.compile(r"\d{9,}"), re.compile(rf"\.\d{{9,}}({re.escape(REPLACED)})?")
_JUNCTION = 0xA0000003  # the tag of a link between folders on Windows


def checkpoints_folder() -> Path:
    """Where runs land by default: ``checkpoints`` in the current folder."""
    return Path("checkpoints")


def write_atomically(path: Path, content: bytes) -> None:
    """Replace a file's content so that a crash leaves the old or the new, never a part.

    Raises:
        CheckpointError: the disk is full or the folder cannot be written; the old content is intact.
    """
    work = temporary(path)
    try:
        write_synced(work, content)
        replace_file(work, path)
        sync_folder(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            work.unlink(missing_ok=True)
        raise cannot_write(path, error) from error


def temporary(path: Path) -> Path:
    """Where a file's new content is written before it takes its place."""
    return path.with_name(f".{path.name}.tmp")


def write_synced(path: Path, content: bytes) -> None:
    """Write a file and wait until it is on the disk.

    Raises:
        CheckpointError: something else than a file is in its place.
        OSError: the disk is full or the folder cannot be written.
    """
    is_there(path, "file")
    with path.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def cannot_write(path: Path, error: OSError) -> CheckpointError:
    """The error for a save that the system refused."""
    return CheckpointError(
        f"cannot be written ({error.strerror or error})",
        where=path,
        hint="What was saved before is intact. Free some space or choose another folder with `out`.",
    )


def sha256(content: bytes | mmap.mmap) -> str:
    """Hex digest."""
    import hashlib  # here: reading ahead imports it beside NumPy

    return hashlib.sha256(content).hexdigest()


def to_json(value: Any) -> bytes:
    """Readable JSON, ending in a newline."""
    try:
        return (json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()
    except UnicodeEncodeError:  # a file's name that is not UTF-8
        return (json.dumps(value, indent=2, allow_nan=False) + "\n").encode()


class _Background:
    """A function that runs in a thread of its own."""

    def __init__(self, function: Callable[[], Any]) -> None:
        self._function = function
        self._value: Any = None
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._value = self._function()
        except Exception as error:
            self._error = error

    def result(self) -> Any:
        """What it returned, once it has; what it raised is raised."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._value


@dataclass(frozen=True)
class Run:
    """A run folder, open for reading.

    Attributes:
        path: the folder.
        manifest: file name → ``{"sha256", "bytes"}``.
        config: the content of config.json.
    """

    path: Path
    manifest: dict[str, dict[str, Any]]
    config: dict[str, Any]
    _ahead: list[_Background] = field(default_factory=list, repr=False, compare=False)

    def read(self, name: str) -> bytes:
        """A file's content, checked against the manifest.

        Raises:
            CheckpointError: missing, damaged, a link, or not in the manifest.
        """
        entry = self._entry(name)
        for candidate in self._candidates(name):
            content = read_file(candidate)
            if content is None:
                continue
            if name in LOGS:
                content = content[: entry["bytes"]]
            if sha256(content) == entry["sha256"]:
                return content
        raise self._damaged(name)

    def _entry(self, name: str) -> dict[str, Any]:
        entry = self.manifest.get(name)
        if entry is None:
            raise CheckpointError("is not in the run's manifest", where=self.path / name)
        return entry

    def _candidates(self, name: str) -> tuple[Path, Path]:
        """Where a file's content may be: in its place, or about to take it."""
        return self.path / name, self.path / (name + NEW)

    def _damaged(self, name: str) -> CheckpointError:
        entry = self._entry(name)
        exists = (self.path / name).exists()
        return CheckpointError(
            "is damaged: it is not what the manifest says" if exists else "is missing",
            where=self.path / name,
            expected=f"{entry['bytes']} bytes with SHA-256 {str(entry['sha256'])[:12]}…",
            hint="rnngen train --resume can go on from the checkpoints in resume/." if name in (MODEL, NGRAM) else None,
        )

    def read_ahead(self) -> None:
        """Begin to map and check the weights in the background, while libraries are being imported."""
        self._ahead.append(_Background(self._map_weights))

    def weights(self) -> dict[str, NDArray[np.floating[Any]]]:
        """The weights to use, by name, float32, of the shapes that config.json says: views of the mapped file.

        Raises:
            CheckpointError: not a sound safetensors file, or not of this configuration and vocabulary.
        """
        where, mapped = self._ahead.pop().result() if self._ahead else self._map_weights()
        from rnngen.runs.tensors import map_safetensors

        weights = map_safetensors(mapped, where)
        V = self.tokenizer().vocab_size
        expected = self.model_config().shapes(V)
        for name in sorted(expected.keys() | weights.keys()):
            found = weights[name].shape if name in weights else None
            if found != expected.get(name):
                raise CheckpointError(
                    f"tensor {name} does not fit config.json and tokenizer.json",
                    where=where,
                    expected=expected.get(name, "no such tensor"),
                    found=found or "no such tensor",
                )
        wrong = next((name for name, w in weights.items() if w.dtype != "float32"), None)
        if wrong is not None:
            raise CheckpointError(
                f"tensor {wrong} has another type", where=where, expected="float32", found=weights[wrong].dtype
            )
        return weights

    def _map_weights(self) -> tuple[Path, mmap.mmap]:
        """The weights' file that the manifest names, and its content, checked."""
        from rnngen.runs.tensors import map_file

        entry = self._entry(MODEL)
        for candidate in self._candidates(MODEL):
            mapped = map_file(candidate) if is_there(candidate, "file") else None
            if mapped is not None and len(mapped) == entry["bytes"] and sha256(mapped) == entry["sha256"]:
                return candidate, mapped
        raise self._damaged(MODEL)

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        from rnngen.corpus.tokenizer import load_tokenizer

        self.read(TOKENIZER)
        return load_tokenizer(self.path / TOKENIZER)

    def tokenizer(self) -> Tokenizer:
        """The run's tokenizer.

        Raises:
            CheckpointError, TokenizerError: damaged.
        """
        return self._tokenizer

    def model_config(self) -> ModelConfig:
        """The network, as config.json describes it.

        Raises:
            CheckpointError: a field is missing or invalid.
        """
        return ModelConfig.saved(self.config.get("model"), "model", self.path / CONFIG)

    def last_plan(self) -> Stretch | None:
        """How the run was planned last; None where it was not planned again since it began."""
        return next(reversed(recorded_plan(self.path)), None)

    def planned_steps(self) -> int | None:
        """How many steps training has, as planned last; None where the run does not say."""
        plan, train = self.last_plan(), self.config.get("train")
        planned = plan.steps if plan else train.get("steps") if isinstance(train, dict) else None
        return planned if isinstance(planned, int) else None

    @property
    def corpus(self) -> dict[str, Any]:
        """What config.json says of the text it was trained on."""
        corpus = self.config.get("corpus")
        return corpus if isinstance(corpus, dict) else {}

    @property
    def corpus_fingerprint(self) -> str:
        """SHA-256 of the text it was trained on."""
        return str(self.corpus.get("fingerprint", ""))


def saved_steps(folder: Path) -> list[Path]:
    """Folders of saved states to resume from, the newest first.

    Raises:
        CheckpointError: something else than a folder is in place of the one that they lie in.
    """
    resume = folder / RESUME
    found = [p for p in resume.iterdir() if _STATE.fullmatch(p.name)] if is_there(resume, "folder") else []
    return sorted(found, key=lambda p: int(p.name), reverse=True)


def unfinished_states(folder: Path) -> list[Path]:
    """What a save that was killed left beside the saved states.

    Raises:
        CheckpointError: as ``saved_steps``.
    """
    resume = folder / RESUME
    return [p for p in resume.iterdir() if _UNFINISHED.fullmatch(p.name)] if is_there(resume, "folder") else []


def check_places(folder: Path) -> None:
    """Make sure that all there is of a run lies in its folder, before any of it is opened, written or removed.

    Raises:
        CheckpointError: a link, a pipe or a device is in place of one of its files or folders.
    """
    replaced = (CONFIG, TOKENIZER, *LOGS, MANIFEST)
    names = [*replaced, MODEL, NGRAM, MODEL + NEW, NGRAM + NEW, LOCK, HOLDER, f"{RESUME}/{PLAN}"]
    is_there(folder / RESUME, "folder")
    for path in (*(folder / name for name in names), *(temporary(folder / name) for name in replaced)):
        is_there(path, "file")
    for state in saved_steps(folder):
        if is_there(state, "folder"):
            for path in state.iterdir():
                is_there(path, "file")
    for path in unfinished_states(folder):
        is_there(path, "file", "folder")


def is_there(path: Path, *kinds: str) -> bool:
    """Whether a file or folder of a run exists. Nothing is opened, and no link is followed but the run's folder.

    Args:
        path: in the run's folder.
        kinds: what may be there: ``"file"``, ``"folder"``.

    Raises:
        CheckpointError: something else is: a link, which may lead anywhere, or a pipe or a device, which may never end.
    """
    try:
        status = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise CheckpointError(f"cannot be read ({error.strerror})", where=path) from error
    if stat.S_ISLNK(status.st_mode) or getattr(status, "st_reparse_tag", 0) == _JUNCTION:
        raise CheckpointError("is a link; a run's files lie in its own folder", where=path)
    found = next((kind for kind, matches in _KINDS.items() if matches(status.st_mode)), "a pipe, a socket or a device")
    if found not in kinds:
        raise CheckpointError(f"is not a {kinds[0]}", where=path, expected=f"a {kinds[0]} of this run", found=found)
    return True


def never_saved(folder: Path) -> bool:
    """Whether a run was begun in this folder, and ended before it saved anything."""
    if not (folder / CONFIG).is_file() or (folder / MANIFEST).exists():
        return False
    with contextlib.suppress(CheckpointError):  # then it is no run, or not one to be begun anew
        if saved_steps(folder):
            return False
        config = read_json(folder / CONFIG)
        return isinstance(config, dict) and {"rnngen", "model", "train"} <= config.keys()
    return False


def never_saved_error(folder: Path, *, being_trained: bool) -> CheckpointError:
    """The error for what needs a saved run, with the command that begins it again.

    Args:
        folder: the run's.
        being_trained: whether another process may be training it just now.
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


def read_file(path: Path) -> bytes | None:
    """A file's content; None: there is no such file.

    Raises:
        CheckpointError: it is no file but a link, a pipe or a device, or cannot be read.
    """
    try:
        return path.read_bytes() if is_there(path, "file") else None
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CheckpointError(f"cannot be read ({error.strerror})", where=path) from error


def read_needed(path: Path) -> bytes:
    """A file's content.

    Raises:
        CheckpointError: as ``read_file``, and where there is no such file.
    """
    content = read_file(path)
    if content is None:
        raise CheckpointError("is missing", where=path)
    return content


def recorded_plan(folder: Path) -> list[Stretch]:
    """All of a run's record of plans that can be read, in the order in which it was written.

    Raises:
        CheckpointError: a link is in its place.
    """
    return parse_record(read_file(folder / RESUME / PLAN) or b"") if is_there(folder / RESUME, "folder") else []


def read_json(path: Path, content: bytes | None = None) -> Any:
    """Parse a JSON file.

    Raises:
        CheckpointError: missing or not JSON.
    """
    try:
        return json.loads(read_needed(path) if content is None else content)
    except (ValueError, RecursionError) as error:
        raise CheckpointError("is not JSON", where=path, found=error) from error


def read_manifest(folder: Path) -> dict[str, dict[str, Any]]:
    """File name → ``{"sha256", "bytes"}`` of a folder.

    Raises:
        CheckpointError: missing, damaged, or naming files elsewhere.
    """
    where = folder / MANIFEST
    manifest = read_json(where)
    files = manifest.get("files") if isinstance(manifest, dict) else None
    if not isinstance(files, dict) or manifest.get("format") != FORMAT:
        raise CheckpointError("is not a manifest of this version", where=where, expected=f"format {FORMAT}")
    for name, entry in files.items():
        plain = Path(name).name == name and name not in ("", ".", "..")
        if not plain or not _is_entry(entry):
            raise CheckpointError("has an entry that is not a file of this folder", where=where, found=repr(name))
    return files


def _is_entry(entry: object) -> bool:
    if not isinstance(entry, dict):
        return False
    size = entry.get("bytes")
    return isinstance(entry.get("sha256"), str) and isinstance(size, int) and size >= 0


def manifest_bytes(entries: Mapping[str, bytes]) -> bytes:
    """The manifest of files with these contents."""
    files = {name: {"sha256": sha256(content), "bytes": len(content)} for name, content in sorted(entries.items())}
    return to_json({"format": FORMAT, "files": files})


def open_run(path: str | Path | None = None) -> Run:
    """Open a run by its folder, or the newest complete one under ``checkpoints/``.

    Raises:
        CheckpointError: there is none, or it is damaged.
    """
    folder = Path(path) if path is not None else newest_run()
    if not folder.is_dir():
        raise no_folder(folder)
    if not any((folder / name).exists() for name in (CONFIG, MANIFEST, "resume")):
        runs = sorted(manifest.parent for manifest in folder.glob(f"*/{MANIFEST}"))
        raise CheckpointError(
            "is not a run",
            where=folder,
            expected="a folder made by rnngen train",
            hint=f"It holds runs: {', '.join(map(str, runs[:5]))}{', …' * (len(runs) > 5)}." if runs else None,
        )
    if never_saved(folder):
        raise never_saved_error(folder, being_trained=(folder / HOLDER).exists())  # unless its process was killed
    if not (folder / MANIFEST).exists():
        raise CheckpointError(
            "has no saved model yet",
            where=folder,
            expected="a folder made by rnngen train, with a manifest.json",
            hint=f"Resume its training: rnngen train --resume {quote_argument(str(folder))}."
            if (folder / CONFIG).exists() and saved_steps(folder)
            else None,
        )
    manifest = read_manifest(folder)
    run = Run(folder, manifest, {})
    config = read_json(folder / CONFIG, run.read(CONFIG))
    if not isinstance(config, dict):
        raise CheckpointError("is not a configuration", where=folder / CONFIG)
    return Run(folder, manifest, config)


def no_folder(folder: Path) -> CheckpointError:
    """The error for a run that is no folder, with what was probably meant."""
    if folder.exists():
        found = "a file"
        hint = "A text comes after the run: rnngen eval RUN TEXT, or rnngen sample RUN --prompt-file TEXT."
    else:
        from rnngen.options.other_names import closest  # here: only a mistake needs it

        known = {manifest.parent.name: manifest.parent for manifest in checkpoints_folder().glob(f"*/{MANIFEST}")}
        near = closest(folder.name, known)
        found, hint = "nothing there", f"Did you mean {known[near]}?" if near else "List the runs: rnngen runs."
        hint = hint if known else "Train one: rnngen train TEXT."
    return CheckpointError(
        "is not a run", where=folder, expected="a folder made by rnngen train", found=found, hint=hint
    )


def newest_run() -> Path:
    """The run under ``checkpoints/`` whose manifest was written last.

    Raises:
        CheckpointError: there is none.
    """
    folder = checkpoints_folder()
    manifests = [m for m in folder.glob(f"*/{MANIFEST}") if m.is_file()]
    if not manifests:
        here = sorted(manifest.parent for manifest in Path().glob(f"*/{MANIFEST}"))
        raise CheckpointError(
            "there is no trained model yet",
            where=folder,
            expected="a run made by rnngen train",
            hint=f"Runs in this folder are named: {', '.join(map(str, here[:5]))}{', …' * (len(here) > 5)}."
            if here
            else "Train one: rnngen train FILE.",
        )
    return max(manifests, key=lambda m: (m.stat().st_mtime_ns, m.parent.name)).parent
