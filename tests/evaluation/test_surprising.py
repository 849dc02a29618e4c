"""The most surprising positions of a text, against the formulas at every position."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch

from rnngen.corpus.documents import BOUNDARY
from rnngen.corpus.tokenizer import CharTokenizer
from rnngen.evaluation import surprising
from rnngen.evaluation.scoring import held_out_nats
from rnngen.evaluation.surprising import APART, score_tokens, surprising_positions
from rnngen.infilling.readers import Readers
from rnngen.model.cloze import ClozeLM
from rnngen.model.language_model import RecurrentLM
from tests.evaluation.test_gaps import TEXT, TOKENIZER, filler, network
from tests.infilling.formulas import judged
from tests.rounding import rounding_bound


@pytest.mark.slow
@pytest.mark.parametrize("bidirectional", [True, False])
def test_the_most_surprising_positions_are_those_that_agree_least_with_their_surroundings(bidirectional: bool) -> None:
    model, tokens = network(bidirectional=bidirectional), TOKENIZER.encode(TEXT)
    assert isinstance(model, ClozeLM | RecurrentLM)
    with torch.no_grad():
        for p in model.parameters():
            p.mul_(3)  # so that it is sure of something
    known = [i for i in range(TOKENIZER.vocab_size) if i != TOKENIZER.unknown_id]
    p = np.array(
        [
            [judged(model, [tokens[:t].tolist(), [i], tokens[t + 1 :].tolist()]) for i in known]
            for t in range(len(tokens))
        ]
    )  # (N, V): ln p of every token at every position, and of what is on its other side
    middle = len(tokens) // 2
    parts = [tokens[:middle].tolist(), [known[0]], tokens[middle + 1 :].tolist()]
    bound = 2 * rounding_bound(lambda m: judged(m, parts), model)  # -ln of a share: a difference of two
    p = np.exp(p - p.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    nats = np.array([-np.log(p[t, known.index(token)]) for t, token in enumerate(tokens.tolist())])
    best_two = np.sort(np.log(p), axis=1)[:, -2:]
    assert (best_two[:, 1] - best_two[:, 0]).min() > bound  # rounding decides nowhere which is the likeliest
    chosen: list[int] = []
    for t in np.argsort(-nats).tolist():
        if all(abs(t - other) > APART for other in chosen) and known[p[t].argmax()] != tokens[t]:
            chosen.append(t)
    words = {}  # the worst position of each, and all
    for t in chosen:
        around = re.search(r"[a-z]*$", TEXT[:t]).group(), re.match(r"[a-z]*", TEXT[t + 1 :]).group()  # type: ignore[union-attr]
        words.setdefault((*around, TEXT[t]) if any(around) else t, []).append(t)
    assert any(len(positions) > 1 for positions in words.values())
    listed = surprising_positions(model, filler(model), tokens, 5)
    # of positions whose nats are nearly equal either may be first
    worst = [nats[positions[0]] for positions in words.values()][:5]
    np.testing.assert_allclose([s.nats for s in listed], worst, rtol=0, atol=bound)
    for s in listed:
        (positions,) = (positions for positions in words.values() if s.position in positions)
        assert s.times == len(positions)
        assert nats[s.position] >= nats[positions[0]] - 2 * bound
        best = known[p[s.position].argmax()]
        assert (s.token, s.expected) == (TEXT[s.position], TOKENIZER.decode([best]))
        assert s.probability == pytest.approx(p[s.position].max(), rel=bound)
        assert s.nats == pytest.approx(nats[s.position], rel=0, abs=bound)
        before = TEXT[: s.position]
        assert (s.line, s.column) == (before.count("\n") + 1, s.position - (before.rfind("\n") + 1) + 1)
        assert before.endswith(s.left)
        assert TEXT[s.position + 1 :].startswith(s.right)


def test_positions_are_scored_again_in_the_order_of_what_each_reader_expected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(surprising, "candidates_for", lambda count: count)
    model, tokens = network(bidirectional=True), TOKENIZER.encode(TEXT)
    nats = np.empty(len(tokens), np.float32)
    held_out_nats(model, tokens, each=nats)
    listed = surprising_positions(model, filler(model), tokens, 9)
    assert {s.position for s in listed} <= set(np.argsort(-nats)[:9].tolist())


def test_of_a_large_vocabulary_the_likeliest_and_the_token_itself_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    model, tokens = network(bidirectional=True), TOKENIZER.encode(TEXT)
    whole = score_tokens(model, filler(model), tokens, range(20, 40))
    monkeypatch.setattr(surprising, "_NUMBERS", 0)
    monkeypatch.setattr(surprising, "_ALTERNATIVES", (3, 3))
    some = score_tokens(model, filler(model), tokens, range(20, 40))
    parts = [tokens[:30].tolist(), tokens[30:31].tolist(), tokens[31:].tolist()]
    bound = 2 * rounding_bound(lambda m: judged(m, parts), model)
    assert all(some[t].nats <= whole[t].nats + bound for t in some)  # fewer to compare with
    assert all(some[t].nats > 0 for t in some)
    assert isinstance(model, ClozeLM)
    left, right = model.left_to_right, model.right_to_left
    compared = []
    log_p = Readers.log_p
    monkeypatch.setattr(Readers, "log_p", lambda *a: compared.append({ids[0][0] for ids in a[3]}) or log_p(*a))
    score_tokens(model, filler(model), tokens, range(20, 40))
    for t, alternatives in zip(range(20, 40), compared, strict=True):
        with torch.no_grad():
            before = left.read(torch.from_numpy(tokens[:t].astype(int))[:, None], left.start_state(1))[2]
            after = torch.from_numpy(tokens[t + 1 :][::-1].astype(int))[:, None]
            beyond = right.read(after, right.start_state(1))[2]
            logits = (left.readout(before) + right.readout(beyond))[0]
        logits[TOKENIZER.unknown_id] = -torch.inf
        third, fourth = logits.topk(4).values[2:].tolist()
        assert third - fourth > bound  # which three it are does not depend on rounding
        assert alternatives == {int(tokens[t]), *logits.topk(3).indices.tolist()}


def test_a_position_with_the_most_likely_token_is_not_listed() -> None:
    tokens = TOKENIZER.encode("a" * 40)
    model = network(bidirectional=False)
    assert isinstance(model, RecurrentLM)
    with torch.no_grad():
        model.output.bias[tokens[0]] = 5.0
    assert surprising_positions(model, filler(model), tokens, 5) == []


def test_columns_count_characters_whatever_they_take_on_a_screen() -> None:
    text = "ab\n世界\te\u0301👍 x\n\nyz"
    tokenizer = CharTokenizer(text)
    tokens = tokenizer.encode(text)
    positions = [text.index("x"), text.index("界"), text.index("z")]
    found = surprising._lines_and_columns(tokenizer, tokens, positions)
    assert [found[position] for position in positions] == [(2, 8), (2, 2), (4, 2)]


def test_a_document_ends_its_line() -> None:
    tokenizer = CharTokenizer("abc\n" + BOUNDARY)
    tokens = tokenizer.encode(f"ab{BOUNDARY}c\na{BOUNDARY}{BOUNDARY}b")
    found = surprising._lines_and_columns(tokenizer, tokens, [1, 3, 5, 8])
    assert found == {1: (1, 2), 3: (2, 1), 5: (3, 1), 8: (5, 1)}
