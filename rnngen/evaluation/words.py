"""Whether white space separates the words of a text: only then has it a perplexity per word.

Chinese, Japanese, Thai and others are written without spaces between words, so that what stands between two spaces is a
clause or a paragraph, and e to the power of its nats means nothing. The same holds for lists of addresses, base64 and
DNA. A text of these scripts may have been cut into words with spaces all the same, as corpora are.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnngen.corpus.pieces import TextCounts
from rnngen.corpus.tokenizer import Tokenizer

LONGEST = 20
"""Characters from one word to the next, in the mean, beyond which they are no words. Prose in Greenlandic, of the
longest words of all, has fewer; source code with its indentation has about 10."""

_EASTERN = (
    "\u3040-\u30ff\u3100-\u312f\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f"
    "\U00020000-\U0003ffff"
)
_SOUTHERN = (
    "\u0e00-\u0e7f\u0e80-\u0eff\u0f00-\u0fff\u1000-\u109f\u1780-\u17ff\u1950-\u19ff\u1a20-\u1aaf\u1b00-\u1b7f"
    "\ua980-\ua9ff\uaa60-\uaa7f"
)
_UNSPACED = (
    (re.compile(f"[{_EASTERN}]"), 5),  # Chinese characters, kana, bopomofo; cut into words, they have 2 or 3 a word
    (re.compile(f"[{_SOUTHERN}]"), 9),  # Thai, Lao, Tibetan, Burmese, Khmer and their like, with signs for vowels
)
"""Scripts without spaces between words, and the characters from one word to the next beyond which there are none."""

_SHARE = 1 / 4  # of the letters
_SLICES, _SLICE = 64, 256  # tokens of the text that are looked at


def words_are_separated(tokenizer: Tokenizer, tokens: NDArray[np.integer[Any]], counts: TextCounts) -> bool:
    """Whether white space separates the words of a text.

    Args:
        tokenizer: the tokenizer.
        tokens: the text in its ids, (N,), of which some all over the text are looked at.
        counts: the text's characters and words.
    """
    if not counts.words or counts.characters > LONGEST * counts.words:
        return False
    text = _sample(tokenizer, tokens)
    letters = sum(map(str.isalpha, text))
    return not any(
        len(script.findall(text)) > _SHARE * letters and counts.characters > most * counts.words
        for script, most in _UNSPACED
    )


def _sample(tokenizer: Tokenizer, tokens: NDArray[np.integer[Any]]) -> str:
    """Parts of a text, all over it, without unknown characters."""
    parts = [tokens]
    if len(tokens) > _SLICES * _SLICE:
        begins = np.linspace(0, len(tokens) - _SLICE, _SLICES).astype(int).tolist()
        parts = [tokens[begin : begin + _SLICE] for begin in begins]
    return "".join(tokenizer.decode(part[part != tokenizer.unknown_id].tolist()) for part in parts)
