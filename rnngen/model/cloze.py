"""The bidirectional model: predicts a token from everything around it.

Schuster & Paliwal (1997): h_1^t = RNN_FW(h_1^{t-1}, x^t), h_2^t = RNN_BW(h_2^{t+1}, x^t). A state that has read x^t
must not predict x^t, so token t is predicted from [h_1^{t-1}, h_2^{t+1}]: everything to its left and everything to its
right. With W = [W_1, W_2], W [h_1, h_2] = W_1 h_1 + W_2 h_2, so the model consists of two language models that read
from opposite ends, and their logits are added: whatever their depth, they meet at the softmax and nowhere below it.

To fill gaps longer than one token, the right-to-left reader learns to read over tokens that are not known yet: a
masked token is an input of 0. In training, spans are drawn that it does not see. The probability of a gap's tokens is
then the product of p(token | everything to its left, everything to the right of the gap), exactly and in one pass.

The end of a document is predicted as if nothing followed it: what does follow is another document.

Each reader also learns to predict alone, with the other one in its start state, which has read nothing. This needs no
further reading, and makes each reader a language model that can score what is put into a gap.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from rnngen.model.language_model import Direction, Network, Prediction, RecurrentLM
from rnngen.options.network import ModelConfig

LONGEST_GAP = 32  # lengths are drawn from 1 to this, with probabilities proportional to 1/length
MASKED = 0.2  # fraction of tokens that gaps would hide if none of them overlapped


class ClozeLM(Network):
    """A bidirectional language model: predicts each token from those before it and those after it.

    Args:
        config: cell, sizes of each direction, dropout.
        vocab_size: V.
        generator: draws the initial weights.
        boundary: see ``Network``.
    """

    def __init__(
        self,
        config: ModelConfig,
        vocab_size: int,
        generator: torch.Generator | None = None,
        boundary: int | None = None,
    ) -> None:
        super().__init__(config, vocab_size, boundary)
        generator = generator or torch.Generator().manual_seed(0)
        self.left_to_right = RecurrentLM(config, vocab_size, generator, boundary)
        self.right_to_left = RecurrentLM(config, vocab_size, generator, boundary)

    @property
    def directions(self) -> tuple[Direction, ...]:
        """Left to right, and right to left."""
        left, right = self.left_to_right, self.right_to_left
        return (
            Direction("left to right", left, other=right),
            Direction("right to left", right, backwards=True, other=left),
        )

    def logits_between(self, before: Tensor, after: Tensor) -> Tensor:
        """Logits of the token between two texts, (V,): the sum of those of both readers."""
        return self.left_to_right.logits_after(before) + self.right_to_left.logits_after(after.flip(0))

    def start_state(self, batch_size: int) -> Tensor:
        """The state of the left-to-right reader before any token, (L, S, B, H)."""
        return self.left_to_right.start_state(batch_size)

    def predict(
        self,
        inputs: Tensor,
        targets: Tensor,
        state: Tensor,
        dropout: torch.Generator | None = None,
        after: Tensor | None = None,
        masked: Tensor | None = None,
    ) -> Prediction:
        """Predict the targets of a window, each from everything to its left and everything to its right.

        Args:
            inputs: token ids, (T, B).
            targets: the inputs shifted by one token, (T, B).
            state: the left-to-right reader's state before the inputs, (L, S, B, H).
            dropout: draws the dropout masks and the gaps; None: neither dropout nor gaps.
            after: the right-to-left reader's state after reading what follows the targets, (L, S, B, H); by default
                the start state: nothing follows.
            masked: targets that the right-to-left reader does not see, (T, B); drawn if ``dropout`` is given.

        Returns:
            With ``dropout``, the auxiliary logits are those of each reader alone.
        """
        if dropout is not None:
            masked = draw_gaps(*targets.shape, generator=dropout).to(targets.device)
        raw, dropped, state = self.left_to_right.read(inputs, state, dropout)
        logits_left = self.left_to_right.output(dropped).float()
        T, B = targets.shape
        right = self.right_to_left
        after = right.start_state(B) if after is None else after
        last = right.top(after)[None].to(raw.dtype)  # (1, B, H): what is known to the right of the last target
        raw_right = dropped_right = last
        if T > 1:
            hidden = None if masked is None else masked[1:].flip(0)
            read = right.read(targets[1:].flip(0), after, dropout, hidden)
            raw_right, dropped_right = (torch.cat([part.flip(0), last]) for part in read[:2])
        if self.boundary is not None:
            ends, nothing = (targets == self.boundary)[..., None], right.top(right.start_state(B)).to(raw.dtype)
            raw_right, dropped_right = (torch.where(ends, nothing, part) for part in (raw_right, dropped_right))
        logits_right = right.output(dropped_right).float()
        alone: tuple[Tensor, ...] = ()
        if dropout is not None:  # the readout of the other's start state is its bias
            alone = logits_left + right.output.bias, logits_right + self.left_to_right.output.bias
        return Prediction(
            logits_left + logits_right,
            torch.cat([raw, raw_right], -1),
            torch.cat([dropped, dropped_right], -1),
            state,
            alone,
        )


def draw_gaps(T: int, B: int, *, generator: torch.Generator) -> Tensor:
    """Draw which tokens of a window lie in gaps, (T, B): both beginnings and lengths are random."""
    device = generator.device
    # log-uniform lengths: p(length) ~ 1/length from 1 to the longest; the mean is (longest - 1) / ln longest
    begins = torch.rand(T, B, device=device, generator=generator) < MASKED * math.log(LONGEST_GAP) / (LONGEST_GAP - 1)
    lengths = ((LONGEST_GAP + 1) ** torch.rand(T, B, device=device, generator=generator)).floor()
    position = torch.arange(T, device=device)[:, None]
    ends = torch.where(begins, position + lengths, 0.0).cummax(0).values
    return ends > position
