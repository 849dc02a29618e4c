"""What a network reads at each token: its embedding, to which those of the n-grams that end there are added.

Which characters stand before a character is half of what the next one depends on. A recurrent network has to learn to
keep them in its state; here it finds them at its input, in a table that costs no multiplications (as the n-gram
features of Mikolov et al. 2011 and of fastText do, but at the input, so that the network learns what they mean). The
table is read and written at a few rows per token, whatever its size.

A table of so many weights could learn a small text by heart. So it has a weight decay of its own, which follows from
how often the text is read (``training/planning/rules.py``): the embedding of an n-gram that occurs once in a text has
all but vanished before it is read again.

The tokens before a window are part of the network's state, as ids plus one, so that 0 is no token: they are the last
``history`` columns of the first layer's h, the oldest first. Those of the other tensors are 0.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rnngen.corpus.ngram_rows import ngram_rows


def embed_ngrams(table: nn.Embedding, read: Tensor, history: int, boundary: int | None) -> Tensor:
    """The sum of the embeddings of the n-grams that end at each of T tokens, (T, B, E).

    Args:
        table: a row for each hash, (R, E).
        read: ids plus one of these tokens and of ``history`` tokens before them, (history + T, B); 0: no token.
        history: n - 1 of the longest n-grams.
        boundary: the token between documents; None: there is none.
    """
    rows = ngram_rows(read, history, table.num_embeddings, boundary)
    summed: Tensor = table(torch.stack(rows)).sum(0)
    return summed


def with_history(state: Tensor, read: Tensor, history: int, boundary: int | None) -> Tensor:
    """The state of the layers, (L, S, B, H), with the last tokens, those of a document that has ended left out.

    Args:
        state: of the layers.
        read: ids plus one, (at least ``history``, B).
        history: number of tokens to keep.
        boundary: the token between documents; None: there is none.
    """
    last = read[len(read) - history :]
    if boundary is not None:
        ended = (last == boundary + 1).flip(0).cumsum(0).flip(0) > 0  # at this token or at a later one
        last = last.masked_fill(ended, 0)
    columns = state.new_zeros(*state.shape[:3], history)
    columns[0, 0] = last.T
    return torch.cat([state, columns], -1)


def history_of(state: Tensor, history: int) -> Tensor:
    """Ids plus one of the tokens before a window, the oldest first, (history, B), from a state (L, S, B, H)."""
    return state[0, 0, :, state.shape[-1] - history :].T.long()
