"""``rnngen inspect``: what happens inside a network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rnngen.cli import console
from rnngen.cli.commands import plain_app, register_command

if TYPE_CHECKING:
    from rnngen.inspection.gradients import Flow

inspect_app = plain_app(help="See inside a model.", no_args_is_help=True)


@inspect_app.callback()
def _inspect() -> None:
    pass


def gradients_command(
    run: Annotated[
        Path | None, typer.Argument(help="The run's folder. [default: the newest under checkpoints/]")
    ] = None,
    text: Annotated[
        Path | None, typer.Option(help="Read this file. [default: the test part of the run's corpus]")
    ] = None,
    lags: Annotated[int, typer.Option(help="How many tokens to look back.")] = 100,
    fresh: Annotated[bool, typer.Option("--fresh", help="Look at the network as it was before training.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Show how far gradients reach back through time.

    The norm of the derivative of the loss at one token with respect to a layer's state some tokens before, at many
    places of a real text; whether it vanishes or explodes, and how fast.
    """
    from rnngen.generation.options import check_count
    from rnngen.run import open_run

    check_count("lags", lags, least=2)
    opened = open_run(run)  # before torch: a wrong path is told at once
    from rnngen.evaluation.evaluate import encoded_text, own_part
    from rnngen.inspection.gradients import gradient_flow, recurrent_eigenvalues
    from rnngen.model.load import fresh_network, load_network

    model = fresh_network(opened) if fresh else load_network(opened)
    if text is None:
        flows = gradient_flow(model, own_part(opened, "test").tokens, lags)
    else:
        with encoded_text(opened, [text]) as encoded:
            flows = gradient_flow(model, encoded.tokens, lags)
    radii = [{gate: float(abs(v[0])) for gate, v in layer.items()} for layer in recurrent_eigenvalues(model)]
    if as_json:
        console.write_json({"run": str(opened.path), "fresh": fresh, "lags": lags, "flows": [_object(f) for f in flows],
                            "spectral_radius": radii})  # fmt: skip
        return
    console.write(
        f"{opened.path}{' before training' if fresh else ''}: ‖∂J^i/∂s^j‖ by lag i - j, mean (10 % to 90 %)\n\n"
    )
    console.write(_table(flows, lags))
    for number, layer in enumerate(radii, start=1):
        shown = ", ".join(f"{gate} {radius:.3g}" for gate, radius in layer.items())
        console.write(f"\nlayer {number}: spectral radius of W_h: {shown}\n")
    console.write("\n" + "".join(f"layer {f.layer}, {f.state}: {f.verdict.words}\n" for f in flows))
    console.write("\n" + _plot(flows))


def _object(flow: Flow) -> dict[str, Any]:
    return {
        "layer": flow.layer, "state": flow.state, "verdict": flow.verdict.kind, "factor": flow.verdict.factor,
        "words": flow.verdict.words, "mean": flow.mean.tolist(), "p10": flow.low.tolist(), "p90": flow.high.tolist(),
        "bound": flow.bound.tolist(),
    }  # fmt: skip


def _table(flows: list[Flow], lags: int) -> str:
    shown = [lag for lag in (0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000) if lag <= lags]
    lines = ["  lag   " + "".join(f"{f'layer {f.layer}, {f.state}':>28}" for f in flows) + f"{'product of σ_max':>20}"]
    for lag in shown:
        cells = "".join(f"{f'{f.mean[lag]:.2e} ({f.low[lag]:.0e} to {f.high[lag]:.0e})':>28}" for f in flows)
        lines.append(f"{lag:>5}   {cells}{flows[0].bound[lag]:>20.2e}")
    return "\n".join(lines) + "\n"


def _plot(flows: list[Flow]) -> str:
    """The curves, as far as they are above a millionth of a millionth of lag 0, on a logarithmic scale."""
    import math
    import string

    import plotext

    plotext.clear_figure()
    plotext.plot_size(76, 18)
    plotext.theme("clear")
    marks = iter("hc" if len({f.layer for f in flows}) == 1 else string.ascii_letters)
    for flow, mark in zip(flows, marks, strict=False):
        points = [(lag, math.log10(v)) for lag, v in enumerate(flow.mean) if v > flow.mean[0] * 1e-12]
        plotext.plot(
            [lag for lag, _ in points], [y for _, y in points], label=f"layer {flow.layer}, {flow.state}", marker=mark
        )
    plotext.xlabel("lag")
    plotext.ylabel("log10 of the norm")
    return str(plotext.uncolorize(plotext.build())).rstrip("\n") + "\n"


register_command(inspect_app, "gradients", gradients_command)
