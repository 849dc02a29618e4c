"""Open a run for filling gaps."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from rnngen.corpus.tokenizer import Tokenizer
from rnngen.engine.probabilities import Array
from rnngen.engine.recurrence import Recurrence
from rnngen.infilling.filler import Filler
from rnngen.infilling.readers import Readers
from rnngen.options.checked import checked
from rnngen.options.network import DIRECTIONS, ModelConfig
from rnngen.runs.finding import open_run
from rnngen.runs.run import Run


@checked
def load_filler(run: str | Path | Run | None = None) -> Filler:
    """Open a run for filling gaps: the newest complete one, unless it is given.

    Args:
        run: the run or its folder.

    Raises:
        CheckpointError: there is no such run, or it is damaged.
        UsageError: it is no path.
    """
    run = run if isinstance(run, Run) else open_run(run)
    return make_filler(run.model_config(), run.weights(), run.tokenizer(), run.boundary, str(run.path))


def make_filler(
    config: ModelConfig,
    weights: Mapping[str, Array],
    tokenizer: Tokenizer,
    boundary: int | None = None,
    name: str = "a model",
) -> Filler:
    """A filler with a network's weights.

    Args:
        config: cell, sizes, and whether there are two directions.
        weights: arrays by name, as in model.safetensors.
        tokenizer: of the run.
        boundary: the token between documents; None: there is none.
        name: of the model, for messages.
    """
    if not config.bidirectional:
        return Filler(Readers(Recurrence(config, weights, boundary), None), tokenizer, name)
    left, right = (
        Recurrence(
            config,
            {name.removeprefix(f"{direction}."): w for name, w in weights.items() if name.startswith(direction)},
            boundary,
        )
        for direction in DIRECTIONS
    )
    return Filler(Readers(left, right), tokenizer, name)
