from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

import rnngen
from rnngen.config import ModelConfig
from rnngen.corpus.tokenizer import ByteTokenizer, CharTokenizer, Tokenizer
from rnngen.errors import RnngenError, UsageError
from rnngen.generation.generate import Generator
from rnngen.generation.recurrence import Recurrence
from rnngen.model.language_model import RecurrentLM
from rnngen.ngram.counts import count_ngrams
from rnngen.ngram.interpolated import NGram
from rnngen.ngram.mixture import Mixture


def generator_with_bias(bias: list[float], tokenizer: Tokenizer) -> Generator:
    """A model whose every next token has the distribution softmax(bias)."""
    model = RecurrentLM(ModelConfig(hidden_size=4, embedding_size=2), tokenizer.vocab_size)
    with torch.no_grad():
        model.output.weight.zero_()
        model.output.bias.copy_(torch.tensor(bias))
    return Generator(
        Recurrence(model.config.model_dump(), {n: w.numpy() for n, w in model.weights().items()}), tokenizer
    )


def test_200_000_generated_tokens_have_the_frequencies_of_the_softmax() -> None:
    p = {"a": 0.6, "b": 0.3, "c": 0.09, "d": 0.01}
    bias = [5.0, *(math.log(q) for q in p.values())]  # the unknown symbol would be likely, and is never drawn
    generator = generator_with_bias(bias, CharTokenizer("abcd"))
    pieces = generator.pieces("a", length=2_000, num_samples=100, seed=1)
    text = "".join(piece.text for piece in pieces)
    assert len(text) == 200_000
    assert set(text) == set("abcd")
    chi_squared = sum((text.count(c) - 200_000 * q) ** 2 / (200_000 * q) for c, q in p.items())
    assert chi_squared < 16.3  # 3 degrees of freedom: exceeded once in 1000 seeds


def test_each_token_is_drawn_from_the_softmax_of_its_own_step(trained: Path) -> None:
    """The nats that are reported, summed, equal those of scoring prompt and text afterwards."""
    generator = rnngen.load(trained)
    pieces = list(generator.pieces("The ", length=200, temperature=0.7, seed=5))
    text = "".join(piece.text for piece in pieces)
    logits, state = generator.read(generator.tokenizer.encode("The "))
    nats = 0.0
    for token in generator.tokenizer.encode(text):
        z = logits[0].astype(float)
        nats += math.log(np.exp(z - z.max()).sum()) + z.max() - z[token]
        logits, state = generator.model.step(np.array([token]), state)
    assert sum(piece.nats for piece in pieces) == pytest.approx(nats, rel=1e-5)


def test_the_same_seed_gives_the_same_text_alone_or_beside_others(trained: Path) -> None:
    generator = rnngen.load(trained)
    alone = "".join(generator.generate("The ", length=120, seed=9))
    beside = "".join(p.text for p in generator.pieces("The ", length=120, num_samples=5, seed=9) if p.sample == 0)
    assert alone == beside
    assert alone != "".join(generator.generate("The ", length=120, seed=10))


def test_greedy_takes_the_likeliest_token_every_time() -> None:
    generator = generator_with_bias([9, 1, 3, 2], CharTokenizer("abc"))
    assert "".join(generator.generate(length=20, temperature=0, seed=0)) == "b" * 20


def test_a_character_is_streamed_when_its_last_byte_is_there() -> None:
    snowman = "☃".encode()
    tokenizer = ByteTokenizer()
    generator = generator_with_bias([0.0] * 256, tokenizer)
    step = iter([*snowman, snowman[0]])

    class Fixed:
        vocab_size = 256
        start_state = generator.model.start_state
        readout = generator.model.readout

        def step(self, tokens: np.ndarray, state: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            return one_hot(next(step, 0)), state

    def one_hot(token: int) -> np.ndarray:
        logits = np.zeros((1, 256), dtype=np.float32)
        logits[0, token] = 100
        return logits

    generator.model = Fixed()  # type: ignore[assignment]
    pieces = [p.text for p in generator.pieces("x", length=4, temperature=0)]
    assert pieces == ["", "", "☃", "", "\ufffd"]


def test_unseen_characters_of_a_prompt_are_named_and_left_out() -> None:
    generator = generator_with_bias([0, 0, 0], CharTokenizer("ab"))
    ids, unseen = generator.encode_prompt("aéb☃é")
    assert generator.tokenizer.decode(ids.tolist()) == "ab"
    assert unseen == "é☃"


def test_without_a_prompt_the_text_begins_after_a_line_end(trained: Path) -> None:
    generator = rnngen.load(trained)
    assert "".join(generator.generate(length=50, seed=1)) == "".join(generator.generate("\n\n", length=50, seed=1))


def mixing(generator: Generator, share: float) -> Generator:
    """The generator with a 2-gram model of ``abab…`` mixed in."""
    V = generator.tokenizer.vocab_size
    ngram = NGram(count_ngrams(generator.tokenizer.encode("ab" * 50), 2, V))
    return Generator(generator.model, generator.tokenizer, Mixture(ngram, np.array([share, share])))


def test_100_000_mixed_tokens_have_the_frequencies_of_the_mixture() -> None:
    generator = mixing(generator_with_bias([0, 2, 1, 0], CharTokenizer("abc")), 0.6)
    texts = ["a"] * 100
    for piece in generator.pieces("a", length=1_000, num_samples=100, seed=2):
        texts[piece.sample] += piece.text
    network = np.exp([0, 2, 1, 0]) / np.exp([0, 2, 1, 0]).sum()
    p = {}
    for token in "abc":
        assert generator.mixture
        ngram = generator.mixture.ngram.distribution(generator.mixture.ngram.read(generator.tokenizer.encode(token)))
        p[token] = 0.4 * network + 0.6 * ngram[0]
        p[token][0] = 0  # the unknown symbol is never drawn
        p[token] /= p[token].sum()
    pairs = [pair for text in texts for pair in pairwise(text)]
    for before in "abc":
        after = [pair[1] for pair in pairs if pair[0] == before]
        shares = [after.count(c) / len(after) for c in "abc"]
        np.testing.assert_allclose(shares, p[before][1:], atol=0.02)


def test_greedy_takes_the_likeliest_token_of_the_mixture() -> None:
    generator = mixing(generator_with_bias([0, 0, 0, 0.5], CharTokenizer("abc")), 0.9)
    assert "".join(generator.generate("a", length=10, temperature=0, seed=0)) == "ba" * 5
    assert "".join(mixing(generator, 0).generate("a", length=10, temperature=0, seed=0)) == "c" * 10


@pytest.mark.parametrize(
    "bad", [{"temperature": -1.0}, {"temperature": math.nan}, {"temperature": math.inf}, {"length": -1},
            {"num_samples": 0}, {"seed": -1}],
)  # fmt: skip
def test_options_that_mean_nothing_are_refused(bad: dict[str, float]) -> None:
    generator = generator_with_bias([0, 0, 0], CharTokenizer("ab"))
    with pytest.raises(UsageError):
        list(generator.pieces(**bad))  # type: ignore[arg-type]


def test_a_diverged_model_is_an_error_not_a_crash() -> None:
    generator = generator_with_bias([0, math.nan, 0], CharTokenizer("ab"))
    with pytest.raises(RnngenError, match="not finite"):
        list(generator.generate(seed=0))
