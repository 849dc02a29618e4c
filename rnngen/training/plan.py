"""The plan: everything that is decided before the first step, and the rules it is decided by.

What the user gave is never changed. N is the number of training tokens, P the number of weights that a token is
multiplied by, D the number of tokens that will be read in training.

1. Device: CUDA, else Apple's MPS, else the CPU.
2. Precision: a few steps in float32 and in bf16 autocast are timed; bf16 is taken where it is clearly faster and its
   gradients are those of float32 but for rounding.
3. Length: without ``--minutes``, ``--epochs`` or ``--steps`` a run takes five minutes. Minutes become a number of steps
   once, from the measured time of a step; the schedule then depends on steps alone.
4. Epochs: minutes are not filled with more than 60 readings of the text; a text so small is learned before.
5. Size: the widest single layer for which D ≥ 2 P, P ≤ 8 N. Wider ones learn more from a token but see fewer.
6. Embedding: 64 wide; half of the hidden size where the vocabulary is larger than 512.
7. Dropout, of every layer's output and of the recurrent weights: p = 0.2·log2(q / 3) between 0 and 0.6, where
   q = sqrt(epochs · 2.5 P / N): none while the text is read a few times by a model smaller than it, more the more
   often it is read and the more weights could memorise it. Of the input: half of what p is above 0.4. The weight
   decay grows with it: 0.02 + 0.1·p.
8. Streams: 32; fewer where an epoch would be less than 40 steps, but at least 8, and enough text for four windows each.
9. Validation: about 20 times a run, on the whole validation part or, of a long one, on as much from its beginning as
   takes a twentieth of the time. NT-ASGD counts epochs by its validations: there one an epoch, on the whole part.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from rnngen.config import FIELD_GROUPS, SIZES, OptimizerConfig, RunConfig, check_options
from rnngen.corpus.tokens import EncodedCorpus
from rnngen.corpus.window_lengths import WindowLengths
from rnngen.errors import CorpusError, UsageError
from rnngen.model.language_model import RecurrentLM
from rnngen.training.speed import Speed, measure_step, measure_validation

DEFAULT_MINUTES = 5.0
MARGIN = 0.95  # the rest is for samples, saves, and a machine that is slower than when it was measured
MAX_EPOCHS = 60
LEAST_VALID_TOKENS = 50_000
TOKENS_PER_WEIGHT = 2.0
WEIGHTS_PER_TOKEN = 8
STREAMS, LEAST_STREAMS, LEAST_STEPS_PER_EPOCH = 32, 8, 40
WIDTHS = (128, 192, 256, 384, 512, 640, 768, 896, 1024, 1280, 1536, 2048)
WIDEST_WITHOUT_CLOCK = 512  # where a length was given in steps or epochs, and time is unknown


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
    flat.setdefault("batch_size", streams_rule(N, train.bptt))
    window = flat["batch_size"] * WindowLengths(train.bptt, train.bptt_jitter, train.seed).mean

    if "steps" in given:
        length = _Length(fixed=given["steps"])
    elif "epochs" in given:
        length = _Length(fixed=max(1, round(given["epochs"] * N / window)))
    else:
        deadline = started + 60 * given.get("minutes", DEFAULT_MINUTES)
        length = _Length(deadline=deadline, most=max(1, math.ceil(MAX_EPOCHS * N / window)))

    config, speed = _pick_width(flat, N, V, length)
    if given.get("precision") not in (None, "auto", speed.precision):
        raise UsageError(
            "--precision bf16 computes wrong gradients at this size on this machine",
            expected="gradients that differ from float32 by rounding alone", hint="Use --precision float32, or auto.",
        )  # fmt: skip
    flat["precision"] = speed.precision
    config = _with(config, flat)
    steps = length.steps(speed)
    if config.optimizer.optimizer == "asgd":  # rule 9
        given = {"valid_every": max(1, min(steps, round(N / window))), "valid_tokens": len(corpus.valid.tokens)} | given
    token_seconds = measure_validation(config, corpus)
    valid_tokens = given.get("valid_tokens") or _valid_tokens(token_seconds, steps * speed.step_seconds)
    valid_tokens = min(valid_tokens, len(corpus.valid.tokens))
    valid_seconds = token_seconds * valid_tokens
    valid_every = given.get("valid_every", min(steps, _valid_every(valid_seconds, speed, steps)))
    each = Speed(speed.precision, speed.step_seconds + valid_seconds / valid_every)
    steps = length.steps(each)
    epochs = steps * window / N
    model = RecurrentLM(config.model, V)
    flat |= {
        "steps": steps,
        "valid_every": given.get("valid_every", min(steps, valid_every)),
        "valid_tokens": valid_tokens,
        "save_every": given.get("save_every", max(1, round(60 / each.step_seconds))),
        "sample_every": given.get("sample_every", max(1, math.ceil(steps / 8))),
    }
    p = dropout_rule(epochs, model.num_multiply_weights, N)
    follows = {"dropout": p, "weight_dropout": p, "input_dropout": max(0.0, (p - 0.4) / 2),
               "weight_decay": OptimizerConfig().weight_decay + 0.1 * p}  # fmt: skip
    flat |= {name: given.get(name, round(value, 3)) for name, value in follows.items()}
    return Plan(
        config=_with(config, flat),
        parameters=model.num_parameters,
        vocab_size=V,
        train_tokens=N,
        valid_tokens=len(corpus.valid.tokens),
        test_tokens=len(corpus.test.tokens),
        epochs=epochs,
        tokens_per_second=window / speed.step_seconds,
        seconds=steps * each.step_seconds,
        memory_bytes=_memory(model, math.ceil(window)),
        capped=steps == length.most,
        unknown={name: part.unknown / len(part.tokens) for name, part in corpus.parts.items() if part.unknown},
    )


@dataclass(frozen=True)
class _Length:
    """How long to train: a fixed number of steps, or until a deadline but for ``most`` steps at most."""

    fixed: int | None = None
    deadline: float = 0.0
    most: int | None = None

    def steps(self, speed: Speed) -> int:
        if self.fixed is not None:
            return self.fixed
        assert self.most is not None
        left = MARGIN * (self.deadline - time.perf_counter())
        return max(1, min(self.most, int(left / speed.step_seconds)))


def pick_device(device: str) -> str:
    """``auto`` → the best there is.

    Raises:
        UsageError: the device that was asked for is not there.
    """
    available = {"cpu": True, "mps": torch.backends.mps.is_available(), "cuda": torch.cuda.is_available()}
    if device == "auto":
        return next(name for name in ("cuda", "mps", "cpu") if available[name])
    kind, _, index = device.partition(":")
    if index and not index.isdecimal():
        raise UsageError("--device is unknown", expected="auto, cpu, mps, cuda or cuda:N", found=device)
    if not available.get(kind) or (index and int(index) >= torch.cuda.device_count()):
        there = ", ".join(name for name, ok in available.items() if ok)
        raise UsageError(f"--device {device} is not there", expected=f"one of: auto, {there}")
    return device


def dropout_rule(epochs: float, weights: int, tokens: int) -> float:
    """Rule 7: the share to drop, from how often ``tokens`` are read by how many ``weights``."""
    q = math.sqrt(epochs * 2.5 * weights / tokens)
    return round(min(0.6, max(0.0, 0.2 * math.log2(q / 3))), 2) if q > 0 else 0.0


def streams_rule(tokens: int, bptt: int) -> int:
    """Rule 8: how many streams read ``tokens`` in windows of ``bptt``."""
    wanted = min(STREAMS, max(LEAST_STREAMS, tokens // (LEAST_STEPS_PER_EPOCH * bptt)))
    return max(1, min(wanted, tokens // (4 * bptt)))


def _pick_width(flat: dict[str, Any], N: int, V: int, length: _Length) -> tuple[RunConfig, Speed]:
    """Rules 5 and 6, from the narrowest up; the speed of the one that is taken is measured on the way."""

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
    best: tuple[RunConfig, Speed] | None = None
    for width in WIDTHS:
        config, candidates = sized(width), precisions
        if best and best[0].model.hidden_size >= 256:
            candidates = (best[1].precision,)  # what is faster there is faster above
        P = RecurrentLM(config.model, V).num_multiply_weights
        if best and (P > WEIGHTS_PER_TOKEN * N or (length.fixed and width > WIDEST_WITHOUT_CLOCK)):
            break
        if best and length.steps(best[1]) * window < TOKENS_PER_WEIGHT * P:
            break  # too slow already with the narrower one: no need to measure
        speed = measure_step(config, V, candidates)
        if best and length.steps(speed) * window < TOKENS_PER_WEIGHT * P:
            break
        best = config, speed
    assert best is not None
    return best


def _precisions(asked: str, device: str) -> tuple[str, ...]:
    if asked != "auto":
        return (asked,)
    return ("float32",) if device == "mps" else ("float32", "bf16")


def _with(config: RunConfig, flat: Mapping[str, Any]) -> RunConfig:
    """The same configuration with some values replaced."""
    current = {name: value for group in config.model_dump().values() for name, value in group.items()}
    return RunConfig.from_flat({**current, **flat})


def _valid_tokens(token_seconds: float, seconds: float) -> int:
    """Rule 9: what twenty validations in a twentieth of ``seconds`` can read, but enough to tell weights apart."""
    return max(LEAST_VALID_TOKENS, int(seconds / 400 / token_seconds))


def _valid_every(valid_seconds: float, speed: Speed, steps: int) -> int:
    return max(1, steps // 20, math.ceil(20 * valid_seconds / speed.step_seconds))


def _memory(model: RecurrentLM, window: int) -> int:
    """Bytes: weights, average, gradients, two moments; activations of a window, forward and backward."""
    c = model.config
    per_token = c.embedding_size + c.num_layers * 8 * c.hidden_size + 3 * model.vocab_size
    return 4 * (5 * model.num_parameters + 2 * window * per_token)
