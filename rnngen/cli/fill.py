"""``rnngen fill``: what stands in the gaps of a text."""

from __future__ import annotations

import contextlib
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rnngen.cli import console
from rnngen.cli.longjob import LongJob
from rnngen.errors import UsageError
from rnngen.platforms import quote_argument
from rnngen.runs.layout import MANIFEST

if TYPE_CHECKING:
    from rnngen.infilling.fill import Filled


def fill_command(
    run_and_text: Annotated[
        list[str],
        typer.Argument(
            metavar="[RUN] TEXT",
            help="The run's folder [default: the newest under checkpoints/], and the text: ___ is a gap, [5] one of "
            r"five tokens, \[5] no gap; - reads standard input.",
        ),
    ],
    num_fills: Annotated[int, typer.Option("--num-fills", "-n", help="How many fills to show.")] = 5,
    beam: Annotated[int | None, typer.Option(help="Candidates of each length in the search. [default: 32]")] = None,
    longest: Annotated[
        int | None, typer.Option(help="Tokens that ___ is at most. [default: char and byte 12, bpe 5, word 4]")
    ] = None,
    gibbs: Annotated[
        int | None, typer.Option(help="Instead of searching, draw fills, and every token of them anew so many times.")
    ] = None,
    temperature: Annotated[
        float, typer.Option("--temperature", "-t", help="Of --gibbs: below 1 safer, above 1 bolder.")
    ] = 1.0,
    seed: Annotated[int | None, typer.Option(help="Of --gibbs. [default: drawn and reported]")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a fill on standard output.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No notes on standard error.")] = False,
) -> None:
    """Fill the gaps of a text. A gap may stand inside a word.

    Shows the likeliest fills, each with its share among all that were found, and then the text with the likeliest. A
    fill is judged by how it goes with what is next to it on either side. Made for runs of train --bidirectional; others
    judge it from the left alone. --gibbs shows instead how a text could go on: fills that are drawn, not the best.
    """
    from rnngen.infilling.fill import BEAM, load_filler
    from rnngen.infilling.gapped_text import Gap, parse_gaps, unseen
    from rnngen.options.declare import check_count
    from rnngen.runs.finding import open_run
    from rnngen.sampling.options import draw_seed

    if len(run_and_text) > 2:
        raise UsageError("there are too many texts", expected="RUN TEXT, or TEXT", hint="Put the text in quotes.")
    *run, text = run_and_text
    given, text = text, _stdin(run) if text == "-" else text
    try:  # tells of mistakes before a model is read
        gaps = [part for part in parse_gaps(text) if isinstance(part, Gap)]
    except UsageError:
        _refuse_path(run, given)
        raise
    check_count("num_fills", num_fills, least=1)
    check_count("beam", 1 if beam is None else beam, least=1)
    check_count("seed", seed or 0)
    if gibbs is not None and beam is not None:
        raise UsageError("--gibbs and --beam cannot both be given")
    if gibbs is None and (temperature != 1.0 or seed is not None):
        raise UsageError("--temperature and --seed are of --gibbs, which is not given")
    opened = open_run(Path(run[0]) if run else None)
    opened.read_ahead()
    filler = load_filler(opened)
    if gibbs is None and not filler.bidirectional and not quiet:
        console.note(
            f"note: {filler.name} reads from left to right alone; train --bidirectional reads both sides of a gap"
        )
    if len({gap.length is None for gap in gaps}) > 1 and not quiet:  # [5] may have been meant as text
        shown = ", ".join("___" if gap.length is None else f"[{gap.length}]" for gap in gaps)
        console.note(f"note: {len(gaps)} gaps: {shown}; a backslash before one makes it text")
    if (characters := unseen(text, filler.tokenizer)) and not quiet:
        console.note(f"note: the model has never seen {characters!r}; left out of what it reads")
    seed = draw_seed() if seed is None else seed
    if gibbs is None:
        fills = filler.best(text, num_fills, beam=BEAM if beam is None else beam, longest=longest)
    else:
        with LongJob("drawing", gibbs, "sweeps", shown=not quiet) as job:
            fills = filler.draw(
                text,
                num_fills,
                temperature=temperature,
                sweeps=gibbs,
                seed=seed,
                longest=longest,
                on_sweep=job.advance_to,
            )
    if as_json:
        for each in fills:
            how = {} if gibbs is None else {"gibbs": gibbs, "temperature": temperature, "seed": seed}
            console.write_json({**vars(each), "fills": list(each.fills), **how})
        return
    if num_fills > 1:
        console.write(_table(fills, drawn=gibbs is not None))
    console.write(fills[0].text + "\n")
    if not quiet:
        drawn = "" if gibbs is None else f"seed {seed}, "
        console.note(f"({drawn}{filler.name})")


def _refuse_path(run: list[str], text: str) -> None:
    """Say so where a run or a file stands in the place of a text.

    Raises:
        UsageError: it does.
    """
    with contextlib.suppress(OSError, ValueError):  # no path at all
        if not run and (Path(text) / MANIFEST).exists():
            raise UsageError("the text is missing", hint=f'rnngen fill {quote_argument(text)} "To be, or ___ to be"')
        if Path(text).is_file():
            hint = f"{_piped(run)} < {quote_argument(text)}"
            raise UsageError("a text is expected, not a file", found=text, hint=hint)


def _piped(run: list[str]) -> str:
    """The command that reads the text from standard input."""
    return " ".join(map(quote_argument, ["rnngen", "fill", *run, "-"]))


def _stdin(run: list[str]) -> str:
    if sys.stdin is None or sys.stdin.closed:
        raise UsageError("- needs a standard input, which is closed")
    from rnngen.corpus.sources import TextSource

    return "".join(TextSource(["-"], command=_piped(run), lenient="")).removesuffix("\n")


def _visible(fill: str) -> str:
    """A fill on one line, with the spaces at its ends to be seen."""
    inner = fill.strip(" ")
    before = len(fill) - len(fill.lstrip(" ")) if inner else len(fill)
    after = len(fill) - len(fill.rstrip(" ")) if inner else 0
    return ("␣" * before + inner + "␣" * after).replace("\n", "↵")


def _table(fills: list[Filled], *, drawn: bool) -> str:
    """The fills, each once: with its share, or how often it was drawn."""
    if drawn:
        often = Counter(each.fills for each in fills).most_common()
        rows = [(f"{n} of {len(fills)}", each) for each, n in often]
    else:
        rows = [(f"{each.share:.1%}", each.fills) for each in fills]
    width = max(7, *(len(how) for how, _ in rows))
    return "".join(f"{how:>{width}}  {' · '.join(map(_visible, each))}\n" for how, each in rows) + "\n"
