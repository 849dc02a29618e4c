"""The text to read for a run: files in its tokens, or a part of the text that it was trained on."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from rnngen.arguments import in_words
from rnngen.corpus.cache import cached_corpus
from rnngen.corpus.encoded import EncodedCorpus, EncodedText
from rnngen.corpus.known_documents import KnownDocuments
from rnngen.corpus.overlap import overlap
from rnngen.corpus.parts import PARTS
from rnngen.corpus.recorded import find_recorded, recognise
from rnngen.errors import CorpusError, UsageError
from rnngen.options.training import DataConfig
from rnngen.platforms import quote_argument
from rnngen.runs.other_text import NamedText, Reading, data_config, encoded_text
from rnngen.runs.run import Run


@contextlib.contextmanager
def text_of(
    run: Run, files: Sequence[str | Path] = (), part: str | None = None, reading: Reading | None = None
) -> Iterator[NamedText]:
    """Files as one text, or a part of the run's own corpus (by default ``test``) if there are none, in its tokens.

    If the files are the text that the run was trained on, only that part of them is read, since the rest was learned
    from. The part ``all`` is the whole of the files, whatever they are. A note tells if a text is, has or overlaps with
    the training part, and ``learned`` says so.

    Raises:
        As ``encoded_text`` and ``own_part``.
        UsageError: there are no files that options of ``reading`` are for, or a part is asked for of files that are
            not the run's own text.
    """
    names, reading = [str(file) for file in files], reading or Reading()
    if not names and reading.given:
        raise UsageError(
            f"`{next(iter(reading.given))}` is about a text that is given",
            found="none: the run's own text is read as it was for training",
        )
    data = reading.changed(run)
    if not names or (part != "all" and is_own_text(run, names, data)):
        found = own_part(run, part or "test", names, data)
        yield _learned(found, "the run was trained on this part") if part == "train" else found
        return
    if part not in (None, "all"):
        raise UsageError(
            f"`part={part}` is about the run's own text, which this is not",
            where=in_words(names),
            hint="Leave `part` out to score all of it.",
        )
    command = f"rnngen eval {quote_argument(str(run.path))} -"
    with encoded_text(run, names, reading, command=command) as encoded:
        is_own = part == "all" and is_own_text(run, names, data)
        yield _learned(encoded, "the run was trained on this text") if is_own else with_overlap(run, encoded)


def with_overlap(run: Run, text: NamedText) -> NamedText:
    """A text with what is known of it in the training part."""
    found = _overlap(run, text)
    if found is None:
        return text
    return _learned(text, f"the run was trained on this text, or on parts of it: its training text has {found}")


def _learned(text: NamedText, what: str) -> NamedText:
    """A text that a run was trained on, with a note that says so."""
    note = f"{what}, so the scores flatter it"
    return replace(text, note="; ".join(filter(None, (text.note, note))), learned=True)


def _overlap(run: Run, text: EncodedText) -> str | None:
    """How much of a text occurs in the training part, in words; None: nothing, or that part is not in the cache."""
    own = cached_corpus(data_config(run), run.corpus_fingerprint, run.tokenizer())
    if own is None:
        return None
    return overlap(text, own.train.tokens, run.boundary, run.tokenizer().label_ids())


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


def is_own_text(run: Run, files: Sequence[str], data: DataConfig | None = None) -> bool:
    """Whether files are the text that a run was trained on, if they are read by the options ``data``, or the run's."""
    return recognise(data or data_config(run), run.corpus, run.path, files) is not None


def own_part(
    run: Run, part: str, files: Sequence[str] = (), data: DataConfig | None = None, *, instead: str | None = None
) -> NamedText:
    """A part of the text that a run was trained on: read again, wherever it is now, or from the token cache.

    Args:
        run: the run.
        part: ``test``, ``valid`` or ``train``.
        files: where the text is now, if that is known.
        data: the options by which it is that text; by default those of the run.
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
    corpus, note = _own_corpus(run, hint, files, data)
    text, name = corpus.parts[part], f"the {part} part of its corpus"
    if not len(text.tokens):
        others = [other for other, each in corpus.parts.items() if len(each.tokens)]
        expected = " or ".join(f"`part={other}`" for other in others)
        raise CorpusError(f"the run's corpus has no {part} part", where=run.path, expected=expected, hint=hint)
    if files:
        name = f"the {part} part of {in_words(files)}"
        note = f"the run was trained on this text, so only its {part} part is read; `part=all` is the whole of it"
    return NamedText(text.tokens, text.counts, text.unknown, name, note)


def own_corpus(run: Run, option: str | None = None) -> EncodedCorpus:
    """The text that a run was trained on, with all its parts: read again, wherever it is now, or from the token cache.

    Args:
        run: the run.
        option: what needs it, for hints.

    Raises:
        CorpusError: the text has changed or is gone, and is not in the cache.
    """
    return _own_corpus(run, f"Put it back, or leave out `{option}`." if option else "Put it back.")[0]


def _own_corpus(
    run: Run, hint: str, files: Sequence[str] = (), data: DataConfig | None = None
) -> tuple[EncodedCorpus, str | None]:
    """The text that a run was trained on, and a note on where it was found.

    Args:
        run: the run.
        hint: what to do if it is not found.
        files: where the text is now, if that is known.
        data: see ``own_part``.

    Raises:
        CorpusError: the text has changed or is gone, and is not in the cache.
    """
    data = data or data_config(run)
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
    corpus = cached_corpus(data_config(run), run.corpus_fingerprint, tokenizer)
    if corpus is None and needed:
        corpus = own_corpus(run, "novel")
    if corpus is None or run.boundary is None:
        return None
    return KnownDocuments([part.tokens for part in corpus.parts.values()], run.boundary, tokenizer.label_ids())
