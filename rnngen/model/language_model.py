"""The language model: embedding → recurrent layers → softmax."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from rnngen.config import ModelConfig
from rnngen.errors import CheckpointError
from rnngen.model.cells import Cell, initialise, initialise_uniform, make_cell

EMBEDDING_RANGE = 0.1  # of uniform start values (Merity et al. 2018)


class RecurrentLM(nn.Module):
    """A left-to-right recurrent language model with its state in the open.

    The logits at t come from the state after token t and predict token t+1; the first token of a text is
    predicted from the start state, by ``readout(start_state)``.

    Args:
        config: sizes, cell, dropout.
        vocab_size: V.
        generator: draws the start values.
    """

    def __init__(self, config: ModelConfig, vocab_size: int, generator: torch.Generator | None = None) -> None:
        super().__init__()
        generator = generator or torch.Generator().manual_seed(0)
        widths = [config.width(layer) for layer in range(config.num_layers)]
        inputs = [config.embedding_size, *widths[:-1]]
        self.config = config
        self.vocab_size = vocab_size
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

    @property
    def num_parameters(self) -> int:
        """How many numbers are learned."""
        return sum(p.numel() for p in self.parameters())

    def start_state(self, batch_size: int) -> Tensor:
        """The state before any token, all zero: (L, S, B, H)."""
        cells = self.cells
        H = max(layer.hidden_size for layer in cells)
        return self.output.bias.new_zeros(len(cells), cells[0].state_size, batch_size, H)

    def readout(self, state: Tensor) -> Tensor:
        """Logits of the next token, (B, V), from a state (L, S, B, H)."""
        logits: Tensor = self.output(state[-1, 0, :, : self.output.in_features])
        return logits

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
        self, tokens: Tensor, state: Tensor, dropout: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """As ``forward``, up to the softmax.

        Returns:
            The last layer's output (T, B, H), the same with dropout, and the state after the window.
        """
        c = self.config
        x = _drop_rows(self.embedding, tokens, c.embedding_dropout, dropout)  # (T, B, E)
        dropped = _drop(x, c.input_dropout, dropout)
        between = c.dropout if c.hidden_dropout is None else c.hidden_dropout
        states = []
        for index, (layer, carried) in enumerate(zip(self.cells, state, strict=True)):
            weight_hh = _drop_weights(layer.weight_hh_l0, c.weight_dropout, dropout)
            used = carried[..., : layer.hidden_size].contiguous()
            x, after = layer.run(dropped, used, weight_hh)  # (T, B, H), (S, B, H)
            unused = carried.shape[-1] - layer.hidden_size
            states.append(nn.functional.pad(after, (0, unused)).to(state.dtype))
            dropped = _drop(x, c.dropout if index == c.num_layers - 1 else between, dropout)
        return x, dropped, torch.stack(states)

    def weights(self) -> dict[str, Tensor]:
        """Copies of all parameters by name, on the CPU, tied ones once."""
        return {name: p.detach().to("cpu", copy=True).contiguous() for name, p in self.named_parameters()}

    @torch.no_grad()
    def load_weights(self, weights: Mapping[str, Any], where: object = None) -> None:
        """Take over all parameters by name.

        Args:
            weights: tensors or NumPy arrays, exactly the names of ``weights()``.
            where: what to call their source in errors.

        Raises:
            CheckpointError: a name is missing or unknown, or a shape differs.
        """
        parameters = dict(self.named_parameters())
        if odd := sorted(parameters.keys() ^ weights.keys()):
            missing = odd[0] in parameters
            raise CheckpointError(
                f"{'lacks' if missing else 'has an unknown'} tensor {odd[0]}", where=where,
                hint="config.json and the weights do not belong together.",
            )  # fmt: skip
        for name, parameter in parameters.items():
            given = torch.as_tensor(weights[name])
            if given.shape != parameter.shape:
                raise CheckpointError(
                    f"tensor {name} has another shape than config.json says", where=where,
                    expected=tuple(parameter.shape), found=tuple(given.shape),
                )  # fmt: skip
            parameter.copy_(given)


def _drop(x: Tensor, p: float, generator: torch.Generator | None) -> Tensor:
    """Variational dropout of (T, B, n): one mask (B, n) for all steps."""
    if generator is None or p == 0:
        return x
    kept = torch.empty(x.shape[1:], device=generator.device).bernoulli_(1 - p, generator=generator)
    return x * (kept / (1 - p)).to(device=x.device, dtype=x.dtype)


def _drop_rows(embedding: nn.Embedding, tokens: Tensor, p: float, generator: torch.Generator | None) -> Tensor:
    """Vectors of tokens (T, B) → (T, B, E), a share of the embedding's rows being 0 (Gal & Ghahramani 2016).

    A token is there or not in all of its places in the window; the rows that are left are scaled up for the others.
    """
    x: Tensor = embedding(tokens)
    if generator is None or p == 0:
        return x
    kept = torch.empty(embedding.num_embeddings, device=generator.device).bernoulli_(1 - p, generator=generator)
    rows = (kept / (1 - p)).to(device=x.device, dtype=x.dtype)
    return x * rows[tokens].unsqueeze(-1)


def _drop_weights(weight: Tensor, p: float, generator: torch.Generator | None) -> Tensor:
    """A copy of a matrix in which a share of the entries is 0, the others scaled up for it.

    A byte of randomness decides each entry, so the share is a whole number of 256ths: that is an eighth of the work
    of drawing a number for each, which for a matrix this large would cost as much as a tenth of the whole step.
    """
    dropped = min(255, round(256 * p))
    if generator is None or dropped == 0:
        return weight
    eights = torch.empty((weight.numel() + 7) // 8, dtype=torch.int64, device=generator.device)
    draws = eights.random_(-(2**63), None, generator=generator).view(torch.uint8)[: weight.numel()]
    kept = (draws >= dropped).view_as(weight).to(weight.device)
    return weight * (kept.to(weight.dtype) * (256 / (256 - dropped)))
