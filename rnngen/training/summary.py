"""What a run that has just been trained came to, in a sentence or two (``evaluation/quality.py``)."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from rnngen.corpus.encoded import EncodedCorpus, TokenArray
from rnngen.corpus.token_lengths import are_uneven, lengths_in_words
from rnngen.evaluation.quality import is_prose, summary, trend, would_help_longer
from rnngen.training.events import Finished
from rnngen.training.trainer import Trainer

PIECES, PIECE = 8, 8192  # number and length, in tokens, of the pieces that show what kind of text it is


class Summary(NamedTuple):
    """What a run came to.

    Attributes:
        text: in a sentence or two.
        nats_per_character: the best score on the validation part, as the tokenizer reads it; None: there is none.
        longer: whether training longer would help.
    """

    text: str
    nats_per_character: float | None
    longer: bool


def summary_of(finished: Finished, trainer: Trainer, validations: Sequence[tuple[int, float]]) -> Summary:
    """What to expect of the run's text, how much it has read, and what would help.

    Args:
        finished: how training ended.
        trainer: that trained it.
        validations: (step, nats per token) of this training, in order.
    """
    corpus, valid = trainer.corpus, trainer.corpus.valid
    tokenizer, best = corpus.tokenizer, finished.best_nll
    characters = tokenizer.counts_of(valid.tokens, valid.counts).characters
    seen, length = trend(validations), characters / max(1, len(valid.tokens))
    nats = best / length if best is not None and length else None
    tokens = _pieces(corpus)
    epochs = finished.step / trainer.streams.steps_per_epoch
    text = summary(
        nats_per_character=nats,
        unknown=valid.unknown / max(1, len(valid.tokens)),
        prose=_reads_prose(corpus, tokens),
        share=_share_of_frequencies(best or 0.0, corpus, tokens),
        bidirectional=trainer.config.model.bidirectional,
        characters=corpus.train.counts.characters,
        epochs=epochs,
        seen=seen,
        perplexity=math.exp(min(best, 700.0)) if tokenizer.is_closed and best is not None else None,
    )
    return Summary(text + _on_lengths(corpus, length), nats, would_help_longer(seen, epochs))


def _on_lengths(corpus: EncodedCorpus, valid: float) -> str:
    """A sentence on tokens that are longer in the training part than in the validation part, or shorter."""
    if corpus.tokenizer.is_closed:
        return ""  # its published scores are per token, however long
    train = corpus.train.counts.characters / max(1, len(corpus.train.tokens))
    if not are_uneven(train, valid):
        return ""
    lengths = lengths_in_words(train, valid).capitalize()
    return f" {lengths}, so its losses per token do not compare; rnngen inspect draws them per character."


def _pieces(corpus: EncodedCorpus) -> TokenArray:
    """Tokens of pieces from all of the training part, without labels."""
    tokens = corpus.train.tokens
    begins = range(0, len(tokens), max(PIECE, len(tokens) // PIECES))
    found = np.concatenate([tokens[begin : begin + PIECE] for begin in begins])
    return found[found < corpus.tokenizer.text_size]


def _reads_prose(corpus: EncodedCorpus, tokens: TokenArray) -> bool:
    counts = corpus.train.counts
    mean = counts.characters / counts.documents if counts.documents else None
    return is_prose(Counter(corpus.tokenizer.decode(tokens.tolist())), mean)


def _share_of_frequencies(nats: float, corpus: EncodedCorpus, tokens: TokenArray) -> float:
    """The share of the nats per token that the tokens' frequencies alone would cost; 0 for characters and bytes."""
    if corpus.tokenizer.level in ("char", "byte") or not len(tokens):
        return 0.0
    p = np.bincount(tokens) / len(tokens)
    entropy = -float(np.sum(p[p > 0] * np.log(p[p > 0])))
    return nats / max(entropy, 1e-9)
