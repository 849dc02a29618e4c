"""What training tells the world. The trainer yields these; screens, logs and files are its consumers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rnngen.runs.plan_record import Stretch
from rnngen.training.gradient_norms import GradientSummary


@dataclass(frozen=True)
class Stepped:
    """One optimizer step was taken.

    Attributes:
        step: how many there have been, this one included.
        steps: how many there will be.
        loss: nats a token over this window, before the step.
        grad_norm: global norm before clipping.
        clipped_norm: the same after it.
        learning_rate: of this step.
        epoch: how often the training text has been read.
        tokens: how many tokens it read.
    """

    step: int
    steps: int
    loss: float
    grad_norm: float
    clipped_norm: float
    learning_rate: float
    epoch: float
    tokens: int


@dataclass(frozen=True)
class Validated:
    """The validation part was scored, or as much of it from its beginning as ``valid_tokens`` says.

    Attributes:
        step: after how many steps.
        nll: nats a token.
        best: whether it is the lowest so far; then its weights were kept.
    """

    step: int
    nll: float
    best: bool


@dataclass(frozen=True)
class Sampled:
    """The model wrote something."""

    step: int
    text: str


@dataclass(frozen=True)
class Saved:
    """The state to resume from is on disk."""

    step: int
    path: Path


@dataclass(frozen=True)
class Mixed:
    """An n-gram model was counted and fitted, with the share of it that is mixed into the network's distribution.

    Attributes:
        order: of its longest n-grams; lower than was asked for where the text has no longer ones, or too many.
        network_nll, ngram_nll, mixture_nll: nats a token on the validation part, on which it was fitted.
    """

    order: int
    network_nll: float
    ngram_nll: float
    mixture_nll: float


@dataclass(frozen=True)
class Replanned:
    """The run goes on by another plan: it was going to take more or less time than was meant, or threads are tried.

    Attributes:
        plan: from here on.
        before: until here.
    """

    plan: Stretch
    before: Stretch


@dataclass(frozen=True)
class Warned:
    """Something the user should know, that does not stop training."""

    message: str


@dataclass(frozen=True)
class Finished:
    """Training is over.

    Attributes:
        reason: ``steps`` (all taken), ``patience`` (no better for long enough), or a signal's name.
        step: steps taken.
        best_nll: lowest nats a token on the validation part, or None if it was never scored.
        best_step: when that was.
        path: the run's folder.
        mixed: what ``--ngram`` gave, beside the network's own numbers above.
        gradient: what the gradient norms of all steps say; None without any.
        first_step: steps that had been taken before this process began; as many as ``step`` where none was left.
    """

    reason: str
    step: int
    best_nll: float | None
    best_step: int
    path: Path
    mixed: Mixed | None = None
    gradient: GradientSummary | None = None
    first_step: int = 0


Event = Stepped | Validated | Sampled | Saved | Mixed | Replanned | Warned | Finished
