"""``rnngen inspect``: the views of a model, and the first of them, its card."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from rnngen import formats
from rnngen.cli.commands import DefaultGroup, plain_app, register_command
from rnngen.cli.compare import curves as curves_of
from rnngen.cli.compare import scored, show
from rnngen.cli.declared import takes_options
from rnngen.cli.gates import gates_command
from rnngen.cli.gradients import gradients_command
from rnngen.cli.memory import memory_command
from rnngen.cli.mistakes import refuse_text
from rnngen.cli.next_tokens import next_command
from rnngen.cli.parameters import RunFolder, run_argument
from rnngen.cli.pictures import Picture, check_picture
from rnngen.cli.runs import best_score, steps_taken, text_names, when_saved
from rnngen.cli.training import training_command
from rnngen.cli.truncation import truncation_command
from rnngen.errors import UsageError
from rnngen.evaluation.scores import kind_of_score
from rnngen.options.declare import Options, option
from rnngen.platforms import quote_argument

if TYPE_CHECKING:
    from rnngen.cli.console import Console
    from rnngen.runs.card import Card
    from rnngen.runs.comparison import Comparison


class Curves(Options):
    """How learning curves are drawn."""

    against: Literal["seconds", "steps", "epochs", "tokens"] = option(
        "seconds", "What learning curves are drawn against.", panel=""
    )


class CardByDefault(DefaultGroup):
    """``rnngen inspect`` without the name of a view shows the card."""

    default = "card"
    unknown = "neither a view nor a run"


inspect_app = plain_app(
    help="See inside a model. rnngen inspect [RUN] shows its card; rnngen inspect --compare A B … compares runs.",
    cls=CardByDefault,
)


@inspect_app.callback()
def _inspect() -> None:
    pass


@takes_options()
def card_command(
    context: typer.Context,
    run: RunFolder = None,
    compare: Annotated[bool, typer.Option("--compare", help="Show several runs side by side.")] = False,
    others: Annotated[list[Path] | None, run_argument("The other runs, with --compare.")] = None,
    test: Annotated[bool, typer.Option("--test", help="With --compare: score each run on its test part too.")] = False,
    text: Annotated[Path | None, typer.Option(help="With --compare: score all runs on this file, all of it.")] = None,
    *,
    curves: Curves,
    picture: Picture = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object on standard output: of the run, or of the comparison.")
    ] = False,
) -> None:
    """Show a run's card.

    What it is, how long it was trained, how good it became.

    With --compare several runs side by side: the settings that differ, scores, time, and learning curves.
    """
    from rnngen.runs.comparison import compare_runs, describe_runs
    from rnngen.runs.finding import open_run

    console: Console = context.obj
    _check_numbers(run, others or (), compare=compare, scores=test or text is not None)
    if test and text is not None:
        from rnngen.evaluation.comparing import both_texts

        raise both_texts()
    check_picture(picture)
    folders = (run, *(others or ()))
    for folder in folders:
        refuse_text(folder, "rnngen runs")
    opened = [open_run(folder) for folder in folders]
    comparison = compare_runs(opened) if compare else describe_runs(opened)
    if test or text is not None:
        comparison = scored(console, comparison, text)
    if picture is not None:
        _draw(comparison, curves, picture)
    if as_json:
        console.write_json(comparison.as_dict() if compare else _as_json(comparison))
    elif compare:
        show(console, comparison, curves.against)
    else:
        console.write(console.table([[name, value] for name, value in card_rows(comparison.runs[0].card).items()]))
        console.write(curves_of(comparison, curves.against))


def _check_numbers(run: Path | None, others: Sequence[Path], *, compare: bool, scores: bool) -> None:
    """Refuse several runs without --compare, --compare without several runs, and scores without it.

    Raises:
        UsageError: one of these was given.
    """
    if others and not compare:
        raise _several([folder for folder in (run, *others) if folder is not None])
    if compare and not others:
        hint = "Type: rnngen inspect --compare RUN RUN. The runs are listed by: rnngen runs"
        raise UsageError("--compare needs at least two runs", found="one" if run else "none", hint=hint)
    if scores and not compare:
        name = quote_argument(str(run)) if run else "RUN"
        raise UsageError("--test and --text need --compare", hint=f"One run is scored by: rnngen eval {name}")


def _as_json(comparison: Comparison) -> dict[str, Any]:
    card = comparison.runs[0].card
    curve = [list(point) for point in card.curve]
    return {**vars(card), "path": str(card.path), "text": list(card.text), "curve": curve}


def _draw(comparison: Comparison, curves: Curves, picture: Path) -> None:
    """Write the learning curves as a picture.

    Raises:
        UsageError: there are none, or they have two units.
    """
    from rnngen.rendering.charts import learning_curves
    from rnngen.rendering.pictures import write_picture

    if len(comparison.kinds) > 1:
        hint = "Leave out the runs that are bidirectional or have a closed vocabulary, or the others."
        raise UsageError("one picture cannot hold scores that do not compare", hint=hint)
    chart = learning_curves(comparison.runs, curves.against)
    if chart is None:
        raise UsageError("there is no curve to draw: no run was validated twice")
    write_picture(chart, "Learning curves", picture, "validation part; dashed: training steps")


def card_rows(card: Card) -> dict[str, str]:
    """The entries of a card, by the name on the left; what is not known is left out."""
    steps = steps_taken(card) if card.epochs is None else f"{steps_taken(card)}, {card.epochs:.1f} epochs"
    parts = {"training": card.tokens, "validation": card.valid_tokens, "test": card.test_tokens}
    ngram = ", plus an n-gram model" if card.ngram else ""
    gradient = [
        *([] if card.gradient_norm is None else [f"norm {card.gradient_norm:.3g} (median)"]),
        *([] if card.clipped is None else [f"{card.clipped:.1%} of the steps clipped"]),
    ]
    speed = card.tokens_per_second
    rows = {
        "run": str(card.path),
        "saved": when_saved(card),
        "model": card.model,
        "parameters": f"{card.parameters:,}, {card.bytes / 2**20:.1f} MiB{ngram}",
        "text": text_names(card),
        "fingerprint": card.fingerprint[:12],
        "tokens": ", ".join(f"{number:,} for {part}" for part, number in parts.items() if number is not None),
        "tokenizer": card.tokenizer,
        "steps": steps,
        "failed": card.failure,
        "time": None if card.seconds is None else formats.duration(card.seconds),
        "speed": None if speed is None else f"{formats.count(speed)} tokens per second in {card.precision}",
        "gradient": ", ".join(gradient),
        **_best(card),
    }
    return {name: value for name, value in rows.items() if value}


def _best(card: Card) -> dict[str, str]:
    """The best score, under a name that keeps pseudo-nats apart from nats."""
    if card.best_nats is None or card.best_step is None:
        return {}
    name = kind_of_score(bidirectional=card.bidirectional).prefix.rstrip("-") or "validation"
    return {name: f"{best_score(card)}, at step {card.best_step:,}"}


def _several(runs: Sequence[Path]) -> UsageError:
    """The error for several runs without --compare, or for a view that is named after the run."""
    views = [command.name for command in inspect_app.registered_commands]
    view = next((str(each) for each in runs if str(each) in views), None)
    first, *_ = others = [quote_argument(str(each)) for each in runs if str(each) != view]
    if view is not None:
        return UsageError("the view comes first", hint=f"Type: rnngen inspect {view} {first}")
    return UsageError("several runs need --compare", hint=f"Type: rnngen inspect --compare {' '.join(others)}")


register_command(inspect_app, "card", card_command)
register_command(inspect_app, "gradients", gradients_command)
register_command(inspect_app, "gates", gates_command)
register_command(inspect_app, "training", training_command)
register_command(inspect_app, "memory", memory_command)
register_command(inspect_app, "truncation", truncation_command)
register_command(inspect_app, "next", next_command)
