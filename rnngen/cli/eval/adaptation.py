"""The options ``rnngen eval --dynamic --cache --tune``, by which a model adapts to the text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rnngen.errors import UsageError
from rnngen.options.declare import Options, option
from rnngen.options.option import COMMON
from rnngen.platforms import quote_argument

if TYPE_CHECKING:
    from rnngen.cli.eval.options import Scoring
    from rnngen.cli.eval.sections import Section
    from rnngen.cli.eval.target import Target
    from rnngen.evaluation.adaptation.settings import Parts
    from rnngen.runs.run import Run


class AdaptationOptions(Options):
    """How a model adapts to the text."""

    dynamic: bool = option(
        False, "Also let the weights learn from the text as it is read.", panel=COMMON, flags=("--dynamic",)
    )
    cache: bool = option(
        False, "Also remember states and n-grams of the text so far; with --tune once.", panel="", flags=("--cache",)
    )
    tune: bool = option(
        False, "Tune that on the validation part first, and keep it in the run.", panel="", flags=("--tune",)
    )

    def parts(self, *, ngram: bool) -> Parts:
        """What is used together; all of it if there is only something to tune."""
        from rnngen.evaluation.adaptation.settings import Parts

        if not self.dynamic and not self.cache:
            return Parts(self.tune, self.tune, self.tune)
        return Parts(self.dynamic, self.cache, ngram)

    @property
    def is_asked_for(self) -> bool:
        """Whether any of this is wanted."""
        return self.dynamic or self.cache or self.tune

    def scoring_of(self, run: Run, scoring: Scoring) -> Scoring:
        """What is scored without adapting: the run's own n-gram model only if it has one."""
        from rnngen.runs.layout import NGRAM

        missing = self.is_asked_for and NGRAM not in run.manifest
        return scoring.changed(ngram=False) if missing else scoring

    def sections(self, target: Target, *, ngram: bool) -> list[Section]:
        """What is shown beside the score."""
        if not self.is_asked_for:
            return []
        from rnngen.cli.eval.adaptation_section import AdaptationSection

        return [AdaptationSection(self.parts(ngram=ngram), target, tune=self.tune)]

    def check_run(self, run: Run, *, ngram: bool) -> None:
        """Refuse a run that cannot adapt.

        Raises:
            UsageError: it is bidirectional, or has to be tuned first.
            CheckpointError: what it was tuned to is damaged.
        """
        from rnngen.runs.layout import ADAPTATION

        if not self.is_asked_for:
            return
        if run.model_config().bidirectional:
            name = next(name for name in ("dynamic", "cache", "tune") if getattr(self, name))
            raise UsageError(f"is bidirectional; `{name}` needs a left-to-right model", where=run.path)
        if not self.tune and ADAPTATION in run.manifest:
            from rnngen.evaluation.adaptation.file import load_settings

            load_settings(run)  # damaged settings are told before anything is scored
        if (self.cache or ngram) and not self.tune and ADAPTATION not in run.manifest:
            raise UsageError(
                f"was not tuned: how much {'the cache' if self.cache else 'the n-gram model'} counts is not known",
                where=run.path,
                hint=f"Tune it once: rnngen eval {quote_argument(str(run.path))} --tune.",
            )
