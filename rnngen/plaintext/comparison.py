"""Runs side by side: what ``rnngen inspect --compare`` prints."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rnngen import formats
from rnngen.plaintext.card import steps_taken
from rnngen.plaintext.plots import Plot, plot
from rnngen.plaintext.widths import cut, pad, sentence, width
from rnngen.rendering.palette import letter

if TYPE_CHECKING:
    from rnngen.runs.compared import ComparedRun
    from rnngen.runs.comparison import Comparison
    from rnngen.runs.curves import Axis, Curve

NARROWEST = 10  # cells of a column with a run; where less is left, the table continues below
WIDEST = 40
_Section = tuple[str, list[tuple[str, list[str]]]]  # its title, and its rows: a label, and the value of each run
_GAP = 2


def side_by_side(
    comparison: Comparison, against: Axis, spelling: Callable[[str], str], columns: int | None = None
) -> Iterator[str]:
    """What must be known first, what differs, and what came of it, in parts of whole lines.

    Args:
        comparison: the runs.
        against: what curves are drawn against.
        spelling: how options are written.
        columns: of the terminal; None: there is none.
    """
    from rnngen.runs.comparison import tokenizers_of

    letters = letters_of(comparison.runs)

    def said(text: str) -> str:
        """A sentence, whose further lines are indented more than its first."""
        indent = " " * (len(text) - len(text.lstrip()))
        return sentence(text.lstrip(), columns, indent, f"{indent}  ")

    yield "".join(f"{letters[run.name]}  {run.card.path}\n" for run in comparison.runs) + "\n"
    for warning in comparison.warnings:
        yield said(f"note: {spelling(warning)}")
    if comparison.other_texts and comparison.text is None:
        yield spelling("      to score all on one text: `text=FILE`\n")
    unlike = against == "tokens" and any(len(tokenizers_of(group)) > 1 for group in comparison.kinds)
    if unlike:
        advice = "note: curves against tokens do not compare where tokens differ; others do: `against=epochs`"
        yield said(spelling(advice))
    yield "\n" * (bool(comparison.warnings) or unlike)
    yield _tables(comparison, letters, 10_000 if columns is None else columns, spelling)
    for group in comparison.siblings:
        names = ", ".join(f"{letters[run.name]} {run.name}" for run in group.runs)
        yield "\n" + said(f"{names} differ in nothing but their seed ({_listed(group.seeds)}):")
        for what, spread in (("validation", group.validation), (_scored_text(comparison), group.score)):
            if spread:
                yield said(f"  {what}: {spread.in_words(group.runs[0].unit)}")
    for run in comparison.runs:
        for note in (run.missing and f"not scored: {run.missing}", run.note):
            if note:
                yield "\n" + said(f"{letters[run.name]} {run.name}: {spelling(note)}")


def learning_curves(comparison: Comparison, axis: Axis) -> Iterator[Plot]:
    """The learning curves: on the validation part, then of the training steps, each unit by itself."""
    from rnngen.runs.curves import AXES, top_of

    numbers = {run.name: number for number, run in enumerate(comparison.runs)}
    parts: tuple[tuple[str, Callable[[ComparedRun], Curve]], ...] = (
        ("on the validation part", lambda run: run.validation),
        ("of the training steps", lambda run: run.training),
    )
    for group in comparison.kinds:
        for where, curve in parts:
            known = {run.name: curve(run) for run in group if len(curve(run).points) > 1}
            top = top_of(known.values())
            if top is None:
                continue
            lines = {name: [at for at in each.against(axis) if at[1] <= top] for name, each in known.items()}
            highest = max(point["nats"] for each in known.values() for point in each.points)
            note = f"higher values, up to {highest:.4g}, are not drawn\n" if highest > top else ""
            up = f"{group[0].full(f'{group[0].unit} {where}')}, against {AXES[axis]}"
            yield plot(lines, "", up, numbers=numbers, note=note)


def letters_of(runs: Sequence[ComparedRun]) -> dict[str, str]:
    """The letter of each run, by name, as in tables, curves and reports."""
    return {run.name: letter(number) for number, run in enumerate(runs)}


def _tables(comparison: Comparison, letters: Mapping[str, str], columns: int, spelling: Callable[[str], str]) -> str:
    """All rows for as many runs as fit beside one another, then for the next ones."""
    differing, minor = _differences(comparison, spelling)
    sections = [*(differing or [("no setting differs", [])]), ("results", _results(comparison)), *minor]
    labels = 2 + max(width(label) for _, rows in sections for label, _ in rows)
    cells = {run.name: n for n, run in enumerate(comparison.runs)}
    fitting = max(1, (columns - labels) // (NARROWEST + _GAP))
    blocks = []
    for begin in range(0, len(comparison.runs), fitting):
        runs = comparison.runs[begin : begin + fitting]
        room = min(WIDEST, (columns - labels) // len(runs) - _GAP)
        headings = [f"{letters[run.name]} {cut(run.name, room - 2, 'middle')}" for run in runs]
        lines = [("", headings)]
        for title, rows in sections:
            lines.append((title, []))
            lines += [(f"  {label}", [values[cells[run.name]] for run in runs]) for label, values in rows]
        blocks.append(_laid_out(lines, labels, room))
    return "\n".join(blocks)


def _laid_out(lines: Sequence[tuple[str, Sequence[str]]], labels: int, room: int) -> str:
    shown = [[cut(cell, room, "middle") for cell in cells] for _, cells in lines]
    count = max(map(len, shown))
    widths = [max(width(cells[n]) for cells in shown if cells) for n in range(count)]
    out = []
    for (label, _), cells in zip(lines, shown, strict=True):
        row = pad(label, labels) + "".join(" " * _GAP + pad(cell, widths[n]) for n, cell in enumerate(cells))
        out.append(row.rstrip() + "\n")
    return "".join(out)


def _differences(comparison: Comparison, spelling: Callable[[str], str]) -> tuple[list[_Section], list[_Section]]:
    """The settings that differ: those that were given, by group, then the others; and those of measuring and saving."""
    from rnngen.runs.settings import MEASURING, in_words

    major: dict[str, list[tuple[str, list[str]]]] = {}
    minor: dict[str, list[tuple[str, list[str]]]] = {}
    for each in comparison.differences:
        sections = minor if each.group == MEASURING else major
        title = f"settings that differ: {each.title}"
        values = [spelling(in_words(each.name, value)) for value in each.values]
        sections.setdefault(title, []).append((spelling(f"`{each.name}`").strip("`-"), values))
    return list(major.items()), list(minor.items())


def _results(comparison: Comparison) -> list[tuple[str, list[str]]]:
    runs = comparison.runs
    rows: list[tuple[str, list[str]]] = []

    def add(label: str, value: Callable[[ComparedRun], str | None], group: Sequence[ComparedRun] = runs) -> None:
        values = [(value(run) if run in group else None) or "-" for run in runs]
        if set(values) != {"-"}:
            rows.append((label, values))

    where = _scored_text(comparison)
    for group in comparison.kinds:
        unit = group[0].full_unit
        add(f"validation, {unit}", lambda run: _number(run.best, ".4f"), group)
        add(f"{where}, {unit}", lambda run: _number(run.score, ".4f"), group)
    for group in comparison.kinds:  # those of a closed vocabulary are of another text, with <unk> in it
        for key, form in (("bits_per_character", ".4f"), ("word_perplexity", "#.4g")):
            add(f"{where}, {group[0].full(key.replace('_', ' '))}", _score_of(key, form), group)
    add("best at step", lambda run: _number(run.card.best_step, ","))
    add("vocabulary", lambda run: f"{run.card.vocab_size:,}")
    add("parameters", lambda run: f"{run.card.parameters:,}")
    add("tokens read", lambda run: None if run.tokens_read is None else formats.count(run.tokens_read))
    add("epochs", lambda run: _number(run.card.epochs, ".2f"))
    add("steps", lambda run: steps_taken(run.card))
    add("time", lambda run: None if run.card.seconds is None else formats.duration(run.card.seconds))
    speed = "tokens per second"
    add(speed, lambda run: run.card.tokens_per_second and formats.count(run.card.tokens_per_second))  # type: ignore[arg-type, return-value]
    add("gradient norm, median", lambda run: _number(run.card.gradient_norm, ".3g"))
    add("steps clipped", lambda run: _number(run.card.clipped, ".1%"))
    return rows


def _scored_text(comparison: Comparison) -> str:
    return "test" if comparison.text is None else Path(comparison.text).name


def _score_of(key: str, form: str) -> Callable[[ComparedRun], str | None]:
    return lambda run: _number(run.scores.get(key), form)


def _number(value: float | None, form: str) -> str | None:
    return None if value is None or value != value else formats.formatted(value, form)


def _listed(values: Sequence[object]) -> str:
    return ", ".join(map(str, values))
