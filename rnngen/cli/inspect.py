"""``rnngen inspect``: the views of a model, and the first of them, its card."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from rnngen.arguments import STDIN
from rnngen.cli.commands import DefaultGroup, plain_app, register_command
from rnngen.cli.declared import takes_options
from rnngen.cli.gates import gates_command
from rnngen.cli.gradients import gradients_command
from rnngen.cli.memory import memory_command
from rnngen.cli.mistakes import refuse_text
from rnngen.cli.next_tokens import next_command
from rnngen.cli.parameters import RunFolder, run_argument
from rnngen.cli.pictures import Picture, check_picture
from rnngen.cli.plots import write_drawn
from rnngen.cli.spelling import on_command_line
from rnngen.cli.training import training_command
from rnngen.cli.truncation import truncation_command
from rnngen.errors import UsageError
from rnngen.options.declare import Options, option
from rnngen.plaintext.card import card_rows
from rnngen.plaintext.comparison import learning_curves, side_by_side
from rnngen.platforms import quote_argument

if TYPE_CHECKING:
    from rnngen.cli.console import Console
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
        comparison = _scored(console, comparison, text)
    if picture is not None:
        _draw(comparison, curves, picture)
    if as_json:
        console.write_json(comparison.as_dict() if compare else comparison.runs[0].card.as_dict())
    elif compare:
        for part in side_by_side(comparison, on_command_line, console.columns):
            console.write(part)
        _write_curves(console, comparison, curves)
    else:
        console.write(console.table([[name, value] for name, value in card_rows(comparison.runs[0].card).items()]))
        _write_curves(console, comparison, curves)


def _write_curves(console: Console, comparison: Comparison, curves: Curves) -> None:
    for drawn in learning_curves(comparison, curves.against):
        console.write("\n")
        write_drawn(console, drawn)


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


def _scored(console: Console, comparison: Comparison, text: Path | None) -> Comparison:
    """A comparison with the scores of its runs on a file, or on their own test parts.

    Raises:
        CorpusError: the file cannot be read.
        UsageError: it is standard input.
    """
    if text is not None and str(text) == STDIN:
        raise UsageError("--text cannot be standard input: each run reads it", expected="a file")
    from rnngen.evaluation.comparing import score_runs

    return score_runs(comparison, text, lambda run: console.note(f"scoring {run.name}"))


def _draw(comparison: Comparison, curves: Curves, picture: Path) -> None:
    """Write the learning curves as a picture.

    Raises:
        UsageError: there are none, or they have two units.
    """
    from rnngen.rendering.charts import learning_curves as chart_of
    from rnngen.rendering.pictures import write_picture

    if len(comparison.kinds) > 1:
        hint = "Leave out the runs that are bidirectional or have a closed vocabulary, or the others."
        raise UsageError("one picture cannot hold scores that do not compare", hint=hint)
    chart = chart_of(comparison.runs, curves.against)
    if chart is None:
        raise UsageError("there is no curve to draw: no run was validated twice")
    write_picture(chart, "Learning curves", picture, "validation part; dashed: training steps")


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
