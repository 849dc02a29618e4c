"""The plan: everything that is decided before the first step, by measuring and by the rules of ``training/rules.py``.

What the user gave is never changed.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rnngen.config import FIELD_GROUPS, SIZES, OptimizerConfig, RunConfig, check_options
from rnngen.corpus.tokens import EncodedCorpus
from rnngen.corpus.window_lengths import WindowLengths
from rnngen.errors import CorpusError, UsageError
from rnngen.model.device import pick_device
from rnngen.shapes import expected_shapes, multiply_weights
from rnngen.training import rules
from rnngen.training.speed import Speed, measure_step, measure_validation


@dataclass(frozen=True)
class Plan:
    """What a run is going to be.

    Attributes:
        config: everything decided.
        parameters: how many numbers are learned.
        vocab_size: V.
        train_tokens, valid_tokens, test_tokens: sizes of the parts.
        epochs: how often the training part is read.
        tokens_per_second: measured, in training.
        seconds: estimated length.
        memory_bytes: estimated, of weights, gradients, optimizer and activations.
        capped: whether the text is too small to fill the minutes.
        unknown: part → share of its tokens that are the unknown symbol, where there are any.
    """

    config: RunConfig
    parameters: int
    vocab_size: int
    train_tokens: int
    valid_tokens: int
    test_tokens: int
    epochs: float
    tokens_per_second: float
    seconds: float
    memory_bytes: int
    capped: bool
    unknown: dict[str, float]


def make_plan(options: Mapping[str, Any], corpus: EncodedCorpus, started: float) -> Plan:
    """Decide everything.

    Args:
        options: what the user asked for, by flat name; what is absent or None is decided here.
        corpus: encoded.
        started: ``time.perf_counter()`` at the start of the command; ``--minutes`` counts from there.

    Raises:
        UsageError: options that cannot be.
        CorpusError: too little text.
    """
    check_options(options)
    given = {k: v for k, v in options.items() if v is not None}
    N, V = len(corpus.train.tokens), corpus.tokenizer.vocab_size
    if len(corpus.valid.tokens) == 0:
        raise CorpusError(
            "there is no validation text",
            expected="at least one token to validate on",
            hint="Give more text, a larger share in --split, or --valid FILE.",
        )
    flat = {k: v for k, v in given.items() if k in FIELD_GROUPS}
    if "size" in given:
        sizes = SIZES[given["size"]]
        flat = {"hidden_size": sizes["hidden_size"], **({} if flat.get("tied") else sizes), **flat}
    flat["device"] = pick_device(given.get("device", "auto"))
    train = RunConfig.from_flat(flat).train
    flat.setdefault("batch_size", rules.streams_rule(N, train.bptt))
    mean = WindowLengths(train.bptt, train.bptt_jitter, train.seed).mean
    deadline = started + 60 * given.get("minutes", rules.DEFAULT_MINUTES)
    length = _Length(given.get("steps"), given.get("epochs", 0) * N, deadline, rules.MAX_EPOCHS * N)
    config, speed = _pick_width(flat, N, V, length)
    if "batch_size" not in given:
        config, speed = _pick_streams(config, speed, N, V, length)
    flat |= {"precision": speed.precision, "batch_size": config.train.batch_size}
    window = config.train.batch_size * mean
    P = multiply_weights(config.model.model_dump(), V)
    measured, regularisation = config, _regularisation(given, length.steps(speed, window) * window / N, P, N)
    config = _with(config, {**flat, **regularisation})
    if config.model != measured.model:
        speed = measure_step(config, V, (speed.precision,))  # what is dropped takes time too
    if given.get("precision") not in (None, "auto", speed.precision):
        raise UsageError(
            "--precision bf16 computes wrong gradients at this size on this machine",
            expected="gradients that differ from float32 by rounding alone", hint="Use --precision float32, or auto.",
        )  # fmt: skip
    flat["precision"] = speed.precision
    config = _with(config, flat)
    steps = length.steps(speed, window)
    if config.optimizer.optimizer == "asgd":  # rule 9
        given = {"valid_every": max(1, min(steps, round(N / window))), "valid_tokens": len(corpus.valid.tokens)} | given
    token_seconds = measure_validation(config, corpus)
    valid_tokens = given.get("valid_tokens") or rules.valid_tokens_rule(token_seconds, steps * speed.step_seconds)
    valid_tokens = min(valid_tokens, len(corpus.valid.tokens))
    valid_seconds = token_seconds * valid_tokens
    valid_every = given.get("valid_every", min(steps, rules.valid_every_rule(valid_seconds, speed.step_seconds, steps)))
    each = Speed(speed.precision, speed.step_seconds + valid_seconds / valid_every)
    steps = length.steps(each, window)
    epochs = steps * window / N
    shapes = expected_shapes(config.model.model_dump(), V, most=config.model.num_layers)
    parameters = sum(map(math.prod, shapes.values()))
    flat |= {
        "steps": steps,
        **_rates(given, steps),
        "valid_every": given.get("valid_every", min(steps, valid_every)),
        "valid_tokens": valid_tokens,
        "save_every": given.get("save_every", max(1, round(60 / each.step_seconds))),
        "sample_every": given.get("sample_every", max(1, math.ceil(steps / 8))),
    }
    return Plan(
        config=_with(config, flat),
        parameters=parameters,
        vocab_size=V,
        train_tokens=N,
        valid_tokens=len(corpus.valid.tokens),
        test_tokens=len(corpus.test.tokens),
        epochs=epochs,
        tokens_per_second=window / speed.step_seconds,
        seconds=steps * each.step_seconds,
        memory_bytes=_memory(config, parameters, V, math.ceil(window)),
        capped=length.by_clock and steps == math.ceil(length.most / window),
        unknown={name: part.unknown / len(part.tokens) for name, part in corpus.parts.items() if part.unknown},
    )


@dataclass(frozen=True)
class _Length:
    """How long to train: so many steps, or tokens, or until a deadline but for ``most`` tokens at most."""

    given_steps: int | None
    given_tokens: float
    deadline: float
    most: int

    @property
    def by_clock(self) -> bool:
        return not (self.given_steps or self.given_tokens)

    def steps(self, speed: Speed, window: float) -> int:
        """Steps of ``window`` tokens each."""
        if self.given_steps:
            return self.given_steps
        if self.given_tokens:
            return max(1, round(self.given_tokens / window))
        left = rules.MARGIN * (self.deadline - time.perf_counter())
        return max(1, min(math.ceil(self.most / window), int(left / speed.step_seconds)))


def _pick_width(flat: dict[str, Any], N: int, V: int, length: _Length) -> tuple[RunConfig, Speed]:
    """Rules 5 and 6, from a likely width up and down; the speed of the one that is taken is measured on the way."""

    def sized(width: int) -> RunConfig:
        embedding = width if flat.get("tied") else (64 if V <= 512 else max(64, width // 2))
        return RunConfig.from_flat({"hidden_size": width, "embedding_size": embedding, **flat})

    precisions = _precisions(flat.get("precision", "auto"), flat["device"])
    if "hidden_size" in flat:
        config = sized(flat["hidden_size"])
        return config, measure_step(config, V, precisions)
    if "embedding_size" in flat and flat.get("tied"):
        config = sized(flat["embedding_size"])
        return config, measure_step(config, V, precisions)
    window = flat["batch_size"] * sized(1).train.bptt
    widths = [w for w in rules.WIDTHS if length.by_clock or w <= rules.WIDEST_WITHOUT_CLOCK]
    weights = [multiply_weights(sized(w).model.model_dump(), V) for w in widths]

    def fits(i: int, speed: Speed) -> bool:
        D = length.steps(speed, window) * window
        return bool(rules.tokens_rule(weights[i], N) <= D)

    def expected(i: int, other: int, speed: Speed) -> Speed:
        """A little slow: the wider, the more of its arithmetic a machine does in a second."""
        return Speed(speed.precision, speed.step_seconds * weights[i] / weights[other])

    first = widths.index(rules.FIRST_WIDTH)
    speed = measure_step(sized(widths[first]), V, precisions)
    i = max((i for i in range(len(widths)) if fits(i, expected(i, first, speed))), default=0)
    if i != first:
        speed = measure_step(sized(widths[i]), V, (speed.precision,))  # what is faster there is faster here
    while i > 0 and not fits(i, speed):
        i -= 1
        speed = measure_step(sized(widths[i]), V, precisions)
    while i + 1 < len(widths) and fits(i + 1, expected(i + 1, i, speed)):
        wider = measure_step(sized(widths[i + 1]), V, (speed.precision,))
        if not fits(i + 1, wider):
            break
        i, speed = i + 1, wider
    return sized(widths[i]), speed


def _pick_streams(
    config: RunConfig, speed: Speed, N: int, V: int, length: _Length
) -> tuple[RunConfig, Speed]:  # fmt: skip
    """Rule 8, from the fewest up: more of them at once are faster, and steady what little is left to learn."""
    bptt = config.train.bptt
    while length.given_steps is None and rules.STREAMS <= config.train.batch_size < rules.MOST_STREAMS:
        B = 2 * config.train.batch_size
        if length.steps(speed, B * bptt) < rules.LEAST_STEPS or 4 * bptt * B > N:
            break
        more = _with(config, {"batch_size": B})
        faster = measure_step(more, V, (speed.precision,))
        if faster.precision != speed.precision or faster.step_seconds > 2 * speed.step_seconds:
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


def _rates(given: Mapping[str, Any], steps: int) -> dict[str, float]:
    """Rule 10. NT-ASGD's rate is of another kind."""
    if given.get("optimizer") == "asgd":
        return {}
    defaults = OptimizerConfig()
    rates = {"learning_rate": defaults.learning_rate, "muon_learning_rate": defaults.muon_learning_rate}
    return {name: given.get(name, round(rate * rules.rates_rule(steps), 5)) for name, rate in rates.items()}


def _precisions(asked: str, device: str) -> tuple[str, ...]:
    if asked != "auto":
        return (asked,)
    return ("float32",) if device == "mps" else ("float32", "bf16")


def _with(config: RunConfig, flat: Mapping[str, Any]) -> RunConfig:
    """The same configuration with some values replaced."""
    current = {name: value for group in config.model_dump().values() for name, value in group.items()}
    return RunConfig.from_flat({**current, **flat})


def _memory(config: RunConfig, parameters: int, V: int, window: int) -> int:
    """Bytes: weights, average, gradients, two moments; activations of a window, forward and backward."""
    c = config.model
    readers = 2 if c.bidirectional else 1
    per_token = readers * (c.embedding_size + c.num_layers * 8 * c.hidden_size + 3 * V)
    return 4 * (5 * parameters + 2 * window * per_token)
