"""What `gain` says of the weights at the start holds: every eigenvalue, or the largest, has that modulus."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import rnngen
from rnngen.errors import UsageError
from rnngen.model.language_model import RecurrentLM
from rnngen.model.load import fresh_network, load_network
from rnngen.options.network import ModelConfig
from rnngen.runs.finding import open_run
from tests.conftest import FAST
from tests.model.test_cells import KINDS

USUAL = {"identity": 0.9, "relu": 0.5, "sigmoid": 4.0}


def moduli(cell: str, nonlinearity: str, gain: float | None, initialization: str = "orthogonal") -> list[np.ndarray]:
    """Of the eigenvalues of each gate's block in each of two layers, by NumPy."""
    config = ModelConfig(
        **{"cell": cell, "nonlinearity": nonlinearity, "gain": gain, "initialization": initialization},
        hidden_size=24,
        embedding_size=6,
        num_layers=2,
    )
    model = RecurrentLM(config, 7, torch.Generator().manual_seed(3))
    blocks = [b for layer in model.cells for b in layer.weight_hh_l0.detach().double().split(24)]
    assert len(blocks) == 2 * config.gates
    return [np.abs(np.linalg.eigvals(block.numpy())) for block in blocks]


@pytest.mark.parametrize("gain", [None, 0.9, 1.1])
@pytest.mark.parametrize(("cell", "nonlinearity"), KINDS)
def test_every_eigenvalue_of_a_start_matrix_has_the_modulus_that_was_asked_for(
    cell: str, nonlinearity: str, gain: float | None
) -> None:
    expected = gain or USUAL.get(nonlinearity, 1.0)
    for values in moduli(cell, nonlinearity, gain):
        np.testing.assert_allclose(values, expected, rtol=1e-5)


def test_a_uniform_start_matrix_has_the_spectral_radius_that_was_asked_for() -> None:
    for values in moduli("gru", "tanh", 1.1, "uniform"):
        assert values.max() == pytest.approx(1.1, rel=1e-5)
        assert values.min() < 0.9
    assert max(values.max() for values in moduli("gru", "tanh", None, "uniform")) < 0.9


def test_without_a_gain_the_start_weights_are_what_they_were() -> None:
    """The random draws are the same, and only the recurrent matrices are scaled."""
    given, usual = (
        RecurrentLM(ModelConfig(cell="lstm", hidden_size=8, embedding_size=4, gain=gain), 5) for gain in (2.0, None)
    )
    for name, weight in given.named_parameters():
        factor = 2 if "weight_hh" in name else 1
        torch.testing.assert_close(weight, factor * dict(usual.named_parameters())[name], rtol=0, atol=0)


def test_a_run_remembers_its_gain_and_one_of_an_older_version_has_none(corpus: Path) -> None:
    run = rnngen.train(corpus, out="run", steps=2, gain=0.95, cell="rnn", nonlinearity="identity", **FAST)
    matrix = fresh_network(run).cells[0].weight_hh_l0.detach().double().numpy()  # type: ignore[union-attr]
    np.testing.assert_allclose(np.abs(np.linalg.eigvals(matrix)), 0.95, rtol=1e-5)
    config = json.loads(Path("run/config.json").read_text())
    assert config["model"].pop("gain") == 0.95
    assert ModelConfig.saved(config["model"], "model", "config.json").gain is None
    assert load_network(open_run("run")).config.gain == 0.95


def test_a_run_with_the_weights_of_another_cannot_have_a_gain(corpus: Path, trained: Path) -> None:
    with pytest.raises(UsageError, match="`gain` cannot be given with `init_from`; expected the weights of that run"):
        rnngen.train(corpus, out="tuned", init_from=trained, gain=1.1, steps=1)
    scaled = rnngen.train(corpus, out="scaled", steps=1, gain=1.1, **FAST)
    assert rnngen.train(corpus, out="tuned", init_from=scaled.path, steps=1).model_config().gain is None
