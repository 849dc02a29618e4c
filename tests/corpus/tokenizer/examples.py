"""Tokenizers of all levels that have learned from one text, and strategies for texts."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import settings
from hypothesis import strategies as st
from tokenizers import Tokenizer as HfTokenizer

from rnngen.corpus.tokenizer import Level, Tokenizer, train_tokenizer
from tests.conftest import make_text

LEVELS: list[Level] = ["char", "byte", "word", "words-closed", "bpe"]
WHOLE: list[Level] = ["byte", "word", "bpe"]  # levels at which nothing is unknown
TEXT = make_text(6000) + "Naïve café, 日本語 😀 tabs\there; don't we'll I'm 'twas 12345 x=1\r\n  indented\n\n\n"
CHARACTERS = "".join(sorted(set(TEXT)))
TOKENIZERS = {level: train_tokenizer(level, [TEXT], 400 if level in ("word", "bpe") else None) for level in LEVELS}
HF = {level: HfTokenizer.from_str(tokenizer.to_json()) for level, tokenizer in TOKENIZERS.items()}

quick = settings(deadline=None, max_examples=60)
any_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
# text whose words, spaces, quotes and line ends meet in every way
texty = st.lists(
    st.sampled_from(
        [
            *("the", " cat", " ", "\n", "\r", "\t", "'s", "'", "12", ".", "é", "語", "😀", "\u3000", "\x1c", "\x85"),
            *("\u0301", "क", "\u094d", "\u200d", "\ufe0f", "\0", "r"),
        ]
    ),
    max_size=25,
).map("".join)
seen_text = st.text(CHARACTERS, max_size=60)


def ids_of(tokenizer: Tokenizer, text: str) -> list[int]:
    return [int(i) for i in tokenizer.encode(text)]


def cuts(text: str, places: list[int]) -> list[str]:
    at = sorted({0, len(text), *(p for p in places if p < len(text))})
    return [text[a:b] for a, b in pairwise(at)]
