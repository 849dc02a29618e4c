"""Making the network that a configuration describes, and loading the network of a run."""

from __future__ import annotations

import torch

from rnngen.errors import UsageError
from rnngen.model.cloze import ClozeLM
from rnngen.model.language_model import Network, RecurrentLM
from rnngen.options.config import RunConfig
from rnngen.options.network import ModelConfig
from rnngen.runs.layout import CONFIG, MODEL
from rnngen.runs.run import Run


def make_network(
    config: ModelConfig, vocab_size: int, generator: torch.Generator | None = None, boundary: int | None = None
) -> Network:
    """A network whose initial weights ``generator`` draws; see ``Network`` for the others."""
    return (ClozeLM if config.bidirectional else RecurrentLM)(config, vocab_size, generator, boundary)


def load_network(run: Run) -> Network:
    """A run's network with its best weights, in float32 on the CPU.

    Raises:
        CheckpointError: weights, configuration and vocabulary do not match.
    """
    weights = run.weights()  # checked before anything of their size is allocated
    model = make_network(run.model_config(), run.tokenizer().vocab_size, boundary=run.boundary)
    model.load_weights(weights, run.path / MODEL)
    return model.eval()


def load_language_model(run: Run) -> RecurrentLM:
    """The network of a left-to-right run.

    Raises:
        CheckpointError: as ``load_network``.
        UsageError: the run is bidirectional.
    """
    model = load_network(run)
    if not isinstance(model, RecurrentLM):
        raise UsageError("is bidirectional", where=run.path, expected="a left-to-right model")
    return model


def fresh_network(run: Run) -> Network:
    """A run's network as it was before the first training step.

    Raises:
        CheckpointError: the configuration is damaged, or the run's weights do not match it.
    """
    run.weights()  # checked before anything of their size is allocated
    config = RunConfig.saved({part: run.config.get(part, {}) for part in ("model", "train")}, run.path / CONFIG)
    generator = torch.Generator().manual_seed(config.train.seed)
    return make_network(config.model, run.tokenizer().vocab_size, generator, run.boundary).eval()
