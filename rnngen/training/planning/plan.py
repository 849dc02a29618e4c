"""The plan: everything that is decided before the first step, by measuring and by the rules of ``rules.py``.

Options that the user gave are never changed.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from rnngen.corpus.progress import MEASURING, OnProgress
from rnngen.corpus.tokens import EncodedCorpus
from rnngen.corpus.trainable import check_parts
from rnngen.errors import UsageError
from rnngen.model.device import processors, usable_devices, using_threads
from rnngen.options.config import RunConfig
from rnngen.options.given import Given
from rnngen.options.training import OptimizerConfig
from rnngen.platforms import idle_seconds, load_average
from rnngen.training.mixing import mixing_seconds
from rnngen.training.optim.recipe import recipe_named
from rnngen.training.planning import rules
from rnngen.training.planning.budget import SAVE_BYTES_PER_SECOND, Costs
from rnngen.training.planning.notes import note_on_load, note_on_time, notes_on_overlap, notes_on_text
from rnngen.training.planning.sizing import (
    Length,
    mean_length,
    pick_network,
    sized,
    with_named_size,
    with_ngrams,
    with_tying,
)
from rnngen.training.planning.speed import Speed, SpeedTest, UnusableError, measure_validation
from rnngen.training.samples import sample_seconds


@dataclass(frozen=True)
class Plan:
    """How a run will be trained.

    Attributes:
        config: fully decided.
        parameters: number of parameters.
        vocab_size: V.
        train_tokens, valid_tokens, test_tokens: sizes of the parts.
        epochs: how often the training part is read.
        tokens_per_second: measured, in training.
        costs: measured or estimated, of the parts of the run.
        seconds: estimated, from the first step to the end.
        deadline: ``time.perf_counter()`` when the run should be over; None: its number of steps was given.
        most_steps: maximum number of steps, however much time there is.
        memory_bytes: estimated, of weights, gradients, optimizer and activations, and of the copy that is saved.
        capped: whether the text is too small to fill the minutes.
        unknown: part → how many of its tokens are the unknown symbol, and how many it has, where there are any.
        unusable: device or precision → why it was not used, for those that failed.
        notes: what else a user should know, a sentence each.
    """

    config: RunConfig
    parameters: int
    vocab_size: int
    train_tokens: int
    valid_tokens: int
    test_tokens: int
    epochs: float
    tokens_per_second: float
    costs: Costs
    seconds: float
    deadline: float | None
    most_steps: int
    memory_bytes: int
    capped: bool
    unknown: dict[str, tuple[int, int]]
    unusable: dict[str, str]
    notes: tuple[str, ...]


def make_plan(
    given: Given, corpus: EncodedCorpus, started: float, *, trained: bool = False, on_progress: OnProgress | None = None
) -> Plan:
    """Decide everything.

    Args:
        given: the options that are fixed; all others are decided here.
        corpus: encoded.
        started: ``time.perf_counter()`` at the start of the command; ``minutes`` counts from there.
        trained: whether the run begins with trained weights.
        on_progress: called with what is being measured.

    Raises:
        UsageError: a device or precision that cannot be used here, or more threads than there are processors.
        CorpusError: too little text.
        TrainingError: this machine cannot train the network.
    """
    busy = note_on_load(load_average(), processors(), idle_seconds)  # before measuring, which would add to the load
    train = corpus.train
    check_parts(len(train.tokens), len(corpus.valid.tokens), train.counts.documents, given.config.train.bptt)
    asked = given.config.train.device
    devices, unusable = usable_devices(asked)
    for device in devices:
        try:
            plan = _plan_on(device, given, corpus, started, trained=trained, on_progress=on_progress)
            notes = (*plan.notes, *busy)
            return dataclasses.replace(plan, unusable={**unusable, **plan.unusable}, notes=notes)
        except UnusableError as error:
            unusable[device] = error.why
            if asked not in ("auto", "cpu"):
                raise UsageError(
                    f"`device={asked}` cannot train this network", expected="auto, or cpu", found=error.why
                ) from error
            if device == devices[-1]:
                raise
    raise AssertionError("there is always a processor")


@dataclass(frozen=True)
class _Measured:
    """Seconds on this machine.

    Attributes:
        speed: of a training step.
        token_seconds: to score a token of the validation part.
        counting: to count n-grams after the last step.
    """

    speed: Speed
    token_seconds: float
    counting: float


def _plan_on(
    device: str, given: Given, corpus: EncodedCorpus, started: float, *, trained: bool, on_progress: OnProgress | None
) -> Plan:
    """The plan for one device.

    Raises:
        UnusableError: it cannot train the network.
        UsageError: it cannot train it in the precision that was asked for, or has fewer processors than threads.
    """
    N, V = len(corpus.train.tokens), corpus.tokenizer.vocab_size
    given = with_named_size(with_tying(given, V)).changed({"device": device})
    config = given.config
    if "batch_size" not in given:
        config = config.with_values({"batch_size": rules.streams_rule(N, config.train.bptt)})
    if "contiguous" not in given and corpus.tokenizer.boundary(config.data.documents) is None:
        config = config.with_values({"contiguous": rules.CONTIGUOUS})
    config = with_ngrams(config, given, N, V)
    if given.get("threads", 1) > processors():
        raise UsageError(
            "`threads` is more than this machine has", expected=f"at most {processors()}", found=given["threads"]
        )
    total = 60 * given.get("minutes", rules.DEFAULT_MINUTES)
    length = Length(
        given.get("steps"), given.get("epochs", 0) * N, started + total - rules.ENDING, rules.MAX_EPOCHS * N
    )

    def on_trial(before: int) -> None:
        if on_progress:
            on_progress(MEASURING, before, None)

    test = SpeedTest(V, corpus.tokenizer.boundary(config.data.documents), on_trial)
    threads = config.train.threads
    if threads is None and length.by_clock and device == "cpu":
        threads = test.fewest_threads(sized(config, given, V, rules.FIRST_WIDTH))
    threads = threads or torch.get_num_threads()
    with using_threads(threads):
        config, speed = pick_network(config.with_values({"threads": threads}), given, N, test, length)
        token_seconds = measure_validation(config, corpus)
        counting = mixing_seconds(corpus, config.train.ngram, token_seconds)
    plan = _timetable(config, _Measured(speed, token_seconds, counting), given, corpus, length)
    steps = plan.config.train.steps
    notes = notes_on_text(corpus, config.data) + notes_on_overlap(corpus, config.data)
    if length.by_clock:
        spent = time.perf_counter() - started
        notes += note_on_time(steps, plan.costs.step, spent, total, trained=trained)
    return dataclasses.replace(
        plan,
        config=plan.config.with_values(_rates(plan.config, given, N, trained=trained)),
        unusable=test.unusable,
        notes=tuple(notes),
    )


def _timetable(config: RunConfig, measured: _Measured, given: Given, corpus: EncodedCorpus, length: Length) -> Plan:
    """The number of steps, and how often the run validates, saves and shows samples."""
    N, V, valid = len(corpus.train.tokens), corpus.tokenizer.vocab_size, len(corpus.valid.tokens)
    parameters, window = config.model.num_parameters(V), config.train.batch_size * mean_length(config)
    step_seconds, steps = measured.speed.step_seconds, length.steps(measured.speed, window)
    fixed: Mapping[str, Any] = given
    if recipe_named(config.optimizer.optimizer).validates_every_epoch:
        fixed = {"valid_every": max(1, min(steps, round(N / window))), "valid_tokens": valid, **given}
    valid_tokens = fixed.get("valid_tokens") or rules.valid_tokens_rule(measured.token_seconds, steps * step_seconds)
    valid_tokens = min(valid, valid_tokens)
    costs = Costs(
        step=step_seconds,
        validation=measured.token_seconds * valid_tokens,
        sample=sample_seconds(config.model),
        save=4 * 5 * parameters / SAVE_BYTES_PER_SECOND,
        end=measured.counting,
    )
    valid_every = fixed.get("valid_every") or min(steps, rules.valid_every_rule(costs.validation, step_seconds, steps))
    config = config.with_values(
        {
            "valid_every": valid_every,
            "valid_tokens": valid_tokens,
            "save_every": given.get("save_every", rules.save_every_rule(step_seconds, steps)),
            "sample_every": given.get("sample_every", max(1, math.ceil(steps / 8))),
        }
    )
    most_steps = math.ceil(length.most / window)
    if length.by_clock:
        steps = costs.steps_within(length.deadline - time.perf_counter(), config.train, most_steps)
        config = config.with_values(
            {
                "valid_every": fixed.get("valid_every", min(steps, valid_every)),
                "sample_every": given.get("sample_every", max(1, math.ceil(steps / 8))),
            }
        )
    config = config.with_values({"steps": steps})
    return Plan(
        config=config,
        parameters=parameters,
        vocab_size=V,
        train_tokens=N,
        valid_tokens=valid,
        test_tokens=len(corpus.test.tokens),
        epochs=steps * window / N,
        tokens_per_second=window / step_seconds,
        costs=costs,
        seconds=costs.seconds(config.train, steps),
        deadline=length.deadline if length.by_clock else None,
        most_steps=most_steps,
        memory_bytes=4 * (2 * 5 * parameters + 2 * math.ceil(window) * config.model.activations(V)),
        capped=length.by_clock and steps == most_steps,
        unknown={name: (part.unknown, len(part.tokens)) for name, part in corpus.parts.items() if part.unknown},
        unusable={},
        notes=(),
    )


def _rates(config: RunConfig, given: Given, N: int, *, trained: bool) -> dict[str, float]:
    """Rules 10, 11, 13 and 15: learning rates, weight decay of n-grams, and weight average, if they were not given."""
    factor = rules.FINE_TUNING if trained else rules.rates_rule(config.train.steps)
    names = [name for name in recipe_named(config.optimizer.optimizer).planned_rates if name not in given]
    rates = {name: round(getattr(OptimizerConfig(), name) * factor, 5) for name in names}
    if config.model.history and "history_decay" not in given:
        steps_per_epoch = N / (config.train.batch_size * mean_length(config))
        rate = rates.get("learning_rate", config.optimizer.learning_rate)
        rates["history_decay"] = round(rules.history_decay_rule(steps_per_epoch, rate), 4)
    if "ema" not in given:
        rates["ema"] = round(rules.average_rule(config.train.steps), 6)
    return rates
