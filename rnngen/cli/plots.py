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
    import string

    import plotext

    plotext.clear_figure()
    plotext.plot_size(76, 18)
    plotext.theme("clear")
    legend = ""  # plotext's own would cover the curves
    for (name, curve), letter in zip(curves.items(), string.ascii_lowercase, strict=False):
        mark = letters[name][-1] if letters else letter
        if points := list(curve):
            xs, ys = zip(*points, strict=True)
            plotext.plot(*([0.0 if abs(v) < _TINY else v for v in values] for values in (xs, ys)), marker=mark)
        legend += f"{mark} {name}\n"
    plotext.xlabel(across)
    plotext.ylabel(up)
    return str(plotext.uncolorize(plotext.build())).rstrip("\n") + "\n" + legend
