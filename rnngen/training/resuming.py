"""Resuming a run: to its end as if it had never stopped, or further than planned."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rnngen.arguments import STDIN, in_words
from rnngen.corpus.progress import OnProgress
from rnngen.corpus.recorded import Found, find_recorded
from rnngen.corpus.tokenizer import Tokenizer
from rnngen.corpus.tokenizer.load import MAX_BYTES, load_tokenizer
from rnngen.corpus.tokens import EncodedCorpus
from rnngen.errors import ChangedTextError, CheckpointError, CorpusError
from rnngen.model.device import device_to_continue_on, processors
from rnngen.options.config import RunConfig
from rnngen.options.given import Given
from rnngen.options.training import DataConfig
from rnngen.platforms import quote_argument
from rnngen.runs.files import read_json, read_needed
from rnngen.runs.finding import lost_weights, never_saved, never_saved_error, open_run
from rnngen.runs.layout import CONFIG, RESUME, TOKENIZER
from rnngen.runs.plan_record import Cycle, Stretch
from rnngen.runs.rehearsal import Rehearsal
from rnngen.runs.siblings import KEY
from rnngen.runs.states import hashes_of_decided
from rnngen.runs.writer import RunWriter
from rnngen.training.checkpoint import TrainingState, load_state
from rnngen.training.launched import Launched
from rnngen.training.planning.memory import keep_freed_memory
from rnngen.training.planning.pace import make_pace
from rnngen.training.planning.plan import Plan, make_plan
from rnngen.training.planning.rules import CYCLE_PEAK
from rnngen.training.planning.speed import why_not_bf16
from rnngen.training.state_checks import check_file_sizes, check_weights
from rnngen.training.trainer import Trainer
from rnngen.uninterrupted import uninterrupted

DECIDED_ANEW = ("steps", "threads", "precision", "valid_every", "sample_every")
"""Options that a new plan decides when a run is trained further; all others come from its configuration."""


def resume(
    path: Path,
    texts: Sequence[str] = (),
    *,
    length: Mapping[str, float] | None = None,
    device: str | None = None,
    allow_changed_corpus: bool = False,
    started: float | None = None,
    on_progress: OnProgress | None = None,
    rehearsal: bool = False,
) -> Launched:
    """Prepare to resume a run as if it had never stopped, or to train it further.

    Args:
        path: the run's folder.
        texts: where its text is now; by default it is searched for.
        length: ``minutes``, ``epochs`` or ``steps`` to train from here on, instead of what was left of the plan. A
            finished run then begins a new learning-rate cycle.
        device: where to compute; by default where the run was begun, or, if that is impossible, on what this machine
            has.
        allow_changed_corpus: resume even if the corpus has changed.
        started: ``time.perf_counter()`` from which ``minutes`` counts; now by default.
        on_progress: called with what is being read, encoded and measured.
        rehearsal: only find out what would happen: nothing in the folder is changed, and standard input is not read.

    Raises:
        CheckpointError: no such run, or none of its saved states is intact.
        ChangedTextError: the text has changed.
        CorpusError: its text cannot be found.
        UsageError: an invalid length, or a device that cannot be used.
    """
    started = time.perf_counter() if started is None else started
    length = Given.of(length or {})
    keep_freed_memory()
    if not (path / CONFIG).exists():
        open_run(path)  # it says what is wrong, and which run may be meant
    saved = read_json(path / CONFIG)
    if not isinstance(saved, dict):
        raise CheckpointError("is not a configuration", where=path / CONFIG)
    recorded, trained, given = (saved.pop(name, None) for name in ("corpus", "init_from", "given"))
    saved = {name: value for name, value in saved.items() if name not in ("rnngen", KEY)}
    config = RunConfig.saved(saved, path / CONFIG)
    begun_on = config.train.device
    there, fallback = device_to_continue_on(begun_on, device)
    config = config.with_values({"device": there})
    writer: RunWriter | None = None
    try:
        with uninterrupted():
            writer = Rehearsal(path) if rehearsal else RunWriter(path)
        if never_saved(path):
            raise never_saved_error(path, being_trained=False)  # this process holds its lock
        tokenizer = load_tokenizer(path / TOKENIZER, read_needed(path / TOKENIZER, MAX_BYTES))
        check_file_sizes(path, config.model, config.train.batch_size, tokenizer.vocab_size)
        state = load_state(path)
        for name, found in hashes_of_decided(path).items():
            if state.values["decided"].get(name) != found:
                raise CheckpointError("is not the one that this run began with", where=path / name)
        check_weights(state.tensors, config.model, config.train.batch_size, tokenizer.vocab_size, path / RESUME)
        recorded = _recorded_text(recorded, state)
        config = config.with_values({"corpus": recorded["sources"] or config.data.corpus})
        texts = [text if text == STDIN else str(Path(text).absolute()) for text in texts]
        text = _read_text(
            config.data, recorded, path, tokenizer, texts, allow_changed_corpus, on_progress, may_wait=not rehearsal
        )
        corpus = _same_text(text, config.data, path, texts, length)
        if texts:
            config = config.with_values({"corpus": texts})
        same_device = there.partition(":")[0] == begun_on.partition(":")[0]
        trainer = Trainer(config, corpus, writer, state, trained=trained is not None, same_device=same_device)
        trainer.warnings += [fallback] if fallback else []
        if due := trainer.schedule.due(trainer.step):  # a plan that was recorded just before the process ended
            trainer.follow(due, trainer.schedule.ahead)
        _adapt(trainer)
        if corpus is text.other:
            trainer.begin_with_changed_text()
        if lost := lost_weights(path):
            trainer.replace_lost_weights(lost)
        kept = given if isinstance(given, list) else []
        notes = [text.note] if text.note and corpus is text.corpus else []
        left = 0 if trainer.is_over else trainer.schedule.steps - trainer.step
        plan = _train_further(trainer, length, kept, started, on_progress) if length else None
        if plan and (plan.config.train.steps or 0) < left:
            option = f"`{next(iter(length))}`"
            notes.append(
                f"{left:,} steps were left of its plan, which ends earlier now; without {option} they are taken"
            )
        return Launched(trainer, plan, tuple(notes))
    except BaseException:
        if writer:
            with uninterrupted():
                writer.close()
        raise


def _recorded_text(recorded: object, state: TrainingState) -> dict[str, Any]:
    """The record of the text: the one that the run began with, or another one that it has been trained on since."""
    known = dict(recorded) if isinstance(recorded, Mapping) else {}
    since = state.values.get("corpus")  # which older runs do not have
    if since is None:
        return {**known, "sources": None}
    if since["fingerprint"] != known.get("fingerprint"):
        known = {**known, "fingerprint": since["fingerprint"], "parts": None, "files": None}  # those of the other text
    return {**known, "sources": since["sources"]}


def _read_text(
    data: DataConfig,
    recorded: Mapping[str, Any],
    path: Path,
    tokenizer: Tokenizer,
    texts: Sequence[str],
    other_too: bool,
    on_progress: OnProgress | None,
    *,
    may_wait: bool,
) -> Found:
    """The run's text, wherever it is now; standard input is read if the run began with it and it is nowhere else."""

    def find(given: Sequence[str]) -> Found:
        return find_recorded(data, recorded, path, tokenizer, given=given, other_too=other_too, on_progress=on_progress)

    try:
        return find(texts)
    except CorpusError as error:
        piped = STDIN in data.corpus and not texts and sys.stdin is not None and not sys.stdin.isatty()
        if piped and may_wait:
            return find([STDIN])
        if texts:
            raise
        raise CorpusError(
            f"the run's text cannot be read: {error}",
            where=path,
            hint=f"Give its new path: rnngen train --resume {quote_argument(str(path))} TEXT.",
        ) from error


def _same_text(
    text: Found, data: DataConfig, path: Path, texts: Sequence[str], length: Mapping[str, float]
) -> EncodedCorpus:
    """The text to train on: the one that the run began with, or a different one if it was asked for.

    Raises:
        ChangedTextError: it is a different one.
    """
    if not text.has_changed:
        assert text.corpus is not None
        return text.corpus
    if text.other is not None:
        return text.other
    words = ["rnngen", "train", "--resume", str(path), *texts]
    words += [word for name, value in length.items() for word in (f"--{name}", f"{value:g}")]
    raise ChangedTextError(
        "this is not the text that the run was trained on" if texts else "the text has changed since this run began",
        where=in_words(texts or data.corpus),
        expected="the text that it was trained on, at this path or as rnngen train --resume RUN TEXT",
        hint=f"To train on it nevertheless: {' '.join(map(quote_argument, words))} --allow-changed-corpus.",
    )


def _train_further(
    trainer: Trainer, length: Mapping[str, float], given: Sequence[str], started: float, on_progress: OnProgress | None
) -> Plan:
    """Plan the run from here on, and make its trainer follow this plan.

    Args:
        trainer: of the run.
        length: from here on.
        given: names of the options that the user gave when the run was begun.
        started: see ``resume``.
        on_progress: see ``resume``.
    """
    step, config, schedule = trainer.step, trainer.config, trainer.schedule
    current = schedule.current
    kept = {name: value for name, value in config.flat().items() if name not in DECIDED_ANEW or name in given}
    kept.pop("steps", None)
    options = {**kept, **length, "precision": current.precision}
    plan = make_plan(Given.of(options), trainer.corpus, started, trained=True, on_progress=on_progress)
    train = plan.config.train
    begun_here = bool(current.cycle) and current.step == step  # already trained further, but not a single step
    peak = None
    if trainer.is_over or begun_here or schedule.falls_below(CYCLE_PEAK, step, config.optimizer):
        peak = 1.0 if config.optimizer.decay == "none" else CYCLE_PEAK
    assert train.threads is not None
    cycle = Cycle(peak, train.valid_every, train.sample_every)
    stretch = Stretch(step, step + train.steps, train.threads, train.precision, cycle=cycle)
    trainer.writer.record_plan([stretch])
    trainer.follow(stretch, [], make_pace(plan, length, step))
    return plan


def _adapt(trainer: Trainer) -> None:
    """Replace what this machine cannot compute in the plan of a run that was begun on another one, with a warning."""
    if trainer.is_over:
        return
    schedule, config = trainer.schedule, trainer.config
    now = next((stretch for stretch in schedule.ahead if stretch.step == trainer.step), schedule.current)
    known = [now, *(stretch for stretch in schedule.ahead if stretch.step > trainer.step)]
    said: list[str] = []
    wants_bf16 = any(stretch.precision == "bf16" for stretch in known)
    why = why_not_bf16(config, trainer.corpus.tokenizer.vocab_size) if wants_bf16 else None
    if why:
        said.append(f"bf16: {why}. It continues in float32")
    most, there = max(stretch.threads for stretch in known), processors()
    if most > there and config.train.device == "cpu":
        said.append(f"it has {there} processors for {most} threads. It continues with {there}")
    else:
        there = most
    if not said:
        return

    def possible(stretch: Stretch) -> Stretch:
        precision = "float32" if why else stretch.precision
        step, threads = max(stretch.step, trainer.step), min(stretch.threads, there)
        begins = stretch.cycle if stretch.step >= trainer.step else None
        return stretch.changed(step=step, threads=threads, precision=precision, cycle=begins)

    now, *later = map(possible, known)
    trainer.writer.record_plan([now, *later])
    trainer.follow(now, later)
    trainer.warnings.append(
        f"this machine cannot compute all that the run was begun with. {'; '.join(said)}. From step {trainer.step} on "
        "the run is no longer identical, bit for bit, to an uninterrupted one."
    )
