"""The arguments of ``rnngen.train``: for its signature (see ``options/keywords.py``)."""

# mypy: disable-error-code="assignment, override, mutable-override"
# An argument may be None where the option that a run records, and that it inherits from, may not.

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from rnngen.options.config import TRAINING
from rnngen.options.declare import argument
from rnngen.options.network import ModelConfig
from rnngen.options.plan import PlanConfig
from rnngen.options.training import OptimizerConfig, SplitConfig, TrainConfig

if TYPE_CHECKING:
    from rnngen.runs.run import Run
    from rnngen.training.events import Event

ShowProgress = Literal["auto", "bar", "none"]
"""``auto``: a bar in a notebook or on a terminal, elsewhere a line at intervals; ``bar``: a bar anywhere."""


def _decided(name: str) -> Any:
    """An option whose default is decided by measuring, or from the text: None until then."""
    return dataclasses.replace(TRAINING[name].option, default=None)


def _texts(name: str) -> Any:
    """An option that takes files."""
    return TRAINING[name].option


class Decided(TrainConfig, OptimizerConfig, ModelConfig, SplitConfig):
    """The options of training as they can be given: those that a run decides itself may be left out, or be None."""

    hidden_size: int | None = _decided("hidden_size")
    embedding_size: int | None = _decided("embedding_size")
    tied: bool | None = _decided("tied")
    history: int | None = _decided("history")
    history_rows: int | None = _decided("history_rows")
    dropout: float | None = _decided("dropout")
    input_dropout: float | None = _decided("input_dropout")
    weight_dropout: float | None = _decided("weight_dropout")
    min_count: int | None = _decided("min_count")
    learning_rate: float | None = _decided("learning_rate")
    muon_learning_rate: float | None = _decided("muon_learning_rate")
    weight_decay: float | None = _decided("weight_decay")
    history_decay: float | None = _decided("history_decay")
    ema: float | None = _decided("ema")
    batch_size: int | None = _decided("batch_size")
    contiguous: int | None = _decided("contiguous")
    steps: int | None = _decided("steps")
    valid_every: int | None = _decided("valid_every")
    save_every: int | None = _decided("save_every")
    sample_every: int | None = _decided("sample_every")
    valid: str | Path | Sequence[str | Path] = _texts("valid")
    test: str | Path | Sequence[str | Path] = _texts("test")


class TrainArguments(Decided, PlanConfig):
    """All options of training, and what the command line has parameters of its own for."""

    corpus: str | Path | Sequence[str | Path] = argument(kw_only=False)
    out: str | Path | None = argument(default=None)
    init_from: str | Path | Run | None = argument(default=None)
    progress: ShowProgress = argument(default="auto")
    on_event: Callable[[Event], None] | None = argument(default=None)
