"""What ``sample`` shows: one text as it is made, in colours or without, or many when they are done, or JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from rnngen.cli import console
from rnngen.cli.longjob import LongJob

if TYPE_CHECKING:
    from rnngen.generation.generate import Generator
    from rnngen.generation.options import Sampling
    from rnngen.generation.writer import Piece, Sample, Writer


def write_stream(generator: Generator, prompt: str, sampling: Sampling, seed: int, *, quiet: bool) -> None:
    """One continuation, as it is made: the prompt at once, the rest when that has been read."""
    from rnngen.generation.stopping import Ending
    from rnngen.generation.writer import write_text

    ending = Ending(sampling, prompt)
    hidden = quiet or console.shows_output()
    total = None if ending.stops else ending.most
    with LongJob("writing", total, "tokens", shown=not hidden) as job:
        writer: Writer | None = None

        def pieces() -> Iterator[str]:
            nonlocal writer
            yield prompt
            writer = _read_prompt(generator, prompt, sampling, seed, 0, quiet=quiet)
            yield from write_text(writer, generator.tokenizer, ending)

        try:
            ends_line = console.write_pieces(pieces(), lambda: job.advance_to(writer.drawn if writer else 0))
        except KeyboardInterrupt:
            if console.shows_output():
                console.write("\n")  # the shell's next line begins on its own
            raise
    if not ends_line:
        console.write("\n")


def write_coloured(
    generator: Generator, prompt: str, sampling: Sampling, seed: int, num_samples: int, *, quiet: bool
) -> None:
    """Continuations as they are made, in the colours of the network's surprise."""
    from rnngen.cli.surprisal import ColouredOutput, show_legend
    from rnngen.generation.stopping import Ending
    from rnngen.generation.writer import write_pieces

    output = ColouredOutput()
    for number in range(num_samples):
        output.write(heading(number) if num_samples > 1 else "")
        output.write(prompt)
        writer = _read_prompt(generator, prompt, sampling, seed, number, quiet=quiet, scored=True)
        for piece in write_pieces(writer, generator.tokenizer, Ending(sampling, prompt)):
            output.write(piece.text, piece.nats)
        output.end_line()
    if not quiet and output.has_colours:
        show_legend()
    elif not quiet:
        console.note("note: no colours here; --json --show-probs gives the numbers, FORCE_COLOR=1 the colours")


def _read_prompt(
    generator: Generator, prompt: str, sampling: Sampling, seed: int, number: int, *, quiet: bool, scored: bool = False
) -> Writer:
    with LongJob("reading the prompt", None, "tokens", shown=not quiet) as job:
        return generator.writer(prompt, sampling, seed=seed, number=number, scored=scored, on_read=job.advance_to)


def write_samples(samples: Iterable[Sample], prompt: str, num_samples: int) -> None:
    """Whole samples, each when it is done."""
    for sample in samples:
        if num_samples == 1:
            console.write(f"{prompt}{sample.text}" + ("" if sample.text.endswith("\n") else "\n"))
        else:
            console.write(f"{heading(sample.number)}{prompt}{sample.text.rstrip(chr(10))}\n")


def _object(piece: Piece) -> dict[str, Any]:
    return {name: value for name, value in piece._asdict().items() if value is not None}


def heading(number: int) -> str:
    """What stands above a sample, numbered from 0, where there are several."""
    return f"--- sample {number + 1}\n"


def write_objects(samples: Iterable[Sample], prompt: str, settings: dict[str, Any]) -> None:
    """Samples as JSON, one a line."""
    for sample in samples:
        mixed = {} if sample.mixture_nats is None else {"ngram": True, "mixture_nats": sample.mixture_nats}
        pieces = {} if sample.pieces is None else {"pieces": [_object(piece) for piece in sample.pieces]}
        console.write_json(
            {
                "sample": sample.number,
                **({} if sample.seed is None else {"seed": sample.seed}),
                **settings,
                "prompt": prompt,
                "text": sample.text,
                "tokens": sample.tokens,
                "nats": sample.nats,
                **mixed,
                "finish_reason": sample.finish_reason,
                **({} if sample.stop is None else {"stop": sample.stop}),
                **pieces,
            }
        )
