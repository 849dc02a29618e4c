"""The tables of ``rnngen eval``."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnngen.arguments import in_words
from rnngen.evaluation.scores import COUNTS, Measure, Score, TextScore
from rnngen.formats import formatted, is_or_are, number_of
from rnngen.graphemes import boundary_after, boundary_before
from rnngen.plaintext.widths import PIPED, filled, pad, width
from rnngen.runs.other_text import data_config

if TYPE_CHECKING:
    from rnngen.evaluation.gaps import GapScore
    from rnngen.evaluation.surprising import SurprisingPosition
    from rnngen.runs.run import Run

_GAP_ROWS = (
    Measure("accuracy", "right, length known", ".1%"),
    Measure("accuracy_without_length", "right, length unknown", ".1%"),
    Measure("nats_per_word_at_least", "nats per word, at least", ".3f"),
    Measure("nats_per_word", "nats per word", ".3f"),
)


def score_table(run: str, text: str, score: TextScore, ranges: Mapping[str, tuple[float, float]]) -> str:
    """The measures of a score, each with its confidence interval where it has one, and the text's counts."""
    values = score.as_dict()
    lines = [f"{run} on {text}", *(filled(caution, PIPED) for caution in score.cautions), ""]
    rows = (*score.measures, *COUNTS)
    labels = max(len(row.label) for row in rows) + 2
    for key, label, form in _known(rows, values):
        low_high = " to ".join(formatted(bound, form) for bound in ranges.get(key, ()))
        lines.append(
            f"  {label:<{labels}} {formatted(values[key], form):>12}" + (f"   ({low_high})" if low_high else "")
        )
    return "\n".join(lines) + "\n"


def note_on_unknown(score: TextScore) -> str:
    """What tokens that are the unknown symbol mean for the numbers."""
    verb = is_or_are(score.unknown)
    if score.is_closed:
        return (
            f"{score.unknown:,} of {number_of(score.tokens, 'token')} {verb} <unk>: unknown words, or <unk> in the text"
        )
    return (
        f"{score.unknown:,} of {number_of(score.counts.characters, 'character')} {verb} not in the model's vocabulary; "
        "each is scored as one unknown symbol, so the numbers may be too good or too bad there"
    )


def warning_on_unknown(run: Run, score: TextScore) -> str:
    """That a model cannot read a text, which it scores as one unknown symbol after another."""
    what, of = ("words", score.tokens) if score.is_closed else ("characters", score.counts.characters)
    known = run.tokenizer().text_size
    return (
        f"warning: {score.unknown / of:.0%} of the text are {what} that {run.path} does not know, so the "
        f"numbers say nothing about it: its {known:,} tokens are those of {in_words(data_config(run).corpus)}"
    )


def mixture_table(ngram: Score, mixture: Score) -> str:
    """The measures of the n-gram model and of the mixture, under a heading that sets them apart from the network's."""
    alone, mixed = ngram.as_dict(), mixture.as_dict()
    lines = [
        "\nnot the network alone, on the same text:\n",
        f"  {'':<18} {'n-gram alone':>16} {'network + n-gram':>18}",
    ]
    lines += [
        f"  {label:<18} {formatted(alone[key], form):>16} {formatted(mixed[key], form):>18}"
        for key, label, form in _known(Score.measures, alone)
    ]
    return "\n".join(lines) + "\n"


def _known(rows: Iterable[Measure], values: dict[str, Any]) -> list[Measure]:
    """The measures that exist."""
    return [row for row in rows if not math.isnan(values.get(row.key, math.nan))]


def gap_table(runs: Sequence[str], scores: Sequence[GapScore], what: str) -> str:
    """How well models put back what was taken out of a text, in a column per model."""
    values = [score.as_dict() for score in scores]
    short = [Path(name).name for name in runs]
    names = short if len(set(short)) == len(runs) else runs
    columns = max(16, *(width(name) + 2 for name in names))
    lines = [f"\n{scores[0].words:,} {what} taken out and put back, one at a time:\n"]
    if len(names) > 1:
        lines += [f"  {'':<25}" + "".join(pad(name, columns, ">") for name in names)]
    for key, label, form in _GAP_ROWS:
        cells = [format(each[key], form) if key in each else "-" for each in values]
        if cells != ["-"] * len(cells):
            lines.append(f"  {label:<25}" + "".join(f"{cell:>{columns}}" for cell in cells))
    by = "the model itself proposes" if len(names) == 1 else "one of these models proposes"
    lines.append(f"  (at least: as if only the words were possible that {by})")
    return "\n".join(lines) + "\n"


def surprising_table(positions: Sequence[SurprisingPosition]) -> str:
    """The most surprising positions of a text, a line each."""
    lines = [f"{'line':>6}:{'column':<6}  {'bits':>5}  {'expected':<18} position"]
    for found in positions:
        share = f"{found.probability:.0%}" if found.probability >= 0.005 else "under 1%"
        expected = pad(f"{found.expected!r} {share}", 18)
        text, size = found.left + found.token + found.right, len(found.left)
        start, end = boundary_before(text, size), boundary_after(text, size + len(found.token))
        around = f"{text[:start]}⟦{text[start:end]}⟧{text[end:]}".replace("\n", "↵").replace("\t", " ")
        times = f"{found.times} times: " if found.times > 1 else ""
        where = f"{found.line:>6}:{found.column:<6}"
        lines.append(f"{where}  {found.nats / math.log(2):>5.1f}  {expected} {times}{around}")
    return "\n".join(lines) + "\n"
