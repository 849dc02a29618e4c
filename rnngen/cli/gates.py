"""``rnngen inspect gates``: what is erased, written and read, and which units keep count of something."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rnngen.cli import console
from rnngen.cli.mistakes import refuse_text
from rnngen.cli.widths import width
from rnngen.errors import UsageError

if TYPE_CHECKING:
    from rnngen.inspection.gates import Detector, LayerTrace, Values

SHADES = (25, 68, 110, 152, 254, 223, 216, 209, 160)
"""Colours of the 256 from the most negative value to the most positive."""
_JOINED = 16  # characters, at most, that are drawn as one


def gates_command(
    run: Annotated[
        Path | None, typer.Argument(help="The run's folder. [default: the newest under checkpoints/]")
    ] = None,
    text: Annotated[
        Path | None, typer.Option(help="Read this file. [default: the test part of the run's corpus]")
    ] = None,
    length: Annotated[int, typer.Option(help="Tokens to read, from the beginning of the text.")] = 2000,
    shown: Annotated[int, typer.Option(help="Tokens to show in colours for each unit.")] = 240,
    unit: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LAYER:UNIT",
            help="Show this unit, of both directions if there are two, instead of those that correlate with a feature; "
            "may be given several times.",
        ),
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Look at the network as it was before training.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object: every gate and state at every token.")
    ] = False,
) -> None:
    """Show what the gates do token by token, and which units keep count of something.

    For every layer, how often each gate is left-saturated (below 0.1) and right-saturated (above 0.9). Then, for each
    feature of the text, such as the length of the line, the memory of the unit that correlates with it most as
    coloured text: blue is negative, red positive.
    """
    from rnngen.options.declare import check_count
    from rnngen.runs.finding import open_run

    check_count("length", length, least=20)
    check_count("shown", shown)
    wanted = [_parse_unit(each) for each in unit or ()]
    refuse_text(run, "rnngen inspect gates --text {text}")
    opened = open_run(run)  # before torch: a wrong path is told at once
    from rnngen.cli.surprisal import ColouredOutput
    from rnngen.corpus.tokenizer import pieces_of
    from rnngen.inspection.gates import ENOUGH, find_detectors, text_features, trace_gates
    from rnngen.model.load import fresh_network, load_network
    from rnngen.runs.own_text import file_or_test_part

    model = fresh_network(opened) if fresh else load_network(opened)
    with file_or_test_part(opened, text) as encoded:
        tokens = encoded.tokens[:length]
        traces = trace_gates(model, tokens)
    pieces = pieces_of(opened.tokenizer(), tokens.tolist())
    for layer, number in wanted:
        if not any(t.layer == layer and number < t.memory[1].shape[1] for t in traces):
            layers = ", ".join(f"{t.name}: 0 to {t.memory[1].shape[1] - 1}" for t in traces)
            raise UsageError("there is no such unit", expected=layers, found=f"{layer}:{number}")
    detectors = find_detectors(traces, text_features(pieces))
    if as_json:
        console.write_json(
            {
                "run": str(opened.path),
                "fresh": fresh,
                "tokens": pieces,
                "layers": [_object(trace) for trace in traces],
                "detectors": [
                    {"feature": d.feature, "layer": d.trace.name, "unit": d.unit, "correlation": d.correlation}
                    for d in detectors
                ],
            }
        )
        return
    before = " before training" if fresh else ""
    console.write(f"{opened.path}{before}: {len(pieces):,} tokens read\n\n{_saturation_table(traces)}")
    if wanted:
        for layer, number in wanted:
            for trace in traces:
                if trace.layer == layer and number < trace.memory[1].shape[1]:
                    name, values = trace.memory
                    _write_unit(f"{trace.name}, unit {number}, {name}", pieces[:shown], values[:, number])
        return
    if len(pieces) < ENOUGH:
        console.write(f"\nunits that correlate with a feature of the text are looked for in {ENOUGH} tokens or more\n")
        return
    how = (
        "blue negative, red positive"
        if ColouredOutput(console.Console.of_process()).has_colours
        else ("below each character a digit, 0 the most negative, 9 the most positive")
    )
    console.write(f"\nunits that correlate with a feature of the text ({how}):\n")
    together: dict[tuple[str, int], list[Detector]] = {}
    for d in detectors:
        together.setdefault((d.trace.name, d.unit), []).append(d)
    for (layer_name, number), found in together.items():
        name, values = found[0].trace.memory
        said = ", ".join(f"{d.feature} r = {d.correlation:+.2f}" for d in found)
        _write_unit(f"{layer_name}, unit {number}, {name}: {said}", pieces[:shown], values[:, number])


def _parse_unit(text: str) -> tuple[int, int]:
    layer, _, unit = text.partition(":")
    if not (layer.isdecimal() and unit.isdecimal() and int(layer) > 0):
        raise UsageError("--unit is not a unit", expected="LAYER:UNIT, such as 1:17", found=text)
    return int(layer), int(unit)


def _object(trace: LayerTrace) -> dict[str, Any]:
    return {
        "direction": trace.direction or None,
        "layer": trace.layer,
        "saturated": {name: {"left": left, "right": right} for name, (left, right) in trace.saturation().items()},
        "gates": {name: values.tolist() for name, values in trace.gates.items()},
        "states": {name: values.tolist() for name, values in trace.states.items()},
    }


def _saturation_table(traces: list[LayerTrace]) -> str:
    rows = [(f"{t.name}, {name}", shares) for t in traces for name, shares in t.saturation().items()]
    if not rows:
        return "an RNN has no gates\n"
    longest = max(len(name) for name, _ in rows)
    lines = [f"{'':<{longest}}{'below 0.1':>12}{'above 0.9':>12}"]
    lines += [f"{name:<{longest}}{left:>12.1%}{right:>12.1%}" for name, (left, right) in rows]
    return "\n".join(lines) + "\n"


def _write_unit(title: str, pieces: list[str], values: Values) -> None:
    """A unit's values as coloured text, or, without colours, as digits below it: 0 the lowest, 9 the highest."""
    from rich.text import Text

    from rnngen.cli.surprisal import ColouredOutput

    console.write(f"\n{title}\n\n")
    top = max(float(abs(values).max()), 1e-9)
    shares = [(float(v) / top + 1) / 2 for v in values[: len(pieces)]]  # 0 to 1
    output = ColouredOutput(console.Console.of_process())
    if not output.has_colours:
        console.write(_with_digits(pieces, shares))
        return
    line = Text()
    for piece, share in zip(pieces, shares, strict=True):
        shade = SHADES[min(len(SHADES) - 1, int(share * len(SHADES)))]
        ink = "white" if shade in (25, 68, 160) else "black"
        line.append(console.visible(piece).replace("\n", "↵\n"), f"{ink} on color({shade})")
    output.write_rich(line)
    console.write("\n")


def _with_digits(pieces: list[str], shares: list[float]) -> str:
    """Lines of text, each with a line of digits below it: as many below a character as it takes cells."""
    lines, text, digits = [], "", ""
    for piece, share in zip(pieces, shares, strict=True):
        digit = str(min(9, int(share * 10)))
        for c in console.visible(piece).replace("\t", "→"):
            if c != "\n":
                before = text[-_JOINED:]  # what a mark, or the next part of an emoji, is drawn together with
                added = width(before + c) - width(before)
                text, digits = text + c, digits[: len(digits) + min(added, 0)] + digit * added
                continue
            lines += [f"  {text}", f"  {digits}"]
            text = digits = ""
    if text:
        lines += [f"  {text}", f"  {digits}"]
    return "\n".join(lines) + "\n"
