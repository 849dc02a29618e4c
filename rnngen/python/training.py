"""``rnngen.train`` and ``rnngen.resume``: options in, progress shown, a run out."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from rnngen.corpus.progress import OnProgress
from rnngen.corpus.recorded import SOURCES
from rnngen.errors import ArgumentError
from rnngen.options.argument_names import argument_meant
from rnngen.options.checked import checked
from rnngen.options.config import LENGTH_OPTIONS, TRAINING, option_meant
from rnngen.options.declare import declared, unknown
from rnngen.options.invocation import Invocation
from rnngen.options.keywords import takes
from rnngen.python.arguments import ShowProgress, TrainArguments
from rnngen.python.display import make_progress
from rnngen.python.interrupts import run_until_interrupted
from rnngen.python.run import Run, open_run
from rnngen.python.spelling import speaks_python
from rnngen.runs import run as runs
from rnngen.training import launch, resuming
from rnngen.training.events import Event, Planned
from rnngen.training.launched import Launched

P = ParamSpec("P")
R = TypeVar("R")


@speaks_python
@takes(TrainArguments)
@checked
def train(
    corpus: str | Path | Sequence[str | Path],
    *,
    out: str | Path | None = None,
    init_from: str | Path | runs.Run | None = None,
    progress: ShowProgress = "auto",
    on_event: Callable[[Event], None] | None = None,
    **options: Any,
) -> Run:
    """Train a model on a text and return its run.

    An interrupt (Ctrl-C, "interrupt" in a notebook, or a ``KeyboardInterrupt`` that ``on_event`` raises) ends the step,
    saves the run and raises ``rnngen.TrainingInterrupted``, a ``KeyboardInterrupt`` that says how to resume it; a
    second one leaves at once. Any other exception of ``on_event`` ends the step and saves the run as well, and is
    raised as it is.

    Args:
        corpus: a file, folder or glob, or several.
        out: the run's folder; by default the next free name under ``checkpoints/``.
        init_from: a run whose weights and tokenizer to begin with; new characters or words are added.
        progress: ``auto``: a bar in a notebook or on a terminal, elsewhere a line at intervals; ``bar``: always a bar;
            ``none``: nothing.
        on_event: called with every event (``rnngen.training.events``).
        options: of the text, the network and the training loop, as listed below. Those left out are chosen by
            measuring this machine and this text.

    Raises:
        RnngenError: an option is invalid, or text or disk cannot be used.
        TrainingInterrupted: it was interrupted, and the run is saved.
        KeyboardInterrupt: it was interrupted before its first step, and no run was begun.
    """
    sources = _texts(corpus)
    for name, value in options.items():
        if name not in TRAINING and name not in declared(Invocation):
            raise unknown(name, TRAINING, "option", hint=_hint_at(name))
        if name in SOURCES:
            options[name] = _without_paths(value)

    def begin(on_progress: OnProgress) -> Launched:
        return launch.launch(
            {**options, "corpus": sources},
            out=Path(out) if out else None,
            init_from=_path(init_from) if init_from else None,
            on_progress=on_progress,
        )

    return _trained(begin, progress, on_event, "no run was begun")


def _keeps_options(function: Callable[P, R]) -> Callable[P, R]:
    """Let ``resume`` say what to do about options that a run has had from its beginning."""

    @functools.wraps(function)
    def call(*args: P.args, **options: P.kwargs) -> R:
        for name in options.keys() - inspect.signature(function).parameters.keys():
            option = name if name in TRAINING else (option_meant(name) or "").partition("=")[0]
            if option in TRAINING and option not in LENGTH_OPTIONS:
                raise ArgumentError(
                    f"rnngen.resume() has no argument {name!r}: a run keeps the options that it began with",
                    hint=f"Begin another run from its weights: rnngen.train(corpus, init_from=run, {option}=…).",
                )
        return function(*args, **options)

    return call


@speaks_python
@_keeps_options
@checked
def resume(
    run: str | Path | runs.Run,
    corpus: str | Path | Sequence[str | Path] = (),
    *,
    minutes: float | None = None,
    epochs: float | None = None,
    steps: int | None = None,
    device: str | None = None,
    allow_changed_corpus: bool = False,
    progress: ShowProgress = "auto",
    on_event: Callable[[Event], None] | None = None,
) -> Run:
    """Resume an interrupted run to its end, or, with a length, train any run further; return the run.

    A run that is resumed goes through the same numbers, bit for bit on the CPU, as one that was never interrupted.

    Args:
        run: the run, or its folder.
        corpus: where its text is now, if it has moved.
        minutes: how long to train from here on, at most; or
        epochs: how often to read the training text from here on; or
        steps: number of optimizer steps from here on. At most one of these three is given.
        device: where to compute: auto, cpu, mps, cuda or cuda:N; by default where the run was begun.
        allow_changed_corpus: resume even if the corpus has changed.
        progress: as for ``rnngen.train``.
        on_event: called with every event (``rnngen.training.events``).

    Raises:
        RnngenError: there is no such run, it is damaged, or its text is gone or has changed.
        TrainingInterrupted: as for ``rnngen.train``.
    """
    given = {"minutes": minutes, "epochs": epochs, "steps": steps}
    length = {name: value for name, value in given.items() if value is not None}

    def begin(on_progress: OnProgress) -> Launched:
        return resuming.resume(
            _path(run),
            _texts(corpus),
            length=length,
            device=device,
            allow_changed_corpus=allow_changed_corpus,
            on_progress=on_progress,
        )

    return _trained(begin, progress, on_event, "the run is as it was")


def _trained(
    begin: Callable[[OnProgress], Launched],
    progress: ShowProgress,
    on_event: Callable[[Event], None] | None,
    unchanged: str,
) -> Run:
    """Launch a run and train it, with its progress shown; ``unchanged`` says what an interrupt before that leaves."""
    with make_progress(progress) as shown:
        try:
            launched = begin(shown.prepare)
        except KeyboardInterrupt as interrupt:
            raise KeyboardInterrupt(unchanged) from interrupt

        def take(event: Event) -> None:
            if isinstance(event, Planned):  # from here on the run is released whatever happens
                shown.begin(launched)
            shown.show(event)
            if on_event:
                on_event(event)

        finished = run_until_interrupted(launched, take, shown.interrupt)
        shown.finish(finished)
    return open_run(finished.path)


def _texts(corpus: str | Path | Sequence[str | Path]) -> list[str]:
    return [str(text) for text in ([corpus] if isinstance(corpus, str | Path) else corpus)]


def _without_paths(value: Any) -> Any:
    """Texts where there are paths; any other value as it is, to be checked as an option."""
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_without_paths(each) for each in value]
    return str(value) if isinstance(value, Path) else value


def _hint_at(name: str) -> str:
    known = [*inspect.signature(train).parameters]
    return argument_meant("train", name, known) or "See help(rnngen.train)."


def _path(run: str | Path | runs.Run) -> Path:
    return run.path if isinstance(run, runs.Run) else Path(run)
