"""``rnngen eval --explain``: where the nats go."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnngen.cli.eval.surprisal import STDOUT, SurprisalSection, check_surprisal
from rnngen.cli.pictures import check_picture
from rnngen.errors import UsageError
from rnngen.options.declare import Options, option
from rnngen.options.option import COMMON

if TYPE_CHECKING:
    from rnngen.cli.eval.output import Output
    from rnngen.cli.eval.sections import Section
    from rnngen.corpus.encoded import EncodedText
    from rnngen.evaluation.blocks import Analysis
    from rnngen.evaluation.explanation.context import ContextCurve
    from rnngen.evaluation.explanation.explanation import Explanation
    from rnngen.evaluation.scores import TextScore
    from rnngen.runs.other_text import NamedText
    from rnngen.runs.run import Run


class Explained(Options):
    """What is told of a score, token by token and in sum."""

    explain: bool = option(
        False,
        "Show where the nats go: by kind, frequency and position of tokens, with accuracy, calibration, the most "
        "surprising lines, and how much context is used.",
        panel=COMMON,
        flags=("--explain",),
    )
    surprisal: Path | None = option(
        None, "Write the nats of each token to this file, or to -, as JSON Lines.", panel=COMMON, metavar="FILE"
    )
    picture: Path | None = option(
        None,
        "With --explain: write the charts to this .svg or .png file too. Needs the extra rnngen[report].",
        panel="",
        metavar="FILE",
    )

    def check(self) -> None:
        """Refuse a picture of nothing.

        Raises:
            UsageError: there is nothing to draw.
        """
        if self.picture is not None and not self.explain:
            raise UsageError("`picture` shows what `explain` finds", hint="Give `explain` too.")

    def check_with(self, *, spot: bool, as_json: bool) -> None:
        """Refuse what does not go together with the other options, and files that cannot be written.

        Args:
            spot: whether positions are listed, and nothing is scored.
            as_json: whether the result is JSON.

        Raises:
            UsageError: it was given.
        """
        if spot and (self.explain or self.surprisal):
            raise UsageError("`spot` cannot be given with `explain` or `surprisal`: it scores nothing")
        check_surprisal(self.surprisal, other="json" if as_json else "explain" if self.explain else None)
        check_picture(self.picture)

    def sections(self, output: Output, run: Run, text: NamedText, device: str) -> list[Section]:
        """What was asked for.

        Args:
            output: for what is written while the text is read.
            run: that is scored.
            text: that it is scored on.
            device: of torch.
        """
        found: list[Section] = [SurprisalSection(output, run, self.surprisal)] if self.surprisal else []
        return [*found, *([ExplainSection(run, text, device, self.picture)] if self.explain else [])]

    @property
    def fills_output(self) -> bool:
        """Whether standard output is for the nats of each token alone."""
        return self.surprisal == STDOUT


class ExplainSection:
    """Where the nats of a text go.

    Args:
        run: that is scored.
        text: that it is scored on.
        device: of torch.
        picture: a file for the charts; None: none.
    """

    def __init__(self, run: Run, text: NamedText, device: str, picture: Path | None) -> None:
        from rnngen.evaluation.explanation.context import POSITIONS, lengths_for
        from rnngen.evaluation.explanation.explanation import Explaining
        from rnngen.evaluation.explanation.sample import Sampled, sampled_positions
        from rnngen.runs.compared import prefix

        self._device, self._picture = device, picture
        self._both_sides = run.model_config().bidirectional
        self._prefix = prefix(self._both_sides)
        self._explaining = Explaining(run.tokenizer(), run.boundary)
        self._lengths = lengths_for(len(text.tokens), both_sides=self._both_sides)
        longest = max(self._lengths, default=0)
        stop = len(text.tokens) - longest * self._both_sides
        self._sampled = Sampled(sampled_positions(longest, stop, POSITIONS))
        self._explanation: Explanation | None = None

    @property
    def analyses(self) -> Sequence[Analysis]:
        """What is fed while the text is scored."""
        return *self._explaining.analyses, self._sampled

    def finish(self, output: Output, run: Run, text: NamedText, score: TextScore) -> None:
        """Measure how much context is used, and put everything together."""
        from rnngen.evaluation.explanation.training_part import times_seen, training_part

        train = training_part(run)
        if train is None:
            output.note("the run's training part is gone, so nothing is compared with it: no frequencies, no n-grams")
        seen = None if train is None else times_seen(train, run.tokenizer().vocab_size)
        context = self._context(output, run, text, train)
        self._explanation = self._explaining.explanation(seen, context, self._prefix)
        if self._picture is not None:
            from rnngen.rendering.explanation_charts import explanation_picture
            from rnngen.rendering.pictures import write_picture

            chart = explanation_picture(self._explanation, run.path.name)
            write_picture(chart, "Where the nats go", self._picture, f"{run.path} on {text.name}")

    def _context(self, output: Output, run: Run, text: NamedText, train: EncodedText | None) -> ContextCurve | None:
        from rnngen.evaluation.explanation.context import context_curve, nats_with_context

        if not self._lengths:
            output.note("the text is too short to measure how much context is used")
            return None
        from rnngen.model.load import load_network

        network, positions = load_network(run).to(self._device), self._sampled.positions
        measured, total = [], len(positions) * sum(self._lengths)
        with output.job("measuring how much context is used", total, "tokens") as job:
            done = 0

            def read(tokens: int) -> None:
                nonlocal done
                job.advance_to(done)
                done += tokens

            for length in self._lengths:
                measured.append((length, nats_with_context(network, text.tokens, positions, length, read)))
        ngrams = [] if train is None or self._both_sides else self._ngrams(output, run, text, train)
        return context_curve(self._sampled.nats, measured, ngrams, both_sides=self._both_sides)

    def _ngrams(self, output: Output, run: Run, text: NamedText, train: EncodedText) -> list[tuple[int, float]]:
        """Lengths of context, and the nats per token of n-gram models with such contexts."""
        from rnngen.evaluation.explanation.context import ORDERS, ngram_nats
        from rnngen.evaluation.explanation.training_part import validation_tokens

        orders = [order for order in ORDERS if order - 1 in self._lengths]
        vocab_size, valid = run.tokenizer().vocab_size, validation_tokens(run)
        found = []
        with output.job("counting n-grams", len(orders), "orders") as job:
            for number, order in enumerate(orders):
                check = partial(job.advance_to, number)
                nats = ngram_nats(
                    order, train.tokens, valid, text.tokens, self._sampled.positions, vocab_size, run.boundary, check
                )
                found.append((order - 1, nats))
        return found

    def as_dict(self) -> dict[str, Any]:
        """The explanation."""
        return {"explanation": self._explanation.as_dict()} if self._explanation else {}

    def table(self) -> str:
        """A table for each question, with a sentence that says what it shows."""
        if self._explanation is None:
            return ""
        from rnngen.cli.eval.explanation_tables import explanation_tables

        return explanation_tables(self._explanation)
