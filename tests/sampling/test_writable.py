"""What a model cannot write, against all that it can."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnngen.corpus.tokenizer import CharTokenizer, Tokenizer, train_tokenizer
from rnngen.sampling.writable import cannot_be_written

TEXT = "the cat and the hat\nthat sat, at that. " * 50


@pytest.mark.parametrize("level", ["char", "byte", "word", "bpe"])
def test_what_the_training_text_holds_can_be_written(level: str) -> None:
    tokenizer = train_tokenizer(level, [TEXT], None if level in ("char", "byte") else 280)  # type: ignore[arg-type]
    assert cannot_be_written(["\n", "the hat\nthat", "e c", "ta", "."], tokenizer) == []


def test_a_char_model_cannot_write_characters_that_it_does_not_have() -> None:
    tokenizer = train_tokenizer("char", [TEXT])
    assert cannot_be_written(["\n\n", "\\n", "that?", "<unk>", "é", "\udcff"], tokenizer) == [
        "\\n",
        "that?",
        "<unk>",
        "é",
        "\udcff",
    ]


class Spelled(Tokenizer):
    """Tokens that are given."""

    def __init__(self, tokens: list[str]) -> None:
        self.vocab_size = len(tokens)
        self._tokens = tokens

    def _token_bytes(self) -> list[bytes]:
        return [token.encode() for token in self._tokens]

    def _encode(self, text: str) -> None:  # type: ignore[override]
        raise NotImplementedError

    def _to_hf(self) -> None:
        raise NotImplementedError


token_lists = st.lists(st.text("ab", min_size=1, max_size=3), min_size=1, max_size=4, unique=True)


@given(token_lists, st.text("ab", min_size=1, max_size=4), st.sets(st.integers(0, 3)))
def test_only_what_no_sequence_of_the_tokens_left_contains_cannot_be_written(
    tokens: list[str], text: str, banned: set[int]
) -> None:
    left = [token for number, token in enumerate(tokens) if number not in banned]
    # a token that lies within it whole has a character of it at least, and two more may hang over its ends
    can = any(text in "".join(words) for n in range(1, len(text) + 1) for words in product(left, repeat=n))
    assert cannot_be_written([text], Spelled(tokens), banned) == ([] if can else [text])


def test_banned_tokens_take_what_only_they_spell() -> None:
    tokenizer = CharTokenizer("ab\n")
    newline = tokenizer.encode("\n").tolist()
    assert cannot_be_written(["\n", "ab", "a\nb"], tokenizer, newline) == ["\n", "a\nb"]
