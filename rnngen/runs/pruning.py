"""Freeing space that finished training no longer needs: saved states, and texts that were encoded long ago.

What writing, scoring and resuming an unfinished run need is never removed: the states of a run whose training is over
go only while its weights are sound, and of a run that can be resumed the newest state stays, if it is sound.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from rnngen.corpus.cache import corpus_folder
from rnngen.corpus.cached_texts import CachedText, cached_texts, remove_text, unused_since
from rnngen.corpus.named.store import Downloaded, downloaded, remove_download
from rnngen.errors import CheckpointError, RnngenError
from rnngen.options.training import DataConfig
from rnngen.runs.card import make_card
from rnngen.runs.finding import open_run, run_folder
from rnngen.runs.folder import Folder
from rnngen.runs.in_use import written_by
from rnngen.runs.layout import CONFIG, MANIFEST, NGRAM, RESUME, files_of_state, saved_steps
from rnngen.runs.removal import cannot_remove
from rnngen.runs.run import Run
from rnngen.runs.states import check_state, remove_state
from rnngen.runs.writer import RunWriter

UNREAD_DAYS = 30
"""Days since it was last read after which an encoded text can be removed."""


@dataclass(frozen=True)
class Prunable:
    """Something that can be removed.

    Attributes:
        where: the run's folder, or that of the encoded texts.
        what: in words.
        afterwards: what is then different.
        folders: to be removed; of downloads, the files.
        bytes: their size.
        remove: removes those of the folders that still can be, and returns the number of bytes that were freed; it
            raises an ``RnngenError`` if another process has begun to write the run, or if one cannot be removed.
    """

    where: Path
    what: str
    afterwards: str
    folders: tuple[Path, ...]
    bytes: int
    remove: Callable[[], int] = field(repr=False, compare=False)


def prunable(path: Path) -> Prunable | None:
    """What can be removed of a run; None: nothing.

    Raises:
        CheckpointError: it is not a run, another process is writing it, or what would have to stay is damaged.
    """
    folder = run_folder(path)
    if (writer := written_by(folder)) is not None:
        raise CheckpointError("another process is writing this run", where=folder, found=writer)
    return _prunable(folder)


def _prunable(folder: Path) -> Prunable | None:
    states = saved_steps(folder)
    if not states:
        return None
    if _is_finished(folder):
        going, afterwards = states, "it can no longer be resumed or trained further"
    else:
        check_state(states[0])
        going, afterwards = states[1:], f"it can be resumed from step {int(states[0].name):,} only"
    if not going:
        return None
    size = _size(going)
    what = f"{len(going)} of {len(states)} saved states"
    return Prunable(folder, what, afterwards, tuple(going), size, partial(_prune, folder, going))


def _is_finished(folder: Path) -> bool:
    """Whether training is over, and its result can be used.

    Raises:
        CheckpointError: the weights are damaged.
    """
    if not (folder / MANIFEST).exists():
        return False
    run = open_run(folder)
    run.weights()
    train = run.config.get("train")
    unmixed = isinstance(train, dict) and train.get("ngram") and NGRAM not in run.manifest
    return bool(make_card(run).finished) and not unmixed


def _prune(path: Path, states: Sequence[Path]) -> int:
    freed = 0
    writer = RunWriter(path)
    try:
        now = _prunable(path)  # again, now that no other process can change it
        with Folder.open(path) as run, run.folder(RESUME) as resume:
            for state in states:
                if now and state in now.folders:
                    freed += _size([state])
                    remove_state(resume, state.name)
    except OSError as error:
        raise cannot_remove(path, error) from error
    finally:
        writer.close()
    return freed


def _size(states: Sequence[Path]) -> int:
    """In bytes."""
    return sum(file.lstat().st_size for state in states for file in files_of_state(state))


def prunable_texts(runs: Iterable[Path], days: float = UNREAD_DAYS) -> Prunable | None:
    """Encoded texts in the cache that none of these runs was trained on, and that nobody has read for some days."""
    kept = texts_of(runs)
    going = [text for text in cached_texts() if text.path not in kept and unused_since(text, days)]
    what = f"{len(going)} encoded text{'s' * (len(going) > 1)}"
    return _unread(going, what, "encoded again where it is needed", remove_text)


def prunable_downloads(days: float = UNREAD_DAYS) -> Prunable | None:
    """Downloads of named texts that nobody has read for some days; the files that were made of them are not touched."""
    going = [each for each in downloaded() if unused_since(each, days)]
    what = f"{len(going)} download{'s' * (len(going) > 1)}: {', '.join(dict.fromkeys(each.name for each in going))}"
    return _unread(going, what, "downloaded again if `rnngen corpus get` is used", remove_download)


def _unread(
    going: Sequence[CachedText | Downloaded], what: str, afterwards: str, remove: Callable[[Path], int]
) -> Prunable | None:
    """What nobody has read for a while; None: nothing."""
    if not going:
        return None
    paths, size = tuple(each.path for each in going), sum(each.bytes for each in going)
    return Prunable(paths[0].parent, what, afterwards, paths, size, partial(sum, map(remove, paths)))


def texts_of(runs: Iterable[Path]) -> dict[Path, list[Path]]:
    """Where the cache may hold the texts of runs, with the runs; a run that cannot be read is passed over."""
    found: dict[Path, list[Path]] = {}
    for folder in runs:
        with contextlib.suppress(RnngenError):
            for text in _texts_of(open_run(folder)):
                found.setdefault(text, []).append(folder)
    return found


def _texts_of(run: Run) -> set[Path]:
    """Where the cache may hold the text of a run."""
    data = DataConfig.saved(run.config.get("data", {}), "data", run.path / CONFIG)
    return {corpus_folder(None, run.corpus_fingerprint, data, tokenizer) for tokenizer in (None, run.tokenizer())}
