"""Confidence intervals: they cover the true score as often as they say, whatever the tokens and the blocks."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from rnngen.corpus.pieces import TextCounts
from rnngen.corpus.tokenizer import ByteTokenizer, CharTokenizer
from rnngen.evaluation.blocks import ScoredBlock, TokenScores
from rnngen.evaluation.scores import PseudoScore, Score
from rnngen.evaluation.uncertainty import bootstrap, paired
from rnngen.evaluation.uncertainty.block_sums import CHARACTERS, FEWEST, MOST, NATS, SHORTEST, BlockSums, are_enough
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


def as_score(sums: BlockSums) -> Score:
    """The score of a text whose tokens are bytes."""
    nats, tokens, characters, size, _ = sums.blocks().sums.sum(1).tolist()
    return Score(nats, int(tokens), TextCounts(int(characters), 1, int(size)))


@pytest.mark.parametrize("n", [FEWEST, MOST])
def test_the_interval_covers_the_true_mean_at_the_stated_rate(n: int) -> None:
    draw, covered, texts, size = np.random.default_rng(n), 0, 400, 32
    for _ in range(texts):
        nats = draw.exponential(1.0, n * size)
        ratio = resampled(nats.reshape(n, size).sum(1)[None], 400)[0] / len(nats)
        low, high = percentiles(ratio, n)
        covered += low <= 1.0 <= high
    deviation = math.sqrt(0.95 * 0.05 / texts)
    assert covered / texts == pytest.approx(0.95, abs=3 * deviation)


def test_intervals_of_real_blocks_cover_a_mean_whose_tokens_are_correlated_over_hundreds_of_characters() -> None:
    """As passages are; with up to 256 blocks they cover it in 73% of these texts."""
    draw, covered, texts, length, lasting = np.random.default_rng(0), 0, 60, 30_000, 300
    for _ in range(texts):
        number = 2 * length // lasting
        levels = np.repeat(draw.gamma(2.0, 0.5, number), draw.geometric(1 / lasting, number))
        sums = summed(levels[:length]).blocks().sums
        low, high = percentiles(np.divide(*resampled(sums[:2], 400)), sums.shape[1])
        covered += low <= 1.0 <= high
    assert covered / texts > 0.85


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
    assert blocks.sums[1:].sum(1).tolist() == [length] * 3 + [0]


def test_blocks_are_of_whole_documents_where_there_are_enough() -> None:
    tokens = np.where(np.arange(6000) % 10 == 9, 0, 97)  # 600 documents
    nats = np.arange(6000.0)
    sums = summed(nats, pieces=5, tokens=tokens)
    blocks = sums.blocks()
    assert (blocks.unit, blocks.size, blocks.count) == ("documents", 16, 38)
    assert blocks.sums[0] == pytest.approx([part.sum() for part in np.split(nats, range(160, 6000, 160))])
    assert (sums.blocks("characters").unit, sums.characters) == ("characters", 6000)
    few = np.where(np.arange(6000) % 600 == 599, 0, 97)
    assert summed(nats, tokens=few).blocks().unit == "characters"


@pytest.mark.parametrize("length", [1, 19 * 256, 19 * 256 + 1, 9000])
@pytest.mark.parametrize("document", [1, 19, 300, 20_000])
def test_the_length_of_a_text_tells_whether_it_has_an_interval(length: int, document: int) -> None:
    tokens = np.where(np.arange(length) % document == document - 1, 0, 97)
    if (tokens == 0).any():
        tokens[-1] = 0
    documents = int((tokens == 0).sum())
    blocks = summed(np.ones(length), tokens=tokens).blocks()
    assert are_enough(TextCounts(length, 1, length, documents)) == (too_short(blocks) is None)


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
    assert "too short for a confidence interval, which needs 5,120 characters" in str(too_short(blocks))
    assert interval_of(Score(1.0, 1, TextCounts(1, 1, 1)), blocks) is None


def test_a_paired_difference_is_surer_than_the_scores() -> None:
    draw = np.random.default_rng(2)
    hard = np.repeat(draw.exponential(1.0, 200), 256)  # what makes a passage hard for both
    one, other = (summed(hard + draw.normal(mean, 0.3, len(hard))) for mean in (0.02, 0.0))
    scores = tuple(as_score(each) for each in (one, other))
    found = paired.paired_difference((scores[0], scores[1]), (one, other), per_token=True)
    assert found.value == pytest.approx(0.02, abs=0.01)
    assert found.is_clear
    assert found.range is not None
    assert found.range.low < 0.02 < found.range.high
    own = percentiles(resampled(one.blocks().sums)[0] / len(hard), one.blocks().count)
    assert found.range.high - found.range.low < (own.high - own.low) / 5
    same = paired.paired_difference((scores[0], scores[0]), (one, one), per_token=False)
    assert (same.value, same.range, same.is_clear) == (0.0, (0.0, 0.0), False)


class Threes(ByteTokenizer):
    """Tokens of three characters."""

    def _token_bytes(self) -> list[bytes]:
        return [b"abc"] * self.vocab_size


def test_blocks_of_other_tokens_are_the_same_passages() -> None:
    """Bytes, and characters that a vocabulary lacks, have the blocks of characters."""
    text = "a café, a fox 🦊. " * (MOST * SHORTEST // 16)
    places = np.arange(len(text))
    lengths = [len(each.encode()) for each in text]
    at_last_byte = np.zeros(sum(lengths))
    at_last_byte[np.cumsum(lengths) - 1] = places
    nats = {ByteTokenizer(): at_last_byte, CharTokenizer(text): places, CharTokenizer("a cf,ox."): places}
    sums = [BlockSums(tokenizer, None) for tokenizer in nats]
    for each, (tokenizer, values) in zip(sums, nats.items(), strict=True):
        each.add(ScoredBlock(0, tokenizer.encode(text), TokenScores(values.astype(np.float32))))
    bytes_, known, unknown = (each.blocks() for each in sums)
    assert {each.characters for each in sums} == {len(text)}
    assert known.sums[NATS] == pytest.approx([places[i : i + 512].sum() for i in range(0, len(text), 512)])
    for other in (bytes_, unknown):
        assert other.size == known.size == 512
        assert other.sums[[NATS, CHARACTERS]].tolist() == known.sums[[NATS, CHARACTERS]].tolist()


def test_a_last_token_that_begins_in_the_last_block_changes_no_blocks() -> None:
    number = MOST * SHORTEST // 3 + 1  # of which the last one ends beyond
    nats = np.ones(number, np.float32)
    threes = BlockSums(Threes(), None)
    threes.add(ScoredBlock(0, np.full(number, 97), TokenScores(nats)))
    characters = summed(np.repeat(nats, 3))
    assert threes.characters == characters.characters
    assert (threes.blocks().size, threes.blocks().count) == (characters.blocks().size, characters.blocks().count)


def test_a_difference_is_that_of_the_scores_whatever_unknown_symbols_hide() -> None:
    """An unknown character has the bytes of the text; the run that lacks it is the worse one."""
    draw = np.random.default_rng(3)
    text = "é".join(["abcde fgh"] * 2000)
    counts = TextCounts(len(text), 1, len(text.encode()))
    known = draw.exponential(2.0, len(text))
    sums, scores = [], []
    for characters, more in ((" abcdefgh", 0.05), (" abcdefghé", 0.0)):
        tokenizer, nats = CharTokenizer(characters), known + more * draw.random(len(text))
        sums.append(BlockSums(tokenizer, None))
        sums[-1].add(ScoredBlock(0, tokenizer.encode(text), TokenScores(nats.astype(np.float32))))
        scores.append(Score(float(nats.sum()), len(text), counts))
    found = paired.paired_difference((scores[0], scores[1]), (sums[0], sums[1]), per_token=False)
    one, other = (score.measured()["bits_per_byte"] for score in scores)
    assert found.value == one - other
    assert found.value > 0
    assert found.is_clear
    assert found.range is not None
    assert found.range.low < found.value < found.range.high


@pytest.mark.parametrize(("plain", "unknown"), [("abc de", "7"), ("abc de", "字"), ("aéc dé", "ξ")])
def test_unknown_symbols_have_the_bytes_of_the_text(plain: str, unknown: str) -> None:
    """As if bytes were the tokens, each character's nats at its last one; and of ASCII, bytes are characters."""
    draw = np.random.default_rng(4)
    share = np.repeat(draw.random(40), 400)  # of unknown characters, which are denser in some passages
    text = "".join(
        unknown if hidden else plain[i % len(plain)] for i, hidden in enumerate(draw.random(len(share)) < share)
    )
    content = text.encode()
    counts = TextCounts(len(text), len(text.split()), len(content))
    lasts = np.cumsum([len(each.encode()) for each in text]) - 1  # of the bytes of each character
    values = draw.exponential(1.5, len(text))
    other = values + 0.1 * draw.random(len(text))
    ranges, sums, scores = [], [], []
    for tokenizer, nats in ((CharTokenizer(plain), values), (ByteTokenizer(), values), (ByteTokenizer(), other)):
        tokens = tokenizer.encode(text)
        scored = np.zeros(len(tokens))
        scored[lasts if isinstance(tokenizer, ByteTokenizer) else slice(None)] = nats
        sums.append(BlockSums(tokenizer, None))
        sums[-1].add(ScoredBlock(0, tokens, TokenScores(scored.astype(np.float32))))
        scores.append(Score(float(nats.sum()), len(tokens), counts))
        interval = interval_of(scores[-1], sums[-1].blocks())
        assert interval is not None
        ranges.append(interval.ranges)
    for key in ("bits_per_byte", "byte_perplexity", "bits_per_character"):
        assert ranges[0][key] == pytest.approx(ranges[1][key])
    if text.isascii():
        assert ranges[0]["bits_per_byte"] == pytest.approx(ranges[0]["bits_per_character"])
    found, expected = (
        paired.paired_difference((scores[2], scores[i]), (sums[2], sums[i]), per_token=False) for i in (0, 1)
    )
    assert found.range == pytest.approx(expected.range)


def test_the_score_without_unknown_symbols_is_that_of_the_other_tokens() -> None:
    nats, tokens = np.array([1.0, 4.0, 2.0, 8.0]), np.array([5, 3, 5, 3])
    symbols, none = UnknownSymbols(3), UnknownSymbols(None)
    for each in (symbols, none):
        each.add(ScoredBlock(0, tokens, TokenScores(nats.astype(np.float32))))
    score = Score(15.0, 4, TextCounts(4, 1, 4), unknown=2)
    assert symbols.without(score) == {"tokens": 2, "nats_per_token": 1.5, "token_perplexity": math.exp(1.5)}
    assert none.without(score) is None
