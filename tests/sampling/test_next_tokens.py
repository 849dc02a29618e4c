"""The next tokens after a prompt, against a plain softmax and a plain enumeration."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

import rnngen
from rnngen.corpus.tokenizer import Level
from rnngen.engine.recurrence import Recurrence
from rnngen.runs.finding import open_run
from rnngen.sampling.next_tokens import likely_next_tokens
from tests.sampling.test_healing import LEVELS, generator_of, naive_covers, next_log_p, tokenizer_of


@pytest.mark.parametrize("prompt", ["The ca", "", "a dog ran\n"])
def test_the_probabilities_are_those_of_the_softmax(trained: Path, prompt: str) -> None:
    run = open_run(trained)
    tokenizer, model = run.tokenizer(), Recurrence(run.model_config(), run.weights())
    for token in tokenizer.encode(prompt or "\n\n").tolist():
        model.step([token])
    e = np.exp(model.logits[0].astype(np.float64))
    softmax = {tokenizer.decode([token]): p for token, p in enumerate(e / e.sum()) if token != tokenizer.unknown_id}
    found = rnngen.next_tokens(trained, prompt, k=5)
    assert [each.text for each in found] == sorted(softmax, key=lambda text: -softmax[text])[:5]
    for each in found:
        assert each.probability == pytest.approx(softmax[each.text], rel=1e-5)


def test_all_probabilities_sum_to_one_but_for_the_unknown_symbol(trained: Path) -> None:
    generator = rnngen.load(trained)
    found = rnngen.next_tokens(generator, "The ca", k=1000)
    assert len(found) == generator.tokenizer.vocab_size - 1
    assert 0.9 < sum(each.probability for each in found) <= 1 + 1e-6
    assert [each.probability for each in found] == sorted((each.probability for each in found), reverse=True)
    assert "The ca" not in found._repr_html_()
    assert "&#x27;t&#x27;" in found._repr_html_()


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("prompt", ["The ca", "The ", "don'"])
def test_a_token_that_was_begun_is_continued(level: Level, prompt: str) -> None:
    """Its share of all sequences of tokens whose text begins with the prompt."""
    tokenizer = tokenizer_of(level)
    ids, held = tokenizer.hold_back(prompt)
    table, before = tokenizer.token_bytes(), ids.tolist()
    shares: dict[bytes, float] = defaultdict(float)
    covers = naive_covers(level, before, held)
    for tokens, log_p in covers.items():
        added = b"".join(table[token] for token in tokens)[len(held.encode()) :]
        following = next_log_p(level, [*before, *tokens], None) if not added else [0.0]
        for token, more in enumerate(following):
            shares[added or table[token]] += float(np.exp(log_p + more))
    total = float(np.exp(np.logaddexp.reduce(list(covers.values()))))
    best = sorted(shares.items(), key=lambda item: -item[1])[:8]
    found = likely_next_tokens(generator_of(level), prompt, 8)
    assert [each.text for each in found] == [content.decode("utf-8", "replace") for content, _ in best]
    assert [each.probability for each in found] == pytest.approx([share / total for _, share in best], rel=1e-4)


def test_a_wrong_number_or_label_is_a_clear_error(trained: Path) -> None:
    with pytest.raises(rnngen.RnngenError, match="invalid value for `k`; expected an integer ≥ 1; found 0"):
        rnngen.next_tokens(trained, "The ", k=0)
    with pytest.raises(rnngen.RnngenError, match="label"):
        rnngen.next_tokens(trained, "The ", label="poem")
