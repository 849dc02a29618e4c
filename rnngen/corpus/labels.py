"""Labels: what a document is, such as a genre, in a short text beside it.

Inside the program a label is one character at the beginning of its document: the k-th of the run's labels is
U+D800 + k, half of a surrogate pair, which no text contains (``rows.py`` refuses it), so nothing that anybody writes is
taken for it. A tokenizer has one token for each label, after those of the text. It spells nothing: it counts as no
character, word or byte, and no text that is shown contains it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from rnngen.errors import CorpusError, shortened

MOST_LABELS = 256
LONGEST_LABEL = 100
"""In characters."""

_FIRST = 0xD800
_MARKERS = re.compile(f"[{chr(_FIRST)}-{chr(_FIRST + MOST_LABELS - 1)}]")


class Labels:
    """The labels of a text, in the order in which they occur first.

    Args:
        field: of a row, that has its label.
        names: the only labels that there may be; None: any.

    Attributes:
        field: see above.
        names: those found so far.
    """

    def __init__(self, field: str, names: Sequence[str] | None = None) -> None:
        self.field = field
        self.names = list(names or ())
        self._are_all = names is not None
        self._numbers = {name: number for number, name in enumerate(self.names)}

    def marker(self, name: str, where: object) -> str:
        """The character that stands for a label.

        Raises:
            CorpusError: there are too many labels, or a run does not know this one.
        """
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
            raise CorpusError(
                f"has too many labels in {shortened(self.field)!r}",
                where=where,
                expected=f"at most {MOST_LABELS}",
                found=f"one more: {shortened(name)!r}",
            )
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
    """The label that a text names, in a row or an option: white space around it does not belong to it."""
    return text.strip()


def is_label(name: object) -> bool:
    """Whether this can be a label: a short text on one line, without white space around it."""
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
