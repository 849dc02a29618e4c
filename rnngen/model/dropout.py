"""Dropout in recurrent networks: masks that are drawn once per window and are the same at every step."""

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
    """Embed tokens (T, B) → (T, B, E), with a fraction p of the embedding's rows set to 0 (Gal & Ghahramani 2016).

    A token is dropped at all of its positions in the window or at none; the rows that are kept are scaled by 1/(1-p).
    """
    x: Tensor = embedding(tokens)
    if generator is None or p == 0:
        return x
    kept = torch.empty(embedding.num_embeddings, device=generator.device).bernoulli_(1 - p, generator=generator)
    rows = (kept / (1 - p)).to(device=x.device, dtype=x.dtype)
    return x * rows[tokens].unsqueeze(-1)


def drop_weights(weight: Tensor, p: float, generator: torch.Generator | None) -> Tensor:
    """A copy of a matrix with a fraction p of the entries set to 0 and the others scaled up (DropConnect).

    One random byte decides each entry, so p is rounded to a multiple of 1/256. This takes an eighth of the time of
    drawing a number per entry, which for a matrix this large would be up to a tenth of a training step.
    """
    dropped = min(255, round(256 * p))
    if generator is None or dropped == 0:
        return weight
    eights = torch.empty((weight.numel() + 7) // 8, dtype=torch.int64, device=generator.device)
    draws = eights.random_(-(2**63), None, generator=generator).view(torch.uint8)[: weight.numel()]
    kept = (draws >= dropped).view_as(weight).to(weight.device)
    return weight * (kept.to(weight.dtype) * (256 / (256 - dropped)))
