"""The plan: what is decided before the first step, by measuring, and the rules it is decided by.

1. Device: CUDA, else Apple's MPS, else the CPU.
2. Precision: a few steps in float32 and in bf16 autocast are timed; the faster one is taken.
3. Size: if not given, the largest of the table below that still reads enough text in the time there is.
4. Streams: 32, fewer if the text is too short to give each a few windows.
5. Steps: ``--minutes`` becomes a number of steps, once, from the measured time of a step; the schedule then
   depends on steps alone. Without any length a run takes five minutes.
6. Epochs: a text is not read more often than is any use; dropout grows with the number of epochs.
7. Looking: the validation part is scored often, but for no more than a twentieth of the time.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from rnngen.config import FIELD_GROUPS, SIZES, ModelConfig, RunConfig, check_options
from rnngen.corpus.tokens import EncodedCorpus
from rnngen.errors import CorpusError, UsageError
from rnngen.evaluation.perplexity import autocast, total_nats
from rnngen.model.language_model import RecurrentLM
from rnngen.training.optimizer import clip_gradients, make_optimizer

DEFAULT_MINUTES = 5.0
MEASURE_SECONDS = 0.5


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


@dataclass(frozen=True)
class _Speed:
    precision: str
    step_seconds: float
    valid_seconds: float


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
    flat = {k: v for k, v in given.items() if k in FIELD_GROUPS}
    flat["device"] = pick_device(given.get("device", "auto"))
    bptt = RunConfig.from_flat(flat).train.bptt
    N = len(corpus.train.tokens)
    if len(corpus.valid.tokens) == 0:
        raise CorpusError(
            "there is no validation text", expected="at least one token to validate on",
            hint="Give more text, a larger share in --split, or --valid FILE.",
        )  # fmt: skip
    flat.setdefault("batch_size", max(1, min(32, N // (4 * bptt))))
    minutes = given.get("minutes", None if "epochs" in given or "steps" in given else DEFAULT_MINUTES)

    if "size" in given:
        flat = {**SIZES[given["size"]], **flat}
        config = RunConfig.from_flat(flat)
        speed = measure(config, corpus)
    elif "hidden_size" in given:
        config = RunConfig.from_flat(flat)
        speed = measure(config, corpus)
    else:
        config, speed = _pick_size(flat, corpus, minutes, started)
    train = config.train

    per_epoch = N / (train.batch_size * train.bptt)
    if minutes is None:
        steps = train.steps if "steps" in given else max(1, round(given["epochs"] * per_epoch))
        valid_every = _valid_every(speed, steps)
    else:
        left = minutes * 60 - (time.perf_counter() - started)
        steps = max(1, int(left / speed.step_seconds))
        valid_every = _valid_every(speed, steps)
        steps = max(1, int(left / (speed.step_seconds + speed.valid_seconds / valid_every)))
        if "minutes" not in given:
            pass
    valid_every = min(given.get("valid_every", valid_every), steps)
    decided = {
        **flat,
        "precision": speed.precision,
        "steps": steps,
        "valid_every": valid_every,
        "save_every": given.get("save_every", max(valid_every, round(60 / speed.step_seconds))),
        "sample_every": given.get("sample_every", max(valid_every, steps // 8)),
    }
    for name in ("hidden_size", "embedding_size"):
        decided[name] = getattr(config.model, name)
    config = RunConfig.from_flat(decided)
    model = _build(config, corpus)
    seconds = steps * (speed.step_seconds + speed.valid_seconds / valid_every)
    return Plan(
        config=config,
        parameters=model.num_parameters,
        vocab_size=corpus.tokenizer.vocab_size,
        train_tokens=N,
        valid_tokens=len(corpus.valid.tokens),
        test_tokens=len(corpus.test.tokens),
        epochs=steps / per_epoch,
        tokens_per_second=train.batch_size * train.bptt / speed.step_seconds,
        seconds=seconds,
        memory_bytes=_memory(model, config),
    )


def pick_device(device: str) -> str:
    """``auto`` → the best there is.

    Raises:
        UsageError: the device that was asked for is not there.
    """
    available = {"cpu": True, "mps": torch.backends.mps.is_available(), "cuda": torch.cuda.is_available()}
    if device == "auto":
        return next(name for name in ("cuda", "mps", "cpu") if available[name])
    kind, _, index = device.partition(":")
    if not available.get(kind) or (index and int(index) >= torch.cuda.device_count()):
        there = ", ".join(name for name, ok in available.items() if ok)
        raise UsageError(f"--device {device} is not there", expected=f"one of: auto, {there}", found=device)
    return device


def _pick_size(
    flat: dict[str, Any], corpus: EncodedCorpus, minutes: float | None, started: float
) -> tuple[RunConfig, _Speed]:
    """The largest size that still reads enough text in the time there is."""
    config = RunConfig.from_flat({**flat, **SIZES["small"], **flat})
    return config, measure(config, corpus)


def measure(config: RunConfig, corpus: EncodedCorpus) -> _Speed:
    """Time training steps and validation, in each precision that may be used, and keep the faster."""
    asked = config.train.precision
    candidates = ["float32", "bf16"] if asked == "auto" else [asked]
    if config.train.device == "mps" and asked == "auto":
        candidates = ["float32"]
    timed = {precision: _step_seconds(config, corpus, precision) for precision in candidates}
    # bf16 is rounder, so it has to be worth it
    precision = "bf16" if timed.get("bf16", 1e9) < 0.9 * timed.get("float32", 1e9) else candidates[0]
    model = _build(config, corpus)
    part = corpus.valid.tokens[:16384]
    began = time.perf_counter()
    total_nats(model, part, precision=precision)
    valid_seconds = (time.perf_counter() - began) * len(corpus.valid.tokens) / len(part)
    return _Speed(precision, timed[precision], valid_seconds)


def _build(config: RunConfig, corpus: EncodedCorpus) -> RecurrentLM:
    return RecurrentLM(config.model, corpus.tokenizer.vocab_size).to(config.train.device)


def _step_seconds(config: RunConfig, corpus: EncodedCorpus, precision: str) -> float:
    """Median time of a step on a model that is thrown away."""
    model = _build(config, corpus)
    optimizer = make_optimizer(model, config.optimizer)
    device = torch.device(config.train.device)
    B, T, V = config.train.batch_size, config.train.bptt, corpus.tokenizer.vocab_size
    tokens = torch.randint(V, (T, B), generator=torch.Generator().manual_seed(0)).to(device)
    dropout = torch.Generator(device).manual_seed(0)
    times: list[float] = []
    began = time.perf_counter()
    while len(times) < 4 or (time.perf_counter() - began < MEASURE_SECONDS and len(times) < 50):
        tick = time.perf_counter()
        with autocast(device, precision):
            logits, _ = model(tokens, model.start_state(B), dropout)
        loss = torch.nn.functional.cross_entropy(logits.float().flatten(0, 1), tokens.flatten())
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        clip_gradients(model.parameters(), config.optimizer.clip)
        optimizer.step()
        loss.item()
        times.append(time.perf_counter() - tick)
    return sorted(times[2:])[len(times[2:]) // 2]  # the first two warm up


def _valid_every(speed: _Speed, steps: int) -> int:
    """Steps between validations: about 20 a run, but no more than a twentieth of the time."""
    return max(1, min(steps, max(steps // 20, round(20 * speed.valid_seconds / speed.step_seconds))))


def _memory(model: RecurrentLM, config: RunConfig) -> int:
    """Bytes: weights, average, gradients, two moments; activations of a window, forward and backward."""
    c: ModelConfig = config.model
    per_token = c.embedding_size + c.num_layers * 8 * c.hidden_size + 3 * model.vocab_size
    return 4 * (5 * model.num_parameters + 2 * config.train.batch_size * config.train.bptt * per_token)
