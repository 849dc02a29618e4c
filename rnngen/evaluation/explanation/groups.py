"""Nats and accuracy of groups of tokens: by kind, and by how often a token was seen in training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnngen.evaluation.blocks import ScoredBlock
from rnngen.evaluation.explanation.kinds import KINDS, LETTER, Kind

TOP = 5
_MOST = 10  # powers of ten of frequencies that have a group each


@dataclass(frozen=True)
class Group:
    """Some of a text's tokens.

    Attributes:
        name: what they have in common.
        tokens: how many.
        nats: their sum.
        first: how many of them were the most likely token.
        within: how many of them were among the ``TOP`` most likely.
        parts: the same tokens in smaller groups, if there are several.
    """

    name: str
    tokens: int
    nats: float
    first: int
    within: int
    parts: tuple[Group, ...] = ()

    @property
    def nats_per_token(self) -> float:
        """Their mean."""
        return self.nats / self.tokens


class PerToken:
    """Sums over the occurrences of each token of the vocabulary; ``Analysis``.

    Args:
        vocab_size: V.

    Attributes:
        tokens: how often each occurs in the text, (V,).
        nats: the sum of its nats, (V,).
        first: how often it was the most likely token, (V,).
        within: how often it was among the ``TOP`` most likely, (V,).
    """

    detailed = True

    def __init__(self, vocab_size: int) -> None:
        self.tokens, self.first, self.within = (np.zeros(vocab_size, np.int64) for _ in range(3))
        self.nats = np.zeros(vocab_size)

    def add(self, block: ScoredBlock) -> None:
        """Take in the next tokens of the text."""
        assert block.scores.ranks is not None
        ids, V = np.asarray(block.tokens, np.int64), len(self.tokens)
        self.tokens += np.bincount(ids, minlength=V)
        self.nats += np.bincount(ids, block.nats, minlength=V)
        self.first += np.bincount(ids[block.scores.ranks == 0], minlength=V)
        self.within += np.bincount(ids[block.scores.ranks < TOP], minlength=V)

    def group(self, name: str, which: NDArray[Any], parts: Sequence[Group] = ()) -> Group:
        """The tokens with some ids, or for which a mask (V,) is true."""
        tokens, nats, first, within = (each[which].sum().item() for each in self._sums)
        return Group(name, tokens, nats, first, within, tuple(parts) if len(parts) > 1 else ())

    @property
    def _sums(self) -> tuple[NDArray[Any], ...]:
        return self.tokens, self.nats, self.first, self.within

    def all(self) -> Group:
        """The whole text."""
        return self.group("all", np.ones(len(self.tokens), bool))

    def by_kind(self, kinds: Sequence[Kind]) -> list[Group]:
        """A group per kind that occurs; that of letters in parts, by script, the most frequent first.

        Args:
            kinds: of each token of the vocabulary.
        """
        names = np.array([kind.name for kind in kinds])
        groups = [self.group(name, names == name, self._scripts(kinds) if name == LETTER else ()) for name in KINDS]
        return [each for each in groups if each.tokens]

    def _scripts(self, kinds: Sequence[Kind]) -> list[Group]:
        """The letters of each script that occurs; a mark alone has none."""
        scripts = np.array([kind.script or "" for kind in kinds])
        groups = [self.group(str(script), scripts == script) for script in np.unique(scripts) if script]
        return sorted((each for each in groups if each.tokens), key=lambda each: (-each.tokens, each.name))

    def by_frequency(self, seen: NDArray[np.int64]) -> list[Group]:
        """Tokens that the training part has 0 times, once, 2 to 9 times, 10 to 99 times, and so on.

        Args:
            seen: how often it has each token, (V,).
        """
        power = np.floor(np.log10(np.maximum(seen, 1))).astype(int)  # 10^power <= seen
        power[(seen >= 10 ** (power + 1))] += 1  # rounded down, just below a power of ten
        number = np.where(seen < 2, seen, power + 2)
        groups = [self.group(frequency_name(k), number == k) for k in range(_MOST + 3)]
        return [each for each in groups if each.tokens]


def frequency_name(number: int) -> str:
    """The name of a group by frequency, as in ``10–99``."""
    if number < 2:
        return str(number)
    return f"{max(2, 10 ** (number - 2)):,}–{10 ** (number - 1) - 1:,}"
