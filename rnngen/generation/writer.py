"""Samples being written: the loop of draw, show, read, for one text as it is made or for many side by side."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnngen.corpus.tokenizer import StreamDecoder, Tokenizer
from rnngen.generation.context import Context, nats_of
from rnngen.generation.sampling import Sampler
from rnngen.generation.stopping import Ending, FinishReason


class Piece(NamedTuple):
    """A piece of generated text: what one token completed, or a part of it where a stop string may begin inside it.

    Attributes:
        text: may be empty: in the middle of a character, or of what stopped the text.
        nats: -ln of the network's own probability (temperature 1, nothing filtered) of the token.
        mixture_nats: the same of the mixture with the n-gram model, where the token was drawn from that.
    """

    text: str
    nats: float
    mixture_nats: float | None = None


@dataclass(frozen=True)
class Sample:
    """A continuation.

    Attributes:
        text: without the prompt, and without what stopped it.
        tokens: how many were drawn, those that stopped it included.
        nats: -ln of the network's own probability of all of them (temperature 1, nothing filtered).
        mixture_nats: the same of the mixture, where they were drawn from that.
        finish_reason: ``length``, ``stop``, or what ``until`` named.
        stop: the string that stopped it.
        seed: of the draws; None from a search, which draws nothing.
        number: of the sample, from 0; with the seed, it gives the same text again.
        pieces: what each token completed, where that was asked for.
    """

    text: str
    tokens: int
    nats: float
    mixture_nats: float | None
    finish_reason: FinishReason
    stop: str | None
    seed: int | None
    number: int
    pieces: tuple[Piece, ...] | None = None


class Writer:
    """B samples that are being written side by side, each from what its context has read.

    Attributes:
        drawn: tokens of each sample so far.
        nats: of the tokens drawn last, (B,), if ``scored``; see ``Piece``.
        mixture_nats: likewise.
    """

    def __init__(self, context: Context, sampler: Sampler, *, scored: bool) -> None:
        self.context = context
        self._sampler = sampler
        self._scored = scored
        self._unread: list[int] | None = None
        self.drawn = 0
        self.nats: NDArray[np.float64] = np.zeros(0)
        self.mixture_nats: NDArray[np.float64] | None = None

    def step(self) -> list[int]:
        """Draw a token a sample. It is read at the next step, so that it can be shown before."""
        if self._unread is not None:
            self.context.read(self._unread)
        prediction = self.context.prediction()
        tokens = self._sampler.draw(prediction)
        if self._scored:
            self.nats = nats_of(self.context.network, tokens)
            self.mixture_nats = nats_of(prediction, tokens) if self.context.mixed else None
        self._unread = tokens
        self.drawn += 1
        return tokens

    def catch_up(self) -> None:
        """Read what was drawn last."""
        if self._unread is not None:
            self.context.read(self._unread)
            self._unread = None

    def select(self, rows: Sequence[int]) -> None:
        """Go on with these samples alone."""
        self.catch_up()
        self.context.snapshot = self.context.snapshot.select(rows)
        self._sampler.select(rows)


def write_text(writer: Writer, tokenizer: Tokenizer, ending: Ending) -> Iterator[str]:
    """The text of one sample, in pieces as they are made."""
    decoder = StreamDecoder(tokenizer)
    step, push, stops, most = writer.step, decoder.push, ending.stops, ending.most  # looked up once: this is the loop
    while writer.drawn < most:
        text = push(step()[0])
        if stops:
            text = ending.push(text)
        if text:
            yield text
        if stops and ending.stop is not None:
            return
    if rest := ending.finish(decoder.finish()):
        yield rest


def write_pieces(writer: Writer, tokenizer: Tokenizer, ending: Ending) -> Iterator[Piece]:
    """The same, every token with its probability, from a writer that scores.

    The nats are those of all tokens that were drawn: what stopped the text comes last, as pieces without text.
    """
    decoder = StreamDecoder(tokenizer)
    held: deque[Piece] = deque()  # drawn, but perhaps the beginning of a stop string

    def release(size: int) -> Iterator[Piece]:
        """The first ``size`` characters of what is held."""
        while held and len(held[0].text) <= size:
            size -= len(held[0].text)
            yield held.popleft()
        if held and size:
            first = held[0]
            held[0] = Piece(first.text[size:], 0.0, first.mixture_nats and 0.0)
            yield first._replace(text=first.text[:size])

    while writer.drawn < ending.most:
        text = decoder.push(writer.step()[0])
        mixture_nats = None if writer.mixture_nats is None else writer.mixture_nats.item()
        held.append(Piece(text, writer.nats.item(), mixture_nats))
        yield from release(len(ending.push(text)))
        if ending.stop is not None:
            yield from (piece._replace(text="") for piece in held)
            return
    if rest := decoder.finish():
        held.append(Piece(rest, 0.0, 0.0 if writer.context.mixed else None))
    yield from release(len(ending.finish(rest)))


def write_sample(writer: Writer, tokenizer: Tokenizer, ending: Ending, seed: int, number: int) -> Sample:
    """One sample, whole, with its pieces, from a writer that scores."""
    pieces = tuple(write_pieces(writer, tokenizer, ending))
    mixture_nats = sum(piece.mixture_nats or 0.0 for piece in pieces) if writer.context.mixed else None
    return Sample(
        "".join(piece.text for piece in pieces), writer.drawn, sum(piece.nats for piece in pieces), mixture_nats,
        ending.reason, ending.stop, seed, number, pieces,
    )  # fmt: skip


def write_samples(
    writer: Writer, tokenizer: Tokenizer, endings: Sequence[Ending], seed: int, numbers: range,
    drawn_more: Callable[[int], object],
) -> list[Sample]:  # fmt: skip
    """All samples of a writer that scores, whole; ``drawn_more`` is told of every step's tokens."""
    B, most = len(numbers), endings[0].most
    decoders = [StreamDecoder(tokenizer) for _ in numbers] if endings[0].stops else []
    texts = [""] * B
    drawn: list[list[int]] = []  # of each step, where all go on to the end
    lengths = [most] * B
    nats, mixture_nats = np.zeros(B), np.zeros(B)
    going = list(range(B))
    while going and writer.drawn < most:
        tokens = writer.step()
        drawn_more(len(tokens))
        nats[going] += writer.nats
        if writer.mixture_nats is not None:
            mixture_nats[going] += writer.mixture_nats
        if not decoders:
            drawn.append(tokens)  # to be decoded at once, below
            continue
        for sample, token in zip(going, tokens, strict=True):
            texts[sample] += endings[sample].push(decoders[sample].push(token))
        left = [row for row, sample in enumerate(going) if endings[sample].stop is None]
        if len(left) < len(going):
            for sample in set(going) - {going[row] for row in left}:
                lengths[sample] = writer.drawn
            going = [going[row] for row in left]
            if going:
                writer.select(left)
    if decoders:
        for sample in going:
            texts[sample] += endings[sample].finish(decoders[sample].finish())
    else:
        texts = [tokenizer.decode(ids) for ids in zip(*drawn, strict=True)] if drawn else texts
    return [
        Sample(
            texts[sample], lengths[sample], float(nats[sample]),
            float(mixture_nats[sample]) if writer.context.mixed else None,
            endings[sample].reason, endings[sample].stop, seed, number,
        )
        for sample, number in enumerate(numbers)
    ]  # fmt: skip
