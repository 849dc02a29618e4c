"""The readers of a model that fills gaps, against the formulas written out in torch."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from rnngen.infilling.gapped_text import EncodedGap
from rnngen.infilling.readers import GUESSED_LENGTH
from rnngen.model.cloze import ClozeLM
from rnngen.model.language_model import RecurrentLM
from tests.infilling.formulas import V, filler_of, ids, judged, log_p, network
from tests.rounding import rounding_bound


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


def test_what_is_read_between_two_gaps_counts_no_further_than_twelve_tokens() -> None:
    model = network()
    known = [ids("abc a" * 4), ids("cab ab c" * 3), ids(" cab" * 5)]
    places = [EncodedGap([1, 2], known[1]), EncodedGap([1], known[2])]
    rows = [[ids("a"), ids("b")], [ids("ca"), ids(" ")], [ids("b"), ids("c")]]

    def each(m: ClozeLM | RecurrentLM) -> list[float]:
        return [judged(m, [known[0], one, known[1], two, known[2]]) for one, two in rows]

    bound = rounding_bound(each, model)
    assert filler_of(model).readers.log_p(known[0], places, rows) == pytest.approx(each(model), rel=0, abs=bound)
