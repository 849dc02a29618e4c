"""Mixtures of everything that adapts: they are distributions, and know nothing of what comes after."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from rnngen.evaluation.adaptation import adapted, tuning
from rnngen.evaluation.adaptation.adapted import Adaptation, AdaptingInterrupted
from rnngen.evaluation.adaptation.mixing import number_of_classes
from rnngen.evaluation.adaptation.settings import MIXED, RECENT_ORDER, Dynamic, Parts, Settings
from rnngen.evaluation.adaptation.static import StaticReading
from rnngen.evaluation.reading import read_blocks
from rnngen.model.language_model import RecurrentLM
from rnngen.options.network import ModelConfig

V = 5
TEXT = np.tile(np.array([0, 3, 1, 1, 4, 2, 0, 3, 2, 1], np.uint16), 5)


def settings() -> Settings:
    """Weights that differ from class to class and sum to 1."""
    rng = np.random.default_rng(0)
    classes = number_of_classes(RECENT_ORDER)
    weights = {parts.name: rng.dirichlet(np.ones(parts.models), classes) for parts in MIXED}
    return Settings(Dynamic(learning_rate=0.02, segment=7), weights=weights)


def network() -> RecurrentLM:
    config = ModelConfig(hidden_size=5, embedding_size=3)
    return RecurrentLM(config, V, torch.Generator().manual_seed(1)).double().eval()


def adaptation(tokens: np.ndarray, *ways: Parts, **more: Any) -> Adaptation:
    return Adaptation(network(), tokens, settings(), ways, TEXT[:20].astype(np.int64), **more)


def nats(tokens: np.ndarray, parts: Parts) -> np.ndarray:
    """Of each token, (N,)."""
    return adaptation(tokens, parts).nats(parts)


@pytest.mark.parametrize("parts", [Parts(dynamic=True), *MIXED], ids=lambda parts: parts.name)
@pytest.mark.parametrize("t", [0, 1, 23, 49])
def test_the_probabilities_of_all_next_tokens_sum_to_1(parts: Parts, t: int) -> None:
    p = [np.exp(-nats(np.append(TEXT[:t], np.uint16(token)), parts)[-1]) for token in range(V)]
    assert sum(p) == pytest.approx(1, abs=1e-6)  # nats of the network are kept in float32
    assert max(p) - min(p) > 0.01 or t < 2


@pytest.mark.parametrize("parts", MIXED, ids=lambda parts: parts.name)
def test_what_comes_later_changes_nothing(parts: Parts) -> None:
    other = np.append(TEXT[:30], TEXT[30:][::-1])
    np.testing.assert_allclose(nats(other, parts)[:30], nats(TEXT, parts)[:30], rtol=1e-6)


ALONE, MIXED_TOO = Parts(dynamic=True), Parts(True, True, True)


def test_what_a_way_gives_does_not_depend_on_the_others() -> None:
    alone = adaptation(TEXT, ALONE).result(ALONE)
    together = adaptation(TEXT, ALONE, MIXED_TOO)
    assert together.result(ALONE).nats == pytest.approx(alone.nats, rel=1e-12)
    assert together.result(MIXED_TOO).nats == pytest.approx(nats(TEXT, MIXED_TOO).sum(), rel=1e-12)
    assert alone.nats == pytest.approx(nats(TEXT, ALONE).sum(), rel=1e-12)
    assert alone.tokens == len(TEXT)


def test_dynamic_evaluation_alone_keeps_nothing_of_each_token() -> None:
    model = adaptation(TEXT, ALONE)
    model.result(ALONE)
    assert not any(isinstance(part, np.ndarray) for part in model._known.values())
    assert not any(isinstance(part, tuple) for part in model._known.values())


def test_a_token_of_almost_no_probability_costs_its_nats_and_not_infinitely_many() -> None:
    model = adaptation(TEXT, ALONE, MIXED_TOO)
    with torch.no_grad():
        model.model.output.bias[1] -= 2000
    model.settings = Settings(Dynamic(learning_rate=0.0), weights=settings().weights)
    result = model.result(ALONE)
    assert np.isfinite(result.nats)
    assert result.nats > 1500 * (TEXT == 1).sum()


@pytest.mark.parametrize("ways", [(ALONE,), (ALONE, MIXED_TOO)], ids=["alone", "with others"])
def test_an_interruption_leaves_the_score_of_what_was_read(ways: tuple[Parts, ...]) -> None:
    read = 0

    def on_read(tokens: int) -> None:
        nonlocal read
        read += tokens
        if read > 19 + 30:  # the statistics read 19
            raise KeyboardInterrupt

    with pytest.raises(AdaptingInterrupted) as interrupt:
        adaptation(TEXT, *ways, on_read=on_read).result(ALONE)
    found = interrupt.value.result
    assert 0 < found.tokens < len(TEXT)
    assert found.nats == pytest.approx(nats(TEXT, ALONE)[: found.tokens].sum(), rel=1e-12)


@pytest.mark.parametrize("with_static", [False, True])
def test_it_is_told_of_as_many_tokens_as_it_reads(*, with_static: bool) -> None:
    static = StaticReading()
    for block in read_blocks(network(), TEXT):
        static.add(block)
    for parts in (ALONE, *MIXED):
        ways, read = (ALONE, parts), list[int]()
        model = adaptation(TEXT, *ways, static=static if with_static else None, on_read=read.append)
        found = [model.result(way) for way in ways]
        assert sum(read) == model.tokens_to_read
        assert found[-1].nats == pytest.approx(nats(TEXT, parts).sum(), rel=1e-5)
        assert all(each.seconds > 0 for each in found)


def test_a_reading_of_the_text_that_is_known_is_not_repeated() -> None:
    static, ngram = StaticReading(), Parts(ngram=True)
    for block in read_blocks(network(), TEXT):
        static.add(block)
    read: list[int] = []
    adaptation(TEXT, ngram, static=static, on_read=read.append).result(ngram)
    assert not read
    assert static.seconds > 0


def test_the_seconds_of_the_static_reading_are_without_what_is_made_of_its_scores(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now, static = iter(range(10**6)), StaticReading()
    monkeypatch.setattr(adapted.time, "perf_counter", lambda: next(now))
    blocks = 0
    for block in read_blocks(network(), TEXT, window=8, block=16):
        static.add(block)
        blocks += 1
        for _ in range(1000):  # another analysis
            next(now)
    assert blocks > 1
    assert blocks <= static.seconds < 1000


def test_the_seconds_of_dynamic_evaluation_are_those_of_all_that_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter(range(10**6))
    monkeypatch.setattr(adapted.time, "perf_counter", lambda: next(now))
    model = adaptation(TEXT, ALONE)
    assert model.result(ALONE).seconds == model._seconds["statistics"] + model._seconds["sum True"] > 1


def test_tuning_leaves_settings_that_diverge(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuning, "Dynamic", lambda: Dynamic(learning_rate=1e40, segment=7))
    found = tuning.tuned_dynamic(network().float(), TEXT[:15], None)
    assert found.learning_rate < 1e39
    model = adaptation(TEXT[:15], ALONE)
    model.model.float()
    model.settings = Settings(Dynamic(learning_rate=1e40, segment=7))
    tuning._slow_down(model)
    assert np.isfinite(model.result(ALONE).nats)
