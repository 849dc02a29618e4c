"""How fast this machine trains a given network: measured on a learner that is thrown away."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from rnngen.config import RunConfig
from rnngen.corpus.tokens import EncodedCorpus
from rnngen.evaluation.perplexity import total_nats
from rnngen.model.language_model import RecurrentLM
from rnngen.training.learner import Learner

MEASURE_SECONDS = 0.25
WARM_UP = 2
WORTH_ROUNDING = 0.9  # bf16 is rounder than float32, so it has to be this much faster


@dataclass(frozen=True)
class Speed:
    """What was measured: ``precision`` is the faster one; seconds of a training step."""

    precision: str
    step_seconds: float


def measure_step(config: RunConfig, vocab_size: int) -> Speed:
    """Time training steps in the precision that ``config`` names; for ``auto`` in each, keeping the faster."""
    asked, device = config.train.precision, config.train.device
    if asked != "auto" or device == "mps":
        precision = "float32" if asked == "auto" else asked
        return Speed(precision, _step_seconds(config, precision, vocab_size))
    full, rounded = (_step_seconds(config, precision, vocab_size) for precision in ("float32", "bf16"))
    return Speed("bf16", rounded) if rounded < WORTH_ROUNDING * full else Speed("float32", full)


def _step_seconds(config: RunConfig, precision: str, vocab_size: int) -> float:
    """Median over a fraction of a second."""
    train = config.train.model_copy(update={"precision": precision})
    learner = Learner(config.model_copy(update={"train": train}), vocab_size)
    tokens = np.random.default_rng(0).integers(vocab_size, size=(train.bptt + 1, train.batch_size))
    times: list[float] = []
    began = time.perf_counter()
    while len(times) < WARM_UP + 3 or time.perf_counter() - began < MEASURE_SECONDS:
        tick = time.perf_counter()
        learner.step(tokens[:-1], tokens[1:], 1e-4, len(times))
        times.append(time.perf_counter() - tick)
    return sorted(times[WARM_UP:])[len(times[WARM_UP:]) // 2]


def measure_validation(config: RunConfig, corpus: EncodedCorpus) -> float:
    """Seconds that scoring the whole validation part takes, from a piece of it."""
    model = RecurrentLM(config.model, corpus.tokenizer.vocab_size).to(config.train.device)
    tokens = corpus.valid.tokens
    piece = tokens[:65536]
    total_nats(model, piece[:1024], precision=config.train.precision)  # warms up
    began = time.perf_counter()
    total_nats(model, piece, precision=config.train.precision, most_rounds=1)
    return (time.perf_counter() - began) * len(tokens) / len(piece)
