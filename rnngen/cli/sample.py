"""``rnngen sample``: new text, on standard output, as it is made."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rnngen.cli.console import Console
from rnngen.cli.declared import takes_options, typed_names
from rnngen.cli.longjob import LongJob
from rnngen.cli.sample_inputs import check_line_breaks, notes_on_prompt, open_run_of, read_prompt, run_of
from rnngen.cli.sample_options import Output, Prompt
from rnngen.cli.show_samples import write_coloured, write_objects, write_samples, write_stream
from rnngen.errors import UsageError
from rnngen.platforms import unescaped
from rnngen.sampling.options import Samples, Sampling, draw_seed, names_of

if TYPE_CHECKING:
    from rnngen.runs.run import Run
    from rnngen.sampling.generator import Generator
    from rnngen.sampling.writer import Sample


@takes_options()
def sample_command(
    context: typer.Context,
    run: Annotated[
        list[str] | None,
        typer.Argument(metavar="RUN", help="The run's folder. [default: the newest under checkpoints/]"),
    ] = None,
    *,
    prompt: Prompt,
    sampling: Sampling,
    samples: Samples,
    output: Output,
) -> None:
    """Write new text with a trained model.

    Without a prompt the text begins as a paragraph does. A prompt may end in a space or inside a word. Characters
    of it that the model has never seen are left out of what it reads, with a note.
    """
    console: Console = context.obj
    folder = run_of(run)
    sampling = sampling.changed(
        ban=tuple(map(unescaped, sampling.ban)),
        stop=tuple(map(unescaped, sampling.stop)),
        force=unescaped(sampling.force),
    )
    if sampling.keep_stop and not sampling.stop:
        raise UsageError("`keep_stop` keeps the text of `stop`, which is not given")
    _refuse_pairs(typed_names(context))
    seed = draw_seed() if samples.seed is None else samples.seed
    file = None if prompt.prompt_file is None else Path(prompt.prompt_file)
    text = unescaped(read_prompt(prompt.prompt, file, folder))
    opened = open_run_of(folder)
    opened.read_ahead()  # while NumPy is imported
    from rnngen.sampling.loading import load

    generator = load(opened, ngram=output.ngram, device=output.device)
    _, unseen = generator.encode_prompt(text)
    check_line_breaks(generator, sampling.ban, sampling.force)
    notes = notes_on_prompt(prompt.prompt, file, text, unseen)
    if sampling.stop or sampling.until:
        from rnngen.cli.ending_notes import notes_on_ending

        notes += notes_on_ending(generator, sampling)
    for note in [] if output.quiet else notes:
        console.note(f"note: {note}")
    if output.interactive:
        from rnngen.cli.interactive import write_together

        write_together(console, generator, text, sampling, seed)
        return
    if output.show_probs and not output.json:
        write_coloured(console, generator, text, sampling, seed, samples.num_samples, quiet=output.quiet)
    elif output.json or samples.beam or samples.num_samples > 1:
        _write_several(console, generator, text, sampling, samples, output, seed)
    else:
        write_stream(console, generator, text, sampling, seed, quiet=output.quiet)
    if not (output.quiet or output.json):
        mixed = ", the network mixed with its n-gram model" if output.ngram else ""
        how = f"beam of {samples.beam}" if samples.beam else f"seed {seed}"
        console.note(f"({how}, {generator.name}{_progress_of(opened)}{mixed})")


def _write_several(
    console: Console, generator: Generator, text: str, sampling: Sampling, samples: Samples, output: Output, seed: int
) -> None:
    """Write samples that are shown when they are complete."""
    open_ended = sampling.until or sampling.stop or samples.beam or generator.documents
    total = None if open_ended else generator.max_tokens(sampling) * samples.num_samples
    prompt_size = len(generator.prompt_ids(text))
    with (
        LongJob(console, "reading the prompt", prompt_size, "tokens", shown=not output.quiet) as reading,
        LongJob(console, "writing", total, "tokens", shown=not output.quiet) as writing,
    ):
        reading.advance_to(0)

        def drawn(tokens: int) -> None:
            reading.stop()
            writing.advance_to(tokens)

        found: Iterable[Sample]
        if samples.beam:
            from rnngen.sampling.beam import beam_search

            found = beam_search(generator, text, samples.beam, sampling, drawn, reading.advance_to)
            found = found[: samples.num_samples]
        else:
            found = generator.samples(
                [text] * samples.num_samples,
                seed=seed,
                keep_pieces=output.show_probs,
                on_step=drawn,
                on_read=reading.advance_to,
                **vars(sampling),
            )
        if output.json:
            how = {"beam": samples.beam} if samples.beam else {"temperature": sampling.temperature}
            write_objects(console, found, text, how)
        else:
            write_samples(console, found, text, sampling, samples.num_samples, quiet=output.quiet)


def _progress_of(run: Run) -> str:
    """How far a run has been trained, if it has not reached its end."""
    steps = [int(folder.name) for folder in (run.path / "resume").glob("*") if folder.name.isdecimal()]
    planned = run.planned_steps()
    if not steps or planned is None or max(steps) >= planned:
        return ""
    return f", trained to step {max(steps):,} of {planned:,} so far"


_DRAWING = names_of("drawing", "filter")

_EXCLUDING = {
    "prompt": ("prompt_file",),
    "beam": ("interactive", "show_probs", "seed", *_DRAWING),
    "interactive": ("json", "show_probs", "num_samples", "force"),
}
"""Option → options that cannot be combined with it."""


def _refuse_pairs(given: Collection[str]) -> None:
    for option, others in _EXCLUDING.items():
        for other in others:
            if option in given and other in given:
                raise UsageError(f"`{option}` and `{other}` cannot both be given")
