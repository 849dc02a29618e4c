"""How far gradients reach in several runs, all measured with the same number of lags."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rnngen.inspection.explanation import explain
from rnngen.inspection.factors import Factors
from rnngen.inspection.gradients import Flow, gradient_flow, possible_lags
from rnngen.model.load import fresh_network, load_network
from rnngen.options.network import ModelConfig
from rnngen.runs.card import Card, make_card
from rnngen.runs.compared import distinct_names
from rnngen.runs.curves import SMALLEST
from rnngen.runs.own_text import file_or_test_part
from rnngen.runs.run import Run


class Reach(NamedTuple):
    """How far gradients reach in a run.

    Attributes:
        run: the run.
        title: its folder in words.
        name: of its folder, in as few words as tell it from the others.
        config: of its network.
        card: what its folder says about it.
        lags: number of tokens to go back that was asked for.
        flows: of every layer and state, with fewer lags if documents are shorter.
        fresh: whether the network is as it was before training.
    """

    run: Run
    title: str
    name: str
    config: ModelConfig
    card: Card
    lags: int
    flows: list[Flow]
    fresh: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Everything that was measured, and what is said about it."""
        return {
            "run": str(self.run.path),
            "fresh": self.fresh,
            "lags": self.flows[0].lags,
            "tokenizer": self.card.tokenizer,
            "fingerprint": self.card.fingerprint,
            "flows": [_flow_as_dict(flow) for flow in self.flows],
            "spectral_radius": {flow.layer_name: flow.factors.radii for flow in self.flows},
            "factors": {flow.layer_name: _factors_as_dict(flow.factors) for flow in self.flows},
            "explanation": explain(self.flows, self.config),
        }


def as_dict(reaches: Sequence[Reach]) -> dict[str, Any]:
    """What ``rnngen inspect gradients --json`` prints: of one run, or of several as ``runs``."""
    found = [reach.as_dict() for reach in reaches]
    return found[0] if len(found) == 1 else {"runs": found}


def _flow_as_dict(flow: Flow) -> dict[str, Any]:
    return {
        "direction": flow.direction or None,
        "layer": flow.layer,
        "state": flow.state,
        "verdict": flow.verdict.kind,
        "factor": flow.verdict.factor,
        "words": flow.verdict.words,
        "left": flow.left.tolist(),
        "median": flow.median.tolist(),
        "mean": flow.mean.tolist(),
        "p10": flow.low.tolist(),
        "p90": flow.high.tolist(),
        "bound": flow.bound.tolist(),
    }


def _factors_as_dict(factors: Factors) -> dict[str, Any]:
    return {
        "mean_slope": factors.slope,
        "estimate": factors.estimate,
        "random_gain": factors.random_gain,
        "mean_gate": factors.gate,
        "gates": None if factors.gates is None else factors.gates.tolist(),
        "direct": None if factors.direct is None else factors.direct.tolist(),
        "deviation": factors.deviation,
    }


def measure(runs: Sequence[Run], text: Path | None, lags: int | None, *, fresh: bool) -> list[Reach]:
    """Measure how far gradients reach in runs; in all with the same number of lags.

    Args:
        runs: the runs; one that is given twice is measured once.
        text: a file that all of them read; None: each reads the test part of its own corpus.
        lags: number of tokens to go back; None: as many as the texts are long enough for, up to ``gradients.LAGS``.
        fresh: whether the networks are to be as they were before training.

    Raises:
        RnngenError: a run or the text cannot be read, or a text is too short.
    """
    runs = list({run.path.resolve(): run for run in runs}.values())
    networks = [fresh_network(run) if fresh else load_network(run) for run in runs]
    with contextlib.ExitStack() as stack:
        texts = [stack.enter_context(file_or_test_part(run, text)).tokens for run in runs]
        lags = lags or min(possible_lags(*each) for each in zip(networks, texts, strict=True))
        names = distinct_names([run.path for run in runs])
        return [
            Reach(
                run,
                f"{run.path}{' before training' if fresh else ''}",
                name,
                network.config,
                make_card(run),
                lags,
                gradient_flow(network, tokens, lags),
                fresh,
            )
            for run, name, network, tokens in zip(runs, names, networks, texts, strict=True)
        ]


def drawn(flow: Flow) -> list[tuple[int, float]]:
    """The points of a curve up to where it leaves the chart: lag, and fraction of the norm at lag 0."""
    points = []
    for lag, left in enumerate(flow.left.tolist()):
        if not SMALLEST <= left <= 1 / SMALLEST:
            break
        points.append((lag, left))
    return points
