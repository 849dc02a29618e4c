"""``rnngen eval RUN... TEXT...``: tables of scores of several runs, or of several texts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rnngen.cli.eval.scored import ScoredRun, ScoredText, score_texts
from rnngen.cli.eval.tabular import Column, as_csv, as_latex, as_text
from rnngen.formats import formatted, is_or_are, number_of
from rnngen.plaintext.widths import PIPED
from rnngen.runs.siblings import Spread

if TYPE_CHECKING:
    from rnngen.cli.eval.comparison import ComparedScores
    from rnngen.cli.eval.options import TableForm
    from rnngen.cli.eval.output import Output
    from rnngen.cli.eval.target import Target

_SHORT = {
    "nats_per_token": ("nats/token", ".4f"),
    "token_perplexity": ("perplexity", "#.4g"),
    "perplexity": ("perplexity", "#.4g"),
    "bits_per_character": ("bits/char", ".4f"),
    "bits_per_byte": ("bits/byte", ".4f"),
}
"""Measures in columns, without what those of bidirectional models begin with: heading and form."""

_PERCENT = "95% interval"


def show_tables(output: Output, target: Target, form: TableForm) -> None:
    """Score every run on every text, and show a row for each.

    Args:
        output: where the tables go.
        target: runs and texts.
        form: of the tables.

    Raises:
        KeyboardInterrupt: something was interrupted; what is known was shown.
    """
    from rnngen.cli.eval.comparison import ComparedScores

    scored, interrupt = _scored(output, target)
    several = len(target.runs) > 1
    compared = ComparedScores(scored, bool(target.files)) if len(scored) > 1 else None
    write = output.console.write
    if output.as_json:
        result = compared.as_dict() if compared else scored[0].as_dict()
        result = {"runs": [result]} if several and not compared else result
        output.console.write_json({**result, **({"complete": False} if interrupt else {})})
    elif form.csv:
        write(as_csv({"run": str(each.run.path), **row} for each in scored for row in _csv_rows(each)))
    elif form.latex:
        tables = _tables(scored, compared)
        said = [*_without_unknown(scored, compared), *(compared.notes if compared else [])]
        write("\n".join(as_latex(columns, [heading, *said]) for heading, columns in tables))
    else:
        cells = output.console.columns or PIPED
        tables = _tables(scored, compared)
        shown = "\n".join(f"{output.console.filled(heading)}\n{as_text(columns, cells)}" for heading, columns in tables)
        shown += "".join(f"\n{output.console.filled(words)}" for words in _without_unknown(scored, compared))
        write(shown + (compared.in_words(output.console.filled) if compared else _ending(scored[0], output)))
    if interrupt:
        raise interrupt


def _scored(output: Output, target: Target) -> tuple[list[ScoredRun], KeyboardInterrupt | None]:
    """Every run's scores; after Ctrl-C, of the runs that have read all, or else of the first one as far as it came."""
    scored: list[ScoredRun] = []
    interrupt: KeyboardInterrupt | None = None
    for run in target.runs:
        try:
            scored.append(score_texts(output, target, run))
        except KeyboardInterrupt as stopped:
            if not scored:
                raise
            interrupt = stopped
        else:
            interrupt = scored[-1].interrupt
        if interrupt:
            break
    complete = [each for each in scored if not each.interrupt] or scored
    if interrupt:
        missing = [each.missing for each in complete if each.missing]
        if len(complete) < len(target.runs):
            missing.append(f"{len(complete)} of {len(target.runs)} runs {is_or_are(len(complete))} shown")
        output.note(f"interrupted: {'; '.join(missing)}")
    return complete, interrupt


def _csv_rows(scored: ScoredRun) -> list[dict[str, Any]]:
    total = {**scored.total.as_row(), **({"text": _total(scored)} if scored.texts else {})}
    return [*(each.as_row() for each in scored.texts), total]


def _without_unknown(scored: Sequence[ScoredRun], compared: ComparedScores | None) -> list[str]:
    """The scores without unknown symbols, of runs that met some: on all texts together."""
    said = ((each, each.total.unknown.in_words()) for each in scored)
    return [f"{compared.name(each)} {words}" if compared else words for each, words in said if words]


def _total(scored: ScoredRun) -> str:
    return "total" if scored.total.is_complete else "total so far"


def _ending(scored: ScoredRun, output: Output) -> str:
    said = scored.total.interval.table().strip()
    return f"\n{output.console.filled(' '.join(said.split()))}" if said else ""


def _tables(scored: Sequence[ScoredRun], compared: ComparedScores | None) -> list[tuple[str, list[Column]]]:
    """Each table with its heading: of the texts of a run, or of runs whose scores have the same unit."""
    if compared is None:
        (only,) = scored
        texts = only.texts or (only.total,)
        names = [each.title for each in texts]
        heading = f"{only.run.path} on {only.total.title}"
        if only.texts:
            texts, names = (*texts, only.total), [*names, _total(only)]
            heading = f"{only.run.path} on {number_of(len(only.texts), 'text')}, each read from the start state"
        return [(heading, _columns("text", names, texts, {}))]
    tables = []
    for kind in compared.kinds:
        spreads = dict(compared.seeds(kind))
        names = [compared.name(each) for each in kind]
        tables.append((compared.heading(kind), _columns("run", names, [each.total for each in kind], spreads)))
    return tables


def _columns(
    heading: str, names: Sequence[str], texts: Sequence[ScoredText], spreads: Mapping[str, Sequence[ScoredText]]
) -> list[Column]:
    """A row per text, and one per group of siblings with mean and standard deviation."""
    first = texts[0].score
    prefix = first.prefix.replace("-", "_")
    columns = [Column(heading, [*names, *spreads])]
    measures = [text.score.measured() for text in texts]
    for key in first.measured():
        name = key.removeprefix(prefix)
        if name not in _SHORT:
            continue
        label, form = _SHORT[name]
        spread = [Spread.of(each.score.measured()[key] for each in group) for group in spreads.values()]
        means = [formatted(each.mean, form) if each else "" for each in spread]
        columns.append(Column(first.prefix + label, [*(_shown(values[key], form) for values in measures), *means]))
        if name == "nats_per_token":
            ranges = [text.interval.ranges.get(key) for text in texts]
            cells = [" to ".join(formatted(bound, form) for bound in each) if each else "-" for each in ranges]
            cells += [f"± {each.deviation:{form}}" if each else "" for each in spread]
            columns.append(Column(_PERCENT, cells))
    return columns


def _shown(value: float, form: str) -> str:
    return "-" if math.isnan(value) else formatted(value, form)
