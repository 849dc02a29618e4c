"""A text that is given to a run, in the run's tokens, read as the run's own text was unless the user says otherwise."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rnngen.corpus.encoded import EncodedText, encode_text
from rnngen.corpus.files.find import UTF_8
from rnngen.corpus.sources import ErrorRule, TextSource
from rnngen.corpus.unused_options import refuse_unused_field
from rnngen.errors import CorpusError
from rnngen.options.encodings import AUTO, codec_of
from rnngen.options.training import DataConfig
from rnngen.platforms import without_file
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


@dataclass(frozen=True)
class Reading:
    """How a text is read; what is None is as for the text that the run was trained on.

    Attributes:
        errors: see ``TextSource``.
        encoding: see ``TextSource``.
        text_field: see ``TextSource``.
    """

    errors: ErrorRule = "strict"
    encoding: str | None = None
    text_field: str | None = None

    @property
    def given(self) -> dict[str, Any]:
        """The options that are given and may differ from those of the run, by name."""
        options = {"encoding": self.encoding, "text_field": self.text_field}
        return {name: value for name, value in options.items() if value is not None}


@contextlib.contextmanager
def encoded_text(
    run: Run, files: Sequence[str | Path], reading: Reading | None = None, *, command: str | None = None
) -> Iterator[NamedText]:
    """Files as one text, in the run's tokens, mapped from a file that is removed at the end of the context.

    Args:
        run: the run.
        files: paths, folders, globs, or ``-``.
        reading: how they are read.
        command: the command that reads standard input, for hints; None: there is none, and files are plain UTF-8.

    Raises:
        CorpusError: a text that cannot be read, or is empty.
    """
    names = [str(file) for file in files]
    reading, data = reading or Reading(), data_config(run)
    source = TextSource(
        names,
        reading.errors,
        encoding=(reading.encoding or data.encoding) if command else UTF_8,
        text_field=reading.text_field,
        default_field=data.text_field,
        command=command,
        normalize=run.tokenizer().normalization,
        lenient="`errors=replace`" if command else "",
        documents=None if run.learned_from_rows else run.documents,
        otherwise=run.documents,
        labels=run.labels,
    )
    with tempfile.TemporaryDirectory(prefix="rnngen-") as folder:
        encoded = encode_text(run.tokenizer(), source, Path(folder) / "text.bin")
        refuse_unused_field(reading.text_field, [source])
        if not len(encoded.tokens):
            raise CorpusError("the text is empty", where=source.name, expected="text to read")
        notes = _notes(run, source)
        if command and reading.encoding is None and data.encoding != AUTO and codec_of(data.encoding) != UTF_8:
            notes.append(f"read as {data.encoding}, as the run's text was; if it is not: `encoding=NAME`")
        name, note = ", ".join(names), "; ".join(notes) or None
        yield NamedText(without_file(encoded.tokens), encoded.counts, encoded.unknown, name, note)


def _notes(run: Run, source: TextSource) -> list[str]:
    """What a user should know about how a text was read."""
    summary = source.summary
    notes = [summary.line()] if summary.encodings or summary.left_out.parts() else []
    if source.documents != run.documents:
        notes.append("the run learned from rows, and this text is a list: each of its lines is a document, as a row is")
    return notes


def data_config(run: Run) -> DataConfig:
    """The options of the text that a run was trained on."""
    return DataConfig.saved(run.config.get("data", {}), "data", run.path / CONFIG)
