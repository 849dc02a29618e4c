"""The text to read for a run: files in its tokens, or a part of the text that it was trained on."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rnngen.arguments import in_words
from rnngen.corpus.cache import cached_corpus
from rnngen.corpus.documents import as_rows, rule_beside
from rnngen.corpus.encoded import EncodedCorpus, EncodedText, encode_text
from rnngen.corpus.files.find import UTF_8
from rnngen.corpus.known_documents import KnownDocuments
from rnngen.corpus.overlap import overlap
from rnngen.corpus.parts import PARTS
from rnngen.corpus.recorded import find_recorded, recognise
from rnngen.corpus.sources import ErrorRule, TextSource
from rnngen.corpus.unused_options import refuse_unused_field
from rnngen.errors import CorpusError, UsageError
from rnngen.options.training import DataConfig
from rnngen.platforms import quote_argument, without_file
from rnngen.runs.layout import CONFIG
from rnngen.runs.run import Run


@dataclass(frozen=True)
class NamedText(EncodedText):
    """An encoded text with a name.

    Attributes:
        name: as in "the test part of its corpus".
        note: what a user should know about its origin; None: nothing.
    """

    name: str = ""
    note: str | None = None


@contextlib.contextmanager
def text_of(
    run: Run,
    files: Sequence[str | Path] = (),
    part: str = "test",
    errors: ErrorRule = "strict",
    encoding: str = UTF_8,
    text_field: str | None = None,
) -> Iterator[NamedText]:
    """Files as one text, or a part of the run's own corpus if there are none, in the run's tokens.

    If the files are the text that the run was trained on, only that part of them is read, since the rest was learned
    from. The part ``all`` is the whole of the files, whatever they are. A note tells if a text overlaps with the
    training part.

    Raises:
        As ``encoded_text`` and ``own_part``.
    """
    names = [str(file) for file in files]
    if not names or (part != "all" and is_own_text(run, names)):
        yield own_part(run, part, names)
        return
    command = f"rnngen eval {quote_argument(str(run.path))} -"
    with encoded_text(run, names, errors, encoding, text_field, command=command) as encoded:
        overlap = None if part == "all" else _note_on_overlap(run, encoded)
        yield replace(encoded, note="; ".join(filter(None, (encoded.note, overlap))) or None)


def _note_on_overlap(run: Run, text: EncodedText) -> str | None:
    own = cached_corpus(_data_config(run), run.corpus_fingerprint, run.tokenizer())
    if own is None:
        return None
    found = overlap(text, own.train.tokens, run.boundary, run.tokenizer().label_ids())
    if found is None:
        return None
    return (
        f"the run was trained on this text, or on parts of it: {found} occur in its training text, so the scores "
        "flatter it"
    )


@contextlib.contextmanager
def encoded_text(
    run: Run,
    files: Sequence[str | Path],
    errors: ErrorRule = "strict",
    encoding: str = UTF_8,
    text_field: str | None = None,
    *,
    command: str | None = None,
) -> Iterator[NamedText]:
    """Files as one text, in the run's tokens, mapped from a file that is removed at the end of the context.

    Args:
        run: the run.
        files: paths, folders, globs, or ``-``.
        errors: see ``TextSource``.
        encoding: see ``TextSource``.
        text_field: see ``TextSource``.
        command: the command that reads standard input, for hints; None: there is none, nor an option ``errors``.

    Raises:
        CorpusError: a text that cannot be read, or is empty.
    """
    names = [str(file) for file in files]
    lenient = "`errors=replace`" if command else ""
    source = TextSource(
        names,
        errors,
        encoding=encoding,
        text_field=text_field,
        command=command,
        normalize=run.tokenizer().normalization,
        lenient=lenient,
        documents=rule_beside(run.documents, is_chosen=run.chose_documents),
        otherwise=run.documents,
        labels=run.labels,
    )
    with tempfile.TemporaryDirectory(prefix="rnngen-") as folder:
        encoded = encode_text(run.tokenizer(), source, Path(folder) / "text.bin")
        refuse_unused_field(text_field, [source])
        if not len(encoded.tokens):
            raise CorpusError("the text is empty", where=source.name, expected="text to read")
        summary, name = source.summary, ", ".join(names)
        note = summary.line() if summary.encodings or summary.left_out.parts() else None
        if source.documents != run.documents:
            note = "; ".join(filter(None, (note, f"the run learned from rows, and {as_rows('this text')}")))
        yield NamedText(without_file(encoded.tokens), encoded.counts, encoded.unknown, name, note)


@contextlib.contextmanager
def file_or_test_part(run: Run, file: Path | None) -> Iterator[NamedText]:
    """A file, or the test part of the run's own corpus, for a command with the option ``--text FILE``.

    Raises:
        As ``encoded_text`` and ``own_part``.
    """
    if file is None:
        yield own_part(run, "test", instead="`text=FILE`")
        return
    with encoded_text(run, [file]) as encoded:
        yield encoded


def is_own_text(run: Run, files: Sequence[str]) -> bool:
    """Whether files are the text that a run was trained on."""
    return recognise(_data_config(run), run.corpus, run.path, files) is not None


def own_part(run: Run, part: str, files: Sequence[str] = (), *, instead: str | None = None) -> NamedText:
    """A part of the text that a run was trained on: read again, wherever it is now, or from the token cache.

    Args:
        run: the run.
        part: ``test``, ``valid`` or ``train``.
        files: where the text is now, if that is known.
        instead: what a user can give instead, for hints; by default a text to ``rnngen eval``.

    Raises:
        CorpusError: the text has changed or is gone, and is not in the cache; or the part is empty.
        UsageError: there is no such part.
    """
    eval_text = f"rnngen eval {quote_argument(str(run.path))} TEXT"
    if part not in (*PARTS, "all"):
        raise UsageError("there is no such part", expected=", ".join((*PARTS, "all")), found=part)
    if part == "all":
        raise UsageError("`part=all` needs the text", hint=f"Give it: {eval_text} --part all.")
    hint = f"Give a text to read: {instead or eval_text}."
    corpus, note = _own_corpus(run, hint, files)
    text, name = corpus.parts[part], f"the {part} part of its corpus"
    if not len(text.tokens):
        others = [other for other, each in corpus.parts.items() if len(each.tokens)]
        raise CorpusError(
            f"the run's corpus has no {part} part", where=run.path, expected=f"`part={' or '.join(others)}`", hint=hint
        )
    if files:
        name = f"the {part} part of {in_words(files)}"
        note = f"the run was trained on this text, so only its {part} part is read; `part=all` is the whole of it"
    return NamedText(text.tokens, text.counts, text.unknown, name, note)


def _own_corpus(run: Run, hint: str, files: Sequence[str] = ()) -> tuple[EncodedCorpus, str | None]:
    """The text that a run was trained on, and a note on where it was found.

    Args:
        run: the run.
        hint: what to do if it is not found.
        files: where the text is now, if that is known.

    Raises:
        CorpusError: the text has changed or is gone, and is not in the cache.
    """
    data = _data_config(run)
    try:
        found = find_recorded(data, run.corpus, run.path, run.tokenizer(), given=files)
    except CorpusError as error:
        what = f"the run's own text is gone, and the cache does not hold it any more ({error})"
        raise CorpusError(what, where=run.path, hint=hint) from error
    if found.corpus is None:
        raise CorpusError(
            "the text has changed since the run was trained on it, and the cache does not hold it any more",
            where=in_words(data.corpus),
            hint=hint,
        )
    return found.corpus, found.note


def known_documents(run: Run, *, needed: bool) -> KnownDocuments | None:
    """The documents that a run was trained on, with those held out.

    Args:
        run: it has documents.
        needed: whether to read its text if the cache does not hold it; else None is returned then.

    Raises:
        CorpusError: they are needed, and the text is gone or has changed.
    """
    tokenizer = run.tokenizer()
    corpus = cached_corpus(_data_config(run), run.corpus_fingerprint, tokenizer)
    if corpus is None and needed:
        corpus, _ = _own_corpus(run, "Put it back, or leave out `novel`.")
    if corpus is None or run.boundary is None:
        return None
    return KnownDocuments([part.tokens for part in corpus.parts.values()], run.boundary, tokenizer.label_ids())


def _data_config(run: Run) -> DataConfig:
    return DataConfig.saved(run.config.get("data", {}), "data", run.path / CONFIG)
