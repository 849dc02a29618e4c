"""Words that are taken out and put back, and the least expected places of a text."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rnngen.config import ModelConfig
from rnngen.corpus.tokenizer import CharTokenizer, train_tokenizer
from rnngen.errors import CorpusError
from rnngen.evaluation import gaps
from rnngen.evaluation.evaluate import held_out_nats
from rnngen.evaluation.gaps import score_gaps, word_spans
from rnngen.evaluation.spot import APART, least_expected
from rnngen.generation.fill import make_filler
from rnngen.generation.gapped_text import Place
from rnngen.model.cloze import ClozeLM
from rnngen.model.language_model import RecurrentLM
from rnngen.model.load import make_network
from rnngen.model.network import Network

TEXT = "ab ba, cab!\nabc ba ab caba ca b a" * 3
TOKENIZER = CharTokenizer(TEXT)


def network(*, bidirectional: bool, seed: int = 0) -> Network:
    config = ModelConfig(hidden_size=8, embedding_size=4, bidirectional=bidirectional)
    return make_network(config, TOKENIZER.vocab_size, torch.Generator().manual_seed(seed))


def filler(model: Network):  # type: ignore[no-untyped-def]
    weights = {name: w.numpy() for name, w in model.weights().items()}
    return make_filler(model.config.model_dump(), weights, TOKENIZER)


def test_words_of_characters_are_found_between_what_is_no_letter(monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = TOKENIZER.encode("ab ba, cab!\na")
    assert list(word_spans(TOKENIZER, tokens)) == [(3, 5), (7, 10)]  # none at either end
    tokens = TOKENIZER.encode(TEXT + " " + "a" * 25 + " " + "b" * 24 + " ")  # the longest that counts
    whole = list(word_spans(TOKENIZER, tokens))
    assert whole[-1] == (len(tokens) - 25, len(tokens) - 1)
    assert (len(tokens) - 51, len(tokens) - 26) not in whole
    for size in (1, 2, 3, 7, 30):  # as in parts of any size
        monkeypatch.setattr(gaps, "_CHUNK", size)
        assert list(word_spans(TOKENIZER, tokens)) == whole


@pytest.mark.parametrize("level", ["bpe", "word"])
def test_words_of_larger_tokens_have_the_space_before_them(level: str) -> None:
    text = "the cat sat on the mat and the cat ran. " * 20
    tokenizer = train_tokenizer(level, [text], 300)  # type: ignore[arg-type]
    tokens = tokenizer.encode(text)
    words = {tokenizer.decode(tokens[a:b].tolist()) for a, b in word_spans(tokenizer, tokens)}
    assert words <= {f" {word}" for word in text.replace(".", "").split()}
    assert " cat" in words


def test_accuracy_and_likelihood_are_those_of_the_fillers_own_scores() -> None:
    tokens = TOKENIZER.encode(TEXT)
    fillers = [filler(network(bidirectional=True, seed=5)), filler(network(bidirectional=False, seed=5))]
    both = score_gaps(fillers, tokens, words=8)
    spans = list(word_spans(TOKENIZER, tokens))
    picked = [spans[i] for i in np.unique(np.linspace(0, len(spans) - 1, 8).astype(int))]
    exact = sum(
        fillers[0].nats(tokens[:a].tolist(), Place([b - a], tokens[b:].tolist()), tokens[a:b].tolist())
        for a, b in picked
    )
    assert both[0].nats == pytest.approx(exact, rel=1e-4)
    assert both[1].nats is None
    for one, score in zip(fillers, both, strict=True):
        right = without = 0
        at_least = 0.0
        for a, b in picked:
            before, after, word = tokens[:a].tolist(), tokens[b:].tolist(), tuple(tokens[a:b].tolist())
            of = [dict(f.candidates(before, Place(range(1, 13), after), 16)) for f in fillers]
            mine = of[fillers.index(one)]
            right += max((f for f in mine if len(f) == b - a), key=lambda f: mine[f]) == word
            without += max(mine, key=lambda f: mine[f]) == word
            proposed = {word} | {f for found in of for f in found if len(f) == b - a}
            scores = {f: float(one.log_p(before, [Place([b - a], after)], [[f]])[0]) for f in proposed}
            at_least += np.logaddexp.reduce(list(scores.values())) - scores[word]
        assert (score.words, score.right, score.right_without_length) == (8, right, without)
        assert score.nats_at_least == pytest.approx(at_least, rel=1e-4)
    assert any(0 < score.right < 8 for score in both)  # else it says nothing
    with pytest.raises(CorpusError, match="no word"):
        score_gaps(fillers, TOKENIZER.encode("! , !"))


@torch.no_grad()
def expected_at(model: Network, tokens: np.ndarray, position: int) -> np.ndarray:
    """p of every token at a place, from the readers' states after the tokens before and beyond it."""

    def state(reader: RecurrentLM, read: np.ndarray) -> torch.Tensor:
        carried = reader.start_state(1)
        for token in read.tolist():
            carried = reader.read(torch.tensor([[token]]), carried)[2]
        return reader.readout(carried)[0]

    if isinstance(model, ClozeLM):
        left, right = model.directions
        return (state(left, tokens[:position]) + state(right, tokens[position + 1 :][::-1])).softmax(0).numpy()
    assert isinstance(model, RecurrentLM)
    return state(model, tokens[:position]).softmax(0).numpy()


@pytest.mark.parametrize("bidirectional", [True, False])
def test_the_least_expected_places_are_those_of_the_highest_nats_and_apart(bidirectional: bool) -> None:
    model, tokens = network(bidirectional=bidirectional), TOKENIZER.encode(TEXT)
    with torch.no_grad():
        for p in model.parameters():
            p.mul_(3)  # so that it is sure of something
    nats = np.empty(len(tokens), np.float32)
    held_out_nats(model, tokens, each=nats)
    spots = least_expected(model, TOKENIZER, tokens, 5)
    chosen: list[int] = []
    for position in np.argsort(-nats, kind="stable").tolist():
        p = expected_at(model, tokens, position)
        p[TOKENIZER.unknown_id] = 0
        if all(abs(position - other) > APART for other in chosen) and p.argmax() != tokens[position]:
            chosen.append(position)
            spot = spots[len(chosen) - 1]
            assert (spot.position, spot.expected) == (position, TOKENIZER.decode([int(p.argmax())]))
            assert spot.probability == pytest.approx(p.max(), rel=1e-3)
            assert spot.nats == pytest.approx(nats[position])
        if len(chosen) == 5:
            break
    assert len(spots) == 5
    for s in spots:
        before = TEXT[: s.position]
        assert (s.line, s.column) == (before.count("\n") + 1, s.position - (before.rfind("\n") + 1) + 1)
        assert s.token == TEXT[s.position]
        assert before.endswith(s.left)
        assert TEXT[s.position + 1 :].startswith(s.right)


def test_a_place_where_the_likeliest_stands_is_not_listed() -> None:
    tokens = TOKENIZER.encode("a" * 40)
    model = network(bidirectional=False)
    assert isinstance(model, RecurrentLM)
    with torch.no_grad():
        model.output.bias[tokens[0]] = 5.0
    assert least_expected(model, TOKENIZER, tokens, 5) == []
