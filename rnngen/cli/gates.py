"""``rnngen inspect gates``: what is erased, written and read, and which units track a feature of the text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rnngen.cli.declared import takes_options
from rnngen.cli.formats import visible
from rnngen.cli.inspected import inspected
from rnngen.cli.parameters import Fresh, RunFolder, TextFile
from rnngen.cli.widths import width
from rnngen.errors import UsageError
from rnngen.options.declare import Options, option

if TYPE_CHECKING:
    from rnngen.cli.console import Console
    from rnngen.inspection.gates import Detector, LayerTrace

SHADES = (25, 68, 110, 152, 254, 223, 216, 209, 160)
"""Colours of the 256-colour palette, from the most negative value to the most positive."""
_JOINED = 16  # maximum number of characters that are drawn as one


class Extent(Options):
    """How much text is read and shown, and of which units."""

    length: int = option(2000, "Tokens to read, from the beginning of the text.", panel="", minimum=20, maximum=100_000)
    shown: int = option(240, "Tokens to show in colours for each unit.", panel="", minimum=0)
    unit: Sequence[str] = option(
        (),
        "Show this unit, of both directions if there are two, instead of those that correlate with a feature; "
        "may be given several times.",
        panel="",
        metavar="LAYER:UNIT",
    )


@takes_options()
def gates_command(
    context: typer.Context,
    run: RunFolder = None,
    text: TextFile = None,
    *,
    extent: Extent,
    fresh: Fresh = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object: every gate and state at every token.")
    ] = False,
) -> None:
    """Show what the gates do token by token, and which units track a feature of the text.

    For every layer, how often each gate is left-saturated (below 0.1) and right-saturated (above 0.9). Then, for each
    feature of the text, such as the length of the line, the memory of the unit that correlates with it most as
    coloured text: blue is negative, red positive.
    """
    wanted = [_parse_unit(each) for each in extent.unit]
    console: Console = context.obj
    with inspected("gates", run, text, fresh=fresh) as found:
        from rnngen.corpus.tokenizer import pieces_of
        from rnngen.inspection.gates import find_detectors, layers_with_unit, text_features, trace_gates

        tokens = found.tokens[: extent.length]
        traces = trace_gates(found.network, tokens)
    pieces = pieces_of(found.run.tokenizer(), tokens.tolist())
    units = [(trace, number) for layer, number in wanted for trace in layers_with_unit(traces, layer, number)]
    detectors = find_detectors(traces, text_features(pieces))
    if as_json:
        layers = [_trace_as_json(trace) for trace in traces]
        correlations = [_detector_as_json(detector) for detector in detectors]
        start = {"run": str(found.run.path), "fresh": fresh, "tokens": pieces}
        console.write_json({**start, "layers": layers, "detectors": correlations})
        return
    console.write(f"{found.title}: {len(pieces):,} tokens read\n\n{_saturation_table(traces)}")
    if units:
        for trace, number in units:
            _write_unit(console, trace, number, pieces, extent.shown)
    else:
        _write_detectors(console, detectors, pieces, extent.shown)


def _parse_unit(text: str) -> tuple[int, int]:
    layer, _, unit = text.partition(":")
    if not (layer.isdecimal() and unit.isdecimal() and int(layer) > 0):
        raise UsageError("--unit is not a unit", expected="LAYER:UNIT, such as 1:17", found=text)
    return int(layer), int(unit)


def _trace_as_json(trace: LayerTrace) -> dict[str, Any]:
    return {
        "direction": trace.direction or None,
        "layer": trace.layer,
        "saturated": {name: {"left": left, "right": right} for name, (left, right) in trace.saturation().items()},
        "gates": {name: values.tolist() for name, values in trace.gates.items()},
        "states": {name: values.tolist() for name, values in trace.states.items()},
    }


def _detector_as_json(detector: Detector) -> dict[str, Any]:
    return {
        "feature": detector.feature,
        "layer": detector.trace.name,
        "unit": detector.unit,
        "correlation": detector.correlation,
    }


def _saturation_table(traces: list[LayerTrace]) -> str:
    rows = [(f"{t.name}, {name}", shares) for t in traces for name, shares in t.saturation().items()]
    if not rows:
        return "an RNN has no gates\n"
    longest = max(len(name) for name, _ in rows)
    lines = [f"{'':<{longest}}{'below 0.1':>12}{'above 0.9':>12}"]
    lines += [f"{name:<{longest}}{left:>12.1%}{right:>12.1%}" for name, (left, right) in rows]
    return "\n".join(lines) + "\n"


def _write_detectors(console: Console, detectors: list[Detector], pieces: list[str], shown: int) -> None:
    """The units that correlate with features, each with its features."""
    from rnngen.cli.surprisal import ColouredOutput
    from rnngen.inspection.gates import MIN_TOKENS_FOR_DETECTORS

    if len(pieces) < MIN_TOKENS_FOR_DETECTORS:
        least = f"{MIN_TOKENS_FOR_DETECTORS} tokens or more"
        console.write(f"\nunits that correlate with a feature of the text are shown for {least}\n")
        return
    scale = "below each character a digit, 0 the most negative, 9 the most positive"
    scale = "blue negative, red positive" if ColouredOutput(console).has_colours else scale
    console.write(f"\nunits that correlate with a feature of the text ({scale}):\n")
    by_unit: dict[tuple[str, int], list[Detector]] = {}
    for detector in detectors:
        by_unit.setdefault((detector.trace.name, detector.unit), []).append(detector)
    for (_, number), found in by_unit.items():
        features = ", ".join(f"{d.feature} r = {d.correlation:+.2f}" for d in found)
        _write_unit(console, found[0].trace, number, pieces, shown, f": {features}")


def _write_unit(
    console: Console, trace: LayerTrace, number: int, pieces: list[str], shown: int, features: str = ""
) -> None:
    """The memory of a unit as coloured text or, without colours, as digits below it: 0 the lowest, 9 the highest."""
    from rich.text import Text

    from rnngen.cli.surprisal import ColouredOutput

    name, values = trace.memory
    console.write(f"\n{trace.name}, unit {number}, {name}{features}\n\n")
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
