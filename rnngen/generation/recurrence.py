"""The equations, in NumPy, one step at a time.

This is the readable statement of what ``rnngen/model`` trains, the engine that writes text (no torch has to be
imported for it), and the independent reference that the tests hold the fast kernels against. Letters as in
``rnngen/model``: B streams, V vocabulary, E embedding, H hidden units, L layers, S tensors in a state.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]

STATES = {"lstm": 2, "gru": 1, "rnn": 1}


def sigmoid(a: Array) -> Array:
    """σ(a) = 1 / (1 + e^-a), by way of tanh, which never overflows."""
    return (1 + np.tanh(a / 2)) / 2


NONLINEARITIES: dict[str, Callable[[Array], Array]] = {
    "tanh": np.tanh,
    "relu": lambda a: np.maximum(a, 0),
    "sigmoid": sigmoid,
    "identity": lambda a: a,
}


class Layer:
    """One recurrent layer. ``step`` maps an input (B, E) and a state (S, B, H) to the next state.

    The product with the input, U x + b, and the one with the state, W h + b', have G blocks of H rows, G
    being the number of gates.
    """

    def __init__(self, weights: Mapping[str, Array], nonlinearity: str) -> None:
        self.U = weights["weight_ih_l0"].T  # (E, G·H)
        self.W = weights["weight_hh_l0"].T  # (H, G·H)
        self.width = len(self.W)  # H of this layer
        self.b_x = weights["bias_ih_l0"]
        self.b_h = weights["bias_hh_l0"]
        self.nonlinearity = NONLINEARITIES[nonlinearity]

    def step(self, x: Array, state: Array) -> Array:
        """h^t = σ(W h^{t-1} + U x^t + b)."""
        h = state[0]
        after: Array = self.nonlinearity(h @ self.W + self.b_h + (x @ self.U + self.b_x))
        return after[None]


class LSTMLayer(Layer):
    """f, i, o = σ(·), c̃ = tanh(·); c^t = f*c^{t-1} + i*c̃; h^t = o*tanh c^t."""

    def step(self, x: Array, state: Array) -> Array:
        """The next (h, c)."""
        h, c = state
        a = h @ self.W + self.b_h + (x @ self.U + self.b_x)  # (B, 4H), blocks i, f, c̃, o
        a_i, a_f, a_c, a_o = np.split(a, 4, axis=1)
        c = sigmoid(a_f) * c + sigmoid(a_i) * np.tanh(a_c)
        return np.stack([sigmoid(a_o) * np.tanh(c), c])


class GRULayer(Layer):
    """r, z = σ(·); n = tanh(U_n x + b + r*(W_n h + b')); h^t = (1-z)*n + z*h^{t-1}."""

    def step(self, x: Array, state: Array) -> Array:
        """The next (h,)."""
        h = state[0]
        x_r, x_z, x_n = np.split(x @ self.U + self.b_x, 3, axis=1)
        h_r, h_z, h_n = np.split(h @ self.W + self.b_h, 3, axis=1)
        r, z = sigmoid(h_r + x_r), sigmoid(h_z + x_z)
        n = np.tanh(x_n + r * h_n)
        after: Array = (1 - z) * n + z * h
        return after[None]


_LAYERS = {"lstm": LSTMLayer, "gru": GRULayer, "rnn": Layer}


class Recurrence:
    """A language model that steps: tokens (B,) and a state (L, S, B, H) → logits (B, V) and the next state.

    H is the width of the widest layer; a narrower one (the last one of a tied network) uses the first entries of its
    part of the state, and the others stay 0.

    Args:
        config: the ``model`` part of config.json.
        weights: arrays by name, as in model.safetensors, of the shapes that the configuration says.
    """

    def __init__(self, config: Mapping[str, Any], weights: Mapping[str, Array]) -> None:
        cell, L = config["cell"], config["num_layers"]
        self.embedding = weights["embedding.weight"]  # (V, E)
        self.output = (self.embedding if config["tied"] else weights["output.weight"]).T  # (H, V)
        self.output_bias = weights["output.bias"]
        self.layers = [
            _LAYERS[cell](
                {name.rpartition(".")[2]: w for name, w in weights.items() if name.startswith(f"layers.{layer}.")},
                config["nonlinearity"],
            )
            for layer in range(L)
        ]
        self._state_shape = (L, STATES[cell], max(layer.width for layer in self.layers))

    @property
    def vocab_size(self) -> int:
        """V."""
        return len(self.output_bias)

    def start_state(self, batch_size: int) -> Array:
        """The state before any token, all zero: (L, S, B, H)."""
        L, S, H = self._state_shape
        return np.zeros((L, S, batch_size, H), dtype=self.output_bias.dtype)

    def readout(self, state: Array) -> Array:
        """Logits of the next token, (B, V), from a state (L, S, B, H)."""
        h = state[-1, 0, :, : self.layers[-1].width]
        return h @ self.output + self.output_bias

    def step(self, tokens: NDArray[np.integer[Any]], state: Array) -> tuple[Array, Array]:
        """Read one token a stream: logits of the one after it, and the state."""
        x = self.embedding[tokens]  # (B, E)
        after = np.zeros_like(state)
        for index, layer in enumerate(self.layers):
            used = after[index, :, :, : layer.width]  # (S, B, its own H)
            used[:] = layer.step(x, state[index, :, :, : layer.width])
            x = used[0]
        return self.readout(after), after
