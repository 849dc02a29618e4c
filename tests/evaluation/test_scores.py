"""The measures of a score, and what they are called."""

from __future__ import annotations

import math

import pytest

from rnngen.corpus.pieces import TextCounts
from rnngen.evaluation.scores import PseudoScore, Score, TextScore

COUNTS = TextCounts(characters=40, words=10, bytes=80, documents=4)


@pytest.mark.parametrize("kind", [Score, PseudoScore])
def test_every_measure_that_is_shown_has_a_value_and_a_name_of_its_kind(kind: type[TextScore]) -> None:
    score = kind(100.0, 50, COUNTS)
    for key, label, form in kind.measures:
        assert format(score.measured()[key], form)
        assert label.startswith(kind.prefix)
        assert key.startswith(kind.prefix.replace("-", "_"))


def test_perplexities_divide_the_summed_nats_once() -> None:
    s = Score(nats=100.0, tokens=50, counts=TextCounts(characters=40, words=10, bytes=80), unknown=2)
    values = s.as_dict()
    assert values["nats_per_token"] == 2.0
    assert values["token_perplexity"] == pytest.approx(math.e**2)
    assert values["word_perplexity"] == pytest.approx(math.e**10)
    assert values["byte_perplexity"] == pytest.approx(math.e**1.25)
    assert values["bits_per_character"] == pytest.approx(2.5 * math.log2(math.e))
    assert values["bits_per_byte"] == pytest.approx(1.25 * math.log2(math.e))
    assert (values["tokens"], values["words"], values["characters"], values["bytes"]) == (50, 10, 40, 80)


def test_without_words_there_is_no_perplexity_per_word_of_any_model() -> None:
    counts = TextCounts(characters=400, words=70, bytes=410)
    part = Score(90.0, 60, counts)
    score = Score(100.0, 60, counts, ngram=part, mixture=part)
    before, after = score.as_dict(), score.without_words().as_dict()
    for one, other in ((before, after), (before["ngram"], after["ngram"]), (before["mixture"], after["mixture"])):
        assert one["word_perplexity"] == pytest.approx(math.exp(one["nats"] / counts.words))
        assert math.isnan(other["word_perplexity"])
        assert {k: v for k, v in one.items() if k not in ("word_perplexity", "ngram", "mixture")} == {
            k: v for k, v in other.items() if k not in ("word_perplexity", "ngram", "mixture")
        }
    assert math.isnan(Score(1.0, 3, TextCounts(characters=3, words=0, bytes=3)).as_dict()["word_perplexity"])
