"""Compare a run's score of a text with what simple models and compressors make of it after the run's training part."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np

from rnngen.corpus.cache import cached_corpus
from rnngen.corpus.encoded import EncodedCorpus, EncodedText, TokenArray, spelled_text, spellings
from rnngen.corpus.overlap import overlap
from rnngen.corpus.tokenizer import Tokenizer
from rnngen.errors import RnngenError
from rnngen.evaluation.baselines.compressors import FEWEST_BYTES, PRIMED_BYTES, compressors
from rnngen.evaluation.baselines.token_models import COUNTED_TOKENS, token_models
from rnngen.evaluation.blocks import ScoredBlock
from rnngen.evaluation.ranking import MODEL, Baseline, Baselines, ranked
from rnngen.runs.card import make_card
from rnngen.runs.other_text import data_config
from rnngen.runs.own_text import own_corpus
from rnngen.runs.run import Run

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
        on_work: called between the parts of the work, which an exception from it ends, with what is being computed and
            how many baselines are done.

    Raises:
        CorpusError: the run's training part is gone or has changed.
        LearnedTextError: the text, or some of it, is in the training part.
    """

    def __init__(
        self, run: Run, text: EncodedText, opening: Opening, on_work: Callable[[str, int], object] = lambda *_: None
    ) -> None:
        self._on_work, self._what = on_work, ""
        self._run, self._tokenizer, self._corpus = run, run.tokenizer(), _corpus_of(run)
        part = _part_of(run, self._corpus, text)
        if part == "train":
            raise LearnedTextError("the baselines have read this text, or parts of it, in the training part")
        no_tokens = self._corpus.valid.tokens[:0]
        self._valid = no_tokens if part == "valid" else self._corpus.valid.tokens  # never fitted on what is scored
        self._tokens = text.tokens[: opening.tokens]
        is_whole = opening.tokens == len(text.tokens)
        counts = text.counts if is_whole else spelled_text(self._tokenizer, self._tokens).counts
        self._bytes = max(1, self._tokenizer.counts_of(self._tokens, counts).bytes)
        self._rows = [self._row(MODEL, opening.nats)]
        self._train = self._corpus.train.tokens
        self._is_whole, self._primed, self._is_complete = is_whole, 0, False
        self._left_out: dict[str, int] = {}
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
            fitted=len(self._valid) > 0,
            left_out=self._left_out,
            epochs=self._epochs,
            is_complete=self._is_complete,
        )

    def compute(self) -> Baselines:
        """Compute all rows."""
        for rows in (self._token_models(), self._compressors()):
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
        models = token_models(
            self._train,
            self._valid,
            self._tokens,
            vocab_size=self._tokenizer.vocab_size,
            boundary=self._run.boundary,
            check=self._check,
        )
        self._what = "n-grams"
        for name, nats in models:
            yield self._row(name, nats)

    def _compressors(self) -> Iterator[Baseline]:
        if self._tokenizer.is_closed:  # compressors read what a closed vocabulary has lost
            return
        text = b"".join(_spelled(self._tokenizer, self._tokens))
        self._left_out = {name: FEWEST_BYTES[name] for name in compressors() if len(text) < FEWEST_BYTES[name]}
        used = {name: length for name, length in compressors().items() if name not in self._left_out}
        if not used:
            return
        train = _end_of(self._tokenizer, self._train)
        self._primed = len(train)
        for name, length in used.items():
            self._what = name
            yield self._row(name, 8 * length(train, text, self._check) * math.log(2), over_tokens=False)


def compare(run: Run, text: EncodedText, opening: Opening) -> Baselines:
    """A run among its baselines. See ``Comparing``."""
    return Comparing(run, text, opening).compute()


def _part_of(run: Run, corpus: EncodedCorpus, text: EncodedText) -> str | None:
    """The part of a run's own text that a text is, or has pieces of; of the training and the validation part only.

    The test part is never taken for one of these for its pieces, which may come again, as in logs.
    """
    parts = ("train", "valid")
    same = [name for name in (*parts, "test") if _are_equal(corpus.parts[name].tokens, text.tokens)]
    if same:
        return same[0]
    labels = run.tokenizer().label_ids()
    return next((name for name in parts if overlap(text, corpus.parts[name].tokens, run.boundary, labels)), None)


def _are_equal(one: TokenArray, other: TokenArray) -> bool:
    """Whether two texts are the same, compared in blocks that fit into memory."""
    starts = range(0, len(one), _SPELLED)
    return len(one) == len(other) and all(
        np.array_equal(one[i : i + _SPELLED], other[i : i + _SPELLED]) for i in starts
    )


def _corpus_of(run: Run) -> EncodedCorpus:
    """The run's own text: from the cache if it is there, which saves reading it again."""
    return cached_corpus(data_config(run), run.corpus_fingerprint, run.tokenizer()) or own_corpus(run)


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
