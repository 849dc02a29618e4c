"""``rnngen fill``: fill the gaps of a text."""

from __future__ import annotations

import contextlib
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rnngen.arguments import STDIN
from rnngen.cli import completion
from rnngen.cli.console import Console
from rnngen.cli.declared import takes_options, typed_names
from rnngen.cli.failure_note import note_on_failure
from rnngen.cli.longjob import LongJob
from rnngen.errors import UsageError
from rnngen.infilling.options import Filling, GibbsSampling, Searching
from rnngen.platforms import quote_argument
from rnngen.runs.layout import MANIFEST

if TYPE_CHECKING:
    from rnngen.infilling.filler import Filled


@takes_options()
def fill_command(
    context: typer.Context,
    run_and_text: Annotated[
        list[str],
        typer.Argument(
            metavar="[RUN] TEXT",
            help="The run's folder [default: the newest under checkpoints/], and the text: ___ is a gap, [5] one of "
            r"five tokens, \[5] no gap; - reads standard input.",
            autocompletion=completion.one_run,
        ),
    ],
    *,
    filling: Filling,
    searching: Searching,
    sampling: GibbsSampling,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object per fill on standard output.", rich_help_panel="Output")
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="No notes on standard error.", rich_help_panel="Output")
    ] = False,
) -> None:
    """Fill the gaps of a text. A gap may be inside a word.

    Shows the most likely fills, each with its share of the probability of all fills found, and then the text with the
    first of them. Fills are ranked by their probability together with the text on either side. This is made for runs of
    train --bidirectional; other runs rank fills from the left only. With --gibbs, the fills are drawn from the model
    instead of being the best.
    """
    from rnngen.infilling.gapped_text import Gap, parse_gaps, unseen
    from rnngen.infilling.loading import load_filler
    from rnngen.runs.finding import open_run
    from rnngen.sampling.options import draw_seed
    from rnngen.sampling.prompts import never_seen

    console: Console = context.obj
    if len(run_and_text) > 2:
        raise UsageError("there are too many texts", expected="RUN TEXT, or TEXT", hint="Put the text in quotes.")
    *run, text = run_and_text
    typed, text = text, _stdin(run) if text == STDIN else text
    try:  # report mistakes before a model is read
        gaps = [part for part in parse_gaps(text) if isinstance(part, Gap)]
    except UsageError:
        _refuse_path(run, typed)
        raise
    drawn, given = sampling.gibbs is not None, typed_names(context)
    if drawn and "beam" in given:
        raise UsageError("`gibbs` and `beam` cannot both be given")
    if not drawn and given & {"temperature", "seed"}:
        raise UsageError("`temperature` and `seed` need `gibbs`, which is not given")
    opened = open_run(Path(run[0]) if run else None)
    opened.read_ahead()
    note_on_failure(console, opened, quiet=quiet)
    filler = load_filler(opened)
    if not drawn and not filler.bidirectional and not quiet:
        console.note(
            f"note: {filler.name} reads only from left to right; runs of train --bidirectional read both sides of a gap"
        )
    if len({gap.length is None for gap in gaps}) > 1 and not quiet:  # [5] may be meant as text
        shown = ", ".join("___" if gap.length is None else f"[{gap.length}]" for gap in gaps)
        console.note(f"note: {len(gaps)} gaps: {shown}; a backslash before one makes it text")
    if (characters := unseen(text, filler.tokenizer)) and not quiet:
        console.note(f"note: {never_seen(characters, filler.tokenizer)}")
    if drawn:
        sampling = sampling.changed(seed=draw_seed() if sampling.seed is None else sampling.seed)
        with LongJob(console, "drawing", sampling.gibbs, "sweeps", shown=not quiet) as job:
            fills = filler.draw(text, **vars(filling), **vars(sampling), on_sweep=job.advance_to)
    else:
        fills = filler.best(text, **vars(filling), **vars(searching))
    if as_json:
        for each in fills:
            console.write_json({**each.as_dict(), **(vars(sampling) if drawn else {})})
        return
    if filling.num_fills > 1:
        console.write(_table(fills, drawn=drawn))
    console.write(fills[0].text + "\n")
    if not quiet:
        seed = f"seed {sampling.seed}, " if drawn else ""
        console.note(f"({seed}{filler.name})")


def _refuse_path(run: list[str], text: str) -> None:
    """Refuse a run or a file that is given instead of a text.

    Raises:
        UsageError: the text is the path of one.
    """
    with contextlib.suppress(OSError, ValueError):  # not a possible path
        if not run and (Path(text) / MANIFEST).exists():
            raise UsageError("the text is missing", hint=f'rnngen fill {quote_argument(text)} "To be, or ___ to be"')
        if Path(text).is_file():
            hint = f"{_piped(run)} < {quote_argument(text)}"
            raise UsageError("a text is expected, not a file", found=text, hint=hint)


def _piped(run: list[str]) -> str:
    """The command that reads the text from standard input."""
    return " ".join(map(quote_argument, ["rnngen", "fill", *run, STDIN]))


def _stdin(run: list[str]) -> str:
    if sys.stdin is None or sys.stdin.closed:
        raise UsageError("- needs a standard input, which is closed")
    from rnngen.corpus.sources import TextSource

    return "".join(TextSource([STDIN], command=_piped(run), lenient="")).removesuffix("\n")


def _visible(fill: str) -> str:
    """A fill on one line, with visible spaces at its ends."""
    inner = fill.strip(" ")
    before = len(fill) - len(fill.lstrip(" ")) if inner else len(fill)
    after = len(fill) - len(fill.rstrip(" ")) if inner else 0
    return ("␣" * before + inner + "␣" * after).replace("\n", "↵")


def _table(fills: list[Filled], *, drawn: bool) -> str:
    """A table of the fills, each once: with its share, or how often it was drawn."""
    if drawn:
        often = Counter(each.fills for each in fills).most_common()
        rows = [(f"{n} of {len(fills)}", each) for each, n in often]
    else:
        rows = [(f"{each.share:.1%}", each.fills) for each in fills]
    width = max(7, *(len(how) for how, _ in rows))
    return "".join(f"{how:>{width}}  {' · '.join(map(_visible, each))}\n" for how, each in rows) + "\n"
