"""The recurrent layers in NumPy, one step at a time.

Letters as in ``rnngen/model``: B streams, E embedding, H hidden units, R outputs of the matrix that reads a layer, G
gates. How a step is fast:

- Everything that h^t is multiplied with, now and in the next step, is one matrix [W; the reader's matrix], so a layer
  costs one product per step. The last layer is read by the softmax, each other one by the layer above it.
- σ(a) = (1 + tanh(a/2))/2, so one tanh serves all gates. The weights are halved in advance, which is exact, because
  floating point has base 2.
- Every result has a buffer that is allocated once; a step allocates nothing.

Many streams use the same code on matrices with B rows.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy import add, dot, maximum, multiply, subtract, tanh  # saves a lookup in every call

from rnngen.engine.probabilities import Array

HALF = np.array(0.5, np.float32)  # an array: a Python number would be converted in every call


class Layer:
    """One recurrent layer: h^t = σ(W h^{t-1} + U x^t + b), and its product with the matrix that reads it.

    Attributes:
        W, U: the gates' blocks in the order of ``BLOCKS``, (G·H, H) and (G·H, E); removed once layers are connected.
        b: the bias that is added to U x, (G, 1, H).
        h: the state, (B, H); an LSTM also has ``c``.
        recurrent: W h, (G, B, H).
        read: the product of h with the reader's matrix, (B, R).
        a: the pre-activations of a cell with gates, (G, B, H).
    """

    BLOCKS: tuple[int, ...] = (0,)
    """The numbers of the gates in the file, in the order in which they are kept: those under σ first."""

    STATES: tuple[str, ...] = ("h",)

    h: Array

    def __init__(self, weights: Mapping[str, Array], nonlinearity: str) -> None:
        self.nonlinearity = nonlinearity
        self.width = weights["weight_hh_l0"].shape[1]  # H of this layer
        self.W, self.U, b_h, b_x = (
            self._blocks(weights[name]) for name in ("weight_hh_l0", "weight_ih_l0", "bias_hh_l0", "bias_ih_l0")
        )
        self.b = self._input_bias(self._by_gate(b_x[None]), self._by_gate(b_h[None]))

    def _sigmoids(self) -> int:
        """Number of gates under σ, whose rows are halved."""
        return int(self.nonlinearity == "sigmoid")

    def _input_bias(self, b_x: Array, b_h: Array) -> Array:
        """The bias that is added to U x."""
        return b_x + b_h

    def _blocks(self, rows: Array) -> Array:
        H = self.width
        kept = np.concatenate([rows[block * H : (block + 1) * H] for block in self.BLOCKS])
        kept[: self._sigmoids() * H] *= HALF
        return kept

    def _by_gate(self, rows: Array) -> Array:
        """A view of (B, G·H) as (G, B, H)."""
        return rows.reshape(len(rows), len(self.BLOCKS), self.width).transpose(1, 0, 2)

    def connect(self, reader: Array, reads: Layer | None) -> None:
        """Also multiply h with ``reader`` (R, H) at every step; ``reads`` is the layer whose U it is, if any."""
        self._reader = reads
        self._by_rows = np.concatenate([self.W, reader])  # (G·H + R, H): fastest for one stream
        self._by_columns: list[Array] = []  # (H, G·H + R): fastest for many; made when first needed

    def allocate(self, B: int) -> None:
        """Allocate the buffers for B streams in the start state."""
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
        """Compute all products of h^t at once."""
        dot(self.h, self._matrix, self._product)

    def step(self, x: Array) -> None:
        """Take one time step.

        Args:
            x: U x^t + b, (G, B, H).
        """
        self.advance(x)
        self.multiply()

    def advance(self, x: Array) -> None:
        """Compute h^t = σ(W h^{t-1} + U x^t + b)."""
        h = self.h
        add(self.recurrent[0], x[0], h)
        if self.nonlinearity == "relu":
            maximum(h, 0, out=h)
        elif self.nonlinearity != "identity":
            tanh(h, h)
            if self.nonlinearity == "sigmoid":
                finish_sigmoid(h)


def finish_sigmoid(tanh_of_half: Array) -> None:
    """Turn tanh(a/2) into σ(a), in place."""
    multiply(tanh_of_half, HALF, tanh_of_half)
    add(tanh_of_half, HALF, tanh_of_half)


class LSTMLayer(Layer):
    """f, i, o = σ(·), c̃ = tanh(·); c^t = f*c^{t-1} + i*c̃; h^t = o*tanh c^t."""

    BLOCKS = (0, 1, 3, 2)  # i, f, o, c̃; in the file: i, f, c̃, o
    STATES = ("h", "c")
    c: Array

    def _sigmoids(self) -> int:
        return 3

    def allocate(self, B: int) -> None:
        """Allocate the buffers for B streams in the start state."""
        super().allocate(B)
        self.a = np.empty(self.recurrent.shape, self.h.dtype)
        self.i, self.f, self.o, self.candidate = self.a
        self.gates = self.a[:3]

    def advance(self, x: Array) -> None:
        """Compute the next h and c."""
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

    def _input_bias(self, b_x: Array, b_h: Array) -> Array:
        self.b_n = b_h[2]  # n's part of b_h is inside r*(…)
        return np.concatenate([b_x[:2] + b_h[:2], b_x[2:]])

    def allocate(self, B: int) -> None:
        """Allocate the buffers for B streams in the start state."""
        super().allocate(B)
        self.a = np.empty(self.recurrent.shape, self.h.dtype)
        self.r, self.z, self.n = self.a
        self.gates = self.a[:2]

    def advance(self, x: Array) -> None:
        """Compute the next h."""
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
