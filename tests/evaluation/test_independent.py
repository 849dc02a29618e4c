"""A program of its own scores a run, from its files alone: NumPy, float64, one token after the other.

It reads ``model.safetensors`` byte by byte, the sizes in ``config.json`` and the vocabulary in ``tokenizer.json``, and
imports nothing of the package: what both get wrong in the same way, they do not share in code.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tokenizers import Tokenizer
from torch import Tensor

import rnngen
from rnngen.evaluation import reading
from rnngen.evaluation.parallel import read_in_parallel
from tests.conftest import FAST, Outcome, make_text

Cli = Callable[..., Outcome]
Arrays = dict[str, np.ndarray]

TEXT = make_text(600, seed=3)


def read_tensors(path: Path) -> Arrays:
    """Safetensors: the length of a JSON header, the header, and the numbers."""
    content = path.read_bytes()
    size = int.from_bytes(content[:8], "little")
    header, data = json.loads(content[8 : 8 + size]), content[8 + size :]
    header.pop("__metadata__", None)
    tensors = {}
    for name, about in header.items():
        assert about["dtype"] == "F32"
        begin, end = about["data_offsets"]
        tensors[name] = np.frombuffer(data[begin:end], "<f4").reshape(about["shape"]).astype(np.float64)
    return tensors


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def lstm(x: np.ndarray, h: np.ndarray, c: np.ndarray, w: Arrays) -> tuple[np.ndarray, np.ndarray]:
    """Gates in the order i, f, c̃, o."""
    i, f, g, o = np.split(w["weight_ih"] @ x + w["bias_ih"] + w["weight_hh"] @ h + w["bias_hh"], 4)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def gru(x: np.ndarray, h: np.ndarray, c: np.ndarray, w: Arrays) -> tuple[np.ndarray, np.ndarray]:
    """Gates in the order r, z, n, as cuDNN computes them."""
    of_x, of_h = np.split(w["weight_ih"] @ x + w["bias_ih"], 3), np.split(w["weight_hh"] @ h + w["bias_hh"], 3)
    r, z = sigmoid(of_x[0] + of_h[0]), sigmoid(of_x[1] + of_h[1])
    n = np.tanh(of_x[2] + r * of_h[2])
    return (1 - z) * n + z * h, c


def rnn(x: np.ndarray, h: np.ndarray, c: np.ndarray, w: Arrays) -> tuple[np.ndarray, np.ndarray]:
    return np.tanh(w["weight_ih"] @ x + w["bias_ih"] + w["weight_hh"] @ h + w["bias_hh"]), c


CELLS = {"lstm": lstm, "gru": gru, "rnn": rnn}


def layer_weights(weights: Arrays, layer: int) -> Arrays:
    return {name: weights[f"layers.{layer}.{name}_l0"] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")}


def ngrams(tokens: list[int], rows: int) -> list[int]:
    """The rows of the n-grams of 2 tokens or more that end with the last of these."""
    found = []
    for n in range(2, len(tokens) + 1):
        number = 0
        for token in reversed(tokens[-n:]):
            number = (number * 1_103_515_245 + token + 1) % (2**31 - 1)
        found.append(1 + number % (rows - 1))
    return found


def ids_and_nats(run: Path, text: str) -> tuple[np.ndarray, np.ndarray]:
    """Of each token, (N,)."""
    weights = read_tensors(run / "model.safetensors")
    model: dict[str, Any] = json.loads((run / "config.json").read_text())["model"]
    ids = Tokenizer.from_file(str(run / "tokenizer.json")).encode(text).ids
    embedding, bias = weights["embedding.weight"], weights["output.bias"]
    softmax = embedding if model["tied"] else weights["output.weight"]
    layers = [layer_weights(weights, layer) for layer in range(model["num_layers"])]
    hidden = [np.zeros(layer["weight_hh"].shape[1]) for layer in layers]
    cells = [np.zeros_like(h) for h in hidden]
    table = weights["history.weight"]
    assert model["history"] == 3
    nats: list[float] = []
    read: list[int] = []
    for token in ids:
        logits = softmax @ hidden[-1] + bias
        nats.append(math.log(np.exp(logits - logits.max()).sum()) + logits.max() - logits[token])
        read.append(int(token))
        x = embedding[token] + sum(table[row] for row in ngrams(read[-4:], len(table)))
        for k, layer in enumerate(layers):
            hidden[k], cells[k] = CELLS[model["cell"]](x, hidden[k], cells[k], layer)
            x = hidden[k]
    return np.array(ids), np.array(nats)


def check_score(cli: Cli, corpus: Path, text: str, **how: Any) -> None:
    """Train a run of two layers and compare what ``eval`` says of a text, in sum and token by token."""
    size: dict[str, Any] = {"vocab_size": 300} if how["tokenizer"] == "bpe" else {}
    rnngen.train(corpus, out="run", steps=8, valid_every=8, num_layers=2, **{**FAST, **how, **size})
    Path("text.txt").write_text(text)
    outcome = cli("eval", "run", "text.txt", "--json", "--fast", "--surprisal", "nats.jsonl")
    assert outcome.code == 0, outcome.err
    ids, expected = ids_and_nats(Path("run"), text)
    found = [json.loads(line)["nats"] for line in Path("nats.jsonl").read_text().splitlines()]
    assert len(found) == len(expected)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
    assert json.loads(outcome.out)["nats_per_token"] == pytest.approx(expected.mean(), rel=0, abs=1e-5)
    often = expected[ids == np.bincount(ids).argmax()]
    assert often.std() > 0.01  # the same token in different contexts: what is read matters, so a wrong state shows


@pytest.mark.parametrize(
    ("cell", "tokenizer", "tied"),
    [*itertools.product(CELLS, ("char", "bpe"), (True,)), ("gru", "char", False), ("rnn", "bpe", False)],
)
def test_eval_agrees_with_an_independent_program(cell: str, tokenizer: str, tied: bool, cli: Cli, corpus: Path) -> None:
    check_score(cli, corpus, TEXT, cell=cell, tokenizer=tokenizer, tied=tied)


def test_both_agree_on_a_text_that_is_read_in_blocks_and_in_parallel_streams(
    cli: Cli, corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    streams: list[int] = []

    def spied(*args: Any, **how: Any) -> Tensor:
        read, *rest = args
        return read_in_parallel(lambda at, state: streams.append(at.shape[1]) or read(at, state), *rest, **how)

    monkeypatch.setattr(reading, "read_in_parallel", spied)
    monkeypatch.setattr(reading, "first_block_of", lambda model: 6144)
    check_score(cli, corpus, make_text(8300, seed=3), cell="lstm", tokenizer="char", tied=True)
    assert set(streams) >= {1, 3}  # the second block is of one stream
