"""The bidirectional model, against its formulas written out and against what it must not know."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rnngen.inspection.equations import start_states, step_model
from rnngen.model.cloze import LONGEST_GAP, ClozeLM, draw_gaps
from rnngen.options.network import ModelConfig
from tests.rounding import rounding_bound

V, T, B = 11, 9, 3
CELLS = [("lstm", "tanh"), ("gru", "tanh"), ("rnn", "tanh"), ("rnn", "relu"), ("rnn", "sigmoid"), ("rnn", "identity")]


def build(**fields: object) -> ClozeLM:
    config = ModelConfig(**{"hidden_size": 6, "embedding_size": 4, "bidirectional": True, **fields})
    return ClozeLM(config, V, torch.Generator().manual_seed(0))


def text() -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(1).integers(V, size=(T + 1, B)))


def predict(model: ClozeLM, window: torch.Tensor, **how: object) -> torch.Tensor:
    return model.predict(window[:-1], window[1:], model.start_state(B), **how).logits  # type: ignore[arg-type]


@pytest.mark.parametrize("num_layers", [1, 2, 3])
@pytest.mark.parametrize(("cell", "nonlinearity"), CELLS)
def test_logits_at_t_do_not_depend_on_x_t_at_any_depth(cell: str, nonlinearity: str, num_layers: int) -> None:
    model = build(cell=cell, nonlinearity=nonlinearity, num_layers=num_layers)
    window = text()
    before = predict(model, window)
    for t in range(1, T + 1):
        changed = window.clone()
        changed[t] = (changed[t] + 1) % V
        after = predict(model, changed)
        assert torch.equal(after[t - 1], before[t - 1])  # not even in the last bit
        neighbours = [row for row in (t - 2, t) if 0 <= row < T]
        assert all(not torch.equal(after[row], before[row]) for row in neighbours)  # they see it


@pytest.mark.parametrize("num_layers", [1, 2])
@pytest.mark.parametrize(("cell", "nonlinearity"), CELLS)
def test_logits_are_those_of_the_formulas(cell: str, nonlinearity: str, num_layers: int) -> None:
    """h_1 by a plain loop from the left, h_2 by one from the right, logits = W [h_1^{t-1}, h_2^{t+1}] + b."""
    model = build(cell=cell, nonlinearity=nonlinearity, num_layers=num_layers)
    window = text()

    def states(direction: torch.nn.Module, tokens: torch.Tensor) -> list[torch.Tensor]:
        carried = start_states(direction, B)  # type: ignore[arg-type]
        h = [carried[-1]["h"]]
        for row in tokens:
            carried = [step.states for step in step_model(direction, row, carried)[1]]  # type: ignore[arg-type]
            h.append(carried[-1]["h"])
        return h

    left, right = model.left_to_right, model.right_to_left
    h_1, h_2 = states(left, window), states(right, window.flip(0))
    W = torch.cat([left.output.weight, right.output.weight], dim=1)  # (V, 2·H)
    b = left.output.bias + right.output.bias
    expected = torch.stack([torch.cat([h_1[t], h_2[T - t]], dim=1) @ W.T + b for t in range(1, T + 1)])
    bound = rounding_bound(lambda m: predict(m, window), model)
    torch.testing.assert_close(predict(model, window), expected, rtol=0, atol=bound)


def test_a_masked_token_is_read_as_an_input_of_zero_by_the_right_to_left_direction_alone() -> None:
    model, window = build(), text()
    masked = torch.zeros(T, B, dtype=torch.bool)
    masked[4:6] = True
    before = predict(model, window, masked=masked)
    changed = window.clone()
    changed[5] = (changed[5] + 1) % V  # target 4, in the gap: what is left of it must not see it
    after = predict(model, changed, masked=masked)
    assert torch.equal(after[:5], before[:5])
    assert not torch.equal(after[5], before[5])
    assert not torch.equal(before[:4], predict(model, window)[:4])


def test_gaps_have_all_lengths_and_hide_about_what_they_should() -> None:
    gaps = draw_gaps(400, 500, generator=torch.Generator().manual_seed(0)).numpy()
    share = gaps[LONGEST_GAP:].mean()
    assert 0.1 < share < 0.2
    edges = np.diff(np.pad(gaps.T.astype(int), ((0, 0), (1, 1))), axis=1)
    begins, ends = np.argwhere(edges == 1), np.argwhere(edges == -1)
    lengths = (ends - begins)[(begins[:, 1] > 0) & (ends[:, 1] < 400), 1]  # an edge of the window cuts gaps off
    assert {1, 2, 5, 10, 20, 30} <= set(lengths.tolist())
    assert np.median(lengths) < 8


def test_both_directions_learn() -> None:
    model, window = build(cell="gru"), text()
    torch.nn.functional.cross_entropy(predict(model, window).flatten(0, 1), window[1:].flatten()).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())


def test_each_reader_alone_predicts_as_a_language_model_beside_a_start_state() -> None:
    model, window = build(), text()
    left, right = model.left_to_right, model.right_to_left
    with torch.no_grad():
        left.output.bias.normal_()
        right.output.bias.normal_()
    found = model.predict(window[:-1], window[1:], model.start_state(B), torch.Generator().manual_seed(1))
    by_left, by_right = found.auxiliary
    nothing = right.readout(right.start_state(B))
    bound = rounding_bound(lambda m: predict(m, window), model)
    torch.testing.assert_close(by_left, left(window[:-1], left.start_state(B))[0] + nothing, rtol=0, atol=bound)
    # what the right saw was masked by chance; both together are the sum, which has each bias once
    together = by_left + by_right - left.output.bias - right.output.bias
    torch.testing.assert_close(together, found.logits, rtol=0, atol=bound)
    assert predict(model, window).shape == (T, B, V)
    assert model.predict(window[:-1], window[1:], model.start_state(B)).auxiliary == ()


def test_while_learning_gaps_are_drawn_for_the_right_to_left_direction() -> None:
    model, window = build(), text()
    for seed in range(5):
        masked = draw_gaps(T, B, generator=torch.Generator().manual_seed(seed))
        learning = model.predict(
            window[:-1], window[1:], model.start_state(B), torch.Generator().manual_seed(seed)
        ).logits
        assert torch.equal(learning, predict(model, window, masked=masked))
        assert masked.any() or seed
