"""Compare a run's score of a text with what simple models and compressors make of it after the run's training part."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np

from rnngen.corpus.cache import cached_corpus
from rnngen.corpus.encoded import EncodedText, TokenArray, spelled_text, spellings
from rnngen.corpus.tokenizer import Tokenizer
from rnngen.errors import RnngenError
from rnngen.evaluation.baselines.compressors import FEWEST_BYTES, PRIMED_BYTES, compressors
from rnngen.evaluation.baselines.token_models import COUNTED_TOKENS, ORDERS, CountedModels, name_of, token_models
from rnngen.evaluation.blocks import ScoredBlock
from rnngen.evaluation.ranking import MODEL, UNIFORM, Baseline, Baselines, ranked
from rnngen.evaluation.uncertainty.block_sums import are_enough
from rnngen.runs.card import make_card
from rnngen.runs.other_text import data_config
from rnngen.runs.own_text import own_corpus
from rnngen.runs.run import Run
from rnngen.runs.shared_parts import own_part_of, shared_parts

COMPARED_TOKENS = 1 << 22
"""Tokens of the text, from its beginning, that are compared at most."""
_SPELLED = 1 << 20  # tokens


class LearnedTextError(RnngenError):
    """A text cannot be compared with baselines that have read it themselves."""


class Opening:
    """Sums the nats of the beginning of a text, which is what baselines are compared on.

    Attributes:
        nats: of the tokens so far.
        tokens: how many they are, ``COMPARED_TOKENS`` at most.
    """

    detailed = False

    def __init__(self) -> None:
        self.nats, self.tokens = 0.0, 0

    def add(self, block: ScoredBlock) -> None:
        """Take in the next tokens of the text."""
        taken = block.nats[: max(0, COMPARED_TOKENS - self.tokens)]
        self.nats += float(taken.sum(dtype=np.float64))
        self.tokens += len(taken)


class Comparing:
    """The rows of a comparison, one after the other, so that it can be ended in between.

    Args:
        run: a left-to-right run.
        text: that it has scored.
        opening: how well it did so.
        models: of the run's training part.
        on_work: called between the parts of the work, which an exception from it ends, with what is being computed and
            how many baselines are done.

    Raises:
        LearnedTextError: the text, or some of it, is in the training part.
    """

    def __init__(
        self,
        run: Run,
        text: EncodedText,
        opening: Opening,
        models: CountedModels,
        on_work: Callable[[str, int], object] = lambda *_: None,
    ) -> None:
        self._on_work, self._what = on_work, ""
        if models.has_read:
            raise LearnedTextError("the baselines have read this text, or parts of it, in the training part")
        self._tokenizer, self._models = run.tokenizer(), models
        self._tokens = text.tokens[: opening.tokens]
        is_whole = opening.tokens == len(text.tokens)
        counts = (
            text.counts if is_whole else spelled_text(self._tokenizer, self._tokens, text.unknown_characters).counts
        )
        counts = self._tokenizer.counts_of(self._tokens, counts)
        self._bytes, self._is_short = max(1, counts.bytes), not are_enough(counts)
        self._rows = [self._row(MODEL, opening.nats)]
        self._train = models.train
        self._is_whole, self._primed, self._is_complete = is_whole, 0, False
        used = {} if self._tokenizer.is_closed else compressors()  # which read what a closed vocabulary has lost
        self._left_out = {name: FEWEST_BYTES[name] for name in used if self._bytes < FEWEST_BYTES[name]}
        self._compressors_used = {name: length for name, length in used.items() if name not in self._left_out}
        self._epochs = make_card(run).epochs

    @property
    def result(self) -> Baselines:
        """What has been computed so far."""
        counted = min(len(self._train), COUNTED_TOKENS)
        return Baselines(
            ranked(self._rows),
            tokens=len(self._tokens),
            is_whole=self._is_whole,
            counted=counted,
            primed=self._primed,
            available=len(self._train),
            fitted=self._models.is_fitted,
            left_out=self._left_out,
            epochs=self._epochs,
            is_own=self._models.is_own,
            is_short=self._is_short,
            is_complete=self._is_complete,
        )

    @property
    def missing(self) -> list[str]:
        """The rows that have not been computed so far."""
        names = UNIFORM, *map(name_of, range(1, ORDERS + 1)), *self._compressors_used
        return [name for name in names if all(name != row.name for row in self._rows)]

    def compute(self) -> Baselines:
        """Compute all rows."""
        for rows in (self._token_models(), self._compressed()):
            for row in rows:
                self._rows.append(row)  # at once: the work may be ended before the next
        self._is_complete = True
        return self.result

    def _check(self) -> None:
        self._on_work(self._what, len(self._rows) - 1)

    def _row(self, name: str, nats: float, *, over_tokens: bool = True) -> Baseline:
        return Baseline(
            name, nats / self._bytes / math.log(2), nats / max(1, len(self._tokens)) if over_tokens else None
        )

    def _token_models(self) -> Iterator[Baseline]:
        self._what = "n-grams"
        for name, nats in token_models(self._models, self._tokens, self._check):
            yield self._row(name, nats)

    def _compressed(self) -> Iterator[Baseline]:
        if not self._compressors_used:
            return
        text = b"".join(_spelled(self._tokenizer, self._tokens))
        train = _end_of(self._tokenizer, self._train)
        self._primed = len(train)
        for name, length in self._compressors_used.items():
            self._what = name
            yield self._row(name, 8 * length(train, text, self._check) * math.log(2), over_tokens=False)


def compare(run: Run, text: EncodedText, opening: Opening) -> Baselines:
    """A run among its baselines. See ``Comparing`` and ``models_of``."""
    return Comparing(run, text, opening, models_of(run, text)).compute()


def models_of(run: Run, text: EncodedText) -> CountedModels:
    """The models of a run's training part: from the cache if it is there, which saves reading the run's text again.

    Nothing is fitted on what is scored: on the validation part, discounts follow from the counts.

    Args:
        run: the run.
        text: that is scored.

    Raises:
        CorpusError: the run's own text is gone or has changed.
    """
    tokenizer = run.tokenizer()
    corpus = cached_corpus(data_config(run), run.corpus_fingerprint, tokenizer) or own_corpus(run)
    shared, valid = shared_parts(run, corpus, text), corpus.valid.tokens
    return CountedModels(
        corpus.train.tokens,
        valid[:0] if "valid" in shared else valid,
        vocab_size=tokenizer.vocab_size,
        boundary=run.boundary,
        has_read="train" in shared,
        is_own=own_part_of(corpus, text) is not None,
    )


def _end_of(tokenizer: Tokenizer, tokens: TokenArray) -> bytes:
    """The last bytes of a text, ``PRIMED_BYTES`` at most."""
    parts: list[bytes] = []
    length, stop = 0, len(tokens)
    while stop and length < PRIMED_BYTES:
        start = max(0, stop - _SPELLED)
        parts.append(b"".join(_spelled(tokenizer, tokens[start:stop])))
        length, stop = length + len(parts[-1]), start
    return b"".join(reversed(parts))[-PRIMED_BYTES:]


def _spelled(tokenizer: Tokenizer, tokens: TokenArray) -> Iterator[bytes]:
    """A text as UTF-8, as it is counted; a label, which is counted as nothing, as its name: models predict it too."""
    table = spellings(tokenizer, labels=True)
    for start in range(0, len(tokens), _SPELLED):
        yield b"".join(table[i] for i in tokens[start : start + _SPELLED].tolist())
