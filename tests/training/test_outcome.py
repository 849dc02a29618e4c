"""The sentences at the end of training go by the run's own text and scores."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path

import pytest

from rnngen.corpus.tokens import prepare
from rnngen.options.training import DataConfig
from rnngen.training.summary import _on_lengths, _pieces, _share_of_frequencies


@pytest.mark.parametrize("tokenizer", ["char", "byte", "word"])
def test_order_is_asked_for_where_tokens_are_words(corpus: Path, tokenizer: str) -> None:
    encoded = prepare(DataConfig(corpus=[str(corpus)], tokenizer=tokenizer))  # type: ignore[arg-type]
    tokens = _pieces(encoded)
    assert tokens.tolist() == encoded.train.tokens.tolist()  # of a short text, all of it
    counts, total = Counter(tokens.tolist()), len(tokens)
    entropy = -sum(n / total * math.log(n / total) for n in counts.values())
    expected = 2.0 / entropy if tokenizer == "word" else 0.0
    assert _share_of_frequencies(2.0, encoded, tokens) == pytest.approx(expected)


@pytest.mark.parametrize(("tokenizer", "told"), [("char", False), ("word", True), ("words-closed", False)])
def test_words_that_are_spelled_in_the_validation_part_are_told(corpus: Path, tokenizer: str, told: bool) -> None:
    Path("valid.txt").write_text("Quaggas gazed over hedges.\n" * 40, encoding="utf-8")
    data = DataConfig(corpus=[str(corpus)], valid=["valid.txt"], tokenizer=tokenizer)  # type: ignore[arg-type]
    encoded = prepare(data)
    train, valid = (part.counts.characters / len(part.tokens) for part in (encoded.train, encoded.valid))
    said = _on_lengths(encoded, valid)
    assert said.startswith(f" Tokens have {train:.2f} characters in the training part and {valid:.2f} in") == told
    assert bool(said) == told
