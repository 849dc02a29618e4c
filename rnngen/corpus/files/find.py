"""The search for the files that names, folders and globs stand for.

A file given by name is read, or refused if it is not text; it may be a link or a pipe, but no device. Folders and globs
are searched; hidden files, other kinds of files, pipes and devices, links to folders (which may form a cycle) and
rnngen's own output are skipped, and the reason is recorded.
"""

from __future__ import annotations

import codecs
import contextlib
import errno
import glob
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Literal

from rnngen.corpus.files import outputs
from rnngen.corpus.files.examine import PLAIN, Examined, examine
from rnngen.corpus.files.kinds import FileKind
from rnngen.corpus.files.summary import Skipped, describe
from rnngen.corpus.files.walk import matches, walk
from rnngen.errors import CorpusError, shortened
from rnngen.options.encodings import AUTO
from rnngen.platforms import quote_argument
from rnngen.untrusted import open_regular

ErrorRule = Literal["strict", "replace", "skip"]
UTF_8 = "utf-8"


class TooMuchTextError(CorpusError):
    """There is more text than there should be."""


@dataclass
class FoundFiles:
    """The result of a search.

    Attributes:
        files: those to read, in order.
        skipped: files and folders that were found and are not read.
        kinds: the kind of each skipped file that is not text.
        max_bytes: how much more the files may hold before the search ends with ``TooMuchTextError``; None: no limit.
            Files that may be larger than their text, compressed or with rows, count as one byte.
        errors, encoding: see ``find``.
    """

    files: list[Path] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    kinds: dict[Path, FileKind] = field(default_factory=dict)
    max_bytes: int | None = None
    errors: ErrorRule = "strict"
    encoding: str | None = UTF_8

    def add(self, path: Path, examined: Examined | None = None) -> None:
        """Record a file to read, and what it is; None: a pipe."""
        self.files.append(path)
        if self.max_bytes is not None:
            is_text = examined and examined.format == PLAIN and not examined.archive and self.errors != "skip"
            with contextlib.suppress(OSError):
                self.max_bytes -= max(1, path.stat().st_size) if is_text else 1  # files of the system have a size of 0
            if self.max_bytes < 0:
                raise TooMuchTextError("has more text than was expected", where=path)

    def skip(self, path: Path, reason: str, root: Path | None) -> None:
        """Record a file or folder that is not read.

        Args:
            path: its path.
            reason: why it is not read.
            root: the folder that was searched; None: it was found by a glob.
        """
        skipped = Skipped(path, reason, str(path.relative_to(root) if root else path))
        if skipped not in self.skipped[-1:]:  # a glob finds a run once for each of its files
            self.skipped.append(skipped)


def find_files(
    sources: Sequence[str], errors: ErrorRule = "strict", command: str | None = None, encoding: str | None = UTF_8
) -> list[Path]:
    """The files that ``sources`` stand for. See ``find``."""
    return find(sources, errors, command, encoding=encoding).files


def find(
    sources: Sequence[str],
    errors: ErrorRule = "strict",
    command: str | None = None,
    max_bytes: int | None = None,
    encoding: str | None = UTF_8,
) -> FoundFiles:
    """Find the files that ``sources`` stand for, in order, and record what is skipped.

    Args:
        sources: paths, folders, globs.
        errors: with ``replace`` and ``skip``, a text with NUL bytes in a folder is read too.
        command: the command that reads standard input instead of a single source, for hints: ``rnngen train -``.
        max_bytes: total size of the files above which the search ends; None: no limit.
        encoding: the value of the option ``encoding``; None: there is no such option, and texts are UTF-8.

    Raises:
        TooMuchTextError: the files are larger than ``max_bytes``.
        CorpusError: a source stands for no file, or a file given by name is not text.
    """
    found = FoundFiles(max_bytes=max_bytes, errors=errors, encoding=encoding)
    command = command if len(sources) == 1 else None
    for source in sources:
        before = len(found.files)
        path = Path(source)
        try:
            exists = source != "" and path.exists()
        except (OSError, ValueError) as error:  # a name longer than a path can be, or with a NUL
            reason = error.strerror if isinstance(error, OSError) else error
            raise CorpusError(f"cannot be read ({reason})", where=shortened(source, 80)) from error
        if exists and path.is_dir():
            _refuse_own(path)
            _search(walk(path, found.skip, root=path), found, path)
            if len(found.files) == before:
                raise _nothing("the folder has no text files", path, found, command)
        elif exists:
            found.add(path, _check_named(path, command, encoding))
        elif glob.has_magic(source):
            matched = len(found.skipped)
            _search(matches(source, found.skip), found, None)
            if len(found.files) == before:
                what = "no text files among what it matches" if len(found.skipped) > matched else "no such file"
                raise _nothing(what, source, found, command)
        else:
            raise CorpusError(
                "no such file",
                where=source or "an empty name",
                expected="a text file, a folder, a glob, or - for standard input",
            )
    return found


def open_file(path: Path) -> BinaryIO:
    """Open a file for reading.

    Raises:
        CorpusError: it cannot be opened, or is not a regular file.
    """
    try:
        return open_regular(path, follow=True)
    except OSError as error:
        raise CorpusError(f"cannot be read ({error.strerror})", where=path) from error


def refuse(
    kind: FileKind, where: object, file: Path | None, command: str | None, encoding: str | None = UTF_8
) -> CorpusError:
    """The error for a source that is not text.

    Args:
        kind: its kind.
        where: its name in the message.
        file: its path; None: standard input.
        command: see ``find``.
        encoding: see ``find``.
    """
    return CorpusError(
        "cannot be read as text",
        where=where,
        expected=f"{(encoding or UTF_8).upper()} text" if encoding != AUTO else "text",
        found=kind.name,
        hint=kind.hint(file, command, has_encoding=encoding is not None),
    )


def _check_named(path: Path, command: str | None, encoding: str | None) -> Examined | None:
    if path.is_fifo():  # which can be read only once, and not now
        return None
    if not path.is_file():
        raise CorpusError(
            "is not a text but a device or a socket",
            where=path,
            expected="a file, a folder, a pipe, or - for standard input",
            hint=f"Pipe it in: ... | {command or 'rnngen train -'}",
        )
    with open_file(path) as stream:
        try:
            examined = examine(stream, path.name, path, encoding)
        except OSError as error:
            raise CorpusError(f"cannot be read ({error.strerror})", where=path) from error
    if examined.kind:
        raise refuse(examined.kind, path, path, command, encoding)
    return examined


def _refuse_own(folder: Path) -> None:
    own = outputs.enclosing(folder)
    if own:
        name, is_run = quote_argument(str(folder)), own == (folder.absolute(), outputs.RUN)
        raise CorpusError(
            f"is {'' if own[0] == folder.absolute() else 'in '}{own[1]}, not a text",
            where=folder,
            expected="a text file, or a folder of texts",
            hint=f"To resume it: rnngen train --resume {name}; to score it: rnngen eval {name}" if is_run else None,
        )


def _nothing(what: str, where: object, found: FoundFiles, command: str | None) -> CorpusError:
    """The error for a folder or a glob without a file that can be read."""
    skipped = tuple(found.skipped)
    kind = found.kinds.get(skipped[0].path) if len(skipped) == 1 else None
    return CorpusError(
        what,
        where=where,
        expected="at least one UTF-8 text file",
        found=f"{len(skipped):,} skipped: {describe(skipped)}" if skipped else None,
        hint=kind.hint(skipped[0].path, command, has_encoding=found.encoding is not None)
        if kind and kind.command
        else None,
    )


def _search(paths: Iterator[Path], found: FoundFiles, root: Path | None) -> None:
    """Examine files, which come in order."""
    for path in paths:
        examined = _examined(path, found)
        if isinstance(examined, Examined):
            found.add(path, examined)
        else:
            found.skip(path, examined, root)


def _examined(file: Path, found: FoundFiles) -> Examined | str:
    """What a file is that was found by a search, or why it is not read."""
    try:
        if not file.is_file():
            return "not a regular file" if file.exists() else "broken link" if file.is_symlink() else "gone"
        if outputs.is_own_output(file):
            return outputs.OWN_OUTPUT
        with open_regular(file, follow=True) as stream:
            if stream.read(1) is None:  # a file of the system that would have to be waited for, such as /proc/kmsg
                raise BlockingIOError(errno.EAGAIN, "nothing to read at present")
            stream.seek(0)
            examined = examine(stream, file.name, file, found.encoding)
    except OSError as error:
        return error.strerror or "cannot be read"
    if examined.start in (b"", codecs.BOM_UTF8):
        return "empty"
    if examined.kind:
        found.kinds[file] = examined.kind
        return examined.kind.reason
    if examined.has_nul and found.errors == "strict":
        return "text with NUL bytes"
    return outputs.REPORT if outputs.is_report(examined.start) else examined
