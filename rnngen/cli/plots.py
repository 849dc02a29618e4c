"""Curves drawn in characters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

_TINY = 1e-100  # drawn as 0: plotext divides by the span of an axis


def plot(
    curves: Mapping[str, Iterable[tuple[float, float]]], across: str, up: str, letters: Mapping[str, str] | None = None
) -> str:
    """Draw curves by name, each with a letter of its own, which the legend below explains.

    Args:
        curves: (x, y) of the points of each.
        across: title of the horizontal axis.
        up: title of the vertical axis.
        letters: of the curves, by name, where they are known from elsewhere.
    """
    import plotext

    from rnngen.cli.ticks import round_ticks
    from rnngen.rendering.palette import NOT_DRAWN, letter

    plotext.clear_figure()
    plotext.plot_size(76, 18)
    plotext.theme("clear")
    all_xs: list[float] = []
    all_ys: list[float] = []
    legend = ""  # plotext's own would cover the curves
    for number, (name, curve) in enumerate(curves.items()):
        mark = letters[name] if letters else letter(number)
        is_drawn = len(mark) == 1
        if is_drawn and (points := list(curve)):
            xs, ys = ([0.0 if abs(v) < _TINY else v for v in values] for values in zip(*points, strict=True))
            plotext.plot(xs, ys, marker=mark)
            all_xs += xs
            all_ys += ys
        legend += f"{mark} {name}{'' if is_drawn else f' ({NOT_DRAWN})'}\n"
    plotext.xticks(*round_ticks(all_xs))
    plotext.yticks(*round_ticks(all_ys))
    plotext.xlabel(across)
    plotext.ylabel(up)
    return str(plotext.uncolorize(plotext.build())).rstrip("\n") + "\n" + legend
