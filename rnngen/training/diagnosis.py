"""What is wrong when a loss or a gradient is not finite or far too high: which tensor, and where in the text."""

from __future__ import annotations

import math

from torch import Tensor

from rnngen.corpus.streams import Streams
from rnngen.corpus.tokens import EncodedCorpus
from rnngen.training.learner import Learner
from rnngen.training.optim.clipping import gradient_values

SHOWN = 12  # tokens shown before and after the place


def first_non_finite(learner: Learner, loss: float) -> str:
    """The first tensor, in the order of computation, that holds NaN or infinity after a step with this loss."""
    named = dict(learner.model.named_parameters())
    for name, weight in named.items():
        if not _is_finite(weight):
            return f"tensor {name}"
    if not _is_finite(learner.hidden):
        return "the hidden state"
    if not math.isfinite(loss):
        return "the logits"
    spoiled = [
        name for name, weight in named.items() if weight.grad is not None and not _is_finite(gradient_values(weight))
    ]
    return f"the gradient of {spoiled[-1]}" if spoiled else "the norm of the gradient"  # the last layer's comes first


def hardest_place(learner: Learner, streams: Streams, corpus: EncodedCorpus, step: int) -> str:
    """Where in the window after ``step`` steps the loss is highest, with the text around it.

    The loss is that of the weights and the hidden state as they are, without dropout.
    """
    x, y = streams.window(step)
    losses = learner.plain_losses(x, y, learner.hidden).nan_to_num(float("inf"))  # (T, B)
    t, b = divmod(int(losses.argmax()), losses.shape[1])
    tokens = corpus.train.tokens
    position = streams.position(step, t, b)
    around = tokens[max(0, position - SHOWN) : position + SHOWN]
    text = corpus.tokenizer.shown([int(token) for token in around])
    return f"token {position + 1:,} of {len(tokens):,} of the training text, in {text!r}"


def _is_finite(tensor: Tensor) -> bool:
    return bool(tensor.isfinite().all())
