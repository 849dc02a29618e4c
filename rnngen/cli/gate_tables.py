"""What gates do on the whole: how often they are nearly shut or open, and which units keep what they wrote."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rnngen.cli.console import Console
    from rnngen.inspection.gates import LayerTrace, Values
    from rnngen.inspection.retention import Retention

LISTED = 10
"""Units in the table."""
FOLLOWS = 0.2
"""The least correlation that is shown: one of hundreds of units has a lower one by chance."""


def saturation_table(traces: Sequence[LayerTrace]) -> str:
    """How often each gate of each layer is nearly shut and nearly open."""
    rows = [(f"{t.name}, {name}", shares) for t in traces for name, shares in t.saturation().items()]
    if not rows:
        return "An RNN has no gates: its state is all it remembers by.\n"
    longest = max(len(name) for name, _ in rows)
    lines = [f"{'':<{longest}}{'below 0.1':>12}{'above 0.9':>12}"]
    lines += [f"{name:<{longest}}{left:>12.1%}{right:>12.1%}" for name, (left, right) in rows]
    return "\n".join(lines) + "\n"


def longest_memories(console: Console, kept: Sequence[Retention], features: Mapping[str, Values]) -> str:
    """The units that keep what they wrote the longest, and the feature of the text that each follows; or nothing."""
    from rnngen.inspection.detectors import followed

    units = []
    for each in kept:
        follows = followed(each.trace, features)
        for number, (half_life, constant) in enumerate(zip(each.half_lives, each.time_constants, strict=True)):
            units.append((float(half_life), float(constant), each, number, follows))
    units.sort(key=lambda unit: (-unit[0], -unit[1]))
    if not units:
        return ""
    longest = max(len(each.trace.name) for each in kept)
    said = (
        f"units with the longest memory, by their {kept[0].gate} gates (half-life: tokens until the mean product "
        "of the gate is one half)"
    )
    lines = [f"{'':<{longest}}{'unit':>6}{'half-life':>11}  follows"]
    for half_life, _, each, number, follows in units[:LISTED]:
        lines.append(
            f"{each.trace.name:<{longest}}{number:>6}{tokens_in_words(half_life, each):>11}"
            f"  {_feature(follows, number) or '-'}"
        )
    return console.filled(said) + "\n".join(lines) + "\n"


def memory_of(trace: LayerTrace, number: int, kept: Retention | None, features: Mapping[str, Values]) -> str:
    """How long a unit remembers, and what it follows, to be put after its name; or nothing."""
    from rnngen.inspection.detectors import followed

    parts = []
    if kept is not None:
        half_life = tokens_in_words(float(kept.half_lives[number]), kept)
        parts.append(f"half of what it wrote is left after {half_life} tokens")
    if feature := _feature(followed(trace, features), number):
        parts.append(f"follows {feature}")
    return f": {'; '.join(parts)}" if parts else ""


def tokens_in_words(half_life: float, kept: Retention) -> str:
    """A half-life, or that it is longer than what was looked at."""
    return f"> {kept.longest:,}" if math.isinf(half_life) else f"{half_life:.3g}"


def _feature(follows: Sequence[tuple[str, float]], number: int) -> str:
    if not follows or abs(follows[number][1]) < FOLLOWS:
        return ""
    return f"{follows[number][0]}, r = {follows[number][1]:+.2f}"
