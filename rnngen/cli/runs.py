"""``rnngen runs``: the runs under checkpoints/ or other folders. Also, how a card's entries are written."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from rnngen import formats
from rnngen.cli.parameters import JsonPerRun
from rnngen.cli.spelling import on_command_line
from rnngen.cli.widths import cut, width
from rnngen.errors import shortened
from rnngen.evaluation.scores import kind_of_score

if TYPE_CHECKING:
    from rnngen.cli.console import Console
    from rnngen.errors import RnngenError
    from rnngen.runs.card import Card

_LONGEST = 1000  # characters of the names of a run's files
_GAP = 2  # columns between two cells
_LEAST = 8  # columns of the text, at least
_NARROWEST = 20  # columns of a name that is cut, for which more is left out
_LEFT_OUT: tuple[tuple[str, ...], ...] = (
    ("text",),
    ("text", "steps"),
    ("text", "steps", "saved"),
    ("text", "steps", "saved", "network"),
)


def runs_command(
    context: typer.Context,
    folders: Annotated[
        list[Path] | None,
        typer.Argument(metavar="FOLDER", help="Where to look, in folders of it too. [default: checkpoints]"),
    ] = None,
    as_json: JsonPerRun = False,
) -> None:
    """List the runs under checkpoints/, or under other folders.

    The newest first, one per line: when it was last saved (today: the time), its text, its network, the steps it has
    taken, and its best score on the validation part, in nats per character, with the tokenizer if that is not char. On
    a narrow terminal some of this is shortened or left out. The scores of bidirectional runs are pseudo-nats, which
    cannot be compared with nats.
    """
    from rnngen.errors import RnngenError
    from rnngen.runs.listing import DEPTH, MOST, list_runs

    console: Console = context.obj
    found, whole = list_runs(folders or ())
    if as_json:
        for folder, card in found:
            error = {"path": str(folder), "error": on_command_line(str(card))}
            console.write_json(error if isinstance(card, RnngenError) else _as_json(folder, card))
        return
    columns = shutil.get_terminal_size().columns if console.shows_output else None
    rows = [_damaged(folder) if isinstance(card, RnngenError) else _row(folder, card) for folder, card in found]
    notes = [_unreadable(folder, error) for folder, error in found if isinstance(error, RnngenError)]
    console.write(console.table(fitted([_HEADER, *rows], columns)))
    console.write("\n" * bool(notes) + "".join(f"{note}\n" for note in notes))
    if not whole:
        console.note(f"note: folders deeper than {DEPTH}, and after the first {MOST:,} files, were not looked into")


class _Row(NamedTuple):
    """The cells of a line."""

    run: str
    saved: str
    text: str
    network: str
    steps: str
    score: str


_HEADER = _Row("run", "saved", "text", "network", "steps", "nats/char")


def _row(folder: Path, card: Card) -> _Row:
    return _Row(str(folder), _saved(card), text_names(card), _network(card), _progress(card), _score(card))


def _saved(card: Card) -> str:
    """When the run was last saved: the time if that was today, else the date."""
    saved = datetime.fromtimestamp(card.saved)
    return f"{saved:%H:%M}" if saved.date() == datetime.now().date() else f"{saved:%Y-%m-%d}"


def _score(card: Card) -> str:
    """The best score per character, or per token where the run does not know how many characters its text has."""
    score = _per_character(card)
    best = "?" if card.best_nats is None else f"{card.best_nats if score is None else score:.4f}"
    unit = "per token" if score is None and card.best_nats is not None else ""
    level = card.tokenizer.partition(",")[0]
    prefix = kind_of_score(bidirectional=card.bidirectional).prefix
    if card.failure and card.best_nats is None:
        return "failed"
    words = [best, unit, prefix.rstrip("-"), "" if level == "char" else level, "failed" if card.failure else ""]
    return " ".join(filter(None, words))


def _damaged(folder: Path) -> _Row:
    from rnngen.runs.finding import never_saved

    return _Row(str(folder), "", "", "", "", "never saved" if never_saved(folder) else "damaged")


def _network(card: Card) -> str:
    """Cell, layers and sizes in short, as in ``lstm 2x256 1.2M``."""
    cell, _, sizes = card.model.partition(", ")
    layers = re.match(r"(\d+) layers? of (\d+)", sizes)
    shape = f"{layers[1]}x{layers[2]} " if layers else ""
    return f"{cell.replace('bidirectional ', 'bi-')} {shape}{formats.count(card.parameters)}"


def _progress(card: Card) -> str:
    """The steps taken, of those planned where training is not over."""
    if card.finished:
        return "?" if card.steps is None else f"{card.steps:,}"
    return steps_taken(card)


def fitted(rows: list[_Row], columns: int | None) -> list[tuple[str, ...]]:
    """Cells that fit side by side on a terminal, one line per run: what is needed least is shortened or left out.

    The text comes first, which the name of a run often has in it, too; a name is cut only if little else is left.

    Args:
        rows: the header, and the runs.
        columns: of the terminal; None: all is shown.
    """
    if columns is None:
        return [tuple(row) for row in rows]
    short = [row._replace(steps=_short_steps(row.steps)) for row in rows]
    shorter = [row._replace(network=row.network.rpartition(" ")[0] or row.network) for row in short]
    for kept in (rows, short, shorter):
        text = columns - _taken(kept, ("text",)) - _GAP
        if text >= _LEAST:
            return _cells(kept, (), text=text)
    for left_out in _LEFT_OUT[:2]:
        if _taken(shorter, left_out) <= columns:
            return _cells(shorter, left_out)
    for left_out in _LEFT_OUT:
        name = columns - _taken(shorter, ("run", *left_out)) - _GAP
        if name >= _NARROWEST:
            return _cells(shorter, left_out, name=name)
    return _cells(shorter, _LEFT_OUT[-1], name=max(_LEAST, columns - width(_HEADER.score) - _GAP))


def _short_steps(steps: str) -> str:
    """``1,200 of 24,000`` as ``1.2k/24k``."""
    return re.sub(r"[\d,]+", lambda number: formats.count(int(number[0].replace(",", ""))), steps).replace(" of ", "/")


def _taken(rows: list[_Row], but: Sequence[str]) -> int:
    """The columns of all cells but some, with the gaps between them."""
    kept = [column for name, column in zip(_Row._fields, zip(*rows, strict=True), strict=True) if name not in but]
    return sum(max(map(width, column)) for column in kept) + _GAP * (len(kept) - 1)


def _cells(rows: list[_Row], left_out: Sequence[str], text: int = 0, name: int = _LONGEST) -> list[tuple[str, ...]]:
    """The cells that are not left out, with the text and the run's name cut."""
    fitting = [row._replace(run=cut(row.run, name, "beginning"), text=cut(row.text, text)) for row in rows]
    return [tuple(cell for field, cell in row._asdict().items() if field not in left_out) for row in fitting]


def _as_json(folder: Path, card: Card) -> dict[str, Any]:
    prefix = kind_of_score(bidirectional=card.bidirectional).prefix.replace("-", "_")
    return {
        "path": str(folder),
        "model": card.model,
        "parameters": card.parameters,
        "text": list(card.text),
        "tokenizer": card.tokenizer,
        "steps": card.steps,
        "planned_steps": card.planned_steps,
        "finished": card.finished,
        "failure": card.failure,
        "saved": card.saved,
        "bidirectional": card.bidirectional,
        f"best_{prefix}nats": card.best_nats,
        f"best_{prefix}nats_per_character": _per_character(card),
    }


def _per_character(card: Card) -> float | None:
    if card.best_nats is None or card.valid_characters_per_token is None:
        return None
    return card.best_nats / card.valid_characters_per_token


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
