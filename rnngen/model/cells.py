"""The recurrences, each on the fastest kernel that computes it exactly.

===========  ==================================================================  ============================
cell         formula (h^t from h^{t-1} and x^t)                                  kernel
===========  ==================================================================  ============================
lstm         f, i, o = σ(W h + U x + b), c̃ = tanh(W_c h + U_c x + b_c),          fused (oneDNN, cuDNN)
             c = f*c + i*c̃, h = o*tanh c  (Hochreiter & Schmidhuber 1997)
gru          r, z = σ(W h + U x + b), n = tanh(U_n x + b + r*(W_n h + b')),       fused (cuDNN)
             h = (1-z)*n + z*h  (Cho et al. 2014, as cuDNN computes it)
rnn, tanh    h = tanh(W h + U x + b)  (Elman 1990)                               fused (cuDNN)
rnn, relu    h = max(0, W h + U x + b)                                           fused (cuDNN)
rnn,         h = σ(W h + U x + b)                                                the tanh kernel, rewritten
sigmoid
rnn,         h = W h + U x + b                                                   a loop
identity
===========  ==================================================================  ============================

Where a document ends (``documents.py``), every layer begins anew: its output there, and its state after it, are the
start state's, whatever it has read. ``run_documents`` does so exactly, in whole windows. The LSTM's kernel does it by
itself, given an input that shuts or opens its gates for good: with f = 0 and i, c̃, o = 1 it is c = 1 and h = tanh 1,
and with all of them 0 it is c = h = 0. The other kernels run from one end of a document to the next.

Parameters have the names and layouts of ``torch.nn.LSTM``, ``GRU`` and ``RNN``: ``weight_ih_l0`` (G·H, E),
``weight_hh_l0`` (G·H, H), and two biases (G·H,), of which only the GRU needs both. ``run`` is given the recurrent
matrix, so that a perturbed copy of it can stand in its place.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rnngen.options.network import START_UNITS, START_VALUES

_ONE_LAYER = (True, 1, 0.0)  # with biases, one layer, nothing dropped between layers

SHUT = -1e4
"""Input of a gate that shuts it: σ of this, and its derivative, are 0 in every arithmetic. Its negative opens it."""
_MORE_INPUTS = 16  # of which one is used; kernels are fastest with multiples of 16


class LSTM(nn.LSTM):
    """One LSTM layer; gates in the order i, f, c̃, o; the state is (h, c)."""

    weight_ih_l0: Tensor
    weight_hh_l0: Tensor
    bias_ih_l0: Tensor
    bias_hh_l0: Tensor

    state_size = 2

    def run_documents(self, x: Tensor, state: Tensor, weight_hh: Tensor, ends: Tensor) -> tuple[Tensor, Tensor]:
        """Like ``run``, where documents end, (T, B), with all gates and c̃ at the values that make the start state."""
        gates = x.new_full((4, self.hidden_size), SHUT)
        gates[2] = 0
        gates[(0, 2, 3), START_UNITS] = -SHUT
        more_weights = nn.functional.pad(gates.view(-1, 1), (0, _MORE_INPUTS - 1))
        more_inputs = nn.functional.pad(ends.to(x.dtype).unsqueeze(-1), (0, _MORE_INPUTS - 1))
        weight_ih = torch.cat([self.weight_ih_l0, more_weights], 1)
        return self._run(torch.cat([x, more_inputs], -1), state, weight_ih, weight_hh)

    def run(self, x: Tensor, state: Tensor, weight_hh: Tensor) -> tuple[Tensor, Tensor]:
        """(T, B, E) and state (2, B, H) → h at every step (T, B, H) and the last state."""
        return self._run(x, state, self.weight_ih_l0, weight_hh)

    def _run(self, x: Tensor, state: Tensor, weight_ih: Tensor, weight_hh: Tensor) -> tuple[Tensor, Tensor]:
        params = [weight_ih, weight_hh, self.bias_ih_l0, self.bias_hh_l0]
        y, h, c = torch.lstm(x, (state[0:1], state[1:2]), params, *_ONE_LAYER, self.training, False, False)
        return y, torch.cat([h, c])


class GRU(nn.GRU):
    """One GRU layer; gates in the order r, z, n; the state is (h,)."""

    weight_ih_l0: Tensor
    weight_hh_l0: Tensor
    bias_ih_l0: Tensor
    bias_hh_l0: Tensor

    state_size = 1

    def run(self, x: Tensor, state: Tensor, weight_hh: Tensor) -> tuple[Tensor, Tensor]:
        """(T, B, E) and state (1, B, H) → h at every step (T, B, H) and the last state."""
        params = [self.weight_ih_l0, weight_hh, self.bias_ih_l0, self.bias_hh_l0]
        y, h = torch.gru(x, state, params, *_ONE_LAYER, self.training, False, False)
        return y, h


class RNN(nn.RNN):
    """One Elman layer with tanh or relu; the state is (h,)."""

    weight_ih_l0: Tensor
    weight_hh_l0: Tensor
    bias_ih_l0: Tensor
    bias_hh_l0: Tensor

    state_size = 1

    def run(self, x: Tensor, state: Tensor, weight_hh: Tensor) -> tuple[Tensor, Tensor]:
        """(T, B, E) and state (1, B, H) → h at every step (T, B, H) and the last state."""
        params = [self.weight_ih_l0, weight_hh, self.bias_ih_l0, self.bias_hh_l0]
        kernel = torch.rnn_relu if self.nonlinearity == "relu" else torch.rnn_tanh
        y, h = kernel(x, state, params, *_ONE_LAYER, self.training, False, False)
        return y, h


class SigmoidRNN(RNN):
    """h = σ(a), a = W h + U x + b, computed exactly by the tanh kernel.

    σ(a) = (1 + tanh(a/2)) / 2, so u = 2h - 1 = tanh(a/2) follows a tanh recurrence of its own:
    a/2 = (W/4) u + (U/2) x + (b/2 + W·1/4).
    """

    def run(self, x: Tensor, state: Tensor, weight_hh: Tensor) -> tuple[Tensor, Tensor]:
        """(T, B, E) and state (1, B, H) → h at every step (T, B, H) and the last state."""
        w_hh = weight_hh / 4
        params = [self.weight_ih_l0 / 2, w_hh, self.bias_ih_l0 / 2 + w_hh.sum(1), self.bias_hh_l0 / 2]
        y, u = torch.rnn_tanh(x, 2 * state - 1, params, *_ONE_LAYER, self.training, False, False)
        return (1 + y) / 2, (1 + u) / 2


class IdentityRNN(RNN):
    """h = W h + U x + b: the linear recurrence, whose gradients are powers of W."""

    def run(self, x: Tensor, state: Tensor, weight_hh: Tensor) -> tuple[Tensor, Tensor]:
        """(T, B, E) and state (1, B, H) → h at every step (T, B, H) and the last state."""
        inputs = nn.functional.linear(x, self.weight_ih_l0, self.bias_ih_l0 + self.bias_hh_l0)
        h, outputs = state[0], []
        for z in inputs:  # (B, H)
            h = z + nn.functional.linear(h, weight_hh)
            outputs.append(h)
        return torch.stack(outputs), h[None]


Cell = LSTM | GRU | RNN


def start_state(state: Tensor) -> Tensor:
    """The state in which a layer begins a document, of the shape and type of a state, (S, B, H)."""
    start = torch.zeros_like(state)
    for part, value in zip(start, START_VALUES, strict=False):
        part[:, START_UNITS] = value
    return start


def run_documents(
    layer: Cell, x: Tensor, state: Tensor, weight_hh: Tensor, ends: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Like ``layer.run``, for inputs of which some end documents.

    Args:
        layer: the layer.
        x: (T, B, E).
        state: (S, B, H).
        weight_hh: the recurrent matrix.
        ends: whether a document ends at each input, (T, B); None: nowhere.
    """
    if ends is None:
        return layer.run(x, state, weight_hh)
    if isinstance(layer, LSTM):
        return layer.run_documents(x, state, weight_hh, ends)
    outputs, begin = [], 0
    for last in [*ends.any(1).nonzero()[:, 0].tolist(), len(x) - 1]:
        if begin <= last:
            y, state = layer.run(x[begin : last + 1], state, weight_hh)
            ended = ends[last].unsqueeze(-1)  # (B, 1)
            start = start_state(state)
            outputs += [y[:-1], torch.where(ended, start[:1], y[-1:])]
            state = torch.where(ended, start, state)
            begin = last + 1
    return torch.cat(outputs), state


def make_cell(cell: str, nonlinearity: str, input_size: int, hidden_size: int) -> Cell:
    """One recurrent layer.

    Args:
        cell: ``lstm``, ``gru`` or ``rnn``.
        nonlinearity: of the rnn: ``tanh``, ``relu``, ``sigmoid`` or ``identity``.
        input_size: E, or H of the layer below.
        hidden_size: H.
    """
    if cell == "lstm":
        return LSTM(input_size, hidden_size)
    if cell == "gru":
        return GRU(input_size, hidden_size)
    if nonlinearity == "sigmoid":
        return SigmoidRNN(input_size, hidden_size)
    if nonlinearity == "identity":
        return IdentityRNN(input_size, hidden_size)
    return RNN(input_size, hidden_size, nonlinearity=nonlinearity)


def usual_gain(layer: Cell) -> float:
    """The modulus of the eigenvalues of a layer's recurrent blocks at the start, where nobody chose one."""
    if isinstance(layer, SigmoidRNN):
        return 4.0
    if isinstance(layer, IdentityRNN):
        return 0.9  # at 1 the state would grow with the length of the text
    return 0.5 if isinstance(layer, RNN) and layer.nonlinearity == "relu" else 1.0


@torch.no_grad()
def initialise_uniform(layer: Cell, generator: torch.Generator, gain: float | None = None) -> None:
    """Start values of torch's layers, and so of AWD-LSTM (Merity et al. 2018): all uniform between ±1/sqrt(H).

    With ``gain``, each recurrent block is then scaled to this spectral radius.
    """
    bound = layer.hidden_size**-0.5
    for parameter in layer.parameters():
        nn.init.uniform_(parameter, -bound, bound, generator=generator)
    if gain is not None:
        for block in torch.split(layer.weight_hh_l0, layer.hidden_size):
            block.mul_(gain / float(torch.linalg.eigvals(block).abs().max()))


@torch.no_grad()
def initialise(layer: Cell, generator: torch.Generator, gain: float | None = None) -> None:
    """Start values: each recurrent block orthogonal (Saxe et al. 2013), inputs scaled to their number, biases 0.

    An LSTM's forget gate begins open, at bias 1 (Jozefowicz et al. 2015). A sigmoid layer's block is scaled by
    4, since σ' is at most 1/4; the ReLU's is the identity scaled by one half (after Le et al. 2015).

    Args:
        layer: the layer.
        generator: draws the weights.
        gain: of each recurrent block instead: all of its eigenvalues then have this modulus.
    """
    H = layer.hidden_size
    if gain is None:
        gain = usual_gain(layer)
    for block in torch.split(layer.weight_hh_l0, H):
        if isinstance(layer, RNN) and layer.nonlinearity == "relu":
            nn.init.eye_(block)
        else:
            nn.init.orthogonal_(block, generator=generator)
    if gain != 1:
        layer.weight_hh_l0.mul_(gain)
    bound = (3 / layer.input_size) ** 0.5
    nn.init.uniform_(layer.weight_ih_l0, -bound, bound, generator=generator)
    nn.init.zeros_(layer.bias_ih_l0)
    nn.init.zeros_(layer.bias_hh_l0)
    if isinstance(layer, LSTM):
        layer.bias_ih_l0[H : 2 * H] = 1
