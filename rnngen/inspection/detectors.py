"""Which units of a network track a known feature of the text.

After Karpathy, Johnson & Fei-Fei, "Visualizing and Understanding Recurrent Networks" (2015): some cells count
characters since the start of the line, or remember that a quotation is open.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rnngen.inspection.gates import LayerTrace, Values

QUOTES = {'"': '"', "“": "”", "«": "»", "„": "“"}
BRACKETS = {"(": ")", "[": "]", "{": "}"}
LONGEST_SPAN = 300  # characters after which an unclosed quotation or bracket counts as closed
MIN_TOKENS_FOR_DETECTORS = 500


def text_features(pieces: list[str]) -> dict[str, Values]:
    """Features of a text after each of its tokens, by name, (T,).

    Args:
        pieces: the text of each token.
    """
    names = (
        "since newline",
        "inside quotes",
        "inside brackets",
        "depth of brackets",
        "length of the word",
        "share of the line",
    )
    columns: dict[str, list[float]] = {name: [] for name in names}
    since = word = 0
    quote, quote_at, bracket_at, at = "", 0, 0, 0
    stack: list[str] = []
    text = "".join(pieces)
    lengths = [len(line) + 1 for line in text.split("\n")]
    line = 0
    for piece in pieces:
        for c in piece:
            at += 1
            since, line = (0, line + 1) if c == "\n" else (since + 1, line)
            word = word + 1 if c.isalpha() else 0
            if quote and (c == quote or at - quote_at > LONGEST_SPAN):
                quote = ""
            elif not quote and c in QUOTES:
                quote, quote_at = QUOTES[c], at
            if c in BRACKETS:
                stack.append(BRACKETS[c])
                bracket_at = at
            elif stack and (c == stack[-1] or at - bracket_at > LONGEST_SPAN):
                stack.pop()
        share = since / lengths[min(line, len(lengths) - 1)]
        values = (since, bool(quote), bool(stack), len(stack), word, share)
        for name, value in zip(names, values, strict=True):
            columns[name].append(float(value))
    return {name: np.array(column, np.float32) for name, column in columns.items()}


@dataclass(frozen=True)
class Detector:
    """A unit whose memory correlates with a feature of the text.

    Attributes:
        feature: see ``text_features``.
        trace: the layer.
        unit: counted from 0.
        correlation: Pearson's r, from -1 to 1.
    """

    feature: str
    trace: LayerTrace
    unit: int
    correlation: float


def find_detectors(traces: list[LayerTrace], features: dict[str, Values]) -> list[Detector]:
    """For each feature of the text, the unit that correlates with it most strongly; the highest correlation first.

    None in fewer than ``MIN_TOKENS_FOR_DETECTORS`` tokens: there, one of hundreds of units correlates with any feature
    by chance. Features that do not vary are left out.
    """
    found = []
    if any(len(feature) < MIN_TOKENS_FOR_DETECTORS for feature in features.values()):
        return []
    for name, feature in features.items():
        if feature.std() == 0:
            continue
        best: Detector | None = None
        for trace in traces:
            correlations = correlate(trace.memory[1], feature)
            unit = int(np.abs(correlations).argmax())
            if best is None or abs(correlations[unit]) > abs(best.correlation):
                best = Detector(name, trace, unit, float(correlations[unit]))
        if best is not None:
            found.append(best)
    return sorted(found, key=lambda d: -abs(d.correlation))


def followed(trace: LayerTrace, features: Mapping[str, Values]) -> list[tuple[str, float]]:
    """For each unit of a layer, the feature that its memory correlates with most strongly, and Pearson's r.

    None in fewer than ``MIN_TOKENS_FOR_DETECTORS`` tokens: an empty list.
    """
    names = [name for name, feature in features.items() if feature.std() > 0]
    values = trace.memory[1]
    if len(values) < MIN_TOKENS_FOR_DETECTORS or not names:
        return []
    r = np.stack([correlate(values, features[name]) for name in names])  # (features, H)
    best = np.abs(r).argmax(axis=0)
    return [(names[feature], float(r[feature, unit])) for unit, feature in enumerate(best)]


def correlate(values: Values, feature: Values) -> NDArray[np.float64]:
    """Pearson's r of each column of (T, H) with a feature (T,): (H,). It is 0 for a constant column."""
    x = values.astype(np.float64) - values.mean(axis=0, dtype=np.float64)
    y = feature.astype(np.float64) - feature.mean(dtype=np.float64)
    scale = np.sqrt((x**2).sum(axis=0) * (y**2).sum())
    r: NDArray[np.float64] = np.divide(x.T @ y, scale, out=np.zeros(x.shape[1]), where=scale > 1e-12)
    return r
