"""Parameters that several experiments have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rnngen.options.declare import Options, option

OwnText = Annotated[
    Path | None, typer.Option("--text", help="Train on this file. [default: Python's own language reference]")
]


class Scale(Options):
    """How large the networks of an experiment are, and how long they are trained; None: as the experiment needs."""

    steps: int | None = option(
        None, "Steps of training per network.", panel="", minimum=1, default_text="as the experiment needs"
    )
    hidden_size: int | None = option(
        None, "Units per layer.", panel="", minimum=1, maximum=65536, default_text="as the experiment needs"
    )
    seed: int = option(0, "Seed of weights and windows.", panel="", minimum=0)

    def over(self, options: dict[str, object]) -> dict[str, object]:
        """The options of a network, with what was given here instead of its own."""
        given = {"steps": self.steps, "hidden_size": self.hidden_size}
        return {**options, **{name: value for name, value in given.items() if value is not None}, "seed": self.seed}
