"""Samples of a model while it learns: text that it writes, or, of a bidirectional one, gaps that it fills."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnngen.corpus.tokens import EncodedCorpus
from rnngen.engine.recurrence import Recurrence
from rnngen.evaluation.gaps import word_spans
from rnngen.infilling.filler import Filler
from rnngen.infilling.gapped_text import EncodedGap
from rnngen.infilling.loading import make_filler
from rnngen.options.network import ModelConfig
from rnngen.sampling.generator import Generator

LENGTH = 240
TEMPERATURE = 0.8
GAPS = 4
BEAM = 8


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


def fill_some_words(filler: Filler, tokens: NDArray[np.integer[Any]], step: int) -> str:
    """A piece of a text, chosen by ``step``, with some of its words filled in."""
    start = int(np.random.default_rng(step).integers(max(1, len(tokens) - LENGTH)))
    piece = tokens[start : start + LENGTH]
    spans = list(word_spans(filler.tokenizer, piece))
    if not spans:
        return filler.tokenizer.decode(piece.tolist())
    # far enough apart that each has known neighbours
    picked = [spans[i] for i in np.unique(np.linspace(0, len(spans) - 1, min(GAPS + 2, len(spans))).astype(int))]
    picked = picked[1:-1] or picked
    ends = [start for start, _ in picked[1:]] + [len(piece)]
    gaps = [
        EncodedGap([stop - start], piece[stop:end].tolist()) for (start, stop), end in zip(picked, ends, strict=True)
    ]
    before = piece[: picked[0][0]].tolist()
    fills = filler.search(before, gaps, BEAM)[0].fills
    decode = filler.tokenizer.decode
    parts = [decode(before)]
    for (start, stop), gap, fill in zip(picked, gaps, fills, strict=True):
        word, filled = decode(piece[start:stop].tolist()), decode(fill)
        parts += [f"⟦{filled}⟧" if filled == word else f"⟦{filled}|{word}⟧", decode(gap.after)]
    return "".join(parts)
