"""A saved tokenizer is restored; a damaged or foreign file is refused with a clear error."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer as HfTokenizer

from rnngen.corpus.normalization import Normalization
from rnngen.corpus.tokenizer import Level, load_tokenizer, train_tokenizer
from rnngen.errors import TokenizerError
from tests.corpus.tokenizer.examples import LEVELS, TEXT, TOKENIZERS, ids_of


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
@pytest.mark.parametrize("how", ["nfc", "nfkc", "lower"])
def test_loading_restores_the_normalization(level: Level, how: Normalization, tmp_path: Path) -> None:
    tokenizer = train_tokenizer(level, [TEXT], 300 if level in ("word", "bpe") else None, normalization=how)
    (tmp_path / "tokenizer.json").write_text(tokenizer.to_json(), encoding="utf-8")
    loaded = load_tokenizer(tmp_path / "tokenizer.json")
    assert (loaded.normalization, loaded.to_json()) == (how, tokenizer.to_json())


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(
    "normalizer",
    [
        {"type": "NFD"},
        {"type": "Lowercase"},
        {"type": "Sequence", "normalizers": [{"type": "NFC"}]},
        {"type": "Sequence", "normalizers": [{"type": "Lowercase"}, {"type": "NFC"}, {"type": "Strip"}]},
        {"type": "NFC", "more": 1},
        {"type": "Replace", "pattern": {"String": "a"}, "content": "b"},
        "NFC",
        [],
        {},
        0,
        False,
    ],
)
def test_any_other_normalizer_is_refused(level: Level, normalizer: object, tmp_path: Path) -> None:
    tree = json.loads(TOKENIZERS[level].to_json())
    tree["normalizer"] = normalizer
    (tmp_path / "tokenizer.json").write_text(json.dumps(tree))
    with pytest.raises(TokenizerError, match="found normalizer is"):
        load_tokenizer(tmp_path / "tokenizer.json")


@pytest.mark.parametrize("level", ["word", "bpe"])
def test_a_vocabulary_with_the_words_of_gpt_2_keeps_them(level: Level, tmp_path: Path) -> None:
    tree = json.loads(TOKENIZERS[level].to_json())
    tree["pre_tokenizer"] = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    (tmp_path / "tokenizer.json").write_text(json.dumps(tree))
    loaded = load_tokenizer(tmp_path / "tokenizer.json")
    assert loaded.level == level
    for text in (TEXT, "e\u0301a हिन्दी"):
        assert ids_of(loaded, text) == HfTokenizer.from_str(json.dumps(tree)).encode(text).ids
    assert json.loads(loaded.to_json())["pre_tokenizer"] == tree["pre_tokenizer"]


@pytest.mark.parametrize(
    "change",
    [
        lambda rule: rule["pretokenizers"].pop(),
        lambda rule: rule["pretokenizers"][0]["pattern"].update({"Regex": "(a|aa)+$"}),
        lambda rule: rule["pretokenizers"][0].update(behavior="Removed"),
        lambda rule: rule["pretokenizers"][1].update(add_prefix_space=True),
        lambda rule: rule["pretokenizers"].append({"type": "Digits", "individual_digits": True}),
    ],
)
def test_another_rule_for_words_is_refused(change: Any, tmp_path: Path) -> None:
    tree = json.loads(TOKENIZERS["bpe"].to_json())
    change(tree["pre_tokenizer"])
    (tmp_path / "tokenizer.json").write_text(json.dumps(tree))
    with pytest.raises(TokenizerError, match="pre_tokenizer"):
        load_tokenizer(tmp_path / "tokenizer.json")
