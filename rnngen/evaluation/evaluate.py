"""Score a run: on a part of its own corpus, or on any text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnngen.corpus.encoded import EncodedText
from rnngen.corpus.sources import ErrorRule
from rnngen.evaluation.blocks import Analysis
from rnngen.evaluation.scores import TextScore
from rnngen.evaluation.scoring import score, score_mixed
from rnngen.evaluation.words import words_are_separated
from rnngen.model.device import pick_device
from rnngen.model.load import load_language_model, load_network
from rnngen.ngram.file import load_mixture
from rnngen.options.checked import checked
from rnngen.options.training import check_encoding
from rnngen.runs.finding import open_run
from rnngen.runs.other_text import Reading
from rnngen.runs.own_text import text_of
from rnngen.runs.run import Run


@checked
def evaluate(
    run: str | Path | Run | None = None,
    text: Sequence[str | Path] | str | Path = (),
    *,
    part: str = "test",
    errors: ErrorRule = "strict",
    encoding: str | None = None,
    text_field: str | None = None,
    label_field: str | None = None,
    device: str = "cpu",
    ngram: bool = False,
) -> TextScore:
    """Score a run exactly: every token once, in float32, with the state carried through the whole text.

    The result is a ``Score``. A bidirectional run gets a ``PseudoScore``, with each token predicted from all others.

    Args:
        run: the run or its folder; the newest complete one by default.
        text: files to score; by default a part of the run's own corpus.
        part: ``test``, ``valid`` or ``train``, if no text is given or the text is the run's own; ``all``: the whole
            text.
        errors: what to do with invalid bytes and broken rows: ``strict``, ``replace`` or ``skip``.
        encoding: of the files; ``auto``: chosen for each; by default that of the run's own text.
        text_field: the field with the text, in files of rows; by default that of the run's own text.
        label_field: the field with the label, likewise.
        device: auto, cpu, mps, cuda or cuda:N.
        ngram: also score by the run's n-gram model and by its mixture with the network: ``Score.ngram``,
            ``Score.mixture``.

    Raises:
        CheckpointError: there is no such run, or it has no n-gram model and ``ngram`` is given.
        CorpusError: a text cannot be read or is empty, or the run's own text has changed or is gone.
        UsageError: an argument is invalid, or the device cannot be used.
    """
    if encoding is not None:
        check_encoding(encoding)
    run = run if isinstance(run, Run) else open_run(run)
    files = [text] if isinstance(text, str | Path) else text
    with text_of(run, files, part, Reading(errors, encoding, text_field, label_field)) as encoded:
        return score_text(run, encoded, device=pick_device(device), ngram=ngram)


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
        ngram: see ``evaluate``.
        each: an array, (N,), that receives the nats of each token.
        analyses: are given what the network says of each token, block after block.
        on_read: called before some tokens are read, with their number.

    Raises:
        ScoringInterrupted: SIGINT came.
        CorpusError: the text is empty.
        CheckpointError: there is no n-gram model.
    """
    tokenizer = run.tokenizer()
    what = text.tokens, tokenizer.counts_of(text.tokens, text.counts), text.unknown
    how: dict[str, Any] = {"each": each, "analyses": analyses, "on_read": on_read}
    scored: TextScore
    if ngram:
        mixture = load_mixture(run)
        scored = score_mixed(load_language_model(run).to(device), mixture, *what, **how)
    else:
        scored = score(load_network(run).to(device), *what, **how)
    scored = replace(scored, is_closed=tokenizer.is_closed)
    return scored if words_are_separated(tokenizer, text.tokens, text.counts) else scored.without_words()
