"""The language model: embedding → recurrent layers → softmax."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from rnngen.config import ModelConfig
from rnngen.errors import CheckpointError
from rnngen.model.cells import Cell, initialise, make_cell


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
        E, H = config.embedding_size, config.hidden_size
        self.config = config
        self.vocab_size = vocab_size
        self.embedding = nn.Embedding(vocab_size, E)
        self.layers = nn.ModuleList(
            make_cell(config.cell, config.nonlinearity, E if layer == 0 else H, H) for layer in range(config.num_layers)
        )
        self.output = nn.Linear(H, vocab_size)
        self._initialise(generator)

    @torch.no_grad()
    def _initialise(self, generator: torch.Generator) -> None:
        config = self.config
        # tied weights serve as both, so they begin at the scale of the smaller use
        nn.init.normal_(self.embedding.weight, std=config.hidden_size**-0.5 if config.tied else 1, generator=generator)
        for layer in self.cells:
            initialise(layer, generator)
        nn.init.normal_(self.output.weight, std=config.hidden_size**-0.5, generator=generator)
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

    @property
    def num_multiply_weights(self) -> int:
        """Weights that are multiplied at every token; training takes about 6 operations on each."""
        return sum(p.numel() for n, p in self.named_parameters() if p.dim() == 2 and n != "embedding.weight") + (
            self.output.weight.numel() if self.config.tied else 0
        )

    def start_state(self, batch_size: int) -> Tensor:
        """The state before any token, all zero: (L, S, B, H)."""
        config = self.config
        S = self.cells[0].state_size
        return self.output.bias.new_zeros(config.num_layers, S, batch_size, config.hidden_size)

    def readout(self, state: Tensor) -> Tensor:
        """Logits of the next token, (B, V), from a state (L, S, B, H)."""
        logits: Tensor = self.output(state[-1, 0])
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
        c = self.config
        x = _drop(self.embedding(tokens), c.input_dropout, dropout)  # (T, B, E)
        states = []
        for layer, carried in zip(self.cells, state, strict=True):
            weight_hh = _drop_weights(layer.weight_hh_l0, c.weight_dropout, dropout)
            x, after = layer.run(x, carried, weight_hh)  # (T, B, H), (S, B, H)
            states.append(after.to(state.dtype))
            x = _drop(x, c.dropout, dropout)
        return self.output(x), torch.stack(states)

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


def _drop_weights(weight: Tensor, p: float, generator: torch.Generator | None) -> Tensor:
    """A copy of a matrix in which a share of the entries is 0, the others scaled up for it.

    A byte of randomness decides each entry, so the share is a whole number of 256ths: that is an eighth of the work
    of drawing a number for each, which for a matrix this large would cost as much as a tenth of the whole step.
    """
    dropped = round(256 * p)
    if generator is None or dropped == 0:
        return weight
    eights = torch.empty((weight.numel() + 7) // 8, dtype=torch.int64, device=generator.device)
    draws = eights.random_(-(2**63), None, generator=generator).view(torch.uint8)[: weight.numel()]
    kept = (draws >= dropped).view_as(weight).to(weight.device)
    return weight * (kept.to(weight.dtype) * (256 / (256 - dropped)))
