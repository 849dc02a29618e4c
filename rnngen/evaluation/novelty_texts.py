"""The texts whose copying is compared: samples of a model, and human text of the same source and length."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnngen.corpus.copies.decoded import words_of
from rnngen.corpus.documents import BOUNDARY
from rnngen.corpus.encoded import EncodedText
from rnngen.runs.run import Run
from rnngen.sampling.generator import TOGETHER
from rnngen.sampling.loading import load

SAMPLES = 16
"""Texts that make up a sample of a stream; a document longer than one of these is cut."""

_MOST_TEXTS = 20_000


@dataclass(frozen=True)
class Excerpt:
    """A text, or a part of one.

    Attributes:
        text: what it says.
        cut_before: whether it may begin in the middle of a word.
        cut_after: whether it may end in the middle of a word.
    """

    text: str
    cut_before: bool
    cut_after: bool

    def words(self) -> list[str]:
        """Its words, without a first or last one that may be a part of a word."""
        words = words_of(self.text)
        first = self.cut_before and not self.text[:1].isspace()
        last = self.cut_after and not self.text[-1:].isspace()
        return words[int(first) : len(words) - int(last)]


def tokens_per_text(text: EncodedText, size: int, *, documents: bool) -> int:
    """The maximum number of tokens of each text, so that about ``SAMPLES`` of them have ``size`` characters."""
    characters_per_token = max(1e-3, text.counts.characters / max(1, len(text.tokens)))
    share = size / (SAMPLES // 2 if documents else SAMPLES)
    return max(1, math.ceil(share / min(characters_per_token, 100)))


def written_texts(
    run: Run,
    length: int,
    size: int,
    temperature: float,
    seed: int,
    device: str | None,
    on_written: Callable[[int], object],
) -> list[Excerpt]:
    """Samples of ``size`` characters together, or a little less if the last ends early."""
    generator, texts, left, drawn = load(run, device=device), list[Excerpt](), size, 0
    together = SAMPLES if run.boundary is None else TOGETHER

    def on_step(tokens: int) -> None:
        on_written(drawn + tokens)

    while left > 0 and len(texts) < _MOST_TEXTS:
        how: dict[str, Any] = {"length": length, "temperature": temperature, "on_step": on_step}
        samples = list(generator.samples([""] * together, seed=seed, first=len(texts), **how))
        drawn += sum(sample.tokens for sample in samples)
        for sample in samples:
            if left > 0:
                is_cut = sample.finish_reason == "length" or len(sample.text) > left
                texts.append(Excerpt(sample.text[:left], cut_before=False, cut_after=is_cut))
                left -= len(texts[-1].text)
    return texts


def human_texts(run: Run, text: EncodedText, length: int, sizes: Sequence[int]) -> list[Excerpt]:
    """As many characters of a text, in pieces from all of it; all of it, if it is not longer.

    Args:
        run: whose tokens they are.
        text: of which they are parts.
        length: tokens per piece, at most.
        sizes: characters of the samples.
    """
    tokens, tokenizer, total = text.tokens, run.tokenizer(), sum(sizes)
    is_stream = run.boundary is None  # it is cut into parts anywhere
    if text.counts.characters <= total:
        begins, ends = np.zeros(1, np.int64), np.array([len(tokens)])
        cut = np.array([is_stream])
    elif run.boundary is None:
        begins = np.linspace(0, max(0, len(tokens) - length), len(sizes)).astype(np.int64)
        ends = np.minimum(begins + length, len(tokens))
        cut = np.ones(len(begins), bool)
    else:
        ends = np.concatenate(list(_boundaries(tokens, run.boundary)) or [np.array([len(tokens)])])
        begins = np.concatenate([[0], ends[:-1] + 1])
        per_document = np.minimum(ends - begins, length).mean() * text.counts.characters / len(tokens)
        count = min(len(ends), math.ceil(1.2 * total / max(1.0, per_document)))
        chosen = np.random.default_rng(0).permutation(len(ends))[:count]  # documents may be sorted
        begins, ends = begins[chosen], ends[chosen]
        cut = ends > begins + length
        ends = np.minimum(ends, begins + length)
    texts: list[Excerpt] = []
    for begin, end, is_cut in zip(begins.tolist(), ends.tolist(), cut.tolist(), strict=True):
        if total > 0:
            parts = tokenizer.decode(tokens[begin:end].tolist()).split(BOUNDARY)
            cut_before = [is_stream] + [False] * (len(parts) - 1)
            cut_after = [False] * (len(parts) - 1) + [is_cut]
            texts += [
                Excerpt(part[:total], before, after or len(part) > total)
                for part, before, after in zip(parts, cut_before, cut_after, strict=True)
                if part
            ]
            total -= sum(map(len, parts))
    return texts


def _boundaries(tokens: NDArray[np.integer[Any]], boundary: int) -> Iterator[NDArray[np.int64]]:
    block = 1 << 22
    return (begin + np.flatnonzero(tokens[begin : begin + block] == boundary) for begin in range(0, len(tokens), block))
