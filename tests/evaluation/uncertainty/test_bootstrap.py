"""Confidence intervals: they cover the true score as often as they say, whatever the tokens and the blocks."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from rnngen.corpus.pieces import TextCounts
from rnngen.corpus.tokenizer import ByteTokenizer
from rnngen.evaluation.blocks import ScoredBlock, TokenScores
from rnngen.evaluation.scores import PseudoScore, Score
from rnngen.evaluation.uncertainty import bootstrap, paired
from rnngen.evaluation.uncertainty.block_sums import FEWEST, MOST, SHORTEST, Blocks, BlockSums
from rnngen.evaluation.uncertainty.bootstrap import interval_of, percentiles, resampled, too_short
from rnngen.evaluation.unknown import UnknownSymbols


def summed(nats: NDArray[np.float64], *, pieces: int = 1, tokens: NDArray[np.int64] | None = None) -> BlockSums:
    """The sums of a text whose tokens are bytes; 0 ends a document."""
    tokens = np.full(len(nats), 97) if tokens is None else tokens
    sums = BlockSums(ByteTokenizer(), 0 if (tokens == 0).any() else None)
    begin = 0
    for part in np.array_split(np.arange(len(nats)), pieces):
        sums.add(ScoredBlock(begin, tokens[part], TokenScores(nats[part].astype(np.float32))))
        begin += len(part)
    return sums


@pytest.mark.parametrize("correlated", [False, True])
@pytest.mark.parametrize("n", [20, 60])
def test_the_interval_covers_the_true_mean_at_the_stated_rate(n: int, correlated: bool) -> None:
    """Each level lasts for some tokens, so tokens are not independent, but blocks nearly are."""
    draw, covered, texts, size = np.random.default_rng(n), 0, 400, 32
    for _ in range(texts):
        nats = draw.exponential(1.0, n * size)
        if correlated:
            nats *= np.repeat(draw.exponential(1.0, n * size // 4), 4)
        ratio = resampled(nats.reshape(n, size).sum(1)[None], 400)[0] / len(nats)
        low, high = percentiles(ratio, n)
        covered += low <= 1.0 <= high
    deviation = math.sqrt(0.95 * 0.05 / texts)
    assert covered / texts == pytest.approx(0.95, abs=3 * deviation)


def test_student_quantiles_are_those_of_tables() -> None:
    for freedom, value in ((19, 2.093), (30, 2.042), (120, 1.980)):
        assert bootstrap._student(0.975, freedom) == pytest.approx(value, abs=6e-4)


@pytest.mark.parametrize("length", [100, SHORTEST, 5000, 200_000, 1_000_003])
def test_blocks_hold_every_token_once_however_the_text_comes(length: int) -> None:
    nats = np.random.default_rng(0).random(length)
    blocks = summed(nats).blocks()
    again = summed(nats, pieces=7).blocks()
    assert blocks.size == again.size
    assert blocks.sums == pytest.approx(again.sums)
    assert blocks.count <= MOST
    assert blocks.size == SHORTEST or blocks.count > MOST // 2
    starts = range(0, length, blocks.size)
    assert blocks.sums[0] == pytest.approx([nats[i : i + blocks.size].sum() for i in starts], rel=1e-6)
    assert blocks.sums[1:].sum(1).tolist() == [length] * 3


def test_blocks_are_of_whole_documents_where_there_are_enough() -> None:
    tokens = np.where(np.arange(6000) % 10 == 9, 0, 97)  # 600 documents
    nats = np.arange(6000.0)
    blocks = summed(nats, pieces=5, tokens=tokens).blocks()
    assert (blocks.unit, blocks.size, blocks.count) == ("documents", 4, 150)
    assert blocks.sums[0] == pytest.approx(nats.reshape(150, 40).sum(1))
    few = np.where(np.arange(6000) % 600 == 599, 0, 97)
    assert summed(nats, tokens=few).blocks().unit == "bytes"


def test_the_interval_of_every_measure_is_that_of_its_nats() -> None:
    nats = np.random.default_rng(1).exponential(1.2, 20_000)
    blocks, counts = summed(nats).blocks(), TextCounts(20_000, 3000, 20_000, 0, 400)
    score = Score(float(nats.sum()), 20_000, counts)
    found = interval_of(score, blocks)
    assert found is not None
    low, high = found.ranges["nats_per_token"]
    assert low < score.nats_per_token < high
    assert high - low == pytest.approx(2 * 1.96 * 1.2 / math.sqrt(20_000), rel=0.2)  # tokens are independent here
    assert found.ranges["token_perplexity"] == pytest.approx((math.exp(low), math.exp(high)))
    assert found.ranges["bits_per_byte"] == pytest.approx((low / math.log(2), high / math.log(2)))
    assert found.as_dict() == interval_of(score, blocks).as_dict()  # type: ignore[union-attr]
    pseudo = interval_of(PseudoScore(score.nats, score.tokens, counts), blocks)
    assert pseudo is not None
    assert pseudo.ranges.keys() == {"pseudo_nats_per_token", "pseudo_perplexity", "pseudo_bits_per_character"}


def test_a_short_text_has_no_interval_and_says_why() -> None:
    blocks = summed(np.ones(SHORTEST * (FEWEST - 1))).blocks()
    assert "too short for a confidence interval, which needs 5,120 bytes" in str(too_short(blocks))
    assert interval_of(Score(1.0, 1, TextCounts(1, 1, 1)), blocks) is None


def test_a_paired_difference_is_surer_than_the_scores() -> None:
    draw = np.random.default_rng(2)
    hard = np.repeat(draw.exponential(1.0, 200), 256)  # what makes a passage hard for both
    one, other = (summed(hard + draw.normal(mean, 0.3, len(hard))) for mean in (0.02, 0.0))
    found = paired.paired_difference(one, other, per_token=True)
    assert found.value == pytest.approx(0.02, abs=0.01)
    assert found.is_clear
    assert found.range is not None
    assert found.range.low < 0.02 < found.range.high
    own = percentiles(resampled(one.blocks().sums)[0] / len(hard), one.blocks().count)
    assert found.range.high - found.range.low < (own.high - own.low) / 5
    same = paired.paired_difference(one, one, per_token=False)
    assert (same.value, same.range, same.is_clear) == (0.0, (0.0, 0.0), False)


def test_blocks_of_other_tokens_are_the_same_passages() -> None:
    sums = np.arange(40.0).reshape(4, 10)
    merged = Blocks(sums, "bytes", 256).merged_to(1024)
    assert merged.sums.tolist() == [[row[:4].sum(), row[4:8].sum(), row[8:].sum()] for row in sums]
    assert merged.first(2).sums.tolist() == [[row[:4].sum(), row[4:].sum()] for row in sums]


def test_the_score_without_unknown_symbols_is_that_of_the_other_tokens() -> None:
    nats, tokens = np.array([1.0, 4.0, 2.0, 8.0]), np.array([5, 3, 5, 3])
    symbols, none = UnknownSymbols(3), UnknownSymbols(None)
    for each in (symbols, none):
        each.add(ScoredBlock(0, tokens, TokenScores(nats.astype(np.float32))))
    score = Score(15.0, 4, TextCounts(4, 1, 4), unknown=2)
    assert symbols.without(score) == {"tokens": 2, "nats_per_token": 1.5, "token_perplexity": math.exp(1.5)}
    assert none.without(score) is None
