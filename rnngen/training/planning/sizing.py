"""Which network to train: size, batch size, precision and regularisation, by measuring and by the rules.

Options that the user gave are never changed.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

from rnngen.corpus.window_lengths import WindowLengths
from rnngen.errors import UsageError
from rnngen.options.config import SIZES, RunConfig
from rnngen.options.given import Given
from rnngen.options.training import OptimizerConfig
from rnngen.training.optim.recipe import recipe_named
from rnngen.training.planning import rules
from rnngen.training.planning.speed import Speed, SpeedTest, UnusableError


@dataclass(frozen=True)
class Length:
    """How long to train: a number of steps or tokens, or until a deadline, but on at most ``most`` tokens."""

    given_steps: int | None
    given_tokens: float
    deadline: float
    most: int

    @property
    def by_clock(self) -> bool:
        """Whether the number of steps follows from the time that is available."""
        return not (self.given_steps or self.given_tokens)

    def steps(self, speed: Speed, window: float) -> int:
        """Number of steps of ``window`` tokens each, if nothing but steps took time."""
        if self.given_steps:
            return self.given_steps
        if self.given_tokens:
            return max(1, round(self.given_tokens / window))
        left = rules.MARGIN * (self.deadline - time.perf_counter())
        return max(1, min(math.ceil(self.most / window), int(left / speed.step_seconds)))


def pick_network(config: RunConfig, given: Given, N: int, test: SpeedTest, length: Length) -> tuple[RunConfig, Speed]:
    """Size, batch size, precision and regularisation, and how fast a step with all of these is.

    Args:
        config: decided but for these, where they were not given.
        given: the options that are fixed.
        N: number of training tokens.
        test: measures candidates.
        length: of the run.

    Raises:
        UnusableError: nothing can be trained on this device.
        UsageError: nothing can be trained in the precision that was asked for.
    """
    asked = given.config.train.precision
    precisions = [asked] if asked != "auto" else ["float32"] if config.train.device == "mps" else ["float32", "bf16"]
    try:
        return _measured_network(config, given, precisions, N, test, length)
    except UnusableError as error:
        if asked != "bf16":
            raise
        raise UsageError(
            f"`precision={asked}` cannot be used: {error.why}", expected="`precision=float32`, or auto"
        ) from error


def _measured_network(
    config: RunConfig, given: Given, precisions: Sequence[str], N: int, test: SpeedTest, length: Length
) -> tuple[RunConfig, Speed]:
    config, speed = _pick_width(config, given, precisions, N, test, length)
    if "batch_size" not in given:
        config, speed = _pick_batch_size(config, speed, N, test, length)
    window = config.train.batch_size * mean_length(config)
    P = config.model.multiplied_weights(test.vocab_size)
    epochs = length.steps(speed, window) * window / N
    measured, config = config, config.with_values(_regularisation(config.optimizer, given, epochs, P, N))
    if config.model != measured.model:  # dropout takes time too
        speed = test.try_measure(config, speed.precision) or test.measure(config, precisions)
    return config.with_values({"precision": speed.precision}), speed


def _pick_width(
    config: RunConfig, given: Given, precisions: Sequence[str], N: int, test: SpeedTest, length: Length
) -> tuple[RunConfig, Speed]:
    """Rules 5 and 6: from a likely width up and down. The speed of the one that is chosen is measured on the way."""
    V = test.vocab_size
    first = sized(config, given, V, rules.FIRST_WIDTH)
    if _width_is_given(given):
        return first, test.measure(first, precisions)
    window = config.train.batch_size * config.train.bptt
    widths = [w for w in rules.WIDTHS if length.by_clock or w <= rules.WIDEST_WITHOUT_CLOCK]
    candidates = [sized(config, given, V, w) for w in widths]
    weights = [candidate.model.multiplied_weights(V) for candidate in candidates]
    know_much = config.model.history > 0 and V <= rules.SMALL_VOCABULARY

    def fits(i: int, speed: Speed) -> bool:
        D = length.steps(speed, window) * window
        return rules.tokens_rule(weights[i], N, ngrams=know_much) <= D

    def expected(i: int, other: int, speed: Speed) -> Speed:
        """Slightly pessimistic: the wider a network, the more operations per second a machine computes."""
        return Speed(speed.precision, speed.step_seconds * weights[i] / weights[other])

    i = widths.index(rules.FIRST_WIDTH)
    while True:
        try:
            speed = test.measure(candidates[i], precisions)
            break
        except UnusableError:
            if i == 0:
                raise
            i -= 1  # a narrower one needs less memory
    likely = max((j for j in range(len(widths)) if fits(j, expected(j, i, speed))), default=0)
    if likely != i and (other := test.try_measure(candidates[likely], speed.precision)):
        i, speed = likely, other  # the precision that is faster here is faster there
    while i > 0 and not fits(i, speed):
        i -= 1
        speed = test.measure(candidates[i], precisions)
    while i + 1 < len(widths) and fits(i + 1, expected(i + 1, i, speed)):
        wider = test.try_measure(candidates[i + 1], speed.precision)
        if wider is None or not fits(i + 1, wider):
            break
        i, speed = i + 1, wider
    return candidates[i], speed


def _pick_batch_size(
    config: RunConfig, speed: Speed, N: int, test: SpeedTest, length: Length
) -> tuple[RunConfig, Speed]:
    """Rule 8, from the smallest up: larger batches are faster per token, and steadier near the end of training."""
    bptt = config.train.bptt
    while length.given_steps is None and rules.STREAMS <= config.train.batch_size < rules.MAX_STREAMS:
        B = 2 * config.train.batch_size
        if length.steps(speed, B * bptt) < rules.MIN_STEPS or 4 * bptt * B > N:
            break
        more = config.with_values({"batch_size": B})
        faster = test.try_measure(more, speed.precision)
        if faster is None or faster.step_seconds > 2 * speed.step_seconds:
            break
        if length.steps(faster, B * bptt) < rules.MIN_STEPS:
            break
        config, speed = more, faster
    return config, speed


def _regularisation(config: OptimizerConfig, given: Given, epochs: float, P: int, N: int) -> dict[str, float]:
    """Rule 7: the values that were not given."""
    p = rules.dropout_rule(epochs, P, N)
    values = {"dropout": p, "weight_dropout": p, "input_dropout": max(0.0, (p - 0.4) / 2)}
    if recipe_named(config.optimizer).plans_weight_decay:
        values["weight_decay"] = OptimizerConfig().weight_decay + 0.1 * p
    return {name: round(value, 3) for name, value in values.items() if name not in given}


def with_tying(given: Given, V: int) -> Given:
    """Rule 6: in a large vocabulary embedding and softmax share a matrix, unless the width of one of them was given."""
    if "tied" in given or "embedding_size" in given:
        return given
    return given.changed({"tied": rules.tied_rule(V)})


def with_named_size(given: Given) -> Given:
    """With the sizes that the option ``size`` stands for, where they were not given themselves."""
    sizes = SIZES.get(given.get("size", ""), {})
    names = ["hidden_size"] if given.config.model.tied else list(sizes)
    return given.changed({name: sizes[name] for name in names if name in sizes and name not in given})


def _width_is_given(given: Given) -> bool:
    return "hidden_size" in given or ("embedding_size" in given and given.config.model.tied)


def sized(config: RunConfig, given: Given, V: int, width: int) -> RunConfig:
    """The same with layers of this width, unless another one was given, and an embedding that suits it (rule 6)."""
    tied = config.model.tied
    if _width_is_given(given):
        width = given.get("hidden_size") or given["embedding_size"]
    embedding = width if tied else (64 if V <= rules.SMALL_VOCABULARY else max(64, width // 2))
    return config.with_values({"hidden_size": width, "embedding_size": given.get("embedding_size", embedding)})


def with_ngrams(config: RunConfig, given: Given, N: int, V: int) -> RunConfig:
    """Rule 13: with a history, and a table for n-grams, unless others were given."""
    values = {"history": rules.history_rule(V)} if recipe_named(config.optimizer.optimizer).learns_ngrams else {}
    if values.get("history", config.model.history):
        values["history_rows"] = rules.history_rows_rule(N)
    return config.with_values({name: value for name, value in values.items() if name not in given})


def mean_length(config: RunConfig) -> float:
    """Mean length of a window, in tokens."""
    train = config.train
    return WindowLengths(train.bptt, train.bptt_jitter, train.seed).mean
