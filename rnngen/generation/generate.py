"""The generation loop: prompt → text, each token drawn from the softmax of that step's logits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from rnngen.corpus.tokenizer import Ids, Tokenizer
from rnngen.errors import UsageError
from rnngen.generation.context import Context, Model, Snapshot
from rnngen.generation.options import Options, Sampling, check_count, draw_seed
from rnngen.generation.recurrence import Recurrence
from rnngen.generation.sampling import Sampler
from rnngen.generation.stopping import Ending
from rnngen.generation.writer import Piece, Sample, Writer, write_pieces, write_sample, write_samples, write_text
from rnngen.run import Run, open_run

if TYPE_CHECKING:
    from rnngen.ngram.mixture import Mixture

TOGETHER = 64
"""Samples written side by side."""


class Generator:
    """A trained model that writes.

    Args:
        model: the network.
        tokenizer: its tokenizer.
        mixture: draw from the network's distribution with an n-gram model's mixed in, instead of the network's alone.
        name: what to call it.
    """

    def __init__(
        self, model: Model, tokenizer: Tokenizer, mixture: Mixture | None = None, name: str = "a model"
    ) -> None:
        self.name = name
        self.mixture = mixture
        self.model = model
        self.tokenizer = tokenizer

    def generate(self, prompt: str = "", *, seed: int | None = None, **options: Unpack[Options]) -> Iterator[str]:
        """One continuation, in pieces as they are made.

        An empty prompt means the beginning of a paragraph: the model is shown line ends, if it knows them. Characters
        of the prompt that it has never seen are left out (see ``encode_prompt``).

        Args:
            prompt: what the text goes on from; it is not part of the pieces.
            seed: of the draws; drawn if not given. The same seed gives the same text.
            options: see ``Sampling``.

        Raises:
            UsageError: an option out of range.
            TokenizerError: the prompt holds a lone surrogate.
            RnngenError: the model's logits are not finite.
        """
        sampling = Sampling(**options)
        return write_text(self.writer(prompt, sampling, seed=seed), self.tokenizer, Ending(sampling))

    def pieces(self, prompt: str = "", *, seed: int | None = None, **options: Unpack[Options]) -> Iterator[Piece]:
        """As ``generate``, but every token with its probability."""
        sampling = Sampling(**options)
        return write_pieces(self.writer(prompt, sampling, seed=seed, scored=True), self.tokenizer, Ending(sampling))

    def writer(
        self, prompt: str, sampling: Sampling, *, seed: int | None = None, number: int = 0, scored: bool = False
    ) -> Writer:
        """What draws one continuation of a prompt, token by token; ``number`` is the sample's."""
        return self._writer([self.prompt_ids(prompt)], sampling, seed, range(number, number + 1), scored=scored)

    def generate_batch(
        self, prompts: Sequence[str], *, seed: int | None = None, **options: Unpack[Options]
    ) -> list[Sample]:
        """Continuations of several prompts, written side by side.

        The text of a sample depends on its prompt, the seed and its place in the list alone. For several continuations
        of one prompt, give it several times; ``generate`` writes the first of them.

        Args:
            prompts: what each text goes on from.
            seed: of the draws; drawn if not given.
            options: see ``Sampling``; the same for all.

        Raises:
            As ``generate``.
        """
        return list(self.samples(prompts, seed=seed, **options))

    def samples(
        self, prompts: Sequence[str], *, seed: int | None = None, keep_pieces: bool = False, **options: Unpack[Options]
    ) -> Iterator[Sample]:
        """As ``generate_batch``, but the samples one after the other, as they are done.

        ``keep_pieces`` gives each its ``pieces``, and writes one at a time.
        """
        sampling = Sampling(**options)
        seed = draw_seed() if seed is None else seed
        encoded: dict[str, list[int]] = {prompt: self.prompt_ids(prompt) for prompt in dict.fromkeys(prompts)}
        ids = [encoded[prompt] for prompt in prompts]
        self.sampler([], sampling, seed, ())  # refuses what cannot be, before the first sample is asked for
        return self._batches(ids, sampling, seed, keep_pieces)

    def _batches(self, ids: list[list[int]], sampling: Sampling, seed: int, keep_pieces: bool) -> Iterator[Sample]:
        if keep_pieces:
            for number, prompt in enumerate(ids):
                writer = self._writer([prompt], sampling, seed, range(number, number + 1), scored=True)
                yield write_sample(writer, self.tokenizer, sampling, seed, number)
            return
        for start in range(0, len(ids), TOGETHER):
            together = ids[start : start + TOGETHER]
            numbers = range(start, start + len(together))
            writer = self._writer(together, sampling, seed, numbers, scored=True)
            yield from write_samples(writer, self.tokenizer, sampling, seed, numbers)

    def encode_prompt(self, prompt: str) -> tuple[Ids, str]:
        """Ids of what the model can read of a prompt, and the characters it cannot, which are left out."""
        ids = self.tokenizer.encode(prompt)
        if self.tokenizer.unknown_id is None:
            return ids, ""
        seen = ids != self.tokenizer.unknown_id
        return ids[seen], "".join(dict.fromkeys(c for c, ok in zip(prompt, seen, strict=True) if not ok))

    def prompt_ids(self, prompt: str) -> list[int]:
        """Ids that are read before the first draw: of the prompt, or, if none are left, of line ends."""
        ids, _ = self.encode_prompt(prompt)
        if not len(ids):
            ids, _ = self.encode_prompt("\n\n")
        read: list[int] = ids.tolist()
        return read

    def context(self, prompts: Sequence[Sequence[int]] = ((),)) -> Context:
        """A context that has read these ids, a stream each."""
        context = Context(self.model, self.mixture)
        if len(prompts) == 1:
            context.read_text(prompts[0])
            return context
        read: dict[tuple[int, ...], Snapshot] = {}
        start = context.snapshot
        for ids in map(tuple, prompts):
            if ids not in read:
                context.snapshot = start
                context.read_text(ids)
                read[ids] = context.snapshot
        if len(read) == 1:
            context.snapshot = context.snapshot.repeat(len(prompts))
        else:
            context.snapshot = Snapshot.join([read[tuple(ids)] for ids in prompts])
        return context

    def _writer(
        self, prompts: Sequence[Sequence[int]], sampling: Sampling, seed: int | None, numbers: range, *, scored: bool
    ) -> Writer:
        sampler = self.sampler(prompts, sampling, draw_seed() if seed is None else seed, numbers)
        return Writer(self.context(prompts), sampler, scored=scored)

    def sampler(
        self, prompts: Sequence[Sequence[int]], sampling: Sampling, seed: int, numbers: Iterable[int]
    ) -> Sampler:
        """What draws the tokens of samples with these numbers; ``prompts`` are the ids that each has read."""
        check_count("seed", seed)
        return Sampler(
            sampling, banned=self.banned(sampling.ban), forced=self._forced(sampling.force), seed=seed,
            samples=numbers, histories=prompts, vocab_size=self.tokenizer.vocab_size,
        )  # fmt: skip

    def banned(self, texts: Sequence[str]) -> list[int]:
        """Ids of the tokens that contain one of these texts, and of the unknown symbol, which is never drawn.

        Raises:
            UsageError: no token contains one of them, or nothing is left to draw.
        """
        banned = set() if self.tokenizer.unknown_id is None else {self.tokenizer.unknown_id}
        for text in texts:
            part = text.encode(errors="surrogatepass")
            found = {token for token, content in enumerate(self.tokenizer.token_bytes()) if part in content}
            if not found - banned and len(text) > 1:
                level = self.tokenizer.level
                raise UsageError(
                    f"--ban {text!r}: no token of this {level} model contains it", hint="--stop ends before it."
                )
            banned |= found
        if len(banned) == self.tokenizer.vocab_size:
            raise UsageError("--ban leaves no token to draw")
        return sorted(banned)

    def _forced(self, text: str) -> list[int]:
        ids, unseen = self.encode_prompt(text)
        if unseen:
            raise UsageError(f"--force has characters that the model has never seen: {unseen!r}")
        forced: list[int] = ids.tolist()
        return forced


def load(path: str | Path | Run | None = None, *, ngram: bool = False, device: str | None = None) -> Generator:
    """Open a run for writing text: by path, or the newest complete one.

    Args:
        path: the run's folder, or the run.
        ngram: write from the mixture of the network and the run's n-gram model.
        device: compute with torch there (``auto``, ``cpu``, ``cuda``, ``mps``), instead of with NumPy, which imports no
            torch and is faster on a processor.

    Raises:
        CheckpointError: no such run, or one that is damaged, or has no n-gram model where one is asked for.
    """
    run = path if isinstance(path, Run) else open_run(path)
    mixture = None
    if ngram:
        from rnngen.ngram.file import load_mixture

        mixture = load_mixture(run)
    return Generator(_engine(run, device), run.tokenizer(), mixture, str(run.path))


def _engine(run: Run, device: str | None) -> Model:
    if device is None:
        return Recurrence(run.model_config(), run.weights())
    from rnngen.model.device import pick_device
    from rnngen.model.stepper import Stepper

    return Stepper(run.model_config(), run.weights(), pick_device(device))


def generate(
    prompt: str = "", *, run: str | Path | Run | None = None, ngram: bool = False, device: str | None = None,
    seed: int | None = None, **options: Unpack[Options],
) -> str:  # fmt: skip
    """One continuation by a run, the newest by default, as one string. See ``load`` and ``Generator.generate``."""
    return "".join(load(run, ngram=ngram, device=device).generate(prompt, seed=seed, **options))
