"""Score a text that is encoded already with a run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnngen.corpus.encoded import EncodedText
from rnngen.evaluation.blocks import Analysis
from rnngen.evaluation.scores import TextScore
from rnngen.evaluation.scoring import counts_of, labelled, score, score_mixed
from rnngen.model.load import load_language_model, load_network
from rnngen.ngram.file import load_mixture
from rnngen.runs.run import Run


def score_text(
    run: Run,
    text: EncodedText,
    *,
    device: str = "cpu",
    ngram: bool = False,
    each: NDArray[np.float32] | None = None,
    analyses: Sequence[Analysis] = (),
    on_read: Callable[[int], object] | None = None,
) -> TextScore:
    """Score a text that is encoded already, without word perplexity if white space does not separate its words.

    Args:
        run: the run.
        text: in its tokens.
        device: of torch.
        ngram: also score by the run's n-gram model and by its mixture with the network.
        each: an array, (N,), that receives the nats of each token.
        analyses: are given what the network says of each token, block after block.
        on_read: called before some tokens are read, with their number.

    Raises:
        ScoringInterrupted: SIGINT came.
        CorpusError: the text is empty.
        CheckpointError: there is no n-gram model.
    """
    tokenizer = run.tokenizer()
    what = text.tokens, counts_of(tokenizer, text), text.unknown
    how: dict[str, Any] = {"each": each, "analyses": analyses, "on_read": on_read}
    scored: TextScore
    if ngram:
        mixture = load_mixture(run)
        scored = score_mixed(load_language_model(run).to(device), mixture, *what, **how)
    else:
        scored = score(load_network(run).to(device), *what, **how)
    return labelled(scored, tokenizer, text)
