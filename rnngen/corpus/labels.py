"""Labels: what a document is, such as a genre, in a short text beside it.

Inside the program a label is one character at the beginning of its document: the k-th of the run's labels is
U+D800 + k, half of a surrogate pair, which no text contains (``rows.py`` refuses it), so nothing that anybody writes is
taken for it. A tokenizer has one token for each label, after those of the text. It spells nothing: it counts as no
character, word or byte, and no text that is shown contains it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

from rnngen.errors import CorpusError, shortened

MOST_LABELS = 256
LONGEST_LABEL = 100
"""In characters."""

_MOST_FIELDS = 100
_FIRST = 0xD800
_MARKERS = re.compile(f"[{chr(_FIRST)}-{chr(_FIRST + MOST_LABELS - 1)}]")


class Labels:
    """The labels of a text, in the order in which they occur first.

    Args:
        field: of a row, that has its label.
        names: the only labels that there may be; None: any.

    Attributes:
        field: see above.
        names: those that there may be, or those found so far.
        is_found: whether there was a label.
        other_fields: of the rows without this one, as long as no label is found, for an error that lists them.
    """

    def __init__(self, field: str, names: Sequence[str] | None = None) -> None:
        self.field = field
        self.names = list(names or ())
        self.is_found = False
        self.other_fields: dict[str, None] = {}
        self._are_all = names is not None
        self._numbers = {name: number for number, name in enumerate(self.names)}

    def note_other_fields(self, fields: Iterable[str]) -> None:
        """Note what a row, or a table, has instead of the field."""
        if not self.is_found and len(self.other_fields) < _MOST_FIELDS:
            self.other_fields |= dict.fromkeys(fields)

    def marker(self, name: str, where: object) -> str:
        """The character that stands for a label.

        Raises:
            CorpusError: there are too many labels, or a run does not know this one.
        """
        self.is_found = True
        number = self._numbers.get(name)
        if number is not None:
            return chr(_FIRST + number)
        if self._are_all:
            raise CorpusError(
                "has a label that the run has not learned",
                where=where,
                expected=f"in {shortened(self.field)!r}, one of {listed_labels(self.names)}",
                found=repr(shortened(name)),
            )
        if len(self.names) == MOST_LABELS:
            raise _too_many(f" in {shortened(self.field)!r}", where, name)
        self._numbers[name] = len(self.names)
        self.names.append(name)
        return chr(_FIRST + self._numbers[name])


def label_number(document: str) -> int | None:
    """The number of the label at the beginning of a document; None: it has none."""
    return ord(document[0]) - _FIRST if _MARKERS.match(document) else None


def without_labels(text: str) -> str:
    """A text without the characters that stand for labels."""
    return _MARKERS.sub("", text)


def label_name(text: str) -> str:
    """The label that a text names, in a row or an option: composed (NFC), and without the white space around it."""
    return unicodedata.normalize("NFC", text.strip())


def united(known: Sequence[str], found: Sequence[str], where: object) -> list[str]:
    """The labels of a run, and behind them those of a text that it has not.

    Raises:
        CorpusError: they are too many.
    """
    names = list(dict.fromkeys([*known, *found]))
    if len(names) > MOST_LABELS:
        raise _too_many(" together with those of the run", where, names[MOST_LABELS])
    return names


def _too_many(of: str, where: object, name: str) -> CorpusError:
    return CorpusError(
        f"has too many labels{of}",
        where=where,
        expected=f"at most {MOST_LABELS}",
        found=f"one more: {shortened(name)!r}",
    )


def renumbered(text: str, names: Sequence[str], others: Sequence[str]) -> str:
    """A text in which the characters for labels are those of their places in another list, which has all of them."""
    codes = {_FIRST + number: _FIRST + others.index(name) for number, name in enumerate(names)}
    return text.translate(codes) if _MARKERS.search(text) else text


def is_label(name: object) -> bool:
    """Whether this can be a label: a short text on one line, as ``label_name`` writes it."""
    return (
        isinstance(name, str)
        and 0 < len(name) <= LONGEST_LABEL
        and name == label_name(name)
        and len(name.splitlines()) == 1
        and re.search("[\0\ud800-\udfff]", name) is None
    )


def listed_labels(names: Sequence[str]) -> str:
    """Labels for a message."""
    shown = ", ".join(shortened(name, 40) for name in names[:20])
    return shown if len(names) <= 20 else f"{shown} and {len(names) - 20} more"
