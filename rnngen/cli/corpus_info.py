"""``rnngen corpus info``: what training would see of a text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from rnngen.cli import formats
from rnngen.cli.declared import takes_options
from rnngen.cli.documents import documents
from rnngen.cli.parameters import AsJson, Quiet
from rnngen.cli.spelling import on_command_line
from rnngen.corpus.documents import NONE
from rnngen.errors import CorpusError, UsageError
from rnngen.options.declare import declared
from rnngen.options.training import SplitConfig

if TYPE_CHECKING:
    from rnngen.cli.console import Console
    from rnngen.corpus.sources import TextSource
    from rnngen.corpus.text_facts import TextFacts

_RARE_BELOW, _RAREST = 3, 20
_REPLACEMENT = "\ufffd"
_OPTIONS = ("documents", "encoding", "text_field")


@takes_options(SplitConfig, without=[name for name in declared(SplitConfig) if name not in _OPTIONS])
def info_command(
    context: typer.Context,
    files: Annotated[
        list[str] | None, typer.Argument(help="Text files, folders or globs, or - for standard input.")
    ] = None,
    *,
    given: dict[str, Any],
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Show what training would see of a text.

    Which files are read and skipped, how many characters, words, lines, tokens and documents, which scripts, how long
    the lines are, how many are repeated, which characters are rare, and what may be a mistake in the text. Nothing is
    written.
    """
    from rnngen.cli.preparation import Preparation

    console: Console = context.obj
    if not files:
        raise UsageError("no text was given", hint="Type: rnngen corpus info FILE")
    with Preparation(console, "reading", "nothing was written", shown=not quiet) as preparation:
        source, facts, refusal = _read(files, SplitConfig.of(given), preparation)
    encoding = _encoding(source, given.get("encoding", "utf-8"))
    if as_json:
        console.write_json(_as_json(source, facts, refusal, encoding.lower()))
        return
    console.write(console.table(_rows(source, facts, refusal, encoding)))


def _read(files: list[str], options: SplitConfig, preparation: Any) -> tuple[TextSource, TextFacts, CorpusError | None]:
    """The text, what it holds, and why ``train`` would refuse it unless it is told to replace invalid bytes."""
    from rnngen.arguments import STDIN
    from rnngen.corpus.sources import refuse_unused_field, refuse_unused_separator

    refusal: CorpusError | None = None
    try:
        source, facts = _read_with(files, options, "strict", preparation)
    except CorpusError as error:
        if STDIN in files:
            raise
        refusal = error
        source, facts = _read_with(files, options, "replace", preparation)
    refuse_unused_field(options.text_field, [source])
    refuse_unused_separator(source)
    return source, facts, refusal


def _read_with(
    files: list[str], options: SplitConfig, errors: Literal["strict", "replace"], preparation: Any
) -> tuple[TextSource, TextFacts]:
    from rnngen.corpus.sources import TextSource
    from rnngen.corpus.text_facts import TextFacts

    source = TextSource(
        files,
        errors,
        encoding=options.encoding,
        text_field=options.text_field,
        command="rnngen train -",  # messages are those of training
        documents=options.documents,
        on_progress=preparation,
    )
    return source, TextFacts.of(_watched(source, preparation))


def _encoding(source: TextSource, asked: str) -> str:
    from rnngen.options.encodings import AUTO

    chosen = ", ".join(source.summary.encodings)
    return chosen if asked == AUTO and chosen else asked.upper() if asked.lower().startswith("utf") else asked


def _watched(source: TextSource, preparation: Any) -> Any:
    total = source.size
    for piece in source:
        preparation("reading", source.hashed.bytes, total)
        yield piece


def _rows(source: TextSource, facts: TextFacts, refusal: CorpusError | None, encoding: str) -> list[tuple[str, str]]:
    counts, characters, lines = facts.counter.counts, facts.characters, facts.lines
    replaced = characters.count(_REPLACEMENT)
    rows = [("files", source.summary.line()), ("encoding", encoding)]
    if refusal is not None:
        rows[-1] = ("encoding", f"not {encoding} throughout; with what is replaced, U+FFFD occurs {replaced:,} times")
        rows.append(("training", f"refuses it: {on_command_line(str(refusal))}"))
    rows += [
        ("characters", f"{counts.characters:,}, {characters.distinct:,} different"),
        ("bytes", f"{counts.bytes:,}"),
        ("words", f"{counts.words:,}, separated by white space"),
        ("tokens", f"{counts.characters:,} with --tokenizer char, {counts.bytes:,} with byte"),
        ("documents", _documents(source, counts.documents)),
        ("scripts", _shares(characters.scripts())),
        ("lines", f"{lines.total:,}, {lines.blank:,} blank"),
        (
            "line length",
            f"median {lines.length(0.5):,}, 95 % up to {lines.length(0.95):,}, longest {lines.length(1):,}",
        ),
        ("repeated", _repeated(facts)),
    ]
    if characters.control:
        rows.append(("control", f"{characters.control:,} control characters"))
    if characters.private:
        rows.append(("private use", f"{characters.private:,} characters without a meaning of their own"))
    if characters.decomposed:
        mixed = f"mixed: {characters.composed:,} composed and {characters.decomposed:,} decomposed characters"
        one = f"{characters.decomposed:,} decomposed characters"
        rows.append(("accents", mixed if characters.composed else one))
    rare = characters.rare(_RARE_BELOW)
    if rare:
        rows.append(("rare", f"{len(rare):,} characters occur once or twice"))
        rows += [("", f"{each.code_point} {each.name}: {each.count}") for each in rare[:_RAREST]]
        rows += [("", f"and {len(rare) - _RAREST:,} others")] if len(rare) > _RAREST else []
    return rows


def _documents(source: TextSource, number: int) -> str:
    if source.documents == NONE:
        return "none: the text is one stream"
    return documents(number, source.documents, source.summary)


def _shares(scripts: dict[str, int]) -> str:
    total = sum(scripts.values())
    return ", ".join(f"{script} {formats.share(count, total)}" for script, count in scripts.items()) or "no letters"


def _repeated(facts: TextFacts) -> str:
    about = "about " if facts.lines.repeated_is_estimated else ""
    return f"{about}{facts.lines.repeated:.1%} of the lines that are not blank occur earlier in the text"


def _as_json(source: TextSource, facts: TextFacts, refusal: CorpusError | None, encoding: str) -> dict[str, Any]:
    counts, characters, lines = facts.counter.counts, facts.characters, facts.lines
    return {
        "files": source.summary.read,
        "skipped": [{"path": str(each.path), "reason": each.reason} for each in source.summary.skipped],
        "encoding": encoding,
        "refused": on_command_line(str(refusal)) if refusal else None,
        "replacement_characters": characters.count(_REPLACEMENT),
        "characters": counts.characters,
        "distinct_characters": characters.distinct,
        "words": counts.words,
        "bytes": counts.bytes,
        "tokens": {"char": counts.characters, "byte": counts.bytes},
        "documents": {"rule": source.documents, "number": counts.documents},
        "scripts": characters.scripts(),
        "lines": lines.total,
        "blank_lines": lines.blank,
        "line_length": {"median": lines.length(0.5), "95%": lines.length(0.95), "longest": lines.length(1)},
        "repeated_lines": lines.repeated,
        "repeated_lines_estimated": lines.repeated_is_estimated,
        "control_characters": characters.control,
        "private_use_characters": characters.private,
        "composed_characters": characters.composed,
        "decomposed_characters": characters.decomposed,
        "rare_characters": [
            {"character": each.character, "code_point": each.code_point, "name": each.name, "count": each.count}
            for each in characters.rare(_RARE_BELOW)
        ],
    }
