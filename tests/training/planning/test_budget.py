"""How long a run takes, against a plain walk through its steps."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rnngen.options.training import TrainConfig
from rnngen.training.planning.budget import Costs

COSTS = Costs(step=0.01, validation=0.3, sample=0.07, save=0.2, end=1.5)
EVERY = st.integers(1, 60)


def walk(train: TrainConfig, steps: int, done: int) -> float:
    seconds = COSTS.end + (COSTS.validation if done == 0 else 0)
    for step in range(done + 1, steps + 1):
        seconds += COSTS.step
        for every, cost in (
            (train.valid_every, COSTS.validation),
            (train.sample_every, COSTS.sample),
            (train.save_every, COSTS.save),
        ):
            seconds += cost * bool(every and (step % every == 0 or step == steps))
    return seconds


def cadence(valid: int, sample: int, save: int) -> TrainConfig:
    return TrainConfig(valid_every=valid, sample_every=sample, save_every=save)


@given(EVERY, st.integers(0, 60), EVERY, st.integers(1, 200), st.integers(0, 200))
def test_seconds_are_those_of_every_part_of_the_run(valid: int, sample: int, save: int, more: int, done: int) -> None:
    train = cadence(valid, sample, save)
    expected = walk(train, done + more, done)
    assert abs(COSTS.seconds(train, done + more, done) - expected) < 1e-9 * expected


@given(EVERY, EVERY, EVERY, st.integers(0, 100), st.floats(0, 60), st.integers(1, 400))
def test_no_run_with_more_steps_would_be_over_in_time(
    valid: int, sample: int, save: int, done: int, seconds: float, most: int
) -> None:
    train = cadence(valid, sample, save)
    steps = COSTS.steps_within(seconds, train, most, done)
    assert done < steps <= max(done + 1, most)
    assert steps == done + 1 or COSTS.seconds(train, steps, done) <= seconds
    # a step whose number is a multiple of an interval can make the run a little shorter than the step before it
    slack = COSTS.validation + COSTS.sample + COSTS.save
    assert steps >= most or COSTS.seconds(train, steps + 1, done) + slack > seconds
