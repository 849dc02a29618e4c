"""The memory of units as coloured text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from rnngen.formats import visible
from rnngen.plaintext.widths import width

if TYPE_CHECKING:
    from rnngen.cli.console import Console
    from rnngen.inspection.detectors import Detector
    from rnngen.inspection.gates import LayerTrace

SHADES = (25, 68, 110, 152, 254, 223, 216, 209, 160)
"""Colours of the 256-colour palette, from the most negative value to the most positive."""
_JOINED = 16  # maximum number of characters that are drawn as one


def write_detectors(
    console: Console, detectors: list[Detector], pieces: list[str], shown: int, lasts: Callable[[LayerTrace, int], str]
) -> None:
    """The units that correlate with features, each with its features and how long it remembers (``lasts``)."""
    from rnngen.cli.surprisal import ColouredOutput
    from rnngen.inspection.detectors import MIN_TOKENS_FOR_DETECTORS

    if len(pieces) < MIN_TOKENS_FOR_DETECTORS:
        least = f"{MIN_TOKENS_FOR_DETECTORS} tokens or more"
        console.write(f"\nunits that correlate with a feature of the text are shown for {least}\n")
        return
    scale = "below each character a digit, 0 the most negative, 9 the most positive"
    scale = "blue negative, red positive" if ColouredOutput(console).has_colours else scale
    console.write("\n" + console.filled(f"units that correlate with a feature of the text ({scale}):"))
    for found in by_unit(detectors):
        features = ", ".join(f"{d.feature} r = {d.correlation:+.2f}" for d in found)
        trace, number = found[0].trace, found[0].unit
        _write_unit(console, trace, number, pieces, shown, f": {features}{lasts(trace, number)}")


def by_unit(detectors: Sequence[Detector]) -> list[list[Detector]]:
    """The detectors of each unit together, in the order of the first of each."""
    units: dict[tuple[str, int], list[Detector]] = {}
    for detector in detectors:
        units.setdefault((detector.trace.name, detector.unit), []).append(detector)
    return list(units.values())


def _write_unit(
    console: Console, trace: LayerTrace, number: int, pieces: list[str], shown: int, features: str = ""
) -> None:
    """The memory of a unit as coloured text or, without colours, as digits below it: 0 the lowest, 9 the highest."""
    from rich.text import Text

    from rnngen.cli.surprisal import ColouredOutput

    name, values = trace.memory
    console.write("\n" + console.filled(f"{trace.name}, unit {number}, {name}{features}", rest="  ") + "\n")
    top = max(float(abs(values[:, number]).max()), 1e-9)
    pieces = pieces[:shown]
    shares = [(float(value) / top + 1) / 2 for value in values[: len(pieces), number]]  # 0 to 1
    output = ColouredOutput(console)
    if not output.has_colours:
        console.write(_with_digits(pieces, shares))
        return
    line = Text()
    for piece, share in zip(pieces, shares, strict=True):
        shade = SHADES[min(len(SHADES) - 1, int(share * len(SHADES)))]
        ink = "white" if shade in (25, 68, 160) else "black"
        line.append(visible(piece).replace("\n", "↵\n"), f"{ink} on color({shade})")
    output.write_rich(line)
    console.write("\n")


def _with_digits(pieces: list[str], shares: list[float]) -> str:
    """Lines of text, each with a line of digits below it: as many below a character as it takes terminal cells."""
    lines, text, digits = [], "", ""
    for piece, share in zip(pieces, shares, strict=True):
        digit = str(min(9, int(share * 10)))
        for c in visible(piece).replace("\t", "→"):
            if c != "\n":
                before = text[-_JOINED:]  # a mark, or the next part of an emoji, is drawn together with this
                added = width(before + c) - width(before)
                text, digits = text + c, digits[: len(digits) + min(added, 0)] + digit * added
                continue
            lines += [f"  {text}", f"  {digits}"]
            text = digits = ""
    if text:
        lines += [f"  {text}", f"  {digits}"]
    return "\n".join(lines) + "\n"
