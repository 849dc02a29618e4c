"""A run that is being trained: everything that training changes, and how it is logged, saved and restored."""

from __future__ import annotations

import time
from array import array

import torch

from rnngen.corpus.streams import Streams
from rnngen.corpus.tokens import EncodedCorpus
from rnngen.errors import CheckpointError, RnngenError
from rnngen.options.config import RunConfig
from rnngen.runs.layout import RESUME
from rnngen.runs.plan_record import Stretch, recorded_plan
from rnngen.runs.states import hashes_of_decided
from rnngen.runs.writer import RunWriter
from rnngen.training import checkpoint
from rnngen.training.events import Saved
from rnngen.training.guard import GOOD, Guard
from rnngen.training.learner import Learner
from rnngen.training.progress import Progress
from rnngen.training.saver import Saver
from rnngen.training.schedule import Schedule


class LiveRun:
    """A run with the model that learns, and its files.

    Args:
        config: fully decided: no ``auto`` is left in it.
        corpus: encoded.
        writer: the run's folder, locked.
        state: resume from here.
        trained: whether the weights at step 0 are those of another run: they are kept if nothing beats them.
        same_device: whether the state to resume from was saved on the same kind of device.

    Attributes:
        progress: steps taken, best scores, and what is due.
        schedule: number of steps, and learning rates.
        guard: watches the losses; None: they are ignored.
        saver: saves while training goes on.
        seconds: spent before this process.
        warnings: to tell when training begins.
    """

    def __init__(
        self,
        config: RunConfig,
        corpus: EncodedCorpus,
        writer: RunWriter,
        state: checkpoint.TrainingState | None = None,
        trained: bool = False,
        same_device: bool = True,
    ) -> None:
        self.config, self.corpus, self.writer, self.trained = config, corpus, writer, trained
        tokenizer = corpus.tokenizer
        self.learner = Learner(config, tokenizer.vocab_size, tokenizer.boundary(config.data.documents))
        train = config.train
        self.streams = Streams(
            corpus.train.tokens, train.batch_size, train.bptt, train.bptt_jitter, train.seed, train.contiguous
        )
        threads = train.threads or torch.get_num_threads()
        self.schedule = Schedule([Stretch(0, train.steps, threads, train.precision)])
        self.progress = Progress()
        watched = train.on_spike != "ignore"
        self.guard = Guard(self.learner, self.streams, corpus.tokenizer.vocab_size) if watched else None
        self.saver: Saver[Saved | None] = Saver()
        self.seconds = 0.0
        self.warnings = list(state.warnings) if state else []
        self._norms = array("d")  # before clipping, of all steps
        self._saved = time.perf_counter()
        if state:
            self._restore(state, same_device=same_device)
        self._start_clock()

    @property
    def step(self) -> int:
        """Number of steps taken."""
        return self.progress.step

    @property
    def best_nll(self) -> float:
        """The lowest validation loss, in nats per token."""
        return self.progress.best_nll

    def begin_with_changed_text(self) -> None:
        """Forget the scores on another text: the weights are first scored on this one, and kept."""
        self.progress.forget_scores()
        self.trained = True
        if self.guard:
            self.guard.begin(self.step)

    def replace_lost_weights(self, error: RnngenError) -> None:
        """Use the weights as they are now, because those that were best before cannot be read."""
        lost = RnngenError(error.what, where=error.where, expected=error.expected, found=error.found)
        self.warnings.append(f"{lost}. The weights of the saved state are used instead.")
        self.begin_with_changed_text()

    def _start_clock(self) -> None:
        """Count this process's time from now on."""
        self._began = time.perf_counter() - self.seconds

    def _log(self, **values: float | str) -> None:
        """Add a row to metrics.jsonl. All of it except ``seconds`` is reproducible."""
        seconds = round(time.perf_counter() - self._began, 3)
        self.writer.log_metrics(**values, seconds=seconds)

    def _keep_best(self) -> None:
        """Make the averaged weights those to use."""
        weights = self.learner.averaged.weights()
        self.saver.save(lambda: self.writer.save_model(checkpoint.format_weights(weights)))

    def _save_state(self, *, good: bool = False) -> None:
        """Save the state to resume from.

        Args:
            good: whether it is one that the guard can go back to.
        """
        guard = self.guard
        if guard and good:
            tensors = guard.keep(self.step)
        else:
            tensors = {**self.learner.tensors(), **(guard.tensors(self.step) if guard else {})}
        step = self.step
        values = {
            **self.progress.values(),
            "seconds": time.perf_counter() - self._began,
            "stretches": [stretch.as_dict() for stretch in self.schedule.begun],
            "corpus": {"fingerprint": self.corpus.fingerprint, "sources": list(self.config.data.corpus)},
            "logs": self.writer.log_lengths(),
            "decided": hashes_of_decided(self.writer.path),
            "guard": guard.values() if guard else None,
        }
        self._saved = time.perf_counter()

        def write() -> Saved:
            return Saved(step, self.writer.save_state(step, checkpoint.format_state(tensors), values))

        self.saver.save(write)

    def _restore(self, state: checkpoint.TrainingState, *, same_device: bool) -> None:
        """Continue from a saved state, whose values ``state_checks.py`` has checked.

        Raises:
            CheckpointError: a tensor does not fit the configuration, or the step does not fit the plan.
        """
        where = self.writer.path / RESUME
        values = state.values
        self.progress = Progress.from_values(values)
        good = {name.removeprefix(GOOD): t for name, t in state.tensors.items() if name.startswith(GOOD)}
        own = {name: t for name, t in state.tensors.items() if not name.startswith(GOOD)}
        self.learner.restore(own, where, dropout_too=same_device, stepped=self.step > 0)
        if self.guard and values.get("guard"):  # which older runs do not have
            self.guard.restore(values["guard"], good or own, where, same_device=same_device)
        self.seconds = float(values["seconds"])
        if "stretches" in values:  # older runs have one, which config.json describes
            self.schedule = Schedule.resumed(values["stretches"], recorded_plan(self.writer.path), self.step)
        if self.step > self.schedule.steps:
            raise CheckpointError(
                "the saved state is of a step that its plan does not have",
                where=where,
                expected=f"at most {self.schedule.steps}",
                found=self.step,
            )
        self.learner.use_precision(self.schedule.current.precision)
        self.writer.cut_logs(values["logs"])
        self._norms = array("d", self.writer.logged("grad_norm"))
