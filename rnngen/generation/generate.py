"""The generation loop: prompt → stream of text, each token drawn from the softmax of that step's logits."""

from __future__ import annotations

import math
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rnngen.corpus.tokenizer import Ids, StreamDecoder, Tokenizer
from rnngen.errors import RnngenError, UsageError
from rnngen.generation.filters import Array, ban, draw, softmax
from rnngen.generation.recurrence import Recurrence
from rnngen.ngram.file import load_mixture
from rnngen.ngram.mixture import Mixture
from rnngen.run import open_run


def draw_seed() -> int:
    """A seed nobody chose, small enough to retype."""
    return secrets.randbelow(2**32)


@dataclass(frozen=True)
class Piece:
    """A piece of generated text.

    Attributes:
        sample: which of the samples it belongs to.
        text: what the token completed; may be empty in the middle of a character.
        nats: -ln of the network's own probability (temperature 1, nothing banned) of the token.
        mixture_nats: the same of the mixture with the n-gram model, where the token was drawn from that.
    """

    sample: int
    text: str
    nats: float
    mixture_nats: float | None = None


class Generator:
    """A trained model that writes.

    Args:
        model: the network.
        tokenizer: its tokenizer.
        mixture: draw from the network's distribution with an n-gram model's mixed in, instead of the network's alone.
    """

    def __init__(self, model: Recurrence, tokenizer: Tokenizer, mixture: Mixture | None = None) -> None:
        self.mixture = mixture
        self.model = model
        self.tokenizer = tokenizer
        self.banned = [] if tokenizer.unknown_id is None else [tokenizer.unknown_id]

    def encode_prompt(self, prompt: str) -> tuple[Ids, str]:
        """Ids of what the model can read of a prompt, and the characters it cannot, which are left out."""
        ids = self.tokenizer.encode(prompt)
        if self.tokenizer.unknown_id is None:
            return ids, ""
        seen = ids != self.tokenizer.unknown_id
        return ids[seen], "".join(dict.fromkeys(c for c, ok in zip(prompt, seen, strict=True) if not ok))

    def read(self, ids: Ids) -> tuple[Array, Array]:
        """Logits (1, V) and state after reading ``ids`` from the start state."""
        state = self.model.start_state(1)
        logits = self.model.readout(state)
        for token in ids:
            logits, state = self.model.step(np.array([token]), state)
        return logits, state

    def pieces(
        self, prompt: str = "", *, length: int = 500, temperature: float = 1.0, num_samples: int = 1, seed: int = 0
    ) -> Iterator[Piece]:
        """Write ``num_samples`` continuations side by side, each ``length`` tokens long.

        A sample depends on the seed and its own number alone, not on how many are written with it. An empty
        prompt means the beginning of a paragraph: the model is shown line ends, if it knows them.

        Args:
            prompt: what the text goes on from; it is not part of the pieces.
            length: tokens to write.
            temperature: divides the logits (of a mixture, its log-probabilities); 0 takes the most likely token
                every time.
            num_samples: how many.
            seed: of the draws.

        Raises:
            UsageError: a value out of range.
        """
        check_sampling(length, temperature, num_samples, seed)
        ids, _ = self.encode_prompt(prompt)
        if not len(ids):
            ids, _ = self.encode_prompt("\n\n")
        logits, state = self.read(ids)
        mixture = self.mixture
        numbers = np.repeat(mixture.ngram.read(ids) if mixture else np.zeros((0, 1), np.int64), num_samples, axis=1)
        logits = np.repeat(logits, num_samples, axis=0)
        state = np.repeat(state, num_samples, axis=2)
        draws = [np.random.default_rng([seed, sample]) for sample in range(num_samples)]
        decoders = [StreamDecoder(self.tokenizer) for _ in range(num_samples)]
        for _ in range(length):
            if not np.isfinite(logits).all():
                raise RnngenError("the model's logits are not finite", hint="Its weights are damaged or diverged.")
            uniforms = np.array([rng.random() for rng in draws])
            mixed = logits if mixture is None else mixture.log_probabilities(logits, numbers)
            tokens = draw(softmax(ban(mixed, self.banned), temperature), uniforms)
            drawn = np.arange(num_samples), tokens
            nats = -np.log(softmax(logits)[drawn])
            for sample, token in enumerate(tokens):
                mixture_nats = None if mixture is None else -float(mixed[sample, token])
                yield Piece(sample, decoders[sample].push(int(token)), float(nats[sample]), mixture_nats)
            logits, state = self.model.step(tokens, state)
            numbers = mixture.ngram.step(tokens, numbers) if mixture else numbers
        for sample, decoder in enumerate(decoders):
            if rest := decoder.finish():
                yield Piece(sample, rest, 0.0, None if mixture is None else 0.0)

    def generate(
        self, prompt: str = "", *, length: int = 500, temperature: float = 1.0, seed: int | None = None
    ) -> Iterator[str]:
        """The text of one continuation, in pieces as they are made. See ``pieces`` for the arguments."""
        seed = draw_seed() if seed is None else seed
        for piece in self.pieces(prompt, length=length, temperature=temperature, seed=seed):
            if piece.text:
                yield piece.text


def check_sampling(length: int, temperature: float, num_samples: int, seed: int) -> None:
    """Refuse sampling options that mean nothing.

    Raises:
        UsageError: naming the option, what is expected and what was given.
    """
    if math.isnan(temperature) or math.isinf(temperature) or temperature < 0:
        raise UsageError("--temperature is out of range", expected="a number ≥ 0 (0 is greedy)", found=temperature)
    for name, value, least in (("length", length, 0), ("num-samples", num_samples, 1), ("seed", seed, 0)):
        if value < least:
            raise UsageError(f"--{name} is out of range", expected=f"an integer ≥ {least}", found=value)


def load(path: str | Path | None = None, *, ngram: bool = False) -> Generator:
    """Open a run for writing text: by path, or the newest complete one.

    Args:
        path: the run's folder.
        ngram: write from the mixture of the network and the run's n-gram model.

    Raises:
        CheckpointError: no such run, or one that is damaged, or has no n-gram model where one is asked for.
    """
    run = open_run(path)
    mixture = load_mixture(run) if ngram else None
    return Generator(Recurrence(run.model_config(), run.weights()), run.tokenizer(), mixture)


def generate(
    prompt: str = "", *, run: str | Path | None = None, length: int = 500, temperature: float = 1.0,
    seed: int | None = None, ngram: bool = False,
) -> str:  # fmt: skip
    """One continuation by a run, the newest by default, as one string. See ``load`` and ``Generator.pieces``."""
    return "".join(load(run, ngram=ngram).generate(prompt, length=length, temperature=temperature, seed=seed))
