"""The output of ``sample``: one text as it is made, with or without colours, or finished texts, or JSON.

On a terminal, each of several texts has a heading. Elsewhere, and with --quiet, only the texts are shown: one per line
if none can contain a line end, else with an empty line between them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

from rnngen.cli.console import Console
from rnngen.cli.longjob import LongJob
from rnngen.corpus.documents import LINES
from rnngen.graphemes import in_whole_clusters

if TYPE_CHECKING:
    from rnngen.sampling.copies import Copies
    from rnngen.sampling.generator import Generator
    from rnngen.sampling.options import Sampling
    from rnngen.sampling.writer import Sample, Writer


def write_stream(
    console: Console, generator: Generator, prompt: str, sampling: Sampling, seed: int, *, quiet: bool
) -> None:
    """Write one continuation as it is made: the prompt at once, the rest once the prompt has been read."""
    from rnngen.sampling.writer import write_text

    ending = generator.ending(sampling, prompt)
    hidden = quiet or console.shows_output
    total = None if ending.stops else ending.max_tokens
    with LongJob(console, "writing", total, "tokens", shown=not hidden) as job:
        writer: Writer | None = None

        def pieces() -> Iterator[str]:
            nonlocal writer
            yield prompt
            writer = _read_prompt(console, generator, prompt, sampling, seed, 0, quiet=quiet)
            job.advance_to(0)  # the time starts now
            yield from write_text(writer, generator.tokenizer, ending)

        try:
            ends_line = console.write_pieces(pieces(), lambda: job.advance_to(writer.drawn if writer else 0))
        except KeyboardInterrupt:
            if console.shows_output:
                console.write("\n")  # the shell starts a new line
            raise
    if not ends_line:
        console.write("\n")


def write_coloured(
    console: Console, generator: Generator, prompt: str, sampling: Sampling, seed: int, num_samples: int, *, quiet: bool
) -> None:
    """Write continuations as they are made, coloured by the surprisal of each token."""
    from rnngen.cli.surprisal import ColouredOutput, show_legend
    from rnngen.sampling.writer import write_pieces

    output, several = ColouredOutput(console), num_samples > 1
    above = between(console, generator, sampling, prompt, num_samples, quiet=quiet)
    for number in range(num_samples):
        output.write(above(number))
        writer = _read_prompt(console, generator, prompt, sampling, seed, number, quiet=quiet, scored=True)
        pieces = write_pieces(writer, generator.tokenizer, generator.ending(sampling, prompt))
        parts: Iterator[tuple[str, float | None]] = chain(
            [(prompt, None)], ((piece.text, piece.nats) for piece in pieces)
        )
        empty = True
        for text, nats in in_whole_clusters(without_last_line_ends(parts) if several else parts):
            output.write(text, nats)
            empty = empty and not text
        output.write("\n" if empty else "")
        output.end_line()
    if not quiet and output.has_colours:
        show_legend(console)
    elif not quiet:
        console.note("note: no colours here; --json --show-probs gives the numbers, FORCE_COLOR=1 the colours")


def _read_prompt(
    console: Console,
    generator: Generator,
    prompt: str,
    sampling: Sampling,
    seed: int,
    number: int,
    *,
    quiet: bool,
    scored: bool = False,
) -> Writer:
    total = len(generator.reader.prompt_ids(prompt))
    with LongJob(console, "reading the prompt", total, "tokens", shown=not quiet) as job:
        job.advance_to(0)
        return generator.writer(prompt, sampling, seed=seed, number=number, scored=scored, on_read=job.advance_to)


def without_last_line_ends(pieces: Iterable[tuple[str, float | None]]) -> Iterator[tuple[str, float | None]]:
    """A text in pieces, each with its nats, without the line ends at the end of the text."""
    held: list[tuple[str, float | None]] = []
    for text, nats in pieces:
        body = text.rstrip("\n")
        if body:
            yield from held
            held.clear()
            yield body, nats
        if text != body:
            held.append((text[len(body) :], nats))


class Counted:
    """Samples, and how many of them there were so far.

    Args:
        samples: to be counted.
        is_copy: says which stand in the text that the model learned from; None: unknown.

    Attributes:
        number: of samples.
        copies: how many of them stand there.
    """

    def __init__(self, samples: Iterable[Sample], is_copy: Copies | None) -> None:
        self._samples, self._is_copy = samples, is_copy
        self.number = self.copies = 0

    def __iter__(self) -> Iterator[Sample]:
        for sample in self._samples:
            self.number += 1
            self.copies += self._is_copy is not None and self._is_copy(sample)
            yield sample


def write_as(console: Console, samples: Iterable[Sample], form: str, *, labelled: bool) -> None:
    """Write whole samples as ``lines``, or as rows that ``rnngen train`` reads: ``jsonl`` or ``csv``.

    Args:
        console: where to.
        samples: to be written.
        form: see above.
        labelled: whether the model learned labels: each row has its label then, or null, which is empty in a CSV.
    """
    if form == "csv":
        console.write(_csv_row("text", *(["label"] if labelled else [])))
    for sample in samples:
        text = sample.prompt + sample.text
        label = _label(sample, labelled=labelled)
        if form == "jsonl":
            console.write_json({"text": text, **label})
        else:
            row = _csv_row(text, *label.values()) if form == "csv" else " ".join(text.split("\n")) + "\n"
            console.write(row)


def _label(sample: Sample, *, labelled: bool) -> dict[str, str | None]:
    return {"label": sample.label} if labelled else {}


def _csv_row(*fields: str | None) -> str:
    import csv
    import io

    row = io.StringIO()
    csv.writer(row, lineterminator="\n").writerow(fields)
    return row.getvalue()


def write_samples(
    console: Console,
    samples: Iterable[Sample],
    prompts: Sequence[str],
    generator: Generator,
    sampling: Sampling,
    *,
    quiet: bool,
) -> None:
    """Write whole samples, each when it is finished; there is one of each of the ``prompts``."""
    above = between(console, generator, sampling, prompts[0], len(prompts), quiet=quiet)
    for sample in samples:
        text = sample.prompt + sample.text
        if len(prompts) > 1:
            text = text.rstrip("\n")
        console.write(above(sample.number) + text + ("" if text.endswith("\n") else "\n"))


def between(
    console: Console, generator: Generator, sampling: Sampling, prompt: str, num_samples: int, *, quiet: bool
) -> Callable[[int], str]:
    """A function of the number of a sample, from 0: the text that is written before it."""
    ends = sampling.until == "line" or "\n" in (*sampling.stop, *sampling.ban) or generator.documents == LINES
    one_line = "\n" not in prompt and ends
    if num_samples == 1 or one_line:
        return lambda _: ""
    if console.shows_output and not quiet:
        return heading
    return lambda number: "\n" if number else ""


def heading(number: int) -> str:
    """The heading of a sample on a terminal; samples are numbered from 0."""
    return f"--- sample {number + 1}\n"


def write_objects(
    console: Console, samples: Iterable[Sample], settings: dict[str, Any], is_copy: Copies | None, *, labelled: bool
) -> None:
    """Write samples as JSON, one object per line; ``labelled``: as for ``write_as``."""
    for sample in samples:
        copied = {} if is_copy is None else {"copied": is_copy(sample)}
        console.write_json({**settings, **_label(sample, labelled=labelled), **sample.as_dict(), **copied})
