"""Where the first sentence of a text ends, whatever its language, found in text that comes in pieces.

After the marks of Unicode's sentence boundaries (UAX #29), in fewer rules and without tables of words:

- A sentence ends after ``.``, ``!``, ``?``, ``…`` or their like in other scripts, and the closing quotes and brackets
  that follow, where white space follows in turn; after ``。``, ``！`` and their like, whatever follows.
- It goes on where the next letter is lower case, if it was a full stop, an ellipsis, or a quotation that ended.
- It goes on after the full stop of an abbreviation: one letter (``J.``, ``e.g.``), or a capital and up to three
  small letters without a vowel (``Mr.``, ``Dr.``).
- An empty line ends it too. What has no letter yet, such as the ``1.`` of a list, is no sentence.

Languages that write no such marks, such as Thai, have sentences that end at empty lines alone.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

_FULL_STOPS = ".․﹒．…‥"
_SPACED = "!?‼⁇⁈⁉‽\u037e։׃؟۔܀܁܂߹।॥။។៕።፧፨᠃᠉᱾᱿꧈꧉꫰꫱\uabeb"
_UNSPACED = "。｡！？"  # of scripts that have no spaces between sentences
MARKS = _FULL_STOPS + _SPACED + _UNSPACED
"""The characters that may end a sentence."""

_QUOTES = "\"'＂＇"  # which open and close
_VOWELS = set("aeiouyаеёиоуыэюяіαεηιουω")
_FAR = 100  # characters: as far as is looked ahead and back


class SentenceMatcher:
    """Passes text on to the end of its first sentence, and no further.

    What is found depends on the text alone, not on the pieces that it came in. White space after a mark is held back
    until what follows tells whether the sentence goes on.

    Args:
        prompt: what the text goes on from: it may have begun the sentence.

    Attributes:
        found: what ended the text (the marks, with closing quotes and brackets, which are shown; or an empty line,
            which is not), or None while it goes on.
    """

    def __init__(self, prompt: str = "") -> None:
        self.found: str | None = None
        self._text = prompt.rpartition("\n")[2][-_FAR:]  # the end of what is decided, and what is not
        self._at = len(self._text)  # where that begins
        self._shown = len(self._text)
        self._has_letter = False
        self._prompt_has_letter = any(map(str.isalpha, self._text))

    def push(self, piece: str) -> str:
        """The text that may now be shown, perhaps none."""
        if self.found is not None:
            return ""
        self._text += piece
        end = self._decide()
        shown, self._shown = self._text[self._shown : end], end
        if self._at > 2 * _FAR:  # a long text is not kept
            self._text = self._text[self._at - _FAR :]
            self._shown -= self._at - _FAR
            self._at = _FAR
        return shown

    def finish(self) -> str:
        """What was held back, where the text ends before it was clear."""
        if self.found is not None:
            return ""
        rest, self._shown = self._text[self._shown :], len(self._text)
        return rest

    def _decide(self) -> int:
        """Decide as far as that is clear; returns where the text that may be shown ends."""
        text, size = self._text, len(self._text)
        while self._at < size:
            at = self._at
            if text[at] in MARKS and (self._has_letter or self._prompt_has_letter):
                marks = _skip(text, at, lambda c: c in MARKS)
                closed = _skip(text, marks, _closes_spaced if text[marks - 1] not in _UNSPACED else _closes)
                ends = None if closed == size else self._ends(at, marks, closed)
                if ends is None:
                    return closed
                if ends:
                    self.found = text[at:closed]
                    return closed
                self._at = closed
                continue
            if text[at] == "\n" and self._has_letter:
                if at + 1 == size:
                    return at
                if text[at + 1] == "\n":
                    self.found = "\n\n"
                    return at
            elif text[at] == "\n":  # the prompt's line is over
                self._prompt_has_letter = False
            self._has_letter = self._has_letter or text[at].isalpha()
            self._at += 1
        return size

    def _ends(self, at: int, marks: int, closed: int) -> bool | None:
        """Whether it ends with the marks from ``at`` to ``marks`` and what closes, up to ``closed``; None: unclear."""
        text = self._text
        if text[marks - 1] in _UNSPACED:
            return True
        if not text[closed].isspace() or (text[at:marks] == "." and _is_abbreviated(text[:at])):
            return False
        if text[marks - 1] not in _FULL_STOPS and closed == marks:
            return True
        for ahead in range(closed, min(len(text), closed + _FAR)):
            if text[ahead].isalpha() or text[ahead] in MARKS:
                return not text[ahead].islower()
            if text.startswith("\n\n", ahead):
                return True
        return True if len(text) >= closed + _FAR else None


def _skip(text: str, at: int, belongs: Callable[[str], bool]) -> int:
    """Where a run of characters that belong together ends, if it is not endless."""
    end = min(len(text), at + _FAR)
    while at < end and belongs(text[at]):
        at += 1
    return at


def _closes(character: str) -> bool:
    """Whether a character closes a quotation or a bracket."""
    return character in _QUOTES or unicodedata.category(character) in ("Pe", "Pf")


def _closes_spaced(character: str) -> bool:
    """Likewise before a space, where “ does so too: in German."""
    return _closes(character) or unicodedata.category(character) == "Pi"


def _is_abbreviated(before: str) -> bool:
    """Whether a full stop after this text is one of an abbreviation."""
    size = 0
    while size < min(len(before), 5) and before[-1 - size].isalpha():
        size += 1
    word = before[len(before) - size :]
    if size == 1:
        return word.islower() or word.isupper()  # scripts without case have words of one letter
    has_vowel = bool(_VOWELS & set(unicodedata.normalize("NFD", word.lower())))
    return 1 < size < 5 and word[0].isupper() and word[1:].islower() and not has_vowel
