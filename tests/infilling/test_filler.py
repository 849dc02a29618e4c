"""Filling gaps, against a plain enumeration of all fills by the formulas."""

from __future__ import annotations

import itertools
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from rnngen.corpus.tokenizer import ByteTokenizer, CharTokenizer, Level, Tokenizer, train_tokenizer
from rnngen.errors import UsageError
from rnngen.infilling.filler import Filler
from rnngen.infilling.gapped_text import EncodedGap, Gap, GappedText, parse_gaps, unseen
from rnngen.infilling.loading import make_filler
from rnngen.infilling.readers import GUESSED_LENGTH
from rnngen.model.cloze import ClozeLM
from rnngen.model.language_model import Network, RecurrentLM
from rnngen.options.network import ModelConfig
from rnngen.runs.run import Run
from rnngen.sampling.loading import load
from tests.rounding import rounding_bound

TOKENIZER = CharTokenizer("abc ")
V = TOKENIZER.vocab_size


def network(*, bidirectional: bool = True, **fields: object) -> ClozeLM | RecurrentLM:
    config = ModelConfig(**{"hidden_size": 8, "embedding_size": 4, "bidirectional": bidirectional, **fields})
    model = (ClozeLM if bidirectional else RecurrentLM)(config, V, torch.Generator().manual_seed(2))
    with torch.no_grad():
        for p in model.parameters():
            p.mul_(2)
    return model


def filler_of(model: Network, tokenizer: Tokenizer = TOKENIZER) -> Filler:
    weights = {name: w.numpy() for name, w in model.weights().items()}
    return make_filler(model.config, weights, tokenizer)


@torch.no_grad()
def log_p(model: ClozeLM, before: list[int], unknown: list[int], beyond: list[int]) -> float:
    """Ln p of unknown tokens: each given all to its left, and all beyond them, the unknown ones to its right masked."""
    total = 0.0
    for k, token in enumerate(unknown):
        left_state = model.left_to_right.start_state(1)
        if read := [*before, *unknown[:k]]:
            left_state = model.left_to_right.read(torch.tensor(read)[:, None], left_state)[2]
        right_state = model.right_to_left.start_state(1)
        masks = len(unknown) - 1 - k
        if read := [*beyond[::-1], *([0] * masks)]:
            masked = torch.tensor([False] * len(beyond) + [True] * masks)[:, None]
            right_state = model.right_to_left.read(torch.tensor(read)[:, None], right_state, masked=masked)[2]
        logits = model.left_to_right.readout(left_state) + model.right_to_left.readout(right_state)
        total += float(logits[0].double().log_softmax(-1)[token])
    return total


@torch.no_grad()
def alone(reader: RecurrentLM, other: RecurrentLM | None, read: list[int], predicted: list[int]) -> float:
    """Ln p of tokens, each from those before it in the order of reading, the other reader having read nothing."""
    state, total = reader.start_state(1), 0.0
    for i, token in enumerate([*read, *predicted]):
        if i >= len(read):
            logits = reader.readout(state)
            logits = logits if other is None else logits + other.readout(other.start_state(1))
            total += float(logits[0].double().log_softmax(-1)[token])
        state = reader.read(torch.tensor([[token]]), state)[2]
    return total


def judged(model: ClozeLM | RecurrentLM, parts: list[list[int]]) -> float:
    """Mean over the readers of ln p of what is in the gaps, the odd parts, and of 12 tokens beyond each."""
    readers: list[tuple[RecurrentLM, RecurrentLM | None, int]]
    if isinstance(model, ClozeLM):
        left, right = model.left_to_right, model.right_to_left
        readers = [(left, right, 1), (right, left, -1)]
    else:
        readers = [(model, None, 1)]
    found = []
    for reader, other, towards in readers:
        ordered = [part[::towards] for part in parts[::towards]]
        found.append(
            sum(
                alone(reader, other, [*itertools.chain(*ordered[:i])], [*ordered[i], *ordered[i + 1][:12]])
                for i in range(1, len(ordered), 2)
            )
        )
    return float(np.mean(found))


def ids(text: str) -> list[int]:
    return TOKENIZER.encode(text).tolist()


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_the_probability_of_a_gap_is_the_product_of_its_tokens_given_left_and_right(cell: str) -> None:
    model = network(cell=cell, num_layers=2)
    filler = filler_of(model)
    assert isinstance(model, ClozeLM)
    bound = rounding_bound(lambda m: log_p(m, ids("ab "), ids("ca b"), ids("abca")), model)  # of the longest
    for fill in ("a", "bc", "ca b"):
        place = EncodedGap([len(fill)], ids("abca"))
        nats = filler.readers.nats(ids("ab "), place, ids(fill))
        assert nats == pytest.approx(-log_p(model, ids("ab "), ids(fill), ids("abca")), rel=0, abs=bound)
    each = [log_p(model, ids("ab"), list(fill), ids("c")) for fill in itertools.product(range(V), repeat=2)]
    assert np.logaddexp.reduce(each) == pytest.approx(0, abs=bound)  # a distribution over all fills of a length


def test_fills_of_all_lengths_are_ranked_by_what_each_reader_makes_of_them_and_of_what_is_beyond() -> None:
    model = network()
    assert isinstance(model, ClozeLM)
    before, after = ids("ab c" * 4), ids(" cab" * 5)
    everything = [list(fill) for n in (1, 2, 3) for fill in itertools.product(range(1, V), repeat=n)]
    expected = {tuple(f): judged(model, [before, f, after]) for f in everything}
    bound = rounding_bound(lambda m: [judged(m, [before, f, after]) for f in everything[-3:]], model)  # the longest
    found = filler_of(model).search(before, [EncodedGap([1, 2, 3], after)], beam=200)
    assert len(found) == len(everything)
    for hypothesis in found:
        assert hypothesis.score == pytest.approx(expected[hypothesis.fills[0]], rel=0, abs=bound)
    assert [h.score for h in found] == sorted((h.score for h in found), reverse=True)
    shares = filler_of(model).best("ab c" * 4 + "___" + " cab" * 5, num_fills=200, beam=200, longest=3)
    assert sum(f.share or 0 for f in shares) == pytest.approx(1)
    assert filler_of(model).best("ab c" * 4 + "___" + " cab" * 5, num_fills=2, beam=200, longest=3) == shares[:2]
    assert shares[0].text == "ab c" * 4 + shares[0].fills[0] + " cab" * 5


def test_a_left_to_right_model_judges_a_fill_by_what_follows_it() -> None:
    model = network(bidirectional=False)
    assert isinstance(model, RecurrentLM)

    def score(fill: str, model: RecurrentLM = model) -> float:
        read = ids("ab" + fill + "cab")
        with torch.no_grad():
            logits, _ = model(torch.tensor(read)[:, None], model.start_state(1))
        picked = logits[:-1, 0].double().log_softmax(-1)[torch.arange(len(read) - 1), torch.tensor(read[1:])]
        return float(picked[1:].sum())  # from the first token of the gap on

    found = filler_of(model).best("ab[2]cab", num_fills=16, beam=16)
    assert len(found) == 16
    for each in found:
        bound = rounding_bound(lambda m, fill=each.fills[0]: score(fill, m), model)
        assert -each.nats == pytest.approx(score(each.fills[0]), rel=0, abs=bound)


def test_of_several_gaps_those_fills_are_best_that_go_together() -> None:
    model = network()
    assert isinstance(model, ClozeLM)
    filler = filler_of(model)
    (best, *_) = filler.best("a[1]b[2]c", num_fills=400, beam=400)
    everything = [
        (list(x), list(y))
        for x in itertools.product(range(1, V), repeat=1)
        for y in itertools.product(range(1, V), repeat=2)
    ]
    nats = {(tuple(x), tuple(y)): -judged(model, [ids("a"), x, ids("b"), y, ids("c")]) for x, y in everything}
    bound = rounding_bound(lambda m: judged(m, [ids("a"), ids("b"), ids("b"), ids("ca"), ids("c")]), model)
    assert best.nats == pytest.approx(min(nats.values()), rel=0, abs=bound)
    first, second = (tuple(ids(fill)) for fill in best.fills)
    assert nats[first, second] <= min(nats.values()) + 2 * bound  # of two that are nearly equal either may be first
    assert best.text == f"a{best.fills[0]}b{best.fills[1]}c"


def test_gibbs_sampling_draws_each_token_given_all_others() -> None:
    """The chain's distribution over a gap of two is the one whose conditionals it was given, iterated from scratch."""
    model = network()
    assert isinstance(model, ClozeLM)
    before, after = ids("ab"), ids("ca")
    given = {
        (k, fill): log_p_of_one(model, [*before, *fill, *after], len(before) + k)
        for k in (0, 1)
        for fill in itertools.product(range(V), repeat=2)
    }
    p = np.full((V, V), 1.0)
    p[0], p[:, 0] = 0, 0  # the unknown symbol is never drawn
    p /= p.sum()
    for _ in range(200):  # sweeps: the first token anew, then the second
        first = np.array([[np.exp(given[0, (a, b)][a]) if a else 0 for b in range(V)] for a in range(V)])
        first /= first.sum(axis=0)
        p = first * p.sum(axis=0)
        second = np.array([[np.exp(given[1, (a, b)][b]) if b else 0 for b in range(V)] for a in range(V)])
        second /= second.sum(axis=1, keepdims=True)
        p = second * p.sum(axis=1, keepdims=True)
    n = 4000
    drawn = filler_of(model).draw("ab[2]ca", num_fills=n, gibbs=12, seed=5)
    counts = np.zeros((V, V))
    for each in drawn:
        counts[tuple(ids(each.fills[0]))] += 1
    chi_square = ((counts - n * p)[p > 0] ** 2 / (n * p)[p > 0]).sum()
    assert chi_square < 40  # 15 degrees of freedom: exceeded by chance once in 2,000


@torch.no_grad()
def log_p_of_one(model: ClozeLM, text: list[int], at: int) -> np.ndarray:
    """Ln p of every token at a place, given all others."""
    left, right = model.left_to_right, model.right_to_left
    a = left.read(torch.tensor(text[:at])[:, None], left.start_state(1))[2]
    b = right.read(torch.tensor(text[at + 1 :][::-1])[:, None], right.start_state(1))[2]
    return (left.readout(a) + right.readout(b))[0].double().log_softmax(-1).numpy()


def test_drawing_is_reproducible_greedy_at_zero_and_needs_both_sides() -> None:
    filler = filler_of(network())
    one, two = (filler.draw("a[4]b___c", num_fills=2, gibbs=3, seed=7) for _ in range(2))
    assert one == two
    assert len({f.fills for f in filler.draw("a[3]b", num_fills=4, gibbs=3, temperature=0, seed=1)}) == 1
    filler = filler_of(network())
    drawn = filler.draw("ab ___ ca", num_fills=400, gibbs=1, longest=3, seed=3)
    found = filler.search(ids("ab "), [EncodedGap([1, 2, 3], ids(" ca"))], beam=32)
    p = np.exp([h.score for h in found])
    for n in (1, 2, 3):  # lengths come as often as the fills that were found say
        expected = p[[len(h.fills[0]) == n for h in found]].sum() / p.sum()
        assert np.mean([len(f.fills[0]) == n for f in drawn]) == pytest.approx(
            expected, abs=4 * (expected * (1 - expected) / 400) ** 0.5
        )
    with pytest.raises(UsageError, match="both ends"):
        filler_of(network(bidirectional=False)).draw("a[1]b")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("to ___ be", ["to ", Gap(None), " be"]),
        ("______x", ["", Gap(None), "x"]),
        ("a[5]b[12]", ["a", Gap(5), "b", Gap(12), ""]),
        (r"a[1] is \[5] and \___", ["a", Gap(1), " is [5] and ___"]),
        ("x__y[3] [a] [-1]", ["x__y", Gap(3), " [a] [-1]"]),
    ],
)
def test_gaps_are_found_in_text(text: str, parts: list[object]) -> None:
    assert parse_gaps(text) == parts


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("no gap", "no gap"),
        ("a[0]b", "no tokens"),
        ("a[1][2]", "nothing"),
        ("a[9999]b", "too long"),
        (f"a[{'9' * 5000}]b", "too long"),
        ("a[०]b", "no gap"),  # a digit, but not one of ours
        ("ab ___", "nothing follows"),
    ],
)
def test_texts_that_cannot_be_filled_are_refused(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        filler_of(network()).best(text)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"num_fills": 10**6}, "`num_fills`"),
        ({"beam": 5000}, "`beam`"),
        ({"longest": 5000}, "`longest`"),
        ({"beam": 1024, "longest": 1000}, "too many candidates"),
    ],
)
def test_searches_that_would_not_end_are_refused(how: dict[str, int], message: str) -> None:
    filler = filler_of(network())
    filler.readers.left.vocab_size = 10_000 if "candidates" in message else V
    with pytest.raises(UsageError, match=message):
        filler.best("a___b", **how)


def test_sampling_from_a_bidirectional_run_says_what_to_use_instead(tmp_path: Path) -> None:
    config = ModelConfig(bidirectional=True)
    with pytest.raises(UsageError, match="rnngen fill"):
        load(Run(tmp_path, {}, {"model": vars(config)}))


@torch.no_grad()
def test_later_gaps_are_masked_when_a_gap_is_proposed_for() -> None:
    model = network()
    assert isinstance(model, ClozeLM)
    filler = filler_of(model)
    places = [EncodedGap([1], ids("b")), EncodedGap([1, 2, 3], ids("ca")), EncodedGap([2], ids("c"))]
    right = model.right_to_left
    state = right.start_state(1)
    for token, masked in [
        (ids("c")[0], False),
        *[(0, True)] * 2,
        *((i, False) for i in ids("ca")[::-1]),
        *[(0, True)] * GUESSED_LENGTH,
        (ids("b")[0], False),
    ]:
        state = right.read(torch.tensor([[token]]), state, masked=torch.tensor([[masked]]))[2]
    beyond = filler.readers.states_beyond(places)
    read = torch.tensor(ids("b" + "caca" + "c"))[:, None]  # as many tokens
    bound = rounding_bound(lambda m: m(read, m.start_state(1))[0], right)
    np.testing.assert_allclose(
        filler.readers.added_by_right(beyond[0], 1)[0], right.readout(state)[0], rtol=0, atol=bound
    )


@cache
def of_subwords(level: Level) -> tuple[ClozeLM, Tokenizer, Filler]:
    """A bidirectional model of words or byte pairs."""
    text = "the cat sat on the mat and the cattle ran to the tree. " * 20
    tokenizer = train_tokenizer(level, [text], 300)
    config = ModelConfig(**{"hidden_size": 8, "embedding_size": 4, "bidirectional": True})
    model = ClozeLM(config, tokenizer.vocab_size, torch.Generator().manual_seed(2))
    return model, tokenizer, filler_of(model, tokenizer)


@pytest.mark.parametrize("level", ["word", "bpe"])
@pytest.mark.parametrize(
    ("known", "held"), [("the ", " "), ("the ca", " ca"), ("the cat", " cat"), ("ca", "ca"), ("the qz", ""), ("", "")]
)
def test_a_fill_goes_on_from_the_text_before_the_gap_or_from_its_last_token(
    level: Level, known: str, held: str
) -> None:
    """Against every token in the gap that goes on from what is held back, and every one after the known text's own."""
    model, tokenizer, filler = of_subwords(level)
    table = tokenizer.token_bytes()
    if not any(content.startswith(held.encode()) and content != held.encode() for content in table):
        held = ""  # the vocabularies differ
    ids = tokenizer.encode(known).tolist()
    own = tokenizer.encode(held).tolist()
    before, after = ids[: len(ids) - len(own)], tokenizer.encode(" on").tolist()
    fills = [(*own, token) for token in range(len(table))]
    if held:
        longer = (t for t, content in enumerate(table) if content.startswith(held.encode()) and t != own[0])
        fills += [(token,) for token in longer]
    expected: dict[str, list[float]] = {}
    for fill in fills:
        text = tokenizer.decode(fill, skip=len(held.encode()))
        expected.setdefault(text, []).append(-judged(model, [before, list(fill), after]))
    bound = rounding_bound(lambda m: judged(m, [before, list(fills[-1]), after]), model)
    bound += rounding_bound(lambda m: judged(m, [before, list(fills[0]), after]), model)
    found = filler.best(f"{known}[1] on", num_fills=1000, beam=300)
    every = {each.fills[0]: each for each in found}
    assert every.keys() == {text for text in expected if "\ufffd" not in text}
    for text, each in every.items():
        assert each.text == f"{known}{text} on"
        assert each.nats == pytest.approx(min(expected[text]), rel=0, abs=bound)
    total = sum(np.exp(-nats) for text in every for nats in expected[text])
    for text, each in every.items():
        assert each.share == pytest.approx(sum(np.exp(-nats) for nats in expected[text]) / total, rel=4 * bound)
    assert [each.nats for each in found] == sorted(each.nats for each in found)


@pytest.mark.parametrize("level", ["word", "bpe"])
def test_no_character_before_a_gap_is_lost_or_doubled(level: Level) -> None:
    _, _, filler = of_subwords(level)
    for text in ("the ___ sat", "the ca___ sat", "th[2] c[1] ___at", "a[1] [2]\n", "the cat [1] ran", "on  ___ the"):
        for each in [
            *filler.best(text, num_fills=30, longest=2),
            *filler.draw(text, num_fills=10, gibbs=2, seed=1, longest=2),
        ]:
            fills = iter(each.fills)
            assert each.text == "".join(p if isinstance(p, str) else next(fills) for p in parse_gaps(text))


def test_drawn_fills_go_on_from_the_text_in_both_ways_as_often_as_the_search_says() -> None:
    _, tokenizer, filler = of_subwords("bpe")
    text, n = "the ca[1] on", 600
    before, (place,) = tokenizer.encode("the").tolist(), GappedText.read(text, tokenizer).gaps
    found = filler.search(before, [place], 300)
    p = np.exp([h.score for h in found])
    joined = p[[len(h.fills[0]) == 1 for h in found]].sum() / p.sum()
    longer = {tokenizer.decode([t], skip=3) for t in tokenizer.tokens_beginning(b" ca")}
    assert 0 < joined < 1
    drawn = filler.draw(text, num_fills=n, gibbs=1, seed=2)
    often = np.mean([each.fills[0] in longer for each in drawn])
    assert often == pytest.approx(joined, abs=0.02 + 4 * (joined * (1 - joined) / n) ** 0.5)


def test_what_the_model_has_never_seen_is_left_out_of_what_it_reads() -> None:
    filler = filler_of(network())
    with_it, without = filler.best("aXb[2]cY a", num_fills=5), filler.best("ab[2]c a", num_fills=5)
    assert [f.fills for f in with_it] == [f.fills for f in without]
    assert [f.nats for f in with_it] == [f.nats for f in without]
    assert unseen("aXb[2]cY a", TOKENIZER) == "XY"


def test_fills_of_bytes_are_text_where_there_is_text_of_that_length() -> None:
    tokenizer = ByteTokenizer()
    config = ModelConfig(**{"hidden_size": 8, "embedding_size": 4, "bidirectional": True})
    model = ClozeLM(config, tokenizer.vocab_size, torch.Generator().manual_seed(2))
    filler = filler_of(model, tokenizer)
    fills = [each.fills[0] for each in filler.best("a___b", num_fills=100, longest=2)]
    assert len(fills) > 10
    assert not any("\ufffd" in fill for fill in fills)


def test_what_is_read_between_two_gaps_counts_no_further_than_twelve_tokens() -> None:
    model = network()
    known = [ids("abc a" * 4), ids("cab ab c" * 3), ids(" cab" * 5)]
    places = [EncodedGap([1, 2], known[1]), EncodedGap([1], known[2])]
    rows = [[ids("a"), ids("b")], [ids("ca"), ids(" ")], [ids("b"), ids("c")]]

    def each(m: ClozeLM | RecurrentLM) -> list[float]:
        return [judged(m, [known[0], one, known[1], two, known[2]]) for one, two in rows]

    bound = rounding_bound(each, model)
    assert filler_of(model).readers.log_p(known[0], places, rows) == pytest.approx(each(model), rel=0, abs=bound)
