"""Text ↔ ids at all levels, with the ``tokenizers`` library reading the saved file as a second opinion."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer as HfTokenizer

from rnngen.corpus.documents import BOUNDARY
from rnngen.corpus.tokenizer import Level, train_tokenizer
from rnngen.corpus.tokenizer.aligned import aligned_pieces
from rnngen.errors import TokenizerError
from tests.conftest import make_text
from tests.corpus.tokenizer.examples import (
    CHARACTERS,
    HF,
    LEVELS,
    TOKENIZERS,
    WHOLE,
    any_text,
    cuts,
    ids_of,
    quick,
    seen_text,
    texty,
)


@pytest.mark.parametrize("level", WHOLE)
@quick
@given(text=any_text | texty)
def test_any_text_comes_back(level: Level, text: str) -> None:
    tokenizer = TOKENIZERS[level]
    assert tokenizer.decode(tokenizer.encode(text)) == text


@quick
@given(text=seen_text)
def test_char_gives_back_any_text_of_characters_it_has_seen(text: str) -> None:
    tokenizer = TOKENIZERS["char"]
    ids = tokenizer.encode(text)
    assert len(ids) == len(text)
    assert 0 not in ids
    assert tokenizer.decode(ids) == text


@quick
@given(text=any_text)
def test_char_reads_what_it_has_not_seen_as_id_0_and_nothing_else(text: str) -> None:
    expected = [CHARACTERS.find(c) + 1 for c in text]
    assert ids_of(TOKENIZERS["char"], text) == expected


@quick
@given(text=any_text)
def test_byte_ids_are_the_values_of_the_bytes(text: str) -> None:
    assert ids_of(TOKENIZERS["byte"], text) == list(text.encode("utf-8"))


@pytest.mark.parametrize("level", LEVELS)
@quick
@given(text=any_text | texty | seen_text)
def test_saved_file_encodes_and_decodes_the_same_in_the_tokenizers_library(level: Level, text: str) -> None:
    tokenizer, hf = TOKENIZERS[level], HF[level]
    ids = ids_of(tokenizer, text)
    assert ids == hf.encode(text).ids
    assert hf.decode(ids) == tokenizer.decode(ids)


@pytest.mark.parametrize("level", LEVELS)
def test_saved_file_names_as_many_tokens_as_there_are_ids(level: Level) -> None:
    assert HF[level].get_vocab_size() == TOKENIZERS[level].vocab_size == len(TOKENIZERS[level].token_bytes())


@pytest.mark.parametrize("level", LEVELS)
@quick
@given(text=texty | seen_text, places=st.lists(st.integers(1, 60), max_size=8))
def test_text_in_pieces_has_the_ids_of_the_whole(level: Level, text: str, places: list[int]) -> None:
    tokenizer = TOKENIZERS[level]
    pieces = [ids.tolist() for ids in tokenizer.encode_pieces(cuts(text, places))]
    ids = [i for piece in pieces for i in piece]
    if level in WHOLE:
        assert tokenizer.decode(ids) == text
    assert ids == HF[level].encode(text).ids


@pytest.mark.parametrize("level", ["word", "bpe"])
@pytest.mark.parametrize("size", [1, 100, 4096, 1 << 20])
def test_long_text_in_pieces_has_the_ids_of_the_whole(level: Level, size: int) -> None:
    text = make_text(60_000)  # longer than the slices that the cores share
    pieces = [text[i : i + size] for i in range(0, len(text), size)]
    ids = np.concatenate(list(TOKENIZERS[level].encode_pieces(pieces)))
    assert ids.tolist() == HF[level].encode(text).ids


@pytest.mark.parametrize("level", WHOLE)
def test_long_line_without_a_space_comes_back(level: Level) -> None:
    text = "ab" * 40_000 + "é"
    ids = np.concatenate(list(TOKENIZERS[level].encode_pieces([text[:50_001], text[50_001:]])))
    assert TOKENIZERS[level].decode(ids) == text


@quick
@given(text=texty, places=st.lists(st.integers(1, 60), max_size=8))
def test_aligned_pieces_are_the_same_text_cut_only_between_words_and_documents(text: str, places: list[int]) -> None:
    pieces = list(aligned_pieces(cuts(text, places)))
    assert "".join(pieces) == text
    assert all(pieces)
    for before, after in pairwise(pieces):
        if after[0] == " " and before[-1] != BOUNDARY:
            assert not before[-1].isspace()
            assert not after[1].isspace()
        elif before[-1] != BOUNDARY:
            assert before[-1] == "\n"
            assert not before[-2].isspace()
            assert not after[0].isspace()


@pytest.mark.parametrize(
    "text", ["<unk>", "<s>", "</s>", "<|endoftext|>", "[UNK] [CLS]", "a <unk>b<s>c", "<pad><mask>"]
)
@pytest.mark.parametrize("level", LEVELS)
def test_text_that_looks_like_a_special_token_stays_ordinary_text(level: Level, text: str) -> None:
    tokenizer = train_tokenizer(level, [f"{text} and {text}\n" * 5])
    ids = tokenizer.encode(text)
    assert tokenizer.decode(ids) == text
    hf = HfTokenizer.from_str(tokenizer.to_json())
    assert hf.encode(text).ids == ids.tolist()
    assert hf.decode(ids.tolist(), skip_special_tokens=True) == text
    if level in ("char", "byte"):
        assert len(ids) == len(text)
        assert tokenizer.unknown_id not in ids.tolist()


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("text", ["ab\ud800", "\udfff", "the cat \udc80 sat"], ids=ascii)
def test_lone_surrogate_is_refused_and_named(level: Level, text: str) -> None:
    place = next(i for i, c in enumerate(text) if "\ud800" <= c <= "\udfff")
    with pytest.raises(TokenizerError, match=rf"found U\+{ord(text[place]):04X} at character {place}\."):
        TOKENIZERS[level].encode(text)
    with pytest.raises(TokenizerError, match=rf"U\+{ord(text[place]):04X}"):
        list(TOKENIZERS[level].encode_pieces(["the cat sat ", text]))


@pytest.mark.parametrize(("characters", "dtype"), [(10, np.uint16), (65_535, np.uint16), (65_536, np.uint32)], ids=str)
def test_ids_on_disk_take_the_narrowest_type_that_holds_them(characters: int, dtype: type) -> None:
    text = "".join(map(chr, range(0x10000, 0x10000 + characters)))
    tokenizer = train_tokenizer("char", [text])
    assert tokenizer.vocab_size == characters + 1
    assert tokenizer.dtype is dtype
    assert tokenizer.encode(text[-1]).tolist() == [characters]
