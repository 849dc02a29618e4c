"""How fast this machine trains a given network: measured on a learner that is thrown away."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rnngen.config import RunConfig
from rnngen.corpus.tokens import EncodedCorpus
from rnngen.evaluation.evaluate import held_out_nats
from rnngen.model.load import make_network
from rnngen.training.learner import Learner

MEASURE_SECONDS = 0.15
WARM_UP = 2
WORTH_ROUNDING = 0.9  # bf16 is rounder than float32, so it has to be this much faster
TRUSTED = 0.1  # relative distance of a bf16 gradient from the float32 one; rounding alone gives less than 0.01


@dataclass(frozen=True)
class Speed:
    """What was measured: ``precision`` is the faster one; seconds of a training step."""

    precision: str
    step_seconds: float


def measure_step(config: RunConfig, vocab_size: int, precisions: Sequence[str] = ("float32", "bf16")) -> Speed:
    """Time training steps in each precision and keep the fastest that computes what it should.

    Args:
        config: of what is trained.
        vocab_size: V.
        precisions: the candidates. Float32 takes their place where none can be trusted.
    """
    best: Speed | None = None
    for precision in precisions:
        speed = Speed(precision, _step_seconds(config, precision, vocab_size))
        needed = WORTH_ROUNDING * best.step_seconds if best else math.inf
        if speed.step_seconds < needed and (precision == "float32" or gradients_agree(config, vocab_size)):
            best = speed
    return best or measure_step(config, vocab_size, ("float32",))


def gradients_agree(config: RunConfig, vocab_size: int) -> bool:
    """Whether bf16 gives the gradients of float32 but for rounding, at these sizes on this machine.

    Not to be taken for granted: oneDNN 3.12 (torch 2.13) with AMX returns wrong gradients for LSTMs of 1,024
    units and more, without a word. A few steps of time show it: the kernel does the same at each.
    """
    gradients = []
    T = min(config.train.bptt, 16)
    tokens = np.random.default_rng(0).integers(vocab_size, size=(T + 1, config.train.batch_size))
    for precision in ("float32", "bf16"):
        learner = Learner(_with_precision(config, precision), vocab_size)
        learner.loss(tokens[:-1], tokens[1:])[0].backward()  # type: ignore[no-untyped-call]
        gradients.append([p.grad for p in learner.model.parameters() if p.grad is not None])
    return all(float((a - b).norm()) <= TRUSTED * float(a.norm()) for a, b in zip(*gradients, strict=True))


def _with_precision(config: RunConfig, precision: str) -> RunConfig:
    return config.model_copy(update={"train": config.train.model_copy(update={"precision": precision})})


def _step_seconds(config: RunConfig, precision: str, vocab_size: int) -> float:
    """Median over a fraction of a second."""
    train = config.train
    learner = Learner(_with_precision(config, precision), vocab_size)
    tokens = np.random.default_rng(0).integers(vocab_size, size=(train.bptt + 1, train.batch_size))
    times: list[float] = []
    began = time.perf_counter()
    while len(times) < WARM_UP + 3 or time.perf_counter() - began < MEASURE_SECONDS:
        tick = time.perf_counter()
        learner.step(tokens[:-1], tokens[1:], 1e-3, len(times)).read()
        times.append(time.perf_counter() - tick)
    return sorted(times[WARM_UP:])[len(times[WARM_UP:]) // 2]


def measure_validation(config: RunConfig, corpus: EncodedCorpus) -> float:
    """Seconds that scoring a token of the validation part takes, from a piece of it."""
    model = make_network(config.model, corpus.tokenizer.vocab_size).to(config.train.device)
    tokens = corpus.valid.tokens
    piece = tokens[:16384]
    held_out_nats(model, piece[:1024], precision=config.train.precision)  # warms up
    began = time.perf_counter()
    held_out_nats(model, piece, precision=config.train.precision, most_rounds=1)
    return (time.perf_counter() - began) / len(piece)
