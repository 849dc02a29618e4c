"""Gates and states of some units of a network while it reads a text, small enough for a page."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnngen.corpus.tokenizer import Tokenizer, pieces_of
from rnngen.inspection.detectors import find_detectors, text_features
from rnngen.inspection.gates import trace_gates
from rnngen.model.language_model import Network

SHOWN = 300  # tokens whose gates are shown,
READ = 2000  # out of those that are read, as by ``rnngen inspect gates``
SPARE = 1.2  # times that are allowed, rather than to leave a few units out
MAX_VALUES = 220_000  # of a run, each a byte: more units than that are not shown


def unit_traces(network: Network, tokenizer: Tokenizer, tokens: NDArray[np.integer[Any]]) -> dict[str, Any]:
    """Gates and states as bytes, (units, tokens), -1 to 1 mapped to 1 to 255; and the units that track a feature.

    Where a layer has too many units, those that track a feature are kept, and others evenly spaced.
    """
    tokens = tokens[:READ]
    traces = trace_gates(network, tokens)
    pieces = pieces_of(tokenizer, tokens.tolist())
    detectors = find_detectors(traces, text_features(pieces))
    layers = []
    for trace in traces:
        values = {**trace.states, **trace.gates}
        most = max(1, MAX_VALUES // (len(traces) * len(values) * SHOWN))
        units = _picked(trace.units, most, [d.unit for d in detectors if d.trace is trace])
        series = {name: _as_bytes(each[:SHOWN, units]) for name, each in values.items()}
        saturation = [
            {"gate": gate, "left": left, "right": right} for gate, (left, right) in trace.saturation().items()
        ]
        layers.append(
            {"name": trace.name, "units": trace.units, "shown": units, "series": series, "saturation": saturation}
        )
    found = [
        {
            "feature": d.feature,
            "layer": next(n for n, trace in enumerate(traces) if trace is d.trace),
            "unit": d.unit,
            "series": d.trace.memory[0],
            "r": round(d.correlation, 2),
        }
        for d in detectors
    ]
    return {"pieces": pieces[:SHOWN], "read": len(pieces), "layers": layers, "detectors": found}


def _picked(units: int, most: int, wanted: Iterable[int]) -> list[int]:
    """At most a number of units (or all, if few are left out), with those that are wanted if they are no more."""
    if units <= most * SPARE:
        return list(range(units))
    first = sorted(set(wanted))[:most]
    spaced = np.unique(np.linspace(0, units - 1, most).astype(int)).tolist()
    others = [unit for unit in spaced if unit not in first]
    return sorted([*first, *others[: most - len(first)]])


def _as_bytes(values: NDArray[np.float32]) -> dict[str, Any]:
    """Values, (tokens, units), in the form of the page's script."""
    top = max(1.0, float(np.abs(values).max()))
    scaled = np.round(128 + 127 * values / top).astype(np.uint8)
    return {"top": top, "values": base64.b64encode(scaled.T.tobytes()).decode()}
