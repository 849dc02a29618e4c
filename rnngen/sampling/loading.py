"""Open a run for writing text."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnngen.errors import UsageError
from rnngen.options.checked import checked
from rnngen.platforms import quote_argument
from rnngen.runs.finding import open_run
from rnngen.runs.run import Run
from rnngen.sampling.generator import Generator

if TYPE_CHECKING:
    from rnngen.engine.protocol import Model


@checked
def load(run: str | Path | Run | None = None, *, ngram: bool = False, device: str | None = None) -> Generator:
    """Open a run for writing text: the newest complete one, unless it is given.

    Args:
        run: the run or its folder.
        ngram: write from the mixture of the network and the run's n-gram model.
        device: compute with torch on ``auto``, ``cpu``, ``cuda`` or ``mps``; by default with NumPy, which imports no
            torch and is faster on a CPU.

    Raises:
        CheckpointError: there is no such run, it is damaged, or it lacks the n-gram model that was asked for.
        UsageError: an argument is invalid, or the run is bidirectional: it fills gaps (see ``infilling``) and cannot
            continue a text.
    """
    return generator_of(run if isinstance(run, Run) else open_run(run), ngram=ngram, device=device)


def generator_of(
    run: Run, weights: Mapping[str, Any] | None = None, *, ngram: bool = False, device: str | None = None
) -> Generator:
    """As ``load``, from weights by name, if they are given, instead of the run's: of a network that learned more."""
    check_writes(run)
    mixture = None
    if ngram:
        from rnngen.ngram.file import load_mixture

        mixture = load_mixture(run)
    documents = None if run.boundary is None else run.documents
    return Generator(_engine(run, device, weights), run.tokenizer(), mixture, str(run.path), documents=documents)


def check_writes(run: Run) -> None:
    """Refuse a run that cannot continue a text.

    Raises:
        UsageError: it is bidirectional; the hint is the command that fills gaps with it.
    """
    if run.model_config().bidirectional:
        fill = f'rnngen fill {quote_argument(str(run.path))} "To be, or ___ to be"'
        raise UsageError(
            "is bidirectional: it fills gaps, and cannot continue a text",
            where=run.path,
            expected="a left-to-right model",
            hint=f"Fill gaps with it: {fill}. rnngen runs lists all runs.",
        )


def _engine(run: Run, device: str | None, weights: Mapping[str, Any] | None) -> Model:
    if device is None:
        from rnngen.engine.recurrence import Recurrence

        return Recurrence(run.model_config(), run.weights() if weights is None else weights, run.boundary)
    from rnngen.engine.torch_stepper import Stepper
    from rnngen.model.device import pick_device
    from rnngen.model.load import load_language_model

    picked = pick_device(device)
    model = load_language_model(run)
    if weights is not None:
        model.load_weights(weights)
    return Stepper(model, picked)
