"""``rnngen eval``: how good a model is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from rnngen.cli import console

if TYPE_CHECKING:
    from rnngen.evaluation.perplexity import Score


def eval_command(
    run: Annotated[
        Path | None, typer.Argument(help="The run's folder. [default: the newest under checkpoints/]")
    ] = None,
    text: Annotated[
        list[str] | None, typer.Argument(help="Files to score, or -. [default: a part of the run's own corpus]")
    ] = None,
    part: Annotated[
        Literal["train", "valid", "test"], typer.Option(help="Which part, where no text is given.")
    ] = "test",
    errors: Annotated[
        Literal["strict", "replace"], typer.Option(help="What to do with bytes that are not UTF-8.")
    ] = "strict",
    ngram: Annotated[
        bool, typer.Option("--ngram", help="Score the run's n-gram model and its mixture with the network too.")
    ] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, mps or cuda.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No notes on standard error.")] = False,
) -> None:
    """Score a model exactly.

    The state is carried through the whole text, and every token is scored once, in float32.
    """
    from rnngen.run import open_run

    opened = open_run(run)  # before torch: a wrong path is told at once
    from rnngen.evaluation.evaluate import evaluate
    from rnngen.model.device import pick_device

    score = evaluate(opened, text or (), part=part, errors=errors, device=pick_device(device), ngram=ngram)
    what = ", ".join(text) if text else f"the {part} part of its corpus"
    if score.unknown and not quiet:
        console.note(
            f"note: {score.unknown:,} of {score.tokens:,} characters are not in the model's vocabulary; each is scored "
            "as one unknown symbol, so the numbers flatter or punish the model there"
        )
    if as_json:
        console.write_json({"run": str(opened.path), "text": what, **score.as_dict()})
    else:
        console.write(_table(str(opened.path), what, score))
        if score.ngram and score.mixture:
            console.write(_mixture_table(score.ngram, score.mixture))


_ROWS = (
    ("nats_per_token", "nats a token", ".4f"),
    ("token_perplexity", "token perplexity", ".4g"),
    ("word_perplexity", "word perplexity", ".4g"),
    ("bits_per_character", "bits a character", ".4f"),
    ("bits_per_byte", "bits a byte", ".4f"),
    ("tokens", "tokens", ",d"),
    ("words", "words", ",d"),
    ("characters", "characters", ",d"),
    ("bytes", "bytes", ",d"),
)


def _table(run: str, what: str, score: Score) -> str:
    values = score.as_dict()
    lines = [f"{run} on {what}", ""]
    lines += [f"  {label:<18} {format(values[key], form):>12}" for key, label, form in _ROWS]
    return "\n".join(lines) + "\n"


def _mixture_table(ngram: Score, mixture: Score) -> str:
    """The n-gram model's numbers and the mixture's, under a heading that no one takes for the network's."""
    alone, mixed = ngram.as_dict(), mixture.as_dict()
    lines = [
        "\nnot the network alone, on the same text:\n",
        f"  {'':<18} {'n-gram alone':>16} {'network + n-gram':>18}",
    ]
    lines += [
        f"  {label:<18} {format(alone[key], form):>16} {format(mixed[key], form):>18}"
        for key, label, form in _ROWS
        if key not in ("tokens", "words", "characters", "bytes")
    ]
    return "\n".join(lines) + "\n"
