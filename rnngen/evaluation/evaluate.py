"""Score a text that is encoded already with a run."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from rnngen.corpus.encoded import EncodedText
from rnngen.evaluation.scores import TextScore
from rnngen.evaluation.scoring import score, score_mixed
from rnngen.evaluation.words import words_are_separated
from rnngen.model.load import load_language_model, load_network
from rnngen.ngram.file import load_mixture
from rnngen.runs.run import Run


def score_text(
    run: Run, text: EncodedText, *, device: str = "cpu", ngram: bool = False, each: NDArray[np.float32] | None = None
) -> TextScore:
    """Score a text that is encoded already, without word perplexity if white space does not separate its words.

    Every token counts once, in float32, with the state carried through the whole text. With ``ngram`` the text is also
    scored by the run's n-gram model and by its mixture with the network; without, the array ``each``, (N,), receives
    the nats of each token.
    """
    tokenizer = run.tokenizer()
    what = text.tokens, tokenizer.counts_of(text.tokens, text.counts), text.unknown
    scored: TextScore
    if ngram:
        mixture = load_mixture(run)
        scored = score_mixed(load_language_model(run).to(device), mixture, *what)
    else:
        scored = score(load_network(run).to(device), *what, each=each)
    scored = replace(scored, is_closed=tokenizer.is_closed)
    return scored if words_are_separated(tokenizer, text.tokens, text.counts) else scored.without_words()
