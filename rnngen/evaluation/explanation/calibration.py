"""Calibration: whether a model is right as often as it says.

The confidence at a position is the probability of the most likely token there; it is right if that token came. Over
``BINS`` bins of equal width, the expected calibration error is the mean distance between confidence and accuracy,
weighted by tokens: Σ_b n_b/N |accuracy_b - confidence_b| (Guo et al. 2017, "On Calibration of Modern Neural Networks").
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rnngen.evaluation.blocks import ScoredBlock

BINS = 15


@dataclass(frozen=True)
class ConfidenceBin:
    """Positions with about the same confidence.

    Attributes:
        low, high: of the confidence; ``high`` belongs to the next bin, and 1 to the last one.
        tokens: how many positions.
        confidence: their mean.
        accuracy: the share of them at which the most likely token came.
    """

    low: float
    high: float
    tokens: int
    confidence: float
    accuracy: float


class Calibration:
    """Confidence and accuracy; ``Analysis``."""

    detailed = True

    def __init__(self) -> None:
        self._sums = np.zeros((3, BINS))  # tokens, confidence, right

    def add(self, block: ScoredBlock) -> None:
        """Take in the next tokens of the text."""
        tops, ranks = block.scores.tops, block.scores.ranks
        assert tops is not None
        assert ranks is not None
        confidence = np.minimum(tops.astype(float), 1)
        number = np.minimum((confidence * BINS).astype(int), BINS - 1)
        self._sums += [np.bincount(number, each, BINS) for each in (np.ones(len(tops)), confidence, ranks == 0)]

    def bins(self) -> list[ConfidenceBin]:
        """The bins with positions in them."""
        return [
            ConfidenceBin(k / BINS, (k + 1) / BINS, int(tokens), confidence / tokens, right / tokens)
            for k, (tokens, confidence, right) in enumerate(self._sums.T.tolist())
            if tokens
        ]

    @property
    def error(self) -> float:
        """The expected calibration error."""
        tokens, confidence, right = self._sums
        return float(np.abs(right - confidence).sum() / tokens.sum())

    @property
    def confidence(self) -> float:
        """The mean confidence."""
        return float(self._sums[1].sum() / self._sums[0].sum())

    @property
    def accuracy(self) -> float:
        """The share of positions at which the most likely token came."""
        return float(self._sums[2].sum() / self._sums[0].sum())
