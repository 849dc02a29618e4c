"""``rnngen inspect``: the views of a model, and the first of them, its card."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rnngen.cli import formats
from rnngen.cli.commands import DefaultGroup, plain_app, register_command
from rnngen.cli.gates import gates_command
from rnngen.cli.gradients import gradients_command
from rnngen.cli.mistakes import refuse_text
from rnngen.cli.parameters import JsonPerRun, RunFolder, run_argument
from rnngen.cli.plots import plot
from rnngen.cli.runs import best_score, steps_taken, text_names, when_saved
from rnngen.errors import UsageError
from rnngen.evaluation.scores import kind_of_score
from rnngen.platforms import quote_argument

if TYPE_CHECKING:
    from rnngen.cli.console import Console
    from rnngen.runs.card import Card


class CardByDefault(DefaultGroup):
    """``rnngen inspect`` without the name of a view shows the card."""

    default = "card"
    unknown = "neither a view nor a run"


inspect_app = plain_app(
    help="See inside a model. rnngen inspect [RUN] shows its card, rnngen inspect --compare A B … several cards.",
    cls=CardByDefault,
)


@inspect_app.callback()
def _inspect() -> None:
    pass


def card_command(
    context: typer.Context,
    run: RunFolder = None,
    compare: Annotated[bool, typer.Option("--compare", help="Show several runs side by side.")] = False,
    others: Annotated[list[Path] | None, run_argument("The other runs, with --compare.")] = None,
    as_json: JsonPerRun = False,
) -> None:
    """Show a run's card: what it is, how long it was trained, how good it became."""
    from rnngen.runs.card import make_card
    from rnngen.runs.finding import open_run

    console: Console = context.obj
    if others and not compare:
        raise _several([folder for folder in (run, *others) if folder is not None])
    folders = (run, *(others or ()))
    for folder in folders:
        refuse_text(folder, "rnngen runs")
    cards = [make_card(open_run(folder)) for folder in folders]
    if as_json:
        for card in cards:
            curve = [list(point) for point in card.curve]
            console.write_json({**vars(card), "path": str(card.path), "text": list(card.text), "curve": curve})
        return
    columns = [_rows(card) for card in cards]
    names = dict.fromkeys(name for column in columns for name in column)
    console.write(console.table([[name, *(column.get(name, "-") for column in columns)] for name in names]))
    for bidirectional in (False, True):  # never on the same axes
        curves = {str(c.path): c.curve for c in cards if len(c.curve) > 1 and c.bidirectional == bidirectional}
        if curves:
            unit = f"{kind_of_score(bidirectional=bidirectional).prefix}nats per token"
            console.write("\n" + plot(curves, "seconds", f"{unit} on the validation part"))


def _rows(card: Card) -> dict[str, str]:
    """The entries of a card, by the name on the left."""

    def shown(value: float | None, form: str) -> str:
        return "?" if value is None else format(value, form)

    clipped = "" if card.clipped is None else f", {card.clipped:.1%} of the steps clipped"
    ngram = ", plus an n-gram model" if card.ngram else ""
    speed = "?" if card.tokens_per_second is None else formats.count(card.tokens_per_second)
    return {
        "run": str(card.path),
        "saved": when_saved(card),
        "model": card.model,
        "parameters": f"{card.parameters:,}, {card.bytes / 2**20:.1f} MiB{ngram}",
        "text": text_names(card),
        "fingerprint": card.fingerprint[:12] or "?",
        "tokens": f"{shown(card.tokens, ',')} for training, {shown(card.valid_tokens, ',')} for validation, "
        f"{shown(card.test_tokens, ',')} for test",
        "tokenizer": card.tokenizer,
        "steps": f"{steps_taken(card)}, {shown(card.epochs, '.1f')} epochs",
        "time": "?" if card.seconds is None else formats.duration(card.seconds),
        "speed": f"{speed} tokens per second in {card.precision}",
        "gradient": f"norm {shown(card.gradient_norm, '.3g')} (median){clipped}",
        **_best(card),
    }


def _best(card: Card) -> dict[str, str]:
    """The best score, under a name that keeps pseudo-nats apart from nats."""
    if card.best_nats is None or card.best_step is None:
        return {"validation": "?"}
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
