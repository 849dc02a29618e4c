"""Which parts of a run's own text a scored text is made of, so that nobody is fitted on what is scored."""

from __future__ import annotations

import numpy as np

from rnngen.corpus.encoded import EncodedCorpus, EncodedText, TokenArray
from rnngen.corpus.overlap import overlap
from rnngen.runs.run import Run

_COMPARED = 1 << 20  # tokens at a time


def shared_parts(run: Run, corpus: EncodedCorpus, text: EncodedText) -> set[str]:
    """The parts ``train`` and ``valid``, if a text is one of them, or has pieces or documents of it.

    The run's own test part has none of them, even where pieces of it come again, as in logs.

    Args:
        run: whose text it is.
        corpus: that text.
        text: any text in the same tokens.
    """
    own = own_part_of(corpus, text)
    if own is not None:
        return {own} - {"test"}
    labels = run.tokenizer().label_ids()

    def share(one: EncodedText, other: EncodedText) -> bool:
        return overlap(one, other.tokens, run.boundary, labels) is not None

    parts = {name: corpus.parts[name] for name in ("train", "valid")}
    return {name for name, part in parts.items() if share(text, part) or share(part, text)}


def own_part_of(corpus: EncodedCorpus, text: EncodedText) -> str | None:
    """The part of a run's own text that a text is; None: it is none."""
    return next((name for name, part in corpus.parts.items() if _are_equal(part.tokens, text.tokens)), None)


def _are_equal(one: TokenArray, other: TokenArray) -> bool:
    """Whether two texts are the same, compared in blocks that fit into memory."""
    starts = range(0, len(one), _COMPARED)
    return len(one) == len(other) and all(
        np.array_equal(one[i : i + _COMPARED], other[i : i + _COMPARED]) for i in starts
    )
