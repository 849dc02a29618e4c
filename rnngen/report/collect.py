"""The contents of the page: what it shows of each run, from the run's folder, its text and its network."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnngen.corpus.tokenizer import Tokenizer, pieces_of
from rnngen.corpus.tokens import EncodedText
from rnngen.errors import RnngenError
from rnngen.evaluation.evaluate import score_text
from rnngen.evaluation.scores import TextScore, kind_of_score
from rnngen.evaluation.scoring import held_out_nats
from rnngen.evaluation.surprisal import level_of
from rnngen.infilling.loading import load_filler
from rnngen.infilling.word_gaps import fill_some_words
from rnngen.inspection.explanation import explain
from rnngen.inspection.gates import find_detectors, text_features, trace_gates
from rnngen.inspection.gradients import Flow, gradient_flow, possible_lags
from rnngen.model.language_model import Network
from rnngen.model.load import load_network
from rnngen.runs.card import Card, make_card
from rnngen.runs.own_text import file_or_test_part
from rnngen.runs.run import Run
from rnngen.runs.steps import Steps, read_steps
from rnngen.sampling.loading import load

PAGE = 1500  # tokens of the held-out page whose surprisal is shown
AROUND_PAGE = 500  # tokens that are read on each side of it
TRACED = 300  # tokens whose gates are shown,
READ = 2000  # out of those that are read, as by ``rnngen inspect gates``
TEMPERATURES = (0.5, 0.8, 1.0)
SAMPLE_LENGTH = 400
SEED = 0


@dataclass
class RunReport:
    """What the page shows of one run.

    Attributes:
        run: the run's folder.
        card: the card that ``rnngen inspect`` shows.
        steps: loss and gradient norm of every step.
        config: the configuration before the first training step, as JSON.
        text: the name of the file that was read; None: the test part of the run's corpus.
        scores: the scores under the keys of ``rnngen eval --json``.
        flows: gradient flow.
        explanation: what theory says about it: layer in words → sentences.
        page: tokens, each with its level of surprisal and the text to show when it is pointed at.
        traces: gates and states for the pickers, see ``_traces``.
        samples: for each sample, how it was made, and its text.
        missing: section → why it is missing.
        parents: number of parent folders that the run's name includes.
    """

    run: Path
    card: Card
    steps: Steps
    config: str
    text: str | None = None
    scores: dict[str, Any] = field(default_factory=dict)
    flows: list[Flow] = field(default_factory=list)
    explanation: dict[str, list[str]] = field(default_factory=dict)
    page: list[tuple[str, int, str]] = field(default_factory=list)
    traces: dict[str, Any] = field(default_factory=dict)
    samples: list[tuple[str, str]] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)
    parents: int = 0

    @property
    def name(self) -> str:
        """The folder's name, preceded by those of ``parents`` folders above it."""
        parts = self.run.resolve().parts
        return "/".join(parts[-1 - self.parents :])

    @property
    def kind(self) -> type[TextScore]:
        """The kind of score that the run gets."""
        return kind_of_score(bidirectional=self.card.bidirectional)


def collect(run: Run, text: Path | None = None, on_section: Callable[[str], object] | None = None) -> RunReport:
    """Collect everything about a run.

    Args:
        run: the run.
        text: a file to read; by default the test part of the run's corpus.
        on_section: called with the name of each section before it is collected.

    Raises:
        CheckpointError: the run is damaged.
        CorpusError: ``text`` cannot be read, or is empty.
    """
    report = RunReport(
        run.path,
        make_card(run),
        read_steps(run),
        json.dumps(run.config, indent=2, ensure_ascii=False),
        str(text) if text else None,
    )
    network, tokenizer = load_network(run), run.tokenizer()

    def scores(encoded: EncodedText) -> None:
        report.scores = score_text(run, encoded).as_dict()

    def flows(encoded: EncodedText) -> None:
        report.flows = gradient_flow(network, encoded.tokens, possible_lags(network, encoded.tokens))
        report.explanation = explain(report.flows, network.config)

    def gates(encoded: EncodedText) -> None:
        report.traces = _traces(network, tokenizer, encoded.tokens[:READ])

    def page(encoded: EncodedText) -> None:
        report.page = _surprisal(network, tokenizer, encoded.tokens[: AROUND_PAGE + PAGE + AROUND_PAGE])[:PAGE]

    def samples(encoded: EncodedText | None = None) -> None:
        report.samples = _samples(run, encoded)

    def attempt(name: str, make: Callable[[], None]) -> None:
        if on_section is not None:
            on_section(name)
        try:
            make()
        except RnngenError as error:
            report.missing[name] = str(error)

    from_text = {"scores": scores, "gradients": flows, "gates": gates, "surprisal": page}
    if report.card.bidirectional:
        from_text["samples"] = samples
    try:
        with file_or_test_part(run, text) as encoded:
            for name, make in from_text.items():
                attempt(name, partial(make, encoded))
    except RnngenError as error:  # the run's text is gone
        if text:
            raise
        report.missing |= dict.fromkeys(from_text, str(error))
    if not report.card.bidirectional:
        attempt("samples", samples)
    return report


def tell_apart(reports: Sequence[RunReport]) -> None:
    """Give runs whose folders have the same name longer names, until they differ."""
    for parents in range(20):
        names = [report.name for report in reports]
        if len(set(names)) == len({report.run.resolve() for report in reports}):
            return
        for report in reports:
            report.parents = parents + 1 if names.count(report.name) > 1 else report.parents


def _samples(run: Run, encoded: EncodedText | None) -> list[tuple[str, str]]:
    if encoded is not None:
        filler = load_filler(run)
        return [("words filled in", fill_some_words(filler, encoded.tokens, seed)) for seed in range(3)]
    generator = load(run)
    return [
        (f"temperature {t}", "".join(generator.generate(length=SAMPLE_LENGTH, temperature=t, seed=SEED)))
        for t in TEMPERATURES
    ]


def _surprisal(network: Network, tokenizer: Tokenizer, tokens: NDArray[np.integer[Any]]) -> list[tuple[str, int, str]]:
    nats = np.empty(len(tokens), np.float32)
    held_out_nats(network, tokens, each=nats)
    begin = min(AROUND_PAGE, len(tokens) // 2)
    pieces = pieces_of(tokenizer, tokens[begin:].tolist())
    return [
        (piece, level_of(n), f"{n / math.log(2):.1f} bits, p = {math.exp(-n):.2g}")
        for piece, n in zip(pieces, nats[begin:].tolist(), strict=True)
    ]


def _traces(network: Network, tokenizer: Tokenizer, tokens: NDArray[np.integer[Any]]) -> dict[str, Any]:
    """Gates and states as bytes, (units, tokens), -1 to 1 mapped to 1 to 255; and the units that track a feature."""
    traces = trace_gates(network, tokens)
    pieces = pieces_of(tokenizer, tokens.tolist())
    detectors = find_detectors(traces, text_features(pieces))
    layers = []
    for trace in traces:
        series = {}
        for name, values in {**trace.states, **trace.gates}.items():
            top = max(1.0, float(np.abs(values).max()))
            scaled = np.round(128 + 127 * values / top).astype(np.uint8)
            series[name] = {"top": top, "values": base64.b64encode(scaled[:TRACED].T.tobytes()).decode()}
        saturation = [
            {"gate": gate, "left": left, "right": right} for gate, (left, right) in trace.saturation().items()
        ]
        layers.append({"name": trace.name, "units": trace.units, "series": series, "saturation": saturation})
    units = []
    for d in detectors:
        layer = next(i for i, trace in enumerate(traces) if trace is d.trace)
        name, _ = d.trace.memory
        units.append(
            {"feature": d.feature, "layer": layer, "unit": d.unit, "series": name, "r": round(d.correlation, 2)}
        )
    return {"pieces": pieces[:TRACED], "read": len(pieces), "layers": layers, "detectors": units}
