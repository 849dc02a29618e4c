"""``rnngen inspect gradients``: how far gradients reach back through time."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import TYPE_CHECKING, Any

import typer

from rnngen.cli.declared import takes_options
from rnngen.cli.inspected import inspected
from rnngen.cli.parameters import AsJson, Fresh, RunFolder, TextFile
from rnngen.cli.plots import plot
from rnngen.options.declare import Options, option

if TYPE_CHECKING:
    from rnngen.cli.console import Console
    from rnngen.inspection.gradients import Flow


class Reach(Options):
    """How far back gradients are followed."""

    lags: int = option(100, "Number of tokens to go back.", panel="", minimum=2, maximum=10_000)


@takes_options()
def gradients_command(
    context: typer.Context,
    run: RunFolder = None,
    text: TextFile = None,
    *,
    reach: Reach,
    fresh: Fresh = False,
    as_json: AsJson = False,
) -> None:
    """Show how far gradients reach back through time.

    The norm of the derivative of the loss at one token with respect to a layer's state some tokens before, in many
    passages of a real text; whether it vanishes or explodes, and how fast.
    """
    console: Console = context.obj
    lags = reach.lags
    with inspected("gradients", run, text, fresh=fresh) as found:
        from rnngen.inspection.eigenvalues import spectral_radii
        from rnngen.inspection.gradients import gradient_flow

        flows = gradient_flow(found.network, found.tokens, lags)
    radii = spectral_radii(found.network)
    if as_json:
        start = {"run": str(found.run.path), "fresh": fresh, "lags": lags}
        console.write_json({**start, "flows": [_flow_as_json(flow) for flow in flows], "spectral_radius": radii})
        return
    console.write(f"{found.title}: ‖∂J^i/∂s^j‖ by lag i - j, mean (10 % to 90 %)\n\n")
    console.write(_table(flows, lags, radii))
    console.write("\n" + "".join(f"{flow.name}: {flow.verdict.words}\n" for flow in flows))
    curves = {flow.name: _logarithms(flow.mean) for flow in flows}
    console.write("\n" + plot(curves, "lag", "log10 of the norm"))
    if any(len(curve) <= lags for curve in curves.values()):
        console.write("a curve ends where it falls below 10⁻¹² of its largest\n")


def _flow_as_json(flow: Flow) -> dict[str, Any]:
    return {
        "direction": flow.direction or None,
        "layer": flow.layer,
        "state": flow.state,
        "verdict": flow.verdict.kind,
        "factor": flow.verdict.factor,
        "words": flow.verdict.words,
        "mean": flow.mean.tolist(),
        "p10": flow.low.tolist(),
        "p90": flow.high.tolist(),
        "bound": flow.bound.tolist(),
    }


def _table(flows: list[Flow], lags: int, radii: Mapping[str, Mapping[str, float]]) -> str:
    shown = [*(lag for lag in (0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000) if lag < lags), lags]
    blocks = []
    for layer, states in groupby(flows, key=lambda f: f.layer_name):
        each = list(states)
        lines = [layer, "  lag" + "".join(f"{f.state:>28}" for f in each) + f"{'product of σ_max':>18}"]
        for lag in shown:
            cells = "".join(f"{f'{f.mean[lag]:.2e} ({f.low[lag]:.0e} to {f.high[lag]:.0e})':>28}" for f in each)
            lines.append(f"{lag:>5}{cells}{each[0].bound[lag]:>18.2e}")
        gates = ", ".join(f"{gate} {radius:.3g}" for gate, radius in radii[layer].items())
        blocks.append("\n".join([*lines, f"spectral radius of W_h: {gates}"]) + "\n")
    return "\n".join(blocks)


def _logarithms(curve: Iterable[float]) -> list[tuple[float, float]]:
    """(lag, log10 of the norm) for norms above 10⁻¹² of that at lag 0."""
    values = list(curve)
    return [(lag, math.log10(v)) for lag, v in enumerate(values) if values[0] * 1e-12 < v < math.inf]
