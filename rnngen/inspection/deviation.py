"""How one mean gradient deviates from another: angle, lengths, and what of their difference is more than noise."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Deviation:
    """How the gradient of truncated windows differs from the untruncated one, both the mean over all passages.

    Attributes:
        angle: between them, in degrees.
        ratio: of the truncated one's length to the other's.
        apart: length of their difference, to which noise between passages adds.
        error: standard error of that: the root mean square length of the noise.
    """

    angle: float
    ratio: float
    apart: float
    error: float

    @property
    def bias(self) -> float:
        """Length of the difference without noise: the root of an unbiased estimate of its square, cut off at 0."""
        return math.sqrt(max(0.0, self.apart**2 - self.error**2))

    @property
    def largest_bias(self) -> float:
        """What the bias is below: by the triangle inequality, if the noise is within two standard errors."""
        return self.apart + 2 * self.error

    @property
    def is_noise(self) -> bool:
        """Whether noise alone may be all of the difference, so that only ``largest_bias`` is known."""
        return 0 < self.apart < 2 * self.error


class Mean:
    """The mean of vectors, of which only the sum is kept, and how far they are from it.

    Args:
        size: of the beginning of each vector, which is also measured alone.
    """

    def __init__(self, size: int) -> None:
        self._size, self._count, self._sum = size, 0, torch.zeros(())
        self._squares = [0.0, 0.0]

    def add(self, vector: Tensor) -> None:
        """Add a vector."""
        self._count += 1
        self._sum = self._sum + vector
        for i, part in enumerate(self._parts(vector)):
            self._squares[i] += float(part.norm()) ** 2

    def _parts(self, vector: Tensor) -> tuple[Tensor, Tensor]:
        return vector, vector[: self._size]

    @property
    def means(self) -> tuple[Tensor, Tensor]:
        """The mean, and its beginning."""
        return self._parts(self._sum / self._count)

    @property
    def spreads(self) -> list[float]:
        """The variance of a vector (the sum over its elements), and of its beginning."""
        rest = (s - self._count * float(mean.norm()) ** 2 for s, mean in zip(self._squares, self.means, strict=True))
        return [max(0.0, each) / (self._count - 1) for each in rest]

    @property
    def errors(self) -> list[float]:
        """The standard error of the mean, the root mean square length of its noise, and that of its beginning."""
        return [math.sqrt(spread / self._count) for spread in self.spreads]


def deviation(untruncated: Tensor, difference: Tensor, error: float) -> Deviation:
    """How a gradient, (P,), and it plus a difference, (P,), deviate; computed in float64.

    Args:
        untruncated: the gradient.
        difference: of the truncated one from it.
        error: standard error of the difference.
    """
    untruncated, difference = untruncated.double(), difference.double()
    truncated = untruncated + difference
    a, b, apart = float(truncated.norm()), float(untruncated.norm()), float(difference.norm())
    if not a or not b:  # nothing reaches these weights
        return Deviation(0.0, 1.0, apart, error) if a == b else Deviation(90.0, 0.0, apart, error)
    # exact for small angles, where the cosine rounds to 1 (Kahan 2006)
    one, other = truncated / a, untruncated / b
    angle = 2 * math.atan2(float((one - other).norm()), float((one + other).norm()))
    return Deviation(math.degrees(angle), a / b, apart, error)
