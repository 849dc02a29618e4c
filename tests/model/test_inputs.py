"""Inputs that depend on earlier tokens: n-grams in a table, the tokens before a window in the state."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from rnngen.corpus.ngram_rows import ngram_rows
from rnngen.engine.recurrence import Recurrence
from rnngen.inspection.equations import start_states, step_model
from rnngen.model.language_model import RecurrentLM
from rnngen.model.load import make_network
from rnngen.options.network import ModelConfig

V, BOUNDARY = 9, 2


def expected_rows(tokens: list[int], n: int, rows: int, boundary: int | None) -> int:
    """The row of the n-gram that ends a text, from the definition; 0 if there is none within the document."""
    gram = tokens[-n:]
    if len(gram) < n or boundary in gram[:-1]:
        return 0
    number = 0
    for token in reversed(gram):
        number = (number * 1_103_515_245 + token + 1) % (2**31 - 1)
    return 1 + number % (rows - 1)


def network(cell: str = "lstm", layers: int = 1, history: int = 3, boundary: int | None = None) -> RecurrentLM:
    config = ModelConfig(
        cell=cell,  # type: ignore[arg-type]
        hidden_size=12,
        embedding_size=8,
        num_layers=layers,
        history=history,
        history_rows=50,
    )
    generator = torch.Generator().manual_seed(0)
    model = make_network(config, V, generator, boundary).eval()
    assert isinstance(model, RecurrentLM)
    with torch.no_grad():
        model.history.weight[1:] = torch.randn(49, 8, generator=generator)
    return model


def texts(T: int = 40, B: int = 3) -> torch.Tensor:
    return torch.randint(0, V, (T, B), generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("boundary", [None, BOUNDARY])
def test_rows_are_those_of_the_definition_in_numpy_and_torch(boundary: int | None) -> None:
    text = texts(200, 1)[:, 0]
    read = np.concatenate([np.zeros(3, np.int64), text.numpy() + 1])
    found = ngram_rows(read, 3, 1000, boundary)
    for n, rows in enumerate(found, start=2):
        assert rows.tolist() == [expected_rows(text[: t + 1].tolist(), n, 1000, boundary) for t in range(len(text))]
    for rows, same in zip(found, ngram_rows(torch.from_numpy(read), 3, 1000, boundary), strict=True):
        assert np.array_equal(rows, same.numpy())


def test_n_grams_are_spread_evenly_over_the_table() -> None:
    grams = np.array(list(itertools.product(range(1, 17), repeat=4)), np.int64).T  # 65,536 different ones
    for rows in (1024, 4096, 65536):
        counts = np.bincount(ngram_rows(grams, 3, rows, None)[-1][0], minlength=rows)[1:]
        assert counts.var() < 1.5 * counts.mean()  # 1 times the mean, if they were drawn at random


@pytest.mark.parametrize("boundary", [None, BOUNDARY])
def test_the_input_is_the_sum_of_the_embeddings_of_all_n_grams_within_the_document(boundary: int | None) -> None:
    model, text = network(boundary=boundary), texts()
    x, known = model.embed(text, torch.zeros(3, 3, dtype=torch.long))
    assert torch.equal(known[3:], text + 1)
    for t, b in itertools.product(range(len(text)), range(3)):
        begun = text[: t + 1, b].tolist()
        rows = [expected_rows(begun, n, 50, boundary) for n in (2, 3, 4)]
        summed = model.embedding.weight[begun[-1]] + sum(model.history.weight[row] for row in rows if row)
        torch.testing.assert_close(x[t, b], summed)


@pytest.mark.parametrize("boundary", [None, BOUNDARY])
@pytest.mark.parametrize(("cell", "layers"), [("lstm", 1), ("gru", 2), ("rnn", 1)])
def test_windows_of_any_length_the_equations_and_numpy_give_the_same(
    cell: str, layers: int, boundary: int | None
) -> None:
    model, text = network(cell, layers, boundary=boundary), texts()
    with torch.no_grad():
        whole, end = model(text, model.start_state(3))
        state, parts = model.start_state(3), []
        for window in text.split([1, 2, 5, 1, 31]):
            logits, state = model(window, state)
            parts.append(logits)
        torch.testing.assert_close(torch.cat(parts), whole)
        torch.testing.assert_close(state, end)
        states = start_states(model, 3)
        for t, row in enumerate(text):
            logits, steps = step_model(model, row, states, text[:t])
            states = [step.states for step in steps]
            torch.testing.assert_close(logits, whole[t], rtol=1e-4, atol=1e-5)
    engine = Recurrence(model.config, {name: w.numpy() for name, w in model.weights().items()}, boundary)
    engine.reset(3)
    for t, row in enumerate(text.tolist()):
        np.testing.assert_allclose(engine.step(row), whole[t].numpy(), rtol=1e-4, atol=1e-5)
        if t == 20:
            other = engine.fork()
            other.state = engine.state
            engine = other
    np.testing.assert_allclose(engine.state, end.numpy(), rtol=1e-4, atol=1e-5)


def test_the_state_after_a_document_is_that_of_a_start() -> None:
    model = network(boundary=BOUNDARY)
    text = torch.tensor([[4, 5, BOUNDARY], [4, 5, 6]]).T
    with torch.no_grad():
        _, state = model(text, model.start_state(2))
    assert torch.equal(state[:, :, :1], model.start_state(1))
    assert state[0, 0, 1, -3:].tolist() == [5, 6, 7]


def test_masked_tokens_are_in_no_n_gram() -> None:
    model, text = network(), texts(6, 1)
    masked = torch.tensor([False, False, True, False, False, False])[:, None]
    x, known = model.embed(text, torch.zeros(3, 1, dtype=torch.long), masked=masked)
    assert known[5, 0] == 0
    assert not x[2].any()
    torch.testing.assert_close(x[3, 0], model.embedding.weight[text[3, 0]])  # the pair's first token is not known
    engine = Recurrence(model.config, {name: w.numpy() for name, w in model.weights().items()})
    with torch.no_grad():
        raw, _, _ = model.read(text, model.start_state(1), masked=masked)
    for t in range(6):
        logits = engine.step([V if masked[t, 0] else int(text[t, 0])])
        np.testing.assert_allclose(logits, model.output(raw[t]).detach().numpy(), rtol=1e-4, atol=1e-5)
        before = [0 if masked[s, 0] else int(text[s, 0]) + 1 for s in range(max(0, t - 2), t + 1)]
        assert engine.state[0, 0, 0, -3:].tolist() == [0] * (3 - len(before)) + before


def test_what_has_been_computed_once_is_dropped_when_the_table_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    model, text = network(), texts(200, 4)
    weights = {name: w.numpy() for name, w in model.weights().items()}
    engine = Recurrence(model.config, weights)
    monkeypatch.setattr("rnngen.engine.inputs._TABLE_SIZE", 0)
    small = Recurrence(model.config, weights)
    for reader in (engine, small):
        reader.reset(4)
    for row in text.tolist():
        assert np.array_equal(engine.step(row), small.step(row))


def test_more_streams_than_the_table_has_rows_and_ids_of_any_type(monkeypatch: pytest.MonkeyPatch) -> None:
    model, text = network(), texts(12, 300)
    weights = {name: w.numpy() for name, w in model.weights().items()}
    monkeypatch.setattr("rnngen.engine.inputs._TABLE_SIZE", 0)  # 256 rows
    many = Recurrence(model.config, weights)
    many.reset(300)
    with torch.no_grad():
        whole, _ = model(text, model.start_state(300))
    for t, row in enumerate(text.numpy().astype(np.uint8)):
        np.testing.assert_allclose(many.step(row), whole[t].numpy(), rtol=1e-4, atol=1e-5)


def test_a_row_that_could_not_be_computed_is_computed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    weights = {name: w.numpy() for name, w in network().weights().items()}
    engine, other = (Recurrence(network().config, weights) for _ in range(2))
    with monkeypatch.context() as patched:
        patched.setattr("rnngen.engine.inputs.row_of", interrupted)
        engine.step([4])  # no n-gram before it
        with pytest.raises(KeyboardInterrupt):
            engine.step([5])
    for reader in (engine, other):
        reader.reset()
    for token in (4, 5, 6):
        assert np.array_equal(engine.step([token]), other.step([token]))


def interrupted(*_: object) -> int:
    raise KeyboardInterrupt


def test_the_table_is_not_multiplied_and_the_row_of_no_n_gram_stays_zero() -> None:
    with_table, without = (ModelConfig(history=history, history_rows=1000) for history in (3, 0))
    assert with_table.multiplied_weights(V) == without.multiplied_weights(V)
    assert with_table.num_parameters(V) == without.num_parameters(V) + 1000 * 64
    model, text = network(), texts()
    logits, _ = model(text[:-1], model.start_state(3))
    torch.nn.functional.cross_entropy(logits.flatten(0, 1), text[1:].flatten()).backward()
    gradient = model.history.weight.grad
    assert gradient is not None
    assert not gradient[0].any()
    assert gradient[1:].any()
