"""Where words begin and end, in any script.

A word is a run of letters, digits and the marks that combine with them, with apostrophes inside it (``don't``). In
scripts that are written without spaces between words, such as Chinese, Japanese and Thai, each character is one, as
word processors count them.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache

_UNSPACED = (
    "\u0e01-\u0e5b\u0e81-\u0edf\u0f00-\u109f\u1780-\u17ff"  # Thai, Lao, Tibetan, Myanmar, Khmer
    "\u1950-\u19df\u1a20-\u1aaf\u1b00-\u1b7f\ua980-\ua9ff\uaa60-\uaadf"  # Tai, Balinese, Javanese
    "\u2e80-\u2fdf\u3005-\u312f\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\ua4cf\uf900-\ufaff"  # Han, kana, Yi
    "\uff66-\uff9f\U0001aff0-\U0001b2ff\U00020000-\U0003ffff"
)
_JOINERS = "\u200c\u200d"  # inside words of Persian and of Indian languages
_LAST_MARKS = 0x1F000, 0xE0100, 0xE01F0  # beyond the first there are none but those between the others
_APOSTROPHES = "'’׳״"
_SENTENCE_ENDS = ".!?…؟"
_PAUSES = ",;:،؛)]}"
_QUOTES = "\"'”’»"
_LONG = 64


@cache
def _patterns() -> dict[str, re.Pattern[str]]:
    """The patterns below; made when they are needed, since the marks of Unicode have to be collected."""
    end, *block = _LAST_MARKS
    marks = "".join(c for c in map(chr, (*range(0x300, end), *range(*block))) if unicodedata.category(c)[0] == "M")
    marks = re.escape(marks + _JOINERS)
    letter = rf"(?![{_UNSPACED}])\w"
    inside = rf"(?:{letter}|[{marks}])"
    word = rf"{letter}{inside}*+(?:[{_APOSTROPHES}]{letter}{inside}*+)*+"
    ended = rf"(?!{inside})(?=[^{_APOSTROPHES}]|[{_APOSTROPHES}](?!{letter}).)"
    single = rf"(?=\w)[{_UNSPACED}][{marks}]*+"
    return {
        "first": re.compile(rf"\W*+(?:{word}{ended}|{single}(?=.))", re.DOTALL),
        "before": re.compile(r"\W*"),
        "letter first": re.compile(letter),
        "begun": re.compile(rf"{word}\Z"),
    }


def first_word(text: str) -> str | None:
    """The first word with the text before it; None: there is none whose end is clear."""
    found = _patterns()["first"].match(text)
    return found and found[0]


def begun_word(text: str) -> str:
    """The word at the very end of a text, which may go on; empty if there is none."""
    line = text.rpartition("\n")[2]
    start = len(line)
    while start and not line[start - 1].isspace():
        start -= 1
    found = _patterns()["begun"].search(line, start)
    return found[0] if found else ""


def joint(before: str, after: str) -> str:
    """What to put between two texts so that a word of the second is not glued to the first: a space, or nothing.

    Nothing is put between scripts that are written without spaces, before punctuation, or after white space, a hyphen,
    an apostrophe, an opening bracket or a quote. After a comma, a closing bracket, or the end of a sentence, quoted or
    not, a letter gets a space, but no digit does: ``3.14``.
    """
    if not before or not _patterns()["letter first"].match(after):
        return ""
    if begun_word(before):
        return " "
    is_over = before[-1] in _PAUSES or before.rstrip(_QUOTES).endswith(tuple(_SENTENCE_ENDS))
    return " " if is_over and after[0].isalpha() else ""


class WordMatcher:
    """Passes text through to the end of a word, by its number.

    The result depends only on the text, not on the pieces in which it arrives. Punctuation after the word is dropped.

    Args:
        count: the number of the word, from 1.

    Attributes:
        found: the word, or its end; None while the text continues.
    """

    def __init__(self, count: int) -> None:
        self.found: str | None = None
        self._left = count
        self._text = ""  # after the last word that has ended
        self._shown = 0  # characters of it

    def push(self, piece: str) -> str:
        """The text that can be shown now, perhaps none."""
        if self.found is not None:
            return ""
        self._text += piece
        shown = ""
        while (word := first_word(self._text)) is not None:
            shown += word[self._shown :]
            self._text, self._shown = self._text[len(word) :], max(0, self._shown - len(word))
            self._left -= 1
            if not self._left:
                self.found = word
                return shown
        end = len(self._text)
        if self._left == 1 and self._text[-1:] in _APOSTROPHES and begun_word(self._text[:-1]):
            end -= 1  # perhaps after the last word
        shown += self._text[self._shown : end]
        self._shown = end
        before = _patterns()["before"].match(self._text)
        assert before is not None
        cut = min(before.end(), self._shown)  # no word begins there
        self._text, self._shown = self._text[cut:], self._shown - cut
        if len(self._text) > _LONG:  # the middle of a word changes nothing
            dropped = len(self._text) - _LONG
            self._text, self._shown = self._text[0] + self._text[1 + dropped :], self._shown - dropped
        return shown

    def finish(self) -> str:
        """The text that was held back, where the text ends before it was decided."""
        if self.found is not None:
            return ""
        rest, self._shown = self._text[self._shown :], len(self._text)
        return rest
