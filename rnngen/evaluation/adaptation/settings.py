"""How a model adapts to a text: the defaults, and what ``rnngen eval --tune`` finds on the validation part."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

RECENT_ORDER, GROWING_ORDER = 12, 7
"""The longest n-grams of the text so far; the longest where the training part counts too."""


@dataclass(frozen=True)
class Dynamic:
    """How the weights learn; see ``dynamic.py``.

    Attributes:
        learning_rate: η.
        decay: λ.
        segment: tokens that the weights learn from at a time; with fewer the gain is a little larger, the speed much
            lower.
    """

    learning_rate: float = 5e-4
    decay: float = 4e-3
    segment: int = 64


@dataclass(frozen=True)
class Cache:
    """How the states of the text so far are remembered; see ``cache.py``.

    Attributes:
        size: N, predictions remembered.
        flatness: θ.
    """

    size: int = 2000
    flatness: float = 1.0


class Parts(NamedTuple):
    """What is used together.

    Attributes:
        dynamic: the network that learns, instead of the one that does not.
        cache: the neural cache, and n-grams of the text so far.
        ngram: n-grams of the training part and the text so far.
    """

    dynamic: bool = False
    cache: bool = False
    ngram: bool = False

    @property
    def is_mixed(self) -> bool:
        """Whether there is more than a network."""
        return self.cache or self.ngram

    @property
    def models(self) -> int:
        """How many models are mixed."""
        return 1 + 2 * self.cache + self.ngram

    @property
    def name(self) -> str:
        """As in ``dynamic+cache``."""
        return "+".join(name for name, used in zip(self._fields, self, strict=True) if used) or "static"


MIXED = tuple(Parts(d, c, g) for d in (False, True) for c in (False, True) for g in (False, True) if c or g)
"""Everything that has weights."""


@dataclass(frozen=True)
class Settings:
    """All that ``--tune`` finds.

    Attributes:
        dynamic: of dynamic evaluation.
        cache: of the neural cache.
        recent: the discounts of the n-grams of the text so far, (RECENT_ORDER,).
        growing: the discounts of those that begin with the training part, (GROWING_ORDER,).
        weights: of each mixture, by the name of its parts: (C, M) for C classes of places and M models.
    """

    dynamic: Dynamic = Dynamic()
    cache: Cache = Cache()
    recent: tuple[float, ...] = (0.9,) * RECENT_ORDER
    growing: tuple[float, ...] = (0.9,) * GROWING_ORDER
    weights: dict[str, NDArray[np.float64]] = field(default_factory=dict)
