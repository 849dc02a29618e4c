"""Gradient flow against the exact powers of W, finite differences, and the verdicts that theory gives."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rnngen.errors import CorpusError
from rnngen.inspection import passages
from rnngen.inspection.eigenvalues import layer_eigenvalues
from rnngen.inspection.equations import start_states, step_model
from rnngen.inspection.explanation import explain
from rnngen.inspection.gradients import furthest, gradient_flow, possible_lags
from rnngen.inspection.passages import BURN_IN, ENDS, STREAMS, read_passages
from rnngen.model.cloze import ClozeLM
from rnngen.model.language_model import RecurrentLM
from rnngen.options.network import ModelConfig
from tests.model.test_cells import KINDS

V, H = 9, 12
TOKENS = np.random.default_rng(0).integers(V, size=1000)


def network(cell: str, nonlinearity: str = "tanh", radius: float | None = None, **fields: object) -> RecurrentLM:
    """In float64; with ``radius``, its recurrent matrices are orthogonal ones times that."""
    config = ModelConfig(
        **{"cell": cell, "nonlinearity": nonlinearity, "hidden_size": H, "embedding_size": 4, **fields}
    )
    model = RecurrentLM(config, V, torch.Generator().manual_seed(3)).double()
    if radius is not None:
        with torch.no_grad():
            for layer in model.cells:
                for block in layer.weight_hh_l0.chunk(len(layer.weight_hh_l0) // H):
                    random = torch.randn(H, H, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
                    block.copy_(radius * torch.linalg.qr(random)[0])
    return model


def test_through_the_identity_gradients_are_the_exact_powers_of_the_recurrent_matrix() -> None:
    """∂J^i/∂h^j = ∂J^i/∂h^i · W_h^{i-j}, to float precision, for every lag, passage and stream."""
    model, lags = network("rnn", "identity", radius=0.9), 30
    (flow,) = gradient_flow(model, TOKENS, lags)
    W = model.cells[0].weight_hh_l0.detach()
    needed = BURN_IN + lags + ENDS + 1
    norms = []
    for start in np.linspace(0, len(TOKENS) - needed, STREAMS).astype(int):
        window = torch.from_numpy(TOKENS[start : start + needed])
        states = start_states(model, 1)
        for t in range(BURN_IN + lags + ENDS):
            logits, steps = step_model(model, window[t : t + 1], states)
            states = [step.states for step in steps]
            if t >= BURN_IN + lags:
                # ∂J/∂h by hand: (softmax - one-hot) times the output matrix
                p = logits.detach().softmax(1)
                p[0, window[t + 1]] -= 1
                g = p @ model.output.weight.detach()
                norms.append([float((g @ torch.linalg.matrix_power(W, lag)).norm()) for lag in range(lags + 1)])
    np.testing.assert_allclose(flow.mean, np.mean(norms, axis=0), rtol=1e-10)
    np.testing.assert_allclose(flow.low, np.percentile(norms, 10, axis=0), rtol=1e-10)
    np.testing.assert_allclose(flow.high, np.percentile(norms, 90, axis=0), rtol=1e-10)


def test_in_the_long_run_the_gradient_shrinks_like_the_largest_eigenvalue(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a matrix that is not normal, whose largest singular value says nothing about that."""
    monkeypatch.setattr(passages, "ENDS", 1)
    model = network("rnn", "identity")
    with torch.no_grad():
        random = torch.randn(H, H, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
        W = model.cells[0].weight_hh_l0.copy_(0.95 * random / torch.linalg.eigvals(random).abs().max())
        assert torch.linalg.matrix_norm(W, 2) > 1.2
    (flow,) = gradient_flow(model, TOKENS, 300)
    assert flow.factors.radii["h"] == pytest.approx(0.95)
    assert (flow.left[300] / flow.left[100]) ** (1 / 200) == pytest.approx(0.95, rel=0.005)


@pytest.mark.parametrize("num_layers", [1, 2])
@pytest.mark.parametrize(("cell", "nonlinearity"), KINDS)
def test_gradients_equal_finite_differences(
    cell: str, nonlinearity: str, num_layers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of one loss in one place: each state is moved a little, unit by unit, and the text read on from there."""
    monkeypatch.setattr(passages, "STREAMS", 1)
    monkeypatch.setattr(passages, "ENDS", 1)
    monkeypatch.setattr(passages, "BURN_IN", 5)
    model, lags = network(cell, nonlinearity, num_layers=num_layers), 4
    flows = gradient_flow(model, TOKENS[:11], lags)
    window = torch.from_numpy(TOKENS[:11])
    epsilon = 1e-6
    for flow in flows:
        for lag in range(1, lags + 1):
            moved_at = 9 - lag  # the state after this token
            gradient = []
            for unit in range(H):
                losses = []
                for sign in (1, -1):
                    states = start_states(model, 1)
                    for t in range(10):
                        logits, steps = step_model(model, window[t : t + 1], states)
                        states = [{k: s.detach().clone() for k, s in step.states.items()} for step in steps]
                        if t == moved_at:
                            # what a layer hands up at this step is not part of it: the layer above has read it already
                            states[flow.layer - 1][flow.state][0, unit] += sign * epsilon
                    losses.append(float(torch.nn.functional.cross_entropy(logits, window[10:11]).detach()))
                gradient.append((losses[0] - losses[1]) / (2 * epsilon))
            through_time = float(np.linalg.norm(gradient))
            if flow.layer == num_layers and flow.state == "h":  # else the path up, or from c to h, is in it too
                assert flow.mean[lag] == pytest.approx(through_time, rel=1e-5, abs=1e-9)


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_each_direction_of_a_bidirectional_network_has_the_gradients_of_its_own_reading(
    cell: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of one loss in one place, by autograd through each reader, beside which the other has read the rest."""
    for name, value in (("STREAMS", 1), ("ENDS", 1), ("BURN_IN", 5)):
        monkeypatch.setattr(passages, name, value)
    config = ModelConfig(**{"cell": cell, "hidden_size": H, "embedding_size": 4, "bidirectional": True})
    model = ClozeLM(config, V, torch.Generator().manual_seed(3)).double()
    lags, tokens = 4, TOKENS[:16]
    flows = {f.direction: f for f in gradient_flow(model, tokens, lags) if f.state == "h"}
    left, right = model.left_to_right, model.right_to_left
    for direction, reader, other, text in (
        ("left to right", left, right, tokens),
        ("right to left", right, left, tokens[::-1]),
    ):
        ids = torch.from_numpy(text.copy())[:, None]
        beside = other.read(ids[11:].flip(0), other.start_state(1).double())[
            2
        ]  # all beyond the token that is predicted
        states = [reader.start_state(1).double()]
        for token in ids[:10]:
            states[-1].requires_grad_()
            states.append(reader.read(token[None], states[-1])[2])
        loss = torch.nn.functional.cross_entropy(reader.readout(states[-1]) + other.readout(beside), ids[10])
        for lag in range(1, lags + 1):
            (gradient,) = torch.autograd.grad(loss, states[-1 - lag], retain_graph=True)
            assert flows[direction].mean[lag] == pytest.approx(float(gradient[0, 0].norm()), rel=1e-9)


@pytest.mark.parametrize(
    ("nonlinearity", "radius", "kind"),
    [
        ("identity", 0.5, "vanishes"),
        ("identity", 1.0, "carries"),
        ("identity", 1.5, "explodes"),
        ("tanh", 0.5, "vanishes"),
        ("tanh", 1.0, "carries"),  # above 1 a tanh does not stay near zero: the next test
    ],
)
def test_the_verdict_is_the_one_of_theory(nonlinearity: str, radius: float, kind: str) -> None:
    model = network("rnn", nonlinearity, radius)
    with torch.no_grad():  # near zero tanh is the identity, and its slope 1
        model.embedding.weight.mul_(1e-9)
        model.cells[0].bias_hh_l0.zero_()
        model.cells[0].bias_ih_l0.zero_()
    (flow,) = gradient_flow(model, TOKENS, 40)
    assert flow.verdict.kind == kind
    assert flow.verdict.factor == pytest.approx(radius, rel=1e-6)
    np.testing.assert_allclose(flow.bound, flow.median[0] * radius ** np.arange(41.0), rtol=1e-6)
    if kind == "vanishes":
        assert flow.verdict.words == "vanishes with a half-life of 1 step"
    values = layer_eigenvalues(model.cells[0], "rnn")
    np.testing.assert_allclose(np.abs(values["h"]), radius, rtol=1e-9)


def test_what_other_eigenvalues_do_at_short_lags_is_said_with_the_half_life_at_the_end() -> None:
    model = network("rnn", "identity")
    for others, told in ((0.5, True), (0.865, False)):
        with torch.no_grad():
            random = torch.randn(H, H, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
            Q = torch.linalg.qr(random)[0]
            values = torch.full((H,), others, dtype=torch.float64)
            values[0] = 0.87
            model.cells[0].weight_hh_l0.copy_(Q @ torch.diag(values) @ Q.T)
        flows = gradient_flow(model, TOKENS, 30)
        said = " ".join(explain(flows, model.config)["layer 1"])
        assert ("At short lags it shrinks faster than |λₘₐₓ| says" in said) is told
        assert ("at the end it halves every 4.98 steps" in said) is told  # ln 2 / -ln 0.87


def test_saturation_makes_vanish_what_the_matrix_would_let_explode() -> None:
    model = network("rnn", "tanh", 1.5)
    with torch.no_grad():
        model.embedding.weight.mul_(30)
    (flow,) = gradient_flow(model, TOKENS, 40)
    assert flow.verdict.kind == "vanishes"
    assert flow.verdict.factor < 0.9


def test_an_lstm_whose_forget_gate_is_near_one_carries_through_its_cell() -> None:
    model = network("lstm")
    with torch.no_grad():
        forget = slice(H, 2 * H)
        model.cells[0].bias_ih_l0[forget] = 12.0
        model.cells[0].weight_hh_l0.mul_(0.1)
    flows = {flow.state: flow for flow in gradient_flow(model, TOKENS, 100)}
    assert flows["c"].verdict.kind == "carries"
    assert (
        flows["c"].verdict.words
        == f"carries: {100 * flows['c'].left[100]:.0f} % of the gradient is left 100 steps back"
    )
    forgetful = network("lstm")
    with torch.no_grad():
        forgetful.cells[0].bias_ih_l0[forget] = -3.0
        forgetful.cells[0].weight_hh_l0.mul_(0.1)
    assert {f.verdict.kind for f in gradient_flow(forgetful, TOKENS, 100)} == {"vanishes"}


def test_the_median_stays_within_its_band_and_is_what_is_left() -> None:
    for flow in gradient_flow(network("lstm", num_layers=2), TOKENS, 30):
        assert (flow.low <= flow.median).all()
        assert (flow.median <= flow.high).all()
        np.testing.assert_allclose(flow.left, flow.median / flow.median[0])


def test_nothing_is_lost_where_float32_would_underflow() -> None:
    model = network("rnn", "identity", radius=0.3).float()  # 0.3^200 = 1e-105
    (flow,) = gradient_flow(model, TOKENS, 200)
    np.testing.assert_allclose(flow.left, 0.3 ** np.arange(201.0), rtol=1e-4)
    assert flow.verdict.factor == pytest.approx(0.3, rel=1e-6)
    assert next(model.parameters()).dtype == torch.float32  # what was given is not changed
    assert next(model.parameters()).requires_grad


def test_networks_are_compared_by_their_memory_in_the_layer_where_most_is_left() -> None:
    flows = gradient_flow(network("lstm", num_layers=2), TOKENS, 30)
    assert furthest(flows).state == "c"
    assert furthest(flows).left[-1] == max(flow.left[-1] for flow in flows if flow.state == "c")
    assert furthest(gradient_flow(network("gru"), TOKENS, 30)).state == "h"


def test_a_document_that_ends_in_one_passage_changes_no_gradient_in_another() -> None:
    model = network("lstm")
    model.boundary = 4
    states = start_states(model, 2)
    gradients = []
    for columns in ([0, 1], [0]):
        _, (step,) = step_model(model, torch.tensor([3, 4])[columns], [{k: s[columns] for k, s in states[0].items()}])
        c = step.states["c"]
        gradients.append(torch.autograd.grad(step.states["h"][0].sum(), c)[0][0])
    assert gradients[0].abs().min() > 0
    torch.testing.assert_close(gradients[0], gradients[1])


def test_lags_stay_within_documents() -> None:
    """Of documents of 6 tokens, of which the network is the identity: every lag has its power, none is cut short."""
    model = network("rnn", "identity", radius=0.5)
    model.boundary = 4
    tokens = TOKENS.copy()
    tokens[tokens == 4] = 3
    tokens[::6] = 4
    (flow,) = gradient_flow(model, tokens, 50)
    assert flow.lags == 5
    assert len(flow.median) == len(flow.bound) == 6
    assert flow.verdict.kind == "vanishes"
    assert flow.verdict.factor == pytest.approx(0.5, rel=0.1)  # of other documents at each lag
    tokens[::2] = 4
    with pytest.raises(CorpusError, match="documents of the text are too short"):
        gradient_flow(model, tokens, 50)


def test_both_directions_of_reading_have_the_same_lags_in_documents() -> None:
    """Passages that are read from the other end meet other documents, of which fewer may be long."""
    config = ModelConfig(**{"cell": "rnn", "hidden_size": H, "embedding_size": 4, "bidirectional": True})
    model = ClozeLM(config, V, torch.Generator().manual_seed(3), boundary=4)
    tokens = TOKENS.copy()
    tokens[tokens == 4] = 3
    tokens[np.cumsum(np.random.default_rng(2).integers(3, 30, 55))] = 4
    alone = [read_passages(direction, tokens, 50).document_lags for direction in model.directions]
    assert alone[0] != alone[1]
    flows = gradient_flow(model, tokens, 50)
    assert {flow.lags for flow in flows} == {min(alone)}
    for flow in flows:
        assert len(flow.bound) == min(alone) + 1
    assert furthest(flows).left[-1] == max(flow.left[min(alone)] for flow in flows)


def test_as_many_lags_are_possible_as_the_text_is_long_enough_for() -> None:
    config = ModelConfig(**{"cell": "gru", "hidden_size": H, "embedding_size": 4, "bidirectional": True})
    for model in (network("rnn"), ClozeLM(config, V, torch.Generator().manual_seed(3))):
        assert possible_lags(model, TOKENS) == 100
        lags = possible_lags(model, TOKENS[:170])
        assert 2 < lags < 100
        gradient_flow(model, TOKENS[:170], lags)
        with pytest.raises(CorpusError, match="too short"):
            gradient_flow(model, TOKENS[:170], lags + 1)
        assert possible_lags(model, TOKENS[:10]) == 2


def test_a_text_that_is_too_short_is_told() -> None:
    with pytest.raises(CorpusError, match="this many lags; expected 181 tokens for 100 lags; found 180"):
        gradient_flow(network("rnn"), TOKENS[:180], 100)
