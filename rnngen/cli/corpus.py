"""``rnngen corpus``: texts for a first try and well-known ones, and what a text holds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rnngen import formats
from rnngen.cli import completion
from rnngen.cli.commands import plain_app, register_command
from rnngen.cli.corpus_info import info_command
from rnngen.cli.declared import takes_options
from rnngen.cli.parameters import AsJson, Quiet
from rnngen.errors import UsageError
from rnngen.options.planted import PlantedOptions
from rnngen.platforms import quote_argument

if TYPE_CHECKING:
    from rnngen.cli.console import Console
    from rnngen.corpus.named.texts import NamedText

corpus_app = plain_app(help="Get a text to train on, or see what a text holds.", no_args_is_help=True)

_NO_HASH = "SHA-256 not known: that of the first download is recorded and compared afterwards"


@corpus_app.callback()
def _corpus() -> None:
    pass


@takes_options(PlantedOptions)
def build_command(
    context: typer.Context,
    name: Annotated[
        str | None,
        typer.Argument(
            help="Which text: pydoc (Python's own language reference, 0.5 MB), or a small language with a long-term "
            "dependency in every line: brackets (nested, of several kinds), copy (a word, a gap, the word again), "
            "adding (many numbers, and the sum of two that are marked).",
            autocompletion=completion.buildable,
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The file to write. [default: corpora/NAME.txt]")] = None,
    *,
    given: dict[str, Any],
) -> None:
    """Write a text without a download: one that is already on this machine, or one that is generated."""
    from rnngen.corpus.named.built import BUILDERS, build
    from rnngen.corpus.planted.languages import LANGUAGES

    if name is None:
        raise UsageError("no text was named", expected=", ".join(BUILDERS), hint="Type: rnngen corpus build pydoc")
    if name == "pydoc" and given:
        raise UsageError(f"`{next(iter(given))}` is for texts that are generated", expected=", ".join(LANGUAGES))
    path, characters = build(name, out, PlantedOptions.of(given))
    context.obj.note(f"{path}: {formats.number_of(characters, 'character')}")
    if name != "pydoc":
        train = f"rnngen train {quote_argument(str(path))}"
        context.obj.note(f"Train on it and see how far back it remembers:\n  {train}\n  rnngen inspect memory")


def list_command(context: typer.Context, as_json: AsJson = False) -> None:
    """List the texts that `rnngen corpus get` can download.

    Each with its licence, source, size, SHA-256 and standard split. This downloads nothing.
    """
    from rnngen.corpus.named.store import downloaded
    from rnngen.corpus.named.texts import TEXTS

    console: Console = context.obj
    here = {each.path.name for each in downloaded() if each.path.exists()}
    if as_json:
        console.write_json({"texts": [_as_json(name, text, here) for name, text in TEXTS.items()]})
        return
    for name, text in TEXTS.items():
        console.write("".join(f"{line}\n" for line in _described(name, text, here)) + "\n")


def _described(name: str, text: NamedText, here: set[str]) -> list[str]:
    lines = [f"{name}: {text.title}", f"  licence  {text.licence}", f"  split    {text.split}"]
    for each in text.downloads:
        size = "of unknown size" if each.bytes is None else formats.size(each.bytes)
        is_here = ", already downloaded" if each.file in here else ""
        lines.append(f"  source   {each.urls[0]} ({size}{is_here})")
        lines.append(f"           {_NO_HASH if each.sha256 is None else f'SHA-256 {each.sha256}'}")
    return lines


def _as_json(name: str, text: NamedText, here: set[str]) -> dict[str, Any]:
    return {
        "name": name,
        "title": text.title,
        "licence": text.licence,
        "split": text.split,
        "parts": [part.name for part in text.parts if part.name],
        "options": text.options,
        "bytes": text.bytes,
        "downloads": [
            {"urls": list(each.urls), "bytes": each.bytes, "sha256": each.sha256, "downloaded": each.file in here}
            for each in text.downloads
        ],
    }


def get_command(
    context: typer.Context,
    name: Annotated[
        str | None,
        typer.Argument(help="Which text; rnngen corpus list shows all.", autocompletion=completion.downloadable),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The folder to write into. [default: corpora]")] = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Download a well-known text, and write it as plain files.

    It is kept in the user's cache too, so that it is downloaded once. A download that was interrupted is resumed, and
    one that does not have the size and the SHA-256 that it should have is an error. Files of another content are never
    overwritten. Shows the commands that train and score on the standard split.
    """
    from rnngen.cli.preparation import Preparation
    from rnngen.corpus.named.get import get

    console: Console = context.obj
    if name is None:
        raise UsageError("no text was named", hint="Type: rnngen corpus list")
    unchanged = "the same command resumes the download"
    with Preparation(console, f"getting {name}", unchanged, shown=not quiet) as preparation:
        gotten = get(name, out, preparation)
    train, evaluate = gotten.commands
    if as_json:
        files = [
            {"part": part or None, "path": str(path), "bytes": path.stat().st_size}
            for part, path in gotten.files.items()
        ]
        console.write_json(
            {"name": name, "licence": gotten.text.licence, "files": files, "train": train, "eval": evaluate}
        )
        return
    for path in gotten.files.values():
        console.write(f"{path}: {formats.size(path.stat().st_size)}\n")
    if not quiet:
        console.note(f"Licence: {gotten.text.licence}.")
        console.note(f"Train on it and score the result:\n  {train}\n  {evaluate}")


register_command(corpus_app, "build", build_command)
register_command(corpus_app, "list", list_command)
register_command(corpus_app, "get", get_command)
register_command(corpus_app, "info", info_command)
