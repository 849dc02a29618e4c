"""Whether white space separates the words of a text. Only then does the text have a perplexity per word.

Chinese, Japanese, Thai and other languages are written without spaces between words: what lies between two spaces is
a clause or a paragraph, and e to the power of its nats means nothing. The same holds for lists of addresses, base64 and
DNA. A text in these scripts may nevertheless have been split into words by spaces, as corpora often are.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnngen.corpus.pieces import TextCounts
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


def words_are_separated(tokenizer: Tokenizer, tokens: NDArray[np.integer[Any]], counts: TextCounts) -> bool:
    """Whether white space separates the words of a text.

    Args:
        tokenizer: decodes the tokens.
        tokens: token ids of the text, (N,); of a long text, evenly spaced passages are read.
        counts: the text's characters and words.
    """
    if not counts.words or counts.characters > LONGEST * counts.words:
        return False
    text = _sample(tokenizer, tokens)
    letters = sum(map(str.isalpha, text))
    return not any(
        len(script.findall(text)) > _SHARE * letters and counts.characters > longest * counts.words
        for script, longest in _UNSPACED
    )


def _sample(tokenizer: Tokenizer, tokens: NDArray[np.integer[Any]]) -> str:
    """Evenly spaced passages of a text, without unknown characters."""
    parts = [tokens]
    if len(tokens) > _SLICES * _SLICE:
        begins = np.linspace(0, len(tokens) - _SLICE, _SLICES).astype(int).tolist()
        parts = [tokens[begin : begin + _SLICE] for begin in begins]
    return "".join(tokenizer.shown(part[part != tokenizer.unknown_id].tolist()) for part in parts)
