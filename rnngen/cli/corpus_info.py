"""``rnngen corpus info``: what training would see of a text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from rnngen import formats
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
    from rnngen.corpus.labels import Labels
    from rnngen.corpus.sources import TextSource
    from rnngen.corpus.text_facts import TextFacts

_RARE_BELOW, _RAREST = 3, 20
_REPLACEMENT = "\ufffd"
_OPTIONS = ("documents", "encoding", "errors", "text_field", "label_field", "normalize")


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

    Which files are read and skipped, whether train would refuse the text, how many characters, words, lines and
    documents it has, and tokens if they are characters or bytes, which scripts, how long the lines are, how many are
    repeated, which characters are rare, and what may be a mistake in the text. Nothing is written.
    """
    from rnngen.cli.preparation import Preparation

    console: Console = context.obj
    if not files:
        raise UsageError("no text was given", hint="Type: rnngen corpus info FILE")
    with Preparation(console, "reading", "nothing was written", shown=not quiet) as preparation:
        seen = _read(files, SplitConfig.of(given), preparation)
    encoding = _encoding(seen.source, given.get("encoding", "utf-8"))
    if as_json:
        console.write_json(_as_json(seen, encoding.lower()))
        return
    console.write(console.table(_rows(seen, encoding)))


class _Seen(NamedTuple):
    """What there is to tell.

    Attributes:
        source: the text.
        facts: about it.
        labels: of its documents; None: none were asked for.
        refusal: why ``train`` would refuse it; None: it would not.
        is_replaced: whether that was bytes that were replaced to read on.
    """

    source: TextSource
    facts: TextFacts
    labels: Labels | None
    refusal: CorpusError | None = None
    is_replaced: bool = False


def _read(files: list[str], options: SplitConfig, preparation: Any) -> _Seen:
    """The text, and why ``train`` would refuse it: in the same words, from the same checks."""
    from rnngen.arguments import STDIN
    from rnngen.corpus.trainable import check_as_characters
    from rnngen.corpus.unused_options import refuse_unused_field, refuse_unused_separator, refuse_without_labels
    from rnngen.options.training import TrainConfig

    try:
        seen = _read_with(files, options, preparation)
    except CorpusError as error:
        if STDIN in files or options.errors != "strict":
            raise
        seen = _read_with(files, options.changed(errors="replace"), preparation)
        seen = seen._replace(refusal=error, is_replaced=True)
    refuse_unused_field(options.text_field, [seen.source])
    refuse_unused_separator(seen.source)
    if seen.labels:
        refuse_without_labels(seen.labels, seen.source)
    if seen.refusal is None:
        try:
            check_as_characters(seen.source, options, TrainConfig().bptt)
        except CorpusError as error:
            seen = seen._replace(refusal=error)
    return seen


def _read_with(files: list[str], options: SplitConfig, preparation: Any) -> _Seen:
    from rnngen.corpus.labels import Labels
    from rnngen.corpus.sources import TextSource
    from rnngen.corpus.text_facts import TextFacts

    labels = Labels(options.label_field) if options.label_field else None
    source = TextSource(
        files,
        options.errors,
        encoding=options.encoding,
        text_field=options.text_field,
        command="rnngen train -",  # messages are those of training
        documents=options.documents,
        normalize=options.normalize,
        labels=labels,
        on_progress=preparation,
    )
    return _Seen(source, TextFacts.of(_watched(source, preparation)), labels)


def _encoding(source: TextSource, asked: str) -> str:
    from rnngen.options.encodings import AUTO

    chosen = ", ".join(source.summary.encodings)
    return chosen if asked == AUTO and chosen else asked.upper() if asked.lower().startswith("utf") else asked


def _watched(source: TextSource, preparation: Any) -> Any:
    total = source.size
    for piece in source:
        preparation("reading", source.hashed.bytes, total)
        yield piece


def _rows(seen: _Seen, encoding: str) -> list[tuple[str, str]]:
    source, facts = seen.source, seen.facts
    counts, characters, lines = facts.counter.counts, facts.characters, facts.lines
    tokens = _tokens(facts)
    replaced = characters.count(_REPLACEMENT)
    rows = [("files", source.summary.line()), ("encoding", encoding)]
    if seen.is_replaced:
        rows[-1] = ("encoding", f"not {encoding} throughout; with what is replaced, U+FFFD occurs {replaced:,} times")
    if seen.refusal:
        rows.append(("training", f"refuses it: {on_command_line(str(seen.refusal))}"))
    rows += [
        ("characters", f"{counts.characters:,}, {characters.distinct:,} different"),
        ("bytes", f"{counts.bytes:,}"),
        ("words", f"{counts.words:,}, separated by white space"),
        ("tokens", f"{tokens['char']:,} with --tokenizer char, {tokens['byte']:,} with byte"),
        ("", f"{tokens['words-closed']:,} with words-closed: words and line ends{_spaces_lost(facts)}"),
        ("documents", _documents(source, counts.documents)),
        *(("note", on_command_line(note)) for note in source.summary.notes),
        *([("labels", _labels(seen.labels.names, facts.counter.labels))] if seen.labels else []),
        ("scripts", _shares(characters.scripts())),
        ("lines", f"{lines.total:,}, {lines.blank:,} blank"),
        ("line length", f"median {lines.length(0.5):,}, 95% up to {lines.length(0.95):,}, longest {lines.length(1):,}"),
        ("repeated", _repeated(facts)),
    ]
    if characters.control:
        rows.append(("control", formats.number_of(characters.control, "control character")))
    if characters.private:
        rows.append(
            ("private use", f"{formats.number_of(characters.private, 'character')} without a meaning of their own")
        )
    if characters.decomposed:
        mixed = f"mixed: {characters.composed:,} composed and "
        one = formats.number_of(characters.decomposed, "decomposed character")
        rows.append(("accents", (mixed if characters.composed else "") + one))
    rare = characters.rare(_RARE_BELOW)
    if rare:
        rows.append(
            ("rare", f"{formats.number_of(len(rare), 'character')} that occur{'s' * (len(rare) == 1)} once or twice")
        )
        rows += [("", f"{each.code_point} {each.name}: {each.count}") for each in rare[:_RAREST]]
        rows += [("", f"and {len(rare) - _RAREST:,} others")] if len(rare) > _RAREST else []
    return rows


def _documents(source: TextSource, number: int) -> str:
    if source.documents == NONE:
        return "none: the text is one stream"
    return documents(number, source.documents, source.summary)


def _tokens(facts: TextFacts) -> dict[str, int]:
    """By tokenizer; the label of a document is a token of every one."""
    counts, labels = facts.counter.counts, facts.counter.labels
    closed = counts.words + counts.lines + labels
    return {"char": counts.characters + labels, "byte": counts.bytes + labels, "words-closed": closed}


def _spaces_lost(facts: TextFacts) -> str:
    """What a closed vocabulary of words does not keep of a text; empty: nothing."""
    counts = facts.characters.counts()
    kept = facts.counter.counts.words - (facts.lines.total - facts.lines.blank) + counts.get("\n", 0)
    more = sum(count for character, count in counts.items() if character.isspace()) - kept
    return f"; {more:,} more spaces are not kept" if more else ""


def _labels(names: Sequence[str], number: int) -> str:
    from rnngen.corpus.labels import listed_labels

    return f"{len(names):,} on {number:,} {'document' if number == 1 else 'documents'}: {listed_labels(names)}"


def _shares(scripts: dict[str, int]) -> str:
    total = sum(scripts.values())
    return ", ".join(f"{script} {formats.share(count, total)}" for script, count in scripts.items()) or "no letters"


def _repeated(facts: TextFacts) -> str:
    about = "about " if facts.lines.repeated_is_estimated else ""
    return f"{about}{facts.lines.repeated:.1%} of the lines that are not blank occur earlier in the text"


def _as_json(seen: _Seen, encoding: str) -> dict[str, Any]:
    source, facts = seen.source, seen.facts
    counts, characters, lines = facts.counter.counts, facts.characters, facts.lines
    return {
        "files": source.summary.read,
        "skipped": [{"path": str(each.path), "reason": each.reason} for each in source.summary.skipped],
        "encoding": encoding,
        "refused": on_command_line(str(seen.refusal)) if seen.refusal else None,
        "replacement_characters": characters.count(_REPLACEMENT),
        "characters": counts.characters,
        "distinct_characters": characters.distinct,
        "words": counts.words,
        "bytes": counts.bytes,
        "tokens": _tokens(facts),
        "documents": {"rule": source.documents, "number": counts.documents},
        "labels": list(seen.labels.names) if seen.labels else [],
        "notes": [on_command_line(note) for note in source.summary.notes],
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
