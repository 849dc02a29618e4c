"""A trained network in NumPy, one step at a time: it writes text, and is a reference for the tests.

It does not import torch. Letters as in ``rnngen/model``: B streams, V vocabulary, E embedding, H hidden units, L
layers, S tensors in a state, G gates. The first layer's U x + b is a row of a table, computed when a token is first
read (``inputs.py``); ``layers.py`` says how the rest of a step is fast.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from itertools import pairwise

import numpy as np
from numpy import add

from rnngen.engine.inputs import InputTable, NGramTable
from rnngen.engine.layers import LAYERS
from rnngen.engine.probabilities import Array
from rnngen.options.network import START_UNITS, START_VALUES, ModelConfig


class Recurrence:
    """A language model that has read some tokens in each of B streams and predicts the next; see ``protocol.Model``.

    Args:
        config: cell, sizes and number of layers.
        weights: arrays by name, as in model.safetensors, with the shapes that follow from the configuration.
        boundary: the token after which a stream begins anew (see ``documents.py``); None: there is none.

    Attributes:
        logits: of the next token, (B, V); the next step overwrites them.
    """

    logits: Array

    def __init__(self, config: ModelConfig, weights: Mapping[str, Array], boundary: int | None = None) -> None:
        layer_of = LAYERS[config.cell]
        self.layers = [
            layer_of({name: weights[f"layers.{layer}.{name}"] for name in _FILE_NAMES}, config.nonlinearity)
            for layer in range(config.num_layers)
        ]
        # copies, so that nothing refers to the mapped file afterwards and it can be replaced
        embedding = weights["embedding.weight"].copy()  # (V, E)
        self._output_bias = weights["output.bias"].copy()[None]  # (1, V): adding (V,) takes twice as long
        self._table = (
            NGramTable(embedding, weights["history.weight"].copy(), self.layers[0], config.history, boundary)
            if config.history
            else InputTable(embedding, self.layers[0])
        )
        for layer, above in pairwise(self.layers):
            layer.connect(above.U, above)
        self.layers[-1].connect(embedding if config.tied else weights["output.weight"], None)
        for layer in self.layers:
            del layer.W, layer.U  # now in the connected matrices and in the table
        self.vocab_size = self._output_bias.size
        self._boundary, self._start = boundary, self._start_state(boundary is not None)
        self.reset()

    def _start_state(self, documents: bool) -> Array:
        """The state of a stream that has read nothing, (L, S, 1, H): all zero if there are no ``documents``."""
        width, states = max(layer.width for layer in self.layers) + self._table.history, self.layers[0].STATES
        start = np.zeros((len(self.layers), len(states), 1, width), self._output_bias.dtype)
        for part, layer in zip(start, self.layers, strict=True):
            for index, value in enumerate(START_VALUES[: len(states)] if documents else ()):
                part[index, :, : layer.width][:, START_UNITS] = value
        return start

    def fork(self) -> Recurrence:
        """Another reader with the same weights and its own state, which has read nothing."""
        twin = copy(self)
        twin.layers = [copy(layer) for layer in self.layers]
        twin._table = copy(self._table)
        twin.reset()
        return twin

    def reset(self, batch_size: int = 1) -> None:
        """Start B streams that have read nothing."""
        for layer in self.layers:
            layer.allocate(batch_size)
        self._table.allocate(batch_size)
        self.logits = np.empty((batch_size, self.vocab_size), self._output_bias.dtype)
        if self._boundary is None:
            self._predict()
        else:
            self.state = self._start.repeat(batch_size, axis=2)

    def step(self, tokens: Sequence[int]) -> Array:
        """Read one token per stream, B in all, and return the logits of the next tokens, (B, V)."""
        below = self.layers[0]
        below.step(self._table.of(tokens))
        for layer in self.layers[1:]:
            add(below.read, layer.b, below.read)
            layer.step(below.read)
            below = layer
        self._predict()
        if self._boundary is not None and self._boundary in tokens:
            self._begin_anew([b for b, token in enumerate(tokens) if token == self._boundary])
        return self.logits

    def _begin_anew(self, streams: list[int]) -> None:
        state = self.state
        state[:, :, streams] = self._start
        self.state = state

    def _predict(self) -> None:
        add(self.layers[-1].read, self._output_bias, self.logits)

    @property
    def state(self) -> Array:
        """A copy of the streams' state, (L, S, B, H). Assign it to continue from there.

        H is the width of the widest layer; a narrower layer (the last one of a tied network) uses the first entries of
        its part, and the others stay 0. Tokens that inputs depend on are in further columns: see ``model/inputs.py``.
        """
        state = np.zeros_like(self._start, shape=(*self._start.shape[:2], len(self.logits), self._start.shape[3]))
        for part, layer in zip(state, self.layers, strict=True):
            for index, name in enumerate(layer.STATES):
                part[index, :, : layer.width] = getattr(layer, name)
        if self._table.history:
            state[0, 0, :, -self._table.history :] = self._table.before
        return state

    @state.setter
    def state(self, state: Array) -> None:
        if state.shape[2] != len(self.logits):
            self.reset(state.shape[2])
        for part, layer in zip(state, self.layers, strict=True):
            for index, name in enumerate(layer.STATES):
                getattr(layer, name)[:] = part[index, :, : layer.width]
            layer.multiply()
        if self._table.history:
            self._table.before = state[0, 0, :, -self._table.history :]
        self._predict()


_FILE_NAMES = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
