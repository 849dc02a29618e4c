"""The generation loop: prompt → text, each token drawn from the softmax of that step's logits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from rnngen.corpus.tokenizer import Ids, Tokenizer
from rnngen.engine.context import Context, Model, Snapshot
from rnngen.engine.recurrence import Recurrence
from rnngen.errors import UsageError
from rnngen.options.declare import check_count
from rnngen.options.keywords import method_takes, takes
from rnngen.platforms import quote_argument
from rnngen.runs.finding import open_run
from rnngen.runs.run import Run
from rnngen.sampling.opening import Opening, open_text
from rnngen.sampling.options import Sampling, Writing, WritingOfRun, WritingSeveral, draw_seed
from rnngen.sampling.sampler import Sampler
from rnngen.sampling.stopping import Ending
from rnngen.sampling.writer import Piece, Sample, Writer, write_pieces, write_sample, write_samples, write_text

if TYPE_CHECKING:
    from rnngen.ngram.mixture import Mixture

TOGETHER = 64
"""Samples written side by side."""


class Start(NamedTuple):
    """Where the texts after one prompt start.

    Attributes:
        ids: that were read.
        stream: what has read them, one stream.
        opening: how the texts begin.
    """

    ids: Sequence[int]
    stream: Snapshot
    opening: Opening


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

    @method_takes(Writing)
    def generate(self, prompt: str = "", *, seed: int | None = None, **options: Any) -> Iterator[str]:
        """One continuation, in pieces as they are made.

        The text goes on from the characters of the prompt, whatever the tokens are: the prompt may end in a space or
        inside a word (see ``healing.py``). An empty prompt means the beginning of a paragraph: the model is shown line
        ends, if it knows them. Characters of the prompt that it has never seen are left out (see ``encode_prompt``).

        Args:
            prompt: what the text goes on from; it is not part of the pieces.
            seed: of the draws; drawn if not given. The same seed gives the same text.
            options: of sampling, as listed below.

        Raises:
            UsageError: an option out of range.
            TokenizerError: the prompt holds a lone surrogate.
            RnngenError: the model's logits are not finite.
        """
        sampling = Sampling.of(options)
        return write_text(self.writer(prompt, sampling, seed=seed), self.tokenizer, Ending(sampling, prompt))

    @method_takes(Writing)
    def pieces(self, prompt: str = "", *, seed: int | None = None, **options: Any) -> Iterator[Piece]:
        """As ``generate``, but every token with its probability."""
        sampling = Sampling.of(options)
        writer = self.writer(prompt, sampling, seed=seed, scored=True)
        return write_pieces(writer, self.tokenizer, Ending(sampling, prompt))

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
        """What draws one continuation of a prompt, token by token.

        Args:
            prompt: it is read before this returns.
            sampling: the options.
            seed: of the draws; drawn if not given.
            number: the sample's.
            scored: whether each token's probability is wanted too.
            on_read: told, from time to time, how many of the prompt's tokens have been read.
        """
        seed = draw_seed() if seed is None else seed
        self._check(sampling, seed)
        return self.write_from([self.start(prompt, sampling, on_read)], sampling, seed, [number], scored=scored)

    @method_takes(WritingSeveral)
    def generate_batch(self, prompts: Sequence[str], *, seed: int | None = None, **options: Any) -> list[Sample]:
        """Continuations of several prompts, written side by side.

        The text of a sample depends on its prompt, the seed and its place in the list alone. For several continuations
        of one prompt, give it several times; ``generate`` writes the first of them.

        Args:
            prompts: what each text goes on from.
            seed: of the draws; drawn if not given.
            options: of sampling, as listed below; the same for all.

        Raises:
            As ``generate``.
        """
        return list(self.samples(prompts, seed=seed, **options))

    def samples(
        self,
        prompts: Sequence[str],
        *,
        seed: int | None = None,
        keep_pieces: bool = False,
        on_step: Callable[[int], object] | None = None,
        on_read: Callable[[int], object] | None = None,
        **options: Any,
    ) -> Iterator[Sample]:
        """As ``generate_batch``, but the samples one after the other, as they are done.

        ``keep_pieces`` gives each its ``pieces``, and writes one at a time; ``on_step`` is told how many tokens have
        been drawn, of all samples together; ``on_read``, from time to time, how many of a prompt's have been read.
        """
        if isinstance(prompts, str):
            raise UsageError("the prompts are one text", expected="a list of prompts", hint="One of them: [prompt].")
        sampling = Sampling.of(options)
        seed = draw_seed() if seed is None else seed
        for prompt in dict.fromkeys(prompts):
            self.prompt_ids(prompt)
        self._check(sampling, seed)  # refuses what cannot be, before the first sample is asked for
        return self._samples(list(prompts), sampling, seed, keep_pieces, on_step, on_read)

    def _samples(
        self,
        prompts: list[str],
        sampling: Sampling,
        seed: int,
        keep_pieces: bool,
        on_step: Callable[[int], object] | None,
        on_read: Callable[[int], object] | None,
    ) -> Iterator[Sample]:
        size, before = 1 if keep_pieces else TOGETHER, 0

        def drawn(more: int) -> None:
            nonlocal before
            before += more
            if on_step is not None:
                on_step(before)

        starts: dict[str, Start] = {}
        for first in range(0, len(prompts), size):
            together = prompts[first : first + size]
            numbers = range(first, first + len(together))
            # one prompt may have many samples
            starts = {
                p: starts[p] if p in starts else self.start(p, sampling, on_read) for p in dict.fromkeys(together)
            }
            writer = self.write_from([starts[p] for p in together], sampling, seed, numbers, scored=True)
            endings = [Ending(sampling, prompt) for prompt in together]
            if keep_pieces:
                yield write_sample(writer, self.tokenizer, endings[0], seed, first)
                drawn(writer.drawn)
            else:
                yield from write_samples(writer, self.tokenizer, endings, seed, numbers, drawn)

    def encode_prompt(self, prompt: str) -> tuple[Ids, str]:
        """Ids of what the model can read of a prompt, and the characters it cannot, which are left out."""
        ids = self.tokenizer.encode(prompt)
        if self.tokenizer.unknown_id is None:
            return ids, ""
        seen = ids != self.tokenizer.unknown_id
        return ids[seen], "".join(dict.fromkeys(c for c, ok in zip(prompt, seen, strict=True) if not ok))

    def prompt_ids(self, prompt: str) -> list[int]:
        """Ids of what the model can read of a prompt, or, if there are none, of line ends."""
        ids, _ = self.encode_prompt(prompt)
        if not len(ids):
            ids, _ = self.encode_prompt("\n\n")
        read: list[int] = ids.tolist()
        return read

    def hold_back(self, text: str) -> tuple[list[int], str]:
        """As ``Tokenizer.hold_back``, without characters that the model has never seen."""
        if self.tokenizer.unknown_id is not None:  # there, all others stand
            return self.encode_prompt(text)[0].tolist(), ""
        ids, held = self.tokenizer.hold_back(text)
        return ids.tolist(), held

    def hold_back_prompt(self, prompt: str) -> tuple[list[int], str]:
        """The same, but of a prompt of which nothing is left, line ends, which stand."""
        ids, held = self.hold_back(prompt)
        return (ids, held) if ids or held else (self.prompt_ids(""), "")

    def start(self, prompt: str, sampling: Sampling, on_read: Callable[[int], object] | None = None) -> Start:
        """Read a prompt, and find out how texts after it can begin.

        ``on_read`` is told, from time to time, how many of its tokens have been read.
        """
        ids, held = self.hold_back_prompt(prompt)
        return self.start_from(self.context(ids, on_read), ids, held, sampling)

    def start_from(self, context: Context, ids: Sequence[int], held: str, sampling: Sampling) -> Start:
        """The same, of a context that has read these ids, where ``held`` comes next; it is left as it was."""
        before = context.snapshot
        opening = open_text(context, held, self.tokenizer, force=sampling.force, ban=sampling.ban)
        start = Start((*ids, *opening.inside), context.snapshot, opening)
        context.snapshot = before
        return start

    def context(self, ids: Sequence[int] = (), on_read: Callable[[int], object] | None = None) -> Context:
        """A context of one stream that has read these ids; ``on_read`` is told, from time to time, how many."""
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
        """What draws samples with these numbers, each from its start: a writer of this kind."""
        context = self.context()
        context.snapshot = Snapshot.join([start.stream for start in starts])
        openings = [start.opening for start in starts]
        sampler = Sampler(
            sampling,
            banned=self.banned(sampling.ban),
            seed=seed,
            samples=numbers,
            histories=[start.ids for start in starts],
            vocab_size=self.tokenizer.vocab_size,
        )
        return kind(context, sampler, openings, self.tokenizer.token_bytes(), scored=scored)

    def _check(self, sampling: Sampling, seed: int) -> None:
        """Refuse what cannot be drawn.

        Raises:
            UsageError: a seed below 0, or texts of ``ban`` or ``force`` that cannot be.
        """
        check_count("seed", seed)
        self.banned(sampling.ban)
        _, unseen = self.encode_prompt(sampling.force)
        if unseen:
            raise UsageError(f"`force` has characters that the model has never seen: {unseen!r}")

    def banned(self, texts: Sequence[str]) -> list[int]:
        """Ids of the tokens that contain one of these texts, and of the unknown symbol, which is never drawn.

        Raises:
            UsageError: no token contains one of them, or nothing is left to draw.
        """
        unknown = set() if self.tokenizer.unknown_id is None else {self.tokenizer.unknown_id}
        banned, level = set(unknown), self.tokenizer.level
        for text in texts:
            part = text.encode(errors="surrogatepass")
            found = {token for token, content in enumerate(self.tokenizer.token_bytes()) if part in content} - unknown
            if not found and not (level == "char" and len(text) == 1):  # one it does not know is not drawn anyway
                raise UsageError(
                    f"`ban`: no token of this {level} model contains {text!r}", hint="`stop` ends before it."
                )
            banned |= found
        if len(banned) == self.tokenizer.vocab_size:
            raise UsageError("`ban` leaves no token to draw")
        return sorted(banned)


def load(path: str | Path | Run | None = None, *, ngram: bool = False, device: str | None = None) -> Generator:
    """Open a run for writing text: by path, or the newest complete one.

    Args:
        path: the run's folder, or the run.
        ngram: write from the mixture of the network and the run's n-gram model.
        device: compute with torch there (``auto``, ``cpu``, ``cuda``, ``mps``), instead of with NumPy, which imports no
            torch and is faster on a processor.

    Raises:
        CheckpointError: no such run, or one that is damaged, or has no n-gram model where one is asked for.
        UsageError: the run is bidirectional, which fills gaps (``infilling.fill``) and cannot write on.
    """
    run = path if isinstance(path, Run) else open_run(path)
    if run.model_config().bidirectional:
        fill = f'rnngen fill {quote_argument(str(run.path))} "To be, or ___ to be"'
        raise UsageError(
            "cannot write on: it is bidirectional, and says what stands between what is known",
            where=run.path,
            expected="a left-to-right model",
            hint=f"Fill gaps with it: {fill}. rnngen runs lists all runs.",
        )
    mixture = None
    if ngram:
        from rnngen.ngram.file import load_mixture

        mixture = load_mixture(run)
    return Generator(_engine(run, device), run.tokenizer(), mixture, str(run.path))


def _engine(run: Run, device: str | None) -> Model:
    if device is None:
        return Recurrence(run.model_config(), run.weights())
    from rnngen.engine.torch_stepper import Stepper
    from rnngen.model.device import pick_device
    from rnngen.model.load import load_language_model

    there = pick_device(device)
    return Stepper(load_language_model(run), there)


@takes(WritingOfRun)
def generate(
    prompt: str = "",
    *,
    run: str | Path | Run | None = None,
    ngram: bool = False,
    device: str | None = None,
    seed: int | None = None,
    **options: Any,
) -> str:
    """One continuation by a run, the newest by default, as one string. See ``load`` and ``Generator.generate``."""
    return "".join(load(run, ngram=ngram, device=device).generate(prompt, seed=seed, **options))
