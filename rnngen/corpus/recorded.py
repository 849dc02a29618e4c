"""Finding the text that a run was trained on: where it was, where it has moved, or encoded in the cache.

A run records the SHA-256 of its text, its absolute path, and its path relative to the run's folder. So the text is
found if a project folder with text and runs was moved, or if the user gives the text's new path. If the text no longer
exists (or was standard input), the cache still has it encoded.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rnngen.arguments import STDIN, exists, in_words
from rnngen.corpus.cache import cached_corpus
from rnngen.corpus.encoded import EncodedCorpus
from rnngen.corpus.progress import OnProgress
from rnngen.corpus.tokenizer import Tokenizer
from rnngen.corpus.tokens import fingerprint_of, prepare
from rnngen.errors import CorpusError
from rnngen.options.training import DataConfig

SOURCES = ("corpus", "valid", "test")


@dataclass(frozen=True)
class Found:
    """A run's text.

    Attributes:
        corpus: the text that the run was trained on, encoded; None: only a different text was found.
        other: a different text at the recorded path, encoded; None: there is none.
        note: where the text was found, for the user; None: at the recorded path.
    """

    corpus: EncodedCorpus | None
    other: EncodedCorpus | None = None
    note: str | None = None


def relative_sources(folder: Path, data: DataConfig) -> dict[str, list[str]]:
    """The paths of a text's sources relative to a run's folder, to be recorded; none if they are on another drive."""
    try:
        return {
            name: [
                source if source == STDIN else Path(os.path.relpath(source, folder.absolute())).as_posix()
                for source in getattr(data, name)
            ]
            for name in SOURCES
        }
    except ValueError:  # Windows has no path from one drive to another
        return {}


def find_recorded(
    data: DataConfig,
    recorded: Mapping[str, Any],
    folder: Path,
    tokenizer: Tokenizer,
    *,
    given: Sequence[str] = (),
    on_progress: OnProgress | None = None,
) -> Found:
    """Find a run's text, encoded with its tokenizer.

    Args:
        data: the text options of the run's configuration.
        recorded: the ``corpus`` part of its config.json.
        folder: the run's folder.
        tokenizer: the run's tokenizer.
        given: where the text is now, if the user says so.
        on_progress: see ``prepare``.

    Raises:
        CorpusError: neither a text nor a copy in the cache was found.
    """
    fingerprint = str(recorded.get("fingerprint", ""))
    if given:
        known = recognise(data, recorded, folder, given) if data.valid or data.test else None
        now = known or _with_held_out_files(data, recorded, folder, given)
        corpus = prepare(now, tokenizer=tokenizer, on_progress=on_progress)
        return Found(corpus) if corpus.fingerprint == fingerprint else Found(None, corpus)
    other: EncodedCorpus | None = None
    if _is_piped(data):
        problem = CorpusError("the run was trained on standard input, which cannot be read again", where=folder)
    else:
        try:
            other = prepare(data, tokenizer=tokenizer, on_progress=on_progress)
            if other.fingerprint == fingerprint:
                return Found(other)
            problem = CorpusError("it has changed since", where=", ".join(data.corpus))
        except CorpusError as error:
            problem = error
        for candidate in _candidates(data, recorded, folder):
            if candidate != data and _fingerprint(candidate) == fingerprint:
                corpus = prepare(candidate, tokenizer=tokenizer, on_progress=on_progress)
                return Found(corpus, note=f"the run's text has moved: it is read from {', '.join(candidate.corpus)}")
    cached = cached_corpus(data, fingerprint, tokenizer)
    if cached is not None:
        where = in_words(data.corpus)
        gone = "has changed since the run was trained on it" if other is not None else "no longer exists"
        return Found(cached, other, f"{where} {gone}: its copy in the cache is read")
    if other is not None:
        return Found(None, other)
    raise problem


def recognise(data: DataConfig, recorded: Mapping[str, Any], folder: Path, given: Sequence[str]) -> DataConfig | None:
    """The options with the text's current paths, if ``given`` is its main part; None: a different text, or piped in."""
    if STDIN in given:  # which can be read only once
        return None
    moved = [data.changed(corpus=given)]
    if data.valid or data.test:  # which may have moved with it
        moved += [each.changed(corpus=given) for each in _candidates(data, recorded, folder)]
    return next((each for each in moved if _fingerprint(each) == recorded.get("fingerprint")), None)


def _with_held_out_files(
    data: DataConfig, recorded: Mapping[str, Any], folder: Path, given: Sequence[str]
) -> DataConfig:
    """These sources with the current paths of the validation and test files, or the recorded ones if none exist."""
    places = [data, *_candidates(data, recorded, folder)]
    found = (each for each in places if all(exists(file) for file in (*each.valid, *each.test)))
    return next(found, data).changed(corpus=given)


def _candidates(data: DataConfig, recorded: Mapping[str, Any], folder: Path) -> Iterator[DataConfig]:
    """Where the text may be now: moved together with the run, or in the current folder."""
    places = recorded.get("places")
    if isinstance(places, dict) and all(_are_paths(places.get(name)) for name in SOURCES):
        absolute = {name: [os.path.normpath(folder.absolute() / path) for path in places[name]] for name in SOURCES}
        yield data.changed(**absolute)
    yield data.changed(**{name: [Path(source).name for source in getattr(data, name)] for name in SOURCES})


def _are_paths(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(path, str) for path in value)


def _is_piped(data: DataConfig) -> bool:
    return STDIN in (*data.corpus, *data.valid, *data.test)


def _fingerprint(data: DataConfig) -> str | None:
    try:
        return fingerprint_of(data)
    except CorpusError:
        return None
