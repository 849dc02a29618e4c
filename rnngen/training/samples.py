"""Samples of a model while it learns: text that it writes, or, of a bidirectional one, gaps that it fills."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from rnngen.corpus.tokens import EncodedCorpus
from rnngen.engine.recurrence import Recurrence
from rnngen.infilling.loading import make_filler
from rnngen.infilling.word_gaps import fill_some_words
from rnngen.options.network import ModelConfig
from rnngen.sampling.generator import Generator

LENGTH = 240
TEMPERATURE = 0.8


def sample_seconds(config: ModelConfig) -> float:
    """About how long a sample takes, until the first one has been timed."""
    return 0.5 if config.bidirectional else 0.1


def sample_text(
    config: ModelConfig, weights: dict[str, NDArray[Any]], corpus: EncodedCorpus, step: int
) -> tuple[str, str]:
    """A sample, and how it was made: a text, or a piece of the validation part with some words ⟦filled in⟧.

    A word that differs from the original is followed by it: ⟦fill|word⟧.

    Args:
        config: sizes of the network.
        weights: of the network, by name.
        corpus: its tokenizer and validation part are used.
        step: seeds the sample.
    """
    if not config.bidirectional:
        generator = Generator(Recurrence(config, weights), corpus.tokenizer)
        text = "".join(generator.generate(length=LENGTH, temperature=TEMPERATURE, seed=step))
        return text, f"temperature {TEMPERATURE}"
    filler = make_filler(config, weights, corpus.tokenizer)
    return fill_some_words(filler, corpus.valid.tokens, step), "words filled in"
