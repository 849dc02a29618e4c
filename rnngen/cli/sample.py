"""``rnngen sample``: new text, on standard output, as it is made."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rnngen.cli import console
from rnngen.errors import UsageError

if TYPE_CHECKING:
    from rnngen.generation.generate import Generator


def sample_command(
    run: Annotated[
        Path | None, typer.Argument(help="The run's folder. [default: the newest under checkpoints/]")
    ] = None,
    prompt: Annotated[str, typer.Option("--prompt", "-p", help="Text to go on from; - reads standard input.")] = "",
    length: Annotated[int, typer.Option("--length", "-n", help="Tokens to write.")] = 500,
    temperature: Annotated[
        float, typer.Option("--temperature", "-t", help="Below 1 safer, above 1 bolder, 0 the likeliest every time.")
    ] = 1.0,
    num_samples: Annotated[int, typer.Option(help="How many continuations.")] = 1,
    seed: Annotated[
        int | None, typer.Option(help="The same seed gives the same text. [default: drawn and reported]")
    ] = None,
    ngram: Annotated[
        bool, typer.Option("--ngram", help="Draw from the network mixed with the run's n-gram model.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object a sample: text, seed, tokens, nats.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No notes on standard error.")] = False,
) -> None:
    """Write new text with a trained model.

    Without a prompt the text begins as a paragraph does. Characters of the prompt that the model has never seen
    are left out of what it reads, with a note.
    """
    from rnngen.generation.generate import check_sampling, draw_seed, load

    seed = draw_seed() if seed is None else seed
    check_sampling(length, temperature, num_samples, seed)
    if prompt == "-":
        prompt = _read_prompt()
    generator = load(run, ngram=ngram)
    _, unseen = generator.encode_prompt(prompt)
    if unseen and not quiet:
        console.note(f"note: the model has never seen {unseen!r}; left out of what it reads")
    if as_json:
        _write_json(generator, prompt, length, temperature, num_samples, seed)
        return
    if num_samples == 1:
        console.write(prompt)
        ends_line = False
        for piece in generator.pieces(prompt, length=length, temperature=temperature, seed=seed):
            if piece.text:
                console.write(piece.text)
                ends_line = piece.text.endswith("\n")
        if not ends_line:
            console.write("\n")
    else:
        texts = [""] * num_samples
        for piece in generator.pieces(
            prompt, length=length, temperature=temperature, num_samples=num_samples, seed=seed
        ):
            texts[piece.sample] += piece.text
        for number, text in enumerate(texts, start=1):
            console.write(f"--- sample {number}\n{prompt}{text.rstrip(chr(10))}\n")
    if not quiet:
        console.note(f"(seed {seed}, the network mixed with its n-gram model)" if ngram else f"(seed {seed})")


def _write_json(
    generator: Generator, prompt: str, length: int, temperature: float, num_samples: int, seed: int
) -> None:
    texts, tokens, nats = [""] * num_samples, [0] * num_samples, [0.0] * num_samples
    mixture_nats = [0.0] * num_samples
    for piece in generator.pieces(prompt, length=length, temperature=temperature, num_samples=num_samples, seed=seed):
        texts[piece.sample] += piece.text
        nats[piece.sample] += piece.nats
        mixture_nats[piece.sample] += piece.mixture_nats or 0.0
        tokens[piece.sample] = min(tokens[piece.sample] + 1, length)
    for sample in range(num_samples):
        mixed = {"ngram": True, "mixture_nats": mixture_nats[sample]} if generator.mixture else {}
        console.write_json(
            {
                "sample": sample,
                "seed": seed,
                "temperature": temperature,
                "prompt": prompt,
                "text": texts[sample],
                "tokens": tokens[sample],
                "nats": nats[sample],
                **mixed,
                "finish_reason": "length",
            }
        )


def _read_prompt() -> str:
    """Standard input under the rules of every text, less the newline that a shell's echo adds."""
    from rnngen.corpus.sources import TextSource

    if sys.stdin is None or sys.stdin.closed:
        raise UsageError("--prompt - needs a standard input, which is closed")
    return "".join(TextSource(["-"])).removesuffix("\n")
