"""Explains the score of a run on a text: from one reading, and from contexts of limited length."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rnngen.corpus.encoded import TokenArray
from rnngen.corpus.tokenizer import pieces_of
from rnngen.evaluation.baselines.token_models import ORDERS, CountedModels
from rnngen.evaluation.blocks import Analysis
from rnngen.evaluation.explanation.calibration import Calibration
from rnngen.evaluation.explanation.context import (
    ContextCurve,
    context_curve,
    lengths_for,
    nats_with_context,
    ngram_nats,
)
from rnngen.evaluation.explanation.explanation import Explanation
from rnngen.evaluation.explanation.groups import PerToken
from rnngen.evaluation.explanation.kinds import kinds_of
from rnngen.evaluation.explanation.lines import SurprisingLines
from rnngen.evaluation.explanation.positions import Positions
from rnngen.evaluation.explanation.sample import Sampled, sampled_positions
from rnngen.evaluation.explanation.training_part import times_seen
from rnngen.evaluation.line_ends import LineEnds
from rnngen.evaluation.scores import kind_of_score
from rnngen.model.language_model import Network
from rnngen.ngram.counts import Ints
from rnngen.runs.run import Run

NGrams = Sequence[tuple[int, float]]
"""Length of context → nats per token of an n-gram model with such contexts."""


class Explainer:
    """Explains a score; its analyses are given the text first.

    Args:
        run: that is scored.
        tokens: of the text.
        positions: at which the use of context is measured, at most.
    """

    def __init__(self, run: Run, tokens: int, positions: int) -> None:
        tokenizer, boundary = run.tokenizer(), run.boundary
        ends = LineEnds.of(tokenizer)
        self._tokenizer, self._boundary = tokenizer, boundary
        self._both_sides = run.model_config().bidirectional
        self._per_token, self._positions = PerToken(tokenizer.vocab_size), Positions(ends, boundary)
        self._calibration, self._lines = Calibration(), SurprisingLines(ends)
        self.lengths = lengths_for(tokens, both_sides=self._both_sides)
        longest = max(self.lengths, default=0)
        self._sampled = Sampled(sampled_positions(longest, tokens - longest * self._both_sides, positions))

    @property
    def analyses(self) -> Sequence[Analysis]:
        """What is fed while the text is scored."""
        return self._per_token, self._positions, self._calibration, self._lines, self._sampled

    @property
    def context_tokens(self) -> int:
        """How many tokens are read to measure the use of context."""
        return len(self._sampled.positions) * sum(self.lengths)

    @property
    def orders(self) -> Sequence[int]:
        """The orders of n-gram models that compare with it."""
        return () if self._both_sides else [order for order in range(2, ORDERS + 1) if order - 1 in self.lengths]

    def ngrams(self, tokens: Ints, models: CountedModels, on_order: Callable[[int], object] = lambda _: None) -> NGrams:
        """How well n-gram models do that see as little.

        Args:
            tokens: of the text, (N,).
            models: of the training part.
            on_order: called with the number of orders done, often; what it raises ends the computation.
        """
        found: list[tuple[int, float]] = []
        for order, ngram in enumerate(models.each(lambda: on_order(len(found))), 1):
            if order in self.orders:
                found.append((order - 1, ngram_nats(ngram, order, tokens, self._sampled.positions)))
        return found

    def explanation(self, train: TokenArray | None, context: ContextCurve | None) -> Explanation:
        """What was found, once the text has been read; it is called once.

        Args:
            train: tokens of the training part; None: it is gone.
            context: how much context is used; None: that was not measured.
        """
        lines = self._lines.lines()
        seen = None if train is None else times_seen(train, self._tokenizer.vocab_size)
        return Explanation(
            all=self._per_token.all(),
            since={name: self._positions.bins(name) for name in ("document", "line", "paragraph")},
            has_documents=self._boundary is not None,
            kinds=self._per_token.by_kind(kinds_of(self._tokenizer)),
            frequencies=None if seen is None else self._per_token.by_frequency(seen),
            calibration=self._calibration,
            lines=[(line, "".join(pieces_of(self._tokenizer, line.ids))) for line in lines],
            context=context,
            prefix=kind_of_score(bidirectional=self._both_sides).prefix,
        )

    def context(
        self, network: Network, tokens: Ints, ngrams: NGrams = (), on_read: Callable[[int], object] = lambda _: None
    ) -> ContextCurve | None:
        """How much context is used, once the text has been read; None: the text is too short.

        Args:
            network: of the run, on any device.
            tokens: of the text, (N,).
            ngrams: see ``ngrams``.
            on_read: see ``nats_with_context``.

        Raises:
            RnngenError: the model's logits are not finite.
        """
        if not self.lengths:
            return None
        at = self._sampled.positions
        measured = [(length, nats_with_context(network, tokens, at, length, on_read)) for length in self.lengths]
        return context_curve(self._sampled.nats, measured, ngrams, both_sides=self._both_sides)
