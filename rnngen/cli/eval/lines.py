"""``rnngen eval --per-line``: the score of every line of a text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rnngen.cli.eval.origin import OriginSection
from rnngen.cli.eval.progress import note_on, score_so_far
from rnngen.cli.eval.tabular import Column, as_csv, as_text
from rnngen.errors import UsageError
from rnngen.evaluation.lines import LineScore, LineSums
from rnngen.formats import formatted, number_of, visible
from rnngen.plaintext.widths import PIPED, cut

if TYPE_CHECKING:
    from rnngen.cli.eval.options import TableForm
    from rnngen.cli.eval.output import Output
    from rnngen.cli.eval.target import Target

SHOWN = 20
"""Lines that are listed if no number is given."""
_NARROWEST = 20  # cells of a line's text


def show_lines(output: Output, target: Target, top: int | None, form: TableForm) -> None:
    """Score every line, and list the hardest; CSV and JSON have all of them, in the order of the text.

    Args:
        output: where this goes.
        target: one run, and one text or a part of the run's own.
        top: how many are listed; None: ``SHOWN``.
        form: of the table.

    Raises:
        UsageError: there are several texts.
        KeyboardInterrupt: something was interrupted; the lines that were complete by then were shown.
    """
    run = target.run
    if len(target.texts(run)) > 1:
        raise UsageError("`per_line` takes one text", found=f"{len(target.files)}")
    lines, origin = LineSums(run.tokenizer()), OriginSection(run, target)
    with target.text(run, target.files) as text:
        output.note(text.note)
        known = score_so_far(output, target, run, text, [lines, *origin.analyses])
        score = known.score
        if known.is_summed:
            origin.finish(output, run, text, score)
        if known.interrupt:
            output.note(f"interrupted: the lines are those of {known.amount}")
        note_on(output, run, score)
        ranked, prefix = lines.ranked(text.tokens, known.is_complete), score.prefix.replace("-", "_")
        if output.as_json:
            found = {"run": str(run.path), "text": text.name, "lines": [_as_dict(each, prefix) for each in ranked]}
            mark = {} if known.is_complete else {"complete": False}
            output.console.write_json({**found, **origin.as_dict(), **mark})
        elif form.csv:
            output.console.write(as_csv(_as_dict(each, prefix) for each in ranked))
        else:
            shown = list(ranked.hardest(top or SHOWN))
            lines_of = (
                number_of(len(ranked), "line") if known.is_complete else f"the first {number_of(len(ranked), 'line')}"
            )
            title = f"{run.path} on {text.name}: the hardest {len(shown):,} of {lines_of}"
            counted = "" if target.files == [text.name] else "lines are counted from the beginning of the part\n"
            output.console.write(f"{title}\n{counted}\n{_table(shown, score.prefix, output.console.columns or PIPED)}")
    if known.interrupt:
        raise known.interrupt


def _as_dict(line: LineScore, prefix: str) -> dict[str, Any]:
    return {
        "line": line.line,
        "rank": line.rank,
        f"{prefix}nats": line.nats,
        "tokens": line.tokens,
        f"{prefix}nats_per_token": line.nats_per_token,
        f"{prefix}perplexity": line.perplexity,
        "text": line.text,
    }


def _table(lines: list[LineScore], prefix: str, cells: int) -> str:
    """The lines, each with as much of its text as there is room for."""
    numbers = [f"{each.line:,}" for each in lines]
    left = max(map(len, ("line", *numbers)))
    columns = [
        Column(f"{'line':>{left}}", [f"{number:>{left}}" for number in numbers]),
        Column("tokens", [f"{each.tokens:,}" for each in lines]),
        Column(f"{prefix}nats", [f"{each.nats:.2f}" for each in lines]),
        Column("per token", [f"{each.nats_per_token or 0:.4f}" for each in lines]),
        Column(f"{prefix}perplexity", [formatted(each.perplexity or 1, "#.4g") for each in lines]),
    ]
    heading, *rows = as_text(columns, 0).splitlines()
    room = max(_NARROWEST, cells - len(heading) - 2)
    texts = (cut(visible(each.text.replace("\t", " ").replace("\n", "↵")), room) for each in lines)
    return f"{heading}  text\n" + "".join(f"{row}  {text}\n" for row, text in zip(rows, texts, strict=True))
