"""How training is invoked: what only the command line says, and no file of options."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rnngen.errors import UsageError
from rnngen.options.declare import Options, option
from rnngen.options.option import COMMON
from rnngen.options.training import RUN

_MAX_SIBLINGS = 1000  # a single larger number was meant to be a seed


class Invocation(Options):
    """What ``rnngen train`` begins, continues or reads, and what it prints."""

    out: Path | None = option(None, "The run's folder.", panel=COMMON, default_text="checkpoints/NAME-N")
    seeds: Sequence[int] = option(
        (),
        "Train sibling runs, one after the other, that differ in nothing but their seed: N of them with the seeds 1 to "
        "N, or one for each seed of a list (1,2,5). They are NAME-seed1, …. The same command resumes them.",
        panel=COMMON,
        minimum=0,
        metavar="N[,N...]",
    )
    resume: Path | None = option(
        None,
        "Resume an interrupted run; with --minutes, --epochs or --steps, train it that much further. Give the text too "
        "if it has moved.",
        panel=COMMON,
        is_run=True,
    )
    init_from: Path | None = option(
        None,
        "Begin a new run with this run's weights and tokenizer, and with new characters or words (fine-tuning).",
        panel=COMMON,
        is_run=True,
    )
    config: Path | None = option(
        None, "Read options from a TOML file, or a run's config.json; the command line overrides it.", panel=COMMON
    )
    allow_changed_corpus: bool = option(
        False, "Resume even if the corpus has changed.", panel=RUN, flags=("--allow-changed-corpus",)
    )
    quiet: bool = option(
        False,
        "Only warnings, errors, and, when it is interrupted, how to resume.",
        panel=RUN,
        flags=("--quiet", "-q"),
        common=True,
    )
    json: bool = option(False, "Print the result as JSON on standard output.", panel=RUN, flags=("--json",))

    def check(self) -> None:
        """Refuse seeds that are given twice, a number of siblings out of range, and seeds of a run that is resumed.

        Raises:
            UsageError: there are some.
        """
        if len(set(self.seeds)) < len(self.seeds):
            raise UsageError("`seeds` has a number twice", found=",".join(map(str, self.seeds)))
        if len(self.seeds) == 1 and not 2 <= self.seeds[0] <= _MAX_SIBLINGS:
            raise UsageError(
                "invalid `seeds`",
                expected=f"a number of siblings from 2 to {_MAX_SIBLINGS:,} (`seeds=3`), or a list of at least two "
                "seeds (`seeds=1,2,5`)",
                found=self.seeds[0],
                hint=f"To train one run with this seed: `seed={self.seeds[0]}`.",
            )
        if self.seeds and self.resume is not None:
            raise UsageError("`seeds` cannot be given with `resume`", expected="the command that began the siblings")

    @property
    def sibling_seeds(self) -> Sequence[int]:
        """The seed of each sibling: a single number is how many there are."""
        return range(1, self.seeds[0] + 1) if len(self.seeds) == 1 else self.seeds
