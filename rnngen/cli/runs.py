"""``rnngen runs``: the runs under checkpoints/. Also, how a card's entries are written."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from rnngen.cli.parameters import JsonPerRun
from rnngen.cli.spelling import on_command_line
from rnngen.errors import shortened
from rnngen.evaluation.scores import kind_of_score

if TYPE_CHECKING:
    from rnngen.cli.console import Console
    from rnngen.errors import RnngenError
    from rnngen.runs.card import Card

_LONGEST = 1000  # characters of the names of a run's files


def runs_command(context: typer.Context, as_json: JsonPerRun = False) -> None:
    """List the runs under checkpoints/.

    The newest first, each with its best score on the validation part and when it was last saved.
    """
    from rnngen.errors import RnngenError
    from rnngen.runs.card import list_runs

    console: Console = context.obj
    found = list_runs()
    if as_json:
        for folder, card in found:
            error = {"path": str(folder), "error": on_command_line(str(card))}
            console.write_json(error if isinstance(card, RnngenError) else _as_json(folder, card))
        return
    rows = [_row(folder, card) for folder, card in found if not isinstance(card, RnngenError)]
    notes = [_unreadable(folder, error) for folder, error in found if isinstance(error, RnngenError)]
    if rows:
        console.write(console.table([("run", "model", "text", "steps", "best validation", "last saved"), *rows]))
    console.write("\n" * bool(rows and notes) + "".join(f"{note}\n" for note in notes))


def _row(folder: Path, card: Card) -> tuple[str, ...]:
    best = "?" if card.best_nats is None else best_score(card)
    model = card.model.partition(", embedding")[0]
    return str(folder), model, text_names(card), steps_taken(card), best, when_saved(card)


def _as_json(folder: Path, card: Card) -> dict[str, Any]:
    prefix = kind_of_score(bidirectional=card.bidirectional).prefix.replace("-", "_")
    return {
        "path": str(folder),
        "model": card.model,
        "steps": card.steps,
        "planned_steps": card.planned_steps,
        "finished": card.finished,
        "saved": card.saved,
        "bidirectional": card.bidirectional,
        f"best_{prefix}nats": card.best_nats,
    }


def _unreadable(folder: Path, error: RnngenError) -> str:
    """A line about a folder whose run cannot be used."""
    from rnngen.runs.finding import never_saved

    if not never_saved(folder):
        return on_command_line(str(error))
    return f"{folder}: never saved. Unless it is being trained, its folder can be removed. {error.hint or ''}".rstrip()


def steps_taken(card: Card) -> str:
    """Steps taken and planned, with a remark if training has finished before the last of them."""
    taken, planned = ("?" if n is None else f"{n:,}" for n in (card.steps, card.planned_steps))
    early = card.finished and card.steps is not None and card.steps < (card.planned_steps or 0)
    return f"{taken} of {planned}{' (finished early)' if early else ''}"


def best_score(card: Card) -> str:
    """The best score on the validation part, with its unit."""
    return f"{card.best_nats:.4f} {kind_of_score(bidirectional=card.bidirectional).prefix}nats per token"


def text_names(card: Card) -> str:
    """The names of the files that the run was trained on, the first of them if there are many."""
    return shortened(", ".join(Path(name).name for name in card.text), _LONGEST) or "?"


def when_saved(card: Card) -> str:
    """When the run was last saved."""
    return f"{datetime.fromtimestamp(card.saved):%Y-%m-%d %H:%M}"
