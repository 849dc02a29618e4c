"""``rnngen train``: options in, a run on disk out."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rnngen.arguments import STDIN, in_words
from rnngen.cli.console import Console, ReaderGone
from rnngen.cli.declared import takes_options
from rnngen.cli.preparation import Preparation
from rnngen.cli.signals import stopped_by_signals
from rnngen.cli.spelling import on_command_line
from rnngen.errors import ExitCode, UsageError
from rnngen.evaluation.scores import kind_of_score
from rnngen.formats import number_of
from rnngen.options.invocation import Invocation
from rnngen.options.network import ModelConfig
from rnngen.options.plan import PlanConfig
from rnngen.options.training import DataConfig, OptimizerConfig, TrainConfig
from rnngen.platforms import quote_argument

if TYPE_CHECKING:
    from rnngen.options.given import Given
    from rnngen.training.events import Finished
    from rnngen.training.gradient_norms import GradientSummary
    from rnngen.training.launched import Launched
    from rnngen.training.summary import Summary


EXAMPLES = (
    ("rnngen train book.txt", "Five minutes."),
    ("rnngen train texts/ --minutes 30 --tokenizer bpe", "A folder, in pieces of words."),
    ("rnngen train --resume checkpoints/book-1 --minutes 5", "Five minutes more."),
)


@takes_options(PlanConfig, DataConfig, ModelConfig, OptimizerConfig, TrainConfig, without=["corpus"], examples=EXAMPLES)
def train_command(
    context: typer.Context,
    corpus: Annotated[list[str] | None, typer.Argument(help="Files, folders, globs, or - for standard input.")] = None,
    *,
    given: dict[str, Any],
    invocation: Invocation,
) -> None:
    """Train a model on text.

    Options left out are chosen by measuring this machine and this text; the plan is printed before the first step. Stop
    with Ctrl-C: the run is saved and the command to resume it is shown.
    """
    started = time.perf_counter()
    console: Console = context.obj
    options = _options(given if corpus is None else {"corpus": corpus, **given}, invocation)
    what = in_words(options.get("corpus", [f"{invocation.resume}"]))
    unchanged = "no run was begun" if invocation.resume is None else "the run is as it was"

    def train(prepare: Callable[[Preparation], Launched], *, as_json: bool = False) -> Finished:
        with contextlib.ExitStack() as stopping:
            with Preparation(console, f"reading {what}", unchanged, shown=not invocation.quiet) as preparation:
                from rnngen.cli.progress import make_screen
                from rnngen.training import launch
                from rnngen.training.summary import summary_of

                launched = prepare(preparation)
                stopping.enter_context(stopped_by_signals(launched.trainer))  # at once: what has begun is saved
            with make_screen(launched, console, quiet=invocation.quiet) as screen:
                finished = launch.run_to_end(launched, screen.show)
        trained = finished.step > finished.first_step
        summary = summary_of(finished, launched.trainer, screen.monitor.validations) if trained else None
        _report(console, finished, launched, summary, quiet=invocation.quiet, as_json=as_json)
        return finished

    if invocation.seeds:
        from rnngen.cli.siblings import train_siblings

        train_siblings(console, options, invocation, started, train)
    else:
        train(lambda preparation: _launched(options, invocation, started, preparation), as_json=invocation.json)


def _options(given: dict[str, Any], invocation: Invocation) -> Mapping[str, Any]:
    """The options of training, those of a file too; mistakes are told before torch is imported.

    Raises:
        UsageError: an invalid option, or one that cannot be combined with --resume.
        CorpusError: there is no such text.
    """
    from rnngen.options.config_file import read_options
    from rnngen.options.presets import without_overridden

    if invocation.resume is not None:
        _refuse_with_resume(invocation.resume, [*given, *invocation.changes("out", "init_from", "config")])
        return given
    if invocation.config is not None:
        given = {**without_overridden(read_options(invocation.config), given), **given}
    return _check_early(given)


def _launched(options: Mapping[str, Any], invocation: Invocation, started: float, preparation: Preparation) -> Launched:
    """A trainer that can begin: of a new run, or of one that is resumed."""
    from rnngen.options.config import LENGTH_OPTIONS
    from rnngen.training import launch

    if invocation.resume is None:
        return launch.launch(
            options, out=invocation.out, init_from=invocation.init_from, started=started, on_progress=preparation
        )
    return launch.resume(
        invocation.resume,
        options.get("corpus", ()),
        length={name: options[name] for name in LENGTH_OPTIONS if name in options},
        device=options.get("device"),
        allow_changed_corpus=invocation.allow_changed_corpus,
        started=started,
        on_progress=preparation,
    )


_WITH_RESUME = ("corpus", "minutes", "epochs", "steps", "device")
"""What may change when a run is resumed: where its text is, how long it trains, and where."""


def _refuse_with_resume(run: Path, names: list[str]) -> None:
    for name in names:
        if name not in _WITH_RESUME:
            begin = f"rnngen train TEXT --init-from {quote_argument(str(run))}"
            raise UsageError(
                f"--{name.replace('_', '-')} cannot be given with --resume: a run is resumed as it began",
                expected="a text, --minutes, --epochs, --steps or --device",
                hint=f"To change something else, begin a new run with its weights: {begin}.",
            )


def _check_early(options: Mapping[str, Any]) -> Given:
    """Tell of mistakes before torch is imported."""
    if not options.get("corpus"):
        raise UsageError(
            "no text was given", expected="rnngen train FILE", hint="rnngen corpus build pydoc makes a text to try."
        )
    from rnngen.corpus.sources import find_files
    from rnngen.options.given import Given

    given = Given.of(options)
    for name in ("corpus", "valid", "test"):
        files = [source for source in given.get(name, ()) if source != STDIN]
        piped = given["corpus"] == files and not (given.get("valid") or given.get("test"))
        command = "rnngen train -" if piped else None
        find_files(files, given.get("errors", "strict"), command, given.get("encoding", "utf-8"))
    return given


_STOPPED_BY = {
    "SIGINT": "Ctrl-C",
    "SIGTERM": "a request to end (SIGTERM)",
    "SIGHUP": "the end of its terminal (SIGHUP)",
    "SIGBREAK": "Ctrl-Break",
}
"""The names of signals in plain words."""


def _report(
    console: Console, finished: Finished, launched: Launched, summary: Summary | None, *, quiet: bool, as_json: bool
) -> None:
    """Say how training ended, and what to do next."""
    bidirectional = launched.trainer.config.model.bidirectional
    prefix = kind_of_score(bidirectional=bidirectional).prefix
    stopped = finished.reason.startswith("SIG")
    path = quote_argument(str(finished.path))
    if finished.advice:
        console.note(f"warning: {finished.advice}")
    if stopped:
        how = _STOPPED_BY.get(finished.reason, finished.reason)
        console.note(f"Stopped by {how} after step {finished.step}; the run is saved. Resume it:")
        console.note(f"  rnngen train --resume {path}")
    elif not quiet:
        for line in _outcome(finished, launched, prefix):
            console.note(line)
        if summary:
            console.note(summary.text)
        first = f'fill {path} "a text with a ___ in it"' if bidirectional else f"sample {path}"
        longer = f"\n  rnngen train --resume {path} --minutes 5" if summary and summary.longer else ""
        console.note(f"  rnngen {first}\n  rnngen eval {path}{longer}")
    if as_json:
        try:
            console.write_json(_as_json(finished, summary, prefix))
        except ReaderGone:
            if not stopped:
                raise
            console.abandon_output()  # Ctrl-C ended the reader too
    if stopped:
        raise typer.Exit(ExitCode.of_signal(signal.Signals[finished.reason]))


def _as_json(finished: Finished, summary: Summary | None, prefix: str) -> dict[str, Any]:
    scores: dict[str, Any] = {}
    if mixed := finished.mixed:
        scores = {
            "network": {"valid_nats_per_token": mixed.network_nll},  # of the whole part, as the two below
            "ngram": {"order": mixed.order, "valid_nats_per_token": mixed.ngram_nll},
            "mixture": {"valid_nats_per_token": mixed.mixture_nll},
        }
    return {
        "run": str(finished.path),
        "reason": finished.reason,
        "step": finished.step,
        "best_step": finished.best_step,
        f"valid_{prefix}nats_per_token".replace("-", "_"): finished.best_nll,
        f"valid_{prefix}nats_per_character".replace("-", "_"): summary and summary.nats_per_character,
        "summary": summary and summary.text,
        "gradient": _gradient_as_json(finished.gradient) if finished.gradient else None,
        **scores,
    }


def _gradient_as_json(gradient: GradientSummary) -> dict[str, Any]:
    return {**vars(gradient), "advice": None if gradient.advice is None else on_command_line(gradient.advice)}


def _outcome(finished: Finished, launched: Launched, prefix: str) -> list[str]:
    """What a run came to, in lines."""
    from rnngen.training.planning.notes import FEW_STEPS

    best = f"{finished.best_nll:.4f} {prefix}nats per token at step {finished.best_step}"
    reason = " (no improvement for a while)" if finished.reason == "patience" else ""
    if finished.step == finished.first_step:
        further = f"rnngen train --resume {quote_argument(str(finished.path))} --minutes 5"
        lines = [
            *(f"note: {note}" for note in launched.notes),
            f"This run is finished after step {finished.step}{reason}. Best validation: {best}.",
            f"To train it further: {further}",
        ]
    else:
        lines = [f"Done after step {finished.step}{reason}. Best validation: {best}."]
    if finished.step > finished.first_step >= finished.best_step and (finished.first_step or launched.trainer.trained):
        lines.append("None of the steps since improved it, so the weights that it began with are kept.")
    plan = launched.plan
    taken = finished.step - finished.first_step
    if plan and plan.deadline is not None and taken < FEW_STEPS <= plan.config.train.steps:
        lines.append(f"note: there was time for only {number_of(taken, 'step')}: give it more with --minutes.")
    if finished.gradient and finished.step > finished.first_step:
        g = finished.gradient
        lines.append(f"Gradient norm {g.median:.2g} (median), {g.clipped:.1%} of the steps clipped.")
    if mixed := finished.mixed:
        lines.append(
            f"On the validation part, to which it was fitted: {mixed.mixture_nll:.4f} nats per token with the "
            f"{mixed.order}-gram model mixed in, {mixed.network_nll:.4f} of the network alone, "
            f"{mixed.ngram_nll:.4f} of the n-gram model alone. See sample --ngram and eval --ngram."
        )
    return lines
