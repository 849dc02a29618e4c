from __future__ import annotations

import re

import torch

from rnngen.corpus.tokenizer import CharTokenizer
from rnngen.model.load import make_network
from rnngen.options.network import ModelConfig
from rnngen.training.samples import LENGTH, fill_some_words
from tests.conftest import make_text
from tests.infilling.test_filler import filler_of

TEXT = make_text(3000)


def test_words_filled_in_are_followed_by_the_original_and_the_rest_is_the_text() -> None:
    tokenizer = CharTokenizer(TEXT)
    config = ModelConfig(hidden_size=8, embedding_size=4, bidirectional=True)
    model = make_network(config, tokenizer.vocab_size, torch.Generator().manual_seed(0))
    filler = filler_of(model, tokenizer)
    tokens = tokenizer.encode(TEXT)
    samples = [fill_some_words(filler, tokens, step) for step in range(4)]
    assert len(set(samples)) == 4
    for sample in samples:
        pairs = re.findall(r"⟦([^⟦|]*)\|?([^⟧]*)⟧", sample)
        assert 1 < len(pairs) <= 4
        original = re.sub(r"⟦[^⟦|]*\|([^⟧]*)⟧", r"\1", sample)
        assert any(word for _, word in pairs)  # a model that learned nothing is wrong
        assert original in TEXT
        assert len(original) == LENGTH
        assert all(len(fill) == len(word) and fill != word for fill, word in pairs if word)
