"""What holds for the rows of every format: a row is one document, the text of one of its fields.

A row without the field, or with something else than a text in it, is an error that names the row and the field;
``errors=skip`` leaves it out and counts it. An empty text is no document, and is counted. A character that no UTF-8
text can have, U+0000 or half a surrogate pair, is treated like an invalid byte. CRLF and CR become LF.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rnngen.corpus.files.find import ErrorRule
from rnngen.corpus.files.summary import Observations
from rnngen.corpus.formats.fields import DEFAULT_FIELD as DEFAULT_FIELD
from rnngen.corpus.formats.fields import choice, choice_within, listed, named
from rnngen.corpus.labels import LONGEST_LABEL, Labels, is_label, label_name
from rnngen.errors import CorpusError, shortened

_UNWRITABLE = re.compile("[\0\ud800-\udfff]")
_KINDS = {dict: "an object", list: "a list", bool: "true or false", int: "a number", float: "a number"}


@dataclass
class Rows:
    """The rules for the rows of one file.

    Attributes:
        where: its name in messages.
        errors: see ``Decoding``.
        field: the value of the option ``text_field``; None: it was not given.
        observed: counts what is left out.
        labels: of the rows; None: they have none.
        any_read: whether a row was read that is as it has to be. Leaving out the others is proposed only then: what is
            wrong with the first row is likely to be wrong with all of them.
    """

    where: object
    errors: ErrorRule
    field: str | None
    observed: Observations
    labels: Labels | None = None
    any_read: bool = False

    def refuse(
        self,
        place: str,
        problem: str,
        reason: str,
        *,
        expected: str | None = None,
        found: str | None = None,
        hint: str = "",
    ) -> None:
        """Count a row that is left out, or refuse it.

        Args:
            place: the row, as in "line 3".
            problem: what is wrong with it, as in "is not JSON".
            reason: the same in a count.
            expected: see ``RnngenError``.
            found: see there.
            hint: see there.

        Raises:
            CorpusError: unless such rows are skipped.
        """
        if self.errors == "skip":
            self.observed.rows[reason] += 1
            return
        raise CorpusError(
            f"{place} {problem}",
            where=self.where,
            expected=expected,
            found=found,
            hint=f"{hint} {'To leave such rows out: `errors=skip`' if self.any_read else ''}".strip(),
        )

    def text(self, value: object, field: str, place: str) -> str | None:
        """The text of a row, or None if it is left out.

        Args:
            value: of its field.
            field: its name.
            place: see ``refuse``.

        Raises:
            CorpusError: as ``refuse``.
        """
        if not isinstance(value, str):
            kind = "null" if value is None else _KINDS.get(type(value), "no text")
            name = repr(shortened(field))
            inner = named(value, levels=1) if isinstance(value, dict) else {}
            hint = choice_within("text_field", field, [each for each, text in inner.items() if isinstance(text, str)])
            self.refuse(place, f"has no text in {name}", f"{kind} in {name}", expected="a text", found=kind, hint=hint)
            return None
        if not value:
            self.any_read = True
            self.observed.empty["row"] += 1
            return None
        if "\r" in value:
            value = value.replace("\r\n", "\n").replace("\r", "\n")
        return value if is_writable(value) else self._without_unwritable(value, field, place)

    def labelled(self, text: str | None, label: object, place: str) -> str | None:
        """The text of a row behind the character for its label (see ``labels.py``); None if it is left out.

        Args:
            text: of the row; None or white space: there is no document.
            label: the value of its field, a text, an integer, true or false; None, or empty: it has none.
            place: see ``refuse``.

        Raises:
            CorpusError: as ``refuse``, or there are too many labels.
        """
        if isinstance(label, int):  # which true and false are too
            label = json.dumps(label)
        name = label_name(label) if isinstance(label, str) else label
        if self.labels is None or not text or text.isspace() or name in (None, ""):
            self.any_read |= text is not None
            return text
        if not is_label(name):
            self.refuse(
                place,
                f"has no label in {shortened(self.labels.field)!r}",
                f"no label in {shortened(self.labels.field)!r}",
                expected=f"a text of one line and at most {LONGEST_LABEL} characters, an integer, or none",
                found=_KINDS.get(type(name)) or repr(shortened(str(name))),
                hint=choice_within("label_field", self.labels.field, name if isinstance(name, dict) else ()),
            )
            return None
        self.any_read = True
        return self.labels.marker(str(name), f"{self.where}, {place}") + text.strip("\n")

    def _without_unwritable(self, value: str, field: str, place: str) -> str | None:
        if self.errors == "replace":
            for found in _UNWRITABLE.findall(value):
                self.observed.replaced["U+0000" if found == "\0" else "halves of surrogate pairs"] += 1
            return _UNWRITABLE.sub("\ufffd", value)
        match = _UNWRITABLE.search(value)
        character = f"U+{ord(match[0]):04X}" if match else ""
        what = "U+0000" if character == "U+0000" else "half a surrogate pair"
        self.refuse(
            place,
            f"is not text in {shortened(field)!r}",
            what,
            expected="characters that UTF-8 can write",
            found=f"{character} at character {match.start() + 1 if match else 0}",
            hint="To put U+FFFD in place of it: `errors=replace`.",
        )
        return None

    def lacks(self, place: str, field: str, fields: Mapping[str, Any]) -> None:
        """Refuse a row without the field, or leave it out.

        Args:
            place: see ``refuse``.
            field: its name.
            fields: what it has, by name.

        Raises:
            CorpusError: as ``refuse``.
        """
        name = repr(shortened(field))
        found = named(fields) if self.errors != "skip" else {}
        texts = [each for each, value in found.items() if isinstance(value, str)]
        hint = choice("text_field", field, texts)
        self.refuse(place, f"has no field {name}", f"no field {name}", found=listed(found), hint=hint)


def is_writable(text: str) -> bool:
    """Whether UTF-8 can write a text, and it has no NUL."""
    if "\0" in text:
        return False
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
