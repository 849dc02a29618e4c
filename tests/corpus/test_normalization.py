"""A text in a Unicode form: that of ``unicodedata`` and the ``tokenizers`` library, however the text is cut."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer as HfTokenizer

from rnngen.corpus.normalization import LONGEST_RUN, NORMALIZATIONS, Normalization, normalized, normalized_pieces
from rnngen.corpus.sources import TextSource
from rnngen.corpus.tokenizer import Level, train_tokenizer
from rnngen.corpus.tokens import KnownText, OtherTextError, prepare
from rnngen.options.training import DataConfig
from tests.corpus.tokenizer.examples import LEVELS, TEXT, cuts

# what composes, changes places, and stands between: Latin, Hangul, Indic, Greek, kana, ligatures, capitals, NUL
CHARACTERS = (
    "eaJΣΩİIΑς\u0301\u0327\u030c\u0323\u0345\u1100\u1161\u11a8가\u09c7\u09be\u0b47\u0b56\u0915\u094d\u0937"
    "\u03b1\u0313ﾊ\uff9e\uff9f\u304b\u3099ﬁ①Ａ\u212b\u00e9\u1e0b\u0344\u0f73\u0f71 \n\0x語😀\U00011131\U00011127"
)
texts = st.text(st.sampled_from(CHARACTERS), max_size=40)


def naive(text: str, how: Normalization) -> str:
    """The form of a whole text, without a limit for runs of marks."""
    if how == "lower":
        text = "".join(character.lower() for character in text)
    form = {"nfc": "NFC", "nfkc": "NFKC", "lower": "NFC"}.get(how)
    return unicodedata.normalize(form, text) if form else text  # type: ignore[arg-type]


@pytest.mark.parametrize("how", NORMALIZATIONS)
@settings(deadline=None, max_examples=150)
@given(text=texts | st.text(st.characters(exclude_categories=["Cs"])), places=st.lists(st.integers(0, 40), max_size=9))
def test_pieces_are_normalised_as_the_whole_text(how: Normalization, text: str, places: list[int]) -> None:
    whole = naive(text, how)
    assert "".join(normalized_pieces(cuts(text, places), how)) == whole
    assert normalized(text, how) == whole
    assert normalized(whole, how) == whole  # a prompt that a model wrote is read as it was written


@pytest.mark.slow
@pytest.mark.parametrize("how", ["nfc", "nfkc", "lower"])
def test_no_character_of_unicode_combines_across_a_cut(how: Normalization) -> None:
    last = 0x30000 if how == "nfc" else 0x110000  # NFC leaves alone what is beyond
    every = "".join(map(chr, [*range(0xD800), *range(0xE000, last)]))
    assert "".join(normalized_pieces(list(every), how)) == naive(every, how)
    after = "".join(f"e{character}\u1112{character}" for character in every[0x300:0x12000])
    assert "".join(normalized_pieces(list(after), how)) == naive(after, how)


@pytest.mark.parametrize("how", ["nfc", "nfkc", "lower"])
@pytest.mark.parametrize("before", ["e", *(pytest.param(t, marks=pytest.mark.slow) for t in ("", "\u0301e"))])
def test_an_endless_run_of_marks_takes_bounded_memory_and_depends_on_no_cut(how: Normalization, before: str) -> None:
    text = before + "\u0301\u0323" * 2 * LONGEST_RUN + "é" + "\u0323" * 5
    whole = normalized(text, how)
    assert sorted(naive(whole, how)) == sorted(naive(text, how))  # the same marks, in another order at most
    for size in (1, 7, LONGEST_RUN, LONGEST_RUN + 1, 3000):
        pieces = list(normalized_pieces([text[at : at + size] for at in range(0, len(text), size)], how))
        assert "".join(pieces) == whole
        assert max(map(len, pieces)) <= LONGEST_RUN + size


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("how", ["nfc", "nfkc", "lower"])
def test_the_saved_tokenizer_normalises_alike_in_the_tokenizers_library(how: Normalization, level: Level) -> None:
    old = unicodedata.ucd_3_2_0  # what has been assigned for long is the same in all versions of Unicode
    texts = [TEXT, *(f"a{character}b" for character in CHARACTERS), "J\u030c ΟΔΟΣ İ \u1100\u1161\u11a8 e\u0301"]
    assigned = [chr(code) for code in range(0xA0, 0x3400) if old.category(chr(code)) != "Cn"]
    texts += ["".join(assigned), " ".join(f"e{character}" for character in assigned)]
    learned = naive("".join(texts), how)
    tokenizer = train_tokenizer(level, [learned], 600 if level in ("word", "bpe") else None, normalization=how)
    other = HfTokenizer.from_str(tokenizer.to_json())
    for text in texts:
        assert tokenizer.encode(text).tolist() == other.encode(text).ids
        if level != "words-closed":  # which keeps neither rare words nor white space
            assert tokenizer.decode(tokenizer.encode(text)) == naive(text, how)


def test_files_are_normalised_one_by_one_and_what_is_counted_is_the_result(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Cafe\u0301\n" * 500, encoding="utf-8")
    (tmp_path / "b.txt").write_text("\u0301Ende", encoding="utf-8")
    source = TextSource([str(tmp_path / "a.txt"), str(tmp_path / "b.txt")], normalize="nfc")
    text = "Café\n" * 500 + "\u0301Ende"
    assert "".join(source) == text == "".join(source)
    data = DataConfig(corpus=(str(tmp_path),), normalize="nfc", split=(0.9, 0.1))
    corpus = prepare(data)
    assert corpus.tokenizer.normalization == "nfc"
    assert sum(part.counts.characters for part in corpus.parts.values()) == len(text)
    composed = tmp_path / "composed.txt"
    composed.write_text(text, encoding="utf-8")
    assert corpus.fingerprint == prepare(data.changed(corpus=(str(composed),), normalize="none")).fingerprint


def test_a_known_text_is_found_though_it_was_longer_before_it_was_composed() -> None:
    composed = "\u1f82" * 3_000  # alpha with two accents and a iota, four code points
    Path("text.txt").write_text(unicodedata.normalize("NFD", composed), encoding="utf-8")
    data = DataConfig(corpus=("text.txt",), normalize="nfc")
    known = KnownText(prepare(data).fingerprint, len(composed))
    assert prepare(data, known=known).train.counts.characters == 2_700
    with pytest.raises(OtherTextError):
        prepare(data, known=KnownText(known.fingerprint, len(composed) // 4))
