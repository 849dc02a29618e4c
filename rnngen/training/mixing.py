"""The n-gram model that a finished run gets with ``--ngram``: counted, and fitted to the weights that were kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from rnngen.config import RunConfig
from rnngen.corpus.tokens import EncodedCorpus
from rnngen.evaluation.perplexity import total_nats
from rnngen.model.load import load_language_model
from rnngen.ngram.file import to_bytes
from rnngen.ngram.mixture import fit_mixture
from rnngen.run import open_run
from rnngen.training.events import Mixed


def mix_ngram(config: RunConfig, corpus: EncodedCorpus, path: Path) -> tuple[bytes, Mixed]:
    """Count the training part, and fit on the validation part beside the network in the run's folder.

    Returns:
        The content of ``ngram.safetensors``, and what it gives.

    Raises:
        CheckpointError: the folder's weights cannot be read back.
    """
    tokens = corpus.valid.tokens
    network = np.empty(len(tokens), np.float32)
    total_nats(load_language_model(open_run(path)).to(config.train.device), tokens, each=network)
    mixture = fit_mixture(
        corpus.train.tokens, tokens, network, order=config.train.ngram, vocab_size=corpus.tokenizer.vocab_size
    )
    ngram, mixed = mixture.nats(tokens, network)
    means = (float(nats.mean(dtype=np.float64)) for nats in (network, ngram, mixed))
    return to_bytes(mixture), Mixed(mixture.ngram.order, *means)
