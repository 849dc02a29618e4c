"""Words that are found in a text, taken out and filled in."""

from __future__ import annotations

import re

import pytest
import torch

from rnngen.corpus.tokenizer import CharTokenizer, train_tokenizer
from rnngen.infilling import word_gaps
from rnngen.infilling.word_gaps import PASSAGE, fill_some_words, word_spans
from rnngen.model.load import make_network
from rnngen.options.network import ModelConfig
from tests.conftest import make_text
from tests.infilling.formulas import filler_of

SHORT_TEXT = "ab ba, cab!\nabc ba ab caba ca b a" * 3
LONG_TEXT = make_text(3000)
TOKENIZER = CharTokenizer(SHORT_TEXT)


def test_words_of_characters_are_found_between_what_is_no_letter(monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = TOKENIZER.encode("ab ba, cab!\na")
    assert list(word_spans(TOKENIZER, tokens)) == [(3, 5), (7, 10)]  # none at either end
    tokens = TOKENIZER.encode(SHORT_TEXT + " " + "a" * 25 + " " + "b" * 24 + " ")  # the longest that counts
    whole = list(word_spans(TOKENIZER, tokens))
    assert whole[-1] == (len(tokens) - 25, len(tokens) - 1)
    assert (len(tokens) - 51, len(tokens) - 26) not in whole
    for size in (1, 2, 3, 7, 30):  # as in parts of any size
        monkeypatch.setattr(word_gaps, "_CHUNK", size)
        assert list(word_spans(TOKENIZER, tokens)) == whole


@pytest.mark.parametrize("level", ["bpe", "word"])
def test_words_of_larger_tokens_have_the_space_before_them(level: str) -> None:
    text = "the cat sat on the mat and the cat ran. " * 20
    tokenizer = train_tokenizer(level, [text], 300)  # type: ignore[arg-type]
    tokens = tokenizer.encode(text)
    found = {tokenizer.decode(tokens[a:b].tolist()) for a, b in word_spans(tokenizer, tokens)}
    assert found <= {f" {word}" for word in text.replace(".", "").split()}
    assert " cat" in found


def test_filled_words_are_followed_by_the_original_and_the_rest_is_the_text() -> None:
    tokenizer = CharTokenizer(LONG_TEXT)
    config = ModelConfig(hidden_size=8, embedding_size=4, bidirectional=True)
    model = make_network(config, tokenizer.vocab_size, torch.Generator().manual_seed(0))
    filler = filler_of(model, tokenizer)
    tokens = tokenizer.encode(LONG_TEXT)
    samples = [fill_some_words(filler, tokens, seed) for seed in range(4)]
    assert len(set(samples)) == 4
    for sample in samples:
        pairs = re.findall(r"⟦([^⟦|]*)\|?([^⟧]*)⟧", sample)
        assert 1 < len(pairs) <= 4
        original = re.sub(r"⟦[^⟦|]*\|([^⟧]*)⟧", r"\1", sample)
        assert any(word for _, word in pairs)  # a model that learned nothing is wrong
        assert original in LONG_TEXT
        assert len(original) == PASSAGE
        assert all(len(fill) == len(word) and fill != word for fill, word in pairs if word)
