"""The loop: truncated back-propagation through time under teacher forcing, as a stream of events.

It prints nothing. On the CPU everything that happens is a function of the configuration, the text and the seed:
a run that is stopped and resumed goes through the same numbers, bit for bit, as one that never stopped.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator

import torch

from rnngen.config import RunConfig
from rnngen.corpus.streams import Streams
from rnngen.corpus.tokens import EncodedCorpus
from rnngen.errors import CheckpointError, TrainingError
from rnngen.evaluation.perplexity import autocast, total_nats
from rnngen.generation.generate import Generator
from rnngen.generation.recurrence import Recurrence
from rnngen.model.language_model import RecurrentLM
from rnngen.run import METRICS, SAMPLES
from rnngen.training import checkpoint
from rnngen.training.events import Event, Finished, Sampled, Saved, Stepped, Validated, Warned
from rnngen.training.optimizer import WeightAverage, clip_gradients, learning_rate_factor, make_optimizer

SAMPLE_LENGTH = 240
SAMPLE_TEMPERATURE = 0.8


class Trainer:
    """Trains one model on one corpus into one run folder.

    Args:
        config: fully decided: no ``auto`` is left in it.
        corpus: encoded.
        writer: the run's folder, locked.
        state: go on from here instead of the start.
    """

    def __init__(
        self, config: RunConfig, corpus: EncodedCorpus, writer: checkpoint.RunWriter,
        state: checkpoint.TrainingState | None = None,
    ) -> None:  # fmt: skip
        self.config, self.corpus, self.writer = config, corpus, writer
        train = config.train
        self.device = torch.device(train.device)
        generator = torch.Generator().manual_seed(train.seed)
        V = corpus.tokenizer.vocab_size
        self.model = RecurrentLM(config.model, V, generator).to(self.device)
        self.optimizer = make_optimizer(self.model, config.optimizer)
        self.average = WeightAverage(
            self.model, RecurrentLM(config.model, V).to(self.device).requires_grad_(False), config.optimizer.ema
        )
        self.average.model.load_weights(self.model.weights())
        self.dropout = torch.Generator(self.device).manual_seed(train.seed)
        self.streams = Streams(corpus.train.tokens, train.batch_size, train.bptt)
        self.hidden = self.model.start_state(train.batch_size)  # (L, S, B, H)
        self.step = 0
        self.best_nll = math.inf
        self.best_step = 0
        self.seconds = 0.0  # in training before this process
        self._stop: str | None = None
        self._warnings = state.warnings if state else ()
        if state:
            self._restore(state)

    def stop(self, reason: str) -> None:
        """Ask the loop to end after the step it is in, saving the state. Safe in a signal handler."""
        self._stop = reason

    def events(self) -> Iterator[Event]:
        """Train to the end, or until ``stop``.

        Raises:
            TrainingError: loss or gradient is not finite; the weights were not touched by it.
            CheckpointError: a save failed; the ones before are intact.
        """
        train = self.config.train
        began = time.perf_counter() - self.seconds
        for message in self._warnings:
            yield Warned(message)
        while self.step < train.steps and not self._stop:
            if self._out_of_patience():
                break
            yield from self._log(self._train_step(), began)
            last = self.step == train.steps
            if self.step % train.valid_every == 0 or last:
                yield from self._log(self._validate(), began)
            if train.sample_every and (self.step % train.sample_every == 0 or last):
                yield self._sample()
            if self.step % train.save_every == 0 or last:
                yield self._save(began)
        yield self._finish(began)

    def _out_of_patience(self) -> bool:
        patience = self.config.train.patience * self.config.train.valid_every
        return bool(patience) and self.step - self.best_step >= patience and self.best_step > 0

    def _train_step(self) -> Stepped:
        x, y = (torch.from_numpy(a).to(self.device) for a in self.streams.window(self.step))  # (T, B)
        with autocast(self.device, self.config.train.precision):
            logits, hidden = self.model(x, self.hidden, self.dropout)
        loss = torch.nn.functional.cross_entropy(logits.float().flatten(0, 1), y.flatten())
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nats = loss.item()
        norm = clip_gradients(self.model.parameters(), self.config.optimizer.clip)
        if not (math.isfinite(nats) and math.isfinite(norm)):
            raise TrainingError(
                f"the {'gradient' if math.isfinite(nats) else 'loss'} is not finite at step {self.step + 1}",
                where=self.writer.path, found=f"loss {nats}, gradient norm {norm}",
                hint="The weights were not touched. Try a lower --learning-rate, or --precision float32.",
            )  # fmt: skip
        rate = self.config.optimizer.learning_rate * learning_rate_factor(
            self.step, self.config.train.steps, self.config.optimizer
        )
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        self.average.update(self.step)
        self.hidden = hidden.detach()  # the state goes on, gradients stop here
        self.step += 1
        epoch = self.step / self.streams.steps_per_epoch
        return Stepped(self.step, self.config.train.steps, nats, norm, rate, epoch, x.numel())

    def _validate(self) -> Validated:
        valid = self.corpus.valid.tokens
        nll = total_nats(self.average.model, valid, precision=self.config.train.precision) / len(valid)
        best = nll < self.best_nll
        if best:
            self.best_nll, self.best_step = nll, self.step
            self.writer.save_model(self.average.model.weights())
        return Validated(self.step, nll, best)

    def _sample(self) -> Sampled:
        weights = {name: w.numpy() for name, w in self.average.model.weights().items()}
        generator = Generator(Recurrence(self.config.model.model_dump(), weights), self.corpus.tokenizer)
        pieces = generator.generate(length=SAMPLE_LENGTH, temperature=SAMPLE_TEMPERATURE, seed=self.step)
        text = "".join(pieces)
        self.writer.append(SAMPLES, f"--- step {self.step}, temperature {SAMPLE_TEMPERATURE}\n{text}\n")
        return Sampled(self.step, text)

    def _log(self, event: Stepped | Validated, began: float) -> Iterator[Event]:
        """Write a row for an event, and pass it on. All of a row but ``seconds`` is reproducible."""
        seconds = round(time.perf_counter() - began, 3)
        if isinstance(event, Validated):
            row = checkpoint.metrics_row(step=event.step, valid_nll=event.nll, best=event.best, seconds=seconds)
        else:
            row = checkpoint.metrics_row(
                step=event.step, epoch=event.epoch, train_nll=event.loss, grad_norm=event.grad_norm,
                learning_rate=event.learning_rate, seconds=seconds,
            )  # fmt: skip
        self.writer.append(METRICS, row)
        yield event

    def _save(self, began: float) -> Saved:
        tensors = {
            **checkpoint.pack("weights", dict(self.model.named_parameters())),
            **checkpoint.pack("average", dict(self.average.model.named_parameters())),
            **checkpoint.pack_optimizer(self.optimizer),
            "hidden": self.hidden.cpu().contiguous(),
            "dropout": self.dropout.get_state(),
        }
        values = {
            "step": self.step,
            "best_nll": self.best_nll if math.isfinite(self.best_nll) else None,
            "best_step": self.best_step,
            "seconds": time.perf_counter() - began,
            "logs": self.writer.log_lengths(),
            "fingerprint": self.corpus.fingerprint,
        }
        return Saved(self.step, self.writer.save_state(self.step, tensors, values))

    def _restore(self, state: checkpoint.TrainingState) -> None:
        where = self.writer.path / checkpoint.RESUME
        try:
            values, tensors = state.values, state.tensors
            self.model.load_weights(checkpoint.unpack("weights", tensors), where)
            self.average.model.load_weights(checkpoint.unpack("average", tensors), where)
            checkpoint.unpack_optimizer(self.optimizer, tensors)
            self.hidden = tensors["hidden"].to(self.device).view_as(self.hidden)
            self.dropout.set_state(tensors["dropout"])
            self.step, self.best_step = int(values["step"]), int(values["best_step"])
            self.best_nll = math.inf if values["best_nll"] is None else float(values["best_nll"])
            self.seconds = float(values["seconds"])
            self.writer.cut_logs(values["logs"])
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise CheckpointError("the saved state does not fit config.json", where=where, found=error) from error

    def _finish(self, began: float) -> Finished:
        reason = self._stop or ("steps" if self.step == self.config.train.steps else "patience")
        if self._stop and self.step:
            self._save(began)
            if not self.writer.has_model:  # so that sample and eval have something to read
                self.writer.save_model(self.average.model.weights())
        best = self.best_nll if math.isfinite(self.best_nll) else None
        return Finished(reason, self.step, best, self.best_step, self.writer.path)
