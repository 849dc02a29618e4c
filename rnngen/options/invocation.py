"""How training is invoked: what only the command line says, and no file of options."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rnngen.errors import UsageError
from rnngen.options.declare import Options, option
from rnngen.options.option import COMMON
from rnngen.options.training import RUN


class Invocation(Options):
    """What ``rnngen train`` begins, continues or reads, and what it prints."""

    out: Path | None = option(None, "The run's folder.", panel=COMMON, default_text="checkpoints/NAME-N")
    seeds: Sequence[int] = option(
        (),
        "Train a sibling run for each of these seeds, one after the other, that differ in nothing else: NAME-seed1, …. "
        "The same command resumes them.",
        panel=COMMON,
        minimum=0,
        metavar="N,N[,N]",
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
        """Refuse seeds that are given twice, and seeds of a run that is resumed.

        Raises:
            UsageError: there are some.
        """
        if len(set(self.seeds)) < len(self.seeds):
            raise UsageError("`seeds` has a number twice", found=",".join(map(str, self.seeds)))
        if self.seeds and self.resume is not None:
            raise UsageError("`seeds` cannot be given with `resume`", expected="the command that began the siblings")
