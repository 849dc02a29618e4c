"""The arguments of ``rnngen.train``: for its signature (see ``options/keywords.py``)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal

from rnngen.options.declare import argument
from rnngen.options.network import ModelConfig
from rnngen.options.training import OptimizerConfig, PlanConfig, SplitConfig, TrainConfig

if TYPE_CHECKING:
    from pathlib import Path

    from rnngen.training.events import Event

ShowProgress = Literal["auto", "bar", "none"]
"""``auto``: a bar in a notebook or on a terminal, elsewhere a line at intervals; ``bar``: a bar anywhere."""


class TrainArguments(TrainConfig, OptimizerConfig, ModelConfig, SplitConfig, PlanConfig):
    """All options of training, and what the command line has parameters of its own for."""

    corpus: str | Path | Sequence[str | Path] = argument(kw_only=False)
    out: str | Path | None = argument(default=None)
    init_from: str | Path | None = argument(default=None)
    progress: ShowProgress = argument(default="auto")
    on_event: Callable[[Event], None] | None = argument(default=None)
