"""How fast this machine trains a given network, measured on a temporary learner.

Which kernels a machine has cannot be known beforehand. A candidate (a precision, a device, a size, a number of
threads) that fails in any way is not used, and the plan says why in a few words.
"""

from __future__ import annotations

import functools
import math
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from rnngen.corpus.tokens import EncodedCorpus
from rnngen.errors import TrainingError
from rnngen.evaluation.scoring import held_out_nats
from rnngen.model.device import in_a_few_words, using_threads
from rnngen.model.load import make_network
from rnngen.options.config import RunConfig
from rnngen.training.explosion import explosion_advice
from rnngen.training.learner import Learner

MEASURE_SECONDS = 0.15
MAX_SECONDS = 2.0  # on a machine so busy that a few steps take longer
WARM_UP = 2  # steps that are not counted
WORTH_ROUNDING = 0.9  # bf16 rounds more than float32, so its steps have to take less than this fraction of the time
WORTH_A_THREAD = 0.8  # the same for fewer threads, compared with all of them
TRUSTED = 0.1  # maximum relative distance of a bf16 gradient from the float32 one; rounding alone gives less than 0.01
EMULATED = 4.0  # a bf16 product that is slower than the float32 one by this factor has no instructions of its own
_PROBE_SIZE, _PROBES = 128, 20  # matrices whose emulated product takes a millisecond, and number of products
NOT_AVAILABLE = "not available on this processor"


@dataclass(frozen=True)
class Speed:
    """The faster precision, and the seconds that a training step takes in it."""

    precision: str
    step_seconds: float


class UnusableError(TrainingError):
    """No candidate can be computed on this device.

    Attributes:
        why: in a few words.
    """

    def __init__(self, device: str, why: str) -> None:
        super().__init__(
            f"this network cannot be trained on {device}", found=why, hint="Try a smaller `size` or `batch_size`."
        )
        self.why = why


class SpeedTest:
    """Measures candidates, and records which could not be used.

    Args:
        vocab_size: V.
        boundary: the token between documents; None: there is none.
        on_trial: called before each candidate with the number of those before.

    Attributes:
        unusable: precision → why it was not used, for those that failed.
    """

    def __init__(
        self, vocab_size: int, boundary: int | None = None, on_trial: Callable[[int], object] = lambda _: None
    ) -> None:
        self.vocab_size, self.boundary = vocab_size, boundary
        self.unusable: dict[str, str] = {}
        self._on_trial, self._trials = on_trial, 0

    def measure(self, config: RunConfig, precisions: Sequence[str] = ("float32", "bf16")) -> Speed:
        """Time training steps in each precision and keep the fastest one that computes correctly.

        Args:
            config: the network and everything else that a step depends on.
            precisions: the candidates.

        Raises:
            UnusableError: none of them can be used.
            TrainingError: loss or gradient is not finite from the start.
        """
        best: Speed | None = None
        for precision in precisions:
            needed = WORTH_ROUNDING * best.step_seconds if best else math.inf
            best = self._try(config, precision, needed) or best
        if best is None:
            raise UnusableError(config.train.device, "; ".join(dict.fromkeys(self.unusable[p] for p in precisions)))
        return best

    def try_measure(self, config: RunConfig, precision: str) -> Speed | None:
        """The same for a larger network in a precision that works for a smaller one; None: it fails."""
        try:
            return self.measure(config, (precision,))
        except UnusableError:
            return None

    def _try(self, config: RunConfig, precision: str, needed: float) -> Speed | None:
        """The speed, if steps take less than ``needed`` seconds and compute correctly."""
        why = None
        try:
            if precision == "bf16" and not has_bf16_kernels(config.train.device):
                why = NOT_AVAILABLE
            else:
                seconds = self._step_seconds(config, precision)
                if seconds >= needed:
                    return None
                why = why_not_bf16(config, self.vocab_size, self.boundary) if precision == "bf16" else None
        except TrainingError as error:  # not the fault of the machine
            if precision == "float32":
                advice = explosion_advice(config, precision, has_learned=False)  # it is measured with rates of 0
                raise TrainingError(error.what, found=error.found, hint=advice) from error
            why = in_a_few_words(error)
        except Exception as error:  # kernels fail in many ways, and each means the same here
            why = in_a_few_words(error)
        if why is None:
            return Speed(precision, seconds)
        self.unusable[precision] = why
        return None

    def _step_seconds(self, config: RunConfig, precision: str) -> float:
        self._on_trial(self._trials)
        self._trials += 1
        return step_seconds(config, precision, self.vocab_size, self.boundary)

    def fewest_threads(self, config: RunConfig) -> int:
        """The number of threads to begin with: all that torch uses, or fewer if that is clearly faster.

        Fewer are faster while other processes are busy (torch's threads wait for each other in a loop, so the slowest
        one sets the pace), in a container that has only a part of its machine, and for very small networks.
        """
        threads = most = torch.get_num_threads()
        try:
            best = self._step_seconds(config, "float32")
            for fewer in (most >> k for k in range(1, most.bit_length())):  # half as many, as long as that is faster
                torch.set_num_threads(fewer)
                seconds = self._step_seconds(config, "float32")
                if seconds > WORTH_A_THREAD * best:
                    break
                threads, best = fewer, seconds
        except Exception:  # what fails here fails again, and is reported, when the step itself is measured
            return most
        finally:
            torch.set_num_threads(most)
        return threads


def why_not_bf16(config: RunConfig, vocab_size: int, boundary: int | None = None) -> str | None:
    """Why a network cannot be trained in bf16 on this machine, in a few words; None: it can."""
    if not has_bf16_kernels(config.train.device):
        return NOT_AVAILABLE
    try:
        text = np.random.default_rng(0).integers(vocab_size, size=64)
        network = make_network(config.model, vocab_size, boundary=boundary).to(config.train.device)
        held_out_nats(network, text, precision="bf16")  # without gradients, which uses other kernels
        return None if gradients_agree(config, vocab_size, boundary) else "wrong gradients at this size on this machine"
    except Exception as error:  # kernels fail in many ways, and each means the same here
        return in_a_few_words(error)


@functools.cache
def has_bf16_kernels(device: str) -> bool:
    """Whether bf16 products are about as fast as those in float32, not emulated at a hundredth of the speed."""
    if device != "cpu":
        return True  # there the step itself shows it
    matrices = [torch.ones(_PROBE_SIZE, _PROBE_SIZE, dtype=dtype) for dtype in (torch.float32, torch.bfloat16)]
    times: list[list[float]] = [[], []]
    with using_threads(1):  # so that the fastest of many is undisturbed by whatever else the machine does
        for _ in range(_PROBES):
            for matrix, taken in zip(matrices, times, strict=True):
                began = time.perf_counter()
                torch.mm(matrix, matrix)
                taken.append(time.perf_counter() - began)
    float32, bf16 = map(min, times)
    return bf16 < EMULATED * float32


def gradients_agree(config: RunConfig, vocab_size: int, boundary: int | None = None) -> bool:
    """Whether the gradients in bf16 are those in float32 except for rounding, at these sizes on this machine.

    This cannot be taken for granted: oneDNN 3.12 (torch 2.13) with AMX returns wrong gradients for LSTMs of 1,024
    units and more, without an error. A short window shows it: the kernel does the same at every time step.
    """
    gradients = []
    T = min(config.train.bptt, 16)
    tokens = np.random.default_rng(0).integers(vocab_size, size=(T + 1, config.train.batch_size))
    for precision in ("float32", "bf16"):
        learner = Learner(config.with_values({"precision": precision}), vocab_size, boundary)
        learner.loss(tokens[:-1], tokens[1:])[0].backward()  # type: ignore[no-untyped-call]
        gradients.append([p.grad.to_dense() for p in learner.model.parameters() if p.grad is not None])
    return all(float((a - b).norm()) <= TRUSTED * float(a.norm()) for a, b in zip(*gradients, strict=True))


def step_seconds(config: RunConfig, precision: str, vocab_size: int, boundary: int | None = None) -> float:
    """Seconds that a training step takes: the median over a fraction of a second."""
    train = config.train
    learner = Learner(config.with_values({"precision": precision}), vocab_size, boundary)
    tokens = np.random.default_rng(0).integers(vocab_size, size=(train.bptt + 1, train.batch_size))
    start = learner.hidden
    times: list[float] = []
    began = time.perf_counter()
    spent = 0.0
    while (len(times) < WARM_UP + 3 or spent < MEASURE_SECONDS) and spent < MAX_SECONDS:
        tick = time.perf_counter()
        learner.hidden = start  # not carried on: a state that explodes is for training to show
        learner.step(tokens[:-1], tokens[1:], 0.0, len(times)).read()  # factor 0, so that any learning rate is safe
        times.append(time.perf_counter() - tick)
        spent = time.perf_counter() - began
    return statistics.median(times[WARM_UP:] or times)


def measure_validation(config: RunConfig, corpus: EncodedCorpus) -> float:
    """Seconds that scoring a token of the validation part takes, measured on a piece of it.

    Raises:
        UnusableError: it cannot be computed there.
    """
    piece = corpus.valid.tokens[:16384]
    try:
        tokenizer = corpus.tokenizer
        model = make_network(config.model, tokenizer.vocab_size, boundary=tokenizer.boundary(config.data.documents)).to(
            config.train.device
        )
        held_out_nats(model, piece[:256], precision=config.train.precision)  # warms up
        began = time.perf_counter()
        held_out_nats(model, piece, precision=config.train.precision, max_rounds=1)
    except Exception as error:  # kernels fail in many ways, and each means the same here
        raise UnusableError(config.train.device, in_a_few_words(error)) from error
    return (time.perf_counter() - began) / len(piece)
