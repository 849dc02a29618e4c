"""A text that is given to a run, in the run's tokens, read as the run's own text was unless the user says otherwise."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from rnngen.corpus.documents import as_rows, rule_beside
from rnngen.corpus.encoded import EncodedText, encode_text
from rnngen.corpus.files.find import UTF_8
from rnngen.corpus.formats.fields import choice, listed
from rnngen.corpus.labels import Labels
from rnngen.corpus.sources import ErrorRule, TextSource
from rnngen.corpus.unused_options import lacks_separator, refuse_unused_field, refuse_without_labels
from rnngen.errors import CorpusError, UsageError, shortened
from rnngen.options.encodings import AUTO, codec_of
from rnngen.options.training import DataConfig
from rnngen.platforms import without_file
from rnngen.runs.layout import CONFIG
from rnngen.runs.run import Run


@dataclass(frozen=True, eq=False)
class NamedText(EncodedText):
    """An encoded text with a name.

    Attributes:
        name: as in "the test part of its corpus".
        note: what a user should know about its origin; None: nothing.
        learned: whether the run is known to have been trained on it, or on parts of it.
    """

    name: str = ""
    note: str | None = None
    learned: bool = False


@dataclass(frozen=True)
class Reading:
    """How a text is read; what is None is as for the text that the run was trained on.

    Attributes:
        errors: see ``TextSource``.
        encoding: see ``TextSource``.
        text_field: see ``TextSource``.
        label_field: the field of a row that has its label.
    """

    errors: ErrorRule = "strict"
    encoding: str | None = None
    text_field: str | None = None
    label_field: str | None = None

    @property
    def given(self) -> dict[str, Any]:
        """The options that are given and may differ from those of the run, by name."""
        options = {"encoding": self.encoding, "text_field": self.text_field, "label_field": self.label_field}
        return {name: value for name, value in options.items() if value is not None}

    def labels(self, run: Run) -> Labels | None:
        """The run's labels, to read others with; None: there are none.

        Raises:
            UsageError: a field of labels is given, and the run has learned none.
        """
        if self.label_field is None:
            return run.labels
        names = run.tokenizer().labels
        if not names:
            raise UsageError("`label_field` needs a run that learned labels", where=run.path)
        return Labels(self.label_field, names)

    def changed(self, run: Run) -> DataConfig:
        """The options of the text that a run was trained on, but for those that are given.

        Raises:
            UsageError: as ``labels``.
        """
        self.labels(run)
        return data_config(run).changed(**self.given)


@contextlib.contextmanager
def encoded_text(
    run: Run,
    files: Sequence[str | Path],
    reading: Reading | None = None,
    *,
    command: str | None = None,
    stdin: IO[bytes] | None = None,
) -> Iterator[NamedText]:
    """Files as one text, in the run's tokens, mapped from a file that is removed at the end of the context.

    Args:
        run: the run.
        files: paths, folders, globs, or ``-``.
        reading: how they are read.
        command: the command that reads standard input, for hints; None: there is none, and files are plain UTF-8.
        stdin: where ``-`` reads from; the process's standard input by default.

    Raises:
        CorpusError: a text that cannot be read, or is empty.
        UsageError: a field of labels is given, and the run has learned none.
    """
    names = [str(file) for file in files]
    reading, data = reading or Reading(), data_config(run)
    labels = reading.labels(run)
    source = TextSource(
        names,
        reading.errors,
        stdin,
        encoding=(reading.encoding or data.encoding) if command else UTF_8,
        text_field=reading.text_field,
        default_field=data.text_field,
        command=command,
        normalize=run.tokenizer().normalization,
        lenient="`errors=replace`" if command else "",
        documents=rule_beside(run.documents, is_chosen=run.chose_documents),
        otherwise=run.documents,
        labels=labels,
    )
    with tempfile.TemporaryDirectory(prefix="rnngen-") as folder:
        encoded = encode_text(run.tokenizer(), source, Path(folder) / "text.bin")
        refuse_unused_field(reading.text_field, [source])
        if not len(encoded.tokens):
            raise CorpusError("the text is empty", where=source.name, expected="text to read")
        if reading.label_field and labels:
            refuse_without_labels(labels, source)
        notes = _notes(run, source, labels, encoded.counts.documents)
        if command and reading.encoding is None and data.encoding != AUTO and codec_of(data.encoding) != UTF_8:
            notes.append(f"read as {data.encoding}, as the run's text was; if it is not: `encoding=NAME`")
        name, note = ", ".join(names), "; ".join(notes) or None
        yield NamedText(
            without_file(encoded.tokens),
            encoded.counts,
            encoded.unknown,
            name,
            note,
            unknown_characters=encoded.unknown_characters,
        )


def _notes(run: Run, source: TextSource, labels: Labels | None, documents: int) -> list[str]:
    """What a user should know about how a text of some documents was read."""
    summary = source.summary
    notes = [summary.line()] if summary.encodings or summary.observed.parts() else []
    notes += summary.notes
    if source.documents != run.documents:
        notes.append(f"the run learned from rows, and {as_rows('this text')}")
    each = "it is one document" if documents == 1 else "each file is one document"
    if lacks_separator(source):
        notes.append(f"the separator of the run's documents, {shortened(repr(run.documents))}, is not in it: {each}")
    if labels and not labels.is_found:
        none = f"none of the {documents:,} documents has a label" if documents > 1 else "the document has no label"
        notes.append(f"{none} in {shortened(labels.field)!r}, and is scored so{_other_fields(labels)}")
    return notes


def _other_fields(labels: Labels) -> str:
    """What rows have instead of the field with the label; empty: there are no rows."""
    fields = labels.other_fields
    return f" (found {listed(fields)}. {choice('label_field', labels.field, fields)})" if fields else ""


def data_config(run: Run) -> DataConfig:
    """The options of the text that a run was trained on."""
    return DataConfig.saved(run.config.get("data", {}), "data", run.path / CONFIG)
