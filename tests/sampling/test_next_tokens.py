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
from rnngen.sampling.next_tokens import next_token_probabilities
from tests.sampling.test_healing import LEVELS, generator_of, naive_covers, next_log_p, tokenizer_of


@pytest.mark.parametrize("prompt", ["The ca", "", "a dog ran\n"])
def test_the_probabilities_are_those_of_the_softmax(trained: Path, prompt: str) -> None:
    run = open_run(trained)
    tokenizer, model = run.tokenizer(), Recurrence(run.model_config(), run.weights())
    for token in tokenizer.encode(prompt or "\n\n").tolist():
        model.step([token])
    e = np.exp(model.logits[0].astype(np.float64))
    e[tokenizer.unknown_id] = 0  # which is never drawn
    softmax = {tokenizer.decode([token]): p for token, p in enumerate(e / e.sum()) if p}
    found = rnngen.next_tokens(prompt, k=5, run=trained)
    assert [each.text for each in found] == sorted(softmax, key=lambda text: -softmax[text])[:5]
    for each in found:
        assert each.probability == pytest.approx(softmax[each.text], rel=1e-5)


def test_the_probabilities_of_all_tokens_sum_to_one(trained: Path) -> None:
    generator = rnngen.load(trained)
    found = rnngen.next_tokens("The ca", k=1000, run=generator)
    assert len(found) == generator.tokenizer.vocab_size - 1
    assert sum(each.probability for each in found) == pytest.approx(1)
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
    generator = generator_of(level)
    never = generator.banned(())
    for tokens, log_p in naive_covers(level, before, held).items():
        added = b"".join(table[token] for token in tokens)[len(held.encode()) :]
        following = next_log_p(level, [*before, *tokens], None) if not added else [0.0]
        for token, more in enumerate(following):
            if not added and token in never:
                continue
            shares[added or table[token]] += float(np.exp(log_p + more))
    total = sum(shares.values())
    best = sorted(shares.items(), key=lambda item: -item[1])[:8]
    found = rnngen.next_tokens(prompt, 8, run=generator)
    assert [each.text for each in found] == [content.decode("utf-8", "replace") for content, _ in best]
    assert [each.probability for each in found] == pytest.approx([share / total for _, share in best], rel=1e-4)


def test_bytes_that_are_no_characters_keep_their_own_probabilities() -> None:
    generator = generator_of("byte")
    found = next_token_probabilities(generator, "caf", [1.0, 2.0])
    expected = np.exp(next_log_p("byte", generator.tokenizer.encode("caf").tolist(), None))
    expected[list(generator.banned(()))] = 0
    assert len(found) == np.count_nonzero(expected) > 100
    for content, (at_one, _) in found.items():
        assert at_one == pytest.approx(expected[content[0]] / expected.sum(), rel=1e-4), content
    for column in zip(*found.values(), strict=True):
        assert sum(column) == pytest.approx(1)


def test_a_wrong_number_or_label_is_a_clear_error(trained: Path) -> None:
    with pytest.raises(rnngen.RnngenError, match="invalid value for `k`; expected an integer ≥ 1; found 0"):
        rnngen.next_tokens("The ", k=0, run=trained)
    with pytest.raises(rnngen.RnngenError, match="label"):
        rnngen.next_tokens("The ", label="poem", run=trained)
