"""What a run does when the loss jumps or is not finite: go back to the last good state, skip the batch, or stop."""

from __future__ import annotations

import contextlib
import math

import torch

from rnngen.engine.probabilities import LogitsError
from rnngen.errors import CheckpointError, TrainingError
from rnngen.model.load import make_network
from rnngen.platforms import quote_argument
from rnngen.runs.layout import saved_steps
from rnngen.training import checkpoint
from rnngen.training.diagnosis import first_non_finite, hardest_place
from rnngen.training.events import Spiked
from rnngen.training.explosion import explosion_advice
from rnngen.training.guard import Jump
from rnngen.training.learner import NotFiniteError, StepResult
from rnngen.training.live_run import LiveRun
from rnngen.training.samples import sample_text


class GuardedRun(LiveRun):
    """A run whose losses are watched, as the option ``on_spike`` says; see ``guard.py``."""

    _jump: Jump | None = None

    def _accepts(self, loss: float) -> bool:
        """Whether a batch with this loss is to be learned from, with the remedy ``skip``."""
        assert self.guard is not None
        self._jump = self.guard.watch(loss)
        return self._jump is None or self._is_astray()

    def _watch(self, result: StepResult, loss: float) -> Spiked | None:
        """Take note of the loss of a step, and take the remedy for a jump.

        Raises:
            TrainingError: the weights have gone astray too often.
        """
        if self.guard is None:
            return None
        jump = self._jump if self.config.train.on_spike == "skip" else self.guard.watch(loss)
        if jump and result.skipped:
            return self._spiked(result.number, loss, jump.expected, self._place(result.number), None)
        return self._go_back(result.number, loss, jump.expected) if jump and jump.lasts and self._is_astray() else None

    def _is_astray(self) -> bool:
        return self.guard is not None and self.guard.strayed() is not None

    def _go_back(self, number: int, loss: float, expected: float) -> Spiked:
        assert self.guard is not None
        place, guard, most = self._place(number), self.guard, self.config.train.max_spikes
        times = guard.count(number)
        if times > most:
            often = f" {times} times within a few steps, at last" if most else ""
            raise self._stopped(
                TrainingError(
                    f"training diverges: the weights went astray{often} at step {number}",
                    expected=f"about {expected:.4g} nats per token",
                    found=f"{loss:.4g}",
                ),
                number,
                "astray",
            )
        guard.go_back()
        if self.config.train.contiguous:  # the state is that of other places
            self.learner.hidden = self.learner.model.start_state(self.config.train.batch_size)
        return self._spiked(number, loss, expected, place, guard.good.step)

    def _spiked(self, number: int, loss: float, expected: float, place: str, back_to: int | None) -> Spiked:
        remedy = {"skipped": 1} if back_to is None else {"back_to": back_to}
        self._log(step=number, jump=loss, expected=expected, **remedy)
        return Spiked(number, loss, expected, place, back_to)

    def _place(self, number: int) -> str:
        return hardest_place(self.learner, self.streams, self.corpus, number - 1)

    def _not_finite(self, error: NotFiniteError) -> TrainingError:
        """The same error with the tensor and the place in the text, what is left, and what to do."""
        tensor = first_non_finite(self.learner, error.loss)
        place = self._place(error.number)
        found = f"{error.found}: {tensor} is not finite, and the loss is highest at {place}"
        failed = "gradient" if math.isfinite(error.loss) else "loss"
        values = {"loss": error.loss, "norm": error.norm}
        return self._stopped(TrainingError(error.what, found=found), error.number, failed, **values)

    def _written_sample(self) -> tuple[str, str]:
        """A sample, and how it was made; see ``sample_text``.

        Raises:
            TrainingError: the logits are not finite.
        """
        weights = {name: w.numpy() for name, w in self.learner.averaged.weights().items()}
        try:
            return sample_text(self.config, weights, self.corpus, self.step)
        except LogitsError as error:
            what = f"the logits are not finite while a sample is written at step {self.step}"
            raise self._stopped(TrainingError(what), self.step, "sample") from error

    def _stopped(self, error: TrainingError, number: int, failed: str, **values: float) -> TrainingError:
        """The same error with what is left, and what to do; the log ends with it.

        Args:
            error: without a hint.
            number: of the step; for a loss or gradient the one that was not taken, else the last one that was.
            failed: see ``rnngen/runs/failure.py``.
            values: further figures of the last row; those that are not finite are written as text.
        """
        self.saver.wait()
        best = self.progress.best_step if math.isfinite(self.best_nll) else None
        saved = saved_steps(self.writer.path)
        left, kept = "", best
        if self.writer.has_model:
            left = f"The {'saved weights' if best is None else f'best weights so far (step {best})'} are intact."
        else:
            kept = self._keep_last_good()
            if saved:
                left = f"The state that was saved at step {int(saved[0].name)} is intact."
            elif kept is not None:
                left = "The weights that it began with are kept, and its log."
        shown = {name: value if math.isfinite(value) else str(value) for name, value in values.items()}
        with contextlib.suppress(CheckpointError):  # what failed first is what is told
            self._log(step=number, failed=failed, **({} if kept is None else {"kept_step": kept}), **shown)
        taken = number - 1 if failed in ("loss", "gradient") else number
        advice = explosion_advice(
            self.config, self.learner.precision, network_is_given=self.trained, has_learned=taken > 0
        )
        view = (
            "training" if taken > 0 else "gradients"
        )  # without a step there is no curve, but a network that multiplies
        look = f" See how it came about: rnngen inspect {view} {quote_argument(str(self.writer.path))}."
        hint = f"{left} {advice}{look if self.writer.has_model else ''}".lstrip()
        return TrainingError(error.what, expected=error.expected, found=error.found, hint=hint)

    def _keep_last_good(self) -> int | None:
        """Keep the weights of the last good state, or those it began with, where none are kept yet; return their step.

        They are no result, but without any the run could not be looked at. None: there are none that are finite.
        """
        if self.guard and self.guard.has_begun:
            step, weights = self.guard.good.step, checkpoint.unpack("weights", self.guard.good.tensors)
        elif self.trained:
            return None
        else:
            seed, tokenizer = self.config.train.seed, self.corpus.tokenizer
            boundary = tokenizer.boundary(self.config.data.documents)
            generator = torch.Generator().manual_seed(seed)
            step = 0
            weights = make_network(self.config.model, tokenizer.vocab_size, generator, boundary).weights()
        if not all(weight.isfinite().all() for weight in weights.values()):
            return None
        try:
            self.writer.save_model(checkpoint.format_weights(weights))
        except CheckpointError:
            return None
        return step
