"""A program of its own scores a run, from its files alone: NumPy, float64, one token after the other.

It reads ``model.safetensors`` byte by byte, the sizes in ``config.json`` and the vocabulary in ``tokenizer.json``, and
imports nothing of the package: what both get wrong in the same way, they do not share in code.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tokenizers import Tokenizer

import rnngen
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


def nats_per_token(run: Path, text: str) -> float:
    weights = read_tensors(run / "model.safetensors")
    model: dict[str, Any] = json.loads((run / "config.json").read_text())["model"]
    ids = Tokenizer.from_file(str(run / "tokenizer.json")).encode(text).ids
    embedding, bias = weights["embedding.weight"], weights["output.bias"]
    softmax = embedding if model["tied"] else weights["output.weight"]
    layers = [layer_weights(weights, layer) for layer in range(model["num_layers"])]
    hidden = [np.zeros(layer["weight_hh"].shape[1]) for layer in layers]
    cells = [np.zeros_like(h) for h in hidden]
    nats = 0.0
    for token in ids:
        logits = softmax @ hidden[-1] + bias
        nats += math.log(np.exp(logits - logits.max()).sum()) + logits.max() - logits[token]
        x = embedding[token]
        for k, layer in enumerate(layers):
            hidden[k], cells[k] = CELLS[model["cell"]](x, hidden[k], cells[k], layer)
            x = hidden[k]
    return nats / len(ids)


@pytest.mark.parametrize(
    ("cell", "tokenizer", "tied"),
    [
        ("lstm", "char", True),
        ("lstm", "bpe", True),
        ("gru", "char", False),
        ("gru", "bpe", True),
        ("rnn", "char", True),
        ("rnn", "bpe", False),
    ],
)
def test_eval_agrees_with_an_independent_program(
    cell: str, tokenizer: str, tied: bool, cli: Cli, corpus: Path, tmp_path: Path
) -> None:
    size: dict[str, Any] = {"vocab_size": 300} if tokenizer == "bpe" else {}
    how = {"cell": cell, "num_layers": 2, "tied": tied, "tokenizer": tokenizer} | size
    rnngen.train(corpus, out="run", steps=8, valid_every=8, **{**FAST, **how})
    (tmp_path / "text.txt").write_text(TEXT)
    outcome = cli("eval", "run", "text.txt", "--json")
    assert outcome.code == 0, outcome.err
    score = json.loads(outcome.out)
    expected = nats_per_token(Path("run"), TEXT)
    assert score["nats_per_token"] == pytest.approx(expected, abs=1e-5)
    assert abs(expected - math.log(300 if size else 30)) > 0.05  # far enough from a uniform guess to mean something
