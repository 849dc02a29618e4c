"""Events of training. The trainer yields them; the screen and callers of the library consume them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rnngen.runs.plan_record import Stretch
from rnngen.training.gradient_norms import GradientSummary


@dataclass(frozen=True)
class Planned:
    """What is going to be trained: the first event of a run, before the first step.

    Attributes:
        path: the run's folder.
        step: number of steps taken before; 0 for a new run.
        steps: number of steps of the whole run.
        model: cell, layers and sizes, in words.
        parameters: number of learned parameters.
        vocab_size: V.
        train_tokens, valid_tokens, test_tokens: sizes of the parts of the text.
        batch_size, bptt: streams and steps of a window.
        device, precision, threads: where and how it is computed.
        epochs: how often the training part will be read from here on.
        tokens_per_second: as measured; None for a run that goes on with the plan that it has.
        seconds: estimated, from here to the end; None like ``tokens_per_second``.
        notes: what a user should know, a sentence each.
    """

    path: Path
    step: int
    steps: int
    model: str
    parameters: int
    vocab_size: int
    train_tokens: int
    valid_tokens: int
    test_tokens: int
    batch_size: int
    bptt: int
    device: str
    precision: str
    threads: int
    epochs: float
    tokens_per_second: float | None
    seconds: float | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Stepped:
    """One optimizer step was taken.

    Attributes:
        step: number of steps taken, including this one.
        steps: number of steps of the whole run, as planned now.
        loss: nats per token over this window, before the step.
        grad_norm: global norm of the gradient before clipping.
        clipped_norm: the same after clipping.
        learning_rate: of this step.
        epoch: how often the training text has been read so far.
        tokens: number of tokens that the step read.
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
    """The validation part was scored, or its first ``valid_tokens`` tokens.

    Attributes:
        step: number of steps taken.
        nll: nats per token.
        best: whether this is the lowest so far; then the weights were kept.
    """

    step: int
    nll: float
    best: bool


@dataclass(frozen=True)
class Sampled:
    """The model wrote a sample."""

    step: int
    text: str


@dataclass(frozen=True)
class Saved:
    """The state to resume from was saved."""

    step: int
    path: Path


@dataclass(frozen=True)
class Mixed:
    """N-grams were counted, and their interpolation with the network was fitted.

    Attributes:
        order: length of the longest n-grams; lower than requested if the text has no longer ones, or too many.
        network_nll, ngram_nll, mixture_nll: nats per token on the validation part, to which the mixture was fitted.
    """

    order: int
    network_nll: float
    ngram_nll: float
    mixture_nll: float


@dataclass(frozen=True)
class Replanned:
    """The plan changed: the run would have taken more or less time than planned, or a number of threads is tried.

    Attributes:
        plan: from here on.
        before: until here.
    """

    plan: Stretch
    before: Stretch


@dataclass(frozen=True)
class Spiked:
    """The loss jumped, and training took the remedy that the option ``on_spike`` names.

    Attributes:
        step: number of steps taken.
        loss: nats per token in this step.
        expected: nats per token that were to be expected.
        place: in the training text, where the loss is highest.
        back_to: the step whose weights were restored; None: the batch was skipped instead.
    """

    step: int
    loss: float
    expected: float
    place: str
    back_to: int | None


@dataclass(frozen=True)
class Warned:
    """Something that the user should know, but that does not stop training."""

    message: str


@dataclass(frozen=True)
class Finished:
    """Training is over.

    Attributes:
        reason: ``steps`` (all taken), ``patience`` (too many validations without improvement), or a signal's name.
        step: number of steps taken.
        best_nll: the lowest nats per token on the validation part; None if it was never scored.
        best_step: the step of that validation.
        path: the run's folder.
        mixed: the n-gram model that the option ``ngram`` asked for.
        gradient: summary of the gradient norms of all steps; None if there were none.
        first_step: number of steps taken before this process began; equal to ``step`` if none was left.
    """

    reason: str
    step: int
    best_nll: float | None
    best_step: int
    path: Path
    mixed: Mixed | None = None
    gradient: GradientSummary | None = None
    first_step: int = 0

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to be done: it was not stopped by a signal."""
        return self.reason in ("steps", "patience")

    @property
    def advice(self) -> str | None:
        """What the gradients suggest; None: nothing, or no step was taken."""
        return self.gradient.advice if self.gradient and self.step > self.first_step else None


Event = Planned | Stepped | Validated | Sampled | Saved | Mixed | Replanned | Spiked | Warned | Finished
