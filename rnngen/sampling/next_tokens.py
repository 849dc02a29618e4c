"""What comes next: the continuations of a prompt by one token, with their probabilities."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from rnngen.corpus.documents import BOUNDARY
from rnngen.corpus.tokenizer import Tokenizer
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


def next_token_probabilities(
    generator: Generator, prompt: str, temperatures: Sequence[float], label: str | None = None
) -> dict[bytes, tuple[float, ...]]:
    """What each token that can come next adds to the prompt → its probability at each temperature.

    Where every token is a character or a byte these are the entries of the softmax. Otherwise the end of the prompt
    may be a part of the token that comes next; then the probability is that of what the token adds, given the
    characters of the prompt (see ``healing.py``). After a word of a closed vocabulary comes the next word, though the
    prompt may lack the space before it. The symbol for unknown characters is never among them.

    Args:
        generator: a model.
        prompt: as for ``Generator.generate``.
        temperatures: each above 0: a probability becomes its power of 1 / temperature, divided by their sum.
        label: of the text; None: it has none.

    Returns:
        The most likely first, by the first temperature, of equal ones the first in alphabetical order.

    Raises:
        UsageError: no such label.
        TokenizerError: the prompt contains a lone surrogate.
        RnngenError: the model's logits are not finite.
    """
    if label is not None:
        check(declared(Sampling)["label"], label)
    known = given_label(generator.tokenizer, label)
    ids, held = generator.reader.hold_back_prompt(_whole(generator.tokenizer, prompt), known or None)
    context = generator.context(ids)
    opening = open_text(context, held, generator.tokenizer)
    texts: list[bytes] = []
    log_p: list[float] = []
    table = generator.tokenizer.token_bytes()
    for branch, row in zip(*branches(context, opening, generator.banned(())), strict=True):
        possible = np.flatnonzero(np.isfinite(row))
        texts += [table[token][branch.known :] for token in possible.tolist()]
        log_p += (branch.log_p + row[possible]).tolist()
    columns = [np.exp(normalized(np.array(log_p) / temperature)).tolist() for temperature in temperatures]
    totals = defaultdict[bytes, tuple[float, ...]](lambda: (0.0,) * len(columns))
    for text, *probabilities in zip(texts, *columns, strict=True):  # several tokens may add the same text
        totals[text] = tuple(map(sum, zip(totals[text], probabilities, strict=True)))
    ranked = sorted(totals.items(), key=lambda item: (-item[1][0], item[0]))
    return {text: probabilities for text, probabilities in ranked if probabilities[0] > 0}


def as_dict(
    run: str, prompt: str, temperatures: Sequence[float], found: Mapping[bytes, Sequence[float]], top: int
) -> dict[str, Any]:
    """What ``rnngen inspect next --json`` prints.

    Args:
        run: its name.
        prompt: the text before.
        temperatures: of the distributions.
        found: the continuations, the most likely first, with their probabilities at these temperatures.
        top: how many of them to name.
    """
    tokens = [{**_content_as_dict(content), "probabilities": list(each)} for content, each in list(found.items())[:top]]
    return {
        "run": run,
        "prompt": prompt,
        "temperatures": list(temperatures),
        "entropy_in_bits": entropies(found),
        "tokens": tokens,
    }


def entropies(found: Mapping[bytes, Sequence[float]]) -> list[float]:
    """The entropy of each distribution, in bits per token."""
    return [abs(sum(p * math.log2(p) for p in column if p)) for column in zip(*found.values(), strict=True)]  # not -0


def _content_as_dict(content: bytes) -> dict[str, Any]:
    token = next_token(content, 0.0)
    return {"text": token.text, "bytes": "" if token.ends else content.hex(), "ends": token.ends}


def _whole(tokenizer: Tokenizer, prompt: str) -> str:
    """The prompt, with a space after a word of a closed vocabulary: there, a space is a part of the word before it."""
    last = prompt.split()[-1:] if tokenizer.is_closed and not prompt[-1:].isspace() else []
    return f"{prompt} " if last and tokenizer.unknown_id not in tokenizer.encode(last[0]) else prompt


def next_token(content: bytes, probability: float) -> NextToken:
    """A continuation as a token."""
    if content == BOUNDARY.encode():
        return NextToken("", probability, ends=True)
    return NextToken(content.decode("utf-8", errors="replace"), probability)
