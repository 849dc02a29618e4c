"""Whether samples stand in the text that a run learned from."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Protocol

import numpy as np

from rnngen.corpus.copies.decoded import characters, code_points
from rnngen.corpus.copies.occurrences import Strings, first_occurrences
from rnngen.corpus.encoded import EncodedCorpus
from rnngen.corpus.known_documents import KnownDocuments
from rnngen.corpus.tokenizer import Tokenizer
from rnngen.runs.own_text import known_documents, own_corpus
from rnngen.runs.run import Run
from rnngen.sampling.writer import Sample


class Copies(Protocol):
    """Says which samples stand in a run's own text, those parts of it included that were held out."""

    def look_up(self, samples: Sequence[Sample]) -> None:
        """Get to know several samples at once, about which will be asked."""

    def __call__(self, sample: Sample) -> bool:
        """Whether a sample stands there."""


class CopiedDocuments:
    """A copy is a text that is, with its prompt, one of the documents, token for token."""

    def __init__(self, known: KnownDocuments, tokenizer: Tokenizer) -> None:
        # a text is asked about once for each of the condition, the count and the JSON
        self._has = lru_cache(maxsize=1)(lambda text: tokenizer.encode(text) in known)

    def look_up(self, samples: Sequence[Sample]) -> None:
        """Do nothing: each is found fast."""

    def __call__(self, sample: Sample) -> bool:
        """Whether it is one."""
        return self._has(sample.prompt + sample.text)


class CopiedPassages:
    """A copy is a text that stands as a whole anywhere in a stream, character for character.

    What was written counts, without the prompt and without white space at its ends. A sample without anything else is
    no new text either.
    """

    def __init__(self, corpus: EncodedCorpus, tokenizer: Tokenizer) -> None:
        self._texts, self._tokenizer = [part.tokens for part in corpus.parts.values()], tokenizer
        self._known = {"": True}

    def look_up(self, samples: Sequence[Sample]) -> None:
        """Read the stream once for all of them."""
        texts = list(dict.fromkeys(text for text in map(_written, samples) if text not in self._known))
        if not texts:
            return
        lengths = np.array([len(text) for text in texts], np.int64)
        strings = Strings(code_points("".join(texts)), np.cumsum(lengths) - lengths, lengths)
        found = np.zeros(len(texts), bool)
        for tokens in self._texts:
            found |= first_occurrences(strings, characters(tokens, self._tokenizer)) >= 0
        self._known |= dict(zip(texts, found.tolist(), strict=True))

    def __call__(self, sample: Sample) -> bool:
        """Whether it stands there."""
        self.look_up([sample])
        return self._known[_written(sample)]


def _written(sample: Sample) -> str:
    return sample.text.strip()


def copies_of(run: Run, *, needed: bool) -> Copies | None:
    """What knows the run's own text; None: it is not at hand, or would take long to search.

    Args:
        run: it writes the samples.
        needed: whether to read the text if the cache does not hold it, and to search a stream.

    Raises:
        CorpusError: it is needed, and is gone or has changed.
    """
    if run.boundary is not None:
        known = known_documents(run, needed=needed)
        return None if known is None else CopiedDocuments(known, run.tokenizer())
    return CopiedPassages(own_corpus(run, "novel"), run.tokenizer()) if needed else None
