"""Runs as a table, one line per run, and as dictionaries: what ``rnngen runs`` prints."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from rnngen import formats
from rnngen.errors import RnngenError
from rnngen.evaluation.scores import kind_of_score
from rnngen.plaintext.card import LONGEST, steps_taken, text_names
from rnngen.plaintext.widths import cut, pad, width
from rnngen.platforms import unescaped
from rnngen.runs.card import Card
from rnngen.runs.finding import never_saved
from rnngen.runs.listing import Listed

_GAP = 2  # columns between two cells
_LEAST = 8  # columns of the text, at least
_NARROWEST = 20  # columns of a name that is cut, for which more is left out
_LEFT_OUT: tuple[tuple[str, ...], ...] = (
    ("text",),
    ("text", "steps"),
    ("text", "steps", "saved"),
    ("text", "steps", "saved", "network"),
)


def write_runs(found: Listed, spelling: Callable[[str], str], columns: int | None = None) -> str:
    """A header and a line for each run; below, why runs cannot be read.

    Args:
        found: the runs.
        spelling: how errors spell options and commands.
        columns: of the terminal; None: there is none.
    """
    cells, notes = cells_of(found, columns), notes_on(found, spelling)
    widths = [max(map(width, column)) for column in zip(*cells, strict=True)]
    gap = " " * _GAP
    lines = [gap.join(map(pad, row, widths)).rstrip() for row in cells]
    return "".join(f"{line}\n" for line in [*lines, *[""] * bool(notes), *notes])


def cells_of(found: Listed, columns: int | None) -> list[tuple[str, ...]]:
    """The cells of the header and of each line."""
    rows = [_Row(*map(unescaped, _row(folder, card))) for folder, card in found.cards]
    return fitted([_HEADER, *rows], columns)


def notes_on(found: Listed, spelling: Callable[[str], str]) -> list[str]:
    """Why runs cannot be read."""
    return [_unreadable(folder, card, spelling) for folder, card in found.cards if isinstance(card, RnngenError)]


def state_of(folder: Path, card: Card | RnngenError) -> str:
    """How far a run has come, in a word or two."""
    if isinstance(card, RnngenError):
        return "never saved" if never_saved(folder) else "damaged"
    if card.failure:
        return "failed"
    return "unknown" if card.finished is None else "finished" if card.finished else "unfinished"


def as_dict(folder: Path, card: Card | RnngenError, spelling: Callable[[str], str]) -> dict[str, Any]:
    """What ``rnngen runs --json`` says of a run."""
    if isinstance(card, RnngenError):
        return {"path": str(folder), "error": spelling(str(card))}
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
        f"best_{prefix}nats_per_character": per_character(card),
    }


class _Row(NamedTuple):
    """The cells of a line."""

    run: str
    saved: str
    text: str
    network: str
    steps: str
    score: str


_HEADER = _Row("run", "saved", "text", "network", "steps", "nats/char")


def _row(folder: Path, card: Card | RnngenError) -> _Row:
    if isinstance(card, RnngenError):
        return _Row(str(folder), "", "", "", "", state_of(folder, card))
    return _Row(str(folder), _saved(card), text_names(card), _network(card), _progress(card), _score(card))


def _saved(card: Card) -> str:
    """When the run was last saved: the time if that was today, else the date."""
    saved = datetime.fromtimestamp(card.saved)
    return f"{saved:%H:%M}" if saved.date() == datetime.now().date() else f"{saved:%Y-%m-%d}"


def _score(card: Card) -> str:
    """The best score per character, or per token where there is none per character."""
    score = per_character(card)
    best = "?" if card.best_nats is None else f"{card.best_nats if score is None else score:.4f}"
    unit = "per token" if score is None and card.best_nats is not None else ""
    level = card.tokenizer.partition(",")[0]
    prefix = kind_of_score(bidirectional=card.bidirectional).prefix
    if card.failure and card.best_nats is None:
        return "failed"
    words = [best, unit, prefix.rstrip("-"), "" if level == "char" else level, "failed" if card.failure else ""]
    return " ".join(filter(None, words))


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


def _cells(rows: list[_Row], left_out: Sequence[str], text: int = 0, name: int = LONGEST) -> list[tuple[str, ...]]:
    """The cells that are not left out, with the text and the run's name cut."""
    fitting = [row._replace(run=cut(row.run, name, "beginning"), text=cut(row.text, text)) for row in rows]
    return [tuple(cell for field, cell in row._asdict().items() if field not in left_out) for row in fitting]


def per_character(card: Card) -> float | None:
    """The best score in nats per character; None: unknown, or of a closed vocabulary, whose text is another one."""
    if card.best_nats is None or card.valid_characters_per_token is None or card.closed_vocabulary:
        return None
    return card.best_nats / card.valid_characters_per_token


def _unreadable(folder: Path, error: RnngenError, spelling: Callable[[str], str]) -> str:
    """A line about a folder whose run cannot be used."""
    if not never_saved(folder):
        return spelling(str(error))
    hint = spelling(error.hint or "")
    return f"{folder}: never saved. Unless it is being trained, its folder can be removed. {hint}".rstrip()
