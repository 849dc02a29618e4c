"""Words that are taken out and put back, and the least expected places of a text."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rnngen.config import ModelConfig
from rnngen.corpus.tokenizer import CharTokenizer, train_tokenizer
from rnngen.errors import CorpusError
from rnngen.evaluation.evaluate import held_out_nats
from rnngen.evaluation.gaps import score_gaps, word_spans
from rnngen.evaluation.spot import APART, least_expected
from rnngen.generation.fill import make_filler
from rnngen.generation.gapped_text import Place
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


def test_words_of_characters_are_found_between_what_is_no_letter() -> None:
    tokens = TOKENIZER.encode("ab ba, cab!\na")
    assert list(word_spans(TOKENIZER, tokens)) == [(3, 5), (7, 10)]  # none at either end


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
    fillers = [filler(network(bidirectional=True)), filler(network(bidirectional=False))]
    both = score_gaps(fillers, tokens, words=4)
    spans = list(word_spans(TOKENIZER, tokens))
    picked = [spans[i] for i in np.unique(np.linspace(0, len(spans) - 1, 4).astype(int))]
    exact = sum(
        fillers[0].nats(tokens[:a].tolist(), Place([b - a], tokens[b:].tolist()), tokens[a:b].tolist())
        for a, b in picked
    )
    assert both[0].nats == pytest.approx(exact, rel=1e-4)
    assert both[1].nats is None
    for score in both:
        assert score.words == 4
        assert score.nats_at_least > 0
    with pytest.raises(CorpusError, match="no word"):
        score_gaps(fillers, TOKENIZER.encode("! , !"))


@pytest.mark.parametrize("bidirectional", [True, False])
def test_the_least_expected_places_are_those_of_the_highest_nats_and_apart(bidirectional: bool) -> None:
    model, tokens = network(bidirectional=bidirectional), TOKENIZER.encode(TEXT)
    nats = np.empty(len(tokens), np.float32)
    held_out_nats(model, tokens, each=nats)
    spots = least_expected(model, TOKENIZER, tokens, 5)
    assert spots[0].position == int(nats.argmax())
    assert [s.nats for s in spots] == sorted((s.nats for s in spots), reverse=True)
    positions = [s.position for s in spots]
    assert all(abs(a - b) > APART for a in positions for b in positions if a != b)
    for s in spots:
        before = TEXT[: s.position]
        assert (s.line, s.column) == (before.count("\n") + 1, s.position - (before.rfind("\n") + 1) + 1)
        assert s.token == TEXT[s.position]
        assert before.endswith(s.left)
        assert TEXT[s.position + 1 :].startswith(s.right)
        assert s.expected in TOKENIZER.characters
        assert 0 < s.probability <= 1
