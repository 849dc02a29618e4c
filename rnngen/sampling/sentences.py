"""The end of a sentence of a text, in any language, found while the text arrives in pieces.

The rules follow Unicode's sentence boundaries (UAX #29), but are fewer and need no word lists:

- A sentence ends after ``.``, ``!``, ``?``, ``…`` or similar marks of other scripts, with the closing quotes and
  brackets after them, if white space follows; after ``。``, ``！`` and similar marks, whatever follows.
- It continues if the next letter is lower case, after a full stop, an ellipsis or the end of a quotation.
- It continues after the full stop of an abbreviation: one letter (``J.``, ``e.g.``), or a capital and up to three
  lower-case letters without a vowel (``Mr.``, ``Dr.``).
- An empty line ends it too. Text without a letter, such as the ``1.`` of a list, is not a sentence.

In languages without such marks, such as Thai, only an empty line ends a sentence.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

_FULL_STOPS = ".․﹒．…‥"
_SPACED = "!?‼⁇⁈⁉‽\u037e։׃؟۔܀܁܂߹।॥။។៕።፧፨᠃᠉᱾᱿꧈꧉꫰꫱\uabeb"
_UNSPACED = "。｡！？"  # of scripts that have no spaces between sentences
MARKS = _FULL_STOPS + _SPACED + _UNSPACED
"""The characters that may end a sentence."""

_QUOTES = "\"'＂＇"  # opening and closing
_VOWELS = set("aeiouyаеёиоуыэюяіαεηιουω")
_FAR = 100  # the maximum number of characters to look ahead and back


class SentenceMatcher:
    """Passes text through to the end of a sentence, by default the first.

    The result depends only on the text, not on the pieces in which it arrives. White space after a mark is held back
    until the following text shows whether the sentence continues.

    Args:
        prompt: the text before, which may have begun the first sentence.
        count: the number of the sentence, from 1.

    Attributes:
        found: what ended the text: the marks with closing quotes and brackets, which are shown, or an empty line, which
            is not; None while the text continues.
    """

    def __init__(self, prompt: str = "", count: int = 1) -> None:
        self.found: str | None = None
        self._left = count
        self._text = prompt.rpartition("\n")[2][-_FAR:]  # the end of the decided text, and the undecided text
        self._at = len(self._text)  # where the undecided text begins
        self._shown = len(self._text)
        self._has_letter = False
        self._prompt_has_letter = any(map(str.isalpha, self._text))

    def push(self, piece: str) -> str:
        """The text that can be shown now, perhaps none."""
        if self.found is not None:
            return ""
        self._text += piece
        end = self._decide()
        shown, self._shown = self._text[self._shown : end], end
        if self._at > 2 * _FAR:  # forget what is far back
            self._text = self._text[self._at - _FAR :]
            self._shown -= self._at - _FAR
            self._at = _FAR
        return shown

    def finish(self) -> str:
        """The text that was held back, where the text ends before it was decided."""
        if self.found is not None:
            return ""
        rest, self._shown = self._text[self._shown :], len(self._text)
        return rest

    def _decide(self) -> int:
        """Decide as much as possible; returns the end of the text that can be shown."""
        text, size = self._text, len(self._text)
        while self._at < size:
            at = self._at
            if text[at] in MARKS and (self._has_letter or self._prompt_has_letter):
                marks = _skip(text, at, lambda c: c in MARKS)
                closed = _skip(text, marks, _closes_spaced if text[marks - 1] not in _UNSPACED else _closes)
                ends = None if closed == size else self._ends(at, marks, closed)
                if ends is None:
                    return closed
                if ends and self._is_last(text[at:closed]):
                    return closed
                self._at = closed
                continue
            if text[at] == "\n" and self._has_letter:
                if at + 1 == size:
                    return at
                if text[at + 1] == "\n" and self._is_last("\n\n"):
                    return at
            elif text[at] == "\n":  # the prompt's line is over
                self._prompt_has_letter = False
            self._has_letter = self._has_letter or text[at].isalpha()
            self._at += 1
        return size

    def _is_last(self, end: str) -> bool:
        """Note that a sentence has ended; returns whether it was the last."""
        self._left -= 1
        self._has_letter = self._prompt_has_letter = False
        if not self._left:
            self.found = end
        return not self._left

    def _ends(self, at: int, marks: int, closed: int) -> bool | None:
        """Whether the sentence ends with the marks at ``at`` and closing characters up to ``closed``; None: unclear."""
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
    """The end of a run of characters for which ``belongs`` is true, of limited length."""
    end = min(len(text), at + _FAR)
    while at < end and belongs(text[at]):
        at += 1
    return at


def _closes(character: str) -> bool:
    """Whether a character closes a quotation or a bracket."""
    return character in _QUOTES or unicodedata.category(character) in ("Pe", "Pf")


def _closes_spaced(character: str) -> bool:
    """The same before a space, where “ closes too, in German."""
    return _closes(character) or unicodedata.category(character) == "Pi"


def _is_abbreviated(before: str) -> bool:
    """Whether a full stop after this text marks an abbreviation."""
    size = 0
    while size < min(len(before), 5) and before[-1 - size].isalpha():
        size += 1
    word = before[len(before) - size :]
    if size == 1:
        return word.islower() or word.isupper()  # scripts without case have words of one letter
    has_vowel = bool(_VOWELS & set(unicodedata.normalize("NFD", word.lower())))
    return 1 < size < 5 and word[0].isupper() and word[1:].islower() and not has_vowel
