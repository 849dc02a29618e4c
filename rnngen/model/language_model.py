"""The language model: embedding → recurrent layers → softmax."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rnngen.model.cells import Cell, initialise, initialise_uniform, make_cell
from rnngen.model.dropout import drop_rows, drop_units, drop_weights
from rnngen.model.network import Network, Prediction
from rnngen.options.network import ModelConfig

EMBEDDING_RANGE = 0.1  # of uniform start values (Merity et al. 2018)


class RecurrentLM(Network):
    """A left-to-right recurrent language model with its state in the open.

    The logits at t come from the state after token t and predict token t+1; the first token of a text is
    predicted from the start state, by ``readout(start_state)``.

    Args:
        config: sizes, cell, dropout.
        vocab_size: V.
        generator: draws the start values.
    """

    def __init__(self, config: ModelConfig, vocab_size: int, generator: torch.Generator | None = None) -> None:
        super().__init__(config, vocab_size)
        generator = generator or torch.Generator().manual_seed(0)
        widths = [config.width(layer) for layer in range(config.num_layers)]
        inputs = [config.embedding_size, *widths[:-1]]
        self.embedding = nn.Embedding(vocab_size, config.embedding_size)
        self.layers = nn.ModuleList(
            make_cell(config.cell, config.nonlinearity, n, H) for n, H in zip(inputs, widths, strict=True)
        )
        self.output = nn.Linear(widths[-1], vocab_size)
        self._initialise(generator)

    @torch.no_grad()
    def _initialise(self, generator: torch.Generator) -> None:
        config = self.config
        if config.initialization == "uniform":
            for layer in self.cells:
                initialise_uniform(layer, generator)
            for matrix in (self.embedding.weight, self.output.weight):
                nn.init.uniform_(matrix, -EMBEDDING_RANGE, EMBEDDING_RANGE, generator=generator)
        else:
            # tied weights serve as both, so they begin at the scale of the smaller use
            scale = self.output.in_features**-0.5
            nn.init.normal_(self.embedding.weight, std=scale if config.tied else 1, generator=generator)
            for layer in self.cells:
                initialise(layer, generator)
            nn.init.normal_(self.output.weight, std=scale, generator=generator)
        nn.init.zeros_(self.output.bias)
        if config.tied:
            self.output.weight = self.embedding.weight

    @property
    def cells(self) -> list[Cell]:
        """The recurrent layers, from the input up."""
        return list(self.layers)  # type: ignore[arg-type]

    def start_state(self, batch_size: int) -> Tensor:
        """The state before any token, all zero: (L, S, B, H)."""
        cells = self.cells
        H = max(layer.hidden_size for layer in cells)
        return self.output.bias.new_zeros(len(cells), cells[0].state_size, batch_size, H)

    def readout(self, state: Tensor) -> Tensor:
        """Logits of the next token, (B, V), from a state (L, S, B, H)."""
        logits: Tensor = self.output(self.top(state))
        return logits

    def top(self, state: Tensor) -> Tensor:
        """What the softmax reads of a state (L, S, B, H): the last layer's h, (B, H)."""
        return state[-1, 0, :, : self.output.in_features]

    def predict(
        self, inputs: Tensor, targets: Tensor, state: Tensor, dropout: torch.Generator | None = None
    ) -> Prediction:
        """Predict the targets of a window, each from all that is to its left. See ``forward``."""
        raw, dropped, after = self.read(inputs, state, dropout)
        return Prediction(self.output(dropped), raw, dropped, after)

    def forward(self, tokens: Tensor, state: Tensor, dropout: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        """Read a window of every stream.

        Args:
            tokens: ids, (T, B).
            state: what was carried here, (L, S, B, H).
            dropout: draws the dropout masks; without it nothing is dropped. One mask a window, the same at
                every step: of a layer's input or output (variational dropout, Gal & Ghahramani 2016), and of the
                recurrent weights, the same for all streams (DropConnect, Merity et al. 2018).

        Returns:
            Logits (T, B, V), the one at t predicting token t+1, and the state after the window.
        """
        _, dropped, after = self.read(tokens, state, dropout)
        return self.output(dropped), after

    def read(
        self, tokens: Tensor, state: Tensor, dropout: torch.Generator | None = None, masked: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """As ``forward``, up to the softmax; of tokens that are ``masked``, (T, B), nothing is read: their input is 0.

        Returns:
            The last layer's output (T, B, H), the same with dropout, and the state after the window.
        """
        c = self.config
        x = drop_rows(self.embedding, tokens, c.embedding_dropout, dropout)  # (T, B, E)
        if masked is not None:
            x = x.masked_fill(masked.unsqueeze(-1), 0)
        dropped = drop_units(x, c.input_dropout, dropout)
        between = c.dropout if c.hidden_dropout is None else c.hidden_dropout
        states = []
        for index, (layer, carried) in enumerate(zip(self.cells, state, strict=True)):
            weight_hh = drop_weights(layer.weight_hh_l0, c.weight_dropout, dropout)
            used = carried[..., : layer.hidden_size].contiguous()
            x, after = layer.run(dropped, used, weight_hh)  # (T, B, H), (S, B, H)
            unused = carried.shape[-1] - layer.hidden_size
            states.append(nn.functional.pad(after, (0, unused)).to(state.dtype))
            dropped = drop_units(x, c.dropout if index == c.num_layers - 1 else between, dropout)
        return x, dropped, torch.stack(states)
