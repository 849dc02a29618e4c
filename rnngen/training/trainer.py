"""The training loop, as a stream of events. It prints nothing.

On the CPU everything that happens is a function of the configuration, the text, the seed and the recorded plan
(``runs/plan_record.py``): a run that is stopped and resumed goes through the same numbers, bit for bit, as one that
never stopped.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Generator, Iterator

import torch

from rnngen.corpus.progress import Interrupted
from rnngen.corpus.tokens import EncodedCorpus
from rnngen.errors import TrainingError
from rnngen.evaluation.scoring import held_out_nats
from rnngen.model.device import using_threads
from rnngen.options.clipping import threshold_of
from rnngen.options.config import RunConfig
from rnngen.runs.layout import SAMPLES
from rnngen.runs.plan_record import Stretch
from rnngen.runs.writer import RunWriter
from rnngen.training import checkpoint
from rnngen.training.events import Event, Finished, Mixed, Replanned, Sampled, Spiked, Stepped, Validated, Warned
from rnngen.training.gradient_norms import summarise
from rnngen.training.guarded_run import GuardedRun
from rnngen.training.learner import NotFiniteError, StepResult
from rnngen.training.mixing import mix_ngram
from rnngen.training.planning.pace import Pace
from rnngen.training.progress import SAMPLE, SAVE, VALIDATION
from rnngen.training.schedule import Schedule

READ_EVERY = 16  # steps that may be queued on a GPU before their losses are waited for
MAX_UNSAVED = 75.0  # seconds of work that may be lost if steps have become slower than planned
VALIDATION_ROUNDS = 2  # a network that hardly forgets would otherwise spend its time on validation


class Trainer(GuardedRun):
    """Trains one model on one corpus into one run folder.

    Args:
        config, corpus, writer, state, trained, same_device: see ``LiveRun``.
        pace: watches the clock; without it the plan does not change.
    """

    def __init__(
        self,
        config: RunConfig,
        corpus: EncodedCorpus,
        writer: RunWriter,
        state: checkpoint.TrainingState | None = None,
        pace: Pace | None = None,
        trained: bool = False,
        same_device: bool = True,
    ) -> None:
        super().__init__(config, corpus, writer, state, trained, same_device)
        self._pace = pace
        self._first_step = self.step
        self._unread: list[tuple[StepResult, float, int]] = []  # with learning-rate factor and number of tokens
        self._stop: str | None = None
        self._mixed: Mixed | None = None

    def stop(self, reason: str) -> None:
        """Ask the loop to end after the current step, saving the state. Safe in a signal handler."""
        self._stop = reason

    def events(self) -> Generator[Event]:
        """Train to the end, or until ``stop``.

        Raises:
            TrainingError: loss or gradient is not finite; it did not reach the weights.
            CheckpointError: a save failed; those before are intact.
        """
        try:
            with using_threads(self.schedule.current.threads):
                yield from self._events()
        finally:
            self.saver.wait()

    def _events(self) -> Iterator[Event]:
        self._start_clock()
        self._saved = time.perf_counter()
        self._first_step = self.step
        for message in self.warnings:
            yield Warned(message)
        if self.guard and not self.guard.has_begun:
            self.guard.begin(self.step)
        if self._pace:
            self._pace.start()
        with contextlib.suppress(Interrupted):  # what was interrupted remains due
            yield from self._do_what_is_due()
            while not self.is_over and not self._stop:
                yield from self._plan_again()
                self._train()
                yield from self._do_what_is_due()
            self.saver.wait()  # better weights make n-grams that were fitted to those before them useless
            yield from filter(None, self.saver.written())
            if self.config.train.ngram and not self._stop and not self.writer.has_ngram:
                yield self._mix()
        yield from self._read()
        yield from self._finish()

    def _do_what_is_due(self) -> Iterator[Event]:
        """Everything that follows a step; each part is reported, and its time counted, separately.

        Raises:
            Interrupted: ``stop`` was called; what was not done remains due.
        """
        due = self.progress.due
        if due or not self.learner.runs_ahead or len(self._unread) == READ_EVERY:
            yield from self._read()
        parts: dict[str, Callable[[], Iterator[Event]]]
        parts = {VALIDATION: self._validate, SAMPLE: self._sample, SAVE: self._save}
        for part, do in parts.items():  # in this order
            if part not in due:
                continue
            self._check()
            for event in do():
                due.discard(part)
                yield event
            due.discard(part)
            if self._pace:
                self._pace.spent(part)
        yield from filter(None, self.saver.written())

    def _check(self) -> None:
        """Leave what can be done later, if ``stop`` was called.

        Raises:
            Interrupted: it was.
        """
        if self._stop:
            raise Interrupted

    @property
    def is_over(self) -> bool:
        """Whether all steps have been taken, or enough of them without improvement."""
        if any(stretch.step == self.step for stretch in self.schedule.ahead):  # it is trained further from here
            return False
        return self.progress.is_over(self.config.train, self.schedule)

    def _plan_again(self) -> Iterator[Replanned]:
        """Change the plan, if the record or else the clock says so."""
        before = self.schedule.current
        stretch = self.schedule.due(self.step)
        if stretch is None and not self.schedule.ahead:
            if self._pace:
                stretch = self._pace.next_stretch(self.step, before)
            elif before.trial:  # the run was stopped while another number of threads was tried
                settled = next(s for s in reversed(self.schedule.begun) if not s.trial)
                stretch = before.changed(step=self.step, threads=settled.threads, trial=False)
            if stretch:
                self.writer.record_plan([stretch])
        if stretch:
            self.schedule.begin(stretch)
            torch.set_num_threads(stretch.threads)
            self._use(stretch)
            yield Replanned(stretch, before)

    def follow(self, stretch: Stretch, ahead: list[Stretch], pace: Pace | None = None) -> None:
        """Follow another plan, before training is resumed.

        Args:
            stretch: from here on.
            ahead: later ones, instead of those in the record.
            pace: watches the clock from here on.
        """
        self.schedule = Schedule([*self.schedule.begun, stretch], ahead)
        self._pace = pace
        self._start_clock()
        self._use(stretch)

    def _use(self, stretch: Stretch) -> None:
        self.learner.use_precision(stretch.precision)
        peak = {}
        if stretch.cycle:
            self.progress.begin_cycle(stretch.step)  # patience is counted in the cycle's own validations
            peak = {"peak": stretch.cycle.peak} if stretch.cycle.peak is not None else {}
        self._log(
            step=stretch.step,
            planned_steps=stretch.steps,
            threads=stretch.threads,
            precision=stretch.precision,
            trial=stretch.trial,
            **peak,
        )

    def _train(self) -> None:
        factor = self.schedule.learning_rate_factor(self.step, self.config.optimizer)
        x, y = self.streams.window(self.step)
        if self._pace:
            self._pace.begin_step()
        self.learner.hidden = self.learner.begun_anew(self.learner.hidden, self.streams.moves(self.step))
        self.learner.recipe.average.begin = self.schedule.cycle_begin
        factor *= len(x) / self.config.train.bptt  # a shorter window is weaker evidence (Merity et al. 2018)
        accepts = self._accepts if self.config.train.on_spike == "skip" else None
        try:
            result = self.learner.step(x, y, factor, self.step, accepts)
        except NotFiniteError as error:
            raise self._not_finite(error) from error
        self._unread.append((result, factor, x.size))
        self.progress.stepped(self.config.train, self.schedule, save=time.perf_counter() - self._saved > MAX_UNSAVED)

    def _read(self) -> Iterator[Stepped | Spiked]:
        """Report the steps whose results have not been waited for yet.

        Raises:
            TrainingError: one of them is not finite, or the loss jumped too often; those before have been reported.
        """
        unread, self._unread = self._unread, []
        results: list[tuple[float, float]] = []
        failure: NotFiniteError | None = None
        abandoned = False  # whether training has gone back: what a GPU computed after that step is not part of the run
        for result, _, _ in unread:
            try:
                results.append(result.read())
            except NotFiniteError as error:
                failure = error
                break
        if self._pace:  # before they are reported, which takes time too
            self._pace.stepped(len(results), sum(tokens for _, _, tokens in unread[: len(results)]))
        for (result, factor, tokens), (loss, norm) in zip(unread, results, strict=False):
            rate = self.config.optimizer.learning_rate * factor
            epoch = result.number / self.streams.steps_per_epoch
            clipped = min(norm, threshold_of(self.config.optimizer.clip))
            self._norms.append(norm)
            self._log(
                step=result.number,
                epoch=epoch,
                train_nll=loss,
                grad_norm=norm,
                clipped_norm=clipped,
                learning_rate=rate,
            )
            yield Stepped(result.number, self.schedule.steps, loss, norm, clipped, rate, epoch, tokens)
            spiked = None if abandoned else self._watch(result, loss)
            if spiked:
                yield spiked
                abandoned = spiked.back_to is not None
        if failure and not abandoned:
            raise self._not_finite(failure) from failure

    def _validate(self) -> Iterator[Validated]:
        valid, model = self.corpus.valid.tokens[: self.config.train.valid_tokens], self.learner.averaged
        precision, rounds = self.learner.precision, VALIDATION_ROUNDS
        nats = held_out_nats(model, valid, precision=precision, max_rounds=rounds, on_read=lambda _: self._check())
        nll = nats / len(valid)
        if not math.isfinite(nll):
            error = TrainingError(f"the validation loss is not finite at step {self.step}", found=nll)
            raise self._stopped(error, self.step, "validation")
        if self.step:
            self.learner.recipe.average.validated(nll)
        diverged = self.guard is not None and nll > self.guard.limit and self._is_astray()
        best = self.progress.validated(nll, trained=self.trained, eligible=not diverged)
        if best:
            self._keep_best()
        self._log(step=self.step, valid_nll=nll, best=best)
        yield Validated(self.step, nll, best)

    def _sample(self) -> Iterator[Sampled]:
        text, how = self._written_sample()
        self.writer.append(SAMPLES, f"--- step {self.step}, {how}\n{text}\n")
        yield Sampled(self.step, text)

    def _save(self) -> Iterator[Event]:
        late = self.step % self.config.train.save_every != 0 and self.step != self.schedule.steps
        self.progress.due.discard(SAVE)
        self._save_state(good=not late and not self._is_astray())  # when there are late saves depends on the clock
        yield from filter(None, self.saver.written())

    def _mix(self) -> Mixed:
        content, self._mixed = mix_ngram(self.config, self.corpus, self.writer.path, self._check)
        self._log(valid_mixture_nll=self._mixed.mixture_nll, valid_ngram_nll=self._mixed.ngram_nll)
        self.writer.save_ngram(content)
        return self._mixed

    def _finish(self) -> Iterator[Event]:
        reason = self._stop or ("steps" if self.step == self.schedule.steps else "patience")
        if self._stop or reason == "patience":
            self._save_state()
        self.saver.wait()
        yield from filter(None, self.saver.written())
        if self._stop and self.step and not self.writer.has_model:  # so that sample and eval have something to read
            self._keep_best()
            self.saver.wait()
            self.saver.written()
        yield Finished(
            reason,
            self.step,
            self.best_nll if math.isfinite(self.best_nll) else None,
            self.progress.best_step,
            self.writer.path,
            self._mixed,
            summarise(self._norms, self.config),
            self._first_step,
        )
