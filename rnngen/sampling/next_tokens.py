"""What comes next: the most likely continuations of a prompt by one token, with their probabilities."""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

import numpy as np

from rnngen.corpus.documents import BOUNDARY
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

    Where every token is a character or a byte these are the largest entries of the softmax. Otherwise the end of the
    prompt may be a part of the token that comes next; then the probability is that of what the token adds, given the
    characters of the prompt (see ``healing.py``). The symbol for unknown characters is never among them.

    Args:
        generator: a model.
        prompt: as for ``Generator.generate``.
        k: how many; fewer if the model has no more.
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
    table, totals = generator.tokenizer.token_bytes(), defaultdict[bytes, float](float)
    for branch, row in zip(*branches(context, opening, generator.banned(())), strict=True):
        probabilities = np.exp(branch.log_p + row)
        for token in np.flatnonzero(probabilities).tolist():
            totals[table[token][branch.known :]] += float(probabilities[token])
    best = sorted(totals.items(), key=lambda item: (-item[1], item[0]))[:k]
    return [_next_token(content, probability) for content, probability in best]


def _next_token(content: bytes, probability: float) -> NextToken:
    if content == BOUNDARY.encode():
        return NextToken("", probability, ends=True)
    return NextToken(content.decode("utf-8", errors="replace"), probability)
