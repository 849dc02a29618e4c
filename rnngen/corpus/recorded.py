"""Finding the text that a run was trained on: where it was, where it has moved, or encoded in the cache.

A run records the SHA-256 of its text, its absolute path, and its path relative to the run's folder. So the text is
found if a project folder with text and runs was moved, or if the user gives the text's new path. If the text no longer
exists (or was standard input), the cache still has it encoded.

A record may be a stranger's. So nothing is read at a recorded path beyond the number of characters that the text had,
no folder is searched further than that, and no pipe is opened.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rnngen.arguments import STDIN, exists, in_words, is_pipe
from rnngen.corpus.cache import cached_corpus
from rnngen.corpus.documents import NONE, rule_beside
from rnngen.corpus.encoded import EncodedCorpus
from rnngen.corpus.files.summary import SourceSummary
from rnngen.corpus.known_text import KnownText, OtherTextError
from rnngen.corpus.parts import PARTS
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
        has_changed: whether there is a different text where it was, or where the user said.
        other: this different text, encoded, if it was asked for.
        note: where the text was found, for the user; None: at the recorded path.
    """

    corpus: EncodedCorpus | None
    has_changed: bool = False
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


def recorded_files(read: SourceSummary | None) -> dict[str, Any]:
    """What a run records of the files of its text, to tell a larger text, and rows, without reading them."""
    return {
        "bytes": read.bytes if read else None,
        "files": read.read if read else None,
        "files_of_rows": read.of_rows if read else None,
    }


def _files_read(recorded: Mapping[str, Any]) -> SourceSummary | None:
    """How many files a text was read from, and how many of them have rows, if a run has recorded it."""
    read, of_rows = recorded.get("files"), recorded.get("files_of_rows")
    if type(read) is not int or type(of_rows) is not int or not 0 <= of_rows <= read:
        return None
    return SourceSummary(read, of_rows=of_rows)


def find_recorded(
    data: DataConfig,
    recorded: Mapping[str, Any],
    folder: Path,
    tokenizer: Tokenizer,
    *,
    given: Sequence[str] = (),
    other_too: bool = False,
    on_progress: OnProgress | None = None,
) -> Found:
    """Find a run's text, encoded with its tokenizer.

    Args:
        data: the text options of the run's configuration.
        recorded: the ``corpus`` part of its config.json.
        folder: the run's folder.
        tokenizer: the run's tokenizer.
        given: where the text is now, if the user says so.
        other_too: whether to read and encode a different text as well, if there is one.
        on_progress: see ``prepare``.

    Raises:
        CorpusError: neither a text nor a copy in the cache was found.
    """
    begun, rule = data, data.documents or NONE
    data = _as_begun(begun, recorded)
    known = known_text(recorded)

    def read(place: DataConfig, only: KnownText | None) -> EncodedCorpus:
        return prepare(place, tokenizer=tokenizer, known=only, otherwise=rule, on_progress=on_progress)

    if given:
        moved = recognise(begun, recorded, folder, given) if data.valid or data.test else None
        now = moved or _with_held_out_files(data, recorded, folder, given)
        if other_too or _read_once(now):
            corpus = read(now, None)
            same = corpus.fingerprint == known.fingerprint
            return Found(corpus) if same else Found(None, has_changed=True, other=corpus)
        try:
            return Found(read(now, known))
        except OtherTextError:
            return Found(None, has_changed=True)
    changed = False
    problem: CorpusError
    if once := _read_once(data):
        problem = CorpusError(f"the run was trained on {in_words(once)}, which cannot be read again", where=folder)
    else:
        try:
            return Found(read(data, known))
        except CorpusError as error:
            changed, problem = isinstance(error, OtherTextError), error
    for candidate in _candidates(data, recorded, folder):
        if candidate != data and not _read_once(candidate) and _is_known(candidate, known):
            note = f"the run's text has moved: it is read from {in_words(candidate.corpus)}"
            return Found(read(candidate, known), note=note)
    other = read(data, None) if changed and other_too else None
    cached = cached_corpus(data, known.fingerprint, tokenizer)
    if cached is not None:
        gone = "has changed since the run was trained on it" if changed else "no longer exists"
        cached = replace(cached, sources=_files_read(recorded))
        return Found(cached, changed, other, f"{in_words(data.corpus)} {gone}: its copy in the cache is read")
    if changed:
        return Found(None, changed, other)
    raise problem


def known_text(recorded: Mapping[str, Any]) -> KnownText:
    """What a run has recorded of its text, in the ``corpus`` part of its config.json."""
    try:
        counts = [int(recorded["parts"][part]["characters"]) for part in PARTS]
    except (KeyError, TypeError, ValueError, OverflowError):
        counts = []
    size = recorded.get("bytes")
    return KnownText(
        str(recorded.get("fingerprint", "")), sum(counts) if counts else None, size if type(size) is int else None
    )


def recognise(data: DataConfig, recorded: Mapping[str, Any], folder: Path, given: Sequence[str]) -> DataConfig | None:
    """The options with the text's current paths, if ``given`` is its main part; None: a different text, or piped in."""
    data = _as_begun(data, recorded)
    moved = [data.changed(corpus=given)]
    if data.valid or data.test:  # which may have moved with it
        moved += [each.changed(corpus=given) for each in _candidates(data, recorded, folder)]
    known = known_text(recorded)
    return next((each for each in moved if not _read_once(each) and _is_known(each, known)), None)


def _as_begun(data: DataConfig, recorded: Mapping[str, Any]) -> DataConfig:
    """The options with which the text is read as it was at first: with a rule for each part, if it was chosen.

    Runs of older versions, which record no rule, have a stream.
    """
    is_chosen = recorded.get("chosen_documents") is True
    return data.changed(documents=rule_beside(data.documents or NONE, is_chosen=is_chosen))


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


def _read_once(data: DataConfig) -> list[str]:
    """The sources that can be read only once: standard input and pipes."""
    return [source for name in SOURCES for source in getattr(data, name) if source == STDIN or is_pipe(source)]


def _is_known(data: DataConfig, known: KnownText) -> bool:
    try:
        return fingerprint_of(data, known=known) == known.fingerprint
    except CorpusError:
        return False
