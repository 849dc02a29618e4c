"""``rnngen sample``: new text, on standard output, as it is made."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rnngen.cli.console import Console
from rnngen.cli.declared import takes_options, typed_names
from rnngen.cli.echo import without_echo
from rnngen.cli.failure_note import note_on_failure
from rnngen.cli.longjob import LongJob
from rnngen.cli.parameters import run_argument
from rnngen.cli.sample_inputs import (
    check_line_breaks,
    check_unit,
    notes_on_label,
    notes_on_prompt,
    open_run_of,
    read_prompt,
    read_prompts,
    run_of,
)
from rnngen.cli.sample_options import Output, Prompt
from rnngen.cli.show_samples import Counted, write_as, write_coloured, write_objects, write_samples, write_stream
from rnngen.errors import UsageError
from rnngen.platforms import unescaped
from rnngen.sampling.options import GIVE_UP, Samples, Sampling, draw_seed, names_of

if TYPE_CHECKING:
    from rnngen.runs.run import Run
    from rnngen.sampling.choosing import Conditions
    from rnngen.sampling.copies import Copies
    from rnngen.sampling.generator import Generator
    from rnngen.sampling.writer import Sample


EXAMPLES = (
    ("rnngen sample", "With the newest run."),
    ('rnngen sample -p "Once upon" --temperature 0.8', "Continue a text, more safely."),
    ("rnngen sample checkpoints/book-1 --interactive", "Write together."),
)


@takes_options(examples=EXAMPLES)
def sample_command(
    context: typer.Context,
    run: Annotated[
        list[str] | None, run_argument("The run's folder. [default: the newest under checkpoints/]", "RUN", one=True)
    ] = None,
    *,
    prompt: Prompt,
    sampling: Sampling,
    samples: Samples,
    output: Output,
) -> None:
    """Write new text with a trained model.

    Without a prompt the text begins as a document or a paragraph does. A prompt may end in a space or inside a word.
    Characters of it that the model has never seen are left out of what it reads, with a note.
    """
    console: Console = context.obj
    folder = run_of(run)
    check_unit(folder, sampling.length)
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
    text = ""
    prompts: list[str] = []
    notes: list[str] = []
    if prompt.prompts_file is None:
        text = unescaped(read_prompt(prompt.prompt, file, folder))
    else:
        prompts, notes = read_prompts(Path(prompt.prompts_file), folder, samples.num_samples)
    if output.interactive:  # from now on what is typed waits for the first prompt
        context.with_resource(without_echo(console.stdin))
    opened = open_run_of(folder)
    opened.read_ahead()  # while NumPy is imported
    note_on_failure(console, opened, quiet=output.quiet)
    from rnngen.sampling.loading import generator_of, load

    weights = None
    if output.dynamic:
        from rnngen.cli.sample_inputs import weights_after

        weights = weights_after(opened, text, sampling.label)
    generator = generator_of(opened, weights, ngram=output.ngram, device=output.device)
    unseen = generator.reader.unseen_in(prompts or [text])
    check_line_breaks(generator, sampling.ban, sampling.force)
    generator.check(sampling, seed)  # before anything is shown
    notes += notes_on_prompt(prompt.prompt, file, text, unseen, generator.tokenizer)
    notes += notes_on_label(opened, sampling.label)
    if sampling.ends_itself:
        from rnngen.cli.ending_notes import notes_on_ending

        notes += notes_on_ending(generator, sampling)
    for note in [] if output.quiet else notes:
        console.note(f"note: {note}")
    if output.interactive:
        from rnngen.cli.interactive import write_together
        from rnngen.sampling.session import Session

        load_other = partial(load, ngram=output.ngram, device=output.device)
        write_together(console, Session(generator, text, sampling, seed), load_other)
        return
    if output.show_probs and not output.json:
        write_coloured(console, generator, text, sampling, seed, samples.num_samples, quiet=output.quiet)
    elif prompts or output.json or output.format or samples.beam or samples.num_samples > 1 or samples.chosen:
        from rnngen.sampling.copies import copies_of

        told = samples.novel or output.json or not output.quiet
        is_copy = copies_of(opened, needed=samples.novel) if told else None
        _write_several(console, generator, prompts or [text], sampling, samples, output, seed, is_copy)
    else:
        write_stream(console, generator, text, sampling, seed, quiet=output.quiet)
    if not (output.quiet or output.json):
        mixed = ", the network mixed with its n-gram model" if output.ngram else ""
        mixed += ", adapted to the prompt" if output.dynamic else ""
        how = f"beam of {samples.beam}" if samples.beam else f"seed {seed}"
        console.note(f"({how}, {generator.name}{_progress_of(opened)}{mixed})")


def _write_several(
    console: Console,
    generator: Generator,
    prompts: Sequence[str],
    sampling: Sampling,
    samples: Samples,
    output: Output,
    seed: int,
    is_copy: Copies | None,
) -> None:
    """Write samples of each prompt that are shown when they are complete."""
    texts = [prompt for prompt in prompts for _ in range(samples.num_samples)]
    open_ended = sampling.ends_itself or samples.beam or generator.documents is not None or samples.chosen
    total = None if open_ended else generator.max_tokens(sampling) * len(texts)
    prompt_size = len(generator.reader.prompt_ids(prompts[0])) if len(prompts) == 1 else None
    with (
        LongJob(console, "reading the prompt", prompt_size, "tokens", shown=not output.quiet) as reading,
        LongJob(console, "writing", total, "tokens", shown=not output.quiet) as writing,
    ):
        reading.advance_to(0)

        def drawn(tokens: int) -> None:
            reading.stop()
            writing.advance_to(tokens)

        found: Iterable[Sample]
        conditions = _conditions(generator, sampling, samples, is_copy) if samples.chosen else None
        if samples.beam:
            from rnngen.sampling.beam import beam_search

            found = beam_search(generator, prompts[0], samples.beam, sampling, drawn, reading.advance_to)
            found = found[: samples.num_samples]
        else:
            how: dict[str, Any] = {
                "seed": seed,
                "keep_pieces": output.show_probs,
                "on_step": drawn,
                "on_read": reading.advance_to,
                **vars(sampling),
            }
            if conditions:
                from rnngen.sampling.choosing import choose_samples

                found = choose_samples(generator, prompts, samples.num_samples, conditions, **how)
            else:
                found = generator.samples(texts, **how)
        counted, labelled = Counted(found, is_copy), bool(generator.tokenizer.labels)
        if output.json:
            settings = {"beam": samples.beam} if samples.beam else {"temperature": sampling.temperature}
            write_objects(console, counted, settings, is_copy, labelled=labelled)
        elif output.format:
            write_as(console, counted, output.format, labelled=labelled)
        else:
            write_samples(console, counted, texts, generator, sampling, quiet=output.quiet)
    if counted.number < (wanted := len(texts)):  # the result is not what was asked for, which --quiet does not hide
        why = _why_too_few(counted.number, conditions) if conditions else "the beam found no more"
        console.note(f"warning: {counted.number:,} instead of {wanted:,}: {why}")
    if counted.copies and not output.quiet:
        console.note(f"note: {counted.copies:,} of {counted.number:,} stand in the text that the model learned from")


def _conditions(generator: Generator, sampling: Sampling, samples: Samples, is_copy: Copies | None) -> Conditions:
    from rnngen.sampling.choosing import Conditions, refuse_unreachable

    refuse_unreachable(generator, sampling, samples.min_length)
    return Conditions(unique=samples.unique, copies=is_copy if samples.novel else None, min_length=samples.min_length)


def _why_too_few(found: int, conditions: Conditions) -> str:
    """Why there are fewer texts than were asked for: none of the last ones met the conditions."""
    why = f"of {'the next ' if found else ''}{GIVE_UP:,} texts, none met the conditions"
    if not conditions.too_short:
        return why
    return f"{why}; {conditions.too_short:,} were shorter than --min-length, and --length limits how long they get"


def _progress_of(run: Run) -> str:
    """How far a run has been trained, if it has not reached its end."""
    steps = [int(folder.name) for folder in (run.path / "resume").glob("*") if folder.name.isdecimal()]
    planned = run.planned_steps()
    if not steps or planned is None or max(steps) >= planned:
        return ""
    return f", trained to step {max(steps):,} of {planned:,} so far"


_DRAWING = names_of("drawing", "filter")

_CONDITIONS = ("unique", "novel", "min_length")

_EXCLUDING = {
    "prompt": ("prompt_file", "prompts_file"),
    "prompts_file": ("prompt_file", "dynamic", "interactive", "show_probs", "beam"),
    "beam": ("interactive", "show_probs", "seed", *_DRAWING, *_CONDITIONS),
    "interactive": ("json", "show_probs", "num_samples", "force", "format", *_CONDITIONS),
    "json": ("format",),
    "show_probs": ("format", *_CONDITIONS),
}
"""Option → options that cannot be combined with it."""


def _refuse_pairs(given: Collection[str]) -> None:
    for option, others in _EXCLUDING.items():
        for other in others:
            if option in given and other in given:
                raise UsageError(f"`{option}` and `{other}` cannot both be given")
