"""The files below a folder, and those that a glob stands for."""

from __future__ import annotations

import glob
from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

from rnngen.corpus.files import outputs
from rnngen.platforms import path_order

Skip = Callable[[Path, str, Path | None], None]
"""Records a file or folder that is not read: its path, the reason, and the folder that is searched."""


def walk(folder: Path, skip: Skip, *, root: Path | None, hidden: bool = False) -> Iterator[Path]:
    """All files below a folder except hidden ones, sorted by path, without following links to folders.

    Args:
        folder: where to begin.
        skip: records the files and folders that are not read.
        root: the folder that is searched; None: that of a glob.
        hidden: whether to find hidden files too.
    """
    waiting = _inside(folder, skip, root)  # the next path is the last
    while waiting:
        path = waiting.pop()
        if path.name.startswith(".") and not hidden:
            if root:  # a glob does not match hidden ones
                skip(path, "hidden", root)
        elif not _is_folder(path):
            yield path
        elif path.is_symlink():
            skip(path, "link to a folder", root)
        elif made := outputs.made_by_rnngen(path):
            skip(path, made, root)
        else:
            waiting += _inside(path, skip, root)


def _inside(folder: Path, skip: Skip, root: Path | None) -> list[Path]:
    """What a folder contains, the last name first."""
    try:
        return sorted(folder.iterdir(), key=path_order, reverse=True)
    except OSError as error:
        skip(folder, error.strerror or "cannot be read", root)
        return []


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # its target cannot be examined
        return False


def matches(pattern: str, skip: Skip) -> Iterator[Path]:
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
            skip(*own, None)
        elif not tail:
            yield head
        else:
            hidden = any(part.startswith(".") for part in tail)
            files = walk(head, skip, root=None, hidden=hidden)
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
