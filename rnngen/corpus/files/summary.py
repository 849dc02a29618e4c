"""A line that says how many files of the sources were read, and which were skipped and why."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from rnngen.graphemes import boundary_after

LONGEST_LINE = 200
_LONGEST_NAME = 40


@dataclass(frozen=True)
class Skipped:
    """A file or folder that was found in a source's folder, or by a glob, and not read.

    Attributes:
        path: its path.
        reason: why it was not read, as in "gzip archive" or "hidden".
        name: its name in messages: its path within the source.
    """

    path: Path
    reason: str
    name: str


@dataclass(frozen=True)
class SourceSummary:
    """Files that were read and skipped.

    Attributes:
        read: how many files were read; standard input counts as one.
        skipped: files and folders that were not read.
        bytes: size of the files that were read.
        empty: documents that were left out because they hold nothing but white space.
    """

    read: int = 0
    skipped: tuple[Skipped, ...] = ()
    bytes: int = 0
    empty: int = 0

    def __add__(self, other: SourceSummary) -> SourceSummary:
        return SourceSummary(
            self.read + other.read, self.skipped + other.skipped, self.bytes + other.bytes, self.empty + other.empty
        )

    def line(self) -> str:
        """The summary, as in "12 read; 2 skipped: notes.txt (UTF-16 text), old.zip (zip archive)".

        It has at most ``LONGEST_LINE`` characters: if there are too many files to name, they are counted by reason.
        """
        read = f"{self.read:,} read"
        if not self.skipped:
            return read
        return f"{read}; {len(self.skipped):,} skipped: {describe(self.skipped, LONGEST_LINE - len(read) - 22)}"


def describe(skipped: tuple[Skipped, ...], longest: int = LONGEST_LINE) -> str:
    """Names and reasons, or, if that is longer than ``longest``, the number of files for each reason."""
    # files that the user may have expected to be read come first
    telling = sorted(skipped, key=lambda each: each.reason in ("hidden", "empty"))
    named = ", ".join(f"{_short(each.name)} ({each.reason})" for each in telling)
    if len(named) <= longest:
        return named
    counts = Counter(each.reason for each in telling).most_common()
    shown = [f"{n:,} ({reason})" for reason, n in counts]
    kept = len(shown)
    while kept > 1 and len(_listed(shown, counts, kept)) > longest:
        kept -= 1
    return _listed(shown, counts, kept)


def _listed(shown: list[str], counts: list[tuple[str, int]], kept: int) -> str:
    others = sum(n for _, n in counts[kept:])
    return ", ".join(shown[:kept]) + (f" and {others:,} others" if others else "")


def _short(name: str) -> str:
    """The end of a name, on one line."""
    name = "".join(c if c.isprintable() else "\ufffd" for c in name)
    return name if len(name) <= _LONGEST_NAME else f"…{name[boundary_after(name, len(name) + 1 - _LONGEST_NAME) :]}"
