"""The n-gram model of a finished run, for the option ``ngram``: counted, and interpolated with the kept weights."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from rnngen.corpus.tokens import EncodedCorpus
from rnngen.evaluation.scoring import held_out_nats
from rnngen.model.load import load_language_model
from rnngen.ngram.counts import MAX_TOKENS
from rnngen.ngram.file import to_bytes
from rnngen.ngram.fitting import MAX_FITTED
from rnngen.ngram.mixture import fit_mixture
from rnngen.options.config import RunConfig
from rnngen.runs.finding import open_run
from rnngen.training.events import Mixed

PROBE_TOKENS = 100_000  # counted to see how long counting takes
LONGER = 1.2  # in a long text a token takes longer by this factor: there are more different n-grams


def mixing_seconds(corpus: EncodedCorpus, order: int, token_seconds: float) -> float:
    """How many seconds ``mix_ngram`` will take, estimated from a piece of the text.

    Args:
        corpus: encoded.
        order: length of the longest n-grams; 0: there is nothing to do.
        token_seconds: time that the network takes for a token of the validation part.
    """
    if not order:
        return 0.0
    train, valid = corpus.train.tokens[:PROBE_TOKENS], corpus.valid.tokens[: PROBE_TOKENS // 18]
    V = corpus.tokenizer.vocab_size
    began = time.perf_counter()
    boundary = corpus.tokenizer.boundary(corpus.documents)
    fit_mixture(train, valid, np.full(len(valid), np.log(V), np.float32), order=order, vocab_size=V, boundary=boundary)
    counted = max(
        min(len(part.tokens), most) / max(1, len(piece))
        for part, piece, most in ((corpus.train, train, MAX_TOKENS), (corpus.valid, valid, MAX_FITTED))
    )
    longer = LONGER if counted > 1 else 1.0
    return counted * longer * (time.perf_counter() - began) + len(corpus.valid.tokens) * token_seconds


def mix_ngram(
    config: RunConfig, corpus: EncodedCorpus, path: Path, check: Callable[[], object] = lambda: None
) -> tuple[bytes, Mixed]:
    """Count n-grams in the training part, and fit their interpolation with the run's network on the validation part.

    Args:
        config: of the run.
        corpus: encoded.
        path: the run's folder, which holds the network.
        check: called between the parts of the work; an exception that it raises ends it.

    Returns:
        The content of ``ngram.safetensors``, and the scores.

    Raises:
        CheckpointError: the run's weights cannot be read.
    """
    tokens = corpus.valid.tokens
    network = np.empty(len(tokens), np.float32)
    model = load_language_model(open_run(path)).to(config.train.device)
    held_out_nats(model, tokens, each=network, on_read=lambda _: check())
    mixture = fit_mixture(
        corpus.train.tokens,
        tokens,
        network,
        order=config.train.ngram,
        vocab_size=corpus.tokenizer.vocab_size,
        boundary=corpus.tokenizer.boundary(config.data.documents),
        check=check,
    )
    ngram, mixed = mixture.nats(tokens, network)
    means = (float(nats.mean(dtype=np.float64)) for nats in (network, ngram, mixed))
    return to_bytes(mixture), Mixed(mixture.ngram.order, *means)
