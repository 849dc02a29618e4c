"""Pseudo-perplexity of a text: each token predicted from all the others, by a bidirectional model.

The mean of -ln p(x^t | all of the text but x^t) is not comparable with a left-to-right model's nats a token: the
conditionals do not multiply to the probability of the text, and a character between its neighbours is easily guessed
(Salazar et al. 2020, "Masked Language Model Scoring"). So it goes by another name, and stands in no table with the
other.

Both directions read the whole text, with their states carried from end to end. They are first read for their states at
the borders of windows; then the windows are predicted, many side by side.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rnngen.corpus.pieces import TextCounts
from rnngen.errors import CorpusError
from rnngen.evaluation.parallel import ids_at, read_in_parallel
from rnngen.evaluation.perplexity import exp_or_infinity
from rnngen.model.cloze import ClozeLM
from rnngen.model.device import autocast
from rnngen.model.language_model import RecurrentLM

WINDOW = 64
BORDER_BYTES = 1 << 28  # of states at the borders of windows; a longer text has longer windows,
LONGEST_WINDOW = 4096  # up to this, and beyond that the states in a file
PREDICTED = 4096  # tokens side by side


@dataclass(frozen=True)
class PseudoScore:
    """What a bidirectional model makes of a text.

    Attributes:
        nats: -Σ ln p(token | all other tokens).
        tokens: how many were scored: all of them.
        counts: the text's characters, words and bytes.
        unknown: tokens that are the unknown symbol.
    """

    nats: float
    tokens: int
    counts: TextCounts
    unknown: int = 0

    @property
    def nats_per_token(self) -> float:
        """Mean pseudo-nats a token."""
        return self.nats / self.tokens

    def as_dict(self) -> dict[str, Any]:
        """The keys of ``rnngen eval --json`` for a bidirectional run; none of them is a left-to-right model's."""
        return {
            "pseudo_nats_per_token": self.nats_per_token,
            "pseudo_perplexity": exp_or_infinity(self.nats_per_token),
            "pseudo_bits_per_character": self.nats / self.counts.characters / math.log(2),
            "tokens": self.tokens,
            "words": self.counts.words,
            "characters": self.counts.characters,
            "bytes": self.counts.bytes,
            "unknown": self.unknown,
        }


@torch.no_grad()
def pseudo_nats(
    model: ClozeLM,
    tokens: NDArray[np.integer[Any]],
    *,
    window: int | None = None,
    batch_size: int | None = None,
    precision: str = "float32",
    most_rounds: int | None = None,
    each: NDArray[np.float32] | None = None,
    check: Callable[[], object] | None = None,
) -> float:
    """-Σ ln p(token | all other tokens), over all N tokens of a text, in nats.

    Args:
        model: the network; nothing is dropped.
        tokens: ids, shape (N,).
        window: T, steps a call; does not change the result.
        batch_size: streams read side by side; neither does this, beyond rounding.
        precision: ``float32``, or ``bf16`` for a faster, rounder number.
        most_rounds: see ``parallel.read_in_parallel``; without it the result is exact.
        each: is filled with the nats of each token, (N,).
        check: called before each window; what it raises ends the work.
    """
    N = len(tokens)
    if N == 0:
        return 0.0
    left, right = model.directions
    start = left.start_state(1)
    T = window or min(LONGEST_WINDOW, max(WINDOW, math.ceil(N * 2 * 4 * start.numel() / BORDER_BYTES)))
    transitions = N - 1  # the window from p on reads token p, …, and predicts token p + 1, …
    whole, rest = divmod(transitions, T)

    def borders(
        direction: RecurrentLM, text: NDArray[np.integer[Any]], begin: Tensor, *, backwards: bool
    ) -> tuple[Tensor, Tensor]:
        """States before each whole window of a text, (windows, L, S, H), and after the last."""
        states = _room((whole, *start.shape[:2], start.shape[3]), start)

        def read(positions: NDArray[np.int64], state: Tensor) -> Tensor:
            if check is not None:
                check()
            numbers = torch.from_numpy(positions[0] // T)
            states[whole - 1 - numbers if backwards else numbers] = state.permute(2, 0, 1, 3).to(states.device)
            with autocast(start.device, precision):
                return direction.read(ids_at(text, positions, start.device)[:-1], state)[2]

        if not whole:
            return states, begin
        end = read_in_parallel(read, begin, whole * T, T, precision, batch_size=batch_size, most_rounds=most_rounds)
        return states, end

    backwards = tokens[::-1]
    after_rest = start
    if rest:  # what lies beyond the last whole window, read from the right end
        with autocast(start.device, precision):
            after_rest = right.read(_ids(backwards[:rest], start.device), start)[2]
    before, last = borders(left, tokens, start, backwards=False)
    after, first = borders(right, backwards[rest:], after_rest, backwards=True)  # has read all beyond each window

    first_logits = left.readout(start).float() + right.readout(first).float()
    total = _keep(first_logits[None], _ids(tokens[:1], start.device), each, np.zeros((1, 1), np.int64))

    def predict(begins: NDArray[np.int64], length: int, state: Tensor, beyond: Tensor) -> float:
        if check is not None:
            check()
        positions = begins + np.arange(length)[:, None]  # (T, B)
        ids = ids_at(tokens, positions, start.device)
        with autocast(start.device, precision):
            logits = model.predict(ids[:-1], ids[1:], state, after=beyond).logits
        return _keep(logits, ids[1:], each, positions + 1)

    side_by_side = max(1, PREDICTED // T)
    for i in range(0, whole, side_by_side):
        some = slice(i, min(i + side_by_side, whole))
        states = (part[some].permute(1, 2, 0, 3).contiguous().to(start.device) for part in (before, after))
        total += predict(np.arange(whole)[some] * T, T, *states)
    if rest:
        total += predict(np.array([whole * T]), rest, last, start)
    return total


def _room(shape: tuple[int, ...], like: Tensor) -> Tensor:
    """A tensor for states: in memory, beside the network; many of them in a file without a name."""
    if math.prod(shape) * like.element_size() <= BORDER_BYTES:
        return like.new_empty(shape)
    with tempfile.TemporaryFile(prefix="rnngen-") as file:
        return torch.from_numpy(np.memmap(file, np.float32, "w+", shape=shape))


def _ids(tokens: NDArray[np.integer[Any]], device: torch.device) -> Tensor:
    return torch.from_numpy(tokens.astype(np.int64))[:, None].to(device)


def _keep(logits: Tensor, targets: Tensor, each: NDArray[np.float32] | None, positions: NDArray[np.int64]) -> float:
    """The sum of the nats of targets (T, B), which are also put where they belong."""
    nats = torch.nn.functional.cross_entropy(logits.float().flatten(0, 1), targets.flatten(), reduction="none")
    if each is not None:
        each[positions.ravel()] = nats.cpu().numpy()
    return float(nats.double().sum())


def pseudo_score(
    model: ClozeLM, tokens: NDArray[np.integer[Any]], counts: TextCounts, unknown: int = 0, **how: Any
) -> PseudoScore:
    """Score a text. See ``pseudo_nats`` for ``how``.

    Raises:
        CorpusError: there is no text.
    """
    if len(tokens) == 0:
        raise CorpusError("there is no text to score", expected="at least one token")
    return PseudoScore(pseudo_nats(model, tokens, **how), len(tokens), counts, unknown)
