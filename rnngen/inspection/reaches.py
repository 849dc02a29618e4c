"""How far gradients reach in several runs, all measured with the same number of lags."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

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
    """

    run: Run
    title: str
    name: str
    config: ModelConfig
    card: Card
    lags: int
    flows: list[Flow]


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
