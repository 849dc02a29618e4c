"""What a run that has just been trained came to, in a sentence or two (``evaluation/quality.py``)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rnngen.corpus.encoded import EncodedCorpus
from rnngen.evaluation.quality import is_prose, summary, trend
from rnngen.training.events import Finished
from rnngen.training.trainer import Trainer

LOOKED_AT = 1 << 16  # tokens that show what kind of text it is


def summary_of(finished: Finished, trainer: Trainer, validations: Sequence[tuple[int, float]]) -> str:
    """What to expect of the run's text, how much it has read, and what would help.

    Args:
        finished: how training ended.
        trainer: that trained it.
        validations: (step, nats per token) of this training, in order.
    """
    corpus, valid = trainer.corpus, trainer.corpus.valid
    return summary(
        nats_per_token=finished.best_nll,
        characters_per_token=valid.counts.characters / max(1, len(valid.tokens)),
        unknown=valid.unknown / max(1, len(valid.tokens)),
        prose=_reads_prose(corpus),
        bidirectional=trainer.config.model.bidirectional,
        characters=corpus.train.counts.characters,
        epochs=finished.step / trainer.streams.steps_per_epoch,
        seen=trend(validations),
    )


def _reads_prose(corpus: EncodedCorpus) -> bool:
    counts, tokenizer = corpus.train.counts, corpus.tokenizer
    mean = counts.characters / counts.documents if counts.documents else None
    tokens = corpus.train.tokens[:LOOKED_AT]
    text = tokenizer.decode(tokens[tokens < tokenizer.text_size].tolist())
    return is_prose(Counter(text), mean)
