"""``rnngen eval --explain``: where the nats go."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnngen.cli.eval.surprisal import STDOUT, SurprisalSection, check_surprisal
from rnngen.cli.pictures import check_picture
from rnngen.errors import RnngenError, UsageError
from rnngen.options.declare import Options, option
from rnngen.options.option import COMMON

if TYPE_CHECKING:
    from contextlib import ExitStack

    from rnngen.cli.eval.output import Output
    from rnngen.cli.eval.sections import Section
    from rnngen.evaluation.baselines.token_models import CountedModels
    from rnngen.evaluation.blocks import Analysis
    from rnngen.evaluation.explanation.context import ContextCurve
    from rnngen.evaluation.explanation.explainer import NGrams
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
        None, "Write the nats of each token to this file, or to -, as JSON Lines.", panel="", metavar="FILE"
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

    def sections(
        self,
        output: Output,
        run: Run,
        text: NamedText,
        device: str,
        files: ExitStack,
        models: Callable[[NamedText], CountedModels],
    ) -> list[Section]:
        """What was asked for.

        Args:
            output: for what is written while the text is read.
            run: that is scored.
            text: that it is scored on.
            device: of torch.
            files: closes what is open at the end.
            models: see ``ExplainSection``.
        """
        found: list[Section] = [SurprisalSection(output, run, self.surprisal, files)] if self.surprisal else []
        return [*found, *([ExplainSection(run, text, device, self.picture, models)] if self.explain else [])]

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
        models: gives those of the training part for a text, or raises ``RnngenError`` if it is gone.
    """

    is_summed = False

    def __init__(
        self, run: Run, text: NamedText, device: str, picture: Path | None, models: Callable[[NamedText], CountedModels]
    ) -> None:
        from rnngen.evaluation.explanation.context import POSITIONS
        from rnngen.evaluation.explanation.explainer import Explainer

        self._device, self._picture, self._models = device, picture, models
        self._explainer = Explainer(run, len(text.tokens), POSITIONS)
        self._explanation: Explanation | None = None
        self._is_short = False

    @property
    def analyses(self) -> Sequence[Analysis]:
        """What is fed while the text is scored."""
        return self._explainer.analyses

    def finish(self, output: Output, run: Run, text: NamedText, score: TextScore) -> None:
        """Measure how much context is used, unless that is interrupted, and put everything together."""
        from rnngen.evaluation.uncertainty.block_sums import are_enough

        models, context, interrupt = None, None, None
        self._is_short = not are_enough(score.counts)
        try:
            models = self._models(text)
        except RnngenError:
            output.note("the run's training part is gone, so nothing is compared with it: no frequencies, no n-grams")
        if not self._explainer.lengths:
            output.note("the text is too short to measure how much context is used")
        try:
            context = self._context(output, run, text, models)
        except KeyboardInterrupt as stopped:
            interrupt = stopped
        self._explanation = self._explainer.explanation(models.train if models else None, context)
        if self._picture is not None:
            self._draw(self._explanation, self._picture, run, text)
        if interrupt:
            raise interrupt

    def _context(self, output: Output, run: Run, text: NamedText, models: CountedModels | None) -> ContextCurve | None:
        from rnngen.model.load import load_network

        explainer = self._explainer
        ngrams: NGrams = ()
        if models and explainer.orders and not models.has_read:
            with output.job("counting n-grams", len(explainer.orders), "orders") as job:
                ngrams = explainer.ngrams(text.tokens, models, job.advance_to)
        network = load_network(run).to(self._device)
        with output.job("measuring how much context is used", explainer.context_tokens, "tokens") as job:
            return explainer.context(network, text.tokens, ngrams, job.announce)

    @staticmethod
    def _draw(explanation: Explanation, out: Path, run: Run, text: NamedText) -> None:
        from rnngen.rendering.explanation_charts import explanation_picture
        from rnngen.rendering.pictures import write_picture

        chart = explanation_picture(explanation, run.path.name)
        write_picture(chart, "Where the nats go", out, f"{run.path} on {text.name}")

    def as_dict(self) -> dict[str, Any]:
        """The explanation."""
        return {"explanation": self._explanation.as_dict()} if self._explanation else {}

    def table(self) -> str:
        """A table for each question, with a sentence that says what it shows."""
        if self._explanation is None:
            return ""
        from rnngen.cli.eval.explanation_tables import explanation_tables

        return explanation_tables(self._explanation, is_short=self._is_short)
