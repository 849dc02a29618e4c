"""The base class of optimizers: everything that the rest of training needs to know about one.

The option ``optimizer`` chooses one by name. The module of that name in this package defines it as ``RECIPE``. Its
class attributes tell planning (``planning/``) and advice (``gradient_norms.py``) how it differs from others; an
instance turns gradients into steps.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from importlib import import_module
from typing import ClassVar

import torch
from torch import Tensor

from rnngen.model.language_model import Network
from rnngen.options.training import OptimizerConfig
from rnngen.training.checkpoint import pack, unpack
from rnngen.training.optim.average import WeightAverage
from rnngen.training.optim.optimizer import Optimizer
from rnngen.training.state_checks import Expected


class Recipe(ABC):
    """Learns the weights of a network from their gradients, and averages them.

    Args:
        model: the network that learns.
        averaged: a network of the same sizes, which will hold the average.
        config: learning rates, weight decay, and the like.

    Attributes:
        optimizers: in the order in which they step and are saved.
        average: the average of the weights; its network is the one to validate and keep.
    """

    learning_rates: ClassVar[tuple[str, ...]]
    """The options that are its learning rates."""

    planned_rates: ClassVar[tuple[str, ...]]
    """Those of them whose defaults fit every run, scaled by rules 10 and 11 (``planning/rules.py``)."""

    plans_weight_decay: ClassVar[bool]
    """Whether the weight decay grows with dropout (rule 7)."""

    learns_ngrams: ClassVar[bool]
    """Whether it has a decay of its own for a table of n-grams, so that networks have one by default (rule 13)."""

    validates_every_epoch: ClassVar[bool]
    """Whether it needs a validation on the whole validation part after every epoch (rule 9)."""

    moments: ClassVar[tuple[tuple[str, ...], ...]]
    """For each optimizer, what it stores per parameter: ``step``, a counter, and tensors of the parameter's shape.

    A recipe may have fewer optimizers than these, if a network has nothing for the last ones.
    """

    def __init__(self, model: Network, averaged: Network, config: OptimizerConfig) -> None:
        self.optimizers = self.make_optimizers(model, config)
        self.average = self.make_average(model, averaged, config)

    @staticmethod
    @abstractmethod
    def make_optimizers(model: Network, config: OptimizerConfig) -> list[Optimizer]:
        """One or more optimizers, each with its parameter groups, which together learn all parameters."""

    @staticmethod
    @abstractmethod
    def make_average(model: Network, averaged: Network, config: OptimizerConfig) -> WeightAverage:
        """The average of the weights, held by ``averaged``."""

    def use_precision(self, precision: str) -> None:  # noqa: B027 (most recipes need nothing)
        """Compute steps in ``float32`` or ``bf16`` from now on, where that makes a difference."""

    def step(self, number: int, factor: float) -> None:
        """Move the weights by their gradients, and update the average.

        Args:
            number: of steps taken before this one.
            factor: what every learning rate is multiplied by, from the learning-rate schedule.
        """
        for optimizer in self.optimizers:
            optimizer.step(factor)
        self.average.update(number)

    def tensors(self) -> dict[str, Tensor]:
        """The state for a checkpoint, by name, on the CPU; of the optimizers: ``optimizer/number/index/name``."""
        state = {
            **pack("average", dict(self.average.model.named_parameters())),
            **pack("averaging", self.average.values()),
        }
        for number, optimizer in enumerate(self.optimizers):
            state |= pack(f"optimizer/{number}", optimizer.tensors())
        return state

    def expected(self, *, stepped: bool) -> dict[str, Expected]:
        """What ``tensors`` returns, by name: shapes and types.

        Args:
            stepped: whether a step has been taken, so that the optimizers have stored something.
        """
        average = {name: Expected.like(p) for name, p in self.average.model.named_parameters()}
        values = {name: Expected((None,) * v.ndim, (v.dtype,)) for name, v in self.average.values().items()}
        expected = {f"average/{name}": like for name, like in average.items()}
        expected |= {f"averaging/{name}": like for name, like in values.items()}
        used = self.moments[: len(self.optimizers)]  # a network may have nothing for the last optimizers
        for number, (optimizer, moments) in enumerate(zip(self.optimizers, used, strict=True)):
            parameters = [p for group in optimizer.param_groups for p in group["params"]] if stepped else []
            for i, parameter in enumerate(parameters):
                for name in moments:
                    like = Expected((), (torch.float32,)) if name == "step" else Expected.like(parameter)
                    expected[f"optimizer/{number}/{i}/{name}"] = like
        return expected

    def restore(self, tensors: Mapping[str, Tensor], where: object = None) -> None:
        """Restore the state that ``tensors`` returned, after it has been compared with ``expected``.

        Args:
            tensors: by name; others among them are ignored.
            where: they were read from, for errors.
        """
        for number, optimizer in enumerate(self.optimizers):
            optimizer.restore(unpack(f"optimizer/{number}", tensors))
        self.average.model.load_weights(unpack("average", tensors), where)
        self.average.restore(unpack("averaging", tensors))


def recipe_named(name: str) -> type[Recipe]:
    """The recipe that this value of the option ``optimizer`` stands for."""
    recipe: type[Recipe] = import_module(f"{__package__}.{name}").RECIPE
    return recipe
