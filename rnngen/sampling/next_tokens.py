"""What comes next: the continuations of a prompt by one token, with their probabilities."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnngen.corpus.documents import BOUNDARY
from rnngen.engine.probabilities import normalized
from rnngen.options.declare import check, declared
from rnngen.sampling.generator import Generator
from rnngen.sampling.labels import given_label
from rnngen.sampling.opening import branches, open_text
from rnngen.sampling.options import Sampling


class NextToken(NamedTuple):
    """A token that may come next.

    Attributes:
        text: what it adds to the prompt. Bytes that are not a whole character are U+FFFD.
        probability: of this text, given the characters of the prompt (temperature 1, no filters).
        ends: whether the document ends here, and the text is empty.
    """

    text: str
    probability: float
    ends: bool = False


def likely_next_tokens(generator: Generator, prompt: str, k: int, label: str | None = None) -> list[NextToken]:
    """The k most likely next tokens, the most likely first, of equal ones the first in alphabetical order.

    Args:
        generator: a model.
        prompt: as for ``Generator.generate``.
        k: how many; fewer if the model has no more.
        label: of the text; None: it has none.

    Raises:
        RnngenError: see ``next_tokens_at``.
    """
    (tokens,) = next_tokens_at(generator, prompt, (1.0,), label)
    return tokens[:k]


def next_tokens_at(
    generator: Generator, prompt: str, temperatures: Sequence[float], label: str | None = None
) -> list[list[NextToken]]:
    """All tokens that can come next, at each temperature, the most likely first.

    Where every token is a character or a byte these are the entries of the softmax. Otherwise the end of the prompt
    may be a part of the token that comes next; then the probability is that of what the token adds, given the
    characters of the prompt (see ``healing.py``). The symbol for unknown characters is never among them.

    Args:
        generator: a model.
        prompt: as for ``Generator.generate``.
        temperatures: each above 0: a probability becomes its power of 1 / temperature, divided by their sum.
        label: of the text; None: it has none.

    Raises:
        UsageError: no such label.
        TokenizerError: the prompt contains a lone surrogate.
        RnngenError: the model's logits are not finite.
    """
    if label is not None:
        check(declared(Sampling)["label"], label)
    known = given_label(generator.tokenizer, label)
    ids, held = generator.reader.hold_back_prompt(prompt, known or None)
    context = generator.context(ids)
    opening = open_text(context, held, generator.tokenizer)
    texts: list[bytes] = []
    log_p: list[float] = []
    table = generator.tokenizer.token_bytes()
    for branch, row in zip(*branches(context, opening, generator.banned(())), strict=True):
        possible = np.flatnonzero(np.isfinite(row))
        texts += [table[token][branch.known :] for token in possible.tolist()]
        log_p += (branch.log_p + row[possible]).tolist()
    return [_ranked(texts, np.array(log_p) / temperature) for temperature in temperatures]


def _ranked(texts: Sequence[bytes], log_weights: NDArray[np.float64]) -> list[NextToken]:
    """The texts with their probabilities, which add up where several tokens add the same text."""
    totals = defaultdict[bytes, float](float)
    for text, probability in zip(texts, np.exp(normalized(log_weights)).tolist(), strict=True):
        totals[text] += probability
    return [_next_token(*item) for item in sorted(totals.items(), key=lambda item: (-item[1], item[0])) if item[1] > 0]


def _next_token(content: bytes, probability: float) -> NextToken:
    if content == BOUNDARY.encode():
        return NextToken("", probability, ends=True)
    return NextToken(content.decode("utf-8", errors="replace"), probability)
