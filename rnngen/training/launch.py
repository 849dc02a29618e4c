"""From options to a trainer: a new run, one that begins with another's weights, or one that goes on."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from rnngen import __version__
from rnngen.config import DataConfig, ModelConfig, RunConfig, check_options
from rnngen.corpus.tokenizer import load_tokenizer
from rnngen.corpus.tokens import EncodedCorpus, prepare
from rnngen.errors import CheckpointError, UsageError
from rnngen.model.device import pick_device, processors
from rnngen.platforms import idle_seconds
from rnngen.presets import with_preset
from rnngen.run import CONFIG, MANIFEST, RESUME, TOKENIZER, Run, checkpoints_folder, open_run, read_json, sha256
from rnngen.stretches import Stretch
from rnngen.training.checkpoint import HOLDER, LOCK, RunWriter, load_state, new_run_folder
from rnngen.training.events import Event, Finished
from rnngen.training.memory import keep_freed_memory
from rnngen.training.pace import Pace
from rnngen.training.plan import Plan, make_plan
from rnngen.training.rules import DEFAULT_MINUTES
from rnngen.training.speed import why_not_bf16
from rnngen.training.threads import ThreadChooser
from rnngen.training.trainer import Trainer

DROPOUTS = {name for name in ModelConfig.model_fields if name.endswith("dropout")}


@dataclass(frozen=True)
class Launched:
    """A trainer that is ready, and its plan (None for a run that goes on: it has one already)."""

    trainer: Trainer
    plan: Plan | None


def launch(
    options: Mapping[str, Any],
    *,
    out: Path | None = None,
    init_from: Path | None = None,
    started: float | None = None,
) -> Launched:
    """Prepare a new run.

    Args:
        options: flat names and values; what is absent is decided by ``training/plan.py``.
        out: the run's folder; by default the next free name under ``checkpoints/``.
        init_from: begin with this run's weights and tokenizer.
        started: ``time.perf_counter()`` from which ``minutes`` count; now by default.

    Raises:
        UsageError, CorpusError, CheckpointError: before anything is trained.
    """
    started = time.perf_counter() if started is None else started
    keep_freed_memory()
    if init_from and options.get("preset"):
        raise UsageError(
            "--preset cannot be given with --init-from", expected="the network and tokenizer of that run",
            hint="Give those of its values that are about learning as options.",
        )  # fmt: skip
    options = with_preset(options)
    check_options(options)
    options = {**options, **{name: _absolute(options.get(name)) for name in ("corpus", "valid", "test")}}
    config = RunConfig.from_flat({k: v for k, v in options.items() if k in DataConfig.model_fields and v is not None})
    if out is not None:
        _refuse_occupied(out)
    first = open_run(init_from) if init_from else None
    tokenizer = first.tokenizer() if first else None
    corpus = prepare(config.data, tokenizer=tokenizer)
    if first:
        options = {**_architecture(first, options), **{k: v for k, v in options.items() if v is not None}}
    folder = out or new_run_folder(checkpoints_folder(), _stem(config.data.corpus[0]))
    made = not folder.exists()
    writer = RunWriter(folder)
    try:
        _refuse_occupied(folder)  # again, now that nobody else can begin a run here
        plan = make_plan({**options, "tokenizer": corpus.tokenizer.level}, corpus, started)
        trainer = Trainer(plan.config, corpus, writer, pace=_pace(plan, options))
        if first:
            trainer.learner.begin_with(first.weights(), first.path)
        writer.begin(_config_json(plan.config, corpus), corpus.tokenizer)
    except BaseException:
        writer.discard(folder_too=made)  # a run that never began leaves nothing behind
        raise
    return Launched(trainer, plan)


def resume(path: Path, *, allow_changed_corpus: bool = False) -> Launched:
    """Prepare to go on with a run as if it had never stopped.

    Args:
        path: the run's folder.
        allow_changed_corpus: go on although the text is no longer what it was.

    Raises:
        CheckpointError: no such run, none of its saved states is sound, or the text has changed.
    """
    keep_freed_memory()
    if not path.is_dir():
        raise CheckpointError("is not a run", where=path, expected="a folder made by rnngen train")
    saved = read_json(path / CONFIG)
    if not isinstance(saved, dict):
        raise CheckpointError("is not a configuration", where=path / CONFIG)
    recorded = saved.pop("corpus", {})
    saved.pop("rnngen", None)
    config = RunConfig.from_json(saved, path / CONFIG)
    data = config.data
    if "-" in (*data.corpus, *data.valid, *data.test) and sys.stdin is not None and sys.stdin.isatty():
        raise UsageError("this run was trained on standard input", where=path, expected="the same text, piped in again")
    _check_device(config.train.device, path)
    writer = RunWriter(path)
    try:
        state = load_state(path)
        for name in (CONFIG, TOKENIZER):
            if state.values.get("decided", {}).get(name) != sha256((path / name).read_bytes()):
                raise CheckpointError("is not the one that this run began with", where=path / name)
        tokenizer = load_tokenizer(path / TOKENIZER)
        corpus = prepare(config.data, tokenizer=tokenizer)
        if corpus.fingerprint != recorded.get("fingerprint") and not allow_changed_corpus:
            raise CheckpointError(
                "the text has changed since this run began", where=", ".join(config.data.corpus),
                expected=f"fingerprint {str(recorded.get('fingerprint'))[:12]}…", found=f"{corpus.fingerprint[:12]}…",
                hint="Restore it, begin a new run with --init-from, or pass --allow-changed-corpus.",
            )  # fmt: skip
        trainer = Trainer(config, corpus, writer, state)
        _adapt(trainer)
        return Launched(trainer, None)
    except BaseException:
        writer.close()
        raise


def _pace(plan: Plan, options: Mapping[str, Any]) -> Pace | None:
    """The clock of a new run, where its number of steps follows from the time there is."""
    if plan.deadline is None:
        return None
    train, most = plan.config.train, torch.get_num_threads()
    chooser = None
    if train.device == "cpu" and most > 1 and not options.get("threads"):
        chooser = ThreadChooser(most, train.threads or most, idle_seconds)
    return Pace(
        train, plan.costs, deadline=plan.deadline, total=60 * (options.get("minutes") or DEFAULT_MINUTES),
        most_steps=plan.most_steps, chooser=chooser,
    )  # fmt: skip


def _adapt(trainer: Trainer) -> None:
    """Replace what this machine cannot do in the plan of a run that was begun on another one, and say so."""
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
        return replace(stretch, step=step, threads=threads, precision=precision)

    now, *later = map(possible, known)
    trainer.writer.record_plan([now, *later])
    trainer.follow(now, later)
    trainer.warnings.append(
        f"this machine cannot compute all that the run was begun with. {'; '.join(said)}. From step {trainer.step} on "
        "the run is no longer identical, bit for bit, to an uninterrupted one."
    )


def _check_device(device: str, path: Path) -> None:
    try:
        pick_device(device)
    except UsageError as error:
        raise CheckpointError(
            f"this run was begun on {device}, which cannot be used here", where=path,
            expected=f"a machine with {device}", found=error.found,
            hint="Resume it there, or begin a new run with --init-from.",
        ) from error  # fmt: skip


def run_to_end(launched: Launched, on_event: Callable[[Event], None] | None = None) -> Finished:
    """Train, hand every event to ``on_event``, and release the run.

    Raises:
        TrainingError, CheckpointError: see ``Trainer.events``.
    """
    finished: Finished | None = None
    try:
        with contextlib.closing(launched.trainer.events()) as events:
            for event in events:
                if on_event:
                    on_event(event)
                if isinstance(event, Finished):
                    finished = event
    finally:
        launched.trainer.writer.close()
    assert finished is not None
    return finished


def train(
    corpus: str | Path | list[str] | list[Path], *, out: str | Path | None = None, init_from: str | Path | None = None,
    on_event: Callable[[Event], None] | None = None, **options: Any,
) -> Run:  # fmt: skip
    """Train a model on a text and return its run.

    Args:
        corpus: a file, folder or glob, or a list of them.
        out: the run's folder; by default the next free name under ``checkpoints/``.
        init_from: a run whose weights and tokenizer to begin with.
        on_event: is called with every event (``rnngen.training.events``).
        options: as on the command line, with ``_`` for ``-``: ``minutes=3``, ``cell="gru"``, ….

    Raises:
        RnngenError: options, text or disk are not as they should be.
    """
    sources = [str(source) for source in (corpus if isinstance(corpus, list) else [corpus])]
    launched = launch(
        {**options, "corpus": sources}, out=Path(out) if out else None, init_from=Path(init_from) if init_from else None
    )
    return open_run(run_to_end(launched, on_event).path)


def _architecture(first: Run, options: Mapping[str, Any]) -> dict[str, Any]:
    """The network of the run that weights come from; asking for another one is an error."""
    model = RunConfig.from_json({"model": first.model_config()}, first.path / CONFIG).model
    fixed = model.model_dump(exclude={*DROPOUTS, "initialization"})
    if options.get("vocab_size"):
        raise UsageError("--vocab-size cannot be given with --init-from", expected="the vocabulary of that run")
    for name, value in fixed.items():
        if options.get(name) not in (None, value):
            raise UsageError(
                f"--{name.replace('_', '-')} cannot change with --init-from", expected=value, found=options[name],
                hint=f"The network is that of {first.path}; leave the option out.",
            )  # fmt: skip
    if options.get("size"):
        raise UsageError("--size cannot be given with --init-from", expected="the size of the run it begins with")
    if options.get("tokenizer") not in (None, first.tokenizer().level):
        raise UsageError(
            "--tokenizer cannot change with --init-from", expected=first.tokenizer().level, found=options["tokenizer"]
        )
    return fixed


def _config_json(config: RunConfig, corpus: EncodedCorpus) -> dict[str, Any]:
    parts = {
        name: {"tokens": len(part.tokens), "characters": part.counts.characters} for name, part in corpus.parts.items()
    }
    return {
        "rnngen": __version__,
        **config.model_dump(mode="json"),
        "corpus": {"fingerprint": corpus.fingerprint, "vocab_size": corpus.tokenizer.vocab_size, "parts": parts},
    }


def _refuse_occupied(folder: Path) -> None:
    """A run begins in a folder of its own, so that it can never overwrite anybody's files."""
    found = sorted(p.name for p in folder.iterdir() if p.name not in (LOCK, HOLDER)) if folder.is_dir() else []
    if any(name in found for name in (MANIFEST, CONFIG, RESUME)):
        raise UsageError(
            "there is a run in this folder already",
            where=folder,
            hint=f"Go on with it: rnngen train --resume {folder}; or choose another --out.",
        )
    if found:
        raise UsageError("the folder is not empty", where=folder, expected="a new or empty folder", found=found[0])


def _absolute(sources: Sequence[str] | None) -> list[str] | None:
    """Sources that mean the same from any folder, for a run that goes on elsewhere."""
    return None if sources is None else [s if s == "-" else str(Path(s).absolute()) for s in sources]


def _stem(source: str) -> str:
    return "stdin" if source == "-" else Path(source).resolve().stem.replace("*", "")
