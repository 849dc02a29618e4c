"""How sure a score is, and what it is without unknown symbols: shown with every score."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rnngen.evaluation.uncertainty.block_sums import BlockSums
from rnngen.evaluation.uncertainty.bootstrap import Interval, Range, interval_of, method, too_short
from rnngen.evaluation.unknown import UnknownSymbols
from rnngen.formats import formatted, number_of
from rnngen.plaintext.widths import PIPED, filled

if TYPE_CHECKING:
    from rnngen.cli.eval.output import Output
    from rnngen.evaluation.scores import TextScore
    from rnngen.runs.other_text import NamedText
    from rnngen.runs.run import Run


class IntervalSection:
    """The confidence interval of a score, which stands beside it."""

    is_summed = True

    def __init__(self, run: Run) -> None:
        self.sums = BlockSums(run.tokenizer(), run.boundary)
        self.analyses = (self.sums,)
        self._interval: Interval | None = None
        self._missing: str | None = None

    def finish(self, output: Output, run: Run, text: NamedText, score: TextScore) -> None:
        """Draw blocks again and again."""
        blocks = self.sums.blocks()
        self._interval, self._missing = interval_of(score, blocks), too_short(blocks)

    @property
    def ranges(self) -> Mapping[str, Range]:
        """The interval of each measure, by its key."""
        return self._interval.ranges if self._interval else {}

    def as_dict(self) -> dict[str, Any]:
        """The method and the intervals, or why there are none."""
        if self._interval:
            return {"interval": self._interval.as_dict()}
        return {"interval": {**method(), "missing": self._missing}} if self._missing else {}

    def table(self) -> str:
        """How it was computed, or why there is none."""
        words = self._interval.in_words() if self._interval else self._missing
        return f"\n{filled(f'({words})', PIPED)}\n" if words else ""


class UnknownSection:
    """The score without tokens that are the unknown symbol, if there are any."""

    is_summed = True

    def __init__(self, run: Run) -> None:
        self._symbols = UnknownSymbols(run.tokenizer().unknown_id)
        self.analyses = (self._symbols,)
        self._without: dict[str, Any] | None = None
        self._prefix = ""

    def finish(self, output: Output, run: Run, text: NamedText, score: TextScore) -> None:
        """Take them out of the score."""
        self._without, self._prefix = self._symbols.without(score), score.prefix

    def as_dict(self) -> dict[str, Any]:
        """The measures per token without them."""
        return {"without_unknown": self._without} if self._without else {}

    def in_words(self) -> str:
        """The same in a sentence; empty: there are none."""
        if not self._without:
            return ""
        tokens, nats, perplexity = self._without.values()
        measures = f"{nats:.4f} {self._prefix}nats per token, {self._prefix}perplexity {formatted(perplexity, '#.4g')}"
        return f"without unknown symbols: {measures} ({number_of(tokens, 'token')})"

    def table(self) -> str:
        """The same, in a line."""
        words = self.in_words()
        return f"\n{words}\n" if words else ""

    def as_row(self) -> dict[str, Any]:
        """Columns of ``--csv``."""
        return {f"without_unknown_{key}": value for key, value in (self._without or {}).items()}
