"""How many documents a text has, and what each of them is, in words."""

from __future__ import annotations

from rnngen.corpus.documents import FILES, LINES, PARAGRAPHS
from rnngen.corpus.files.summary import SourceSummary
from rnngen.errors import shortened

_ONE = {FILES: "one per file", LINES: "one per line", PARAGRAPHS: "one per paragraph"}


def documents(number: int, rule: str, sources: SourceSummary | None = None, *, lists: bool = False) -> str:
    """As in "3,412 documents, one per line".

    Args:
        number: how many.
        rule: by which the text consists of documents (see ``corpus/documents.py``).
        sources: the files that were read: each row of one that has rows is a document.
        lists: whether each line of some of them is a document too.
    """
    what = _ONE.get(rule, f"separated by {shortened(repr(rule))}")
    if sources and sources.of_rows:
        what = "one per row" if sources.of_rows == sources.read else f"{what} or row"
    what += ", or line of a list" if lists else ""
    return f"{number:,} {'document' if number == 1 else 'documents'}, {what}"
