"""Which network to train, on which machine: size, streams, precision and regularisation, by measuring and by the rules.

What the user gave is never changed.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rnngen.corpus.window_lengths import WindowLengths
from rnngen.errors import UsageError
from rnngen.options.config import RunConfig
from rnngen.options.training import OptimizerConfig
from rnngen.training.planning import rules
from rnngen.training.planning.speed import Speed, SpeedTest, UnusableError


@dataclass(frozen=True)
class Length:
    """How long to train: a number of steps or tokens, or until a deadline, but on ``most`` tokens at most."""

    given_steps: int | None
    given_tokens: float
    deadline: float
    most: int

    @property
    def by_clock(self) -> bool:
        """Whether the number of steps follows from the time there is."""
        return not (self.given_steps or self.given_tokens)

    def steps(self, speed: Speed, window: float) -> int:
        """Steps of ``window`` tokens each, before anything but steps is counted."""
        if self.given_steps:
            return self.given_steps
        if self.given_tokens:
            return max(1, round(self.given_tokens / window))
        left = rules.MARGIN * (self.deadline - time.perf_counter())
        return max(1, min(math.ceil(self.most / window), int(left / speed.step_seconds)))


def pick_network(
    flat: dict[str, Any], given: Mapping[str, Any], N: int, test: SpeedTest, length: Length
) -> tuple[RunConfig, Speed]:
    """Size, streams, precision and regularisation, and how fast a step of all that is.

    Raises:
        UnusableError: nothing can be trained on this device.
        UsageError: nothing in the precision that was asked for.
    """
    asked = given.get("precision", "auto")
    precisions = [asked] if asked != "auto" else ["float32"] if flat["device"] == "mps" else ["float32", "bf16"]
    try:
        return _measured_network(flat, given, precisions, N, test, length)
    except UnusableError as error:
        if asked != "bf16":
            raise
        raise UsageError(
            f"`precision={asked}` cannot be used: {error.why}", expected="`precision=float32`, or auto"
        ) from error


def _measured_network(
    flat: dict[str, Any], given: Mapping[str, Any], precisions: Sequence[str], N: int, test: SpeedTest, length: Length
) -> tuple[RunConfig, Speed]:
    config, speed = _pick_width(flat, precisions, N, test, length)
    if "batch_size" not in given:
        config, speed = _pick_streams(config, speed, N, test, length)
    flat = flat | {"precision": speed.precision, "batch_size": config.train.batch_size}
    window = config.train.batch_size * mean_length(config)
    P = config.model.multiplied_weights(test.vocab_size)
    measured, regularisation = config, _regularisation(given, length.steps(speed, window) * window / N, P, N)
    config = config.with_values({**flat, **regularisation})
    if config.model != measured.model:  # what is dropped takes time too
        speed = test.try_measure(config, speed.precision) or test.measure(config, precisions)
    return config.with_values({"precision": speed.precision}), speed


def _pick_width(
    flat: Mapping[str, Any], precisions: Sequence[str], N: int, test: SpeedTest, length: Length
) -> tuple[RunConfig, Speed]:
    """Rules 5 and 6, from a likely width up and down; the speed of the one that is taken is measured on the way."""
    V = test.vocab_size

    def sized(width: int) -> RunConfig:
        return sized_config(flat, V, width)

    if "hidden_size" in flat or ("embedding_size" in flat and flat.get("tied")):
        config = sized(rules.FIRST_WIDTH)
        return config, test.measure(config, precisions)
    window = flat["batch_size"] * sized(1).train.bptt
    widths = [w for w in rules.WIDTHS if length.by_clock or w <= rules.WIDEST_WITHOUT_CLOCK]
    weights = [sized(w).model.multiplied_weights(V) for w in widths]

    def fits(i: int, speed: Speed) -> bool:
        D = length.steps(speed, window) * window
        return bool(rules.tokens_rule(weights[i], N) <= D)

    def expected(i: int, other: int, speed: Speed) -> Speed:
        """A little slow: the wider, the more of its arithmetic a machine does in a second."""
        return Speed(speed.precision, speed.step_seconds * weights[i] / weights[other])

    i = widths.index(rules.FIRST_WIDTH)
    while True:
        try:
            speed = test.measure(sized(widths[i]), precisions)
            break
        except UnusableError:
            if i == 0:
                raise
            i -= 1  # a narrower one needs less memory
    likely = max((j for j in range(len(widths)) if fits(j, expected(j, i, speed))), default=0)
    if likely != i and (there := test.try_measure(sized(widths[likely]), speed.precision)):
        i, speed = likely, there  # what is faster here is faster there
    while i > 0 and not fits(i, speed):
        i -= 1
        speed = test.measure(sized(widths[i]), precisions)
    while i + 1 < len(widths) and fits(i + 1, expected(i + 1, i, speed)):
        wider = test.try_measure(sized(widths[i + 1]), speed.precision)
        if wider is None or not fits(i + 1, wider):
            break
        i, speed = i + 1, wider
    return sized(widths[i]), speed


def _pick_streams(config: RunConfig, speed: Speed, N: int, test: SpeedTest, length: Length) -> tuple[RunConfig, Speed]:
    """Rule 8, from the fewest up: more of them at once are faster, and steady what little is left to learn."""
    bptt = config.train.bptt
    while length.given_steps is None and rules.STREAMS <= config.train.batch_size < rules.MOST_STREAMS:
        B = 2 * config.train.batch_size
        if length.steps(speed, B * bptt) < rules.LEAST_STEPS or 4 * bptt * B > N:
            break
        more = config.with_values({"batch_size": B})
        faster = test.try_measure(more, speed.precision)
        if faster is None or faster.step_seconds > 2 * speed.step_seconds:
            break
        if length.steps(faster, B * bptt) < rules.LEAST_STEPS:
            break
        config, speed = more, faster
    return config, speed


def _regularisation(given: Mapping[str, Any], epochs: float, P: int, N: int) -> dict[str, float]:
    """Rule 7."""
    p = rules.dropout_rule(epochs, P, N)
    follows = {"dropout": p, "weight_dropout": p, "input_dropout": max(0.0, (p - 0.4) / 2)}
    if given.get("optimizer") != "asgd":  # whose decay is of another kind: a part of the gradient
        follows["weight_decay"] = OptimizerConfig().weight_decay + 0.1 * p
    return {name: given.get(name, round(value, 3)) for name, value in follows.items()}


def sized_config(flat: Mapping[str, Any], V: int, width: int) -> RunConfig:
    """A layer this wide, or as wide as was asked for."""
    if "hidden_size" not in flat and "embedding_size" in flat and flat.get("tied"):
        return RunConfig.from_flat({"hidden_size": flat["embedding_size"], **flat})
    width = flat.get("hidden_size", width)
    embedding = width if flat.get("tied") else (64 if V <= 512 else max(64, width // 2))
    return RunConfig.from_flat({"hidden_size": width, "embedding_size": embedding, **flat})


def mean_length(config: RunConfig) -> float:
    """Of a window, in tokens."""
    train = config.train
    return WindowLengths(train.bptt, train.bptt_jitter, train.seed).mean
