"""A text that a user and a model write together, step by step; steps can be taken back."""

from __future__ import annotations

import collections.abc
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rnngen.corpus.documents import LINES
from rnngen.engine.context import Snapshot
from rnngen.errors import UsageError
from rnngen.sampling.batch import write_samples
from rnngen.sampling.generator import Generator
from rnngen.sampling.labels import given_label
from rnngen.sampling.opening import Start
from rnngen.sampling.options import Sampling
from rnngen.sampling.stopping import UNTIL
from rnngen.sampling.word_ends import begun_word, joint
from rnngen.sampling.words import likely_words
from rnngen.sampling.writer import RecordingWriter, Sample, write_text

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
        by: the model whose state that is.
        label: of the document before it.
        ends: whether the document ended with it.
        begins: whether it is only what stands before the next document.
    """

    text: str
    written: bool
    before: Snapshot
    held: str
    label: str | None
    by: Generator
    ends: bool = False
    begins: bool = False


class Session:
    """A text that grows by what a user types and what a model writes.

    Whatever was interrupted, taken back or stopped, the model has read exactly the current text, except its end, which
    is held back until it is clear which token it belongs to. If the model writes documents, that is the text of the
    current one: whatever is added after the end of one begins the next, below it, on the next line if documents are
    lines, or else after an empty line.

    Args:
        generator: the model.
        prompt: the beginning of the text.
        sampling: the options; ``change`` changes them.
        seed: of the draws; each piece of writing has its own random numbers, so that a retry gives another text.

    Raises:
        UsageError: the options let the model write nothing.
    """

    def __init__(self, generator: Generator, prompt: str, sampling: Sampling, seed: int) -> None:
        _refuse_nothing(sampling)
        self.generator = generator
        self.sampling = sampling
        self.seed = seed
        self._begin = prompt
        self._steps: list[Step] = []
        self._writings = 0
        self._begin_document(prompt)

    @property
    def text(self) -> str:
        """The whole text."""
        return self._begin + "".join(step.text for step in self._steps)

    @property
    def ended(self) -> bool:
        """Whether the document has ended, so that whatever is added begins the next one."""
        return bool(self._steps) and self._steps[-1].ends

    @property
    def _document(self) -> str:
        """The text of the current document."""
        first = max((number for number, step in enumerate(self._steps, start=1) if step.begins), default=0)
        return ("" if first else self._begin) + "".join(step.text for step in self._steps[first:])

    def _begin_document(self, prompt: str = "") -> None:
        number = sum(step.begins for step in self._steps)
        self._label = self.generator.label_of(self.sampling, self.seed, number)
        ids, self._held = self.generator.reader.hold_back_prompt(prompt, self._label)
        self._context = self.generator.context(ids)

    def _go_on(self) -> None:
        """Begin the next document, if the last one has ended."""
        if self.ended:
            between = "\n" if self.generator.documents == LINES else "\n\n"
            self._steps.append(self._step(between, begins=True))
            self._begin_document()

    def _step(self, text: str, *, written: bool = False, ends: bool = False, begins: bool = False) -> Step:
        """A step whose text has not been read yet."""
        before = self._context.snapshot
        return Step(text, written, before, self._held, self._label, self.generator, ends, begins)

    def add(self, text: str) -> str:
        """Append a text; returns its characters that the model has never seen and does not read.

        Raises:
            TokenizerError: it contains a lone surrogate; nothing has changed.
        """
        _, unseen = self.generator.reader.encode_prompt(text)  # first: a text that cannot be read is not added
        self._go_on()
        step = self._step(text)
        self._read(text)
        self._steps.append(step)
        return unseen

    def joint(self, text: str) -> str:
        """What to add before a text so that it does not glue a word to the last one: a space, or nothing.

        See ``word_ends.joint``. A document begins without a space, and so does all text of a model that knows none.
        """
        space = "" if self.ended else joint(self._document, text)
        _, unseen = self.generator.reader.encode_prompt(space)
        return "" if unseen else space

    @property
    def begun_word(self) -> str:
        """The word at the end of the text, which the model may end; empty if there is none."""
        return "" if self.ended else begun_word(self._document)

    def _read(self, text: str) -> None:
        """Read the next part of the text."""
        ids, self._held = self.generator.reader.hold_back(self._held + text)
        self._context.read_text(ids)

    def _start(self, sampling: Sampling) -> Start:
        # only a repetition penalty, and the beginning of a document, depend on what was read
        needed = sampling.repetition_penalty != 1 or self.generator.documents is not None
        read = self.generator.reader.hold_back_prompt(self._document, self._label)[0] if needed else []
        return self.generator.start_from(self._context, read, self._held, sampling)

    def write(self) -> collections.abc.Generator[str]:
        """Let the model continue. Yields pieces as they are made; the caller may stop early and keep those yielded."""
        self._go_on()
        return self._write()

    def _write(self) -> collections.abc.Generator[str]:
        number, self._writings = self._writings, self._writings + 1
        sampling = self._limited()
        start, ending = self._start(sampling), self.generator.ending(sampling, self._document)
        writer = self.generator.write_from([start], sampling, self.seed, [number], scored=False, kind=RecordingWriter)
        assert isinstance(writer, RecordingWriter)
        text = ""
        try:
            for piece in write_text(writer, self.generator.tokenizer, ending):
                text += piece
                yield piece
            if ending.reason in UNTIL:  # else the next writing would end at once, before the same line end
                text += UNTIL[ending.reason]
                yield UNTIL[ending.reason]
        finally:
            self._steps.append(self._step(text, written=True, ends=ending.reason == "document"))
            if not start.opening.steps and self.generator.reader.hold_back(text) == (writer.ids, ""):
                writer.catch_up()
                self._context.snapshot = writer.context.snapshot
            else:  # the text is not simply what was drawn: a stop string, half a character, a last word
                self._read(text)

    def _limited(self) -> Sampling:
        """The options, with a length."""
        is_limited = self.sampling.length is not None or self.sampling.until is not None
        return self.sampling if is_limited else self.sampling.changed(length=LENGTH)

    def alternatives(self, count: int, stopped: Callable[[int], bool]) -> list[Sample]:
        """Let the model write several continuations side by side: those that ``write`` and as many retries would give.

        The text stays as it is; ``take`` adds one of them.

        Args:
            count: how many.
            stopped: called with the number of tokens of every step; if it returns True, all texts end there.
        """
        begins = self.ended
        self._go_on()
        try:
            sampling, document = self._limited(), self._document
            numbers = range(self._writings, self._writings + count)
            self._writings += count
            starts = [self._start(sampling)] * count
            writer = self.generator.write_from(starts, sampling, self.seed, numbers, scored=True)
            endings = [self.generator.ending(sampling, document) for _ in numbers]
            return write_samples(writer, self.generator.tokenizer, endings, self.seed, numbers, stopped)
        finally:
            if begins:
                self._take_back()

    def take(self, alternative: Sample) -> str:
        """Add one of the continuations that ``alternatives`` has written; returns what was added.

        Nothing but ``words`` may have been called since.
        """
        self._go_on()
        text = alternative.text + UNTIL.get(alternative.finish_reason, "")
        step = self._step(text, written=True, ends=alternative.finish_reason == "document")
        self._read(text)
        self._steps.append(step)
        return text

    def retry(self) -> collections.abc.Generator[str]:
        """Take back the last step if the model wrote it, and let the model write again."""
        if self._steps and self._steps[-1].written:
            self.undo()
        return self.write()

    def undo(self) -> str | None:
        """Take back the last step; returns its text, or None if there is none."""
        if not self._steps:
            return None
        self._take_back_beginning()
        step = self._take_back()
        self._take_back_beginning()
        return step.text

    def _take_back_beginning(self) -> None:
        """Nobody asked for a document's beginning alone: it goes with what was added to it."""
        if self._steps[-1:] and self._steps[-1].begins:
            self._take_back()

    def _take_back(self) -> Step:
        step = self._steps.pop()
        if step.by is self.generator:
            self._context.snapshot, self._held, self._label = step.before, step.held, step.label
        else:
            self._read_document(step.label)
        return step

    def use(self, generator: Generator) -> str:
        """Continue with another model, which reads the current document; all steps can still be taken back.

        Returns:
            The characters of it that the model has never seen and does not read.

        Raises:
            UsageError: an option is invalid for it; nothing has changed.
        """
        generator.check(self.sampling, self.seed)
        self.generator = generator
        self._read_document(self._label)
        return generator.reader.encode_prompt(self._document)[1]

    def _read_document(self, label: str | None) -> None:
        """Read the current document from its beginning, with a label if the model has learned it."""
        self._label = label if label in self.generator.tokenizer.labels else None
        ids, self._held = self.generator.reader.hold_back_prompt(self._document, self._label)
        self._context = self.generator.context(ids)

    def words(self, count: int = 9) -> list[tuple[str, float]]:
        """The most likely next words, with the text before each, and their probabilities.

        Where the text ends inside a word, these include its likely completions; where a document has ended, they are
        those of the next one, which does not begin with that.
        """
        begins = self.ended
        self._go_on()
        try:
            banned = self.generator.banned(self.sampling.ban)
            opening = self._start(self.sampling.changed(force="")).opening
            return likely_words(self._context, opening, self.generator.tokenizer.token_bytes(), banned, count)
        finally:
            if begins:
                self._take_back()

    def change(self, **options: Any) -> None:
        """Change options from now on; a label is that of the documents that have not begun.

        Raises:
            UsageError: a value is invalid; nothing has changed.
        """
        sampling = self.sampling.changed(**options)
        _refuse_nothing(sampling)
        self.generator.banned(sampling.ban)
        given_label(self.generator.tokenizer, sampling.label)
        self.sampling = sampling
        if "label" in options and not self._steps and not self._begin:
            self._begin_document()


def _refuse_nothing(sampling: Sampling) -> None:
    if sampling.length == 0:
        raise UsageError("with `length=0` the model would write nothing", expected="1 or more")
