"""``rnngen.score``: a text in memory, token by token and line by line."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

import rnngen
from rnngen.engine.probabilities import log_softmax
from rnngen.engine.recurrence import Recurrence
from rnngen.rendering.palette import EITHER
from rnngen.runs.finding import open_run
from tests.conftest import FAST

TEXTS = {
    "lines": "The cat sat.\nA dog ran on the mat.\n",
    "no line end": "The cat",
    "one character": "x",
    "line ends of other systems": "The cat\r\nsat.\rA dog\n",
    "unknown characters": "The cät sat.\n",
    "white space": "\n\n \n",
}


@pytest.mark.parametrize("name", TEXTS)
def test_the_total_is_exactly_that_of_a_file_with_the_same_text(trained: Path, name: str) -> None:
    Path("text.txt").write_bytes(TEXTS[name].encode())
    scored = rnngen.score(TEXTS[name], run=trained)
    assert scored.total == rnngen.evaluate(trained, "text.txt")
    assert scored.nats == scored.total.nats
    assert len(scored.tokens) == scored.total.tokens
    assert sum(token.nats for token in scored.tokens) == pytest.approx(scored.nats, rel=1e-5)


def test_each_token_has_the_surprisal_that_the_formula_gives(trained: Path) -> None:
    text, run = "The cat sat.\nA dog.\n", open_run(trained)
    model, ids = Recurrence(run.model_config(), run.weights()), run.tokenizer().encode(text)
    naive = []
    for token in ids.tolist():
        naive.append(-float(log_softmax(model.logits)[0, token]))
        model.step([token])
    scored = rnngen.score(text, run=trained)
    assert [token.text for token in scored.tokens] == list(text)
    assert np.abs(np.array([token.nats for token in scored.tokens]) - naive).max() < 1e-4


def test_a_text_is_divided_into_its_lines(trained: Path) -> None:
    scored = rnngen.score("The cat sat.\n\nA dog", run=trained)
    assert [line.text for line in scored.lines] == ["The cat sat.\n", "\n", "A dog"]
    assert sum(line.nats for line in scored.lines) == pytest.approx(scored.nats, rel=1e-5)
    first = scored.lines[0]
    assert first.nats_per_token == pytest.approx(sum(token.nats for token in scored.tokens[:13]) / 13)
    assert repr(scored).startswith("ScoredText(")
    assert "\n" not in repr(scored)


def test_an_empty_prompt_begins_a_paragraph_and_a_score_in_the_start_state(trained: Path, corpus: Path) -> None:
    documents = rnngen.train(corpus, steps=2, progress="none", documents="lines", **FAST)
    for run, before in ((open_run(trained), "\n\n"), (documents, "")):
        found = [token for token in rnngen.next_tokens("", k=5, run=run) if not token.ends][:4]
        scored = [rnngen.score(before + token.text, run=run).lines[-1].tokens[0].nats for token in found]
        factors = [token.probability / math.exp(-nats) for token, nats in zip(found, scored, strict=True)]
        assert factors == pytest.approx([factors[0]] * 4, rel=1e-4)  # the unknown symbol is left out of all alike
        assert 1 <= factors[0] < 1.1


@pytest.mark.parametrize("kind", [{"bidirectional": True}, {"documents": "lines", "tokenizer": "bpe"}], ids=str)
def test_other_runs_score_a_text_as_they_score_a_file(corpus: Path, kind: dict[str, object]) -> None:
    run = rnngen.train(corpus, steps=2, progress="none", **{**FAST, **kind})  # type: ignore[arg-type]
    Path("text.txt").write_text("The cat sat.\nA dog ran.\n")
    scored = rnngen.score("The cat sat.\nA dog ran.\n", run=run)
    assert scored.total == rnngen.evaluate(run, "text.txt")
    assert "".join(token.text for token in scored.tokens) == "The cat sat.\nA dog ran.\n"


def test_the_text_is_coloured_in_a_notebook_and_cannot_break_out(trained: Path) -> None:
    shown = rnngen.score("<script>alert(1)</script>\n", run=trained)._repr_html_()
    assert "<script" not in shown
    assert shown.count('<span style="background:') > 10


def test_what_is_no_text_is_a_clear_error(trained: Path) -> None:
    with pytest.raises(rnngen.RnngenError, match="there is no text to score"):
        rnngen.score("", run=trained)
    with pytest.raises(rnngen.RnngenError, match="lone surrogate"):
        rnngen.score("a\ud800b", run=trained)
    with pytest.raises(rnngen.RnngenError, match="NUL"):
        rnngen.score("a\0b", run=trained)


def test_one_line_is_said_in_the_singular(trained: Path) -> None:
    scored = rnngen.score("a cat", run=trained)
    assert repr(scored).endswith(f", {len(scored.tokens)} tokens, 1 line)")
    assert repr(rnngen.score("a", run=trained)).endswith(", 1 token, 1 line)")


def test_next_tokens_are_a_table_with_bars_in_the_colour_of_the_palette(trained: Path) -> None:
    shown = rnngen.next_tokens("a", k=2, run=trained)._repr_html_()
    assert shown.count("<tr>") == shown.count(f"background:{EITHER[0]}") == 2
    assert shown.count("<code>") == 2
