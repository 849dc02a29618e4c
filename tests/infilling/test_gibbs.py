"""Gibbs sampling, against the distribution whose conditionals it draws from."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from rnngen.errors import UsageError
from rnngen.infilling.gapped_text import EncodedGap, GappedText
from rnngen.model.cloze import ClozeLM
from tests.infilling.formulas import V, filler_of, ids, log_p_of_one, network, of_subwords


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
