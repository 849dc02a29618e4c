"""``rnngen.score``: how well a run predicts a text in memory: as a whole, line by line, and token by token."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from rnngen.arguments import STDIN
from rnngen.corpus.tokenizer import pieces_of
from rnngen.corpus.tokenizer.protocol import to_bytes
from rnngen.errors import CorpusError
from rnngen.evaluation.evaluate import score_text
from rnngen.evaluation.scores import TextScore
from rnngen.evaluation.surprisal import LEVELS, level_of
from rnngen.formats import number_of
from rnngen.model.device import pick_device
from rnngen.options.checked import checked
from rnngen.python.notes import note, note_on_failure, note_on_names
from rnngen.python.run import open_run
from rnngen.python.spelling import quoted, speaks_python
from rnngen.rendering.palette import SURPRISE
from rnngen.runs.other_text import encoded_text
from rnngen.runs.own_text import with_overlap
from rnngen.runs.run import Run

_SHOWN = 5000  # tokens that a notebook shows


class ScoredToken(NamedTuple):
    """A token of a text.

    Attributes:
        text: what it spells; the end of a document is a line end.
        nats: -ln of its probability.
    """

    text: str
    nats: float


@dataclass(frozen=True)
class ScoredLine:
    """A line of a text.

    Attributes:
        tokens: those that begin in it, the line end among them.
    """

    tokens: Sequence[ScoredToken] = field(repr=False)

    @property
    def text(self) -> str:
        """Its text, with the line end."""
        return "".join(token.text for token in self.tokens)

    @property
    def nats(self) -> float:
        """The sum of its tokens' nats."""
        return sum(token.nats for token in self.tokens)

    @property
    def nats_per_token(self) -> float:
        """Their mean."""
        return self.nats / len(self.tokens)

    def __repr__(self) -> str:
        return f"ScoredLine({self.text!r}, {self.nats:.4f} nats, {self.nats_per_token:.4f} per token)"


@dataclass(frozen=True)
class ScoredText:
    """How well a run predicts a text; in a notebook, the text coloured by surprisal.

    Attributes:
        total: the score of the whole text, exactly what ``rnngen.evaluate`` returns for a file with this text.
        tokens: each token with its nats, in float32.
    """

    total: TextScore
    tokens: Sequence[ScoredToken] = field(repr=False)

    @property
    def nats(self) -> float:
        """-Σ ln p over all tokens."""
        return self.total.nats

    @property
    def nats_per_token(self) -> float:
        """Mean nats per token."""
        return self.total.nats_per_token

    def as_dict(self) -> dict[str, Any]:
        """The keys of ``rnngen eval --json``, as ``total`` has them."""
        return self.total.as_dict()

    @cached_property
    def lines(self) -> list[ScoredLine]:
        """The text line by line; a token belongs to the line in which it begins."""
        return [ScoredLine(tokens) for tokens in _split(self.tokens)]

    def __repr__(self) -> str:
        unit = f"{self.total.prefix}nats"
        counts = f"{number_of(len(self.tokens), 'token')}, {number_of(len(self.lines), 'line')}"
        return f"ScoredText({self.nats:.4f} {unit}, {self.nats_per_token:.4f} per token, {counts})"

    def _repr_html_(self) -> str:
        legend = " ".join(_coloured(label, level) for level, (_, label) in enumerate(LEVELS))
        text = "".join(_coloured(token.text, level_of(token.nats)) for token in self.tokens[:_SHOWN])
        rest = "" if len(self.tokens) <= _SHOWN else f"… {number_of(len(self.tokens) - _SHOWN, 'more token')}"
        return (
            f'<div>{escape(repr(self))}<br><small>bits per token: {legend}</small><pre style="white-space:pre-wrap">'
            f"{text}</pre>{rest}</div>"
        )


def _split(tokens: Sequence[ScoredToken]) -> Iterator[Sequence[ScoredToken]]:
    begin = 0
    for number, token in enumerate(tokens, 1):
        if "\n" in token.text or number == len(tokens):
            yield tokens[begin:number]
            begin = number


def _coloured(text: str, level: int) -> str:
    shown, colour = escape(text), SURPRISE[level]
    return f'<span style="background:{colour};color:black">{shown}</span>' if colour else shown


@speaks_python
@checked
def score(text: str, *, run: str | Path | Run | None = None, device: str = "cpu") -> ScoredText:
    """Score a text that is in memory: nats of the whole, of each line, and of each token.

    It is read like a file with this text: line ends become ``\\n``, and where the run's own text had documents, so has
    this one. The first token follows nothing: it is predicted from the start state, where ``next_tokens("")`` of a run
    that learned one stream has read ``\\n\\n``; to score a text as the beginning of a paragraph as that does, take the
    last line of ``score("\\n\\n" + text)``. A bidirectional run gets pseudo-nats: each token predicted from all others.

    Args:
        text: the text itself, not a file: for files there is ``rnngen.evaluate``.
        run: the run or its folder; the newest complete one by default.
        device: auto, cpu, mps, cuda or cuda:N.

    Raises:
        CheckpointError: there is no such run.
        CorpusError: the text is empty, or holds NUL characters.
        TokenizerError: it holds a lone surrogate, which is not a character.
        UsageError: the device cannot be used.

    Warns:
        RnngenWarning: the run was trained on the text, or on parts of it, so the score flatters it.
    """
    if not text:
        raise CorpusError("there is no text to score", expected="at least one character")
    opened, content = open_run(run), io.BytesIO(to_bytes(text))
    with encoded_text(opened, [STDIN], stdin=content) as encoded:
        nats = np.empty(len(encoded.tokens), np.float32)
        named = with_overlap(opened, encoded)
        total = score_text(opened, encoded, device=pick_device(device), each=nats)
        pieces = pieces_of(opened.tokenizer(), encoded.tokens.tolist())
    note_on_failure(opened)
    note(named.note)
    note_on_names("text", [text], f"rnngen.evaluate({quoted(str(opened.path))}, {{}})")
    return ScoredText(total, list(map(ScoredToken, pieces, nats.tolist())))
