"""The conditions under which networks are compared: options that are the same for all, and leave nothing to chance."""

from __future__ import annotations

from typing import Any

SAME: dict[str, Any] = {
    "batch_size": 32,
    "dropout": 0.0,
    "input_dropout": 0.0,
    "weight_dropout": 0.0,
    "precision": "float32",
    "device": "cpu",
    "sample_every": 0,
}
