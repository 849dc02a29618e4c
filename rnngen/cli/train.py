"""``rnngen train``: options in, a run on disk out."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from rnngen.cli import console
from rnngen.cli.preparation import Preparation
from rnngen.errors import UsageError
from rnngen.platforms import quote_argument, stop_signals

if TYPE_CHECKING:
    from rnngen.training.events import Finished
    from rnngen.training.launched import Launched
    from rnngen.training.trainer import Trainer

_TEXT, _LENGTH, _MODEL, _LEARN, _RUN = "Text", "Length", "Model", "Learning", "Run"


def train_command(
    corpus: Annotated[list[str] | None, typer.Argument(help="Files, folders, globs, or - for standard input.")] = None,
    valid: Annotated[list[str] | None, typer.Option(help="Validate on this file instead of a share of the corpus.", rich_help_panel=_TEXT)] = None,
    test: Annotated[list[str] | None, typer.Option(help="Keep this file for eval instead of a share of the corpus.", rich_help_panel=_TEXT)] = None,
    split: Annotated[str | None, typer.Option(help="Shares of train, valid and test, by position. [default: 0.9,0.05,0.05]", rich_help_panel=_TEXT)] = None,
    errors: Annotated[Literal["strict", "replace"] | None, typer.Option(help="What to do with bytes that are not UTF-8. [default: strict]", rich_help_panel=_TEXT)] = None,
    tokenizer: Annotated[Literal["char", "byte", "word", "bpe"] | None, typer.Option(help="What a token is. [default: char]", rich_help_panel=_TEXT)] = None,
    vocab_size: Annotated[int | None, typer.Option(help="At most so many tokens. [default: char: all, word: 10000, bpe: 2000]", rich_help_panel=_TEXT)] = None,
    minutes: Annotated[float | None, typer.Option(help="How long the whole command may take. [default: 5]", rich_help_panel=_LENGTH)] = None,
    epochs: Annotated[float | None, typer.Option(help="How often to read the training text.", rich_help_panel=_LENGTH)] = None,
    steps: Annotated[int | None, typer.Option(help="How many optimizer steps.", rich_help_panel=_LENGTH)] = None,
    patience: Annotated[int | None, typer.Option(help="Stop after so many validations that got no better; 0: never. [default: 10]", rich_help_panel=_LENGTH)] = None,
    preset: Annotated[Literal["awd-lstm", "awd-lstm-wt2"] | None, typer.Option(help="A published recipe for words of the Penn Treebank or WikiText-2, for a GPU; other options override its values.", rich_help_panel=_MODEL)] = None,
    size: Annotated[Literal["tiny", "small", "medium", "large"] | None, typer.Option(help="128, 256, 512 or 1024 units. [default: by measurement]", rich_help_panel=_MODEL)] = None,
    cell: Annotated[Literal["lstm", "gru", "rnn"] | None, typer.Option(help="The recurrence. [default: lstm]", rich_help_panel=_MODEL)] = None,
    nonlinearity: Annotated[Literal["tanh", "relu", "sigmoid", "identity"] | None, typer.Option(help="Of the rnn. [default: tanh]", rich_help_panel=_MODEL)] = None,
    hidden_size: Annotated[int | None, typer.Option(help="Units a layer, instead of --size.", rich_help_panel=_MODEL)] = None,
    embedding_size: Annotated[int | None, typer.Option(help="Width of a token's vector.", rich_help_panel=_MODEL)] = None,
    num_layers: Annotated[int | None, typer.Option(help="Recurrent layers. [default: 1]", rich_help_panel=_MODEL)] = None,
    dropout: Annotated[float | None, typer.Option(help="Share of every layer's output that is dropped. [default: by number of epochs]", rich_help_panel=_MODEL)] = None,
    hidden_dropout: Annotated[float | None, typer.Option(help="The same of all layers but the last; without it, as --dropout.", rich_help_panel=_MODEL)] = None,
    input_dropout: Annotated[float | None, typer.Option(help="Share of the embedding that is dropped. [default: by number of epochs]", rich_help_panel=_MODEL)] = None,
    embedding_dropout: Annotated[float | None, typer.Option(help="Share of the embedding's rows that is dropped. [default: 0.0]", rich_help_panel=_MODEL)] = None,
    weight_dropout: Annotated[float | None, typer.Option(help="Share of the recurrent weights that is dropped. [default: by number of epochs]", rich_help_panel=_MODEL)] = None,
    tied: Annotated[bool | None, typer.Option("--tied/--no-tied", help="One matrix for embedding and softmax; the last of several layers then has --embedding-size units.", rich_help_panel=_MODEL)] = None,
    bidirectional: Annotated[bool | None, typer.Option("--bidirectional/--no-bidirectional", help="A model that reads from both ends and fills gaps, for fill instead of sample: two networks of these sizes.", rich_help_panel=_MODEL)] = None,
    initialization: Annotated[Literal["orthogonal", "uniform"] | None, typer.Option(help="Start values. [default: orthogonal]", rich_help_panel=_MODEL)] = None,
    batch_size: Annotated[int | None, typer.Option(help="Parallel streams. [default: 32, fewer for short texts, more for long runs]", rich_help_panel=_LEARN)] = None,
    bptt: Annotated[int | None, typer.Option(help="Steps a gradient reaches back. [default: 64]", rich_help_panel=_LEARN)] = None,
    bptt_jitter: Annotated[float | None, typer.Option(help="Standard deviation of a window's length around --bptt; 0: all alike. [default: 0.0]", rich_help_panel=_LEARN)] = None,
    optimizer: Annotated[Literal["muon", "asgd"] | None, typer.Option(help="Muon and AdamW, or gradient descent that is averaged once it gets no better (NT-ASGD). [default: muon]", rich_help_panel=_LEARN)] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Of AdamW, which learns embedding, softmax and biases, or of asgd; at its highest. [default: 0.01, more for few steps]", rich_help_panel=_LEARN)] = None,
    muon_learning_rate: Annotated[float | None, typer.Option(help="Of Muon, which learns the recurrent matrices. [default: 0.02, more for few steps]", rich_help_panel=_LEARN)] = None,
    warmup: Annotated[float | None, typer.Option(help="Share of the steps in which it rises. [default: 0.02]", rich_help_panel=_LEARN)] = None,
    decay: Annotated[Literal["linear", "cosine", "none"] | None, typer.Option(help="How it falls. [default: linear]", rich_help_panel=_LEARN)] = None,
    weight_decay: Annotated[float | None, typer.Option(help="Of the matrices. [default: 0.02, more with more epochs]", rich_help_panel=_LEARN)] = None,
    clip: Annotated[float | None, typer.Option(help="Threshold of the gradient's global norm. [default: 1.0]", rich_help_panel=_LEARN)] = None,
    ema: Annotated[float | None, typer.Option(help="Decay of the weight average that is validated and kept, with muon; 0: none. [default: 0.98]", rich_help_panel=_LEARN)] = None,
    nonmono: Annotated[int | None, typer.Option(help="Validations without progress after which asgd begins to average. [default: 5]", rich_help_panel=_LEARN)] = None,
    activation_regularization: Annotated[float | None, typer.Option(help="Weight in the loss of the last layer's squared output (AR). [default: 0.0]", rich_help_panel=_LEARN)] = None,
    temporal_activation_regularization: Annotated[float | None, typer.Option(help="The same of its squared change from step to step (TAR). [default: 0.0]", rich_help_panel=_LEARN)] = None,
    ngram: Annotated[int | None, typer.Option(help="When training is done, count n-grams up to this order, to be mixed in by sample and eval --ngram; 0: none. [default: 0]", rich_help_panel=_LEARN)] = None,
    seed: Annotated[int | None, typer.Option(help="Of the start values and dropout. [default: 0]", rich_help_panel=_LEARN)] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, mps or cuda. [default: auto]", rich_help_panel=_RUN)] = None,
    precision: Annotated[Literal["auto", "float32", "bf16"] | None, typer.Option(help="auto times a few steps of each. [default: auto]", rich_help_panel=_RUN)] = None,
    threads: Annotated[int | None, typer.Option(help="CPU threads; without it all, but fewer while other programs are busy.", rich_help_panel=_RUN)] = None,
    out: Annotated[Path | None, typer.Option(help="The run's folder. [default: checkpoints/NAME-N]", rich_help_panel=_RUN)] = None,
    valid_every: Annotated[int | None, typer.Option(help="Steps between validations. [default: by measurement]", rich_help_panel=_RUN)] = None,
    valid_tokens: Annotated[int | None, typer.Option(help="How much of the validation part each reads. [default: all, less of a long one]", rich_help_panel=_RUN)] = None,
    save_every: Annotated[int | None, typer.Option(help="Steps between saves. [default: about a minute]", rich_help_panel=_RUN)] = None,
    sample_every: Annotated[int | None, typer.Option(help="Steps between samples; 0: none. [default: 8 a run]", rich_help_panel=_RUN)] = None,
    resume: Annotated[Path | None, typer.Option(help="Resume a run that was stopped; with --minutes, --epochs or --steps, train it that much further. Give the text too if it has moved.", rich_help_panel=_RUN)] = None,
    allow_changed_corpus: Annotated[bool, typer.Option("--allow-changed-corpus", help="Resume although the text has changed.", rich_help_panel=_RUN)] = False,
    init_from: Annotated[Path | None, typer.Option(help="Begin a new run with this run's weights and tokenizer (fine-tuning).", rich_help_panel=_RUN)] = None,
    config: Annotated[Path | None, typer.Option(help="A TOML file of these options, or a run's config.json; the command line overrides it.", rich_help_panel=_RUN)] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only warnings, errors, and, when it is interrupted, how to resume.", rich_help_panel=_RUN)] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON on standard output.", rich_help_panel=_RUN)] = False,
) -> None:  # fmt: skip
    """Train a model on text.

    What is not given is decided by measuring this machine and this text, and printed as a plan before the first
    step. Stop with Ctrl-C: the run is saved and the command to resume it is shown.
    """
    started = time.perf_counter()
    given: dict[str, Any] = {
        "corpus": corpus or None, "valid": valid or None, "test": test or None, "split": _fractions(split),
        "errors": errors, "tokenizer": tokenizer, "vocab_size": vocab_size, "minutes": minutes, "epochs": epochs,
        "steps": steps, "patience": patience, "preset": preset, "size": size, "cell": cell, "nonlinearity": nonlinearity,
        "hidden_size": hidden_size, "embedding_size": embedding_size, "num_layers": num_layers, "dropout": dropout,
        "hidden_dropout": hidden_dropout, "input_dropout": input_dropout, "embedding_dropout": embedding_dropout,
        "weight_dropout": weight_dropout, "tied": tied, "bidirectional": bidirectional, "initialization": initialization, "batch_size": batch_size,
        "bptt": bptt, "bptt_jitter": bptt_jitter, "optimizer": optimizer, "learning_rate": learning_rate,
        "muon_learning_rate": muon_learning_rate, "warmup": warmup, "decay": decay, "weight_decay": weight_decay,
        "clip": clip, "ema": ema, "nonmono": nonmono, "activation_regularization": activation_regularization,
        "temporal_activation_regularization": temporal_activation_regularization, "ngram": ngram, "seed": seed, "device": device, "precision": precision, "threads": threads,
        "valid_every": valid_every, "valid_tokens": valid_tokens, "save_every": save_every,
        "sample_every": sample_every,
    }  # fmt: skip
    given = {name: value for name, value in given.items() if value is not None}
    from rnngen.options.config import LENGTH_OPTIONS, read_toml

    if resume is not None:
        _refuse_beside_resume(resume, given, out=out, init_from=init_from, config=config)
    elif config is not None:
        file = read_toml(config)
        if any(name in given for name in LENGTH_OPTIONS):  # one length overrides another
            file = {name: value for name, value in file.items() if name not in LENGTH_OPTIONS}
        given = {**file, **given}
    if resume is None:
        _check_early(given)
    what = ", ".join(given.get("corpus", [f"{resume}"]))
    unchanged = "no run was begun" if resume is None else "the run is as it was"
    with Preparation(f"reading {what}", unchanged, shown=not quiet) as preparation:
        from rnngen.cli.progress import make_screen  # before a run is begun, which an interrupt would leave behind
        from rnngen.training import launch

        if resume is not None:
            length = {name: given[name] for name in LENGTH_OPTIONS if name in given}
            launched = launch.resume(
                resume, given.get("corpus", ()), length=length, device=device,
                allow_changed_corpus=allow_changed_corpus, started=started, on_progress=preparation,
            )  # fmt: skip
        else:
            launched = launch.launch(given, out=out, init_from=init_from, started=started, on_progress=preparation)
    with _stopped_by_signals(launched.trainer), make_screen(launched, quiet=quiet) as screen:
        finished = launch.run_to_end(launched, screen.show)
    _report(finished, launched, quiet=quiet, as_json=as_json)


def _fractions(split: str | None) -> tuple[float, ...] | None:
    if split is None:
        return None
    try:
        return tuple(float(part) for part in split.split(","))
    except ValueError as error:
        raise UsageError("--split is not a list of numbers", expected="such as 0.9,0.05,0.05", found=split) from error


_BESIDE_RESUME = ("corpus", "minutes", "epochs", "steps", "device")
"""What may change when a run is resumed: where its text is, how long it trains, and where."""


def _refuse_beside_resume(run: Path, given: dict[str, Any], **others: Path | None) -> None:
    names = [*given, *(name for name, value in others.items() if value is not None)]
    for name in names:
        if name not in _BESIDE_RESUME:
            begin = f"rnngen train TEXT --init-from {quote_argument(str(run))}"
            raise UsageError(
                f"--{name.replace('_', '-')} cannot be given with --resume: a run is resumed as it began",
                expected="a text, --minutes, --epochs, --steps or --device",
                hint=f"To change something else, begin a new run with its weights: {begin}.",
            )


def _check_early(given: dict[str, Any]) -> None:
    """Tell of mistakes before torch is imported."""
    if not given.get("corpus"):
        raise UsageError("no text was given", expected="rnngen train FILE",
                         hint="rnngen corpus build pydoc makes a text to try.")  # fmt: skip
    from rnngen.corpus.sources import find_files
    from rnngen.options.config import check_options
    from rnngen.options.presets import with_preset

    check_options(with_preset(given))
    for name in ("corpus", "valid", "test"):
        files = [source for source in given.get(name, ()) if source != "-"]
        piped = given["corpus"] == files and not (given.get("valid") or given.get("test"))
        find_files(files, given.get("errors", "strict"), "rnngen train -" if piped else None)


@contextlib.contextmanager
def _stopped_by_signals(trainer: Trainer) -> Iterator[None]:
    """The first SIGINT, SIGTERM or the like ends the step and saves; the second leaves at once."""

    def handle(number: int, _frame: object) -> None:
        trainer.stop(signal.Signals(number).name)
        with contextlib.suppress(OSError):  # after a hang-up there is no terminal
            os.write(2, b"\nStopping: this step ends and the run is saved. Once more leaves at once.\n")
        for each in before:
            signal.signal(each, signal.SIG_IGN if each.name == "SIGHUP" else _leave_at_once)  # a hang-up comes twice

    before = {number: signal.getsignal(number) for number in stop_signals()}
    for number in before:
        signal.signal(number, handle)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _leave_at_once(number: int, _frame: object) -> None:
    os._exit(128 + number)


_STOPPED_BY = {
    "SIGINT": "Ctrl-C",
    "SIGTERM": "a request to end (SIGTERM)",
    "SIGHUP": "the end of its terminal (SIGHUP)",
    "SIGBREAK": "Ctrl-Break",
}
"""The names of signals in plain words."""


def _report(finished: Finished, launched: Launched, *, quiet: bool, as_json: bool) -> None:
    """Say how training ended, and what to do next."""
    bidirectional = launched.trainer.config.model.bidirectional
    pseudo = "pseudo_" if bidirectional else ""
    stopped = finished.reason.startswith("SIG")
    mixed = finished.mixed
    if as_json:
        beside = {} if mixed is None else {
            "network": {"valid_nats_per_token": mixed.network_nll},  # of the whole part, as the two below
            "ngram": {"order": mixed.order, "valid_nats_per_token": mixed.ngram_nll},
            "mixture": {"valid_nats_per_token": mixed.mixture_nll},
        }  # fmt: skip
        console.write_json(
            {
                "run": str(finished.path),
                "reason": finished.reason,
                "step": finished.step,
                "best_step": finished.best_step,
                f"valid_{pseudo}nats_per_token": finished.best_nll,
                "gradient": vars(finished.gradient) if finished.gradient else None,
                **beside,
            }
        )
    path = quote_argument(str(finished.path))
    if finished.gradient and finished.gradient.advice and finished.step > finished.first_step:
        console.note(f"warning: {finished.gradient.advice}")
    if stopped:
        how = _STOPPED_BY.get(finished.reason, finished.reason)
        console.note(f"Stopped by {how} after step {finished.step}; the run is saved. Resume it:")
        console.note(f"  rnngen train --resume {path}")
    elif not quiet:
        for line in _outcome(finished, launched, pseudo.replace("_", "-")):
            console.note(line)
        first = f'fill {path} "a text with a ___ in it"' if bidirectional else f"sample {path}"
        console.note(f"  rnngen {first}\n  rnngen eval {path}")
    if stopped:
        raise typer.Exit(128 + signal.Signals[finished.reason])


def _outcome(finished: Finished, launched: Launched, pseudo: str) -> list[str]:
    """What a run came to, in lines."""
    from rnngen.training.planning.notes import FEW_STEPS

    best = f"{finished.best_nll:.4f} {pseudo}nats a token at step {finished.best_step}"
    reason = " (no better for a while)" if finished.reason == "patience" else ""
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
        lines.append("None of the steps since made it better, so the weights that it began with are kept.")
    plan = launched.plan
    taken = finished.step - finished.first_step
    if plan and plan.deadline is not None and taken < FEW_STEPS <= plan.config.train.steps:
        lines.append(f"note: there was time for {taken} steps only: give it more with --minutes.")
    if finished.gradient and finished.step > finished.first_step:
        g = finished.gradient
        lines.append(f"Gradient norm {g.median:.2g} (median), {g.clipped:.1%} of the steps clipped.")
    if mixed := finished.mixed:
        lines.append(
            f"On the validation part, to which it was fitted: {mixed.mixture_nll:.4f} nats a token with the "
            f"{mixed.order}-gram model mixed in, {mixed.network_nll:.4f} of the network alone, "
            f"{mixed.ngram_nll:.4f} of the n-gram model alone. See sample --ngram and eval --ngram."
        )
    return lines
