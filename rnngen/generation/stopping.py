"""Where a text ends: at a length, or before a string, found in text that comes in pieces."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from rnngen.generation.options import Sampling

FinishReason = Literal["length", "stop", "line", "paragraph"]

UNTIL = {"line": "\n", "paragraph": "\n\n"}
"""What ends the text for each value of ``--until``."""


class StopMatcher:
    """Passes text on until one of the strings has appeared in it; that string and what follows are left out.

    What is found depends on the text alone, not on the pieces that it came in: the string that is complete first,
    and of several that are complete at the same character the longest. A piece that could be the beginning of a
    string is held back until it is clear.

    Attributes:
        found: the string that ended the text, or None while it goes on.
    """

    def __init__(self, strings: Iterable[str]) -> None:
        self.found: str | None = None
        self._strings = sorted(set(strings), key=len, reverse=True)
        self._held = ""

    def push(self, piece: str) -> str:
        """The text that may now be shown, perhaps none."""
        if self.found is not None:
            return ""
        text = self._held + piece
        ends = [(at + len(s), s) for s in self._strings if (at := text.find(s)) >= 0]
        if ends:
            end, self.found = min(ends, key=lambda found: found[0])  # of equal ends the first: the longest
            self._held = ""
            return text[: end - len(self.found)]
        keep = max((_overlap(text, s) for s in self._strings), default=0)
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep]

    def finish(self) -> str:
        """What was held back and turned out to be no such string."""
        rest, self._held = self._held, ""
        return rest


def _overlap(text: str, string: str) -> int:
    """The length of the longest end of ``text`` that is a proper beginning of ``string``."""
    for size in range(min(len(text), len(string) - 1), 0, -1):
        if text.endswith(string[:size]):
            return size
    return 0


class Ending:
    """Where one text ends.

    Args:
        sampling: the options.
        prompt: what it goes on from: after a line end, another one is an empty line.

    Attributes:
        most: tokens it may have.
        stops: whether it may end sooner.
    """

    def __init__(self, sampling: Sampling, prompt: str = "") -> None:
        self._until = sampling.until
        strings = [*sampling.stop, *([UNTIL[sampling.until]] if sampling.until else [])]
        self._matcher = StopMatcher(strings)
        self._after_line_end = sampling.until == "paragraph" and prompt.endswith("\n")
        self.most = sampling.most
        self.stops = bool(strings)

    def push(self, text: str) -> str:
        """What may be shown of the text so far."""
        if self._after_line_end and text:
            self._after_line_end = False
            if text[0] == "\n":
                self._matcher.found = UNTIL["paragraph"]
        return self._matcher.push(text) if self.stops else text

    def finish(self, text: str) -> str:
        """What is left to show, after ``text`` was the last."""
        return self._matcher.push(text) + self._matcher.finish() if self.stops else text

    @property
    def stop(self) -> str | None:
        """The string that ended it."""
        return self._matcher.found

    @property
    def reason(self) -> FinishReason:
        """Why it ended."""
        if self.stop is None:
            return "length"
        return self._until if self._until and self.stop == UNTIL[self._until] else "stop"
