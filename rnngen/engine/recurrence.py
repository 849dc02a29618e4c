"""The equations, in NumPy, one step at a time: the engine that writes text, and the reference of the tests.

No torch has to be imported for it. Letters as in ``rnngen/model``: B streams, V vocabulary, E embedding, H hidden
units, L layers, S tensors in a state, G gates.

How it is fast, on the CPU, one stream at a time:

- What h^t is multiplied with, now and in the next step, stands in one matrix [W; what reads this layer], so a layer
  costs one product a step. The last layer is read by the softmax, the others by the layer above.
- The first layer's U x + b is a row of a table over the vocabulary, computed when a token is first read.
- σ(a) = (1 + tanh(a/2))/2, so one tanh does for all gates; the halves are in the weights, which is exact, since
  2 is the base of floating point.
- Every result has a buffer that is made once; the loop allocates nothing.

Many streams are the same code on matrices with B rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from itertools import pairwise

import numpy as np
from numpy import add, dot, maximum, multiply, subtract, tanh  # a lookup less at every call

from rnngen.engine.probabilities import Array
from rnngen.options.network import ModelConfig

HALF = np.array(0.5, np.float32)  # an array: a Python number would be converted at every call


class Layer:
    """One recurrent layer: h^t = σ(W h^{t-1} + U x^t + b), and what reads it.

    Attributes:
        W, U: (G·H, H) and (G·H, E), the gates' blocks in the order of ``BLOCKS``; until the layers are connected.
        b: (G, 1, H), the bias that goes with the input's product.
        h: (B, H), the state; ``c`` beside it in an LSTM.
        recurrent: (G, B, H), W h.
        read: (B, R), the product of h with what reads this layer.
        a: (G, B, H), the pre-activations of a cell with gates.
    """

    BLOCKS: tuple[int, ...] = (0,)
    """The gates as the file numbers them, in the order in which they are kept: those under σ first."""

    STATES: tuple[str, ...] = ("h",)

    h: Array

    def __init__(self, weights: Mapping[str, Array], nonlinearity: str) -> None:
        self.nonlinearity = nonlinearity
        self.width = weights["weight_hh_l0"].shape[1]  # H of this layer
        self.W, self.U, b_h, b_x = (
            self._blocks(weights[name]) for name in ("weight_hh_l0", "weight_ih_l0", "bias_hh_l0", "bias_ih_l0")
        )
        self.b = self._place_bias(self._by_gate(b_x[None]), self._by_gate(b_h[None]))

    def _sigmoids(self) -> int:
        """How many gates are under σ: their rows are halved."""
        return int(self.nonlinearity == "sigmoid")

    def _place_bias(self, b_x: Array, b_h: Array) -> Array:
        return b_x + b_h

    def _blocks(self, rows: Array) -> Array:
        H = self.width
        kept = np.concatenate([rows[block * H : (block + 1) * H] for block in self.BLOCKS])
        kept[: self._sigmoids() * H] *= HALF
        return kept

    def _by_gate(self, rows: Array) -> Array:
        """(B, G·H) seen as (G, B, H)."""
        return rows.reshape(len(rows), len(self.BLOCKS), self.width).transpose(1, 0, 2)

    def connect(self, reader: Array, reads: Layer | None) -> None:
        """Multiply h with ``reader`` (R, H) too, at every step; ``reads`` is the layer that it is the U of."""
        self._reader = reads
        self._by_rows = np.concatenate([self.W, reader])  # (G·H + R, H): one stream is fastest along its rows,
        self._by_columns: list[Array] = []  # (H, G·H + R): and many along its columns; made when first needed

    def allocate(self, B: int) -> None:
        """Make the buffers for B streams, at the start state."""
        if B > 1 and not self._by_columns:
            self._by_columns.append(np.ascontiguousarray(self._by_rows.T))
        self._matrix = self._by_rows.T if B == 1 else self._by_columns[0]
        self._product = np.zeros((B, len(self._by_rows)), self._by_rows.dtype)
        recurrent, read = np.split(self._product, [len(self.BLOCKS) * self.width], axis=1)
        self.recurrent = self._by_gate(recurrent)
        self.read = read if self._reader is None else self._reader._by_gate(read)
        for name in self.STATES:
            setattr(self, name, np.zeros((B, self.width), self._by_rows.dtype))

    def multiply(self) -> None:
        """The products of h^t, all at once."""
        dot(self.h, self._matrix, self._product)

    def step(self, x: Array) -> None:
        """One step of time.

        Args:
            x: U x^t + b, (G, B, H).
        """
        self.advance(x)
        self.multiply()

    def advance(self, x: Array) -> None:
        """h^t = σ(W h^{t-1} + U x^t + b)."""
        h = self.h
        add(self.recurrent[0], x[0], h)
        if self.nonlinearity == "relu":
            maximum(h, 0, out=h)
        elif self.nonlinearity != "identity":
            tanh(h, h)
            if self.nonlinearity == "sigmoid":
                finish_sigmoid(h)


def finish_sigmoid(tanh_of_half: Array) -> None:
    """σ(a) from tanh(a/2), in place."""
    multiply(tanh_of_half, HALF, tanh_of_half)
    add(tanh_of_half, HALF, tanh_of_half)


class LSTMLayer(Layer):
    """f, i, o = σ(·), c̃ = tanh(·); c^t = f*c^{t-1} + i*c̃; h^t = o*tanh c^t."""

    BLOCKS = (0, 1, 3, 2)  # i, f, o, c̃; the file has i, f, c̃, o
    STATES = ("h", "c")
    c: Array

    def _sigmoids(self) -> int:
        return 3

    def allocate(self, B: int) -> None:
        """Make the buffers for B streams, at the start state."""
        super().allocate(B)
        self.a = np.empty(self.recurrent.shape, self.h.dtype)
        self.i, self.f, self.o, self.candidate = self.a
        self.gates = self.a[:3]

    def advance(self, x: Array) -> None:
        """The next h and c."""
        c, h, candidate = self.c, self.h, self.candidate
        add(self.recurrent, x, self.a)
        tanh(self.a, self.a)
        finish_sigmoid(self.gates)
        multiply(self.f, c, c)
        multiply(self.i, candidate, candidate)
        add(c, candidate, c)
        tanh(c, h)
        multiply(self.o, h, h)


class GRULayer(Layer):
    """r, z = σ(·); n = tanh(U_n x + b + r*(W_n h + b')); h^t = (1-z)*n + z*h^{t-1}."""

    BLOCKS = (0, 1, 2)  # r, z, n

    def _sigmoids(self) -> int:
        return 2

    def _place_bias(self, b_x: Array, b_h: Array) -> Array:
        self.b_n = b_h[2]  # n's share of b_h stands inside r*(…)
        return np.concatenate([b_x[:2] + b_h[:2], b_x[2:]])

    def allocate(self, B: int) -> None:
        """Make the buffers for B streams, at the start state."""
        super().allocate(B)
        self.a = np.empty(self.recurrent.shape, self.h.dtype)
        self.r, self.z, self.n = self.a
        self.gates = self.a[:2]

    def advance(self, x: Array) -> None:
        """The next h."""
        h, n = self.h, self.n
        add(self.recurrent[:2], x[:2], self.gates)
        tanh(self.gates, self.gates)
        finish_sigmoid(self.gates)
        add(self.recurrent[2], self.b_n, n)
        multiply(n, self.r, n)
        add(n, x[2], n)
        tanh(n, n)
        subtract(h, n, h)
        multiply(h, self.z, h)
        add(h, n, h)


LAYERS: dict[str, type[Layer]] = {"lstm": LSTMLayer, "gru": GRULayer, "rnn": Layer}


class InputTable:
    """U x + b of the first layer for every token of the vocabulary, each computed when it is first read.

    A row is always one vector's product, so that its rounding does not depend on which tokens came with it. The last
    row, of id V, is for a token that is masked: its x is 0.
    """

    def __init__(self, embedding: Array, layer: Layer) -> None:
        self._embedding, self._U, self._b = embedding, layer.U, layer.b.ravel()
        G = len(layer.BLOCKS)
        V = len(embedding)
        self._known = bytearray(V + 1)
        self._table = np.empty((V + 1, G, 1, layer.width), layer.U.dtype)  # untouched memory costs nothing
        self._table[V].ravel()[:] = self._b
        self._known[V] = 1
        self._blocks = self._table.reshape(-1, layer.width)  # ((V + 1)·G, H)
        self._G, self._gates = G, np.arange(G)[:, None]
        self.allocate(1)

    def allocate(self, B: int) -> None:
        """Make the buffer for B streams."""
        self._taken = np.empty((self._G, B, self._blocks.shape[1]), self._blocks.dtype)

    def of(self, tokens: Sequence[int]) -> Array:
        """U x + b of these tokens, (G, B, H)."""
        for token in tokens:
            if not self._known[token]:
                self._table[token].ravel()[:] = self._U @ self._embedding[token] + self._b
                self._known[token] = 1
        if len(tokens) == 1:
            row: Array = self._table[tokens[0]]  # a view
            return row
        rows = np.array(tokens) * self._G + self._gates
        taken: Array = self._blocks.take(rows, 0, self._taken, "clip")  # only this mode writes without a copy between
        return taken


class Recurrence:
    """A language model that steps: it has read some tokens in each of B streams, and predicts the next.

    Args:
        config: cell, sizes and number of layers.
        weights: arrays by name, as in model.safetensors, of the shapes that the configuration says.

    Attributes:
        logits: (B, V), of the token after those that were read; the next step overwrites it.
    """

    logits: Array

    def __init__(self, config: ModelConfig, weights: Mapping[str, Array]) -> None:
        layer_of = LAYERS[config.cell]
        self.layers = [
            layer_of({name: weights[f"layers.{layer}.{name}"] for name in _FILE_NAMES}, config.nonlinearity)
            for layer in range(config.num_layers)
        ]
        # copies: what is left of a mapped file when this is done is nothing, so it can be replaced
        embedding = weights["embedding.weight"].copy()  # (V, E)
        self._output_bias = weights["output.bias"].copy()
        self._table = InputTable(embedding, self.layers[0])
        for layer, above in pairwise(self.layers):
            layer.connect(above.U, above)
        self.layers[-1].connect(embedding if config.tied else weights["output.weight"], None)
        for layer in self.layers:
            del layer.W, layer.U  # they stand in the connected matrices and in the table
        self.vocab_size = len(self._output_bias)
        self.reset()

    def fork(self) -> Recurrence:
        """Another reader with the same weights and a state of its own, which has read nothing."""
        twin = copy(self)
        twin.layers = [copy(layer) for layer in self.layers]
        twin._table = copy(self._table)
        twin.reset()
        return twin

    def reset(self, batch_size: int = 1) -> None:
        """Begin B streams that have read nothing: the start state is zero."""
        for layer in self.layers:
            layer.allocate(batch_size)
        self._table.allocate(batch_size)
        self.logits = np.empty((batch_size, self.vocab_size), self._output_bias.dtype)
        self._predict()

    def step(self, tokens: Sequence[int]) -> Array:
        """Read one token a stream, B in all, and return the logits of those after them."""
        layers = self.layers
        layers[0].step(self._table.of(tokens))
        for below, layer in pairwise(layers):
            add(below.read, layer.b, below.read)
            layer.step(below.read)
        self._predict()
        return self.logits

    def _predict(self) -> None:
        add(self.layers[-1].read, self._output_bias, self.logits)

    @property
    def state(self) -> Array:
        """All that the streams remember, (L, S, B, H): a copy. Assigning it goes on from there.

        H is the width of the widest layer; a narrower one (the last one of a tied network) uses the first entries of
        its part, and the others stay 0.
        """
        widest = max(layer.width for layer in self.layers)
        B = len(self.logits)
        state = np.zeros((len(self.layers), len(self.layers[0].STATES), B, widest), self.logits.dtype)
        for part, layer in zip(state, self.layers, strict=True):
            for index, name in enumerate(layer.STATES):
                part[index, :, : layer.width] = getattr(layer, name)
        return state

    @state.setter
    def state(self, state: Array) -> None:
        if state.shape[2] != len(self.logits):
            self.reset(state.shape[2])
        for part, layer in zip(state, self.layers, strict=True):
            for index, name in enumerate(layer.STATES):
                getattr(layer, name)[:] = part[index, :, : layer.width]
            layer.multiply()
        self._predict()


_FILE_NAMES = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
