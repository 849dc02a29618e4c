"""Exact scoring, against a token-by-token loop in NumPy float64."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

import rnngen
from rnngen.corpus.pieces import TextCounts
from rnngen.engine.recurrence import Recurrence
from rnngen.errors import CorpusError
from rnngen.evaluation import reading
from rnngen.evaluation.blocks import ScoredBlock
from rnngen.evaluation.reading import read_blocks
from rnngen.evaluation.scoring import ScoringInterrupted, held_out_nats, score
from rnngen.model.language_model import RecurrentLM
from rnngen.options.network import ModelConfig
from tests.rounding import gamma, nats_bound, rounding_bound

V = 7


def model_and_tokens(n: int, **fields: object) -> tuple[RecurrentLM, np.ndarray]:
    config = ModelConfig(**{"hidden_size": 12, "embedding_size": 4, **fields})
    model = RecurrentLM(config, V, torch.Generator().manual_seed(3))
    with torch.no_grad():
        for p in model.parameters():
            p.mul_(1.5)  # far from uniform, so that a mistake shows
        model.output.bias.copy_(torch.linspace(-1, 1, V))
    return model, np.random.default_rng(4).integers(V, size=n).astype(np.uint16)


def one_by_one(model: RecurrentLM, tokens: np.ndarray) -> float:
    weights = {name: w.double().numpy() for name, w in model.weights().items()}
    reference = Recurrence(model.config, weights)
    nats = 0.0
    for token in tokens.tolist():
        logits = reference.logits
        nats -= logits[0, token] - math.log(np.exp(logits[0]).sum())
        reference.step([token])
    return nats


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_score_equals_a_token_by_token_loop_whatever_the_layout(cell: str) -> None:
    model, tokens = model_and_tokens(701, cell=cell, num_layers=2)
    expected, bound = one_by_one(model, tokens), nats_bound(model, tokens)
    for batch_size, window in [(1, 1), (1, 1000), (3, 17), (8, 64), (200, 5), (None, 128)]:
        nats = held_out_nats(model, tokens, batch_size=batch_size, window=window)
        assert nats == pytest.approx(expected, rel=0, abs=bound), (batch_size, window)


@pytest.mark.parametrize(("n", "batch_size", "window"), [(1, None, 64), (2, None, 64), (701, 3, 17), (701, 200, 5)])
def test_the_nats_of_each_token_are_those_of_the_loop_too(n: int, batch_size: int | None, window: int) -> None:
    model, tokens = model_and_tokens(n)
    each = np.full(n, np.nan, np.float32)
    total = held_out_nats(model, tokens, batch_size=batch_size, window=window, each=each)
    assert each.sum(dtype=float) == pytest.approx(total, rel=gamma(2))  # the same numbers, but the sums are in float64
    partial = [one_by_one(model, tokens[:k]) for k in range(0, n + 1, 50)]
    bound = nats_bound(model, tokens)
    np.testing.assert_allclose(np.cumsum([0, *each], dtype=float)[::50], partial, rtol=0, atol=bound)


@pytest.mark.parametrize("block", [1, 50, 64, 699, 700, 701, 5000])
def test_blocks_are_the_text_in_order_and_change_nothing(block: int) -> None:
    model, tokens = model_and_tokens(701)
    blocks = list(read_blocks(model, tokens, window=10, block=block))
    assert [each.start for each in blocks] == [0, *(each.stop for each in blocks[:-1])]
    assert max(len(each.tokens) for each in blocks) <= max(10, block) + 1
    np.testing.assert_array_equal(np.concatenate([each.tokens for each in blocks]), tokens)
    nats = np.concatenate([each.nats for each in blocks])
    partial = [one_by_one(model, tokens[:k]) for k in range(0, 702, 50)]
    np.testing.assert_allclose(
        np.cumsum([0, *nats], dtype=float)[::50], partial, rtol=0, atol=nats_bound(model, tokens)
    )


def test_blocks_grow_until_they_are_long_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    model, tokens = model_and_tokens(701)
    monkeypatch.setattr(reading, "first_block_of", lambda model: 55)
    monkeypatch.setattr(reading, "LONG_ENOUGH", 200)
    blocks = list(read_blocks(model, tokens, window=10))
    assert [each.stop for each in blocks] == [51, 101, 201, 401, 601, 701]  # the first token has nothing before it
    nats = np.concatenate([each.nats for each in blocks])
    fixed = np.concatenate([each.nats for each in read_blocks(model, tokens, window=10, block=700)])
    np.testing.assert_allclose(nats, fixed, rtol=1e-4, atol=1e-5)


def test_ranks_and_highest_probabilities_are_those_of_the_softmax() -> None:
    model, tokens = model_and_tokens(130)
    (scored,) = read_blocks(model, tokens, detailed=True)
    reference = Recurrence(model.config, {name: w.double().numpy() for name, w in model.weights().items()})
    ranks, tops = [], []
    for token in tokens.tolist():
        logits = reference.logits[0]
        ranks.append(int((logits > logits[token]).sum()))
        tops.append(float(np.exp(logits.max()) / np.exp(logits).sum()))
        reference.step([token])
    assert scored.scores.ranks is not None
    assert scored.scores.tops is not None
    assert scored.scores.ranks.tolist() == ranks  # the logits differ by more than rounding
    np.testing.assert_allclose(scored.scores.tops, tops, rtol=1e-4)


def test_an_interrupted_score_is_of_what_was_read() -> None:
    model, tokens = model_and_tokens(701)
    known = score(model, tokens[:301], TextCounts(301, 1, 301))

    def interrupt(block: ScoredBlock) -> None:
        if block.stop >= 400:
            raise KeyboardInterrupt

    analysis = type("Interrupting", (), {"detailed": False, "add": staticmethod(interrupt)})()
    with pytest.raises(ScoringInterrupted) as stopped:
        score(model, tokens, TextCounts(701, 1, 701), analyses=[analysis], window=10, block=100)
    assert stopped.value.tokens == 301
    assert stopped.value.nats == pytest.approx(known.nats, rel=1e-5)


def test_a_network_that_never_forgets_is_scored_exactly_too() -> None:
    """The identity RNN with an orthogonal matrix remembers for ever, so no stream may stop early."""
    model, tokens = model_and_tokens(400, cell="rnn", nonlinearity="identity")
    with torch.no_grad():
        random = torch.randn(12, 12, generator=torch.Generator().manual_seed(0))
        model.cells[0].weight_hh_l0.copy_(torch.linalg.qr(random).Q)
        model.cells[0].weight_ih_l0.mul_(0.1)
    nats = held_out_nats(model, tokens, batch_size=9, window=8)
    assert nats == pytest.approx(one_by_one(model, tokens), rel=0, abs=nats_bound(model, tokens))


def test_parallel_streams_read_little_more_than_the_text_once(monkeypatch: pytest.MonkeyPatch) -> None:
    model, tokens = model_and_tokens(16_000)
    with torch.no_grad():
        for p in model.parameters():
            p.mul_(0.5)
    read = 0
    forward = RecurrentLM.forward

    def counting(self: RecurrentLM, x: torch.Tensor, *rest: object) -> object:
        nonlocal read
        read += x.numel()
        return forward(self, x, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(RecurrentLM, "forward", counting)
    held_out_nats(model, tokens, batch_size=8)
    assert 16_000 <= read < 1.3 * 16_000


@pytest.mark.parametrize("n", [1, 2, 3])
def test_very_short_texts_are_scored(n: int) -> None:
    model, tokens = model_and_tokens(n)
    assert held_out_nats(model, tokens) == pytest.approx(
        one_by_one(model, tokens), rel=0, abs=nats_bound(model, tokens)
    )


@pytest.mark.usefixtures("needs_bf16")
def test_bf16_is_near_but_float32_is_what_scores_use() -> None:
    model, tokens = model_and_tokens(500)
    exact, rough = held_out_nats(model, tokens), held_out_nats(model, tokens, precision="bf16")
    assert rough != exact
    # of a product both factors are rounded to 8 bits, then the sum, and the state that is carried: four roundings
    bound = rounding_bound(lambda m: one_by_one(m, tokens), model, relative=gamma(4, torch.bfloat16))
    assert bound < 0.01 * exact
    assert rough == pytest.approx(exact, rel=0, abs=bound)


def test_a_uniform_model_has_the_vocabulary_as_its_perplexity() -> None:
    model, tokens = model_and_tokens(300)
    with torch.no_grad():
        model.output.weight.zero_()
        model.output.bias.zero_()
    s = score(model, tokens, TextCounts(300, 1, 300))
    assert s.as_dict()["token_perplexity"] == pytest.approx(V, rel=1e-6)


def test_no_text_is_an_error() -> None:
    model, _ = model_and_tokens(1)
    with pytest.raises(CorpusError):
        score(model, np.zeros(0, np.uint16), TextCounts())


def test_a_file_scores_the_same_as_the_same_text_as_a_part(trained: Path, _trained: Path) -> None:
    text = (_trained / "corpus.txt").read_text(encoding="utf-8")
    Path("test.txt").write_text(text[19_000:], encoding="utf-8")
    own = rnngen.evaluate(trained)
    file = rnngen.evaluate(trained, "test.txt")
    assert own.counts == file.counts
    assert own.nats == file.nats  # the same tokens in the same layout
    assert own.tokens == 1000
