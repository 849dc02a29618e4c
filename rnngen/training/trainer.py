"""The loop, as a stream of events. It prints nothing.

On the CPU everything that happens is a function of the configuration, the text, the seed and the plan on record
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
from rnngen.corpus.streams import Streams
from rnngen.corpus.tokens import EncodedCorpus
from rnngen.errors import CheckpointError, TrainingError
from rnngen.evaluation.evaluate import held_out_nats
from rnngen.model.device import using_threads
from rnngen.options.config import RunConfig
from rnngen.runs.layout import RESUME, SAMPLES, saved_steps
from rnngen.runs.plan_record import Stretch, is_over, recorded_plan
from rnngen.runs.states import hashes_of_decided
from rnngen.runs.writer import RunWriter
from rnngen.training import checkpoint
from rnngen.training.events import Event, Finished, Mixed, Replanned, Sampled, Saved, Stepped, Validated, Warned
from rnngen.training.gradient_norms import explosion_advice, summarise
from rnngen.training.learner import Learner, StepResult
from rnngen.training.mixing import mix_ngram
from rnngen.training.planning.pace import Pace
from rnngen.training.samples import sample_text
from rnngen.training.schedule import Schedule

READ_EVERY = 16  # steps that may be queued on a GPU before their losses are waited for
MOST_UNSAVED = 120.0  # seconds that may be lost where steps have become slower than planned
VALIDATION_ROUNDS = 2  # a network that hardly forgets would otherwise spend its time on validation


class Trainer:
    """Trains one model on one corpus into one run folder.

    Args:
        config: fully decided: no ``auto`` is left in it.
        corpus: encoded.
        writer: the run's folder, locked.
        state: resume from here.
        pace: watches the clock; without it nothing is planned again.
        trained: whether the weights at step 0 are those of another run: they are kept if nothing beats them.
        same_device: whether the state to resume from was saved on such a device.
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
        self.config, self.corpus, self.writer = config, corpus, writer
        self.learner = Learner(config, corpus.tokenizer.vocab_size)
        train = config.train
        self.streams = Streams(corpus.train.tokens, train.batch_size, train.bptt, train.bptt_jitter, train.seed)
        threads = train.threads or torch.get_num_threads()
        self.schedule = Schedule([Stretch(0, train.steps, threads, train.precision)])
        self._pace, self.trained = pace, trained
        self.step = 0  # steps taken
        self._due = {"validation"}  # what remains to be done after this step
        self.best_nll = math.inf
        self.best_step = 0
        self._progress = math.inf, 0  # the lowest validation loss in this learning-rate cycle, and its step
        self.seconds = 0.0  # spent before this process
        self._unread: list[tuple[StepResult, float, int]] = []  # with factor of the learning rate and tokens read
        self._norms: list[float] = []  # before clipping, of all steps
        self._stop: str | None = None
        self._mixed: Mixed | None = None
        self.warnings = list(state.warnings) if state else []  # told when training begins
        if state:
            self._restore(state, same_device=same_device)
        self._began = time.perf_counter() - self.seconds

    def stop(self, reason: str) -> None:
        """Ask the loop to end after the step it is in, saving the state. Safe in a signal handler."""
        self._stop = reason

    def events(self) -> Generator[Event]:
        """Train to the end, or until ``stop``.

        Raises:
            TrainingError: loss or gradient is not finite; the weights were not touched by it.
            CheckpointError: a save failed; the ones before are intact.
        """
        with using_threads(self.schedule.current.threads):
            yield from self._events()

    def _events(self) -> Iterator[Event]:
        self._began = time.perf_counter() - self.seconds
        self._saved = time.perf_counter()
        self._first_step = self.step
        for message in self.warnings:
            yield Warned(message)
        if self._pace:
            self._pace.start()
        with contextlib.suppress(Interrupted):  # what was interrupted remains due
            yield from self._do_what_is_due()
            while not self.is_over and not self._stop:
                yield from self._plan_again()
                self._train()
                yield from self._do_what_is_due()
            if self.config.train.ngram and not self._stop and not self.writer.has_ngram:
                yield self._mix()
        yield from self._read()
        yield self._finish()

    def _do_what_is_due(self) -> Iterator[Event]:
        """Everything that follows a step; it is shown, and known to the clock, part by part.

        Raises:
            Interrupted: ``stop`` was called; what was not done remains due.
        """
        if self._due or not self.learner.runs_ahead or len(self._unread) == READ_EVERY:
            yield from self._read()
        parts: dict[str, Callable[[], Event]] = {
            "validation": self._validate,
            "sample": self._sample,
            "save": self._save,
        }
        for part, do in parts.items():  # in this order
            if part not in self._due:
                continue
            self._check()
            event = do()
            self._due.discard(part)
            yield event
            self._spent(part)

    def _check(self) -> None:
        """Leave what can be done later, if ``stop`` was called.

        Raises:
            Interrupted: it was.
        """
        if self._stop:
            raise Interrupted

    def _due_after_step(self) -> set[str]:
        train, cycle, last = self.config.train, self.schedule.cycle, self.step == self.schedule.steps
        valid_every = cycle.valid_every if cycle else train.valid_every
        sample_every = cycle.sample_every if cycle else train.sample_every
        due = set()
        if self.step % valid_every == 0 or last:
            due.add("validation")
        if sample_every and (self.step % sample_every == 0 or last):
            due.add("sample")
        if self.step % train.save_every == 0 or last or time.perf_counter() - self._saved > MOST_UNSAVED:
            due.add("save")
        return due

    @property
    def is_over(self) -> bool:
        """Whether all steps have been taken, or enough of them without progress."""
        if any(stretch.step == self.step for stretch in self.schedule.ahead):  # it was trained further from here
            return False
        cycle, (best, best_step) = self.schedule.cycle, self._progress
        return is_over(
            self.step,
            self.schedule.steps,
            best_step=best_step if math.isfinite(best) else None,
            patience=self.config.train.patience,
            valid_every=cycle.valid_every if cycle else self.config.train.valid_every,
        )

    def _spent(self, part: str) -> None:
        if self._pace:
            self._pace.spent(part)

    def _plan_again(self) -> Iterator[Replanned]:
        """Go on by another plan, if the record or else the clock says so."""
        before = self.schedule.current
        stretch = self.schedule.due(self.step)
        if stretch is None and not self.schedule.ahead:
            if self._pace:
                stretch = self._pace.next_stretch(self.step, before)
            elif before.trial:  # the run was stopped while other threads were tried
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
        """Go on by another plan, before training is resumed.

        Args:
            stretch: from here on.
            ahead: later ones, in place of those on record.
            pace: watches the clock from here on.
        """
        self.schedule = Schedule([*self.schedule.begun, stretch], ahead)
        self._pace = pace
        self._began = time.perf_counter() - self.seconds
        self._use(stretch)

    def begin_with_changed_text(self) -> None:
        """Forget the scores on another text: the weights are scored on this one first, and kept."""
        self.best_nll, self.best_step = math.inf, self.step
        self._progress = math.inf, self.step
        self._due.add("validation")
        self.trained = True

    def _use(self, stretch: Stretch) -> None:
        self.learner.use_precision(stretch.precision)
        peak = {}
        if stretch.cycle and stretch.cycle.peak is not None:
            peak["peak"] = stretch.cycle.peak
            self._progress = math.inf, stretch.step
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
        factor *= len(x) / self.config.train.bptt  # a shorter window says less (Merity et al. 2018)
        try:
            result = self.learner.step(x, y, factor, self.step)
        except TrainingError as error:
            raise self._exploded(error) from error
        self._unread.append((result, factor, x.size))
        self.step += 1
        self._due = self._due_after_step()

    def _read(self) -> Iterator[Stepped]:
        """Report the steps whose results nobody has waited for yet.

        Raises:
            TrainingError: one of them is not finite; those before it have been reported.
        """
        unread, self._unread = self._unread, []
        results: list[tuple[float, float]] = []
        failure: TrainingError | None = None
        for result, _, _ in unread:
            try:
                results.append(result.read())
            except TrainingError as error:
                failure = self._exploded(error)
                break
        if self._pace:  # before anybody hears of them: what others do with it takes time too
            self._pace.stepped(len(results), sum(tokens for _, _, tokens in unread[: len(results)]))
        for (result, factor, tokens), (loss, norm) in zip(unread, results, strict=False):
            rate = self.config.optimizer.learning_rate * factor
            epoch = result.number / self.streams.steps_per_epoch
            clipped = min(norm, self.config.optimizer.clip)
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
        if failure:
            raise failure

    def _validate(self) -> Validated:
        valid, model = self.corpus.valid.tokens[: self.config.train.valid_tokens], self.learner.average.model
        how = {"precision": self.learner.precision, "most_rounds": VALIDATION_ROUNDS}
        nats = held_out_nats(model, valid, check=self._check, **how)
        nll = nats / len(valid)
        if not math.isfinite(nll):
            raise self._exploded(TrainingError(f"the validation loss is not finite at step {self.step}", found=nll))
        if self.step:
            self.learner.average.validated(nll)
            self._progress = min(self._progress, (nll, self.step))
        best = nll < self.best_nll and (self.step > 0 or self.trained)  # random weights are no model
        if best:
            self.best_nll, self.best_step = nll, self.step
            self.writer.save_model(checkpoint.format_weights(model.weights()))
        self._log(step=self.step, valid_nll=nll, best=best)
        return Validated(self.step, nll, best)

    def _exploded(self, error: TrainingError) -> TrainingError:
        """The same error with what is left, and what to do."""
        saved = saved_steps(self.writer.path)
        left = "Nothing was saved yet, and this folder can be used again."
        if self.writer.has_model:
            which = f"best weights so far (step {self.best_step})" if math.isfinite(self.best_nll) else "saved weights"
            left = f"The {which} are intact."
        elif saved:
            left = f"What was saved at step {int(saved[0].name)} is intact."
        advice = explosion_advice(self.config, self.learner.precision, network_is_given=self.trained)
        return TrainingError(error.what, where=error.where, found=error.found, hint=f"{left} {advice}")

    def _log(self, **values: float | str) -> None:
        """Add a row to metrics.jsonl. All of it but ``seconds`` is reproducible."""
        seconds = round(time.perf_counter() - self._began, 3)
        self.writer.log_metrics(**values, seconds=seconds)

    def _sample(self) -> Sampled:
        weights = {name: w.numpy() for name, w in self.learner.average.model.weights().items()}
        text, how = sample_text(self.config.model, weights, self.corpus, self.step)
        self.writer.append(SAMPLES, f"--- step {self.step}, {how}\n{text}\n")
        return Sampled(self.step, text)

    def _save(self) -> Saved:
        values = {
            "step": self.step,
            "best_nll": self.best_nll if math.isfinite(self.best_nll) else None,
            "best_step": self.best_step,
            "seconds": time.perf_counter() - self._began,
            "stretches": [stretch.as_dict() for stretch in self.schedule.begun],
            "due": sorted(self._due - {"save"}),
            "progress": [self._progress[0] if math.isfinite(self._progress[0]) else None, self._progress[1]],
            "corpus": {"fingerprint": self.corpus.fingerprint, "sources": list(self.config.data.corpus)},
            "logs": self.writer.log_lengths(),
            "decided": hashes_of_decided(self.writer.path),
        }
        self._saved = time.perf_counter()
        tensors = checkpoint.format_state(self.learner.tensors())
        return Saved(self.step, self.writer.save_state(self.step, tensors, values))

    def _restore(self, state: checkpoint.TrainingState, *, same_device: bool) -> None:
        where = self.writer.path / RESUME
        values = state.values
        try:
            self.learner.restore(state.tensors, where, dropout_too=same_device, stepped=values["step"] > 0)
            self.step, self.best_step = int(values["step"]), int(values["best_step"])
            self.best_nll = math.inf if values["best_nll"] is None else float(values["best_nll"])
            self.seconds = float(values["seconds"])
            self._due = {"validation", "sample"} & set(values.get("due", ()))  # older runs have none
            self._due |= {"save"} if self._due else set()
            best, since = values.get("progress", (self.best_nll, self.best_step))
            self._progress = math.inf if best is None else float(best), int(since)
            if "stretches" in values:  # older runs have one, which config.json says
                begun = [Stretch.from_dict(stretch) for stretch in values["stretches"]]
                if begun and begun[-1].step > self.step:
                    raise ValueError(f"a plan of step {begun[-1].step} in the state of step {self.step}")
                ahead = [stretch for stretch in recorded_plan(self.writer.path) if stretch.step >= self.step]
                self.schedule = Schedule(begun, [stretch for stretch in ahead if stretch != begun[-1]])
            self.learner.use_precision(self.schedule.current.precision)
            self.writer.cut_logs(values["logs"])
            self._norms = self.writer.logged("grad_norm")
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise CheckpointError("the saved state does not fit config.json", where=where, found=error) from error

    def _mix(self) -> Mixed:
        content, self._mixed = mix_ngram(self.config, self.corpus, self.writer.path, self._check)
        self._log(valid_mixture_nll=self._mixed.mixture_nll, valid_ngram_nll=self._mixed.ngram_nll)
        self.writer.save_ngram(content)
        return self._mixed

    def _finish(self) -> Finished:
        reason = self._stop or ("steps" if self.step == self.schedule.steps else "patience")
        if self._stop or reason == "patience":
            self._save()
        if self._stop and self.step and not self.writer.has_model:  # so that sample and eval have something to read
            self.writer.save_model(checkpoint.format_weights(self.learner.average.model.weights()))
        best = self.best_nll if math.isfinite(self.best_nll) else None
        gradient = summarise(self._norms, self.config)
        return Finished(
            reason, self.step, best, self.best_step, self.writer.path, self._mixed, gradient, self._first_step
        )
