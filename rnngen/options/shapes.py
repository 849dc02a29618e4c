"""The shapes of a network's tensors, from its configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

GATES = {"lstm": 4, "gru": 3, "rnn": 1}  # blocks of H rows in a recurrent layer's matrices
DIRECTIONS = ("left_to_right", "right_to_left")  # what the tensors of a bidirectional network begin with


def expected_shapes(model: Mapping[str, Any], V: int, most: int) -> dict[str, tuple[int, ...]]:
    """Name → shape of every tensor of a network, for up to ``most`` layers (a hostile number is not counted to)."""
    one = _one_direction(model, V, most)
    if not model.get("bidirectional", False):
        return one
    return {f"{direction}.{name}": shape for direction in DIRECTIONS for name, shape in one.items()}


def _one_direction(model: Mapping[str, Any], V: int, most: int) -> dict[str, tuple[int, ...]]:
    G = GATES[model["cell"]]
    E, H = model["embedding_size"], model["hidden_size"]
    shapes: dict[str, tuple[int, ...]] = {"embedding.weight": (V, E), "output.bias": (V,)}
    if not model["tied"]:
        shapes["output.weight"] = (V, H)
    for layer in range(min(model["num_layers"], most + 1)):
        prefix = f"layers.{layer}."
        n = E if model["tied"] and layer == model["num_layers"] - 1 else H  # ModelConfig.width
        shapes[prefix + "weight_ih_l0"] = (G * n, E if layer == 0 else H)
        shapes[prefix + "weight_hh_l0"] = (G * n, n)
        shapes[prefix + "bias_ih_l0"] = shapes[prefix + "bias_hh_l0"] = (G * n,)
    return shapes


def multiply_weights(model: Mapping[str, Any], V: int) -> int:
    """Weights of a network that are multiplied at every token; training takes about 6 operations on each."""
    shapes = expected_shapes(model, V, most=model["num_layers"])
    copied = () if model["tied"] else ("embedding.weight",)  # a row of the embedding is looked up, not multiplied
    return sum(s[0] * s[1] for name, s in shapes.items() if len(s) == 2 and not name.endswith(copied))
