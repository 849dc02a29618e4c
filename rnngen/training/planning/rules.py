"""The rules by which a run's size, length and regularisation follow from its text, its time and the machine.

What the user gave is never changed. N is the number of training tokens, P the number of weights that a token is
multiplied by, D the number of tokens that will be read in training.

1. Device: CUDA, else Apple's MPS, else the CPU.
2. Precision: a few steps in float32 and in bf16 autocast are timed; bf16 is taken where it is clearly faster and its
   gradients are those of float32 but for rounding. Threads: all that torch uses, or, where the length follows from
   the time there is, fewer if that is clearly faster.
3. Length: without ``--minutes``, ``--epochs`` or ``--steps`` a run takes five minutes. Minutes become a number of
   steps, from the measured time of a step and of everything that is not a step; the schedule depends on steps alone.
   Where the pace departs from that, the rest is planned again (``training/planning/pace.py``).
4. Epochs: minutes are not filled with more than 60 readings of the text; a text so small is learned before.
5. Size: the widest single layer for which D ≥ 1.6 P, or D ≥ 1.6 P·sqrt(e / 3) where the text is read e > 3 times. Wider
   ones learn more from a token but see fewer of them, and a token that was read before teaches less.
6. Embedding: 64 wide; half of the hidden size where the vocabulary is larger than 512.
7. Dropout, of every layer's output and of the recurrent weights: p = 0.2·log2(q / 3) between 0 and 0.6, where
   q = sqrt(epochs · 2.5 P / N): none while the text is read a few times by a model smaller than it, more the more
   often it is read and the more weights could memorise it. Of the input: half of what p is above 0.4. The weight
   decay grows with it: 0.02 + 0.1·p.
8. Streams: 32; fewer where an epoch would be less than 40 steps, but at least 8; 64 or 128 where that leaves 2,500
   steps; always few enough for four windows each.
9. Validation: about 20 times a run, on the whole validation part or, of a long one, on as much from its beginning as
   takes a twentieth of the time. NT-ASGD counts epochs by its validations: there one an epoch, on the whole part.
10. Learning rates: the defaults, times sqrt(3000 / steps) where there are fewer steps than that, but at most twice.
11. Trained weights: a run that begins with those of another one has the default rates, however few its steps. One that
    is trained further warms up to half the rates that it had.
"""

from __future__ import annotations

import math

DEFAULT_MINUTES = 5.0
MARGIN = 0.95  # of the time is for steps, where size and streams are chosen by it
ENDING = 0.5  # seconds that a process takes to start and to end
MAX_EPOCHS = 60
LEAST_VALID_TOKENS = 50_000
TOKENS_PER_WEIGHT = 1.6
FRESH_EPOCHS = 3
STREAMS, LEAST_STREAMS, MOST_STREAMS = 32, 8, 128
LEAST_STEPS_PER_EPOCH, LEAST_STEPS = 40, 2500
UNHURRIED_STEPS = 3000
FINE_TUNING = 1.0  # times the default learning rates, of a run that begins with another run's weights
CYCLE_PEAK = 0.5  # the same of a finished run that is trained further, times those it had
WIDTHS = (128, 192, 256, 384, 512, 640, 768, 896, 1024, 1280, 1536, 2048)
FIRST_WIDTH = 256  # that is measured; the others follow
WIDEST_WITHOUT_CLOCK = 512  # where a length was given in steps or epochs, and time is unknown


def dropout_rule(epochs: float, weights: int, tokens: int) -> float:
    """Rule 7: the share to drop, from how often ``tokens`` are read by how many ``weights``."""
    q = math.sqrt(epochs * 2.5 * weights / tokens)
    return round(min(0.6, max(0.0, 0.2 * math.log2(q / 3))), 2) if q > 0 else 0.0


def tokens_rule(weights: int, tokens: int) -> float:
    """Rule 5: how much has to be read of a text of ``tokens`` for ``weights`` to be worth having.

    D = 1.6 P, or where that is more than 3 N, the solution of D = 1.6 P·sqrt(D / 3 N).
    """
    D = TOKENS_PER_WEIGHT * weights
    return D if FRESH_EPOCHS * tokens >= D else D * D / (FRESH_EPOCHS * tokens)


def rates_rule(steps: int) -> float:
    """Rule 10: what the default learning rates are multiplied by: who has fewer steps takes longer ones."""
    return min(2.0, max(1.0, math.sqrt(UNHURRIED_STEPS / steps)))


def streams_rule(tokens: int, bptt: int) -> int:
    """Rule 8: how many streams read ``tokens`` in windows of ``bptt``."""
    wanted = min(STREAMS, max(LEAST_STREAMS, tokens // (LEAST_STEPS_PER_EPOCH * bptt)))
    return max(1, min(wanted, tokens // (4 * bptt)))


def valid_tokens_rule(token_seconds: float, seconds: float) -> int:
    """Rule 9: what twenty validations in a twentieth of ``seconds`` can read, but enough to tell weights apart."""
    return max(LEAST_VALID_TOKENS, int(seconds / 400 / token_seconds))


def valid_every_rule(valid_seconds: float, step_seconds: float, steps: int) -> int:
    """Rule 9: steps between validations that take ``valid_seconds`` each."""
    return max(1, steps // 20, math.ceil(20 * valid_seconds / step_seconds))
