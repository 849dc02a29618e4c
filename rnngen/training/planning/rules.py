"""The rules by which a run's size, length and regularisation follow from its text, its time and the machine.

Options that the user gave are never changed. N is the number of training tokens, P the number of weights that are
multiplied at every token, D the number of tokens that training will read.

1. Device: CUDA, else Apple's MPS, else the CPU.
2. Precision: a few steps in float32 and in bf16 autocast are timed; bf16 is used if it is clearly faster and its
   gradients are those of float32 except for rounding. Threads: all that torch uses, or, if the number of steps follows
   from the available time, fewer if that is clearly faster.
3. Length: without ``minutes``, ``epochs`` or ``steps`` a run takes five minutes. Minutes become a number of steps, from
   the measured time of a step and of everything else; the learning-rate schedule depends on steps alone. If the pace
   departs from the plan, the rest is planned again (``pace.py``).
4. Epochs: minutes are not filled with more than 60 epochs; so small a text has been learned before.
5. Size: the widest single layer for which D ≥ 1.6 P, or D ≥ 1.6 P·sqrt(e / 3) for a number of epochs e > 3, and, with
   the n-grams of rule 13 and a vocabulary of at most 512, D ≥ 5 P. Wider layers learn more from a token but see fewer
   of them; a token that was read before teaches less; and n-grams know much of what only a wide layer would learn.
6. Embedding: 64 wide. With a vocabulary of more than 512 it shares its matrix with the softmax, so it is as wide as the
   layer: most tokens are rare, and are learned at twice as many places of the text; if they share none, half as wide.
7. Dropout of every layer's output and DropConnect on the recurrent weights: p = 0.2·log2(q / 3), limited to 0 to 0.6,
   where q = sqrt(epochs · 2.5 P / N). It is 0 while a text is read a few times by a model smaller than it, and grows
   with the number of epochs and with the number of weights that could memorise the text. Dropout of the input: half of
   what p is above 0.4. The weight decay grows with p: 0.02 + 0.1·p, if the optimizer's weight decay is decoupled.
8. Batch size: 32; smaller if an epoch would have fewer than 40 steps, but at least 8; 64 or 128 if that leaves 2,500
   steps; always small enough for four windows per stream.
9. Validation: about 20 times per run, on the whole validation part or, if it is long, on as much of its beginning as
   takes a twentieth of the time. NT-ASGD counts epochs by validations: with it, once per epoch on the whole part.
10. Learning rates: the defaults, times sqrt(3000 / steps) if there are fewer steps than that, but at most twice the
    defaults. Not for NT-ASGD, whose learning rate is on another scale.
11. Trained weights: a run that begins with those of another run has the default learning rates, however few its steps.
    A run that is trained further warms up to half the learning rates that it had.
12. Saves: about once a minute, more often in shorter runs.
13. N-grams: the input depends on the 3 tokens before each token as well, with a vocabulary of more than 512 on the one
    before it (not with NT-ASGD), by a table of N / 32 rows, rounded up to a power of 2 from 256 to 65,536. Its weights
    decay by a factor of exp(-2.5) per epoch, so that an n-gram which occurs once is not learned by heart, and by 0.0015
    of themselves per step or more.
14. Reading order: streams read 4 windows in a row and then go on elsewhere, except in a text of documents, because the
    beginning of a document, such as its label, says what follows.
15. Weight average: over about the last tenth of the steps, but at least 50 and at most 10,000.
"""

from __future__ import annotations

import math

DEFAULT_MINUTES = 5.0
MARGIN = 0.95  # fraction of the time that is for steps, when size and batch size are chosen by it
ENDING = 0.5  # seconds that a process takes to start and to end
MAX_EPOCHS = 60
MIN_VALID_TOKENS = 50_000
TOKENS_PER_WEIGHT, TOKENS_WITH_NGRAMS = 1.6, 5.0
FRESH_EPOCHS = 3
STREAMS, MIN_STREAMS, MAX_STREAMS = 32, 8, 128
MIN_STEPS_PER_EPOCH, MIN_STEPS = 40, 2500
CONTIGUOUS = 4
UNHURRIED_STEPS = 3000
AVERAGED, MIN_AVERAGED_STEPS, MAX_AVERAGED_STEPS = 0.1, 50, 10_000
FINE_TUNING = 1.0  # times the default learning rates, for a run that begins with another run's weights
SMALL_VOCABULARY = 512
HISTORY, HISTORY_OF_MANY_TOKENS = 3, 1
TOKENS_PER_ROW, MIN_ROWS, MAX_ROWS = 32, 256, 65536
DECAY_PER_EPOCH, MIN_DECAY_PER_STEP = 2.5, 0.0015
CYCLE_PEAK = 0.5  # times the learning rates that a finished run had, when it is trained further
WIDTHS = (128, 192, 256, 384, 512, 640, 768, 896, 1024, 1280, 1536, 2048)
FIRST_WIDTH = 256  # measured first
WIDEST_WITHOUT_CLOCK = 512  # if a length was given in steps or epochs, and the available time is unknown


def dropout_rule(epochs: float, weights: int, tokens: int) -> float:
    """Rule 7: the dropout probability when ``weights`` weights read ``tokens`` tokens ``epochs`` times."""
    q = math.sqrt(epochs * 2.5 * weights / tokens)
    return round(min(0.6, max(0.0, 0.2 * math.log2(q / 3))), 2) if q > 0 else 0.0


def tokens_rule(weights: int, tokens: int, *, ngrams: bool = False) -> float:
    """Rule 5: how many tokens have to be read for ``weights`` weights to be worthwhile on a text of ``tokens`` tokens.

    D = 1.6 P, or, if that is more than 3 N, the solution of D = 1.6 P·sqrt(D / 3 N); with ``ngrams`` at least 5 P.
    """
    D = TOKENS_PER_WEIGHT * weights
    D = D if FRESH_EPOCHS * tokens >= D else D * D / (FRESH_EPOCHS * tokens)
    return max(D, TOKENS_WITH_NGRAMS * weights) if ngrams else D


def rates_rule(steps: int) -> float:
    """Rule 10: what the default learning rates are multiplied by; the fewer steps, the longer ones."""
    return min(2.0, max(1.0, math.sqrt(UNHURRIED_STEPS / steps)))


def streams_rule(tokens: int, bptt: int) -> int:
    """Rule 8: the batch size for ``tokens`` tokens in windows of ``bptt``."""
    wanted = min(STREAMS, max(MIN_STREAMS, tokens // (MIN_STEPS_PER_EPOCH * bptt)))
    return max(1, min(wanted, tokens // (4 * bptt)))


def tied_rule(vocab_size: int) -> bool:
    """Rule 6: whether embedding and softmax share a matrix."""
    return vocab_size > SMALL_VOCABULARY


def history_rule(vocab_size: int) -> int:
    """Rule 13: the number of earlier tokens that the input depends on."""
    return HISTORY if vocab_size <= SMALL_VOCABULARY else HISTORY_OF_MANY_TOKENS


def history_rows_rule(tokens: int) -> int:
    """Rule 13: the rows of the table of n-grams of a text of ``tokens`` tokens."""
    wanted = 1 << max(0, math.ceil(tokens / TOKENS_PER_ROW) - 1).bit_length()
    return min(MAX_ROWS, max(MIN_ROWS, wanted))


def history_decay_rule(steps_per_epoch: float, learning_rate: float) -> float:
    """Rule 13: the weight decay of that table, at this learning rate."""
    return max(MIN_DECAY_PER_STEP, -math.expm1(-DECAY_PER_EPOCH / steps_per_epoch)) / learning_rate


def average_rule(steps: int) -> float:
    """Rule 15: the decay of the weight average, in a run of this many steps."""
    return 1 - 1 / min(MAX_AVERAGED_STEPS, max(MIN_AVERAGED_STEPS, AVERAGED * steps))


def valid_tokens_rule(token_seconds: float, seconds: float) -> int:
    """Rule 9: tokens that 20 validations can read in a twentieth of ``seconds``, but enough to compare weights by."""
    return max(MIN_VALID_TOKENS, int(seconds / 400 / token_seconds))


def save_every_rule(step_seconds: float, steps: int) -> int:
    """Rule 12: steps between saves: about a minute, an eighth of a shorter run, but at least ten seconds."""
    return max(1, round(min(60.0, max(10.0, steps * step_seconds / 8)) / step_seconds))


def valid_every_rule(valid_seconds: float, step_seconds: float, steps: int) -> int:
    """Rule 9: steps between validations that take ``valid_seconds`` each."""
    return max(1, steps // 20, math.ceil(20 * valid_seconds / step_seconds))
