"""Modified Kneser-Ney as its formulas read, with dictionaries and one token at a time."""

from __future__ import annotations

from collections import Counter

import numpy as np

Gram = tuple[int, ...]


def naive_counts(text: list[int], order: int) -> list[dict[Gram, int]]:
    """Counts of orders 1 … n: raw at the highest, different left neighbours below it."""
    raw = [Counter(tuple(text[i : i + k]) for i in range(len(text) - k + 1)) for k in range(1, order + 1)]
    below = [
        {g: len({longer[0] for longer in raw[k + 1] if longer[1:] == g}) for g in raw[k]} for k in range(order - 1)
    ]
    return [*below, dict(raw[-1])]


def naive_probability(counts: list[dict[Gram, int]], discounts: np.ndarray, V: int, history: Gram, token: int) -> float:
    """p(token | the last n - 1 tokens of a history)."""
    p = 1 / V
    for k, c in enumerate(counts):
        context = history[len(history) - k :] if k else ()
        followers = {g: n for g, n in c.items() if g[:-1] == context}
        total = sum(followers.values())
        if len(history) < k or total == 0:
            continue

        def discount(n: int, k: int = k) -> float:
            return 0.0 if n == 0 else float(discounts[k][min(n, 3) - 1])

        own = followers.get((*context, token), 0)
        p = (own - discount(own)) / total + sum(map(discount, followers.values())) / total * p
    return p


def text_of(length: int, V: int, seed: int = 0) -> np.ndarray:
    """Tokens that repeat themselves often enough for long n-grams; the last of the vocabulary never occurs."""
    rng = np.random.default_rng(seed)
    words = [rng.integers(V - 1, size=rng.integers(1, 6)) for _ in range(8)]
    return np.concatenate([words[i] for i in rng.integers(8, size=length)])[:length].astype(np.uint16)
