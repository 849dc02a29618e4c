"""The bidirectional model: a token given all that is around it.

Schuster & Paliwal (1997): h_1^t = RNN_FW(h_1^{t-1}, x^t), h_2^t = RNN_BW(h_2^{t+1}, x^t). A state that has read x^t
must not predict x^t, so token t is predicted from [h_1^{t-1}, h_2^{t+1}]: all that is to its left and all that is to
its right. With W = [W_1, W_2], W [h_1, h_2] = W_1 h_1 + W_2 h_2, so the model is two language models that read from
opposite ends, whose logits are added: they meet at the softmax, and nowhere below it, at any depth.

So that gaps longer than a token can be filled, the right-to-left direction learns to read over tokens that nobody knows
yet: a masked token is an input of 0. While learning, spans are drawn in which it sees none. The probability of a gap's
tokens is then the product of p(token | all to its left, all to the right of the gap), exactly and in one pass.

Each reader also learns to predict alone, the other in its start state, which has read nothing: this costs no more
reading, and makes it a language model of its own, that can judge what is put into a gap.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from rnngen.model.language_model import RecurrentLM
from rnngen.model.network import Network, Prediction
from rnngen.options.network import ModelConfig

LONGEST_GAP = 32  # lengths are drawn from 1 to this, each with a probability as 1 over it
MASKED = 0.2  # share of tokens that gaps begin to hide; those that overlap hide less


class ClozeLM(Network):
    """A bidirectional language model: predicts each token from those before it and those after it.

    Args:
        config: sizes of each direction, cell, dropout.
        vocab_size: V.
        generator: draws the start values.
    """

    def __init__(self, config: ModelConfig, vocab_size: int, generator: torch.Generator | None = None) -> None:
        super().__init__(config, vocab_size)
        generator = generator or torch.Generator().manual_seed(0)
        self.left_to_right = RecurrentLM(config, vocab_size, generator)
        self.right_to_left = RecurrentLM(config, vocab_size, generator)

    @property
    def directions(self) -> tuple[RecurrentLM, RecurrentLM]:
        """The two readers, each a language model of its own but for the softmax, where their logits are added."""
        return self.left_to_right, self.right_to_left

    def start_state(self, batch_size: int) -> Tensor:
        """The left-to-right state before any token, all zero: (L, S, B, H)."""
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
        """Predict the targets of a window, each from what is to its left and what is to its right.

        Args:
            inputs: ids, (T, B).
            targets: the inputs one token on, (T, B).
            state: of the left-to-right direction before the inputs, (L, S, B, H).
            dropout: draws what is left out, and the gaps; without it nothing is.
            after: the right-to-left direction's state, which has read what follows the targets, (L, S, B, H); by
                default the start state: nothing follows.
            masked: which targets the right-to-left direction is not shown, (T, B); with ``dropout`` drawn.

        Returns:
            With ``dropout``, also what each reader predicts alone.
        """
        if dropout is not None:
            masked = draw_gaps(*targets.shape, generator=dropout).to(targets.device)
        raw, dropped, state = self.left_to_right.read(inputs, state, dropout)
        logits_left = self.left_to_right.output(dropped).float()
        T, B = targets.shape
        right = self.right_to_left
        after = right.start_state(B) if after is None else after
        last = right.top(after)[None].to(raw.dtype)  # (1, B, H): what is known of the right beside the last target
        raw_right = dropped_right = last
        if T > 1:
            hidden = None if masked is None else masked[1:].flip(0)
            read = right.read(targets[1:].flip(0), after, dropout, hidden)
            raw_right, dropped_right = (torch.cat([part.flip(0), last]) for part in read[:2])
        logits_right = right.output(dropped_right).float()
        alone: tuple[Tensor, ...] = ()
        if dropout is not None:  # the readout of a start state is the bias
            alone = logits_left + right.output.bias, logits_right + self.left_to_right.output.bias
        return Prediction(
            logits_left + logits_right,
            torch.cat([raw, raw_right], -1),
            torch.cat([dropped, dropped_right], -1),
            state,
            alone,
        )


def readers_by_name(model: Network) -> dict[str, RecurrentLM]:
    """The left-to-right language models that a network is made of, by name: itself, or the two readers."""
    if isinstance(model, ClozeLM):
        return {"left to right": model.left_to_right, "right to left": model.right_to_left}
    assert isinstance(model, RecurrentLM)
    return {"": model}


def draw_gaps(T: int, B: int, *, generator: torch.Generator) -> Tensor:
    """Which tokens of a window (T, B) lie in gaps: each begins anywhere, and is as long as chance will have it."""
    device = generator.device
    # p(length) ~ 1/length from 1 to the longest: log-uniform; its mean is (longest - 1) / ln longest
    begins = torch.rand(T, B, device=device, generator=generator) < MASKED * math.log(LONGEST_GAP) / (LONGEST_GAP - 1)
    lengths = ((LONGEST_GAP + 1) ** torch.rand(T, B, device=device, generator=generator)).floor()
    place = torch.arange(T, device=device)[:, None]
    ends = torch.where(begins, place + lengths, 0.0).cummax(0).values
    return ends > place
