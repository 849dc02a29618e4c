"""The network: its options, and the widths and tensor shapes that follow from them."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

from rnngen.errors import UsageError
from rnngen.options.declare import Options, option

Cell = Literal["lstm", "gru", "rnn"]
Nonlinearity = Literal["tanh", "relu", "sigmoid", "identity"]

GATES: dict[Cell, int] = {"lstm": 4, "gru": 3, "rnn": 1}
"""Cell → blocks of H rows in a recurrent layer's matrices."""

START_UNITS = slice(None, None, 8)
START_VALUES = (math.tanh(1.0), 1.0)
"""How a document begins: h and, of an lstm, c of these units of every layer have these values, all others are 0.

If all were 0, the first token of a document would be predicted by the softmax's biases alone, which learn slowly: 3,000
names cost 0.5% more nats per token after 800 steps, and 3 to 5% more after 100. If all units had these values, the
network would first have to learn to forget them: 4% more after 700 steps.
"""

DIRECTIONS = ("left_to_right", "right_to_left")
"""What the names of a bidirectional network's tensors begin with."""

PANEL = "Network"

_BY_EPOCHS = "by number of epochs"


class ModelConfig(Options):
    """A network: embedding (V, E) → L recurrent layers of H units → softmax over V.

    With a history, the embedding of a token is its own plus those of the n-grams that end there (``model/inputs.py``).
    Tied, the softmax uses the embedding's matrix, so the last layer has E units, whatever H is. Bidirectional, there
    are two networks of these sizes, one per reading direction (``model/cloze.py``).
    """

    always_saved: ClassVar = ("cell", "nonlinearity", "hidden_size", "embedding_size", "num_layers", "tied")

    cell: Cell = option("lstm", "Recurrent cell.", panel=PANEL, common=True)
    nonlinearity: Nonlinearity = option("tanh", "Activation of the rnn cell.", panel=PANEL)
    hidden_size: int = option(
        256, "Units per layer, instead of `size`.", panel=PANEL, minimum=1, maximum=65536, default_text="by measurement"
    )
    embedding_size: int = option(
        64,
        "Width of a token's embedding; with it, a large vocabulary is not `tied` by default.",
        panel=PANEL,
        minimum=1,
        maximum=65536,
        default_text="follows from the size",
    )
    history: int = option(
        0,
        "Earlier tokens that the input depends on: embeddings of the n-grams that end at a token are added to its own.",
        panel=PANEL,
        minimum=0,
        maximum=15,
        default_text="3; 1 with more than 512 tokens; asgd: 0",
    )
    history_rows: int = option(
        4096,
        "Rows of the table of n-gram embeddings; the row of an n-gram is a hash of its tokens.",
        panel=PANEL,
        minimum=2,
        maximum=1 << 24,
        default_text="a 32nd of the training tokens",
    )
    num_layers: int = option(1, "Recurrent layers.", panel=PANEL, minimum=1, maximum=64)
    dropout: float = option(
        0.0, "Dropout probability on every layer's output.", panel=PANEL, minimum=0, below=1, default_text=_BY_EPOCHS
    )
    hidden_dropout: float | None = option(
        None,
        "Dropout probability on the output of all layers but the last.",
        panel=PANEL,
        minimum=0,
        below=1,
        default_text="as `dropout`",
    )
    input_dropout: float = option(
        0.0, "Dropout probability on the embedded input.", panel=PANEL, minimum=0, below=1, default_text=_BY_EPOCHS
    )
    embedding_dropout: float = option(
        0.0, "Probability of dropping a token's embedding throughout a window.", panel=PANEL, minimum=0, below=1
    )
    weight_dropout: float = option(
        0.0,
        "DropConnect probability on the recurrent weights.",
        panel=PANEL,
        minimum=0,
        below=1,
        default_text=_BY_EPOCHS,
    )
    tied: bool = option(
        False,
        "Share one matrix between embedding and softmax; the last of several layers then has `embedding_size` units.",
        panel=PANEL,
        flags=("--tied/--no-tied",),
        default_text="with more than 512 tokens",
    )
    bidirectional: bool = option(
        False,
        "Train a model that reads from both ends and fills gaps (for fill, not sample): two networks of these sizes.",
        panel=PANEL,
        flags=("--bidirectional/--no-bidirectional",),
        common=True,
    )
    initialization: Literal["orthogonal", "uniform"] = option(
        "orthogonal", "Distribution of the initial weights.", panel=PANEL
    )
    gain: float | None = option(
        None,
        "Spectral radius of W_h at the start: of the rnn's matrix, or of each gate's.",
        panel=PANEL,
        minimum=0,
        maximum=1000,
        default_text="1; identity: 0.9, relu: 0.5, sigmoid: 4",
    )

    def check(self) -> None:
        """Refuse networks that do not exist.

        Raises:
            UsageError: a nonlinearity for a cell with gates, or tied sizes that differ.
        """
        if self.nonlinearity != "tanh" and self.cell != "rnn":
            raise UsageError(f"`nonlinearity={self.nonlinearity}` needs `cell=rnn`", found=f"`cell={self.cell}`")
        if self.tied and self.num_layers == 1 and self.embedding_size != self.hidden_size:
            raise UsageError(
                "`tied` with one layer needs `embedding_size` equal to `hidden_size`",
                found=f"{self.embedding_size} and {self.hidden_size}",
            )

    @property
    def gates(self) -> int:
        """Blocks of H rows in a recurrent layer's matrices."""
        return GATES[self.cell]

    def width(self, layer: int) -> int:
        """Units of a layer, counted from 0: H, but E in the last one of a tied network."""
        return self.embedding_size if self.tied and layer == self.num_layers - 1 else self.hidden_size

    def shapes(self, V: int) -> dict[str, tuple[int, ...]]:
        """Name → shape of every tensor, for a vocabulary of V tokens."""
        one = self._one_direction(V)
        if not self.bidirectional:
            return one
        return {f"{direction}.{name}": shape for direction in DIRECTIONS for name, shape in one.items()}

    def _one_direction(self, V: int) -> dict[str, tuple[int, ...]]:
        E, H, G = self.embedding_size, self.hidden_size, self.gates
        shapes: dict[str, tuple[int, ...]] = {"embedding.weight": (V, E), "output.bias": (V,)}
        if self.history:
            shapes["history.weight"] = (self.history_rows, E)
        if not self.tied:
            shapes["output.weight"] = (V, H)
        for layer in range(self.num_layers):
            prefix, n = f"layers.{layer}.", self.width(layer)
            shapes[prefix + "weight_ih_l0"] = (G * n, E if layer == 0 else H)
            shapes[prefix + "weight_hh_l0"] = (G * n, n)
            shapes[prefix + "bias_ih_l0"] = shapes[prefix + "bias_hh_l0"] = (G * n,)
        return shapes

    def num_parameters(self, V: int) -> int:
        """How many numbers are learned, for a vocabulary of V tokens."""
        return sum(map(math.prod, self.shapes(V).values()))

    def multiplied_weights(self, V: int) -> int:
        """Weights that are multiplied at every token; training takes about 6 operations on each."""
        # a row of an embedding is looked up, not multiplied
        copied = ("history.weight",) if self.tied else ("history.weight", "embedding.weight")
        shapes = self.shapes(V).items()
        return sum(math.prod(s) for name, s in shapes if len(s) == 2 and not name.endswith(copied))

    def activations(self, V: int) -> int:
        """About how many numbers a forward pass stores for every token of a window."""
        readers = 2 if self.bidirectional else 1
        return readers * (self.embedding_size + self.num_layers * 8 * self.hidden_size + 3 * V)

    def describe(self) -> str:
        """The network in words: cell, layers, sizes, and the n-grams that its input has."""
        cell = f"{self.cell} ({self.nonlinearity})" if self.cell == "rnn" else self.cell
        cell = f"bidirectional {cell}" if self.bidirectional else cell
        layers = "1 layer" if self.num_layers == 1 else f"{self.num_layers} layers"
        about = ["tied"] * self.tied + [f"n-grams up to {self.history + 1}"] * (self.history > 0)
        embedding = f"embedding {self.embedding_size}" + (f" ({', '.join(about)})" if about else "")
        return f"{cell}, {layers} of {self.hidden_size}, {embedding}"
