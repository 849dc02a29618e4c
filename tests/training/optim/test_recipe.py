"""Promises of every optimizer that the option ``optimizer`` names."""

from __future__ import annotations

from typing import Any, get_args

import pytest
import torch

from rnngen.model.cloze import ClozeLM
from rnngen.model.language_model import RecurrentLM
from rnngen.options.declare import declared
from rnngen.options.network import ModelConfig
from rnngen.options.training import OptimizerConfig
from rnngen.training.optim.recipe import Recipe, recipe_named
from rnngen.training.state_checks import check_tensors

NAMES = get_args(declared(OptimizerConfig)["optimizer"].kind)


def network(**options: Any) -> RecurrentLM | ClozeLM:
    config = ModelConfig(hidden_size=8, embedding_size=8, num_layers=2, **options)
    return (ClozeLM if config.bidirectional else RecurrentLM)(config, 5, torch.Generator().manual_seed(0))


def fresh(name: str, **options: Any) -> tuple[RecurrentLM | ClozeLM, Recipe]:
    model = network(**options)
    return model, recipe_named(name)(model, network(**options), OptimizerConfig(optimizer=name, nonmono=1))  # type: ignore[arg-type]


def step(model: torch.nn.Module, recipe: Recipe, numbers: range) -> None:
    for number in numbers:
        generator = torch.Generator().manual_seed(number)
        for parameter in model.parameters():
            parameter.grad = torch.randn(parameter.shape, generator=generator)
        recipe.step(number, 0.5)
        recipe.average.validated(number)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("options", [{}, {"tied": True}, {"bidirectional": True}], ids=str)
def test_every_parameter_is_learned_by_one_optimizer(name: str, options: dict[str, Any]) -> None:
    model, recipe = fresh(name, **options)
    learned = [id(p) for o in recipe.optimizers for g in o.param_groups for p in g["params"]]
    assert sorted(learned) == sorted(id(p) for p in model.parameters())


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("steps", [1, 5])
def test_a_recipe_continues_exactly_from_its_saved_state(name: str, steps: int) -> None:
    model, recipe = fresh(name)
    step(model, recipe, range(steps))
    saved = {key: tensor.clone() for key, tensor in recipe.tensors().items()}
    weights = model.weights()
    resumed, other = fresh(name)
    check_tensors(saved, other.expected(stepped=True), "here")
    resumed.load_weights(weights)
    other.restore(saved)
    for each in ((model, recipe), (resumed, other)):
        step(*each, range(steps, steps + 4))
    assert recipe.tensors().keys() == other.tensors().keys()
    assert all(torch.equal(tensor, other.tensors()[key]) for key, tensor in recipe.tensors().items())
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), resumed.parameters(), strict=True))


@pytest.mark.parametrize("name", NAMES)
def test_before_the_first_step_there_is_nothing_but_the_average_to_save(name: str) -> None:
    _, recipe = fresh(name)
    saved = recipe.tensors()
    assert all(key.startswith(("average/", "averaging/")) for key in saved)
    check_tensors(saved, recipe.expected(stepped=False), "here")


@pytest.mark.parametrize("name", NAMES)
def test_learning_rates_are_options_and_every_one_is_multiplied_by_the_schedule(name: str) -> None:
    model, recipe = fresh(name)
    assert set(recipe.planned_rates) <= set(recipe.learning_rates) <= set(declared(OptimizerConfig))
    step(model, recipe, range(1))
    config = OptimizerConfig()
    used = {group["lr"] for optimizer in recipe.optimizers for group in optimizer.param_groups}
    assert used == {0.5 * getattr(config, rate) for rate in recipe.learning_rates}
