"""The options of ``rnngen eval``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from rnngen.options.declare import Options, declared, option
from rnngen.options.option import COMMON
from rnngen.options.training import SplitConfig, check_encoding

if TYPE_CHECKING:
    from rnngen.runs.other_text import Reading
    from rnngen.runs.run import Run


def _as_for_training(name: str, **details: Any) -> Any:
    """An option of the text, as it is declared for ``train``, but for ``details``."""
    return replace(declared(SplitConfig)[name].option, panel="", **details)


class Scoring(Options):
    """What is scored, and how."""

    part: Literal["train", "valid", "test", "all"] | None = option(
        None, "Part of the run's own text to score; all: the whole of a given text.", panel=COMMON, default_text="test"
    )
    encoding: str | None = _as_for_training("encoding", default=None, default_text="the run's")
    errors: Literal["strict", "replace", "skip"] = _as_for_training("errors")
    text_field: str | None = _as_for_training("text_field", default_text="the run's")
    label_field: str | None = _as_for_training("label_field", default_text="the run's")
    ngram: bool = option(
        False, "Score the run's n-gram model and its mixture with the network too.", panel=COMMON, flags=("--ngram",)
    )
    fast: bool = option(
        False, "Leave out the comparison with simple models and compressors.", panel=COMMON, flags=("--fast",)
    )
    spot: int = option(
        0, "Instead of scoring, list the N most surprising positions; 0: score.", panel="", minimum=0, maximum=10_000
    )
    gaps: int | None = option(
        None,
        "Take N words out and let the model put them back; 0: none.",
        panel="",
        minimum=0,
        maximum=1_000_000,
        default_text="200 for a bidirectional run, else 0",
    )
    against: Path | None = option(None, "Let this run fill the same gaps too.", panel="", is_run=True)
    device: str = option("auto", "auto, cpu, mps or cuda.", panel="")

    @property
    def reading(self) -> Reading:
        """How a text is read."""
        from rnngen.runs.other_text import Reading

        return Reading(self.errors, self.encoding, self.text_field, self.label_field)

    def gaps_for(self, run: Run) -> int:
        """Maximum number of words to take out and put back."""
        from rnngen.evaluation.gaps import WORDS

        if self.gaps is not None:
            return self.gaps
        return WORDS if self.against or run.model_config().bidirectional else 0

    def check(self) -> None:
        """Refuse an unknown encoding.

        Raises:
            UsageError: it was given.
        """
        if self.encoding is not None:
            check_encoding(self.encoding)


class TableForm(Options):
    """How tables are written."""

    csv: bool = option(False, "Write the table as CSV.", panel="", flags=("--csv",))
    latex: bool = option(False, "Write the table for LaTeX (booktabs).", panel="", flags=("--latex",))

    @property
    def given(self) -> bool:
        """Whether one was asked for."""
        return self.csv or self.latex

    def refuse_with(self, as_json: bool) -> None:
        """Refuse two forms at once.

        Raises:
            UsageError: they are asked for.
        """
        from rnngen.errors import UsageError

        asked = [f"`{name}`" for name, each in (("json", as_json), ("csv", self.csv), ("latex", self.latex)) if each]
        if len(asked) > 1:
            raise UsageError(f"{' and '.join(asked)} cannot be given together", expected="one of them")


class Sentences(Options):
    """Scores of lines and of pairs of sentences."""

    per_line: bool = option(
        False, "Score every line of the text; list the hardest.", panel=COMMON, flags=("--per-line",)
    )
    top: int | None = option(
        None, "With --per-line: list N lines.", panel="", minimum=1, maximum=1_000_000, default_text="20"
    )
    pairs: Path | None = option(
        None, "Score minimal pairs: two sentences per row, separated by a tab.", panel=COMMON, metavar="FILE.tsv"
    )
    per_token: bool = option(False, "With --pairs: compare nats per token too.", panel="", flags=("--per-token",))


class Checking(Options):
    """Whether a result can be computed again."""

    result: Path | None = option(
        None,
        "Compute a score again that --json wrote to this file, and compare.",
        panel="",
        flags=("--check",),
        metavar="RESULT.json",
    )


_NOVELTY = "Is it copying? (--novelty)"


class NoveltyOptions(Options):
    """Whether fresh samples are copies."""

    novelty: bool = option(
        False,
        "Compare the n-grams of fresh samples, and of human text, with the training text.",
        panel=COMMON,
        flags=("--novelty",),
    )
    novelty_by: Literal["characters", "words"] = option("characters", "What n-grams consist of.", panel=_NOVELTY)
    novelty_size: int = option(
        20_000, "Characters to write.", panel=_NOVELTY, minimum=100, maximum=10_000_000, metavar="N"
    )
    novelty_temperature: float = option(1.0, "Temperature of the samples.", panel=_NOVELTY, minimum=0)
    novelty_seed: int = option(0, "Seed of the samples.", panel=_NOVELTY, minimum=0)
