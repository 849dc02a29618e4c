"""``rnngen inspect gates``: what is erased, written and read, and which units remember what."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rnngen.cli.declared import takes_options
from rnngen.cli.gate_rows import legend_of, rows_of, series_of, write_rows
from rnngen.cli.gate_tables import longest_memories, memory_of, saturation_table, tokens_in_words
from rnngen.cli.inspected import inspected
from rnngen.cli.parameters import Fresh, RunFolder, TextFile
from rnngen.cli.pictures import Picture, check_picture
from rnngen.cli.unit_memory import by_unit, write_detectors
from rnngen.errors import UsageError
from rnngen.options.declare import Options, option

if TYPE_CHECKING:
    from rnngen.cli.console import Console
    from rnngen.inspection.detectors import Detector
    from rnngen.inspection.gates import LayerTrace, Values
    from rnngen.inspection.retention import Retention


class Extent(Options):
    """How much text is read and shown, and of which units."""

    length: int = option(2000, "Tokens to read, from the beginning of the text.", panel="", minimum=20, maximum=100_000)
    shown: int = option(240, "Tokens to show for each unit.", panel="", minimum=0)
    unit: Sequence[str] = option(
        (),
        "Show the gates and contents of this unit along the text, in both directions if there are two; may be given "
        "several times.",
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
    picture: Picture = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object: every gate and state at every token.")
    ] = False,
) -> None:
    """Show what gates do and what units remember, token by token.

    With --unit, one unit along the text: below each token how far each gate is open (erase f, write i, read o) and what
    the cell contains. Otherwise, for every layer, how often each gate is left-saturated (below 0.1) and right-saturated
    (above 0.9); which units keep what they wrote the longest; and, for each feature of the text, such as the length of
    the line, the memory of the unit that correlates with it most as coloured text: blue is negative, red positive.
    """
    wanted = [_parse_unit(each) for each in extent.unit]
    console: Console = context.obj
    check_picture(picture)
    with inspected(console, "gates", run, text, fresh=fresh) as found:
        from rnngen.corpus.tokenizer import pieces_of
        from rnngen.inspection.detectors import find_detectors, text_features
        from rnngen.inspection.gates import layers_with_unit, trace_gates
        from rnngen.inspection.retention import retention

        tokens = found.tokens[: extent.length]
        traces = trace_gates(found.network, tokens)
    ends = tokens == (-1 if found.run.boundary is None else found.run.boundary)
    pieces = pieces_of(found.run.tokenizer(), tokens.tolist())
    units = [(trace, number) for layer, number in wanted for trace in layers_with_unit(traces, layer, number)]
    features = text_features(pieces)
    detectors = find_detectors(traces, features)
    kept = [retention(trace, ends) for trace in traces]

    def lasts(trace: LayerTrace, number: int) -> str:
        found = kept[traces.index(trace)]
        return f"; half-life {tokens_in_words(float(found.half_lives[number]), found)} tokens" if found else ""

    if picture is not None:
        _draw(picture, found.title, pieces[: extent.shown], units, detectors)
    if as_json:
        layers = [_trace_as_json(trace, kept) for trace, kept in zip(traces, kept, strict=True)]
        correlations = [_detector_as_json(detector) for detector in detectors]
        start = {"run": str(found.run.path), "fresh": fresh, "tokens": pieces}
        console.write_json({**start, "layers": layers, "detectors": correlations})
        return
    console.write(f"{found.title}: {len(pieces):,} tokens read\n\n")
    for trace, number in units:
        remembers = memory_of(trace, number, kept[traces.index(trace)], features)
        console.write(console.filled(f"{trace.name}, unit {number}{remembers}") + f"{legend_of(trace, number)}\n\n")
        write_rows(console, pieces[: extent.shown], rows_of(trace, number))
    if not units:
        memories = longest_memories(console, [each for each in kept if each], features)
        console.write(f"{saturation_table(traces)}\n{memories}")
        write_detectors(console, detectors, pieces, extent.shown, lasts)


def _parse_unit(text: str) -> tuple[int, int]:
    layer, _, unit = text.partition(":")
    if not (layer.isdecimal() and unit.isdecimal() and int(layer) > 0):
        raise UsageError("--unit is not a unit", expected="LAYER:UNIT, such as 1:17", found=text)
    return int(layer), int(unit)


def _draw(
    picture: Path,
    title: str,
    pieces: Sequence[str],
    units: Sequence[tuple[LayerTrace, int]],
    detectors: Sequence[Detector],
) -> None:
    """Write the units that were asked for, or those that correlate with a feature, as a heat map.

    Raises:
        UsageError: there is no unit to draw.
    """
    from rnngen.rendering.heat_maps import heat_map
    from rnngen.rendering.pictures import write_picture

    shown: dict[str, Values] = {}
    for trace, number in units:
        before = f"{trace.name} unit {number}, " if len(units) > 1 else ""
        shown |= {f"{before}{name}": values for name, values in series_of(trace, number).items()}
    if not units:
        for found in by_unit(detectors):
            (name, values), number = found[0].trace.memory, found[0].unit
            shown[f"{', '.join(d.feature for d in found)}: {name} {number}"] = values[:, number]
    if not shown or not pieces:
        raise UsageError("there is no unit to draw", hint="Name one, as in `unit=1:0`.")
    what = ", ".join(f"{trace.name}, unit {number}" for trace, number in units) or "units that follow a feature"
    chart, height = heat_map(pieces, shown)
    write_picture(chart, what, picture, title, height)


def _trace_as_json(trace: LayerTrace, kept: Retention | None) -> dict[str, Any]:
    memory = {
        "memory": {
            "gate": kept.gate,
            "half_life": kept.half_lives.tolist(),
            "time_constant": kept.time_constants.tolist(),
            "longest": kept.longest,
        }
        if kept
        else None
    }
    return {
        "direction": trace.direction or None,
        "layer": trace.layer,
        "saturated": {name: {"left": left, "right": right} for name, (left, right) in trace.saturation().items()},
        "gates": {name: values.tolist() for name, values in trace.gates.items()},
        "states": {name: values.tolist() for name, values in trace.states.items()},
        **memory,
    }


def _detector_as_json(detector: Detector) -> dict[str, Any]:
    return {
        "feature": detector.feature,
        "layer": detector.trace.name,
        "unit": detector.unit,
        "correlation": detector.correlation,
    }
