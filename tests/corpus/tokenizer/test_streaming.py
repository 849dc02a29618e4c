"""Streamed text equals the decoded text, and no character is shown before its last byte."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnngen.corpus.tokenizer import Level, StreamDecoder, Tokenizer
from tests.corpus.tokenizer.examples import HF, LEVELS, TOKENIZERS, any_text, quick


def streamed(tokenizer: Tokenizer, ids: list[int]) -> str:
    decoder = StreamDecoder(tokenizer)
    return "".join(decoder.push(i) for i in ids) + decoder.finish()


@pytest.mark.parametrize("level", LEVELS)
@quick
@given(data=st.data())
def test_streamed_text_equals_the_full_decode_for_any_ids(level: Level, data: st.DataObject) -> None:
    tokenizer = TOKENIZERS[level]
    ids = data.draw(st.lists(st.integers(0, tokenizer.vocab_size - 1), max_size=40))
    full = b"".join(tokenizer.token_bytes()[i] for i in ids).decode("utf-8", "replace")
    if level == "words-closed":  # a space stands between two words, and nowhere else
        full = re.sub(r" (?=[\n\0]|\Z)", "", full)
    assert streamed(tokenizer, ids) == tokenizer.decode(ids) == full == HF[level].decode(ids)


@quick
@given(text=any_text)
def test_a_character_is_streamed_with_its_last_byte_and_not_before(text: str) -> None:
    decoder = StreamDecoder(TOKENIZERS["byte"])
    for character in text:
        *first, last = character.encode("utf-8")
        assert [decoder.push(b) for b in first] == [""] * len(first)
        assert decoder.push(last) == character
    assert decoder.finish() == ""


@pytest.mark.parametrize("cut_off", [1, 2, 3])
def test_a_character_that_never_ends_is_shown_when_the_stream_does(cut_off: int) -> None:
    assert streamed(TOKENIZERS["byte"], list("a😀".encode()[:-cut_off])) == "a\ufffd"
