"""Prompts that end in a space or inside a word, against a plain enumeration of all token sequences."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np
import pytest
import torch

from rnngen.corpus.tokenizer import Level, Tokenizer, train_tokenizer
from rnngen.engine.recurrence import Recurrence
from rnngen.model.language_model import RecurrentLM
from rnngen.ngram.counts import count_ngrams
from rnngen.ngram.interpolated import NGram
from rnngen.ngram.mixture import Mixture
from rnngen.options.network import ModelConfig
from rnngen.sampling.beam import beam_search
from rnngen.sampling.generator import TOGETHER, Generator
from rnngen.sampling.healing import find_covers
from rnngen.sampling.options import Options, Sampling
from rnngen.sampling.session import Session
from tests.conftest import make_text
from tests.rounding import rounding_bound
from tests.sampling.exact import exact_generator
from tests.sampling.test_generator import Scripted, generator_with_bias

TEXT = make_text(3000) + "the cattle, catch them, don't; naïve cafés 日本語\n"
LEVELS: list[Level] = ["word", "bpe"]
SHARES = [pytest.param(None, marks=pytest.mark.slow), 0.4]  # of an n-gram model; both look at the network alone too
PROMPTS = ["The ", "The ca", "A do", "the\n", "don'", "a  ", "xz", "caf", "日", "."]


@cache
def tokenizer_of(level: Level) -> Tokenizer:
    return train_tokenizer(level, [TEXT], 320)


@cache
def network_of(level: Level) -> RecurrentLM:
    V = tokenizer_of(level).vocab_size
    model = RecurrentLM(ModelConfig(hidden_size=6, embedding_size=4), V, torch.Generator().manual_seed(3))
    with torch.no_grad():
        for p in model.parameters():
            p.mul_(3)
    return model


@cache
def generator_of(level: Level, share: float | None = None) -> Generator:
    model, tokenizer = network_of(level), tokenizer_of(level)
    mixture = None
    if share is not None:
        ngram = NGram(count_ngrams(tokenizer.encode(TEXT), 2, tokenizer.vocab_size))
        mixture = Mixture(ngram, np.array([share, share]))
    weights = {name: w.numpy() for name, w in model.weights().items()}
    return Generator(Recurrence(model.config, weights), tokenizer, mixture)


@torch.no_grad()
def next_log_p(level: Level, ids: Sequence[int], mixture: Mixture | None = None) -> np.ndarray:
    """Ln p of every next token, read from the beginning by torch in float64."""
    model = network_of(level)
    state = model.start_state(1)
    if ids:
        state = model.read(torch.tensor(ids)[:, None], state)[2]
    log_p = model.readout(state)[0].double().log_softmax(-1).numpy()
    if mixture is None:
        return log_p
    p = mixture.ngram.distribution(mixture.ngram.read(np.array(ids)) if ids else mixture.ngram.start(1))[0]
    return np.log((1 - mixture.shares[0]) * np.exp(log_p) + mixture.shares[0] * p)


def naive_covers(
    level: Level, ids: Sequence[int], held: str, share: float | None = None
) -> Mapping[tuple[int, ...], float]:
    """Ln p of all covers, by trying every token after every beginning of one."""
    return _naive_covers(level, tuple(ids), held.encode(), share)


@cache
def _naive_covers(
    level: Level, ids: tuple[int, ...], held: bytes, share: float | None
) -> Mapping[tuple[int, ...], float]:
    table, mixture = tokenizer_of(level).token_bytes(), generator_of(level, share).mixture
    found: dict[tuple[int, ...], float] = {}

    def extend(path: tuple[int, ...], spelled: bytes, log_p: float) -> None:
        following = next_log_p(level, [*ids, *path], mixture)
        for token, content in enumerate(table):
            text = spelled + content
            if text.startswith(held):
                found[*path, token] = log_p + following[token]
            elif held.startswith(text):
                extend((*path, token), text, log_p + following[token])

    extend((), b"", 0.0)
    return found


def log_sum(values: object) -> float:
    return float(np.logaddexp.reduce(list(values)))  # type: ignore[call-overload]


@cache
def bound_of(level: Level) -> float:
    """Of the sum of ln p of a prompt's end and of up to seven tokens, by the largest of any one after eight tokens."""
    ids = torch.tensor([*b"The cat "])[:, None]
    model = network_of(level)
    return 8 * rounding_bound(lambda m: m(ids, m.start_state(1))[0].log_softmax(-1), model)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("prompt", PROMPTS)
@pytest.mark.parametrize("share", SHARES)
def test_covers_and_their_sum_are_those_of_a_plain_enumeration(level: Level, prompt: str, share: float | None) -> None:
    generator = generator_of(level, share)
    ids, held = generator.reader.hold_back(prompt)
    covers = find_covers(generator.context(ids), held.encode(), generator.tokenizer)
    found = {covers.ids(cover): cover for cover in range(len(covers.tokens))}
    for log_p, log_z, mixed in (
        (covers.log_p, covers.log_z, share),
        (covers.network_log_p, covers.network_log_z, None),
    ):
        expected = naive_covers(level, ids, held, mixed)
        assert log_z == pytest.approx(log_sum(expected.values()), abs=bound_of(level))
        for path, value in expected.items():
            if path in found:
                assert log_p[found[path]] == pytest.approx(value, abs=bound_of(level))
            else:  # too unlikely to be followed
                assert value < log_z + math.log(1e-8)
        assert found.keys() <= expected.keys()


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(
    "prompt", ["The ca", *(pytest.param(each, marks=pytest.mark.slow) for each in ("The ", "the\n", "don'", "."))]
)
def test_the_first_byte_has_the_models_own_distribution_given_the_bytes_of_the_prompt(
    level: Level, prompt: str
) -> None:
    """p(byte | prompt) = Z(prompt, byte) / Z(prompt): against the frequencies of many samples."""
    generator, table = generator_of(level), tokenizer_of(level).token_bytes()
    ids, held = generator.reader.hold_back(prompt)
    covers = naive_covers(level, ids, held)
    log_z = log_sum(covers.values())
    p = np.zeros(256)
    for path, log_p in covers.items():
        content = b"".join(table[token] for token in path)[len(held.encode()) :]
        if content:
            p[content[0]] += math.exp(log_p - log_z)
        else:
            for token, q in enumerate(np.exp(next_log_p(level, [*ids, *path]))):
                p[table[token][0]] += math.exp(log_p - log_z) * q
    assert p.sum() == pytest.approx(1, abs=1e-5)
    n = 6000
    starts = [generator.start(prompt, Sampling())] * n
    writer = generator.write_from(starts, Sampling(), 5, range(n), scored=True)
    writer.step()
    assert writer.spelled is not None
    counts = Counter(content[0] for content in writer.spelled)
    often = [byte for byte in range(256) if n * p[byte] >= 5]
    chi_squared = sum((counts[byte] - n * p[byte]) ** 2 / (n * p[byte]) for byte in often)
    k = len(often)
    assert chi_squared < k + 4.5 * math.sqrt(2 * k) + 12, (chi_squared, k)
    rest = sum(counts[byte] for byte in range(256) if byte not in often)
    expected = n * (1 - sum(p[byte] for byte in often))
    assert abs(rest - expected) < 5 * math.sqrt(expected + 1)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("prompt", PROMPTS)
@pytest.mark.parametrize("share", SHARES)
def test_nats_are_those_of_the_continuation_given_the_bytes_of_the_prompt(
    level: Level, prompt: str, share: float | None
) -> None:
    generator, table = generator_of(level, share), tokenizer_of(level).token_bytes()
    ids, held = generator.reader.hold_back(prompt)
    size = len(held.encode())
    nats: dict[bytes, list[tuple[float, float]]] = {}
    network, drawn = (naive_covers(level, ids, held, mixed) for mixed in (None, share))
    for path, log_p in network.items():
        content = b"".join(table[token] for token in path)[size:]
        both = log_sum(network.values()) - log_p, log_sum(drawn.values()) - drawn[path]
        if content:
            nats.setdefault(content, []).append(both)
            continue
        after = [next_log_p(level, [*ids, *path], mixture) for mixture in (None, generator.mixture)]
        for token, more in enumerate(table):
            nats.setdefault(more, []).append((both[0] - after[0][token], both[1] - after[1][token]))
    start, n = generator.start(prompt, Sampling()), 50
    writer = generator.write_from([start] * n, Sampling(), 7, range(n), scored=True)
    writer.step()
    assert writer.spelled is not None
    mixture_nats = writer.nats if writer.mixture_nats is None else writer.mixture_nats
    for content, *found in zip(writer.spelled, writer.nats, mixture_nats, strict=True):
        assert any(found == pytest.approx(pair, abs=bound_of(level)) for pair in nats[content])
    for sample, content, found in zip(
        generator.generate_batch([prompt] * n, length=1, seed=7), writer.spelled, writer.nats, strict=True
    ):
        assert sample.text == content.decode(errors="replace")
        assert sample.nats == pytest.approx(found, abs=bound_of(level))
        assert sample.tokens == 1


@pytest.mark.slow
@pytest.mark.parametrize("level", LEVELS)
def test_a_prompt_cut_anywhere_is_continued_by_the_text_without_a_character_lost_or_doubled(level: Level) -> None:
    """A model that knows a text by heart goes on with it from every character."""
    tokenizer = tokenizer_of(level)
    text = "The cat  sat.\n\nDon't catch é: 日 12 'r\n  a\u3000z\t"
    ids = tokenizer.encode(text).tolist()
    generator = Generator(Scripted(ids, tokenizer.vocab_size), tokenizer)  # type: ignore[arg-type]
    for at in range(1, len(text)):
        prompt, rest = text[:at], text[at:]
        fixed, _ = generator.reader.hold_back(prompt)
        for length in (len(ids) - len(fixed), 200):
            found = "".join(generator.generate(prompt, temperature=0, length=length))
            if len(found) < len(rest):  # its tokens within the prompt are not drawn
                assert rest.startswith(found.rstrip("\ufffd"))
                assert length < 200
            else:
                assert found.startswith(rest)
            (sample,) = generator.generate_batch([prompt], temperature=0, length=length)
            pieces = generator.pieces(prompt, temperature=0, length=length)
            assert sample.text == found == "".join(piece.text for piece in pieces)
            if length == 200:
                (one,) = beam_search(generator, prompt, 1, Sampling(length=200))
                assert one.text == found


@pytest.mark.parametrize("level", ["word", pytest.param("bpe", marks=pytest.mark.slow)])
def test_samples_of_a_batch_are_those_that_are_written_alone(level: Level) -> None:
    generator = exact_generator(tokenizer_of(level))
    prompts = ["The ", "", "The ca", "The ", "don'", "\n"]
    for options in ({}, {"force": "ts on a m"}, {"repetition_penalty": 1.5, "top_p": 0.9}):
        samples = generator.generate_batch(prompts, length=12, seed=2, **options)  # type: ignore[arg-type]
        for number, (prompt, sample) in enumerate(zip(prompts, samples, strict=True)):
            many = generator.generate_batch(["x"] * number + [prompt] * TOGETHER, length=12, seed=2, **options)  # type: ignore[arg-type]
            assert many[number].text == sample.text
            assert many[number].nats == pytest.approx(sample.nats, abs=bound_of(level))
        assert samples[0].text != samples[3].text
        alone = "".join(generator.generate("The ", length=12, seed=2, **options))  # type: ignore[arg-type]
        assert samples[0].text == alone
        stopped = generator.generate_batch(prompts, length=12, seed=2, stop=["a"], **options)  # type: ignore[arg-type]
        assert [s.text for s in stopped] == [s.text.partition("a")[0] for s in samples]


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("text", ["The cat ", "qzx", "ca"])
def test_forced_text_begins_the_text_wherever_it_begins(level: Level, text: str) -> None:
    """Its nats are those of the tokens that stand, less those of the prompt: p(prompt and forced) / p(prompt)."""
    generator, tokenizer = generator_of(level), tokenizer_of(level)
    table = tokenizer.token_bytes()
    for at in range(1, len(text)):
        prompt, force = text[:at], text[at:]
        ids, held = generator.reader.hold_back(prompt)
        beginning, end = generator.reader.hold_back(text)
        log_z = log_sum(naive_covers(level, ids, held).values())
        forced = sum(next_log_p(level, beginning[:k])[beginning[k]] for k in range(len(ids), len(beginning)))
        known = len(text.encode()) - len(end.encode())
        paths = {path: forced + log_p - log_z for path, log_p in naive_covers(level, beginning, end).items()}
        for seed in range(8):
            whole = list(generator.pieces(prompt, force=force, length=12, seed=seed))
            assert "".join(piece.text for piece in whole).startswith(force)
            (sample,) = generator.generate_batch([prompt], force=force, length=12, seed=seed)
            assert sample.nats == pytest.approx(sum(piece.nats for piece in whole), abs=bound_of(level))
            writer = generator.writer(prompt, Sampling(force=force), seed=seed, scored=True)
            content, nats = b"", 0.0
            while len(content) < len(force.encode()):
                writer.step()
                assert writer.spelled is not None
                content, nats = content + writer.spelled[0], nats + writer.nats[0]
            spelled = text.encode()[: len(prompt.encode())] + content
            likely = [-p for path, p in paths.items() if b"".join(table[token] for token in path) == spelled[known:]]
            assert any(nats == pytest.approx(value, abs=bound_of(level)) for value in likely)


def test_what_is_banned_is_in_no_cover_beyond_the_prompt() -> None:
    for level in LEVELS:
        generator = exact_generator(tokenizer_of(level))
        for prompt, banned in (("The ", " "), ("The ca", "a"), ("The cat", "t"), ("xqz", "z"), ("the\n", "\n")):
            samples = generator.generate_batch([prompt] * 60, length=6, seed=1, ban=[banned])
            assert not any(banned in sample.text for sample in samples)
            assert not any(
                banned in s.text for s in beam_search(generator, prompt, 5, Sampling(length=4, ban=[banned]))
            )


@pytest.mark.parametrize("level", LEVELS)
def test_options_that_leave_one_token_leave_one_cover(level: Level) -> None:
    generator = generator_of(level)
    for prompt in PROMPTS:
        ids, held = generator.reader.hold_back(prompt)
        covers = naive_covers(level, ids, held)
        table = tokenizer_of(level).token_bytes()
        best = max(covers, key=covers.__getitem__)
        content = b"".join(table[token] for token in best)[len(held.encode()) :]
        if not content:
            content = table[int(next_log_p(level, [*ids, *best]).argmax())]
        every: list[Options] = [{"temperature": 0}, {"top_k": 1}, {"top_p": 0}, {"min_p": 1}]
        for options in every:
            found = "".join(generator.generate(prompt, length=1, seed=3, **options))
            assert found == content.decode(errors="replace")


def test_a_repetition_penalty_is_over_the_words_that_covers_end_with() -> None:
    tokenizer = tokenizer_of("word")
    bias = np.zeros(tokenizer.vocab_size)
    bias[tokenizer.encode(" cat dog")] = 8, 7.9
    generator = generator_with_bias(bias.tolist(), tokenizer)
    for prompt, words in (("The ", "cat"), ("A cat ", "dog"), ("The dog ", "cat"), ("The dog", " cat")):
        found = generator.generate(prompt, length=1, temperature=0, repetition_penalty=2)
        assert "".join(found) == words
    assert "".join(generator.generate("A cat ", length=1, temperature=0)) == "cat"


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("prompt", ["The ", "The ca", "don'"])
@pytest.mark.parametrize("share", SHARES)
def test_a_wide_beam_finds_the_most_likely_first_token_of_all(level: Level, prompt: str, share: float | None) -> None:
    generator, table = generator_of(level, share), tokenizer_of(level).token_bytes()
    ids, held = generator.reader.hold_back(prompt)
    covers = naive_covers(level, ids, held, share)
    network = naive_covers(level, ids, held)
    every: list[tuple[float, float, bytes]] = []
    for path, log_p in covers.items():
        content = b"".join(table[token] for token in path)[len(held.encode()) :]
        both = log_sum(covers.values()) - log_p, log_sum(network.values()) - network[path]
        if content:
            every.append((*both, content))
        else:
            after, alone = next_log_p(level, [*ids, *path], generator.mixture), next_log_p(level, [*ids, *path])
            every += [(both[0] - after[t], both[1] - alone[t], table[t]) for t in range(len(table))]
    every.sort()
    found = beam_search(generator, prompt, 20, Sampling(length=1))
    nats = [s.nats if share is None else s.mixture_nats for s in found]
    assert nats == pytest.approx([drawn for drawn, _, _ in every[:20]], abs=bound_of(level))
    assert [s.nats for s in found[:1]] == pytest.approx([every[0][1]], abs=bound_of(level))
    assert found[0].text == every[0][2].decode(errors="replace")
    assert [s.text for s in beam_search(generator, prompt, 3, Sampling(length=0))] == [""]


@pytest.mark.parametrize("level", LEVELS)
def test_what_is_typed_in_parts_is_continued_as_if_it_had_been_typed_at_once(level: Level) -> None:
    generator = exact_generator(tokenizer_of(level))
    sampling = Sampling(length=12)
    for parts in (["The ", "ca"], ["T", "h", "e", " ", "c", "a"], ["The ca", ""], ["don", "'", "r"], ["a", "\n", "\n"]):
        whole, session = Session(generator, "".join(parts), sampling, 3), Session(generator, parts[0], sampling, 3)
        for part in parts[1:]:
            session.add(part)
        session.add("xyz")
        session.undo()
        assert session.words() == whole.words()
        assert "".join(session.write()) == "".join(whole.write())
        assert "".join(session.retry()) == "".join(whole.retry())
        assert "".join(session.write()) == "".join(whole.write())
        session.undo()
        whole.undo()
        assert session.words() == whole.words()


@pytest.mark.parametrize("level", LEVELS)
def test_a_word_that_is_being_typed_is_completed(level: Level) -> None:
    tokenizer = tokenizer_of(level)
    ids = tokenizer.encode("The cattle sat. ").tolist()
    generator = Generator(Scripted(ids, tokenizer.vocab_size), tokenizer)  # type: ignore[arg-type]
    for typed, completed in (("The ", "cattle"), ("The cat", "tle"), ("The cattle", " sat"), ("The cattle ", "sat")):
        (word, p), *_ = Session(generator, typed, Sampling(), 1).words(1)
        assert word == completed
        assert p == pytest.approx(1)


@pytest.mark.parametrize("level", LEVELS)
def test_an_empty_prompt_draws_what_follows_line_ends_that_stand(level: Level) -> None:
    generator = exact_generator(tokenizer_of(level))
    start = generator.start("", Sampling())
    assert start.opening.steps == 0
    assert start.ids == tuple(generator.tokenizer.encode("\n\n"))


@pytest.mark.parametrize("level", LEVELS)
def test_texts_are_the_same_with_torch(level: Level) -> None:
    one, other = (exact_generator(tokenizer_of(level), with_torch=with_torch) for with_torch in (False, True))
    for prompt in PROMPTS:
        samples = [g.generate_batch([prompt, "The "], length=20, seed=4) for g in (one, other)]
        assert [s.text for s in samples[0]] == [s.text for s in samples[1]]
