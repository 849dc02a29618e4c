"""How far back a network remembers: accuracy by distance on a text in a planted language (``corpus/planted``).

In every line, one symbol decides another one a known distance later. There the network predicts, given all that it
reads (the true text before or, bidirectional, on both sides), and the most likely of the symbols that can be the answer
counts as its own. Without memory, no more than chance is right.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from rnngen.corpus.planted.language import Decision, Language
from rnngen.corpus.planted.languages import LANGUAGES, language_of
from rnngen.corpus.tokenizer import Tokenizer, pieces_of
from rnngen.engine.probabilities import not_finite
from rnngen.errors import CorpusError, UsageError, shortened
from rnngen.model.language_model import Network

REMEMBERS, HARDLY = 0.9, 0.1
"""Accuracy from which a network counts as one that remembers; and the share of the way from chance to perfect below
which it counts as one that does not, whatever is significant in a long text."""
ENOUGH = 10
"""Decisions from which an accuracy is judged."""
BINS = 8
Z = 1.959964  # of the normal distribution, for intervals of 95 %
_READ = 1 << 16  # tokens at once


def interval_of_share(right: int, n: int) -> tuple[float, float]:
    """The 95 % confidence interval of a share (Wilson 1927)."""
    p = right / n
    middle, half = p + Z * Z / (2 * n), Z * math.sqrt(p * (1 - p) / n + Z * Z / (4 * n * n))
    scale = 1 + Z * Z / n
    return max(0.0, (middle - half) / scale), min(1.0, (middle + half) / scale)


@dataclass(frozen=True)
class Bin:
    """The decisions of some distances.

    Attributes:
        first, last: the distances.
        right: how many decisions the network got right, of
        n: how many.
    """

    first: int
    last: int
    right: int
    n: int

    @property
    def accuracy(self) -> float:
        """Share of the decisions that are right."""
        return self.right / self.n

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % confidence interval of the accuracy."""
        return interval_of_share(self.right, self.n)

    @property
    def name(self) -> str:
        """The distances in words."""
        return str(self.first) if self.first == self.last else f"{self.first} to {self.last}"


@dataclass(frozen=True)
class Planted:
    """A text in a planted language.

    Attributes:
        language: the language.
        lines: its lines.
        kinds: how many of ``Language.kinds`` it uses.
    """

    language: Language
    lines: Sequence[str]
    kinds: int

    @property
    def chance(self) -> float:
        """The accuracy without memory."""
        return self.language.chance(self.kinds)


def planted_lines(tokenizer: Tokenizer, tokens: NDArray[np.integer[Any]], name: str, examples: int) -> Planted:
    """The first lines of a text, which is in a planted language.

    Args:
        tokenizer: the run's.
        tokens: token ids of the text, (N,), which may begin and end within a line.
        name: of the text, for messages.
        examples: how many lines at most.

    Raises:
        CorpusError: it is not in a planted language, or has fewer than two kinds of symbols.
        UsageError: the tokenizer is not one of single symbols.
    """
    if tokenizer.level not in ("char", "byte"):
        raise UsageError(
            "memory is measured symbol by symbol", expected="a run with `tokenizer=char`", found=tokenizer.level
        )
    lines: list[str] = []
    begin = 0
    while begin < len(tokens) and len(lines) <= examples + 1:
        pieces = pieces_of(tokenizer, tokens[begin : begin + _READ].tolist())
        first, *others = "".join(pieces).split("\n")
        lines = [*lines[:-1], (lines[-1] if lines else "") + first, *others]
        begin += _READ
    if len(lines) > 1 and language_of([lines[0]]) is None:
        del lines[0]  # a part of a text that is one stream begins anywhere
    complete = [line for line in lines[: examples + 1] if line]
    if len(complete) > 1 and language_of(complete[-1:]) is None:
        del complete[-1]
    complete = complete[:examples]
    language = language_of(complete)
    if language is None and tokenizer.unknown_id is not None and tokenizer.unknown_id in tokens[:_READ]:
        raise CorpusError(
            "has symbols that the run does not know", where=name, expected="a text in the language that it learned"
        )
    if language is None:
        odd = next((line for line in complete if language_of([line]) is None), complete[0] if complete else "")
        names = ", ".join(LANGUAGES)
        raise CorpusError(
            "is no text whose long-term dependencies are known",
            where=name,
            expected=f"lines as `rnngen corpus build` writes them ({names})",
            found=repr(shortened(odd, 60)),
            hint="Type: rnngen corpus build brackets",
        )
    kinds = language.kinds_in("\n".join(complete))
    if kinds < 2:
        what = f"has only one kind of what there are several of ({language.kinds}), which is right without memory"
        raise CorpusError(what, where=name, expected="at least 2 kinds", hint="Type: rnngen corpus build brackets")
    return Planted(language, complete, kinds)


def recall(model: Network, tokenizer: Tokenizer, text: Planted) -> dict[int, tuple[int, int]]:
    """How often a network is right, by distance.

    Args:
        model: the network, on the CPU. Each line is read by itself.
        tokenizer: the run's.
        text: in a planted language.

    Returns:
        Distance → decisions that are right, and all.

    Raises:
        CorpusError: the network does not know the symbols.
        RnngenError: its logits are not finite.
    """
    known = set("".join(text.lines))  # an answer that a short text lacks may be unknown to the run
    answers = "".join(answer for answer in text.language.answers(text.kinds) if answer in known)
    candidates = _ids(tokenizer, answers)
    # a line of a list is a document; in a stream, line ends stand around it
    end = model.boundary
    before = [] if end is not None else _ids(tokenizer, "\n")
    after = [end] if end is not None else before
    by_length: dict[int, list[tuple[list[int], str, list[Decision]]]] = defaultdict(list)
    for line in text.lines:
        decisions = text.language.decisions(line) or []
        by_length[len(line)].append(([*before, *_ids(tokenizer, line), *after], line, decisions))
    counts: dict[int, tuple[int, int]] = {}
    for length, group in sorted(by_length.items()):
        size = max(1, _READ // (length + 2))
        for begin in range(0, len(group), size):
            some = group[begin : begin + size]
            best = _best(model, np.array([ids for ids, _, _ in some]).T, candidates)
            for column, (_, line, decisions) in enumerate(some):
                for position, distance in decisions:
                    right, n = counts.get(distance, (0, 0))
                    answer = answers[best[len(before) + position - 1, column]]
                    counts[distance] = right + (answer == line[position]), n + 1
    return dict(sorted(counts.items()))


@torch.no_grad()
def _best(model: Network, ids: NDArray[np.int64], candidates: Sequence[int]) -> NDArray[np.int64]:
    """For each target of some texts, ids[1:], (T, B), the number of the most likely candidate."""
    tokens = torch.from_numpy(ids)
    logits = model.predict(tokens[:-1], tokens[1:], model.start_state(tokens.shape[1])).logits
    scores = logits[..., torch.tensor(candidates)].float()
    if not scores.isfinite().all():
        raise not_finite()
    best: NDArray[np.int64] = scores.argmax(dim=-1).numpy()
    return best


def _ids(tokenizer: Tokenizer, text: str) -> list[int]:
    """The token of each symbol.

    Raises:
        CorpusError: the run's text lacks one.
    """
    ids: list[int] = [int(token) for token in tokenizer.encode(text)]
    if tokenizer.unknown_id is not None and tokenizer.unknown_id in ids:
        symbol = text[ids.index(tokenizer.unknown_id)]
        raise CorpusError(f"the run does not know {symbol!r}", expected="a text in the language that it learned")
    return ids


def binned(counts: Mapping[int, tuple[int, int]], edges: Sequence[tuple[int, int]]) -> list[Bin]:
    """Counts by distance in bins; those without a decision are left out.

    Args:
        counts: see ``recall``.
        edges: the first and the last distance of each bin.
    """
    bins = []
    for first, last in edges:
        inside = [(distance, *count) for distance, count in counts.items() if first <= distance <= last]
        if inside:
            distances, right, n = zip(*inside, strict=True)
            bins.append(Bin(min(distances), max(distances), sum(right), sum(n)))
    return bins


def bin_edges(distances: Iterable[int]) -> list[tuple[int, int]]:
    """At most ``BINS`` bins of equal and round widths; few distances have one each."""
    different = sorted(set(distances))
    if len(different) <= BINS:
        return [(distance, distance) for distance in different]
    widths = (step * 10**power for power in range(10) for step in (1, 2, 5))
    width = next(w for w in widths if (different[-1] - 1) // w - (different[0] - 1) // w < BINS)
    begins = range((different[0] - 1) // width * width + 1, different[-1] + 1, width)
    return [(begin, begin + width - 1) for begin in begins]


def _is_less(one: Bin, other: Bin) -> bool:
    """Whether the accuracy of one bin is lower, by a one-sided test of two proportions at 2.5 %."""
    pooled = (one.right + other.right) / (one.n + other.n)
    error = math.sqrt(pooled * (1 - pooled) * (1 / one.n + 1 / other.n))
    return other.accuracy - one.accuracy > Z * error


def verdict(bins: Sequence[Bin], chance: float) -> str:
    """What accuracies by distance show, in one sentence without a subject, which follows from the figures it quotes.

    Args:
        bins: in ascending order of distance. Those with few decisions are not judged.
        chance: the accuracy without memory.
    """
    judged = [each for each in bins if each.n >= ENOUGH]
    if not judged:
        return f"cannot be judged: at no distance are there {ENOUGH} examples"
    first, last = judged[0], judged[-1]
    at_last = f"{last.accuracy:.0%} right at {last.name} symbols"
    at_first = f"{first.accuracy:.0%} right at {first.name}"
    both = at_last if first is last else f"{at_first}, {at_last}"
    if all(each.interval[0] <= chance for each in judged):
        return f"has learned nothing that shows: {both}, where {100 * chance:.3g}% are right by chance"
    if all(each.accuracy < chance + HARDLY * (1 - chance) for each in judged):
        return f"remembers hardly anything: {at_last}, and {100 * chance:.3g}% without memory"
    if last.accuracy >= REMEMBERS and last.interval[0] > chance:
        least = min(judged, key=lambda each: each.accuracy)
        if least.accuracy >= REMEMBERS:
            return f"remembers: {at_last}"
        return f"remembers far back, but unevenly: {least.accuracy:.0%} right at {least.name}, {at_last}"
    if first.interval[0] <= chance or (last.interval[0] <= chance and not _is_less(last, first)):
        best = max(judged, key=lambda each: each.interval[0])
        at_best = at_last if best is last else f"{best.accuracy:.0%} right at {best.name}, {at_last}"
        return f"remembers only a little that shows: {at_best}, where {100 * chance:.3g}% are right by chance"
    if not _is_less(last, first):
        return f"remembers in part, far back as well as near: {both}"
    words = f"forgets with distance: {both}"
    if last.interval[0] <= chance:
        words += ", no better than chance"
    half = chance + (1 - chance) / 2
    lost = next((i for i in range(len(judged)) if all(each.accuracy < half for each in judged[i:])), len(judged))
    if 0 < lost < len(judged):
        words += f"; less than half of the way from chance to perfect from {judged[lost].first} symbols on"
    return words
