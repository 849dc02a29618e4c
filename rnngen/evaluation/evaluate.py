"""Score a run: on a part of its own corpus, or on any text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnngen.corpus.encoded import EncodedText
from rnngen.corpus.sources import ErrorRule
from rnngen.evaluation.perplexity import Score, score, score_mixed, total_nats
from rnngen.evaluation.pseudo_perplexity import PseudoScore, pseudo_nats, pseudo_score
from rnngen.evaluation.words import words_are_separated
from rnngen.model.cloze import ClozeLM
from rnngen.model.language_model import RecurrentLM
from rnngen.model.load import load_network
from rnngen.model.network import Network
from rnngen.ngram.file import load_mixture
from rnngen.ngram.mixture import Mixture
from rnngen.runs.finding import open_run
from rnngen.runs.own_text import text_of
from rnngen.runs.run import Run


def evaluate(
    run: str | Path | Run | None = None,
    text: Sequence[str | Path] | str | Path = (),
    *,
    part: str = "test",
    errors: ErrorRule = "strict",
    device: str = "cpu",
    ngram: bool = False,
) -> Score | PseudoScore:
    """Score a run exactly: the state carried through the whole text, every token once, in float32.

    A bidirectional run gets a ``PseudoScore``: each token is predicted from all others.

    Args:
        run: a run or its folder; the newest complete one by default.
        text: files to score; by default a part of the run's own corpus.
        part: ``test``, ``valid`` or ``train``, where no text is given, or the text is the run's own; ``all``: the whole
            text.
        errors: ``replace`` puts U+FFFD where a file is not UTF-8.
        device: where to compute.
        ngram: score by the run's n-gram model and its mixture with the network too: ``Score.ngram``, ``Score.mixture``.

    Raises:
        CheckpointError: no such run, or it has no n-gram model where one is asked for.
        CorpusError: a text that cannot be read, or is empty; the run's own text has changed or is gone.
    """
    run = run if isinstance(run, Run) else open_run(run)
    with text_of(run, [text] if isinstance(text, str | Path) else text, part, errors) as encoded:
        return score_text(run, encoded, device=device, ngram=ngram)


def score_text(run: Run, text: EncodedText, *, device: str = "cpu", ngram: bool = False) -> Score | PseudoScore:
    """Score a text that is encoded already, without word perplexity where white space separates no words.

    See ``evaluate``.
    """
    scored = _score(load_network(run).to(device), load_mixture(run) if ngram else None, text)
    if isinstance(scored, Score) and not words_are_separated(run.tokenizer(), text.tokens, text.counts):
        return scored.without_words()
    return scored


def held_out_nats(model: Network, tokens: NDArray[np.integer[Any]], **how: Any) -> float:
    """-Σ ln p over a text: given all tokens before each, or all others, as the network reads. See ``total_nats``."""
    if isinstance(model, ClozeLM):
        return pseudo_nats(model, tokens, **how)
    assert isinstance(model, RecurrentLM)
    return total_nats(model, tokens, **how)


def _score(model: Network, mixture: Mixture | None, text: EncodedText) -> Score | PseudoScore:
    if isinstance(model, ClozeLM):
        return pseudo_score(model, text.tokens, text.counts, text.unknown)
    assert isinstance(model, RecurrentLM)
    if mixture is None:
        return score(model, text.tokens, text.counts, text.unknown)
    return score_mixed(model, mixture, text.tokens, text.counts, text.unknown)
