"""Truncated gradients against plain loops that detach the state where a window begins, and resets against prefixes."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from rnngen.errors import CorpusError, RnngenError
from rnngen.inspection import truncation
from rnngen.inspection.equations import start_states, step_model
from rnngen.inspection.truncation import Truncation, measure_truncation
from rnngen.model.cloze import ClozeLM
from rnngen.model.language_model import Network, RecurrentLM
from rnngen.options.network import ModelConfig
from tests.conftest import Outcome
from tests.model.test_cells import KINDS

Cli = Callable[..., Outcome]

V, H, BURN, SPAN = 9, 12, 5, 8
BOUNDARY = 0
TOKENS = np.random.default_rng(0).integers(V, size=BURN + 4 * SPAN + 1)  # four passages, one beside the other
STARTS = [0, SPAN, 2 * SPAN, 3 * SPAN]


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(truncation, "BURN_IN", BURN)
    monkeypatch.setattr(truncation, "GROUPS", 4)


def config(cell: str = "lstm", nonlinearity: str = "tanh", **fields: object) -> ModelConfig:
    sizes = {"hidden_size": H, "embedding_size": 4, "num_layers": 2}
    return ModelConfig(**{"cell": cell, "nonlinearity": nonlinearity, **sizes, **fields})


def network(cell: str = "lstm", nonlinearity: str = "tanh", **fields: object) -> RecurrentLM:
    boundary = fields.pop("boundary", None)
    assert boundary is None or isinstance(boundary, int)
    generator = torch.Generator().manual_seed(3)
    return RecurrentLM(config(cell, nonlinearity, **fields), V, generator, boundary).double()


def read(
    model: RecurrentLM, start: int, k: int, tokens: np.ndarray = TOKENS, bias: Tensor | None = None, *, reset: bool
) -> list[Tensor]:
    """The losses of a passage, token by token, by the formulas: no gradient, or no state, passes a window's start."""
    ids = torch.from_numpy(tokens.copy())
    states, losses = start_states(model, 1), []
    for t in range(start, start + BURN + SPAN):
        at = t - start - BURN  # in the passage
        if at >= 0 and at % k == 0:
            states = [{name: s.detach() for name, s in layer.items()} for layer in states]
            if reset:
                states = start_states(model, 1)
        logits, steps = step_model(model, ids[t : t + 1], states)
        states = [step.states for step in steps]
        if at >= 0:
            losses.append(torch.nn.functional.cross_entropy(logits + (0 if bias is None else bias), ids[t + 1 : t + 2]))
    return losses


def gradients(model: RecurrentLM, losses: list[Tensor]) -> tuple[np.ndarray, np.ndarray]:
    """Of their mean: with respect to all parameters, and to the recurrent matrices."""
    names, parameters = zip(*model.named_parameters(), strict=True)
    found = torch.autograd.grad(torch.stack(losses).mean(), parameters)
    each = {name: g.flatten().numpy() for name, g in zip(names, found, strict=True)}
    return np.concatenate([*each.values()]), np.concatenate([g for n, g in each.items() if "weight_hh" in n])


def check(measured: Truncation, model: RecurrentLM, tokens: np.ndarray = TOKENS, bias: Tensor | None = None) -> None:
    """All figures against loops over the passages, and the textbook formulas of mean and variance."""
    model.requires_grad_(True)
    of = {
        k: [gradients(model, read(model, start, k, tokens, bias, reset=False)) for start in STARTS]
        for k in (1, 2, 4, 8)
    }
    for part, noise in enumerate((measured.noise, measured.recurrent_noise)):
        whole = np.array([g[part] for g in of[SPAN]])
        assert noise == pytest.approx(math.sqrt(whole.var(axis=0, ddof=1).sum() * SPAN), rel=1e-6)
        for windows in measured.lengths:
            each = np.array([g[part] for g in of[windows.bptt]])
            ours = (windows.everything, windows.recurrent)[part]
            a, b = each.mean(axis=0), whole.mean(axis=0)
            assert ours.cosine == pytest.approx(a @ b / np.linalg.norm(a) / np.linalg.norm(b), rel=1e-9)
            assert ours.ratio == pytest.approx(np.linalg.norm(a) / np.linalg.norm(b), rel=1e-9)
            difference = each - whole
            square = (difference.mean(axis=0) ** 2).sum() - difference.var(axis=0, ddof=1).sum() / len(STARTS)
            assert ours.bias == pytest.approx(math.sqrt(max(0.0, square)), rel=1e-6, abs=1e-9)
    carried = np.array(
        [np.mean([float(n.detach()) for n in read(model, s, SPAN, tokens, bias, reset=False)]) for s in STARTS]
    )
    assert measured.nats == pytest.approx(carried.mean(), rel=1e-9)
    for windows in measured.lengths:
        reset = [read(model, s, windows.bptt, tokens, bias, reset=True) for s in STARTS]
        nats = np.array([np.mean([float(n.detach()) for n in each]) for each in reset])
        assert windows.reset_nats == pytest.approx(nats.mean(), rel=1e-9)
        assert windows.worth == pytest.approx((nats - carried).mean(), rel=1e-6, abs=1e-9)
        assert windows.error == pytest.approx((nats - carried).std(ddof=1) / 2, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize(("cell", "nonlinearity"), KINDS)
def test_every_figure_is_that_of_plain_loops(cell: str, nonlinearity: str) -> None:
    model = network(cell, nonlinearity)
    (measured,) = measure_truncation(model, TOKENS, SPAN)
    assert (measured.passages, [each.bptt for each in measured.lengths]) == (4, [1, 2, 4, 8])
    check(measured, model)


def test_documents_begin_anew_as_in_training() -> None:
    model = network(boundary=BOUNDARY, tied=True)
    assert (TOKENS[BURN:] == BOUNDARY).sum() >= 3
    check(measure_truncation(model, TOKENS, SPAN)[0], model)


def test_each_reader_of_a_bidirectional_network_is_a_language_model_by_itself() -> None:
    model = ClozeLM(config("gru", bidirectional=True), V, torch.Generator().manual_seed(3)).double()
    with torch.no_grad():
        model.left_to_right.output.bias.normal_(generator=torch.Generator().manual_seed(1))
    left, right = measure_truncation(model, TOKENS, SPAN)
    assert (left.direction, right.direction) == ("left to right", "right to left")
    biases = [reader.output.bias.detach().clone() for reader in (model.right_to_left, model.left_to_right)]
    check(left, model.left_to_right, TOKENS, biases[0])
    check(right, model.right_to_left, TOKENS[::-1], biases[1])


def test_windows_of_one_token_give_a_network_without_recurrence_the_whole_gradient() -> None:
    model = network("rnn", num_layers=1)
    with torch.no_grad():
        model.cells[0].weight_hh_l0.zero_()
    (measured,) = measure_truncation(model, TOKENS, SPAN)
    for windows in measured.lengths:
        assert windows.everything.angle == pytest.approx(0, abs=1e-5)
        assert windows.worth == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("model", [network(), network(boundary=BOUNDARY)])
def test_a_text_of_one_passage_is_too_short(model: Network) -> None:
    with pytest.raises(CorpusError, match=r"expected 22 tokens for passages of 8; found 21\. Use `span=4`, or read a"):
        measure_truncation(model, TOKENS[:21], SPAN)
    assert measure_truncation(model, TOKENS[:21], 4)[0].passages == 3
    assert measure_truncation(model, TOKENS[:21])[0].span == 4
    with pytest.raises(CorpusError, match=r"found 7\. Read a longer text"):
        measure_truncation(model, TOKENS[:7], SPAN)


def test_a_gradient_that_is_not_finite_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(truncation, "BURN_IN", 20)  # 1000^20 is beyond float32
    model = network("rnn", "identity", gain=1000.0, num_layers=1)
    with pytest.raises(RnngenError, match="the gradient is not finite"):
        measure_truncation(model.float(), TOKENS, 4)


def test_the_command_shows_the_figures_and_says_what_they_mean(cli: Cli, trained: Path) -> None:
    said = cli("inspect", "truncation", trained, "--span", 32)
    assert said.code == 0
    assert max(map(len, said.out.splitlines()[1:])) <= 80
    assert "At k = 16, which this run was trained with, the gradient points " in said.out
    assert "a training batch of 4 × 16 tokens" in said.out.replace("\n", " ")
    out = json.loads(cli("inspect", "truncation", trained, "--span", 32, "--json").out)
    assert (out["run"], out["bptt"], out["batch_tokens"]) == (str(trained), 16, 64)
    (only,) = out["directions"]
    assert [each["bptt"] for each in only["windows"]] == [1, 2, 4, 8, 16, 32]
    last = only["windows"][-1]
    assert (last["all"]["length"], last["recurrent"]["length"], last["all"]["bias"]) == (1, 1, 0)
    assert last["all"]["angle"] == pytest.approx(0, abs=0.1)
    fresh = json.loads(cli("inspect", "truncation", trained, "--span", 32, "--json", "--fresh").out)
    assert fresh["directions"][0]["nats_per_token"] > only["nats_per_token"] + 0.3


def test_a_span_that_windows_do_not_fill_is_refused(cli: Cli, trained: Path) -> None:
    said = cli("inspect", "truncation", trained, "--span", 100)
    assert (said.code, "--span is not a power of 2" in said.err) == (2, True)


def test_the_picture_is_written_before_anything_else_fails(cli: Cli, trained: Path) -> None:
    said = cli("inspect", "truncation", trained, "--span", 32, "--picture", "t.svg")
    assert said.code == 0
    drawn = Path("t.svg").read_text()
    assert all(words in drawn for words in ("recurrent weights alone", "state carried on", "nats per token"))
    assert cli("inspect", "truncation", trained, "--picture", "t.txt").code == 2
