"""The network of a run."""

from __future__ import annotations

import torch

from rnngen.config import RunConfig
from rnngen.model.language_model import RecurrentLM
from rnngen.run import CONFIG, MODEL, Run


def load_network(run: Run) -> RecurrentLM:
    """A run's network with the weights to use, in float32 on the CPU.

    Raises:
        CheckpointError: weights, configuration and vocabulary do not belong together.
    """
    weights = run.weights()  # checked before anything of their size is made
    config = RunConfig.from_json({"model": run.model_config()}, run.path / CONFIG).model
    model = RecurrentLM(config, run.tokenizer().vocab_size)
    model.load_weights(weights, run.path / MODEL)
    return model.eval()


def fresh_network(run: Run) -> RecurrentLM:
    """A network as a run's was before its first step.

    Raises:
        CheckpointError: the configuration is damaged.
    """
    config = RunConfig.from_json({part: run.config.get(part, {}) for part in ("model", "train")}, run.path / CONFIG)
    generator = torch.Generator().manual_seed(config.train.seed)
    return RecurrentLM(config.model, run.tokenizer().vocab_size, generator).eval()
