"""The formulas of filling gaps written out in torch, and small models to compare them on."""

from __future__ import annotations

import itertools
from functools import cache

import numpy as np
import torch

from rnngen.corpus.tokenizer import CharTokenizer, Level, Tokenizer, train_tokenizer
from rnngen.infilling.filler import Filler
from rnngen.infilling.loading import make_filler
from rnngen.model.cloze import ClozeLM
from rnngen.model.language_model import Network, RecurrentLM
from rnngen.options.network import ModelConfig

TOKENIZER = CharTokenizer("abc ")
V = TOKENIZER.vocab_size


def network(*, bidirectional: bool = True, **fields: object) -> ClozeLM | RecurrentLM:
    config = ModelConfig(**{"hidden_size": 8, "embedding_size": 4, "bidirectional": bidirectional, **fields})
    model = (ClozeLM if bidirectional else RecurrentLM)(config, V, torch.Generator().manual_seed(2))
    with torch.no_grad():
        for p in model.parameters():
            p.mul_(2)
    return model


def filler_of(model: Network, tokenizer: Tokenizer = TOKENIZER) -> Filler:
    weights = {name: w.numpy() for name, w in model.weights().items()}
    return make_filler(model.config, weights, tokenizer)


@torch.no_grad()
def log_p(model: ClozeLM, before: list[int], unknown: list[int], beyond: list[int]) -> float:
    """Ln p of unknown tokens: each given all to its left, and all beyond them, the unknown ones to its right masked."""
    total = 0.0
    for k, token in enumerate(unknown):
        left_state = model.left_to_right.start_state(1)
        if read := [*before, *unknown[:k]]:
            left_state = model.left_to_right.read(torch.tensor(read)[:, None], left_state)[2]
        right_state = model.right_to_left.start_state(1)
        masks = len(unknown) - 1 - k
        if read := [*beyond[::-1], *([0] * masks)]:
            masked = torch.tensor([False] * len(beyond) + [True] * masks)[:, None]
            right_state = model.right_to_left.read(torch.tensor(read)[:, None], right_state, masked=masked)[2]
        logits = model.left_to_right.readout(left_state) + model.right_to_left.readout(right_state)
        total += float(logits[0].double().log_softmax(-1)[token])
    return total


@torch.no_grad()
def alone(reader: RecurrentLM, other: RecurrentLM | None, read: list[int], predicted: list[int]) -> float:
    """Ln p of tokens, each from those before it in the order of reading, the other reader having read nothing."""
    state, total = reader.start_state(1), 0.0
    if read:
        state = reader.read(torch.tensor(read)[:, None], state)[2]
    for token in predicted:
        logits = reader.readout(state)
        logits = logits if other is None else logits + other.readout(other.start_state(1))
        total += float(logits[0].double().log_softmax(-1)[token])
        state = reader.read(torch.tensor([[token]]), state)[2]
    return total


def judged(model: ClozeLM | RecurrentLM, parts: list[list[int]]) -> float:
    """Mean over the readers of ln p of what is in the gaps, the odd parts, and of 12 tokens beyond each."""
    readers: list[tuple[RecurrentLM, RecurrentLM | None, int]]
    if isinstance(model, ClozeLM):
        left, right = model.left_to_right, model.right_to_left
        readers = [(left, right, 1), (right, left, -1)]
    else:
        readers = [(model, None, 1)]
    found = []
    for reader, other, towards in readers:
        ordered = [part[::towards] for part in parts[::towards]]
        found.append(
            sum(
                alone(reader, other, [*itertools.chain(*ordered[:i])], [*ordered[i], *ordered[i + 1][:12]])
                for i in range(1, len(ordered), 2)
            )
        )
    return float(np.mean(found))


def ids(text: str) -> list[int]:
    return TOKENIZER.encode(text).tolist()


@torch.no_grad()
def log_p_of_one(model: ClozeLM, text: list[int], at: int) -> np.ndarray:
    """Ln p of every token at a place, given all others."""
    left, right = model.left_to_right, model.right_to_left
    a = left.read(torch.tensor(text[:at])[:, None], left.start_state(1))[2]
    b = right.read(torch.tensor(text[at + 1 :][::-1])[:, None], right.start_state(1))[2]
    return (left.readout(a) + right.readout(b))[0].double().log_softmax(-1).numpy()


@cache
def of_subwords(level: Level) -> tuple[ClozeLM, Tokenizer, Filler]:
    """A bidirectional model of words or byte pairs."""
    text = "the cat sat on the mat and the cattle ran to the tree. " * 20
    tokenizer = train_tokenizer(level, [text], 300)
    config = ModelConfig(**{"hidden_size": 8, "embedding_size": 4, "bidirectional": True})
    model = ClozeLM(config, tokenizer.vocab_size, torch.Generator().manual_seed(2))
    return model, tokenizer, filler_of(model, tokenizer)
