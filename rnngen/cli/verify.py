"""``rnngen verify``: what of a run is sound, what it can be used for, and what resuming it would do."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from rnngen import formats
from rnngen.cli.mistakes import refuse_text
from rnngen.cli.parameters import AsJson, Quiet, RunFolder
from rnngen.cli.preparation import Preparation
from rnngen.cli.spelling import on_command_line
from rnngen.errors import ExitCode
from rnngen.platforms import quote_argument

if TYPE_CHECKING:
    from rnngen.cli.console import Console
    from rnngen.training.verification import Prospect, Verification


def verify_command(
    context: typer.Context, run: RunFolder = None, as_json: AsJson = False, quiet: Quiet = False
) -> None:
    """Check a run for damage.

    Compares every file with its checksum, and says what the run can be used for and what resuming it would do. For that
    its text is read, but nothing in its folder is changed. The exit code is 1 if anything is damaged.
    """
    from rnngen.runs.finding import run_folder

    console: Console = context.obj
    refuse_text(run, "rnngen runs")
    folder = run_folder(run)  # before torch is imported: a wrong path is reported at once
    with Preparation(console, f"checking {folder}", "nothing was changed", shown=not quiet) as preparation:
        from rnngen.training.verification import verify

        found = verify(folder, preparation)
    if as_json:
        console.write_json(_as_json(found))
    else:
        console.write(_as_text(console, found))
    if not found.is_sound:
        raise typer.Exit(ExitCode.ERROR)


def _as_json(found: Verification) -> dict[str, Any]:
    def told(part: Any) -> dict[str, Any]:
        return {name: on_command_line(value) if name == "error" and value else value for name, value in part.items()}

    return {
        "path": str(found.path),
        "sound": found.is_sound,
        "written_by": found.written_by,
        "files": [asdict(file) for file in found.files],
        "states": [told(asdict(state)) for state in found.states],
        "uses": [told(asdict(use)) for use in found.uses],
        "resume": told({**asdict(found.prospect), "notes": [on_command_line(note) for note in found.prospect.notes]}),
    }


def _as_text(console: Console, found: Verification) -> str:
    rows = [("file", "purpose", "size", "status")]
    for file in found.files:
        rows.append((file.name, file.purpose, "" if file.bytes is None else formats.size(file.bytes), file.status))
    problems = [(f"{file.name}:", file.why) for file in found.files if file.why]
    known = {name for name, _ in problems}
    problems += [
        (f"state of step {state.step}:", state.error)
        for state in found.states
        if state.error and not any(name.startswith(f"resume/{state.step:09d}") for name in known)
    ]
    answers = [(use.commands, (use.error and f"impossible: {use.error}") or "possible") for use in found.uses]
    answers.append(("train --resume", _what_resuming_does(found.prospect, str(found.path))))
    state = "sound" if found.is_sound else "damaged"
    busy = f", and being written by {found.written_by}" if found.written_by else ""
    parts = [f"{found.path} is {state}{busy}", console.table(rows).rstrip("\n")]
    parts += ["\n".join(f"{name} {why}" for name, why in problems)] if problems else []
    parts += ["\n".join(f"{name}: {answer}" for name, answer in answers)]
    return on_command_line("\n\n".join(parts)) + "\n"


def _what_resuming_does(prospect: Prospect, path: str) -> str:
    if prospect.error is not None:
        return f"impossible: {prospect.error}"
    taken = f"step {prospect.step:,} of {prospect.steps:,}"
    does = f"resumes at {taken}"
    if prospect.finished:
        further = f"rnngen train --resume {quote_argument(path)} --minutes 5"
        does = f"nothing is left to do after {taken}; to train it further: {further}"
    return "\n  ".join([does, *(f"warning: {note}" for note in prospect.notes)])
