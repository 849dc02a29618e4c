"""``rnngen fill``: what stands in the gaps of a text."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rnngen.cli import console
from rnngen.cli.longjob import LongJob
from rnngen.errors import UsageError

if TYPE_CHECKING:
    from rnngen.generation.fill import Filled


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
        int | None,
        typer.Option(help="Tokens that ___ is at most. [default: char and byte 12, bpe 5, word 2]"),
    ] = None,
    gibbs: Annotated[
        int | None,
        typer.Option(help="Instead of searching, draw fills, and every token of them anew so many times."),
    ] = None,
    temperature: Annotated[
        float, typer.Option("--temperature", "-t", help="Of --gibbs: below 1 safer, above 1 bolder.")
    ] = 1.0,
    seed: Annotated[int | None, typer.Option(help="Of --gibbs. [default: drawn and reported]")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a fill on standard output.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No notes on standard error.")] = False,
) -> None:
    """Fill the gaps of a text.

    Shows the likeliest fills and the share of the probability that each has among all that were found, and then the
    text with the likeliest. Made for runs of train --bidirectional; others judge a fill by what follows it alone.
    """
    from rnngen.generation.fill import BEAM, load_filler
    from rnngen.generation.gapped_text import parse_gaps
    from rnngen.generation.options import check_count, draw_seed
    from rnngen.run import open_run

    if len(run_and_text) > 2:
        raise UsageError("there are too many texts", expected="RUN TEXT, or TEXT", hint="Put the text in quotes.")
    *run, text = run_and_text
    text = _stdin() if text == "-" else text
    parse_gaps(text)  # tells of mistakes before a model is read
    check_count("num-fills", num_fills, least=1)
    check_count("beam", 1 if beam is None else beam, least=1)
    check_count("seed", seed or 0)
    if gibbs is not None and beam is not None:
        raise UsageError("--gibbs and --beam cannot both be given")
    if gibbs is None and (temperature != 1.0 or seed is not None):
        raise UsageError("--temperature and --seed are of --gibbs, which is not given")
    opened = open_run(Path(run[0]) if run else None)
    opened.read_ahead()
    filler = load_filler(opened)
    if not filler.bidirectional and not quiet:
        console.note(
            f"note: {filler.name} reads from left to right alone; train --bidirectional reads both sides of a gap"
        )
    if (unseen := filler.unseen(text)) and not quiet:
        console.note(f"note: the model has never seen {unseen!r}; left out of what it reads")
    seed = draw_seed() if seed is None else seed
    if gibbs is None:
        fills = filler.best(text, num_fills, beam=BEAM if beam is None else beam, longest=longest)
    else:
        with LongJob("drawing", gibbs, "sweeps", shown=not quiet) as job:
            fills = filler.draw(
                text, num_fills, temperature=temperature, sweeps=gibbs, seed=seed, longest=longest,
                on_sweep=job.advance_to,
            )  # fmt: skip
    if as_json:
        for each in fills:
            how = {} if gibbs is None else {"gibbs": gibbs, "temperature": temperature, "seed": seed}
            console.write_json({**vars(each), "fills": list(each.fills), **how})
        return
    if num_fills > 1:
        console.write(_table(fills))
    console.write(fills[0].text + "\n")
    if not quiet:
        drawn = "" if gibbs is None else f"seed {seed}, "
        console.note(f"({drawn}{filler.name})")


def _stdin() -> str:
    if sys.stdin is None or sys.stdin.closed:
        raise UsageError("- needs a standard input, which is closed")
    from rnngen.corpus.sources import TextSource

    return "".join(TextSource(["-"])).removesuffix("\n")


def _visible(fill: str) -> str:
    """A fill on one line, with the spaces at its ends to be seen."""
    inner = fill.strip(" ")
    before = len(fill) - len(fill.lstrip(" ")) if inner else len(fill)
    after = len(fill) - len(fill.rstrip(" ")) if inner else 0
    return ("␣" * before + inner + "␣" * after).replace("\n", "↵")


def _table(fills: list[Filled]) -> str:
    lines = []
    for each in fills:
        share = f"{'':>7}" if each.share is None else f"{each.share:>7.1%}"
        shown = " · ".join(map(_visible, each.fills))
        lines.append(f"{share}  {shown}")
    return "\n".join(lines) + "\n\n"
