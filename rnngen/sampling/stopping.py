"""Where a text begins and ends: after line ends that are left out; at a length, a string, or the end of a sentence."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from rnngen.sampling.options import Sampling
    from rnngen.sampling.sentences import SentenceMatcher

FinishReason = Literal["length", "stop", "line", "sentence", "paragraph"]

UNTIL = {"line": "\n", "paragraph": "\n\n"}
"""The strings before which ``--until`` ends the text; a sentence has no such string."""


class StopMatcher:
    """Passes text on until one of the strings has appeared in it; what follows is left out, and the string too.

    What is found depends on the text alone, not on the pieces that it came in: the string that is complete first,
    and of several that are complete at the same character the longest. A piece that could be the beginning of a
    string is held back until it is clear.

    Args:
        strings: what ends the text.
        kept: those of them that stay in the text.

    Attributes:
        found: the string that ended the text, or None while it goes on.
    """

    def __init__(self, strings: Iterable[str], kept: Iterable[str] = ()) -> None:
        self.found: str | None = None
        self._kept = frozenset(kept)
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
            return text[:end] if self.found in self._kept else text[: end - len(self.found)]
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
    """Where one text begins and ends.

    Line ends that come before a line, a sentence or a paragraph are no part of it: with ``until``, they are skipped
    where the text begins a new one.

    Args:
        sampling: the options.
        prompt: what it goes on from: after a line end, another one is an empty line.

    Attributes:
        most: tokens it may have.
        stops: whether it may end sooner, or have line ends skipped.
    """

    def __init__(self, sampling: Sampling, prompt: str = "") -> None:
        until = self._until = sampling.until
        before = UNTIL.get(until or "")
        kept = set(sampling.stop) - {before} if sampling.keep_stop else ()
        self._matcher = StopMatcher([*sampling.stop, *([before] if before else [])], kept)
        self._sentence = _sentence_matcher(prompt) if until == "sentence" else None
        begins = not prompt.strip("\n") or prompt.endswith("\n" if until == "line" else "\n\n")
        self._skips = until is not None and begins
        self._after_line_end = until == "paragraph" and prompt.endswith("\n") and not begins
        self.most = sampling.most
        self.stops = bool(sampling.stop) or until is not None

    def skip(self, text: str) -> str:
        """A piece without line ends that come before anything else, where they are skipped; ``push`` does so too."""
        if self._skips and text:
            text = text.lstrip("\n")
            self._skips = not text
        return text

    def push(self, text: str) -> str:
        """What may be shown of the text so far."""
        if not self.stops:
            return text
        text = self.skip(text)
        if self._after_line_end and text:
            self._after_line_end = False
            if text[0] == "\n":
                self._matcher.found = UNTIL["paragraph"]
        return self._until_sentence_end(self._matcher.push(text))

    def finish(self, text: str) -> str:
        """What is left to show, after ``text`` was the last."""
        if not self.stops:
            return text
        shown = self.push(text)
        if self.stop is None:
            shown += self._until_sentence_end(self._matcher.finish(), last=True)
        return shown

    def _until_sentence_end(self, text: str, *, last: bool = False) -> str:
        if self._sentence is None:
            return text
        shown = self._sentence.push(text)
        if last or self._matcher.found is not None:
            shown += self._sentence.finish()
        return shown

    @property
    def stop(self) -> str | None:
        """The string that ended it."""
        if self._sentence is not None and self._sentence.found is not None:
            return self._sentence.found
        return self._matcher.found

    @property
    def reason(self) -> FinishReason:
        """Why it ended."""
        if self.stop is None:
            return "length"
        if self._sentence is not None and self._sentence.found is not None:
            return "sentence"
        return self._until if self._until and self.stop == UNTIL.get(self._until) else "stop"


def _sentence_matcher(prompt: str) -> SentenceMatcher:
    from rnngen.sampling.sentences import SentenceMatcher  # here: most texts do without

    return SentenceMatcher(prompt)
