"""The sampler: it applies the options to each step's logits, and draws."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from random import Random
from typing import TYPE_CHECKING

import numpy as np
from numpy import add, divide, exp, subtract

from rnngen.engine.probabilities import Array, not_finite
from rnngen.sampling import filters
from rnngen.sampling.filters import Weights
from rnngen.sampling.options import Sampling, names_of

if TYPE_CHECKING:
    from rnngen.sampling.healing import Covers


class Sampler:
    """Draws the next token of each of B samples.

    A sample's random numbers depend only on the seed and its own number, not on the other samples.

    Args:
        sampling: the options.
        banned: ids that are never drawn.
        seed: of the draws.
        samples: the numbers of the samples, (B,).
        histories: the ids of each sample's prompt, which count as seen.
        not_first: ids that each sample may not begin with.
        vocab_size: V.
    """

    def __init__(
        self,
        sampling: Sampling,
        *,
        banned: Sequence[int],
        seed: int,
        samples: Iterable[int],
        histories: Sequence[Sequence[int]],
        not_first: Sequence[Sequence[int]],
        vocab_size: int,
    ) -> None:
        self._sampling = sampling
        self._uniforms = [Random(f"{seed} {sample}").random for sample in samples]
        self._recent = None
        if sampling.repetition_penalty != 1 and sampling.repetition_window:
            self._recent = [_Window(sampling.repetition_window, ids, vocab_size) for ids in histories]
        self._not_first = list(not_first) if any(not_first) else []  # until each has drawn
        self._bias = filters.ban(np.zeros((1, vocab_size), np.float32), banned)
        self._filters = [
            (getattr(filters, name), getattr(sampling, name)) for name in sampling.changes(*names_of("filter"))
        ]
        self._plain = not self._filters and self._recent is None and sampling.temperature != 0
        self._w = np.empty((1, vocab_size), np.float32)
        self._sums = np.empty((1, vocab_size))

    def draw(self, logits: Array) -> list[int]:
        """Draw one token per sample, from logits (B, V).

        Raises:
            RnngenError: the logits are not finite.
        """
        if self._not_first:
            logits = self._first_logits(logits, range(len(logits)))
            self._not_first = []
        if self._plain and len(logits) == 1:
            return [self._draw_one(logits)]
        tokens = self._drawn(self.weights(logits), self._uniforms)
        if self._recent is not None:
            for window, token in zip(self._recent, tokens, strict=True):
                window.push(token)
        return tokens

    def draw_alone(self, logits: Array, sample: int) -> int:
        """Draw the next token of one sample from its logits (1, V): the same token as ``draw`` would draw."""
        if self._not_first:
            logits = self._first_logits(logits, [sample])
            self._not_first[sample] = ()
        (token,) = self._drawn(self.weights(logits, [sample]), [self._uniforms[sample]])
        self.push((token,), sample)
        return token

    def draw_cover(self, covers: Covers, sample: int) -> int:
        """Draw the cover that one sample begins with; returns its index.

        The options apply to covers as to tokens. A cover counts as repeated if its last token does, and says more than
        the prompt.

        Raises:
            RnngenError: the model's logits are not finite.
        """
        log_p = covers.log_p
        if self._recent is not None:
            seen = covers.longer & (self._recent[sample].counts[covers.tokens] > 0)
            z = filters.penalize_repetition(covers.logits, seen, self._sampling.repetition_penalty)
            log_p = log_p + (z - covers.logits)
        w = self._filtered(filters.weights(np.where(covers.banned, -np.inf, log_p)[None], self._sampling.temperature))
        (cover,) = self._drawn(w, [self._uniforms[sample]])
        self.push(covers.ids(cover), sample)
        return cover

    def push(self, tokens: Sequence[int], sample: int) -> None:
        """Take note of the next tokens of one sample, however they were chosen."""
        if self._recent is not None:
            for token in tokens:
                self._recent[sample].push(token)

    def _first_logits(self, logits: Array, samples: Sequence[int]) -> Array:
        """Logits (B, V) of some samples, without what each of them may not begin with."""
        logits = logits.copy()
        for row, sample in enumerate(samples):
            logits[row, list(self._not_first[sample])] = -np.inf
        return logits

    @staticmethod
    def _drawn(w: Weights, uniforms: Sequence[Callable[[], float]]) -> list[int]:
        try:
            return filters.draw(w, [uniform() for uniform in uniforms])
        except FloatingPointError as error:
            raise not_finite() from error

    def _draw_one(self, logits: Array) -> int:
        """Draw the token of a single sample whose distribution only the temperature changes.

        Half the time of a token is spent here, so this is ``filters.weights`` and ``filters.draw`` in buffers that are
        allocated once.
        """
        w, sums, temperature = self._w, self._sums, self._sampling.temperature
        add(logits, self._bias, w)
        subtract(w, w.item(w.argmax()), w)  # several times as fast as w.max()
        if temperature != 1:
            divide(w, min(max(temperature, filters.TEMPERATURES[0]), filters.TEMPERATURES[1]), w)
        exp(w, w)
        accumulate(w, 1, None, sums)
        total = sums.item(-1)
        if not 0 < total < math.inf:
            raise not_finite()
        return int(sums[0].searchsorted(self._uniforms[0]() * total, "right"))

    def weights(self, logits: Array, samples: Sequence[int] | None = None) -> Weights:
        """The weights to draw the next token by, (B, V), from logits (B, V), of all samples or of these."""
        if self._recent is not None:
            windows = self._recent if samples is None else [self._recent[sample] for sample in samples]
            seen = np.array([window.counts for window in windows]) > 0
            logits = filters.penalize_repetition(logits, seen, self._sampling.repetition_penalty)
        return self._filtered(filters.weights(logits + self._bias, self._sampling.temperature))

    def _filtered(self, w: Weights) -> Weights:
        for apply, value in self._filters:
            w = apply(w, value)
        return w

    def select(self, rows: Sequence[int]) -> None:
        """Continue with these samples only."""
        self._uniforms = [self._uniforms[row] for row in rows]
        self._not_first = [self._not_first[row] for row in rows] if self._not_first else []
        if self._recent is not None:
            self._recent = [self._recent[row] for row in rows]


accumulate = add.accumulate


class _Window:
    """Counts of the tokens among the last ones of a text."""

    def __init__(self, size: int, ids: Sequence[int], vocab_size: int) -> None:
        self._ids: deque[int] = deque()
        self._size = size
        self.counts = np.zeros(vocab_size, np.int64)
        for token in ids[-size:]:
            self.push(token)

    def push(self, token: int) -> None:
        if len(self._ids) == self._size:
            self.counts[self._ids.popleft()] -= 1
        self._ids.append(token)
        self.counts[token] += 1
