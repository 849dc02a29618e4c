"""``rnngen sample``: new text, on standard output, as it is made."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rnngen.cli import console
from rnngen.cli.declared import group_of, takes_options
from rnngen.cli.longjob import LongJob
from rnngen.cli.sample_inputs import check_line_breaks, notes_on_prompt, open_run_of, read_prompt, run_of
from rnngen.cli.show_samples import write_coloured, write_objects, write_samples, write_stream
from rnngen.errors import UsageError
from rnngen.platforms import unescaped
from rnngen.sampling.options import Samples, Sampling, draw_seed, names_of

if TYPE_CHECKING:
    from rnngen.runs.run import Run
    from rnngen.sampling.writer import Sample

_PROMPT, _HOW, _OUT = "Prompt", "Model", "Output"


@takes_options(Sampling, Samples)
def sample_command(
    run: Annotated[
        list[str] | None,
        typer.Argument(metavar="RUN", help="The run's folder. [default: the newest under checkpoints/]"),
    ] = None,
    prompt: Annotated[
        str | None,
        typer.Option("--prompt", "-p", help="Text to go on from; - reads standard input.", rich_help_panel=_PROMPT),
    ] = None,
    prompt_file: Annotated[
        Path | None, typer.Option(help="Go on from this file's text.", rich_help_panel=_PROMPT)
    ] = None,
    *,
    given: dict[str, Any],
    ngram: Annotated[
        bool,
        typer.Option("--ngram", help="Draw from the network mixed with the run's n-gram model.", rich_help_panel=_HOW),
    ] = False,
    device: Annotated[
        str | None,
        typer.Option(help="Compute with torch on auto, cpu, mps or cuda. [default: with NumPy]", rich_help_panel=_HOW),
    ] = None,
    interactive: Annotated[
        bool,
        typer.Option(
            "--interactive",
            "-i",
            help="Write together: type, continue, retry, undo, pick words, save.",
            rich_help_panel=_OUT,
        ),
    ] = False,
    show_probs: Annotated[
        bool, typer.Option("--show-probs", help="Colour each token by how surprising it was.", rich_help_panel=_OUT)
    ] = False,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            help="One JSON object per line and sample: text, seed, tokens, nats, finish reason.",
            rich_help_panel=_OUT,
        ),
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="No notes on standard error.", rich_help_panel=_OUT)
    ] = False,
) -> None:
    """Write new text with a trained model.

    Without a prompt the text begins as a paragraph does. A prompt may end in a space or inside a word. Characters
    of it that the model has never seen are left out of what it reads, with a note.
    """
    folder = run_of(run)
    for name in ("ban", "stop"):
        given[name] = tuple(map(unescaped, given.get(name, ())))
    given["force"] = unescaped(given.get("force", ""))
    sampling, wanted = group_of(Sampling, given), group_of(Samples, given)
    beam, num_samples = wanted.beam, wanted.num_samples
    if sampling.keep_stop and not sampling.stop:
        raise UsageError("--keep-stop keeps the text of --stop, which is not given")
    _refuse_pairs(
        {
            "--prompt": prompt is not None,
            "--prompt-file": prompt_file is not None,
            "--interactive": interactive,
            "--beam": bool(beam),
            "--show-probs": show_probs,
            "--json": as_json,
            "--seed": wanted.seed is not None,
            "--num-samples": num_samples > 1,
            **{f"--{name.replace('_', '-')}": True for name in sampling.changes(*_DRAWING)},
        }
    )
    seed = draw_seed() if wanted.seed is None else wanted.seed
    text = unescaped(read_prompt(prompt, prompt_file, folder))
    opened = open_run_of(folder)
    opened.read_ahead()  # while NumPy is imported
    from rnngen.sampling.loading import load

    generator = load(opened, ngram=ngram, device=device)
    _, unseen = generator.encode_prompt(text)
    check_line_breaks(generator, sampling.ban, sampling.force)
    for note in [] if quiet else notes_on_prompt(prompt, prompt_file, text, unseen):
        console.note(f"note: {note}")
    if (sampling.stop or sampling.until) and not quiet:
        from rnngen.cli.ending_notes import notes_on_ending

        for note in notes_on_ending(generator, sampling):
            console.note(f"note: {note}")
    if interactive:
        from rnngen.cli.interactive import write_together

        write_together(generator, text, sampling, seed)
        return
    if show_probs and not as_json:
        write_coloured(generator, text, sampling, seed, num_samples, quiet=quiet)
    elif as_json or beam or num_samples > 1:
        total = None if sampling.until or sampling.stop or beam else sampling.max_tokens * num_samples
        prompt_size = len(generator.prompt_ids(text))
        with (
            LongJob("reading the prompt", prompt_size, "tokens", shown=not quiet) as reading,
            LongJob("writing", total, "tokens", shown=not quiet) as writing,
        ):
            reading.advance_to(0)

            def drawn(tokens: int) -> None:
                reading.stop()
                writing.advance_to(tokens)

            samples: Iterable[Sample]
            if beam:
                from rnngen.sampling.beam import beam_search

                samples = beam_search(generator, text, beam, sampling, drawn, reading.advance_to)[:num_samples]
            else:
                samples = generator.samples(
                    [text] * num_samples,
                    seed=seed,
                    keep_pieces=show_probs,
                    on_step=drawn,
                    on_read=reading.advance_to,
                    **vars(sampling),
                )
            if as_json:
                write_objects(samples, text, {"beam": beam} if beam else {"temperature": sampling.temperature})
                return
            write_samples(samples, text, sampling, num_samples, quiet=quiet)
    else:
        write_stream(generator, text, sampling, seed, quiet=quiet)
    if not quiet:
        mixed = ", the network mixed with its n-gram model" if ngram else ""
        how = f"beam of {beam}" if beam else f"seed {seed}"
        console.note(f"({how}, {generator.name}{_progress_of(opened)}{mixed})")


def _progress_of(run: Run) -> str:
    """How far a run has been trained, where that is not to its end."""
    steps = [int(folder.name) for folder in (run.path / "resume").glob("*") if folder.name.isdecimal()]
    planned = run.planned_steps()
    if not steps or planned is None or max(steps) >= planned:
        return ""
    return f" at step {max(steps):,} of {planned:,}"


_DRAWING = names_of("drawing", "filter")

_EXCLUDING = {
    "--prompt": ("--prompt-file",),
    "--beam": ("--interactive", "--show-probs", "--seed", *(f"--{name.replace('_', '-')}" for name in _DRAWING)),
    "--interactive": ("--json", "--show-probs", "--num-samples", "--force"),
}
"""Options that say different things."""


def _refuse_pairs(given: dict[str, bool]) -> None:
    for option, others in _EXCLUDING.items():
        for other in others:
            if given.get(option) and given.get(other):
                raise UsageError(f"{option} and {other} cannot both be given")
