"""Options that have no effect on a text, which is a mistake of whoever gave them: each is refused.

All of them can be judged only when the text has been read to its end.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from rnngen.corpus.documents import FILES, LINES, NONE, PARAGRAPHS, is_separator
from rnngen.corpus.formats.fields import choice, listed
from rnngen.corpus.labels import Labels
from rnngen.corpus.sources import TextSource
from rnngen.errors import CorpusError, shortened


def refuse_unused_field(text_field: str | None, texts: Iterable[TextSource]) -> None:
    """Refuse the option ``text_field`` where no text that has been read has rows.

    Raises:
        CorpusError: it was given.
    """
    read = list(texts)
    if text_field is not None and not any(text.of_rows for text in read):
        raise CorpusError(
            "`text_field` has no effect: there are no rows",
            where=read[0].name,
            expected="JSON Lines, CSV, TSV, Parquet or Arrow, by the end of its name",
        )


def refuse_unused_separator(text: TextSource) -> None:
    """Refuse a separator of documents that does not occur in a text that has been read and is not all rows.

    Raises:
        CorpusError: it does not, with what may be meant.
    """
    if not lacks_separator(text):
        return
    rule = text.documents
    close = difflib.get_close_matches(rule.casefold(), (FILES, LINES, PARAGRAPHS, NONE), n=1)
    if close:
        hint = f"Did you mean `documents={close[0]}`?"
    elif "\\n" in rule:
        hint = "A shell does not make a line end of \\n: in bash, type it in $'...'."
    else:
        hint = "If each file is a document: `documents=files`."
    raise CorpusError(
        "does not contain the separator of `documents`",
        where=text.name,
        expected=f"{shortened(rule)!r} between documents",
        found="it nowhere",
        hint=hint,
    )


def lacks_separator(text: TextSource) -> bool:
    """Whether a separator of documents does not occur in a text that has been read and is not all rows."""
    return is_separator(text.documents) and not text.is_separated and len(text.of_rows) < text.summary.read


def refuse_without_labels(labels: Labels, text: TextSource) -> None:
    """Refuse the option ``label_field`` where nothing that has been read has a label.

    Raises:
        CorpusError: with the fields that there are.
    """
    if not labels.is_found:
        fields = labels.other_fields
        raise CorpusError(
            f"no document has a label in {shortened(labels.field)!r}",
            where=text.name,
            expected="rows of JSON Lines, CSV or a table that have this field, as documents",
            found=listed(fields) if fields else None,
            hint=choice("label_field", labels.field, fields) if fields else None,
        )
