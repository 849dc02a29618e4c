"""The generator: prompt → text, each token drawn from the softmax of that step's logits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from rnngen.corpus.documents import LINES
from rnngen.corpus.tokenizer import Tokenizer
from rnngen.engine.context import Context, Snapshot
from rnngen.engine.probabilities import Array
from rnngen.options.checked import checked
from rnngen.options.declare import check, declared
from rnngen.options.keywords import method_takes
from rnngen.options.option import plain
from rnngen.sampling.batch import write_samples
from rnngen.sampling.labels import draw_label, given_label
from rnngen.sampling.opening import Start, open_text
from rnngen.sampling.options import Samples, Sampling, Writing, WritingSeveral, draw_seed
from rnngen.sampling.prompts import PromptReader
from rnngen.sampling.sampler import Sampler
from rnngen.sampling.stopping import Ending
from rnngen.sampling.writable import banned_tokens
from rnngen.sampling.writer import Piece, Sample, Writer, write_pieces, write_sample, write_text

if TYPE_CHECKING:
    from rnngen.engine.protocol import Model
    from rnngen.ngram.mixture import Mixture

TOGETHER = 64
"""Samples that are written in one batch."""


class Generator:
    """A trained model that writes.

    Args:
        model: the network.
        tokenizer: its tokenizer.
        mixture: draw from the mixture with an n-gram model instead of from the network alone.
        name: of the model, for messages.
        documents: the rule of the documents that it writes (see ``documents.py``); None: it writes texts without end.

    Attributes:
        reader: turns its prompts into tokens.
        on_prompts: called with the prompts of every text that is asked for.
    """

    def __init__(
        self,
        model: Model,
        tokenizer: Tokenizer,
        mixture: Mixture | None = None,
        name: str = "a model",
        *,
        documents: str | None = None,
    ) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.mixture = mixture
        self.name = name
        self.documents = documents
        self.reader = PromptReader(tokenizer, documents)
        self.on_prompts: Callable[[Sequence[str]], object] = lambda prompts: None

    def __repr__(self) -> str:
        mixed = "" if self.mixture is None else ", mixed with its n-gram model"
        return f"Generator({self.name!r}: {self.tokenizer.level}, vocabulary {self.tokenizer.vocab_size:,}{mixed})"

    @method_takes(Writing)
    @checked
    def generate(self, prompt: str = "", *, seed: int | None = None, **options: Any) -> Iterator[str]:
        """Write one continuation, in pieces as they are made.

        The text continues the characters of the prompt, whatever the tokens are: the prompt may end in a space or
        inside a word (see ``healing.py``). An empty prompt means the beginning of a document or, where the text that
        the model learned from had none, of a paragraph: then it reads line ends, if it knows them. Characters that the
        model has never seen are left out of the prompt (see ``PromptReader``).

        Args:
            prompt: the text to continue; it is not part of the pieces.
            seed: of the draws; random by default. The same seed gives the same text.
            options: of sampling, as listed below.

        Raises:
            UsageError: an option is out of range.
            TokenizerError: the prompt contains a lone surrogate.
            RnngenError: the model's logits are not finite.
        """
        sampling = Sampling.of(options)
        writer = self.writer(prompt, sampling, seed=seed)
        self.on_prompts([prompt])
        return write_text(writer, self.tokenizer, self.ending(sampling, prompt))

    @method_takes(Writing)
    @checked
    def pieces(self, prompt: str = "", *, seed: int | None = None, **options: Any) -> Iterator[Piece]:
        """Like ``generate``, but every token with its probability."""
        sampling = Sampling.of(options)
        writer = self.writer(prompt, sampling, seed=seed, scored=True)
        self.on_prompts([prompt])
        return write_pieces(writer, self.tokenizer, self.ending(sampling, prompt))

    def max_tokens(self, sampling: Sampling) -> int:
        """The maximum number of tokens to write."""
        return sampling.max_tokens(open_ended=self.documents is not None)

    def ending(self, sampling: Sampling, prompt: str, label: str | None = None) -> Ending:
        """Where a text after this prompt ends."""
        ends = self.documents is not None
        return Ending(sampling, prompt, label=label, documents=ends, normalize=self.tokenizer.normalized)

    def label_of(self, sampling: Sampling, seed: int, number: int) -> str | None:
        """The label of a sample, given or drawn; None: it has none."""
        label = given_label(self.tokenizer, sampling.label)
        if label is not None or not self.tokenizer.labels:
            return label or None
        return draw_label(self._first_prediction, self.tokenizer, sampling.temperature, seed, number)

    @cached_property
    def _first_prediction(self) -> Array:
        return self.context().prediction().copy()

    def writer(
        self,
        prompt: str,
        sampling: Sampling,
        *,
        seed: int | None = None,
        number: int = 0,
        scored: bool = False,
        on_read: Callable[[int], object] | None = None,
    ) -> Writer:
        """A writer of one continuation, which has read the prompt; ``scored``: it computes each token's probability."""
        seed = draw_seed() if seed is None else seed
        self.check(sampling, seed)
        start = self.start(prompt, sampling, on_read, label=self.label_of(sampling, seed, number))
        return self.write_from([start], sampling, seed, [number], scored=scored)

    @method_takes(WritingSeveral)
    @checked
    def generate_batch(self, prompts: Sequence[str], *, seed: int | None = None, **options: Any) -> list[Sample]:
        """Write continuations of several prompts, in batches.

        The text of a sample depends only on its prompt, the seed and its index in the list. For several continuations
        of one prompt, repeat it; ``generate`` writes the first of them.

        Args:
            prompts: the text that each sample continues.
            seed: of the draws; random by default.
            options: of sampling, as listed below; the same for all.

        Raises:
            UsageError, TokenizerError, RnngenError: as ``generate``.
        """
        return list(self.samples(prompts, seed=seed, **options))

    @checked
    def samples(
        self,
        prompts: Sequence[str],
        *,
        seed: int | None = None,
        first: int = 0,
        keep_pieces: bool = False,
        on_step: Callable[[int], object] | None = None,
        on_read: Callable[[int], object] | None = None,
        **options: Any,
    ) -> Iterator[Sample]:
        """Like ``generate_batch``, but yields each sample when it is finished.

        Args:
            prompts: the text that each sample continues.
            seed: of the draws; random by default.
            first: the number of the first sample.
            keep_pieces: write one sample at a time, and keep the ``pieces`` of each.
            on_step: called with the number of tokens drawn so far, in all samples together.
            on_read: called now and then with the number of a prompt's tokens read so far.
            options: of sampling.
        """
        sampling = Sampling.of(options)
        seed = draw_seed() if seed is None else seed
        for prompt in dict.fromkeys(prompts):
            self.reader.prompt_ids(prompt)
        self.check(sampling, seed)  # before the first sample is asked for
        self.on_prompts(prompts)
        return self._samples(prompts, sampling, seed, first, keep_pieces, on_step, on_read)

    def _samples(
        self,
        prompts: Sequence[str],
        sampling: Sampling,
        seed: int,
        number: int,
        keep_pieces: bool,
        on_step: Callable[[int], object] | None,
        on_read: Callable[[int], object] | None,
    ) -> Iterator[Sample]:
        size, total = 1 if keep_pieces else TOGETHER, 0

        def drawn(more: int) -> None:
            nonlocal total
            total += more
            if on_step is not None:
                on_step(total)

        starts: dict[tuple[str, str | None], Start] = {}
        for first in range(0, len(prompts), size):
            together = prompts[first : first + size]
            numbers = range(number + first, number + first + len(together))
            begins = [(p, self.label_of(sampling, seed, n)) for p, n in zip(together, numbers, strict=True)]
            known, starts = starts, {}  # one prompt may have many samples
            for each in dict.fromkeys(begins):
                starts[each] = known.get(each) or self.start(each[0], sampling, on_read, label=each[1])
            writer = self.write_from([starts[each] for each in begins], sampling, seed, numbers, scored=True)
            endings = [self.ending(sampling, prompt, label) for prompt, label in begins]
            if keep_pieces:
                yield write_sample(writer, self.tokenizer, endings[0], seed, number + first)
                drawn(writer.drawn)
            else:
                yield from write_samples(writer, self.tokenizer, endings, seed, numbers, drawn)

    def start(
        self,
        prompt: str,
        sampling: Sampling,
        on_read: Callable[[int], object] | None = None,
        *,
        label: str | None = None,
    ) -> Start:
        """Read a label, if there is one, and a prompt, and find out how texts after it can begin."""
        ids, held = self.reader.hold_back_prompt(prompt, label)
        return self.start_from(self.context(ids, on_read), ids, held, sampling)

    def start_from(self, context: Context, ids: Sequence[int], held: str, sampling: Sampling) -> Start:
        """The same for a context that has read these ids, with ``held`` to come; the context is left unchanged.

        A document of which nothing has been read but its label does not end at once: none that the model learned from
        is empty.
        """
        before, boundary, labels = context.snapshot, self.tokenizer.boundary_id, self.tokenizer.label_ids()
        opening = open_text(context, held, self.tokenizer, force=sampling.force, ban=sampling.ban)
        begins = not opening.steps and all(token in labels for token in ids)
        if begins and self.documents is not None and boundary is not None:
            opening = replace(opening, not_first=(boundary,))
        start = Start((*ids, *opening.inside), context.snapshot, opening)
        context.snapshot = before
        return start

    def context(self, ids: Sequence[int] = (), on_read: Callable[[int], object] | None = None) -> Context:
        """A context of one stream that has read these ids; ``on_read`` is given the number of tokens now and then."""
        context = Context(self.model, self.mixture)
        context.read_text(ids, on_read)
        return context

    def write_from(
        self,
        starts: Sequence[Start],
        sampling: Sampling,
        seed: int,
        numbers: Iterable[int],
        *,
        scored: bool,
        kind: type[Writer] = Writer,
    ) -> Writer:
        """A writer of this kind, of samples with these numbers, each continuing its start."""
        context = self.context()
        context.snapshot = Snapshot.join([start.stream for start in starts])
        openings = [start.opening for start in starts]
        sampler = Sampler(
            sampling,
            banned=self.banned(sampling.ban),
            seed=seed,
            samples=numbers,
            histories=[start.ids for start in starts],
            not_first=[opening.not_first for opening in openings],
            vocab_size=self.tokenizer.vocab_size,
        )
        return kind(context, sampler, openings, self.tokenizer.token_bytes(), scored=scored)

    def banned(self, texts: Sequence[str]) -> list[int]:
        """The ids that are never drawn: see ``banned_tokens``.

        Also the boundary, if it writes no documents, and the end of a line, if documents are lines.
        """
        ends = {None: self.tokenizer.boundary_id, LINES: self.tokenizer.line_end_id}.get(self.documents)
        return banned_tokens(self.tokenizer, texts, () if ends is None else (ends,))

    def check(self, sampling: Sampling, seed: int) -> None:
        """Refuse what cannot be drawn, as each of the functions that write does.

        Raises:
            UsageError: a label or a banned or forced text is none of this model's.
        """
        given_label(self.tokenizer, sampling.label)
        check(declared(Samples)["seed"], plain(seed))
        self.banned(sampling.ban)
        self.reader.check_force(sampling.force)
