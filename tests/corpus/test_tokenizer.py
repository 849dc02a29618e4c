"""Text ↔ ids at the four levels, with the ``tokenizers`` library reading the saved file as the second opinion."""

from __future__ import annotations

import json
import random
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer as HfTokenizer

from rnngen.corpus.tokenizer import CharTokenizer, Level, StreamDecoder, Tokenizer, load_tokenizer, train_tokenizer
from rnngen.corpus.tokenizer.aligned import aligned_pieces
from rnngen.corpus.tokenizer.char import FirstOccurrences
from rnngen.errors import TokenizerError
from tests.conftest import make_text

LEVELS: list[Level] = ["char", "byte", "word", "bpe"]
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
        ["the", " cat", " ", "\n", "\r", "\t", "'s", "'", "12", ".", "é", "語", "😀", "\u3000", "\x1c", "\x85"]
    ),
    max_size=25,
).map("".join)
seen_text = st.text(CHARACTERS, max_size=60)


def ids_of(tokenizer: Tokenizer, text: str) -> list[int]:
    return [int(i) for i in tokenizer.encode(text)]


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
def test_loading_restores_level_and_ids(level: Level, tmp_path: Path) -> None:
    tokenizer = TOKENIZERS[level]
    (tmp_path / "tokenizer.json").write_text(tokenizer.to_json(), encoding="utf-8")
    loaded = load_tokenizer(tmp_path / "tokenizer.json")
    assert (loaded.level, loaded.vocab_size, loaded.unknown_id) == (level, tokenizer.vocab_size, tokenizer.unknown_id)
    assert loaded.token_bytes() == tokenizer.token_bytes()
    assert ids_of(loaded, TEXT) == ids_of(tokenizer, TEXT)
    assert loaded.to_json() == tokenizer.to_json()


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("text", ["", "a", "one two three"], ids=repr)
def test_vocabulary_of_a_text_with_nothing_to_learn_loads_as_what_it_was(
    level: Level, text: str, tmp_path: Path
) -> None:
    tokenizer = train_tokenizer(level, [text])
    (tmp_path / "tokenizer.json").write_text(tokenizer.to_json(), encoding="utf-8")
    loaded = load_tokenizer(tmp_path / "tokenizer.json")
    assert loaded.level == level
    assert loaded.token_bytes() == tokenizer.token_bytes()
    assert ids_of(loaded, "one two é") == ids_of(tokenizer, "one two é")


def cuts(text: str, places: list[int]) -> list[str]:
    at = sorted({0, len(text), *(p for p in places if p < len(text))})
    return [text[a:b] for a, b in pairwise(at)]


@pytest.mark.parametrize("level", LEVELS)
@quick
@given(text=texty | seen_text, places=st.lists(st.integers(1, 60), max_size=8))
def test_text_in_pieces_has_the_ids_of_the_whole(level: Level, text: str, places: list[int]) -> None:
    tokenizer = TOKENIZERS[level]
    pieces = [ids.tolist() for ids in tokenizer.encode_pieces(cuts(text, places))]
    ids = [i for piece in pieces for i in piece]
    if level != "char":
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
def test_aligned_pieces_are_the_same_text_cut_only_between_words(text: str, places: list[int]) -> None:
    pieces = list(aligned_pieces(cuts(text, places)))
    assert "".join(pieces) == text
    assert all(pieces)
    for before, after in pairwise(pieces):
        if after[0] == " ":
            assert not before[-1].isspace()
            assert not after[1].isspace()
        else:
            assert before[-1] == "\n"
            assert not before[-2].isspace()
            assert not after[0].isspace()


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


@pytest.mark.parametrize("level", ["char", "word", "bpe"])
def test_lone_surrogate_in_a_training_text_is_refused(level: Level) -> None:
    with pytest.raises(TokenizerError, match=r"U\+D800"):
        train_tokenizer(level, ["the cat ", "\ud800 sat"])


@pytest.mark.parametrize(("level", "size"), [("char", 2), ("char", 9), ("word", 257), ("word", 270), ("bpe", 300)])
def test_vocabulary_has_the_size_that_was_asked_for(level: Level, size: int) -> None:
    assert train_tokenizer(level, [TEXT], size).vocab_size == size


def test_char_vocabulary_of_a_given_size_holds_the_most_frequent_characters() -> None:
    tokenizer = train_tokenizer("char", ["ddddcccbbba"], 4)
    assert tokenizer.token_bytes() == [b"<unk>", b"b", b"c", b"d"]
    assert ids_of(tokenizer, "abcd") == [0, 1, 2, 3]


@quick
@given(pieces=st.lists(any_text, max_size=5), stop=st.integers(0, 200))
def test_first_occurrences_name_the_characters_of_every_beginning_of_a_text(pieces: list[str], stop: int) -> None:
    first = FirstOccurrences()
    for piece in pieces:
        first.add(piece)
    characters = first.before(stop)
    assert sorted(characters) == sorted(set("".join(pieces)[:stop]))
    assert CharTokenizer(characters).to_json() == train_tokenizer("char", ["".join(pieces)[:stop]]).to_json()


def test_word_vocabulary_holds_the_most_frequent_words_with_the_space_before() -> None:
    text = "x" + " cat" * 5 + " dog" * 4 + " ant" * 3 + " once"
    tokenizer = train_tokenizer("word", [text], 258)
    assert tokenizer.token_bytes()[256:] == [b" cat", b" dog"]
    assert ids_of(tokenizer, " cat dog ant") == [256, 257, *b" ant"]


@pytest.mark.parametrize("level", ["word", "bpe"])
@pytest.mark.parametrize("size", [2, 255, 256])
def test_vocabulary_without_room_beside_the_bytes_is_refused(level: Level, size: int) -> None:
    with pytest.raises(
        TokenizerError, match=f"`vocab_size` is too small for `tokenizer={level}`; expected more than 256.*found {size}"
    ):
        train_tokenizer(level, [TEXT], size)


@pytest.mark.parametrize("level", LEVELS)
def test_the_same_text_gives_the_same_vocabulary_however_it_is_cut(level: Level) -> None:
    size = 400 if level in ("word", "bpe") else None
    pieces = cuts(TEXT, list(range(37, len(TEXT), 501)))
    assert train_tokenizer(level, pieces, size).to_json() == TOKENIZERS[level].to_json()


@pytest.mark.parametrize(("characters", "dtype"), [(10, np.uint16), (65_535, np.uint16), (65_536, np.uint32)], ids=str)
def test_ids_on_disk_take_the_narrowest_type_that_holds_them(characters: int, dtype: type) -> None:
    text = "".join(map(chr, range(0x10000, 0x10000 + characters)))
    tokenizer = train_tokenizer("char", [text])
    assert tokenizer.vocab_size == characters + 1
    assert tokenizer.dtype is dtype
    assert tokenizer.encode(text[-1]).tolist() == [characters]


def damage(text: str, rng: random.Random) -> str:
    """One random fault of a file: cut short, a character changed, a stretch lost, or a stretch twice."""
    at, kind = rng.randrange(len(text) - 2), rng.randrange(4)
    if kind == 0:
        return text[:at]
    if kind == 1:
        return text[:at] + chr(rng.randrange(32, 0x250)) + text[at + 1 :]
    end = at + rng.randrange(1, 40)
    return text[:at] + text[end:] if kind == 2 else text[:end] + text[at:]


@pytest.mark.parametrize("level", LEVELS)
def test_damaged_file_is_refused_or_still_usable_and_never_another_exception(level: Level, tmp_path: Path) -> None:
    rng = random.Random(level)
    whole = TOKENIZERS[level].to_json()
    refused = 0
    for _ in range(150):
        (tmp_path / "tokenizer.json").write_text(damage(whole, rng), encoding="utf-8")
        try:
            loaded = load_tokenizer(tmp_path / "tokenizer.json")
        except TokenizerError as error:
            assert "tokenizer.json: cannot be loaded" in str(error)
            refused += 1
        else:  # a fault in a place that nothing is read from
            loaded.decode(range(loaded.vocab_size))
            loaded.encode("the cat é")
    assert refused > 50


@pytest.mark.parametrize(
    "change",
    [
        lambda tree: tree["model"].update(type="Unigram"),
        lambda tree: tree["model"].update(vocab={}),
        lambda tree: tree["model"]["vocab"].update({"zz": 10**9}),
        lambda tree: tree["model"]["vocab"].update({"zz": -1}),
        lambda tree: tree["model"]["vocab"].update({"zz": "zz"}),
        lambda tree: tree["model"]["vocab"].update({"zz": None}),
        lambda tree: tree.pop("model"),
        lambda tree: tree.update(model=[]),
    ],
)
@pytest.mark.parametrize("level", LEVELS)
def test_vocabulary_that_is_not_one_of_ours_is_refused(level: Level, change: Any, tmp_path: Path) -> None:
    tree = json.loads(TOKENIZERS[level].to_json())
    change(tree)
    (tmp_path / "tokenizer.json").write_text(json.dumps(tree))
    with pytest.raises(TokenizerError, match=r"tokenizer\.json: cannot be loaded"):
        load_tokenizer(tmp_path / "tokenizer.json")


def test_char_ids_out_of_order_are_refused(tmp_path: Path) -> None:
    tree = json.loads(TOKENIZERS["char"].to_json())
    tree["model"]["vocab"].update({"a": tree["model"]["vocab"]["b"], "b": tree["model"]["vocab"]["a"]})
    (tmp_path / "tokenizer.json").write_text(json.dumps(tree))
    with pytest.raises(TokenizerError, match="order"):
        load_tokenizer(tmp_path / "tokenizer.json")


def test_byte_ids_out_of_order_are_refused_or_kept(tmp_path: Path) -> None:
    tree = json.loads(TOKENIZERS["byte"].to_json())
    tree["model"]["vocab"].update({"A": ord("B"), "B": ord("A")})
    (tmp_path / "tokenizer.json").write_text(json.dumps(tree))
    try:
        loaded = load_tokenizer(tmp_path / "tokenizer.json")
    except TokenizerError:
        return
    assert ids_of(loaded, "AB") == HfTokenizer.from_str(json.dumps(tree)).encode("AB").ids


@pytest.mark.parametrize("level", ["word", "bpe"])
def test_token_that_spells_no_bytes_is_refused_when_it_is_loaded(level: Level, tmp_path: Path) -> None:
    tree = json.loads(TOKENIZERS[level].to_json())
    tree["model"]["vocab"]["語"] = len(tree["model"]["vocab"])  # not of the byte alphabet
    (tmp_path / "tokenizer.json").write_text(json.dumps(tree))
    with pytest.raises(TokenizerError):
        load_tokenizer(tmp_path / "tokenizer.json")


@pytest.mark.parametrize("level", ["word", "bpe"])
def test_file_with_a_special_token_is_refused(level: Level, tmp_path: Path) -> None:
    tree = json.loads(TOKENIZERS[level].to_json())
    size = len(tree["model"]["vocab"])
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    tree["added_tokens"] = [{"id": size, "content": "<s>", "special": True, **flags}]
    (tmp_path / "tokenizer.json").write_text(json.dumps(tree))
    with pytest.raises(TokenizerError):
        load_tokenizer(tmp_path / "tokenizer.json")


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"\x80\x04K\x01.", b"{}" * 3, b"[" * 100_000]
)
def test_file_that_is_no_tokenizer_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_bytes(content)
    with pytest.raises(TokenizerError, match=r"expected a tokenizer\.json written by rnngen"):
        load_tokenizer(tmp_path / "tokenizer.json")


def test_missing_file_is_a_tokenizer_error(tmp_path: Path) -> None:
    with pytest.raises(TokenizerError, match=r"nowhere\.json"):
        load_tokenizer(tmp_path / "nowhere.json")


@pytest.mark.parametrize("level", LEVELS)
@settings(deadline=None, max_examples=300)
@given(text=texty, more=texty)
def test_what_is_not_held_back_begins_the_text_whatever_comes_after_it(level: Level, text: str, more: str) -> None:
    tokenizer = TOKENIZERS[level]
    ids, held = tokenizer.hold_back(text)
    assert [*ids, *tokenizer.encode(held)] == ids_of(tokenizer, text)
    assert ids_of(tokenizer, text + more)[: len(ids)] == ids.tolist()
    if level in ("char", "byte"):
        assert held == ""


@pytest.mark.parametrize("level", ["word", "bpe"])
@pytest.mark.parametrize(
    ("text", "held"),
    [
        ("The ", " "),
        ("The cat", " cat"),
        ("The", "The"),
        ("", ""),
        ("cat  ", "  "),
        ("cat.\n\n", "\n\n"),
        ("don", "don"),
        ("don't", "'t"),
        ("don'", "'"),
        ("don'r", "'r"),
        ("don''r", "r"),
        ("a 12", " 12"),
        ("x =", " ="),
        ("日本語", "日本語"),
        ("a\u3000", "\u3000"),
    ],
)
def test_the_last_word_is_held_back_or_the_white_space_that_ends_the_text(level: Level, text: str, held: str) -> None:
    assert TOKENIZERS[level].hold_back(text)[1] == held


@pytest.mark.parametrize("level", ["word", "bpe"])
@pytest.mark.parametrize("word", ["catdog" * 50, "語" * 100, "é" * 999, " " * 300, "=" * 80])
def test_of_a_long_word_no_more_than_64_bytes_are_held_back(level: Level, word: str) -> None:
    tokenizer = TOKENIZERS[level]
    ids, held = tokenizer.hold_back(f"The {word}")
    assert 0 < len(held.encode()) <= 64
    assert tokenizer.decode([*ids, *tokenizer.encode(held)]) == f"The {word}"


def test_a_token_longer_than_64_bytes_stands() -> None:
    tokenizer = train_tokenizer("word", [f"a\n{'-' * 80}\n" * 3])
    assert tokenizer.hold_back("a\n" + "-" * 80) == (pytest.approx(tokenizer.encode("a\n" + "-" * 80)), "")


@pytest.mark.parametrize("level", WHOLE)
@given(content=st.binary(min_size=1, max_size=4) | texty.map(str.encode).filter(bool))
def test_tokens_are_found_by_the_bytes_that_they_begin_with_or_are(level: Level, content: bytes) -> None:
    tokenizer = TOKENIZERS[level]
    table = dict(enumerate(tokenizer.token_bytes()))
    assert set(tokenizer.tokens_beginning(content)) == {t for t, c in table.items() if c.startswith(content)}
    assert tokenizer.tokens_within(content) == sorted(
        (t for t, c in table.items() if content.startswith(c) and c != content), key=lambda t: len(table[t])
    )
