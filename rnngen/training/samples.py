"""Samples of a model while it learns: text that it writes, or, of a bidirectional one, gaps that it fills."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from rnngen.corpus.tokens import EncodedCorpus
from rnngen.engine.recurrence import Recurrence
from rnngen.infilling.loading import make_filler
from rnngen.infilling.word_gaps import fill_some_words
from rnngen.options.config import RunConfig
from rnngen.options.network import ModelConfig
from rnngen.sampling.generator import Generator

LENGTH, DOCUMENTS = 240, 8
TEMPERATURE = 0.8


def sample_seconds(config: ModelConfig) -> float:
    """About how long a sample takes, until the first one has been timed."""
    return 0.5 if config.bidirectional else 0.1


def sample_text(
    config: RunConfig, weights: dict[str, NDArray[Any]], corpus: EncodedCorpus, step: int
) -> tuple[str, str]:
    """A sample, and how it was made: a text, some documents, or a piece of the validation part, ⟦filled in⟧ in places.

    A word that differs from the original is followed by it: ⟦fill|word⟧.

    Args:
        config: of the run.
        weights: of the network, by name.
        corpus: its tokenizer and validation part are used.
        step: seeds the sample.
    """
    model, tokenizer = config.model, corpus.tokenizer
    boundary = tokenizer.boundary(config.data.documents)
    if model.bidirectional:
        filler = make_filler(model, weights, tokenizer, boundary)
        return fill_some_words(filler, corpus.valid.tokens, step), "words filled in"
    generator = Generator(
        Recurrence(model, weights, boundary),
        tokenizer,
        documents=config.data.documents if boundary is not None else None,
    )
    text = ""
    for sample in generator.samples(
        [""] * (DOCUMENTS if generator.documents else 1), seed=step, length=LENGTH, temperature=TEMPERATURE
    ):
        if not text or len(text) + len(sample.text) < LENGTH:
            text += ("\n" if text else "") + sample.text
    return text, f"temperature {TEMPERATURE}"
