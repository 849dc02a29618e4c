"""A network of which every processor computes the same logits, so that texts can be compared bit for bit.

Its weights are small multiples of 1/8 and it has no function but the identity, so every sum is a multiple of 1/64
below 2^18, which float32 holds exactly: in any order of adding, for one stream or many, in NumPy or torch. It remembers
its last three tokens: the recurrent matrix moves the embedding of each to the next third of the state.
"""

from __future__ import annotations

import json
from pathlib import Path

import safetensors.numpy
import torch

from rnngen.corpus.tokenizer import Tokenizer
from rnngen.engine.recurrence import Recurrence
from rnngen.engine.torch_stepper import Stepper
from rnngen.model.language_model import RecurrentLM
from rnngen.options.network import ModelConfig
from rnngen.runs.finding import open_run
from rnngen.runs.manifest import sha256
from rnngen.sampling.generator import Generator

E = 8
CONFIG = {
    "cell": "rnn",
    "nonlinearity": "identity",
    "embedding_size": E,
    "hidden_size": 3 * E,
    "history": 2,
    "history_rows": 64,
}


def exact_network(vocab_size: int) -> RecurrentLM:
    model = RecurrentLM(ModelConfig(**CONFIG), vocab_size)
    generator = torch.Generator().manual_seed(0)
    (layer,) = model.cells
    with torch.no_grad():
        for p in model.parameters():
            p.zero_()
        for matrix in (model.embedding.weight, model.history.weight[1:], model.output.weight):
            matrix.copy_(torch.randint(-6, 7, matrix.shape, generator=generator) / 8)
        layer.weight_ih_l0[:E] = torch.eye(E)
        layer.weight_hh_l0[E:, :-E] = torch.eye(2 * E)
    return model


def exact_generator(tokenizer: Tokenizer, *, with_torch: bool = False) -> Generator:
    model = exact_network(tokenizer.vocab_size)
    if with_torch:
        return Generator(Stepper(model, "cpu"), tokenizer)
    weights = {name: w.numpy() for name, w in model.weights().items()}
    return Generator(Recurrence(model.config, weights), tokenizer)


def make_exact(path: Path) -> None:
    """Give a run this network in place of its own."""
    model = exact_network(open_run(path).tokenizer().vocab_size)
    config = json.loads((path / "config.json").read_text())
    config["model"].update(CONFIG)
    files = {
        "config.json": json.dumps(config).encode(),
        "model.safetensors": safetensors.numpy.save({name: w.numpy() for name, w in model.weights().items()}),
    }
    manifest = json.loads((path / "manifest.json").read_text())
    for name, content in files.items():
        (path / name).write_bytes(content)
        manifest["files"][name] = {"sha256": sha256(content), "bytes": len(content)}
    (path / "manifest.json").write_text(json.dumps(manifest))
