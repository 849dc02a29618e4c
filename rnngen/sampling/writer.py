"""Samples being written: the loop of draw, show and read, for one text as it is made or for a batch of texts."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnngen.corpus.documents import BOUNDARY
from rnngen.corpus.tokenizer import StreamDecoder, Tokenizer
from rnngen.engine.context import Context, Snapshot
from rnngen.engine.probabilities import nats_of
from rnngen.sampling.opening import Opening
from rnngen.sampling.sampler import Sampler
from rnngen.sampling.stopping import Ending, FinishReason


class Piece(NamedTuple):
    """A piece of generated text: the text that one token completes, or a part of it if a stop string may begin inside.

    Attributes:
        text: it may be empty, in the middle of a character or of what stopped the text.
        nats: -ln of the token's probability under the network (temperature 1, no filters), given the prompt's
            characters.
        mixture_nats: the same under the mixture with the n-gram model, if the token was drawn from it.
    """

    text: str
    nats: float
    mixture_nats: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """The same by name, without what it does not have."""
        return {name: value for name, value in self._asdict().items() if value is not None}


@dataclass(frozen=True)
class Sample:
    """A continuation.

    Attributes:
        text: without the prompt, and without the string that stopped it.
        tokens: the number of tokens drawn, including those that stopped the text.
        nats: -ln of the probability of all of them under the network (temperature 1, no filters), given the prompt's
            characters.
        mixture_nats: the same under the mixture, if they were drawn from it.
        finish_reason: ``length``, ``stop``, or the value of ``until``.
        stop: the string that stopped the text.
        seed: of the draws; None from a search, which draws nothing.
        number: of the sample, from 0; together with the seed it gives the same text again.
        prompt: the text that it continues.
        label: that it was written with, given or drawn; None: without one.
        pieces: the text of each token, if that was asked for.
    """

    text: str
    tokens: int
    nats: float
    mixture_nats: float | None
    finish_reason: FinishReason
    stop: str | None
    seed: int | None
    number: int
    prompt: str = ""
    label: str | None = None
    pieces: tuple[Piece, ...] | None = None

    def as_dict(self) -> dict[str, Any]:
        """What ``rnngen sample --json`` prints of it, without the options."""
        mixed = {} if self.mixture_nats is None else {"ngram": True, "mixture_nats": self.mixture_nats}
        return {
            "sample": self.number,
            **({} if self.seed is None else {"seed": self.seed}),
            **({} if self.label is None else {"label": self.label}),
            "prompt": self.prompt,
            "text": self.text,
            "tokens": self.tokens,
            "nats": self.nats,
            **mixed,
            "finish_reason": self.finish_reason,
            **({} if self.stop in (None, BOUNDARY) else {"stop": self.stop}),
            **({} if self.pieces is None else {"pieces": [piece.as_dict() for piece in self.pieces]}),
        }


class Writer:
    """B samples that are written in one batch, each continuing what its stream has read.

    Args:
        context: B streams.
        sampler: draws the tokens of B samples.
        openings: how each text begins, (B,).
        table: the bytes of each token, (V,).
        scored: whether to compute each token's probability.

    Attributes:
        drawn: the number of tokens of each sample so far. A cover counts as one token; one that spells no more than the
            prompt is drawn together with the token after it.
        spelled: the bytes of the last draw, (B,), if it was not simply one token each; else None.
        nats: of the last draw, (B,), if ``scored``; see ``Piece``.
        mixture_nats: likewise.
    """

    def __init__(
        self, context: Context, sampler: Sampler, openings: Sequence[Opening], table: Sequence[bytes], *, scored: bool
    ) -> None:
        self.context = context
        self._sampler = sampler
        self._scored = scored
        self._unread: list[int] | None = None
        self._openings, self._table = list(openings), table
        self._opening_steps = max(opening.steps for opening in openings)
        self.drawn = 0
        self.spelled: list[bytes] | None = None
        self.nats: NDArray[np.float64] = np.zeros(0)
        self.mixture_nats: NDArray[np.float64] | None = None

    def step(self) -> list[int]:
        """Draw one token per sample. It is read at the next step, so that it can be shown first."""
        if self._unread is not None:
            self.context.read(self._unread)
        if self._opening_steps:
            if self.drawn < self._opening_steps:
                return self._open()
            self._opening_steps, self.spelled = 0, None
        prediction = self.context.prediction()
        tokens = self._sampler.draw(prediction)
        if self._scored:
            self.nats = nats_of(self.context.network, tokens)
            self.mixture_nats = nats_of(prediction, tokens) if self.context.mixed else None
        self._unread = tokens
        self.drawn += 1
        return tokens

    def _open(self) -> list[int]:
        """A step in which some texts still begin: one sample after the other. Returns the last token of each."""
        context, begun = self.context, self.context.snapshot
        streams, draws = [], []
        for sample, opening in enumerate(self._openings):
            context.snapshot = begun.select([sample])
            draws.append(self._begin(sample, opening))
            streams.append(context.snapshot)
        context.snapshot = Snapshot.join(streams)
        tokens, self.spelled, nats, mixture_nats = map(list, zip(*draws, strict=True))
        self.nats, self.mixture_nats = np.array(nats), np.array(mixture_nats) if context.mixed else None
        self._unread = tokens
        self.drawn += 1
        return tokens

    def _begin(self, sample: int, opening: Opening) -> tuple[int, bytes, float, float]:
        """Draw for one sample: the last token, not read yet, the bytes of the draw, its nats and its mixture nats."""
        context, number, covers = self.context, self.drawn, opening.covers
        content, known, nats, mixture_nats = b"", 0, 0.0, 0.0
        if number == 0:  # the end of the prompt was given, not drawn
            known, nats, mixture_nats = opening.known, opening.network_log_p, opening.log_p
        if covers is not None and number == len(opening.forced):
            cover = self._sampler.draw_cover(covers, sample)
            token, content, context.snapshot = covers.last(cover)
            nats -= float(covers.network_log_p[cover])
            mixture_nats -= float(covers.log_p[cover])
            if len(content) > known:
                return token, content[known:], nats, mixture_nats
            context.read([token])
        prediction = context.prediction()
        if number < len(opening.forced):
            token = opening.forced[number]
            self._sampler.push([token], sample)
        else:
            token = self._sampler.draw_alone(prediction, sample)
        nats += nats_of(context.network, [token]).item()
        mixture_nats += nats_of(prediction, [token]).item()
        return token, (content + self._table[token])[known:], nats, mixture_nats

    def catch_up(self) -> None:
        """Read the last draw."""
        if self._unread is not None:
            self.context.read(self._unread)
            self._unread = None

    def select(self, rows: Sequence[int]) -> None:
        """Continue with these samples only."""
        self.catch_up()
        self.context.snapshot = self.context.snapshot.select(rows)
        self._sampler.select(rows)
        self._openings = [self._openings[row] for row in rows]


class RecordingWriter(Writer):
    """A writer that keeps the ids of the tokens it drew."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.ids: list[int] = []

    def step(self) -> list[int]:
        """Draw as any writer does."""
        tokens = super().step()
        self.ids += tokens
        return tokens


def write_text(writer: Writer, tokenizer: Tokenizer, ending: Ending) -> Iterator[str]:
    """Write one sample; yields its text in pieces as they are made."""
    decoder = StreamDecoder(tokenizer)
    step, push, stops, length = writer.step, decoder.push, ending.stops, ending.max_tokens  # looked up once, for speed
    while writer.drawn < length:
        token = step()[0]
        text = push(token) if writer.spelled is None else decoder.push_bytes(writer.spelled[0])
        if stops:
            text = ending.push(text)
        if text:
            yield text
        if stops and ending.ended:
            return
    if rest := ending.finish(decoder.finish()):
        yield rest


def write_pieces(writer: Writer, tokenizer: Tokenizer, ending: Ending) -> Iterator[Piece]:
    """Write one sample; yields every token with its probability. The writer must be one that scores.

    The pieces cover all tokens drawn: those that stopped the text come last, without text.
    """
    decoder = StreamDecoder(tokenizer)
    held: deque[Piece] = deque()  # drawn, but perhaps part of a stop string

    def release(size: int) -> Iterator[Piece]:
        """The first ``size`` characters that are held."""
        while held and len(held[0].text) <= size:
            size -= len(held[0].text)
            yield held.popleft()
        if held and size:
            first = held[0]
            held[0] = Piece(first.text[size:], 0.0, first.mixture_nats and 0.0)
            yield first._replace(text=first.text[:size])

    while writer.drawn < ending.max_tokens:
        (token,) = writer.step()
        text = decoder.push(token) if writer.spelled is None else decoder.push_bytes(writer.spelled[0])
        text = ending.skip(text)  # skipped text was drawn all the same
        mixture_nats = None if writer.mixture_nats is None else writer.mixture_nats.item()
        held.append(Piece(text, writer.nats.item(), mixture_nats))
        yield from release(len(ending.push(text)))
        if ending.ended:
            yield from (piece._replace(text="") for piece in held)
            return
    if rest := decoder.finish():
        held.append(Piece(rest, 0.0, 0.0 if writer.context.mixed else None))
    yield from release(len(ending.finish(rest)))
    yield from (piece._replace(text="") for piece in held)


def write_sample(writer: Writer, tokenizer: Tokenizer, ending: Ending, seed: int, number: int) -> Sample:
    """Write one whole sample, with its pieces. The writer must be one that scores."""
    pieces = tuple(write_pieces(writer, tokenizer, ending))
    mixture_nats = sum(piece.mixture_nats or 0.0 for piece in pieces) if writer.context.mixed else None
    return Sample(
        "".join(piece.text for piece in pieces),
        writer.drawn,
        sum(piece.nats for piece in pieces),
        mixture_nats,
        ending.reason,
        ending.stop,
        seed,
        number,
        ending.prompt,
        ending.label,
        pieces,
    )
