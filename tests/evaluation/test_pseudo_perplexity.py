"""Pseudo-perplexity, against the formula: each token from a state that has read all before it and one that has read all
after it, in NumPy float64."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from rnngen.corpus.pieces import TextCounts
from rnngen.engine.recurrence import Recurrence
from rnngen.errors import CorpusError
from rnngen.evaluation.scoring import held_out_nats
from rnngen.evaluation.scoring import score as score_text
from rnngen.model.cloze import ClozeLM
from rnngen.options.network import ModelConfig
from tests.rounding import rounding_bound

V = 7


def model_and_tokens(n: int, **fields: object) -> tuple[ClozeLM, np.ndarray]:
    config = ModelConfig(**{"hidden_size": 12, "embedding_size": 4, "bidirectional": True, **fields})
    model = ClozeLM(config, V, torch.Generator().manual_seed(3))
    with torch.no_grad():
        for p in model.parameters():
            p.mul_(1.5)
        model.left_to_right.output.bias.copy_(torch.linspace(-1, 1, V))
    return model, np.random.default_rng(4).integers(V, size=n).astype(np.uint16)


def logits_by(direction: torch.nn.Module, config: ModelConfig, tokens: list[int]) -> np.ndarray:
    """The logits after no token, after the first, …, (N + 1, V)."""
    weights = {name: w.detach().double().numpy() for name, w in direction.named_parameters()}
    reader = Recurrence(config, weights)
    rows = [reader.logits[0].copy()]
    rows += [reader.step([token])[0].copy() for token in tokens]
    return np.array(rows)


def one_by_one(model: ClozeLM, tokens: np.ndarray) -> np.ndarray:
    ids, N = tokens.tolist(), len(tokens)
    left = logits_by(model.left_to_right, model.config, ids)
    right = logits_by(model.right_to_left, model.config, ids[::-1])
    nats = []
    for t, token in enumerate(ids):
        logits = left[t] + right[N - 1 - t]
        nats.append(math.log(np.exp(logits).sum()) - logits[token])
    return np.array(nats)


def bound(model: ClozeLM, tokens: np.ndarray) -> float:
    """Of the sum."""
    return rounding_bound(lambda m: one_by_one(m, tokens).sum(), model)


LAYOUTS = [(1, 1), (1, 1000), (3, 17), (8, 64), (200, 5), (None, None)]


@pytest.mark.parametrize("cell", ["lstm", *(pytest.param(c, marks=pytest.mark.slow) for c in ("gru", "rnn"))])
def test_every_token_is_scored_from_both_sides_whatever_the_layout(cell: str) -> None:
    model, tokens = model_and_tokens(702, cell=cell, num_layers=2)
    expected = one_by_one(model, tokens)
    of_each, of_sum = rounding_bound(lambda m: one_by_one(m, tokens), model), bound(model, tokens)
    for batch_size, window in LAYOUTS:
        each = np.full(len(tokens), np.nan, np.float32)
        total = held_out_nats(model, tokens, batch_size=batch_size, window=window, each=each)
        np.testing.assert_allclose(each, expected, rtol=0, atol=of_each)
        assert total == pytest.approx(expected.sum(), rel=0, abs=of_sum)


@pytest.mark.parametrize("n", [1, 2, 3, 64, 65, 66, 129])
def test_short_texts_and_whole_windows_are_scored(n: int) -> None:
    model, tokens = model_and_tokens(n)
    expected = one_by_one(model, tokens).sum()
    assert held_out_nats(model, tokens) == pytest.approx(expected, rel=0, abs=bound(model, tokens))


def test_a_tied_network_with_a_narrow_last_layer_is_scored_too() -> None:
    model, tokens = model_and_tokens(100, num_layers=2, tied=True)
    expected = one_by_one(model, tokens).sum()
    assert held_out_nats(model, tokens, window=9) == pytest.approx(expected, rel=0, abs=bound(model, tokens))


def test_the_numbers_go_by_names_that_are_no_left_to_right_models() -> None:
    model, tokens = model_and_tokens(50)
    score = score_text(model, tokens, TextCounts(50, 10, 50))
    keys = score.as_dict()
    assert keys["pseudo_nats_per_token"] == pytest.approx(score.nats / 50)
    assert keys["pseudo_perplexity"] == pytest.approx(math.exp(score.nats / 50))
    assert not {"nats_per_token", "token_perplexity", "bits_per_character", "nats"} & keys.keys()
    with pytest.raises(CorpusError, match="no text"):
        score_text(model, tokens[:0], TextCounts(0, 0, 0))
