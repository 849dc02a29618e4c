"""Documents: parts of a text that have nothing to do with one another, such as names, poems, or the files of a folder.

Inside the program a text of documents is one text in which ``BOUNDARY`` follows every document. That is U+0000, which
no text contains (``decoding.py`` refuses it), so nothing that anybody writes is taken for it. A tokenizer makes one
token of it. A network that reads this token begins anew, from its start state.

=================  ===================================================================================================
rule               a document is
=================  ===================================================================================================
``none``           nothing: the text is one stream
``files``          a file; a row of a table
``lines``          a line
``paragraphs``     what stands between two empty lines
any other text     what stands between two occurrences of this text, in the form that the text is given; the beginning
                   and the end of a file are taken for the line ends with which this text begins or ends
=================  ===================================================================================================

A file's end ends a document under every rule, and line ends at the beginning and end of a document do not belong to it.
Documents of white space only are left out, and counted; what stands before the first separator of a file or after the
last one, if it is white space only, is none. All other white space is kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise

from rnngen.corpus.normalization import Normalization, normalized
from rnngen.corpus.planted.languages import language_of
from rnngen.errors import shortened

BOUNDARY = "\0"
NONE, FILES, LINES, PARAGRAPHS = "none", "files", "lines", "paragraphs"

_PIECE = 1 << 20  # characters: of a piece, and of an unfinished document that is held back
_PARAGRAPHS = r"\n[^\S\n]*(?:\n[^\S\n]*)+"

_MIN_LINES, _MAX_LINES = 20, 2000
_SHORT_WORDS, _SHORT_CHARACTERS = 5, 40
_ODD = 0.03  # share of the lines of a list that may be longer, empty or indented
_PROSE_ENDS = ".,;:!?…。、，；：！？"
_MAX_PROSE_ENDS, _MIN_DISTINCT = 0.1, 0.5


def note_on_separator(rule: str, total: int, lines: int) -> list[str]:
    """A note on a separator that is a line by itself in some places and part of a line in others.

    Args:
        rule: the separator.
        total: how often it occurs.
        lines: how many of these are whole lines.
    """
    if not 0 < lines < total:
        return []
    quoted = rule.replace("\\", "\\\\").replace("'", "\\'")  # for a shell
    only = f": `documents=$'\\n{quoted}\\n'`" if "`" not in rule else ""
    return [
        f"{total - lines:,} of the {total:,} occurrences of the separator {shortened(rule)!r} are not lines by "
        f"themselves, and separate documents too. To separate at such lines only, give it with line ends, in bash{only}"
    ]


def is_separator(rule: str) -> bool:
    """Whether a rule is a text that stands between documents."""
    return rule not in (NONE, FILES, LINES, PARAGRAPHS)


def rule_beside(rule: str, *, is_chosen: bool) -> str | None:
    """The rule for a text that is used with another one: held out, scored, or trained on in its place.

    Args:
        rule: of the other text.
        is_chosen: whether it was chosen, and not given.

    Returns:
        The same rule; or None, to choose one, if rows were taken for documents: the lines of a list are like rows.
    """
    return None if is_chosen and rule == FILES else rule


def as_rows(text: str) -> str:
    """What a user should know of a text that got another rule by ``rule_beside``."""
    return f"{text} is a list: each of its lines is a document, as a row is"


class SeparatorPlaces:
    """How often a separator occurs, and how often as a line by itself.

    Attributes:
        total: how often it has occurred so far.
        lines: how many of these are whole lines.
    """

    def __init__(self) -> None:
        self.total = self.lines = 0
        self._begins_file = True
        self._is_open = False  # the last one begins a line, and what follows it is not known yet

    def begin_file(self) -> None:
        """Note that another file begins."""
        self._begins_file, self._is_open = True, False

    def add(self, parts: list[str]) -> None:
        """Note what stands around separators; the first part is the rest of the last one before."""
        if self._is_open and (parts[0] or len(parts) > 1):
            self.lines += parts[0].startswith("\n")
            self._is_open = False
        for before, after in pairwise(parts):
            begins_line = before.endswith("\n") or (self._begins_file and not before)
            self.total += 1
            self.lines += begins_line and after.startswith("\n")
            self._is_open, self._begins_file = begins_line and not after, False
        if parts[0]:
            self._begins_file = False

    def end_file(self) -> None:
        """Note that the file ends, and with it a line."""
        self.lines += self._is_open
        self._is_open = False


class Documents:
    """Puts a ``BOUNDARY`` after every document.

    Args:
        rule: see above; not ``none``.
        normalize: the form of the text, in which a separator is looked for too.

    Attributes:
        empty: how many documents were left out so far.
        is_separated: whether what separates documents has occurred so far.
        places: where a separator without line ends has occurred so far.
    """

    def __init__(self, rule: str, normalize: Normalization = "none") -> None:
        self.empty = 0
        self.is_separated = False
        self._rule = rule
        self._held = ""
        separator = normalized(rule, normalize) if is_separator(rule) else ""
        self._line_ends = separator[:1] == "\n", separator[-1:] == "\n"  # at its beginning, and at its end
        self.places = SeparatorPlaces() if separator and "\n" not in separator else None
        own = (
            re.escape(separator[:-1]) + r"(?=\n)" if self._line_ends[1] else re.escape(separator)
        )  # it may begin another
        pattern = {FILES: r"(?!)", LINES: r"\n", PARAGRAPHS: _PARAGRAPHS}.get(rule, own)
        self._separator = re.compile(pattern)
        self._tail = max(0, len(separator) - 1)  # of a separator that may be cut

    def cut(self, pieces: Iterable[str]) -> Iterator[str]:
        """One file, given in pieces, with its boundaries.

        A document longer than memory is no matter. But a run of white space is held back to its end: only what follows
        tells whether it belongs to a document.
        """
        self._held, begun = "", False  # what may still change, and whether the document's beginning was given out
        is_first = is_separator(self._rule)  # of the documents, which is none if a separator begins the file
        if self.places:
            self.places.begin_file()
        for piece in self._not_too_short(self._within_line_ends(pieces)):
            *whole, self._held = self._split(self._held + piece)
            if self.places:
                self.places.add([*whole, self._held])
            if whole:
                self.is_separated = True
                if is_first and not begun and not whole[0].strip():
                    del whole[0]
                is_first = False
                yield self._complete(whole, begun=begun)
                begun = False
            if len(self._held) > _PIECE:
                if self._rule == PARAGRAPHS:  # empty lines at the end, however many
                    self._held = self._separator.sub("\n\n", self._held)
                text, self._held = self._settled(self._held)
                if text:
                    yield text if begun else text.lstrip("\n")
                    begun = True
        if begun or self._held.strip():
            yield self._complete(self._separator.split(self._held), begun=begun)
        elif self._rule == FILES:
            self.empty += 1
        if self.places:
            self.places.end_file()

    def _within_line_ends(self, pieces: Iterable[str]) -> Iterator[str]:
        """Pieces of a file, within the line ends for which a separator takes its beginning and its end."""
        begins, ends = self._line_ends
        if begins:
            yield "\n"
        yield from pieces
        if ends:
            yield "\n"

    def _not_too_short(self, pieces: Iterable[str]) -> Iterator[str]:
        """Pieces joined until they are as long as what is held back, so that a long run takes linear time."""
        joined: list[str] = []
        size = 0
        for piece in pieces:
            joined.append(piece)
            size += len(piece)
            if size >= len(self._held):
                yield "".join(joined)
                joined, size = [], 0
        yield "".join(joined)

    def _settled(self, text: str) -> tuple[str, str]:
        """What is certainly part of a document, and the end, which may be white space after it or of a separator."""
        end = len(text[: len(text) - self._tail].rstrip())
        return text[:end], text[end:]

    def join(self, rows: Iterable[str]) -> Iterator[str]:
        """Documents given one by one, with their boundaries, in pieces."""
        yield from map(self._complete, batches(rows))

    def _split(self, text: str) -> list[str]:
        if self._rule == LINES:
            return text.split("\n")
        if self._rule != PARAGRAPHS:
            return self._separator.split(text)
        end = len(text.rstrip())  # the white space at the end may be the beginning of a longer separator
        *whole, last = self._separator.split(text[:end])
        return [*whole, last + text[end:]]

    def _complete(self, documents: list[str], *, begun: bool = False) -> str:
        """Whole documents with their boundaries; the beginning of the first may have been given out already."""
        first = [documents[0].rstrip("\n")] if begun else []
        kept = list(filter(str.strip, documents[len(first) :]))
        if self._rule != PARAGRAPHS:  # several empty lines are one separator
            self.empty += len(documents) - len(first) - len(kept)
        if self._rule != LINES:
            kept = [document.strip("\n") for document in kept]
        return BOUNDARY.join([*first, *kept, ""])


def batches(rows: Iterable[str]) -> Iterator[list[str]]:
    """Rows, as many at a time as make about a megabyte."""
    batch: list[str] = []
    size = 0
    for row in rows:
        batch.append(row)
        size += len(row) + 1  # with what will follow it
        if size >= _PIECE:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def looks_like_a_list(text: str) -> bool:
    """Whether the beginning of a text looks like a list with an entry on every line, not like prose, verse or code.

    The lines of a list are short, none is empty or indented, few end in punctuation, and most occur once. Lines of a
    planted language are those of a list, whatever their length.
    """
    lines = text.split("\n")[:_MAX_LINES]
    lines = lines[:-1] if len(lines) < _MAX_LINES else lines  # the last one may be cut, or empty
    N = len(lines)
    if N < _MIN_LINES:
        return False
    if language_of(lines) is not None:
        return True
    plain = sum(
        0 < len(line) <= _SHORT_CHARACTERS and not line[0].isspace() and line.count(" ") < _SHORT_WORDS
        for line in lines
    )
    prose = sum(line.rstrip().endswith(tuple(_PROSE_ENDS)) for line in lines)
    return plain >= (1 - _ODD) * N and prose <= _MAX_PROSE_ENDS * N and len(set(lines)) >= _MIN_DISTINCT * N
