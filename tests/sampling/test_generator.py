from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import pairwise, product
from pathlib import Path

import numpy as np
import pytest
import torch

import rnngen
from rnngen.corpus.tokenizer import ByteTokenizer, CharTokenizer, Tokenizer, train_tokenizer
from rnngen.engine.probabilities import nats_of
from rnngen.engine.recurrence import Recurrence
from rnngen.engine.torch_stepper import Stepper
from rnngen.errors import RnngenError, TokenizerError, UsageError
from rnngen.model.language_model import RecurrentLM
from rnngen.ngram.counts import count_ngrams
from rnngen.ngram.interpolated import NGram
from rnngen.ngram.mixture import Mixture
from rnngen.options.network import ModelConfig
from rnngen.sampling.beam import beam_search
from rnngen.sampling.generator import TOGETHER, Generator
from rnngen.sampling.options import Options, Sampling
from rnngen.sampling.writable import banned_tokens
from tests.conftest import make_text
from tests.rounding import gamma, nats_bound, run_nats_bound
from tests.sampling.exact import exact_generator


def generator_with_bias(bias: list[float], tokenizer: Tokenizer) -> Generator:
    """A model whose every next token has the distribution softmax(bias)."""
    model = RecurrentLM(ModelConfig(hidden_size=4, embedding_size=2), tokenizer.vocab_size)
    with torch.no_grad():
        model.output.weight.zero_()
        model.output.bias.copy_(torch.tensor(bias))
    return Generator(Recurrence(model.config, {n: w.numpy() for n, w in model.weights().items()}), tokenizer)


class Scripted:
    """An engine that predicts the same tokens in the same order, whatever it reads."""

    def __init__(self, tokens: list[int], vocab_size: int) -> None:
        self.script, self.vocab_size = tokens, vocab_size
        self.reset()

    def fork(self) -> Scripted:
        return Scripted(self.script, self.vocab_size)

    def reset(self, batch_size: int = 1) -> None:
        self.state = np.zeros((1, 1, batch_size, 1), np.float32)

    def step(self, tokens: list[int]) -> np.ndarray:
        self.state = self.state + 1
        return self.logits

    @property
    def logits(self) -> np.ndarray:
        logits = np.zeros((self.state.shape[2], self.vocab_size), dtype=np.float32)
        for row, place in enumerate(self.state[0, 0, :, 0]):
            logits[row, self.script[int(place) % len(self.script)]] = 100
        return logits


def scripted(text: str, tokenizer: Tokenizer) -> Generator:
    """A model that writes ``text`` again and again; the prompt must be one token."""
    ids = tokenizer.encode(text).tolist()
    return Generator(Scripted([ids[-1], *ids[:-1]], tokenizer.vocab_size), tokenizer)  # type: ignore[arg-type]


def test_200_000_generated_tokens_have_the_frequencies_of_the_softmax() -> None:
    p = {"a": 0.6, "b": 0.3, "c": 0.09, "d": 0.01}
    bias = [5.0, *(math.log(q) for q in p.values())]  # the unknown symbol would be likely, and is never drawn
    generator = generator_with_bias(bias, CharTokenizer("abcd"))
    text = "".join(sample.text for sample in generator.generate_batch(["a"] * 100, length=2_000, seed=1))
    assert len(text) == 200_000
    assert set(text) == set("abcd")
    chi_squared = sum((text.count(c) - 200_000 * q) ** 2 / (200_000 * q) for c, q in p.items())
    assert chi_squared < 16.3  # 3 degrees of freedom: exceeded once in 1000 seeds


def test_one_stream_has_the_frequencies_of_the_softmax_too() -> None:
    p = {"a": 0.6, "b": 0.3, "c": 0.09, "d": 0.01}
    generator = generator_with_bias([0.0, *(math.log(q) for q in p.values())], CharTokenizer("abcd"))
    text = "".join(generator.generate("a", length=50_000, seed=2))
    chi_squared = sum((text.count(c) - 50_000 * q) ** 2 / (50_000 * q) for c, q in p.items())
    assert chi_squared < 16.3


def score(generator: Generator, prompt: str, text: str) -> float:
    """-ln p of a text after a prompt, token by token."""
    context = generator.context(generator.reader.prompt_ids(prompt))
    nats = 0.0
    for token in generator.tokenizer.encode(text).tolist():
        z = context.network[0].astype(float)
        nats += math.log(np.exp(z - z.max()).sum()) + z.max() - z[token]
        context.read([token])
    return nats


def test_each_token_is_drawn_from_the_softmax_of_its_own_step(trained: Path) -> None:
    """The nats that are reported, summed, equal those of scoring prompt and text afterwards."""
    generator = rnngen.load(trained)
    pieces = list(generator.pieces("The ", length=200, temperature=0.7, seed=5))
    text = "".join(piece.text for piece in pieces)
    nats = pytest.approx(score(generator, "The ", text), rel=0, abs=run_nats_bound(trained, "The " + text))
    assert sum(piece.nats for piece in pieces) == nats
    (sample,) = generator.generate_batch(["The "], length=200, temperature=0.7, seed=5)
    assert (sample.text, sample.tokens) == (text, 200)
    assert sample.nats == nats


LETTERS = CharTokenizer(make_text(3000))


@pytest.mark.parametrize("temperature", [0.6, 1, 1.5])
def test_the_same_seed_gives_the_same_text_alone_or_beside_others(temperature: float) -> None:
    generator = exact_generator(LETTERS)
    alone = "".join(generator.generate("The ", length=300, seed=9, temperature=temperature))
    assert alone != "".join(generator.generate("The ", length=300, seed=10, temperature=temperature))
    for n in (1, 5, TOGETHER, TOGETHER + 1):
        samples = generator.generate_batch(["The "] * n, length=300, seed=9, temperature=temperature)
        assert samples[0].text == alone
        assert [s.number for s in samples] == list(range(n))
        assert len({s.text for s in samples}) == n
    last = generator.writer("The ", Sampling(temperature=temperature), seed=9, number=TOGETHER)
    assert last.step() == generator.tokenizer.encode(samples[TOGETHER].text[0]).tolist()


def test_the_same_seed_gives_the_same_text_with_torch(trained: Path) -> None:
    assert type(rnngen.load(trained).model) is Recurrence
    assert type(rnngen.load(trained, device="cpu").model) is Stepper
    one, other = exact_generator(LETTERS), exact_generator(LETTERS, with_torch=True)
    assert list(one.generate("The ", length=300, seed=3)) == list(other.generate("The ", length=300, seed=3))
    texts = [[s.text for s in g.generate_batch(["The ", "A"], length=100, seed=3, top_p=0.9)] for g in (one, other)]
    assert texts[0] == texts[1]


def test_prompts_of_a_batch_are_each_their_own() -> None:
    generator = exact_generator(LETTERS)
    prompts = ["The cat", "", "A dog sat on the mat. ", "The cat"]
    samples = generator.generate_batch(prompts, length=40, seed=2)
    for number, (prompt, sample) in enumerate(zip(prompts, samples, strict=True)):
        writer = generator.writer(prompt, Sampling(length=40), seed=2, number=number)
        assert sample.text == generator.tokenizer.decode([writer.step()[0] for _ in range(40)])
    assert samples[0].text != samples[3].text
    assert generator.generate_batch([], length=5) == []


def test_a_prompt_of_many_samples_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    generator, read, step = exact_generator(LETTERS), [0], Recurrence.step

    def counted(reader: Recurrence, tokens: list[int]) -> np.ndarray:
        read[0] += len(tokens)
        return step(reader, tokens)

    monkeypatch.setattr(Recurrence, "step", counted)
    generator.generate_batch(["The cat sat"] * (TOGETHER + 3) + ["A dog"], length=1, seed=0)
    assert read[0] == len("The cat sat") + len("A dog")


def test_two_texts_at_once_do_not_disturb_each_other(trained: Path) -> None:
    generator = rnngen.load(trained)
    apart = ["".join(generator.generate(p, length=50, seed=1)) for p in ("The ", "A ")]
    both = zip(*(generator.generate(p, length=50, seed=1) for p in ("The ", "A ")), strict=True)
    assert ["".join(pieces) for pieces in zip(*both, strict=True)] == apart


def test_greedy_takes_the_most_likely_token_every_time() -> None:
    generator = generator_with_bias([9, 1, 3, 2], CharTokenizer("abc"))
    assert "".join(generator.generate(length=20, temperature=0, seed=0)) == "b" * 20


@pytest.mark.parametrize(
    ("options", "drawn"),
    [
        ({}, "abcd"),
        ({"top_k": 2}, "cd"),
        ({"top_k": 99}, "abcd"),
        ({"top_p": 0.6}, "d"),
        ({"top_p": 0.7}, "cd"),
        ({"top_p": 0}, "d"),
        ({"min_p": 0.3}, "cd"),
        ({"min_p": 1}, "d"),
        ({"ban": ["d"]}, "abc"),
        ({"ban": ["d", "a"]}, "bc"),
        ({"ban": "ad"[1]}, "abc"),
        ({"top_k": 2, "ban": ["d"]}, "bc"),
        ({"top_k": 3, "top_p": 0.9, "min_p": 0.1, "typical": 0.99, "ban": ["d"], "temperature": 0.5}, "bc"),
    ],
)
def test_options_say_what_can_be_drawn(options: Options, drawn: str) -> None:
    p = [0.02, 0.1, 0.25, 0.63]
    generator = generator_with_bias([9.0, *map(math.log, p)], CharTokenizer("abcd"))
    text = "".join(generator.generate("a", length=1500, seed=4, **options))
    assert "".join(sorted(set(text))) == drawn


def test_typical_leaves_out_the_most_likely_where_surprise_is_expected() -> None:
    p = [0.36, *[0.04] * 16]
    generator = generator_with_bias([-9.0, *map(math.log, p)], CharTokenizer("abcdefghijklmnopq"))
    text = "".join(generator.generate("a", length=500, seed=4, typical=0.5))
    assert "a" not in text
    assert len(set(text)) == 13  # of 0.04 each, the fewest that reach half


def test_a_repetition_penalty_is_over_the_window_and_the_prompt() -> None:
    generator = generator_with_bias([-9.0, 4.0, 3.9, 3.8], CharTokenizer("abc"))
    # greedy: each token is avoided while it is in the window
    assert "".join(generator.generate("c", length=9, temperature=0, repetition_penalty=2, repetition_window=2)) == (
        "abcabcabc"
    )
    assert "".join(generator.generate("a", length=6, temperature=0, repetition_penalty=2, repetition_window=1)) == (
        "bababa"
    )
    assert "".join(generator.generate("a", length=6, temperature=0, repetition_penalty=2, repetition_window=0)) == (
        "aaaaaa"
    )
    (sample,) = generator.generate_batch(["c"], length=9, temperature=0, repetition_penalty=2, repetition_window=2)
    assert sample.text == "abcabcabc"


def test_forced_text_begins_the_text_and_counts(trained: Path) -> None:
    generator = rnngen.load(trained)
    pieces = list(generator.pieces("The ", length=60, seed=1, force="cat sat"))
    text = "".join(piece.text for piece in pieces)
    assert text.startswith("cat sat")
    assert len(pieces) == 60
    bound = run_nats_bound(trained, "The cat sat")
    assert sum(piece.nats for piece in pieces[:7]) == pytest.approx(
        score(generator, "The ", "cat sat"), rel=0, abs=bound
    )
    # what follows is what the same seed writes after it
    assert text[7:] == "".join(generator.generate("The cat sat", length=53, seed=1))


def test_a_stop_string_is_found_in_the_text_not_in_the_tokens() -> None:
    text = make_text(3000)
    tokenizer = train_tokenizer("bpe", [text], 300)
    generator = scripted("The dog ran on. ", tokenizer)
    assert len(tokenizer.encode(" ran")) < 4  # characters are no tokens here
    for stop in ("an on", ".", "dog", "g"):
        (sample,) = generator.generate_batch(["."], length=100, temperature=0, stop=[stop])
        assert sample.text == "The dog ran on. ".partition(stop)[0]
        assert (sample.finish_reason, sample.stop) == ("stop", stop)
        assert "".join(generator.generate(".", length=100, temperature=0, stop=stop)) == sample.text
        pieces = list(generator.pieces(".", length=100, temperature=0, stop=[stop]))
        assert "".join(piece.text for piece in pieces) == sample.text
        assert sum(piece.nats for piece in pieces) == pytest.approx(sample.nats)


def test_samples_end_where_each_ends() -> None:
    generator = exact_generator(LETTERS)
    free = generator.generate_batch(["The "] * 20, length=60, seed=1)
    stopped = generator.generate_batch(["The "] * 20, length=60, seed=1, until="line", stop=["A "])
    assert {s.stop for s in stopped} == {"\n", "A ", None}
    assert len({len(s.text) for s in stopped}) > 3
    for one, other in zip(free, stopped, strict=True):
        ends = [(one.text.index(stop), stop) for stop in ("\n", "A ") if stop in one.text]
        assert other.text == one.text[: min(ends)[0]] if ends else one.text
        assert other.stop == (min(ends)[1] if ends else None)
        assert other.finish_reason == {"\n": "line", "A ": "stop", None: "length"}[other.stop]
        assert other.tokens == len(other.text) + len(other.stop or "")
        nats = score(generator, "The ", other.text + (other.stop or ""))
        # equal logits; their log-softmax has few roundings, each of the size of a logit, below 16, in float32
        assert other.nats == pytest.approx(nats, rel=0, abs=16 * gamma(8) * max(other.tokens, 1))


@pytest.mark.parametrize(
    ("prompt", "rest", "text"),
    [
        ("a", "b\n\na", "b"),
        ("a\n", "\nb", ""),
        ("a\n", "b\n\n", "b"),
        ("a\n", "b\nab\n\n", "b\nab"),
        ("", "\nb\n\n", "b"),
    ],
)
def test_a_paragraph_ends_at_the_next_empty_line_also_where_the_prompt_ended_a_line(
    prompt: str, rest: str, text: str
) -> None:
    tokenizer = CharTokenizer("ab\n")
    script = tokenizer.encode(rest).tolist()
    read = max(len(prompt), 2 if not prompt else 0)
    generator = Generator(Scripted([0] * read + script, 4), tokenizer)  # type: ignore[arg-type]
    assert "".join(generator.generate(prompt, temperature=0, length=len(rest), until="paragraph")) == text
    (sample,) = generator.generate_batch([prompt], temperature=0, length=len(rest), until="paragraph")
    assert (sample.text, sample.finish_reason) == (text, "paragraph")


def test_what_is_banned_twice_is_banned_and_what_no_token_contains_is_told() -> None:
    text = make_text(3000)
    bpe = generator_with_bias([0.0] * 300, train_tokenizer("bpe", [text], 300))
    banned = banned_tokens(bpe.tokenizer, ["th", "the", "th"])
    assert banned == [t for t, content in enumerate(bpe.tokenizer.token_bytes()) if b"th" in content]
    assert banned
    byte = generator_with_bias([0.0] * 256, ByteTokenizer())
    for generator, part in ((bpe, "—"), (byte, "é"), (bpe, "zzz")):
        with pytest.raises(UsageError, match="no token of this"):
            banned_tokens(generator.tokenizer, [part])
    assert banned_tokens(CharTokenizer("ab"), ["é"]) == [0]


def test_a_beam_finds_stops_in_the_text_that_is_shown() -> None:
    content = b"ab\xff\xffcd!"
    generator = Generator(Scripted([0, *content], 256), ByteTokenizer())  # type: ignore[arg-type]
    found = beam_search(generator, "x", 2, Sampling(length=len(content), stop=("bc",)))
    assert (found[0].text, found[0].finish_reason) == ("ab\ufffd\ufffdcd!", "length")


def test_length_and_until_say_how_long() -> None:
    generator = generator_with_bias([0, 9, 0], CharTokenizer("ab"))
    assert len("".join(generator.generate("a"))) == 500
    assert len("".join(generator.generate("a", length=3, until="line"))) == 3
    assert len("".join(generator.generate("a", until="line"))) == 10_000  # it knows no line end
    assert "".join(generator.generate("a", length=0)) == ""


def test_a_character_is_streamed_when_its_last_byte_is_there() -> None:
    snowman = "☃".encode()
    generator = Generator(Scripted([0, *snowman, snowman[0]], 256), ByteTokenizer())  # type: ignore[arg-type]
    pieces = [p.text for p in generator.pieces("x", length=4, temperature=0)]
    assert pieces == ["", "", "☃", "", "\ufffd"]
    assert list(generator.generate("x", length=4, temperature=0)) == ["☃", "\ufffd"]
    (sample,) = generator.generate_batch(["x"], length=4, temperature=0)
    assert sample.text == "☃\ufffd"
    (sample,) = generator.generate_batch(["x"], length=4, temperature=0, stop=["no"])
    assert sample.text == "☃\ufffd"


def test_unseen_characters_of_a_prompt_are_named_and_left_out() -> None:
    generator = generator_with_bias([0, 0, 0], CharTokenizer("ab"))
    ids, unseen = generator.reader.encode_prompt("aéb☃é")
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
    texts = ["a" + sample.text for sample in generator.generate_batch(["a"] * 100, length=1_000, seed=2)]
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
        expected = zip("abc", len(after) * p[before][1:], strict=True)
        chi_squared = sum((after.count(c) - n) ** 2 / n for c, n in expected)
        assert chi_squared < 13.8  # 2 degrees of freedom: exceeded once in 1000 seeds


def test_greedy_takes_the_most_likely_token_of_the_mixture() -> None:
    generator = mixing(generator_with_bias([0, 0, 0, 0.5], CharTokenizer("abc")), 0.9)
    assert "".join(generator.generate("a", length=10, temperature=0, seed=0)) == "ba" * 5
    assert "".join(mixing(generator, 0).generate("a", length=10, temperature=0, seed=0)) == "c" * 10


@pytest.mark.parametrize(
    "bad",
    [
        {"temperature": -1.0},
        {"temperature": math.nan},
        {"temperature": math.inf},
        {"length": -1},
        {"seed": -1},
        {"top_k": -1},
        {"top_p": -0.1},
        {"top_p": 1.1},
        {"top_p": math.nan},
        {"min_p": 2},
        {"typical": -1},
        {"repetition_penalty": 0},
        {"repetition_penalty": math.nan},
        {"repetition_window": -1},
        {"until": "chapter"},
        {"stop": [""]},
        {"ban": [""]},
        {"ban": ["xy"]},
        {"ban": ["a", "b"]},
        {"force": "aé"},
    ],
)
def test_options_that_mean_nothing_are_refused_at_once(bad: dict[str, object]) -> None:
    generator = generator_with_bias([0, 0, 0], CharTokenizer("ab"))
    for call in (generator.generate, generator.pieces):
        with pytest.raises(UsageError):
            call(**bad)  # type: ignore[arg-type]
    with pytest.raises(UsageError):
        generator.samples(["a"], **bad)  # type: ignore[arg-type]


def test_a_lone_surrogate_is_refused() -> None:
    with pytest.raises(TokenizerError, match="U\\+DC80"):
        generator_with_bias([0, 0, 0], CharTokenizer("ab")).generate("a\udc80")


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_diverged_model_is_an_error_not_a_crash(bad: float) -> None:
    generator = generator_with_bias([0, bad, 0], CharTokenizer("ab"))
    with np.errstate(invalid="ignore"):
        with pytest.raises(RnngenError, match="not finite"):
            list(generator.generate(seed=0))
        with pytest.raises(RnngenError, match="not finite"):
            generator.generate_batch(["", ""], seed=0)
        with pytest.raises(RnngenError, match="not finite"):
            beam_search(generator, "", 2, Sampling())


def every_text(generator: Generator, prompt: str, length: int) -> list[tuple[float, str]]:
    """All texts of a length with their nats, the most likely first."""
    letters = generator.tokenizer.decode(range(1, generator.tokenizer.vocab_size))
    texts = ("".join(p) for p in product(letters, repeat=length))
    return sorted((score(generator, prompt, text), text) for text in texts)


def small_network() -> RecurrentLM:
    model = RecurrentLM(ModelConfig(hidden_size=6, embedding_size=3), 4, torch.Generator().manual_seed(3))
    with torch.no_grad():
        for p in model.parameters():
            p.mul_(2)
    return model


def small_bound(generator: Generator, texts: Iterable[str]) -> float:
    """Of the nats of the texts under the small network, the largest."""
    return max(nats_bound(small_network(), generator.tokenizer.encode(text)) for text in texts)


@pytest.fixture
def small() -> Generator:
    model = small_network()
    weights = {n: w.numpy() for n, w in model.weights().items()}
    return Generator(Recurrence(model.config, weights), CharTokenizer("ab\n"))


@pytest.mark.slow
def test_a_beam_as_wide_as_all_texts_finds_the_most_likely_in_order(small: Generator) -> None:
    found = beam_search(small, "a", 81, Sampling(length=4))
    expected = {text: nats for nats, text in every_text(small, "a", 4)}
    assert {s.text for s in found} == expected.keys()
    bound = small_bound(small, (f"a{text}" for text in expected))
    np.testing.assert_allclose([s.nats for s in found], [expected[s.text] for s in found], rtol=0, atol=bound)
    assert [s.nats for s in found] == sorted(s.nats for s in found)
    assert [s.number for s in found] == list(range(81))


def test_a_beam_that_may_end_ranks_ended_texts_by_their_probability(small: Generator) -> None:
    found = beam_search(small, "a", 200, Sampling(length=4, until="line"))
    ended = {text.partition("\n")[0] if "\n" in text else text for _, text in every_text(small, "a", 4)}
    assert {s.text for s in found} == ended
    nats = [score(small, "a", s.text + (s.stop or "")) for s in found]
    bound = small_bound(small, (f"a{s.text}{s.stop or ''}" for s in found))
    np.testing.assert_allclose([s.nats for s in found], nats, rtol=0, atol=bound)
    assert [s.nats for s in found] == sorted(s.nats for s in found)
    assert all(s.finish_reason == ("line" if s.stop else "length") for s in found)


def test_a_beam_of_one_is_greedy_and_a_wider_one_is_never_less_likely(small: Generator) -> None:
    (one,) = beam_search(small, "b", 1, Sampling(length=12))
    assert one.text == "".join(small.generate("b", length=12, temperature=0))
    narrow, wide = (beam_search(small, "b", width, Sampling(length=6))[0] for width in (1, 729))
    assert wide.nats <= narrow.nats + small_bound(small, [f"b{narrow.text}", f"b{wide.text}"])


def test_a_beam_over_a_mixture_ranks_by_the_mixture(small: Generator) -> None:
    generator = mixing(small, 0.5)
    found = beam_search(generator, "a", 27, Sampling(length=3))
    assert generator.mixture
    for sample in found:
        context = generator.context(generator.reader.prompt_ids("a"))
        nats = 0.0
        for token in generator.tokenizer.encode(sample.text).tolist():
            nats += nats_of(context.prediction(), [token])[0]
            context.read([token])
        bound = small_bound(small, [f"a{sample.text}"])  # ln((1 - λ) p + λ q) changes by less than ln p does
        assert sample.mixture_nats == pytest.approx(nats, rel=0, abs=bound)
    ranked = [s.mixture_nats for s in found]
    assert ranked == sorted(ranked, key=lambda n: n or 0)
    assert [s.nats for s in found] != ranked


def test_a_beam_never_writes_what_is_banned(small: Generator) -> None:
    found = beam_search(small, "a", 10, Sampling(length=5, ban=["b"]))
    assert not any("b" in s.text or "<" in s.text for s in found)


def test_a_text_in_place_of_prompts_and_an_option_that_is_none_are_told(small: Generator) -> None:
    with pytest.raises(UsageError, match="invalid value for `prompts`; expected a list of texts; found 'ab'"):
        small.generate_batch("ab")
    with pytest.raises(UsageError, match="Did you mean `temperature`"):
        small.generate("a", temprature=1)  # type: ignore[call-arg]


def test_progress_counts_the_tokens_of_all_samples(small: Generator) -> None:
    told: list[int] = []
    list(small.samples(["a"] * 70, length=5, seed=1, on_step=told.append))
    assert told == [*range(64, 321, 64), *range(326, 351, 6)]
