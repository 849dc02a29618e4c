"""Beam search: the most likely text, instead of a drawn one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from rnngen.corpus.tokenizer import StreamDecoder, Tokenizer
from rnngen.engine.probabilities import log_softmax, nats_of
from rnngen.sampling.filters import ban
from rnngen.sampling.generator import Generator
from rnngen.sampling.opening import branches
from rnngen.sampling.options import Sampling
from rnngen.sampling.stopping import Ending, FinishReason
from rnngen.sampling.writer import Sample


class Hypothesis(NamedTuple):
    """A text that may turn out to be the most likely one.

    Attributes:
        score: its rank: ln p of all its tokens under the distribution that is searched.
        content: its bytes.
        tokens: their number.
        nats: -ln p under the network alone.
    """

    score: float
    content: bytes
    tokens: int
    nats: float


def beam_search(
    generator: Generator,
    prompt: str,
    width: int,
    sampling: Sampling,
    on_step: Callable[[int], object] | None = None,
    on_read: Callable[[int], object] | None = None,
) -> list[Sample]:
    """Search for the most likely continuations of a prompt, keeping the ``width`` most likely texts at every step.

    Texts are ranked by their probability as a whole, without a correction for length. A text that ends before
    ``length``, with the tokens that stopped it, competes with those that go on.

    Args:
        generator: the model, or its mixture with an n-gram model.
        prompt: the text to continue.
        width: the number of texts that are kept; 1 is greedy, V^length would be exact.
        sampling: ``length``, ``until``, ``stop`` and ``ban``.
        on_step: called with the number of tokens searched so far.
        on_read: called now and then with the number of the prompt's tokens read so far.

    Returns:
        Up to ``width`` samples, the most likely first.
    """
    table = generator.tokenizer.token_bytes()
    banned = generator.banned(sampling.ban)
    label = generator.label_of(sampling.changed(temperature=0.0), 0, 0)  # the most likely one
    start = generator.start(prompt, sampling.changed(force=""), on_read, label=label)
    context = generator.context()
    context.snapshot = start.stream
    begun, log_p = branches(context, start.opening, banned)
    live = [Hypothesis(branch.log_p, b"", 0, branch.nats) for branch in begun]
    known = [branch.known for branch in begun]  # bytes of the next token that belong to the prompt
    longest = generator.max_tokens(sampling)
    if not longest:
        live = [Hypothesis(0.0, b"", 0, 0.0)]
    ended: list[tuple[Hypothesis, Sample]] = []
    for step in range(longest):
        if on_step is not None:
            on_step(step)
        scores = np.array([h.score for h in live])[:, None] + log_p
        # twice as many, so that enough go on when some end
        best = np.argsort(-scores, axis=None, kind="stable")[: 2 * width]
        rows, tokens = (indices.tolist() for indices in np.unravel_index(best, scores.shape))
        nats = nats_of(context.network[rows], tokens).tolist()
        going: list[tuple[int, int, Hypothesis]] = []
        for rank, (row, token) in enumerate(zip(rows, tokens, strict=True)):
            score = float(scores[row, token])
            before = live[row]
            content = before.content + table[token][known[row] :]
            grown = Hypothesis(score, content, before.tokens + 1, before.nats + nats[rank])
            sample = _ended(grown, generator.ending(sampling, prompt), generator.tokenizer) if score > -np.inf else None
            if sample is not None and rank < width:
                ended.append((grown, sample))
            elif sample is None and score > -np.inf and len(going) < width:
                going.append((row, token, grown))
        ended = sorted(ended, key=lambda pair: -pair[0].score)[:width]
        live, known = [grown for _, _, grown in going], [0] * len(going)
        # a text that goes on only loses probability
        if not live or (len(ended) == width and ended[-1][0].score >= live[0].score):
            break
        context.snapshot = context.snapshot.select([row for row, _, _ in going])
        context.read([token for _, token, _ in going])
        log_p = ban(log_softmax(context.prediction()), banned)
    finished = [*ended, *((h, _finished(h, generator.ending(sampling, prompt), generator.tokenizer)) for h in live)]
    finished.sort(key=lambda pair: -pair[0].score)
    return [
        replace(sample, number=number, prompt=prompt, label=label, mixture_nats=-h.score if context.mixed else None)
        for number, (h, sample) in enumerate(finished[:width])
    ]


def _ended(h: Hypothesis, ending: Ending, tokenizer: Tokenizer) -> Sample | None:
    """The sample, if the text has ended with its last token."""
    if not ending.stops:
        return None
    text = ending.push(StreamDecoder(tokenizer).push_bytes(h.content))  # no half character at the end
    return None if not ending.ended else _sample(h, text, ending.reason, ending.stop)


def _finished(h: Hypothesis, ending: Ending, tokenizer: Tokenizer) -> Sample:
    """The sample of a text that gets no more tokens."""
    decoder = StreamDecoder(tokenizer)
    text = ending.finish(decoder.push_bytes(h.content) + decoder.finish())
    return _sample(h, text, ending.reason, ending.stop)


def _sample(h: Hypothesis, text: str, reason: FinishReason, stop: str | None) -> Sample:
    return Sample(text, h.tokens, h.nats, None, reason, stop, None, 0)
