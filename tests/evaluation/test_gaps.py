"""Words that are taken out and put back."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rnngen.corpus.tokenizer import CharTokenizer
from rnngen.errors import CorpusError
from rnngen.evaluation.gaps import score_gaps
from rnngen.infilling.filler import Filler
from rnngen.infilling.gapped_text import EncodedGap
from rnngen.infilling.word_gaps import word_spans
from rnngen.model.language_model import Network
from rnngen.model.load import make_network
from rnngen.options.network import ModelConfig
from tests.infilling.formulas import filler_of, judged, log_p
from tests.rounding import rounding_bound

TEXT = "ab ba, cab!\nabc ba ab caba ca b a" * 3
TOKENIZER = CharTokenizer(TEXT)


def network(*, bidirectional: bool, seed: int = 0) -> Network:
    config = ModelConfig(hidden_size=8, embedding_size=4, bidirectional=bidirectional)
    return make_network(config, TOKENIZER.vocab_size, torch.Generator().manual_seed(seed))


def filler(model: Network) -> Filler:
    return filler_of(model, TOKENIZER)


@pytest.mark.slow
def test_accuracy_and_likelihood_are_those_of_the_fillers_own_scores() -> None:
    tokens = TOKENIZER.encode(TEXT)
    models = [network(bidirectional=True, seed=5), network(bidirectional=False, seed=5)]
    fillers = [filler(model) for model in models]
    both = score_gaps(fillers, tokens, words=8)
    spans = list(word_spans(TOKENIZER, tokens))
    picked = [spans[i] for i in np.unique(np.linspace(0, len(spans) - 1, 8).astype(int))]
    exact = sum(
        fillers[0].readers.nats(tokens[:a].tolist(), EncodedGap([b - a], tokens[b:].tolist()), tokens[a:b].tolist())
        for a, b in picked
    )
    a, b = picked[-1]
    parts = [part.tolist() for part in (tokens[:a], tokens[a:b], tokens[b:])]
    bound = 8 * rounding_bound(lambda m: log_p(m, *parts), models[0])  # of a sum over 8 words
    assert both[0].nats == pytest.approx(exact, rel=0, abs=bound)
    assert both[1].nats is None
    for model, one, score in zip(models, fillers, both, strict=True):
        right = without = 0
        at_least = 0.0
        for a, b in picked:
            before, after, word = tokens[:a].tolist(), tokens[b:].tolist(), tuple(tokens[a:b].tolist())
            of = [dict(f.candidates(before, EncodedGap(range(1, 13), after), 16)) for f in fillers]
            mine = of[fillers.index(one)]
            right += max((f for f in mine if len(f) == b - a), key=lambda f: mine[f]) == word
            without += max(mine, key=lambda f: mine[f]) == word
            proposed = {word} | {f for found in of for f in found if len(f) == b - a}
            scores = {f: float(one.readers.log_p(before, [EncodedGap([b - a], after)], [[f]])[0]) for f in proposed}
            at_least += np.logaddexp.reduce(list(scores.values())) - scores[word]
        assert (score.words, score.right, score.right_without_length) == (8, right, without)
        bound = 8 * 2 * rounding_bound(lambda m: judged(m, parts), model)  # each a difference of two
        assert score.nats_at_least == pytest.approx(at_least, rel=0, abs=bound)
    assert any(0 < score.right < 8 for score in both)  # else it says nothing
    with pytest.raises(CorpusError, match="no word"):
        score_gaps(fillers, TOKENIZER.encode("! , !"))
