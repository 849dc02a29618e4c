from __future__ import annotations

import math
import time
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rnngen.corpus.tokens import EncodedCorpus, prepare
from rnngen.corpus.window_lengths import WindowLengths
from rnngen.errors import CorpusError, UsageError
from rnngen.model.device import using_threads
from rnngen.options.config import RunConfig
from rnngen.options.given import Given
from rnngen.options.training import DataConfig
from rnngen.training.planning import plan as planning
from rnngen.training.planning import rules, sizing
from rnngen.training.planning.plan import make_plan
from rnngen.training.planning.speed import Speed, SpeedTest


@pytest.fixture
def encoded(corpus: Path) -> EncodedCorpus:
    return prepare(DataConfig(corpus=(str(corpus),)))


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """A machine whose speed is known: seconds per step are proportional to the weights."""
    rate = {"weights_per_second": 1e9}

    def measure(test: SpeedTest, config: RunConfig, precisions: Sequence[str]) -> Speed:
        model = config.model
        weights = model.hidden_size * (4 * (model.embedding_size + model.hidden_size) + test.vocab_size)
        window = config.train.batch_size * config.train.bptt
        return Speed(precisions[-1], weights * window / rate["weights_per_second"])

    monkeypatch.setattr(SpeedTest, "measure", measure)
    monkeypatch.setattr(planning, "measure_validation", lambda config, corpus: 1e-5)
    return rate


def plan(corpus: EncodedCorpus, **options: Any) -> planning.Plan:
    return make_plan(Given.of({"device": "cpu", **options}), corpus, time.perf_counter())


def test_options_that_the_user_gave_are_never_changed(encoded: EncodedCorpus, machine: object) -> None:
    given = {
        "hidden_size": 48,
        "embedding_size": 20,
        "dropout": 0.33,
        "batch_size": 5,
        "bptt": 12,
        "steps": 77,
        "valid_every": 9,
        "save_every": 11,
        "sample_every": 0,
        "precision": "float32",
        "learning_rate": 0.01,
        "cell": "gru",
        "num_layers": 2,
    }
    config = plan(encoded, **given).config
    flat = config.flat()
    assert {k: flat[k] for k in given} == given


def test_minutes_become_the_steps_that_fill_them(
    encoded: EncodedCorpus, machine: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (planning, sizing):  # planning itself takes no time
        monkeypatch.setattr(module, "time", SimpleNamespace(perf_counter=lambda: 0.0))
    p = make_plan(Given.of({"device": "cpu", "minutes": 0.05, "hidden_size": 128}), encoded, 0.0)
    step = p.config.train.batch_size * p.config.train.bptt / p.tokens_per_second
    validations = p.config.train.steps / p.config.train.valid_every  # of 1,000 tokens each
    costs, train = p.costs, p.config.train
    others = 8 * costs.sample + math.ceil(train.steps / train.save_every) * costs.save
    available = 3.0 - rules.ENDING
    assert train.steps * step + validations * 0.01 + others == pytest.approx(available, rel=0.1)
    assert p.seconds == pytest.approx(available, rel=0.1)


def test_counting_ngrams_is_in_the_plan(
    encoded: EncodedCorpus, machine: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "mixing_seconds", lambda corpus, order, token_seconds: 3.0 * order)
    alone, counted = (plan(encoded, minutes=0.5, hidden_size=128, ngram=n) for n in (0, 5))
    assert counted.seconds == pytest.approx(alone.seconds, rel=0.05)
    step = alone.costs.step
    assert (alone.config.train.steps - counted.config.train.steps) * step == pytest.approx(15, rel=0.1)


def test_the_threads_of_a_run_by_the_clock_are_measured_and_those_of_others_are_all(
    encoded: EncodedCorpus, machine: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SpeedTest, "fewest_threads", lambda self, config: 1)
    with using_threads(2):
        threads = [
            plan(encoded, hidden_size=16, **length).config.train.threads
            for length in ({"minutes": 0.05}, {"steps": 3}, {"epochs": 1})
        ]
    assert threads == [1, 2, 2]


def test_epochs_become_steps(encoded: EncodedCorpus, machine: object) -> None:
    p = plan(encoded, epochs=3, batch_size=4, bptt=16)
    assert p.config.train.steps == round(3 * 18_000 / 64)
    assert p.epochs == pytest.approx(3, rel=0.01)


def test_the_number_of_epochs_of_a_small_text_is_limited(encoded: EncodedCorpus, machine: object) -> None:
    p = plan(encoded, minutes=1000)
    assert p.capped
    assert p.epochs == pytest.approx(rules.MAX_EPOCHS, rel=0.01)
    assert p.seconds < 60_000


def test_a_faster_machine_gets_a_wider_model(
    encoded: EncodedCorpus, machine: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "MAX_EPOCHS", 10**6)  # this text is small, and would bound the width alone
    widths = []
    for rate in (3e8, 1e10, 1e12):
        machine["weights_per_second"] = rate
        widths.append(plan(encoded, minutes=0.1).config.model.hidden_size)
    assert widths == sorted(widths)
    assert widths[0] < widths[-1]


def test_a_small_text_bounds_the_width_however_fast_the_machine(
    encoded: EncodedCorpus, machine: dict[str, float]
) -> None:
    machine["weights_per_second"] = 1e13
    p = plan(encoded, minutes=1)
    multiplied = 4 * 128 * (64 + 128) + 128 * p.vocab_size
    assert p.config.model.hidden_size == 128
    assert rules.tokens_rule(multiplied, 18_000) < rules.MAX_EPOCHS * 18_000 < rules.tokens_rule(2 * multiplied, 18_000)


def test_the_tokens_that_a_weight_needs_grow_smoothly_from_the_fourth_epoch_on() -> None:
    few, border = 10**5, 3_000_000 / rules.TOKENS_PER_WEIGHT
    assert rules.tokens_rule(few, 10**6) == rules.TOKENS_PER_WEIGHT * few
    assert rules.tokens_rule(round(border), 10**6) == pytest.approx(3_000_000)  # here both are the same
    for weights in (2 * 10**6, 10**7):
        D = rules.tokens_rule(weights, 10**6)
        assert pytest.approx(rules.TOKENS_PER_WEIGHT * weights * math.sqrt(D / 3e6)) == D


def test_with_ngrams_a_weight_needs_more_tokens_unless_the_text_is_read_often() -> None:
    for weights in (10**5, 10**6, 10**7):
        D = rules.tokens_rule(weights, 10**6, ngrams=True)
        assert max(rules.tokens_rule(weights, 10**6), rules.TOKENS_WITH_NGRAMS * weights) == D


@pytest.mark.parametrize(
    ("tokens", "rows"), [(10, 256), (8_192, 256), (8_193, 512), (1_000_000, 32_768), (10**9, 65_536)]
)
def test_a_longer_text_has_a_larger_table_of_n_grams(tokens: int, rows: int) -> None:
    assert rules.history_rows_rule(tokens) == rows


def test_the_table_of_n_grams_decays_alike_in_every_epoch_and_never_by_more_than_all_of_it() -> None:
    for steps, rate in ((100, 0.02), (1000, 0.01)):
        left = (1 - rate * rules.history_decay_rule(steps, rate)) ** steps
        assert math.log(left) == pytest.approx(-rules.DECAY_PER_EPOCH)
    assert rules.history_decay_rule(10**6, 0.01) == pytest.approx(rules.MIN_DECAY_PER_STEP / 0.01)
    assert 0.01 * rules.history_decay_rule(0.1, 0.01) <= 1


def test_the_input_depends_on_earlier_tokens_unless_the_optimizer_is_asgd(
    encoded: EncodedCorpus, machine: dict[str, float]
) -> None:
    p = plan(encoded, minutes=1)
    assert (p.config.model.history, p.config.model.history_rows) == (3, 1024)
    assert plan(encoded, minutes=1, history=0).config.model.history == 0
    assert plan(encoded, minutes=1, optimizer="asgd").config.model.history == 0
    assert (rules.history_rule(512), rules.history_rule(513)) == (3, 1)


def test_embedding_and_softmax_of_a_large_vocabulary_share_a_matrix_unless_widths_were_given(
    encoded: EncodedCorpus, machine: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (rules.tied_rule(512), rules.tied_rule(513)) == (False, True)
    assert not plan(encoded, minutes=1).config.model.tied
    monkeypatch.setattr(rules, "SMALL_VOCABULARY", encoded.tokenizer.vocab_size - 1)
    for sizes in ({}, {"size": "small"}, {"hidden_size": 96}, {"num_layers": 2}):
        model = plan(encoded, minutes=1, **sizes).config.model
        assert model.tied and model.embedding_size == model.hidden_size, sizes
    assert not plan(encoded, minutes=1, tied=False).config.model.tied
    model = plan(encoded, minutes=1, embedding_size=40).config.model
    assert (model.tied, model.embedding_size) == (False, 40)


def test_streams_move_about_in_a_text_unless_its_documents_have_beginnings(
    encoded: EncodedCorpus, machine: dict[str, float], corpus: Path
) -> None:
    assert plan(encoded, minutes=1).config.train.contiguous == rules.CONTIGUOUS
    assert plan(encoded, minutes=1, contiguous=0).config.train.contiguous == 0
    lines = prepare(DataConfig(corpus=(str(corpus),), documents="lines"))
    assert plan(lines, minutes=1, documents="lines").config.train.contiguous == 0


def test_weights_are_averaged_over_a_tenth_of_the_steps(encoded: EncodedCorpus, machine: dict[str, float]) -> None:
    steps = (100, 500, 2000, 30_000, 10**9)
    averaged = {n: 1 / (1 - plan(encoded, steps=n).config.optimizer.ema) for n in steps}
    assert averaged == pytest.approx({100: 50, 500: 50, 2000: 200, 30_000: 3000, 10**9: 10_000}, rel=0.01)
    assert plan(encoded, steps=2000, ema=0.9).config.optimizer.ema == 0.9


@pytest.mark.parametrize(
    ("tokens", "streams"), [(100, 1), (300, 1), (1_000, 3), (18_000, 8), (45_000, 17), (1_000_000, 32)]
)
def test_short_texts_have_a_smaller_batch_size(tokens: int, streams: int) -> None:
    assert rules.streams_rule(tokens, 64) == streams


def test_the_batch_size_grows_if_that_leaves_enough_steps(
    encoded: EncodedCorpus, machine: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "STREAMS", 4)
    monkeypatch.setattr(rules, "MIN_STREAMS", 4)
    monkeypatch.setattr(rules, "MAX_STREAMS", 16)
    monkeypatch.setattr(rules, "MAX_EPOCHS", 10**6)
    step = {"hidden_size": 128, "bptt": 16}
    machine["weights_per_second"] = 1e9  # so 2.2 ms a step of one stream
    streams = [plan(encoded, minutes=m, **step).config.train for m in (0.3, 1.0, 2.0, 60.0)]
    assert [train.batch_size for train in streams] == [4, 8, 16, 16]
    assert all(train.steps >= rules.MIN_STEPS for train in streams[1:])
    assert plan(encoded, minutes=60.0, batch_size=4, **step).config.train.batch_size == 4
    assert plan(encoded, steps=9999, **step).config.train.batch_size == 4


def test_the_fewer_steps_the_higher_the_learning_rates(encoded: EncodedCorpus, machine: object) -> None:
    assert [rules.rates_rule(steps) for steps in (1, 750, 3000, 10**6)] == [2, 2, 1, 1]
    assert rules.rates_rule(1500) == pytest.approx(math.sqrt(2))
    optimizer = plan(encoded, steps=1500, learning_rate=0.007).config.optimizer
    assert optimizer.learning_rate == 0.007
    assert optimizer.muon_learning_rate == pytest.approx(0.02 * math.sqrt(2), rel=1e-3)
    assert plan(encoded, steps=3000).config.optimizer.learning_rate == 0.01


def test_dropout_grows_with_epochs_and_weights_and_stays_in_range() -> None:
    assert rules.dropout_rule(1, 300_000, 1_000_000) == 0
    by_epochs = [rules.dropout_rule(e, 10**6, 10**6) for e in (1, 3, 10, 30, 100, 10_000)]
    by_weights = [rules.dropout_rule(10, w, 10**6) for w in (10**4, 10**5, 10**6, 10**7, 10**9)]
    for shares in (by_epochs, by_weights):
        assert shares == sorted(shares)
        assert shares[0] == 0
        assert shares[-1] == 0.6


@pytest.mark.parametrize(("least", "tokens"), [(50_000, 1000), (100, 278)])
def test_validation_takes_at_most_a_twentieth_of_the_time_and_less_of_a_long_part(
    encoded: EncodedCorpus, machine: object, monkeypatch: pytest.MonkeyPatch, least: int, tokens: int
) -> None:
    monkeypatch.setattr(planning, "measure_validation", lambda config, corpus: 5e-4)
    monkeypatch.setattr(rules, "MIN_VALID_TOKENS", least)
    p = plan(encoded, minutes=1, hidden_size=128)
    train = p.config.train
    assert train.valid_tokens == pytest.approx(tokens, rel=0.05)
    seconds_apart = train.valid_every * train.batch_size * train.bptt / p.tokens_per_second
    assert 5e-4 * train.valid_tokens <= 0.0501 * seconds_apart


@pytest.mark.parametrize("jitter", [0.0, 5.0])
def test_asgd_validates_once_per_epoch_on_the_whole_part(
    encoded: EncodedCorpus, machine: object, jitter: float
) -> None:
    p = plan(encoded, optimizer="asgd", epochs=6, batch_size=4, bptt=20, bptt_jitter=jitter, hidden_size=16)
    assert p.config.train.valid_tokens == p.valid_tokens
    assert p.config.train.steps / p.config.train.valid_every == pytest.approx(6, rel=0.01)
    mean = WindowLengths(20, jitter, 0).mean
    assert p.config.train.steps * 4 * mean / p.train_tokens == pytest.approx(6, rel=0.01)
    given = plan(encoded, optimizer="asgd", epochs=6, valid_every=7, valid_tokens=9, hidden_size=16).config.train
    assert (given.valid_every, given.valid_tokens) == (7, 9)


def test_a_named_size_is_that_size(encoded: EncodedCorpus, machine: object) -> None:
    assert plan(encoded, size="medium", steps=1).config.model.hidden_size == 512
    assert plan(encoded, size="tiny", hidden_size=33, steps=1).config.model.hidden_size == 33


@pytest.mark.parametrize(
    "bad",
    [{"minutes": 0}, {"epochs": -1}, {"steps": 0}, {"minutes": 1, "steps": 5}, {"size": "huge"}, {"dropout": 1.0}],
)
def test_invalid_options_are_refused(encoded: EncodedCorpus, bad: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=f"`{next(iter(bad))}`"):
        plan(encoded, **bad)


def test_a_text_without_a_validation_part_is_refused(corpus: Path) -> None:
    encoded = prepare(DataConfig(corpus=(str(corpus),), split=(1.0, 0.0)))
    with pytest.raises(CorpusError, match="validation"):
        plan(encoded, steps=1)


def test_measured_speed_is_of_this_machine(encoded: EncodedCorpus) -> None:
    p = plan(encoded, hidden_size=16, embedding_size=8, steps=2)
    assert p.config.train.precision in ("float32", "bf16")
    assert p.tokens_per_second > 0
