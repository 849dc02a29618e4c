"""``rnngen eval --dynamic --cache --tune``: a model that adapts to the text, beside the one that does not."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from rnngen.errors import CorpusError, UsageError
from rnngen.options.declare import Options, option
from rnngen.options.option import COMMON
from rnngen.platforms import quote_argument

if TYPE_CHECKING:
    from rnngen.cli.eval.options import Scoring
    from rnngen.cli.eval.output import Output
    from rnngen.cli.eval.sections import Section
    from rnngen.cli.eval.target import Target
    from rnngen.cli.longjob import LongJob
    from rnngen.evaluation.adaptation.adapted import Adaptation
    from rnngen.evaluation.adaptation.settings import Parts, Settings
    from rnngen.evaluation.blocks import Analysis, ScoredBlock
    from rnngen.evaluation.scores import Score, TextScore
    from rnngen.runs.other_text import NamedText
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
        return [AdaptationSection(self, target.device, ngram=ngram)]

    def check_run(self, run: Run, *, ngram: bool) -> None:
        """Refuse a run that cannot adapt.

        Raises:
            UsageError: it is bidirectional, or has to be tuned first.
        """
        from rnngen.runs.layout import ADAPTATION

        if not self.is_asked_for:
            return
        if run.model_config().bidirectional:
            name = next(name for name in ("dynamic", "cache", "tune") if getattr(self, name))
            raise UsageError(f"is bidirectional; `{name}` needs a left-to-right model", where=run.path)
        if (self.cache or ngram) and not self.tune and ADAPTATION not in run.manifest:
            raise UsageError(
                f"was not tuned: how much {'the cache' if self.cache else 'the n-gram model'} counts is not known",
                where=run.path,
                hint=f"Tune it once: rnngen eval {quote_argument(str(run.path))} --tune.",
            )


class Row(NamedTuple):
    """A way of adapting, and what it gives."""

    parts: Parts
    score: Score
    speed: float


class AdaptationSection:
    """What a model that adapts to the text says of it."""

    is_summed = False

    def __init__(self, options: AdaptationOptions, device: str, *, ngram: bool) -> None:
        self._options, self._device = options, device
        self._parts = options.parts(ngram=ngram)
        self._rows: list[Row] = []
        self._static: Score
        self._tuned = False
        self._clock = _Clock()

    @property
    def analyses(self) -> Sequence[Analysis]:
        """What measures how fast the text is read by a model that does not adapt."""
        self._clock.began = time.perf_counter()
        return [self._clock]

    def finish(self, output: Output, run: Run, text: NamedText, score: TextScore) -> None:
        """Tune if that is wanted, and read the text again in all ways that are asked for."""

        from rnngen.evaluation.adaptation.adapted import Adaptation
        from rnngen.evaluation.adaptation.dynamic import squared_gradients
        from rnngen.evaluation.adaptation.file import load_settings, save_settings
        from rnngen.evaluation.adaptation.settings import Settings
        from rnngen.evaluation.scores import Score
        from rnngen.model.load import load_language_model
        from rnngen.runs.own_text import own_part

        assert isinstance(score, Score)
        self._static = score
        model = load_language_model(run).to(self._device)
        if self._options.tune:
            settings = self._tune(output, run, model)
            save_settings(run, settings)
        else:
            settings = load_settings(run) or Settings()
        self._tuned = bool(settings.weights)
        with output.job("reading with adaptation", None, "tokens") as job:
            adaptation = Adaptation(model, text.tokens, settings, on_read=_progress(job), states=self._parts.cache)
            try:
                adaptation.history = own_part(run, "train").tokens
            except CorpusError as error:
                output.note(f"{_without_training_text(self._parts)} ({error.what})")
            else:
                if self._parts.dynamic:
                    adaptation.statistics = squared_gradients(model, adaptation.history)
            for parts in self._ways():
                self._rows.append(self._row(adaptation, parts, score))

    def _tune(self, output: Output, run: Run, model: Any) -> Settings:
        from rnngen.evaluation.adaptation.tuning import tune
        from rnngen.runs.own_text import own_part

        train, valid = own_part(run, "train").tokens, own_part(run, "valid").tokens
        with output.job("tuning on the validation part", None, "tokens") as job:
            return tune(model, train, valid, _progress(job))

    def _ways(self) -> list[Parts]:
        """Each part alone, and all together."""
        from rnngen.evaluation.adaptation.settings import Parts

        alone = [Parts(**{name: True}) for name in Parts._fields if getattr(self._parts, name)]
        return alone if alone == [self._parts] else [*alone, self._parts]

    @staticmethod
    def _row(adaptation: Adaptation, parts: Parts, score: Score) -> Row:
        from dataclasses import replace

        found = adaptation.result(parts)
        nats = float(found.nats.sum())
        return Row(parts, replace(score, nats=nats, ngram=None, mixture=None), len(found.nats) / found.seconds)

    def as_dict(self) -> dict[str, Any]:
        """``adaptation``: of each way, its measures, speed and what it needs."""
        if not self._rows:
            return {}
        ways = [{"name": row.parts.name, **row.score.measured(), "tokens_per_second": row.speed} for row in self._rows]
        static = {"nats_per_token": self._static.nats_per_token, "tokens_per_second": self._clock.speed}
        return {"adaptation": {"tuned": self._tuned, "static": static, "ways": ways}}

    def table(self) -> str:
        """A row per way, below the static one."""
        if not self._rows:
            return ""
        lines = [
            "\nadapting to the text, every token scored before it is learned from:\n",
            f"  {'':<24}{'nats per token':>16}{'bits per byte':>15}{'tokens/s':>10}{'of static':>11}",
        ]
        rows = [("static", self._static, self._clock.speed)]
        rows += [(row.parts.name.replace("+", " + "), row.score, row.speed) for row in self._rows]
        for name, score, speed in rows:
            nats, bits = (score.measured()[key] for key in ("nats_per_token", "bits_per_byte"))
            lines.append(f"  {name:<24}{nats:>16.4f}{bits:>15.4f}{speed:>10,.0f}{speed / self._clock.speed:>11.1%}")
        if not self._tuned:
            lines.append("  (with default settings; --tune finds better ones)")
        return "\n".join(lines) + "\n"


class _Clock:
    """Measures how fast the static model reads."""

    detailed = False

    def __init__(self) -> None:
        self.began, self.speed = time.perf_counter(), 0.0

    def add(self, block: ScoredBlock) -> None:
        """Some more was read."""
        self.speed = block.stop / max(1e-9, time.perf_counter() - self.began)


def _progress(job: LongJob) -> Callable[[int], None]:
    """What shows how many tokens have been read, given how many are read next."""
    done = 0

    def on_read(tokens: int) -> None:
        nonlocal done
        job.advance_to(done)
        done += tokens

    return on_read


def _without_training_text(parts: Parts) -> str:
    """What is done where the text that the run was trained on is gone."""
    said = ["the weights learn by the gradients of this text so far"] if parts.dynamic else []
    said += ["n-grams are counted in this text only"] if parts.ngram else []
    return "the training text is not read: " + ", and ".join(said or ["the cache does not need it"])
