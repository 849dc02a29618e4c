"""A candidate that cannot be computed is not used, whatever the reason, and the plan says why."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from rnngen.cli.plan_lines import plan_lines
from rnngen.corpus.tokens import EncodedCorpus, prepare
from rnngen.errors import TrainingError, UsageError
from rnngen.options.config import RunConfig
from rnngen.options.given import Given
from rnngen.options.training import DataConfig
from rnngen.training.learner import Learner
from rnngen.training.planning import rules, speed
from rnngen.training.planning.plan import Plan, make_plan
from rnngen.training.planning.speed import Speed, SpeedTest
from tests.conftest import FAST

CONFIG = RunConfig.from_flat({"hidden_size": 16, "device": "cpu"})
ONEDNN = "could not create a primitive descriptor for the LSTM forward propagation primitive. Run workload with …"


@pytest.fixture
def encoded(corpus: Path) -> EncodedCorpus:
    return prepare(DataConfig(corpus=(str(corpus),)))


def plan(encoded: EncodedCorpus, **options: Any) -> Plan:
    given = Given.of({"hidden_size": 16, "embedding_size": 8, "steps": 3, **options})
    return make_plan(given, encoded, time.perf_counter())


@pytest.fixture
def bf16_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    """A processor that has them, whatever this one has."""
    monkeypatch.setattr(speed, "has_bf16_kernels", lambda device: True)


def fail_at(monkeypatch: pytest.MonkeyPatch, error: Exception, **where: Any) -> None:
    """Learners of these values of a configuration fail at their first loss, as kernels do."""
    loss = Learner.loss

    def failing(learner: Learner, *window: Any) -> Any:
        flat = {**vars(learner.config.train), **vars(learner.config.model)}
        if all(flat[name] == value for name, value in where.items()):
            raise error
        return loss(learner, *window)

    monkeypatch.setattr(Learner, "loss", failing)


@pytest.mark.usefixtures("bf16_kernels")
def test_a_fast_precision_with_wrong_gradients_is_not_used(
    encoded: EncodedCorpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In float32 throughout, so that it does not matter what this processor makes of bf16."""
    seconds = {"float32": 0.3, "bf16": 0.1}
    monkeypatch.setattr(speed, "step_seconds", lambda config, precision, *_: seconds[precision])
    monkeypatch.setattr(Learner, "use_precision", lambda self, precision: setattr(self, "precision", "float32"))
    monkeypatch.setattr(speed, "held_out_nats", lambda network, text, precision: 1.0)
    assert SpeedTest(9).measure(CONFIG) == Speed("bf16", 0.1)
    loss = Learner.loss

    def wrong(learner: Learner, *window: Any) -> Any:
        nats, *rest = loss(learner, *window)
        return (nats * 1.3 if learner.config.train.precision == "bf16" else nats), *rest

    monkeypatch.setattr(Learner, "loss", wrong)
    test = SpeedTest(9)
    assert test.measure(CONFIG) == Speed("float32", 0.3)
    assert test.unusable == {"bf16": "wrong gradients at this size on this machine"}
    assert test.try_measure(CONFIG, "bf16") is None
    with pytest.raises(
        UsageError, match=r"`precision=bf16` cannot be used: wrong gradients .*; expected `precision=float32`"
    ):
        plan(encoded, precision="bf16")


@pytest.mark.usefixtures("bf16_kernels")
@pytest.mark.parametrize(
    ("error", "why"),
    [
        (RuntimeError(ONEDNN), "not available on this processor"),
        (NotImplementedError("'_thnn_fused_lstm_cell' not implemented for 'BFloat16'"), "not available on this"),
        (torch.OutOfMemoryError("tried to allocate 20 GiB"), "not enough memory"),
        (ValueError("something\nelse"), "something"),
        (TrainingError("the loss is not finite at step 1"), "the loss is not finite at step 1"),
    ],
)
def test_a_precision_that_fails_is_not_used_and_the_plan_says_why(
    encoded: EncodedCorpus, monkeypatch: pytest.MonkeyPatch, error: Exception, why: str
) -> None:
    fail_at(monkeypatch, error, precision="bf16")
    made = plan(encoded, device="cpu")
    assert made.config.train.precision == "float32"
    assert any(line.startswith(f"note    bf16: {why}") for line in plan_lines(made))
    with pytest.raises(
        UsageError, match=rf"`precision=bf16` cannot be used: {why}.*; expected `precision=float32`, or auto"
    ) as info:
        plan(encoded, device="cpu", precision="bf16")
    assert info.value.exit_code == 2


def test_bf16_that_is_emulated_is_not_available(encoded: EncodedCorpus, monkeypatch: pytest.MonkeyPatch) -> None:
    mm = torch.mm

    def emulated(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        if a.dtype == torch.bfloat16:
            time.sleep(0.02)
        return mm(a, b)

    speed.has_bf16_kernels.cache_clear()
    monkeypatch.setattr(torch, "mm", emulated)
    monkeypatch.setattr(speed, "_PROBES", 3)
    assert not speed.has_bf16_kernels("cpu")
    assert speed.why_not_bf16(CONFIG, 9) == "not available on this processor"
    assert plan(encoded, device="cpu").unusable == {"bf16": "not available on this processor"}
    speed.has_bf16_kernels.cache_clear()


def test_a_processor_that_fails_in_float32_is_a_clear_error(
    encoded: EncodedCorpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_at(monkeypatch, RuntimeError("no kernel image"), device="cpu")
    with pytest.raises(TrainingError, match="this network cannot be trained on cpu; found no kernel image"):
        plan(encoded, device="cpu")


def test_a_width_that_does_not_fit_into_memory_is_not_used(
    encoded: EncodedCorpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "MAX_EPOCHS", 10**6)
    monkeypatch.setattr(rules, "WIDTHS", (16, 24, 32))
    monkeypatch.setattr(rules, "FIRST_WIDTH", 16)
    options = {"minutes": 10, "device": "cpu", "precision": "float32", "batch_size": 4, "bptt": 8}

    def width() -> int:
        return make_plan(Given.of(options), encoded, time.perf_counter()).config.model.hidden_size

    assert width() == 32
    fail_at(monkeypatch, RuntimeError("DefaultCPUAllocator: can't allocate memory"), hidden_size=32)
    assert width() == 24


def test_a_batch_size_that_fails_is_not_used(encoded: EncodedCorpus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "MAX_EPOCHS", 10**6)
    monkeypatch.setattr(rules, "STREAMS", 4)
    monkeypatch.setattr(rules, "MIN_STREAMS", 4)
    monkeypatch.setattr(rules, "MAX_STREAMS", 8)
    options = {"minutes": 10, "device": "cpu", "precision": "float32", "hidden_size": 16, "bptt": 8}

    def streams() -> int:
        return make_plan(Given.of(options), encoded, time.perf_counter()).config.train.batch_size

    seconds = speed.step_seconds  # twice the streams are hardly slower, on whatever machine
    monkeypatch.setattr(speed, "step_seconds", lambda config, *rest: min(1e-3, seconds(config, *rest)))
    assert streams() == 8
    fail_at(monkeypatch, RuntimeError("can't allocate memory"), batch_size=8)
    assert streams() == 4


# devices


@pytest.fixture
def broken_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """CUDA and MPS seem to be present, and every use of them fails (as it does in this build of torch)."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    ones = torch.ones

    def failing(*size: Any, device: str = "cpu", **how: Any) -> torch.Tensor:
        if device != "cpu":
            raise RuntimeError(f"{device}: no kernel image is available for execution on the device")
        return ones(*size, **how)

    monkeypatch.setattr(torch, "ones", failing)


@pytest.mark.usefixtures("broken_gpus")
def test_a_device_that_fails_is_not_used_and_the_plan_says_why(encoded: EncodedCorpus) -> None:
    made = plan(encoded)
    assert made.config.train.device == "cpu"
    assert any(re.match(r"note    cuda: .*no kernel image", line) for line in plan_lines(made))
    assert any(re.match(r"note    mps: .*no kernel image", line) for line in plan_lines(made))


@pytest.mark.usefixtures("broken_gpus")
@pytest.mark.parametrize("device", ["cuda", "cuda:0", "mps"])
def test_a_failing_device_asked_for_by_name_is_a_usage_error_that_says_what_works(
    encoded: EncodedCorpus, device: str
) -> None:
    with pytest.raises(UsageError, match=rf"`device={device}` cannot be used here; expected one of: auto, cpu.*kernel"):
        plan(encoded, device=device)


def test_a_device_that_computes_but_cannot_train_gives_way_to_the_next(
    encoded: EncodedCorpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rnngen.training.planning import plan as planning

    monkeypatch.setattr(planning, "usable_devices", lambda asked: (["mps", "cpu"] if asked == "auto" else [asked], {}))
    measure = speed.step_seconds

    def only_on_cpu(config: RunConfig, *rest: Any) -> float:
        if config.train.device != "cpu":
            raise RuntimeError("no LSTM there")
        return measure(config, *rest)

    monkeypatch.setattr(speed, "step_seconds", only_on_cpu)
    made = plan(encoded)
    assert made.config.train.device == "cpu"
    assert made.unusable["mps"] == "no LSTM there"
    with pytest.raises(
        UsageError, match="`device=mps` cannot train this network; expected auto, or cpu; found no LSTM"
    ):
        plan(encoded, device="mps")


def test_a_device_that_does_not_exist_is_refused(encoded: EncodedCorpus) -> None:
    with pytest.raises(UsageError, match=r"cuda:63` cannot be used here; expected one of: auto,.* cpu"):
        plan(encoded, device="cuda:63")


def test_fewer_threads_begin_where_they_are_clearly_faster(monkeypatch: pytest.MonkeyPatch) -> None:
    threads = [4]
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads[-1])
    monkeypatch.setattr(torch, "set_num_threads", threads.append)
    for seconds, chosen in (
        ({4: 1.0, 2: 1.5, 1: 0.1}, 4),
        ({4: 1.0, 2: 0.5, 1: 0.9}, 2),
        ({4: 1.0, 2: 0.5, 1: 0.2}, 1),
        ({4: 1.0, 2: 0.9, 1: 0.1}, 4),  # not clearly
    ):
        now = dict(seconds)
        monkeypatch.setattr(speed, "step_seconds", lambda *_, now=now: now[threads[-1]])
        assert SpeedTest(9).fewest_threads(CONFIG) == chosen
        assert threads[-1] == 4


def test_measuring_on_a_machine_that_hardly_moves_ends_after_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "MAX_SECONDS", 1e-9)
    steps: list[int] = []
    step = Learner.step
    monkeypatch.setattr(Learner, "step", lambda self, *window: steps.append(1) or step(self, *window))
    assert speed.step_seconds(CONFIG, "float32", 9) > 0
    assert len(steps) == 1


def test_a_network_whose_state_explodes_is_measured_all_the_same() -> None:
    """Training shows how it explodes, and keeps a run that can be looked at."""
    linear = {**FAST, "cell": "rnn", "nonlinearity": "identity", "gain": 1.4, "bptt": 64}
    config = RunConfig.from_flat({**linear, "clip": 0.0, "learning_rate": 1.0})
    assert speed.step_seconds(config, "float32", 50) > 0
