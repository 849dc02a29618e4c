"""What ``rnngen eval --dynamic --cache --tune`` shows: how well a model that adapts to the text predicts it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from rnngen.errors import CheckpointError, CorpusError
from rnngen.formats import number_of

if TYPE_CHECKING:
    from rnngen.cli.eval.output import Output
    from rnngen.cli.eval.target import Target
    from rnngen.cli.longjob import LongJob
    from rnngen.evaluation.adaptation.adapted import Adaptation, Result
    from rnngen.evaluation.adaptation.settings import Parts, Settings
    from rnngen.evaluation.blocks import Analysis
    from rnngen.evaluation.scores import Score, TextScore
    from rnngen.runs.other_text import NamedText
    from rnngen.runs.run import Run

_MUCH_WORSE = 1.01  # times the nats of the static network
_TOLD = 1000  # tokens after which the nats so far are shown anew


class Row(NamedTuple):
    """A way of adapting, and what it gives.

    Attributes:
        parts: that are used.
        score: of what was read.
        speed: in tokens per second.
        static: nats per token of the static network on the same tokens.
        tokens: how many were read before an interruption; None: all.
    """

    parts: Parts
    score: Score
    speed: float
    static: float
    tokens: int | None = None


class AdaptationSection:
    """What a model that adapts to the text says of it.

    Args:
        parts: that are used together.
        target: what is scored.
        tune: whether to tune the run first.
    """

    is_summed = False

    def __init__(self, parts: Parts, target: Target, *, tune: bool) -> None:
        from rnngen.evaluation.adaptation.static import StaticReading

        self._parts, self._target, self._tunes = parts, target, tune
        self._rows: list[Row] = []
        self._score: Score
        self._tuned = self._tuned_on_text = False
        self._training_speed: float | None = None
        self._static = StaticReading()

    @property
    def analyses(self) -> Sequence[Analysis]:
        """What keeps how a model reads the text that does not adapt, and how fast."""
        return [self._static]

    def finish(self, output: Output, run: Run, text: NamedText, score: TextScore) -> None:
        """Tune if that is wanted, and read the text again in all ways that are asked for."""
        from rnngen.evaluation.adaptation.adapted import Adaptation, AdaptingInterrupted
        from rnngen.evaluation.adaptation.file import load_settings, save_settings
        from rnngen.evaluation.adaptation.settings import Settings
        from rnngen.evaluation.scores import Score
        from rnngen.model.load import load_language_model
        from rnngen.runs.own_text import own_corpus
        from rnngen.runs.shared_parts import shared_parts

        assert isinstance(score, Score)
        self._score = score
        model = load_language_model(run).to(self._target.device)
        if self._tunes:
            settings = self._tune(output, run, model)
            save_settings(run, settings)
        else:
            settings = load_settings(run) or Settings()
        self._tuned = bool(settings.weights)
        self._training_speed = _training_speed(run)
        adaptation = Adaptation(model, text.tokens, settings, (), static=self._static)
        try:
            own = own_corpus(run)
        except CorpusError as error:
            output.note(f"{_without_training_text(self._parts)} ({error.what})")
            self._parts = self._parts._replace(ngram=False)  # its weights are those of a model that knows that text
        else:
            adaptation.history = own.train.tokens
            self._tuned_on_text = self._tuned and "valid" in shared_parts(run, own, text)
        if self._tuned_on_text:
            output.note("the run was tuned on this text, or on parts of it, so what it gains by adapting is flattered")
        adaptation.ways = tuple(self._ways())
        with output.job("reading with adaptation", adaptation.tokens_to_read, "tokens") as job:
            adaptation.on_read = _progress(job, adaptation)
            for parts in adaptation.ways:
                try:
                    found = adaptation.result(parts)
                except AdaptingInterrupted as interrupt:
                    self._rows.append(self._partial_row(parts, interrupt.result, run, text))
                    raise
                self._rows.append(self._row(parts, found))
        self._note_on_loss(output)

    def _tune(self, output: Output, run: Run, model: Any) -> Settings:
        from rnngen.evaluation.adaptation.tuning import tune
        from rnngen.runs.own_text import own_part

        train, valid = own_part(run, "train").tokens, own_part(run, "valid").tokens
        with output.job("tuning on the validation part", None, "tokens") as job:
            return tune(model, train, valid, job.announce)

    def _ways(self) -> list[Parts]:
        """Each part alone, and all together."""
        from rnngen.evaluation.adaptation.settings import Parts

        alone = [Parts(**{name: True}) for name in Parts._fields if getattr(self._parts, name)]
        return alone if alone == [self._parts] else [*alone, self._parts]

    def _row(self, parts: Parts, found: Result) -> Row:
        from dataclasses import replace

        score = replace(self._score, nats=found.nats, ngram=None, mixture=None, baselines=None)
        return Row(parts, score, found.tokens / found.seconds, self._score.nats_per_token)

    def _partial_row(self, parts: Parts, found: Result, run: Run, text: NamedText) -> Row:
        """What is known of a way that was interrupted."""
        from rnngen.evaluation.scores import Score
        from rnngen.evaluation.scoring import ScoringInterrupted

        score = ScoringInterrupted(Score, found.nats, found.tokens).score(run.tokenizer(), text)
        assert isinstance(score, Score)
        static = float(self._static.nats(found.tokens).mean(dtype=float))
        return Row(parts, score, found.tokens / found.seconds, static, found.tokens)

    def _note_on_loss(self, output: Output) -> None:
        for row in self._rows:
            if not row.parts.is_mixed and row.score.nats_per_token > _MUCH_WORSE * row.static:
                advice = "it was tuned for another text" if self._tuned else "tune it (`tune`)"
                output.note(f"dynamic evaluation is worse than the static model here: {advice}")

    def as_dict(self) -> dict[str, Any]:
        """``adaptation``: of each way, its measures, speed and what it needs."""
        if not self._rows:
            return {}
        ways = [
            {"name": row.parts.name, **row.score.measured(), **self._speeds(row.speed), **_cut(row)}
            for row in self._rows
        ]
        static = {"nats_per_token": self._score.nats_per_token, **self._speeds(self._static.speed)}
        about = {"tuned": self._tuned, "tuned_on_this_text": self._tuned_on_text}
        return {"adaptation": {**about, "static": static, "ways": ways}}

    def _speeds(self, speed: float) -> dict[str, float]:
        """The speed, and its share of that of the run's training if that is known."""
        of_training = {"of_training": speed / self._training_speed} if self._training_speed else {}
        return {"tokens_per_second": speed, **of_training}

    def table(self) -> str:
        """A row per way, below the static one."""
        if not self._rows:
            return ""
        trained = self._training_speed
        last = f"{'of training':>13}" if trained else ""
        lines = [
            "\nadapting to the text, every token scored before it is learned from:\n",
            f"  {'':<24}{'nats per token':>16}{'bits per byte':>15}{'tokens/s':>10}{'of static':>11}{last}",
        ]
        rows = [("static", self._score, self._static.speed)]
        rows += [(row.parts.name.replace("+", " + "), row.score, row.speed) for row in self._rows]
        for name, score, speed in rows:
            nats, bits = (score.measured()[key] for key in ("nats_per_token", "bits_per_byte"))
            last = f"{speed / trained:>13.1%}" if trained else ""
            numbers = f"{nats:>16.4f}{bits:>15.4f}{speed:>10,.0f}{speed / self._static.speed:>11.1%}{last}"
            lines.append(f"  {name:<24}{numbers}")
        lines += [
            f"  ({row.parts.name}: of the first {number_of(row.tokens, 'token')}; static there: {row.static:.4f} nats "
            "per token)"
            for row in self._rows
            if row.tokens
        ]
        if trained:
            lines.append("  (of training: of the rate at which the run was trained, on whichever machine that was)")
        if not self._tuned:
            lines.append("  (with default settings; --tune finds better ones)")
        return "\n".join(lines) + "\n"


def _cut(row: Row) -> dict[str, Any]:
    """What is added to a way that was interrupted."""
    return {"tokens": row.tokens, "static_nats_per_token": row.static} if row.tokens else {}


def _training_speed(run: Run) -> float | None:
    """Tokens per second in training; None: unknown."""
    from rnngen.runs.card import make_card

    try:
        return make_card(run).tokens_per_second
    except CheckpointError:  # of metrics that are damaged, which are not needed otherwise
        return None


def _progress(job: LongJob, adaptation: Adaptation) -> Callable[[int], None]:
    """What shows how much has been read, and the nats of dynamic evaluation so far."""
    told = 0

    def on_read(tokens: int) -> None:
        nonlocal told
        nats, known = adaptation.so_far
        if known < told or known >= told + _TOLD:
            told = known
            so_far = f" ({nats / known:.4f} nats per token so far)" if known else ""
            job.describe(f"reading with adaptation{so_far}")
        job.announce(tokens)

    return on_read


def _without_training_text(parts: Parts) -> str:
    """What is done where the text that the run was trained on is gone."""
    said = ["the weights learn by the gradients of this text so far"] if parts.dynamic else []
    said += ["n-grams of the training text are left out"] if parts.ngram else []
    return "the training text is not read: " + ", and ".join(said or ["the cache does not need it"])
