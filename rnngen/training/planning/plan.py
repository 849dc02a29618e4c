"""The plan: everything that is decided before the first step, by measuring and by the rules of ``rules.py``.

What the user gave is never changed.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from rnngen.corpus.progress import OnProgress
from rnngen.corpus.tokens import EncodedCorpus
from rnngen.errors import CorpusError, UsageError
from rnngen.model.device import processors, usable_devices, using_threads
from rnngen.options.config import SECTION_OF, SIZES, RunConfig, check_options
from rnngen.options.training import OptimizerConfig
from rnngen.platforms import idle_seconds, load_average
from rnngen.training.mixing import mixing_seconds
from rnngen.training.planning import rules
from rnngen.training.planning.budget import FILL_SECONDS, SAMPLE_SECONDS, SAVE_BYTES_PER_SECOND, Costs
from rnngen.training.planning.notes import note_on_load, note_on_time, notes_on_text
from rnngen.training.planning.sizing import Length, mean_length, pick_network, sized_config
from rnngen.training.planning.speed import Speed, SpeedTest, UnusableError, measure_validation


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
        costs: measured or estimated, of the parts of the run.
        seconds: estimated, from the first step to the end.
        deadline: ``time.perf_counter()`` when it should be over; None: its number of steps is given.
        most_steps: however much time there is.
        memory_bytes: estimated, of weights, gradients, optimizer and activations.
        capped: whether the text is too small to fill the minutes.
        unknown: part → how many of its tokens are the unknown symbol, and how many it has, where there are any.
        unusable: device or precision → why it was not taken, for those that failed.
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
    options: Mapping[str, Any],
    corpus: EncodedCorpus,
    started: float,
    *,
    trained: bool = False,
    on_progress: OnProgress | None = None,
) -> Plan:
    """Decide everything.

    Args:
        options: what the user asked for, by flat name; what is absent or None is decided here.
        corpus: encoded.
        started: ``time.perf_counter()`` at the start of the command; ``--minutes`` counts from there.
        trained: whether the run begins with the weights of another one.
        on_progress: told what is being measured.

    Raises:
        UsageError: options that cannot be, or a device or precision that cannot be used here.
        CorpusError: too little text.
        TrainingError: this machine cannot train the network.
    """
    check_options(options)
    busy = note_on_load(load_average(), processors(), idle_seconds)  # before the measurements, which would count
    given = {k: v for k, v in options.items() if v is not None}
    if len(corpus.valid.tokens) == 0:
        raise CorpusError(
            "there is no validation text",
            expected="at least one token to validate on",
            hint="Give more text, a larger share in `split`, or `valid=FILE`.",
        )
    asked = given.get("device", "auto")
    devices, unusable = usable_devices(asked)
    for device in devices:
        try:
            if on_progress:
                on_progress("measuring this machine", 0, None)
            plan = _plan_on(device, given, corpus, started, trained=trained)
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


def _plan_on(device: str, given: Mapping[str, Any], corpus: EncodedCorpus, started: float, *, trained: bool) -> Plan:
    """The plan for one device.

    Raises:
        UnusableError: it cannot train the network.
        UsageError: nor in the precision that was asked for.
    """
    N, V = len(corpus.train.tokens), corpus.tokenizer.vocab_size
    flat = {k: v for k, v in given.items() if k in SECTION_OF} | {"device": device}
    if "size" in given:
        sizes = SIZES[given["size"]]
        flat = {"hidden_size": sizes["hidden_size"], **({} if flat.get("tied") else sizes), **flat}
    test = SpeedTest(V)
    train = RunConfig.from_flat(flat).train
    flat.setdefault("batch_size", rules.streams_rule(N, train.bptt))
    if flat.get("threads", 1) > processors():
        raise UsageError(
            "`threads` is more than this machine has", expected=f"at most {processors()}", found=flat["threads"]
        )
    deadline = started + 60 * given.get("minutes", rules.DEFAULT_MINUTES) - rules.ENDING
    length = Length(given.get("steps"), given.get("epochs", 0) * N, deadline, rules.MAX_EPOCHS * N)
    if "threads" not in flat:
        first = sized_config(flat, V, rules.FIRST_WIDTH)
        choose = length.by_clock and device == "cpu"
        flat["threads"] = test.fewest_threads(first) if choose else torch.get_num_threads()
    with using_threads(flat["threads"]):
        config, speed = pick_network(flat, given, N, test, length)
        token_seconds = measure_validation(config, corpus)
        counting = mixing_seconds(corpus, config.train.ngram, token_seconds)
    plan = _timetable(config, speed, token_seconds, counting, given, corpus, length, test.unusable)
    steps = plan.config.train.steps
    plan = dataclasses.replace(plan, config=plan.config.with_values(_rates(given, steps, trained=trained)))
    notes = notes_on_text(corpus)
    if length.by_clock:
        total = 60 * given.get("minutes", rules.DEFAULT_MINUTES)
        spent = time.perf_counter() - started
        notes += note_on_time(steps, plan.costs.step, spent, total, trained=trained)
    return dataclasses.replace(plan, notes=tuple(notes))


def _timetable(
    config: RunConfig,
    speed: Speed,
    token_seconds: float,
    counting: float,
    given: Mapping[str, Any],
    corpus: EncodedCorpus,
    length: Length,
    unusable: dict[str, str],
) -> Plan:
    """How many steps there are, and how often the run validates, saves and shows what it can."""
    N, V = len(corpus.train.tokens), corpus.tokenizer.vocab_size
    window = config.train.batch_size * mean_length(config)
    valid, steps = len(corpus.valid.tokens), length.steps(speed, window)
    parameters = config.model.num_parameters(V)
    if config.optimizer.optimizer == "asgd":  # rule 9
        given = {"valid_every": max(1, min(steps, round(N / window))), "valid_tokens": valid, **given}
    valid_tokens = given.get("valid_tokens") or rules.valid_tokens_rule(token_seconds, steps * speed.step_seconds)
    costs = Costs(
        step=speed.step_seconds,
        validation=token_seconds * min(valid_tokens, valid),
        sample=FILL_SECONDS if config.model.bidirectional else SAMPLE_SECONDS,
        save=4 * 5 * parameters / SAVE_BYTES_PER_SECOND,
        end=counting,
    )
    valid_every = rules.valid_every_rule(costs.validation, costs.step, steps)
    flat = {
        "valid_every": given.get("valid_every", min(steps, valid_every)),
        "valid_tokens": min(valid_tokens, valid),
        "save_every": given.get("save_every", max(1, round(60 / costs.step))),
        "sample_every": given.get("sample_every", max(1, math.ceil(steps / 8))),
    }
    most_steps = math.ceil(length.most / window)
    if length.by_clock:
        train = config.with_values(flat).train
        steps = costs.steps_within(length.deadline - time.perf_counter(), train, most_steps)
        flat["sample_every"] = given.get("sample_every", max(1, math.ceil(steps / 8)))
        flat["valid_every"] = given.get("valid_every", min(steps, flat["valid_every"]))
    config = config.with_values(flat | {"steps": steps})
    return Plan(
        config=config,
        parameters=parameters,
        vocab_size=V,
        train_tokens=N,
        valid_tokens=valid,
        test_tokens=len(corpus.test.tokens),
        epochs=steps * window / N,
        tokens_per_second=window / speed.step_seconds,
        costs=costs,
        seconds=costs.seconds(config.train, steps),
        deadline=length.deadline if length.by_clock else None,
        most_steps=most_steps,
        memory_bytes=_memory(config, parameters, V, math.ceil(window)),
        capped=length.by_clock and steps == most_steps,
        unknown={name: (part.unknown, len(part.tokens)) for name, part in corpus.parts.items() if part.unknown},
        unusable=unusable,
        notes=(),
    )


def _rates(given: Mapping[str, Any], steps: int, *, trained: bool) -> dict[str, float]:
    """Rules 10 and 11. NT-ASGD's rate is of another kind."""
    if given.get("optimizer") == "asgd":
        return {}
    defaults = OptimizerConfig()
    rates = {"learning_rate": defaults.learning_rate, "muon_learning_rate": defaults.muon_learning_rate}
    factor = rules.FINE_TUNING if trained else rules.rates_rule(steps)
    return {name: given.get(name, round(rate * factor, 5)) for name, rate in rates.items()}


def _memory(config: RunConfig, parameters: int, V: int, window: int) -> int:
    """Bytes: weights, average, gradients, two moments; activations of a window, forward and backward."""
    c = config.model
    readers = 2 if c.bidirectional else 1
    per_token = readers * (c.embedding_size + c.num_layers * 8 * c.hidden_size + 3 * V)
    return 4 * (5 * parameters + 2 * window * per_token)
