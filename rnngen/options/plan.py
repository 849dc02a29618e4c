"""Options that stand for others: a length that the plan turns into steps, and names for several values at once."""

from __future__ import annotations

from typing import Literal

from rnngen.options.declare import Options, option
from rnngen.options.network import PANEL as NETWORK
from rnngen.options.option import COMMON


class PlanConfig(Options):
    """Options that stand for others: a length that the plan turns into steps, and names for several values at once."""

    minutes: float | None = option(
        None, "How long training may take in all.", panel=COMMON, above=0, maximum=10_000_000, default_text="5"
    )
    epochs: float | None = option(None, "How often to read the training text.", panel=COMMON, above=0, maximum=10**6)
    size: Literal["tiny", "small", "medium", "large"] | None = option(
        None, "128, 256, 512 or 1024 units.", panel=COMMON, default_text="by measurement"
    )
    preset: Literal["awd-lstm", "awd-lstm-wt2"] | None = option(
        None,
        "A published recipe for words of the Penn Treebank or WikiText-2, for a GPU; other options override its "
        "values.",
        panel=NETWORK,
    )
