"""Samples that are written side by side, in one batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from rnngen.corpus.tokenizer import StreamDecoder, Tokenizer
from rnngen.sampling.stopping import Ending
from rnngen.sampling.writer import Sample, Writer


def write_samples(
    writer: Writer,
    tokenizer: Tokenizer,
    endings: Sequence[Ending],
    seed: int,
    numbers: range,
    drawn_more: Callable[[int], bool | None],
) -> list[Sample]:
    """Write all samples of a writer that scores.

    ``drawn_more`` is called with the number of tokens of every step; if it returns True, all texts end there.
    """
    B, length = len(numbers), endings[0].max_tokens
    decoders = [StreamDecoder(tokenizer) for _ in numbers] if endings[0].stops else []
    texts = [""] * B
    begun = [b""] * B  # bytes that the texts begin with, if not simply tokens
    drawn: list[list[int]] = []  # the tokens of each step, if all samples have the same length
    lengths = [0] * B
    nats, mixture_nats = np.zeros(B), np.zeros(B)
    going = list(range(B))
    while going and writer.drawn < length:
        tokens = writer.step()
        is_stopped = drawn_more(len(tokens))
        which = slice(None) if len(going) == B else going  # much faster than a list
        nats[which] += writer.nats
        if writer.mixture_nats is not None:
            mixture_nats[which] += writer.mixture_nats
        if not decoders:  # decoded all at once, below
            if writer.spelled is None:
                drawn.append(tokens)
            else:
                begun = [before + content for before, content in zip(begun, writer.spelled, strict=True)]
        else:
            for row, sample in enumerate(going):
                decoder = decoders[sample]
                text = decoder.push(tokens[row]) if writer.spelled is None else decoder.push_bytes(writer.spelled[row])
                texts[sample] += endings[sample].push(text)
                lengths[sample] = writer.drawn
            left = [row for row, sample in enumerate(going) if not endings[sample].ended]
            if len(left) < len(going):
                going = [going[row] for row in left]
                if going:
                    writer.select(left)
        if is_stopped:
            break
    if decoders:
        for sample in going:
            texts[sample] += endings[sample].finish(decoders[sample].finish())
    else:
        ids = zip(*drawn, strict=True) if drawn else [()] * B
        lengths = [writer.drawn] * B
        texts = [tokenizer.decode(each, before=before) for each, before in zip(ids, begun, strict=True)]
    return [
        Sample(
            texts[sample],
            lengths[sample],
            float(nats[sample]),
            float(mixture_nats[sample]) if writer.context.mixed else None,
            endings[sample].reason,
            endings[sample].stop,
            seed,
            number,
            endings[sample].prompt,
            endings[sample].label,
        )
        for sample, number in enumerate(numbers)
    ]
