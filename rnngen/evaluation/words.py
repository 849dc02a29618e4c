"""Whether white space separates the words of a text. Only then does the text have a perplexity per word.

Chinese, Japanese, Thai and other languages are written without spaces between words: what lies between two spaces is
a clause or a paragraph, and e to the power of its nats means nothing. The same holds for lists of addresses, base64 and
DNA. A text in these scripts may nevertheless have been split into words by spaces, as corpora often are.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnngen.corpus.encoded import EncodedText
from rnngen.corpus.tokenizer import Tokenizer

LONGEST = 20
"""Maximum mean number of characters from one word to the next. Prose in Greenlandic, which has the longest words of
all, has fewer; source code with its indentation has about 10."""

_EASTERN = (
    "\u3040-\u30ff\u3100-\u312f\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f"
    "\U00020000-\U0003ffff"
)
_SOUTHERN = (
    "\u0e00-\u0e7f\u0e80-\u0eff\u0f00-\u0fff\u1000-\u109f\u1780-\u17ff\u1950-\u19ff\u1a20-\u1aaf\u1b00-\u1b7f"
    "\ua980-\ua9ff\uaa60-\uaa7f"
)
_UNSPACED = (
    (re.compile(f"[{_EASTERN}]"), 5),  # Chinese characters, kana, bopomofo: 2 or 3 per word if split
    (re.compile(f"[{_SOUTHERN}]"), 9),  # Thai, Lao, Tibetan, Burmese, Khmer and others, with signs for vowels
)
"""Scripts without spaces between words, each with its maximum mean number of characters from one word to the next."""

_SHARE = 1 / 4  # of the letters that must be in such a script
_SLICES, _SLICE = 64, 256  # number of passages that are read, and their length in tokens


def words_are_separated(tokenizer: Tokenizer, text: EncodedText) -> bool:
    """Whether white space separates the words of a text.

    Args:
        tokenizer: decodes the tokens.
        text: of a long one, evenly spaced passages are read. Unknown characters are taken to be as they are in all of
            the text, or, if that is not known, to be no letters.
    """
    counts = text.counts
    if not counts.words or counts.characters > LONGEST * counts.words:
        return False
    sample, unknown = _sample(tokenizer, text.tokens)
    found = Counter[str](sample)
    weight = unknown / max(1, sum(text.unknown_characters.values()))
    found.update({each: weight * times for each, times in text.unknown_characters.items()})
    letters = sum(found[each] for each in found if each.isalpha())
    return not any(
        sum(found[each] for each in found if script.match(each)) > _SHARE * letters
        and counts.characters > longest * counts.words
        for script, longest in _UNSPACED
    )


def _sample(tokenizer: Tokenizer, tokens: NDArray[np.integer[Any]]) -> tuple[str, int]:
    """Evenly spaced passages of a text, without unknown characters, and how many these are."""
    parts = [tokens]
    if len(tokens) > _SLICES * _SLICE:
        begins = np.linspace(0, len(tokens) - _SLICE, _SLICES).astype(int).tolist()
        parts = [tokens[begin : begin + _SLICE] for begin in begins]
    known = [part[part != tokenizer.unknown_id] for part in parts]
    unknown = sum(map(len, parts)) - sum(map(len, known))
    return "".join(tokenizer.shown(part.tolist()) for part in known), unknown
