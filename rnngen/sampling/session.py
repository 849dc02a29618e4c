"""A text that a user and a model write together, step by step; steps can be taken back."""

from __future__ import annotations

import collections.abc
from dataclasses import dataclass
from typing import Any

from rnngen.engine.context import Snapshot
from rnngen.sampling.generator import Generator
from rnngen.sampling.opening import Start
from rnngen.sampling.options import Sampling
from rnngen.sampling.stopping import UNTIL
from rnngen.sampling.words import likely_words
from rnngen.sampling.writer import Writer, write_text

LENGTH = 200
"""Tokens that are written at a time, unless ``length`` or ``until`` is given."""


@dataclass
class Step:
    """Text that was added in one step.

    Attributes:
        text: the text.
        written: whether the model wrote it.
        before: the model's state before it.
        held: the text that was held back before it.
    """

    text: str
    written: bool
    before: Snapshot
    held: str


class Session:
    """A text that grows by what a user types and what a model writes.

    Whatever was interrupted, taken back or stopped, the model has read exactly the current text, except its end, which
    is held back until it is clear which token it belongs to.

    Args:
        generator: the model.
        prompt: the beginning of the text.
        sampling: the options; ``change`` changes them.
        seed: of the draws; each piece of writing has its own random numbers, so that a retry gives another text.
    """

    def __init__(self, generator: Generator, prompt: str, sampling: Sampling, seed: int) -> None:
        self.generator = generator
        self.sampling = sampling
        self.seed = seed
        self._begin = prompt
        self._label = generator.label_of(sampling, seed, 0)
        ids, self._held = generator.hold_back_prompt(prompt, self._label)
        self._context = generator.context(ids)
        self._steps: list[Step] = []
        self._writings = 0

    @property
    def text(self) -> str:
        """The whole text."""
        return self._begin + "".join(step.text for step in self._steps)

    def add(self, text: str) -> str:
        """Append a text; returns its characters that the model has never seen and does not read.

        Raises:
            TokenizerError: it contains a lone surrogate; nothing has changed.
        """
        step = Step(text, False, self._context.snapshot, self._held)
        _, unseen = self.generator.encode_prompt(text)
        self._read(text)
        self._steps.append(step)  # only now: a text that cannot be read is not added
        return unseen

    def _read(self, text: str) -> None:
        """Read the next part of the text."""
        ids, self._held = self.generator.hold_back(self._held + text)
        self._context.read_text(ids)

    def _start(self, sampling: Sampling) -> Start:
        # only a repetition penalty needs to know what was read
        read = self.generator.hold_back_prompt(self.text, self._label)[0] if sampling.repetition_penalty != 1 else []
        return self.generator.start_from(self._context, read, self._held, sampling, begins=not self.text)

    def write(self) -> collections.abc.Generator[str]:
        """Let the model continue. Yields pieces as they are made; the caller may stop early and keep those yielded."""
        number, self._writings = self._writings, self._writings + 1
        sampling = self.sampling
        if sampling.length is None and sampling.until is None:
            sampling = sampling.changed(length=LENGTH)
        start, ending = self._start(sampling), self.generator.ending(sampling, self.text)
        writer = self.generator.write_from([start], sampling, self.seed, [number], scored=False, kind=_Recorder)
        assert isinstance(writer, _Recorder)
        text = ""
        try:
            for piece in write_text(writer, self.generator.tokenizer, ending):
                text += piece
                yield piece
            if ending.reason in UNTIL:  # else the next writing would end at once, before the same line end
                text += UNTIL[ending.reason]
                yield UNTIL[ending.reason]
        finally:
            self._steps.append(Step(text, True, self._context.snapshot, self._held))
            if not start.opening.steps and self.generator.hold_back(text) == (writer.ids, ""):
                writer.catch_up()
                self._context.snapshot = writer.context.snapshot
            else:  # the text is not simply what was drawn: a stop string, half a character, a last word
                self._read(text)

    def retry(self) -> collections.abc.Generator[str]:
        """Take back the last step if the model wrote it, and let the model write again."""
        if self._steps and self._steps[-1].written:
            self.undo()
        return self.write()

    def undo(self) -> str | None:
        """Take back the last step; returns its text, or None if there is none."""
        if not self._steps:
            return None
        step = self._steps.pop()
        self._context.snapshot, self._held = step.before, step.held
        return step.text

    def words(self, count: int = 9) -> list[tuple[str, float]]:
        """The most likely next words, with the text before each, and their probabilities.

        Where the text ends inside a word, these include its likely completions.
        """
        banned = self.generator.banned(self.sampling.ban)
        opening = self._start(self.sampling.changed(force="")).opening
        return likely_words(self._context, opening, self.generator.tokenizer.token_bytes(), banned, count)

    def change(self, **options: Any) -> None:
        """Change options from now on.

        Raises:
            UsageError: a value is invalid; nothing has changed.
        """
        sampling = self.sampling.changed(**options)
        self.generator.banned(sampling.ban)
        self.sampling = sampling


class _Recorder(Writer):
    """A writer that keeps the ids of the tokens it drew."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.ids: list[int] = []

    def step(self) -> list[int]:
        tokens = super().step()
        self.ids += tokens
        return tokens
