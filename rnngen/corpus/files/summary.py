"""What was read, skipped and observed of the files of the sources, and a line that says it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
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
class Observations:
    """What was left out of files that were read, and what was conspicuous in them.

    Attributes:
        rows: how many rows, by reason.
        lines: how many lines of plain text, by reason.
        empty: how many rows, lines or other documents hold nothing but white space, by what they are.
        replaced: how often U+FFFD was put in place of something, by what that was.
        separators: of documents: how many there are ("all"), and how many are lines by themselves ("lines").
        notes: on what may be a mistake.
    """

    rows: Counter[str] = field(default_factory=Counter)
    lines: Counter[str] = field(default_factory=Counter)
    empty: Counter[str] = field(default_factory=Counter)
    replaced: Counter[str] = field(default_factory=Counter)
    separators: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)

    def __add__(self, other: Observations) -> Observations:
        return Observations(
            self.rows + other.rows,
            self.lines + other.lines,
            self.empty + other.empty,
            self.replaced + other.replaced,
            self.separators + other.separators,
            self.notes + other.notes,
        )

    def parts(self) -> list[str]:
        """As in ["3 rows left out: broken JSON (2), no field 'text' (1)", "1 empty row"]."""
        parts = [
            f"{_count(total, noun)} left out: {_reasons(counts)}"
            for noun, counts in (("row", self.rows), ("line", self.lines))
            if (total := counts.total())
        ]
        if total := self.replaced.total():
            parts.append(f"{total:,} replaced by U+FFFD: {_reasons(self.replaced)}")
        return parts + [_count(number, f"empty {noun}") for noun, number in self.empty.items()]


@dataclass(frozen=True)
class SourceSummary:
    """Files that were read and skipped, and what was observed in those that were read.

    Attributes:
        read: how many files were read; standard input counts as one.
        skipped: files and folders that were not read.
        bytes: size of the files that were read.
        observed: of files that were read.
        encodings: how many files were read in each, if they were chosen by their bytes.
        of_rows: how many of the files that were read have rows.
        notes: on what may be a mistake, a sentence each.
    """

    read: int = 0
    skipped: tuple[Skipped, ...] = ()
    bytes: int = 0
    observed: Observations = field(default_factory=Observations)
    encodings: Counter[str] = field(default_factory=Counter)
    of_rows: int = 0
    notes: tuple[str, ...] = ()

    def __add__(self, other: SourceSummary) -> SourceSummary:
        return SourceSummary(
            self.read + other.read,
            self.skipped + other.skipped,
            self.bytes + other.bytes,
            self.observed + other.observed,
            self.encodings + other.encodings,
            self.of_rows + other.of_rows,
            self.notes + other.notes,
        )

    @property
    def is_worth_telling(self) -> bool:
        """Whether there is more to say than that one file was read."""
        return self.read > 1 or bool(self.skipped or self.observed.parts() or self.encodings)

    def line(self) -> str:
        """The summary, as in "12 read; 2 skipped: notes.txt (UTF-16 text), old.zip (zip archive)".

        It has at most ``LONGEST_LINE`` characters for files, and as many for what was left out of them: if there are
        too many files to name, they are counted by reason.
        """
        read = f"{self.read:,} read"
        if self.encodings:
            several = len(self.encodings) > 1
            read += " as " + ", ".join(f"{name} ({n:,})" if several else name for name, n in _first(self.encodings))
        if self.skipped:
            longest = max(60, LONGEST_LINE - len(read) - 22)
            read += f"; {len(self.skipped):,} skipped: {describe(self.skipped, longest)}"
        return "; ".join([read, *self.observed.parts()])


_MOST_REASONS = 8


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _first(counts: Counter[str]) -> list[tuple[str, int]]:
    """The most frequent, and the others together."""
    common = counts.most_common()
    others = sum(n for _, n in common[_MOST_REASONS:])
    return common[:_MOST_REASONS] + ([("others", others)] if others else [])


def _reasons(counts: Counter[str]) -> str:
    return ", ".join(f"{reason} ({n:,})" for reason, n in _first(counts))


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
