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
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import BinaryIO, Literal

from rnngen.corpus.files import outputs
from rnngen.corpus.files.kinds import START_BYTES, FileKind, kind_of
from rnngen.corpus.files.summary import Skipped, describe
from rnngen.errors import CorpusError, shortened
from rnngen.platforms import path_order, quote_argument
from rnngen.untrusted import open_regular

ErrorRule = Literal["strict", "replace"]


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
    """

    files: list[Path] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    kinds: dict[Path, FileKind] = field(default_factory=dict)
    max_bytes: int | None = None

    def add(self, path: Path) -> None:
        """Record a file to read."""
        self.files.append(path)
        if self.max_bytes is not None:
            with contextlib.suppress(OSError):
                self.max_bytes -= max(1, path.stat().st_size)  # files of the system have a size of 0
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


def find_files(sources: Sequence[str], errors: ErrorRule = "strict", command: str | None = None) -> list[Path]:
    """The files that ``sources`` stand for. See ``find``."""
    return find(sources, errors, command).files


def find(
    sources: Sequence[str], errors: ErrorRule = "strict", command: str | None = None, max_bytes: int | None = None
) -> FoundFiles:
    """Find the files that ``sources`` stand for, in order, and record what is skipped.

    Args:
        sources: paths, folders, globs.
        errors: with ``replace``, a text with NUL bytes in a folder is read too.
        command: the command that reads standard input instead of a single source, for hints: ``rnngen train -``.
        max_bytes: total size of the files above which the search ends; None: no limit.

    Raises:
        TooMuchTextError: the files are larger than ``max_bytes``.
        CorpusError: a source stands for no file, or a file given by name is not text.
    """
    found = FoundFiles(max_bytes=max_bytes)
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
            _search(_walk(path, found, root=path), found, errors, path)
            if len(found.files) == before:
                raise _nothing("the folder has no text files", path, found, command)
        elif exists:
            _check_named(path, command)
            found.add(path)
        elif glob.has_magic(source):
            matched = len(found.skipped)
            _search(_matches(source, found), found, errors, None)
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


def refuse(kind: FileKind, where: object, file: Path | None, command: str | None) -> CorpusError:
    """The error for a source that is not text.

    Args:
        kind: its kind.
        where: its name in the message.
        file: its path; None: standard input.
        command: see ``find``.
    """
    return CorpusError(
        "cannot be read as text", where=where, expected="UTF-8 text", found=kind.name, hint=kind.hint(file, command)
    )


def _check_named(path: Path, command: str | None) -> None:
    if path.is_fifo():  # which can be read only once, and not now
        return
    if not path.is_file():
        raise CorpusError(
            "is not a text but a device or a socket",
            where=path,
            expected="a file, a folder, a pipe, or - for standard input",
            hint=f"Pipe it in: ... | {command or 'rnngen train -'}",
        )
    with open_file(path) as stream:
        try:
            kind = kind_of(stream.read(START_BYTES) or b"", path.name)
        except OSError as error:
            raise CorpusError(f"cannot be read ({error.strerror})", where=path) from error
    if kind:
        raise refuse(kind, path, path, command)


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
        hint=kind.hint(skipped[0].path, command) if kind and kind.command else None,
    )


def _search(paths: Iterator[Path], found: FoundFiles, errors: ErrorRule, root: Path | None) -> None:
    """Examine files, which come in order."""
    for path in paths:
        reason = _why_not(path, found, errors)
        if reason:
            found.skip(path, reason, root)
        else:
            found.add(path)


def _why_not(file: Path, found: FoundFiles, errors: ErrorRule) -> str | None:
    """Why a file that was found by a search is not read; None: it is read."""
    try:
        if not file.is_file():
            return "not a regular file" if file.exists() else "broken link" if file.is_symlink() else "gone"
        if outputs.is_own_output(file):
            return outputs.OWN_OUTPUT
        with open_regular(file, follow=True) as stream:
            start = stream.read(START_BYTES)
        if start is None:  # a file of the system that would have to be waited for, such as /proc/kmsg
            raise BlockingIOError(errno.EAGAIN, "nothing to read at present")
    except OSError as error:
        return error.strerror or "cannot be read"
    if start in (b"", codecs.BOM_UTF8):
        return "empty"
    kind = kind_of(start, file.name)
    if kind:
        found.kinds[file] = kind
        return kind.reason
    if b"\0" in start and errors == "strict":
        return "text with NUL bytes"
    return outputs.REPORT if outputs.is_report(start) else None


def _walk(folder: Path, found: FoundFiles, *, root: Path | None, hidden: bool = False) -> Iterator[Path]:
    """All files below a folder except hidden ones, sorted by path, without following links to folders.

    Args:
        folder: where to begin.
        found: records the folders that are not entered.
        root: see ``FoundFiles.skip``.
        hidden: whether to find hidden files too.
    """
    waiting = _inside(folder, found, root)  # the next path is the last
    while waiting:
        path = waiting.pop()
        if path.name.startswith(".") and not hidden:
            if root:  # a glob does not match hidden ones
                found.skip(path, "hidden", root)
        elif not _is_folder(path):
            yield path
        elif path.is_symlink():
            found.skip(path, "link to a folder", root)
        elif made := outputs.made_by_rnngen(path):
            found.skip(path, made, root)
        else:
            waiting += _inside(path, found, root)


def _inside(folder: Path, found: FoundFiles, root: Path | None) -> list[Path]:
    """What a folder contains, the last name first."""
    try:
        return sorted(folder.iterdir(), key=path_order, reverse=True)
    except OSError as error:
        found.skip(folder, error.strerror or "cannot be read", root)
        return []


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # its target cannot be examined
        return False


def _matches(pattern: str, found: FoundFiles) -> Iterator[Path]:
    """The files that a glob stands for, sorted; ``**`` follows no links to folders, which may form a cycle."""
    parts = Path(pattern).parts
    first = parts.index("**") if "**" in parts else len(parts)
    tail = parts[first:]
    enclosing = cache(outputs.enclosing)
    heads = glob.glob(str(Path(*parts[:first]))) if first else ["."]  # noqa: PTH207 (a pattern may be absolute)
    for head in sorted(map(Path, heads), key=path_order):
        if _is_folder(head) != bool(tail):
            continue
        if own := enclosing(head if tail else head.parent):
            found.skip(*own, None)
        elif not tail:
            yield head
        else:
            hidden = any(part.startswith(".") for part in tail)
            files = _walk(head, found, root=None, hidden=hidden)
            yield from (file for file in files if _fits(file.relative_to(head).parts, tail))


def _fits(names: Sequence[str], pattern: Sequence[str]) -> bool:
    """Whether the parts of a path match those of a glob, in which ``**`` matches any number of folders."""
    if not pattern:
        return not names
    if pattern[0] == "**":
        deeper = bool(names) and not names[0].startswith(".")
        return _fits(names, pattern[1:]) or (deeper and _fits(names[1:], pattern))
    if not names or (names[0].startswith(".") and not pattern[0].startswith(".")):
        return False
    return fnmatchcase(names[0], pattern[0]) and _fits(names[1:], pattern[1:])
