"""Where a text begins and ends: after skipped line ends; at a length, a stop string, a sentence's or document's end."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Literal

from rnngen.corpus.documents import BOUNDARY

if TYPE_CHECKING:
    from rnngen.sampling.options import Sampling
    from rnngen.sampling.sentences import SentenceMatcher
    from rnngen.sampling.word_ends import WordMatcher

FinishReason = Literal["length", "stop", "line", "sentence", "paragraph", "document"]

UNTIL = {"line": "\n", "paragraph": "\n\n"}
"""The strings before which ``until`` ends a text; a sentence has no such string."""


class StopMatcher:
    """Passes text through until it contains one of the strings; the string and what follows are dropped.

    The result depends only on the text, not on the pieces in which it arrives: the string that is complete first ends
    the text, and of several that are complete at the same character the longest. Text that may be the beginning of a
    string is held back until that is clear.

    Args:
        strings: that end the text.
        kept: those of them that stay in the text.

    Attributes:
        found: the string that ended the text; None while it continues.
    """

    def __init__(self, strings: Iterable[str], kept: Iterable[str] = ()) -> None:
        self.found: str | None = None
        self._kept = frozenset(kept)
        self._strings = sorted(set(strings), key=len, reverse=True)
        self._held = ""

    def push(self, piece: str) -> str:
        """The text that can be shown now, perhaps none."""
        if self.found is not None:
            return ""
        text = self._held + piece
        ends = [(at + len(s), s) for s in self._strings if (at := text.find(s)) >= 0]
        if ends:
            end, self.found = min(ends, key=lambda found: found[0])  # the first of equal ends, which is the longest
            self._held = ""
            return text[:end] if self.found in self._kept else text[: end - len(self.found)]
        keep = max((_overlap(text, s) for s in self._strings), default=0)
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep]

    def finish(self) -> str:
        """The text that was held back and turned out not to be such a string."""
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

    Line ends before a new line, sentence or paragraph, by ``until`` or ``length``, are not part of it, and skipped.

    Args:
        sampling: the options.
        prompt: the text before it: after a line end, another one makes an empty line.
        label: of the text.
        documents: whether the model writes documents, so that it ends with the document at the latest.
        normalize: gives a text the form of what the model writes.

    Attributes:
        prompt: see above.
        label: see above.
        max_tokens: the maximum number of tokens.
        stops: whether the text may end earlier, or have line ends skipped.
    """

    def __init__(
        self,
        sampling: Sampling,
        prompt: str = "",
        *,
        label: str | None = None,
        documents: bool = False,
        normalize: Callable[[str], str] = str,
    ) -> None:
        self.prompt, self.label = prompt, label
        until = self._until = sampling.until
        before = UNTIL.get(until or "")
        stops = list(map(normalize, sampling.stop))
        kept = set(stops) - {before, BOUNDARY} if sampling.keep_stop else ()
        ends = [*stops, *([before] if before else []), *([BOUNDARY] if documents else [])]
        self._matcher = StopMatcher(ends, kept)
        self._counters = _counters(sampling, prompt)
        begins = not prompt.strip("\n") or prompt.endswith("\n" if until == "line" else "\n\n")
        self._skips = begins and (until is not None or sampling.at_most("sentence") is not None)
        self._after_line_end = until == "paragraph" and prompt.endswith("\n") and not begins
        self.max_tokens = sampling.max_tokens(open_ended=documents)
        self.stops = sampling.ends_itself or documents

    def skip(self, text: str) -> str:
        """The piece without the line ends that are skipped at the beginning; ``push`` skips them too."""
        if self._skips and text:
            text = text.lstrip("\n")
            self._skips = not text
        return text

    def push(self, text: str) -> str:
        """The text that can be shown now, after another piece."""
        if not self.stops:
            return text
        text = self.skip(text)
        if self._after_line_end and text:
            self._after_line_end = False
            if text[0] == "\n":
                self._matcher.found = UNTIL["paragraph"]
        return self._counted(self._matcher.push(text))

    def finish(self, text: str) -> str:
        """The rest of the text to show, where ``text`` is the last piece."""
        if not self.stops:
            return text
        shown = self.push(text)
        if not self.ended:
            shown += self._counted(self._matcher.finish(), last=True)
        return shown

    def _counted(self, text: str, *, last: bool = False) -> str:
        """The part of a text, which may be the last, that each counter shows."""
        last = last or self._matcher.found is not None
        for counter, _ in self._counters:
            text = counter.push(text) + (counter.finish() if last else "")
            last = last or counter.found is not None
        return text

    @property
    def _end(self) -> tuple[str | None, FinishReason]:
        """What ended the text, and why; a later counter gets what an earlier one shows, so its end comes first."""
        for counter, reason in reversed(self._counters):
            if counter.found is not None:
                return (None if reason == "length" else counter.found), reason
        stop = self._matcher.found
        if stop is None:
            return None, "length"
        if stop == BOUNDARY:
            return stop, "document"
        return stop, self._until if self._until and stop == UNTIL.get(self._until) else "stop"

    @property
    def ended(self) -> bool:
        """Whether the text has ended, and gets no more pieces."""
        return self._matcher.found is not None or any(counter.found is not None for counter, _ in self._counters)

    @property
    def stop(self) -> str | None:
        """The string that ended the text, if any."""
        return self._end[0]

    @property
    def reason(self) -> FinishReason:
        """Why the text ended."""
        return self._end[1]


def _counters(sampling: Sampling, prompt: str) -> list[tuple[SentenceMatcher | WordMatcher, FinishReason]]:
    """What counts sentences and words, and the reason if it ends a text."""
    sentences, words = sampling.at_most("sentence"), sampling.at_most("word")
    counters: list[tuple[SentenceMatcher | WordMatcher, FinishReason]] = []
    if sampling.until == "sentence" or sentences:  # few texts need these
        from rnngen.sampling.sentences import SentenceMatcher

        if sampling.until == "sentence":
            counters.append((SentenceMatcher(prompt), "sentence"))
        if sentences:
            counters.append((SentenceMatcher(prompt, sentences), "length"))
    if words:
        from rnngen.sampling.word_ends import WordMatcher

        counters.append((WordMatcher(words), "length"))
    return counters
