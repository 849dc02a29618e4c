"""What is left out while learning: masks that are drawn once a window, the same at every step."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def drop_units(x: Tensor, p: float, generator: torch.Generator | None) -> Tensor:
    """Variational dropout of (T, B, n): one mask (B, n) for all steps."""
    if generator is None or p == 0:
        return x
    kept = torch.empty(x.shape[1:], device=generator.device).bernoulli_(1 - p, generator=generator)
    return x * (kept / (1 - p)).to(device=x.device, dtype=x.dtype)


def drop_rows(embedding: nn.Embedding, tokens: Tensor, p: float, generator: torch.Generator | None) -> Tensor:
    """Vectors of tokens (T, B) → (T, B, E), a share of the embedding's rows being 0 (Gal & Ghahramani 2016).

    A token is there or not in all of its places in the window; the rows that are left are scaled up for the others.
    """
    x: Tensor = embedding(tokens)
    if generator is None or p == 0:
        return x
    kept = torch.empty(embedding.num_embeddings, device=generator.device).bernoulli_(1 - p, generator=generator)
    rows = (kept / (1 - p)).to(device=x.device, dtype=x.dtype)
    return x * rows[tokens].unsqueeze(-1)


def drop_weights(weight: Tensor, p: float, generator: torch.Generator | None) -> Tensor:
    """A copy of a matrix in which a share of the entries is 0, the others scaled up for it.

    A byte of randomness decides each entry, so the share is a whole number of 256ths: that is an eighth of the work
    of drawing a number for each, which for a matrix this large would cost as much as a tenth of the whole step.
    """
    dropped = min(255, round(256 * p))
    if generator is None or dropped == 0:
        return weight
    eights = torch.empty((weight.numel() + 7) // 8, dtype=torch.int64, device=generator.device)
    draws = eights.random_(-(2**63), None, generator=generator).view(torch.uint8)[: weight.numel()]
    kept = (draws >= dropped).view_as(weight).to(weight.device)
    return weight * (kept.to(weight.dtype) * (256 / (256 - dropped)))
