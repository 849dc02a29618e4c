"""The search for fills, against a plain enumeration of all fills by the formulas."""

from __future__ import annotations

import itertools

import pytest
import torch

from rnngen.infilling.gapped_text import EncodedGap
from rnngen.model.cloze import ClozeLM
from rnngen.model.language_model import RecurrentLM
from tests.infilling.formulas import V, filler_of, ids, judged, network
from tests.rounding import rounding_bound


@pytest.mark.slow
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
