"""The contents of the page: what it shows of each run, from the run's folder, its text and its network."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePath
from typing import Any

from rnngen.corpus.tokens import EncodedText
from rnngen.errors import RnngenError
from rnngen.evaluation.evaluate import score_text
from rnngen.evaluation.explanation.explainer import Explainer
from rnngen.evaluation.explanation.explanation import Explanation
from rnngen.evaluation.explanation.training_part import training_part
from rnngen.evaluation.gaps import GapScore, score_gaps
from rnngen.evaluation.scores import TextScore, kind_of_score
from rnngen.infilling.loading import load_filler
from rnngen.infilling.word_gaps import FilledWord, words_filled_in
from rnngen.inspection.explanation import explain
from rnngen.inspection.gradients import Flow, gradient_flow, possible_lags
from rnngen.model.language_model import Network
from rnngen.model.load import load_network
from rnngen.rendering.passages import Passage, surprisal_passages
from rnngen.rendering.traces import unit_traces
from rnngen.runs.card import Card, make_card
from rnngen.runs.own_text import file_or_test_part
from rnngen.runs.run import Run
from rnngen.runs.steps import Steps, read_steps
from rnngen.sampling.loading import load

TEMPERATURES = (0.5, 0.8, 1.0)
SAMPLE_LENGTH = 400
GAPS = 20  # words that a bidirectional run has to put back: each takes a second
SEED = 0
POSITIONS = 250  # at which the use of context is measured
BLANK = 0.05  # share of characters that can be seen, up to which a sample is said to be white space
_PATHS = ("corpus", "valid", "test", "run")  # keys of a configuration under which strings are paths


@dataclass
class Sample:
    """A text that a run wrote or filled in.

    Attributes:
        made: how, in words.
        parts: its text; words that were filled in are parts of their own.
    """

    made: str
    parts: list[str | FilledWord]

    @property
    def is_blank(self) -> bool:
        """Whether hardly anything of it can be seen."""
        written = "".join(map(str, self.parts))
        return len("".join(written.split())) <= BLANK * len(written)


@dataclass
class RunReport:
    """What the page shows of one run.

    Attributes:
        opened: the run.
        run: its folder.
        card: the card that ``rnngen inspect`` shows.
        steps: loss and gradient norm of every step.
        config: the configuration before the first training step, as JSON.
        text: the name of the file that was read; None: the test part of the run's corpus.
        scores: the scores under the keys of ``rnngen eval --json``.
        explained: where the nats of the text go; None: it was not scored.
        gaps: how well words that were taken out came back, of a bidirectional run.
        flows: gradient flow.
        explanation: what theory says about it: layer in words → sentences.
        passages: of the text, with the surprisal of every token.
        traces: gates and states for the pickers, see ``traces.py``.
        samples: texts that the run wrote.
        missing: section → why it is missing.
    """

    opened: Run
    run: Path
    card: Card
    steps: Steps
    config: str
    text: str | None = None
    scores: dict[str, Any] = field(default_factory=dict)
    explained: Explanation | None = None
    gaps: GapScore | None = None
    flows: list[Flow] = field(default_factory=list)
    explanation: dict[str, list[str]] = field(default_factory=dict)
    passages: list[Passage] = field(default_factory=list)
    traces: dict[str, Any] = field(default_factory=dict)
    samples: list[Sample] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)

    @property
    def kind(self) -> type[TextScore]:
        """The kind of score that the run gets."""
        return kind_of_score(bidirectional=self.card.bidirectional)

    @property
    def cell(self) -> str:
        """The network's cell: ``lstm``, ``gru`` or ``rnn``."""
        return self.opened.model_config().cell


def collect(run: Run, text: Path | None = None, on_section: Callable[[str], object] | None = None) -> RunReport:
    """Collect everything about a run. What cannot be had, as of a run that exploded, is missing with the reason.

    Args:
        run: the run.
        text: a file to read; by default the test part of the run's corpus.
        on_section: called with the name of each section before it is collected.

    Raises:
        CheckpointError: the run's configuration is damaged.
        CorpusError: ``text`` cannot be read, or is empty.
    """
    config = json.dumps(_without_folders(run.config), indent=2, ensure_ascii=False)
    report = RunReport(run, run.path, make_card(run), read_steps(run), config, str(text) if text else None)
    from_text: dict[str, Callable[[Network, EncodedText], None]] = {
        "scores": partial(_scores, report),
        "gradients": partial(_flows, report),
        "gates": partial(_gates, report),
        "surprisal": partial(_passages, report),
    }
    if report.card.bidirectional:
        from_text["samples"] = partial(_fills, report)

    def attempt(name: str, make: Callable[[], None]) -> None:
        if on_section is not None:
            on_section(name)
        try:
            make()
        except RnngenError as error:
            report.missing[name] = str(error)

    try:
        network = load_network(run)
    except RnngenError as error:  # its weights are not finite, or damaged
        report.missing |= dict.fromkeys((*from_text, "samples"), str(error))
        return report
    try:
        with file_or_test_part(run, text) as encoded:
            for name, make in from_text.items():
                attempt(name, partial(make, network, encoded))
    except RnngenError as error:  # the run's text is gone
        if text:
            raise
        report.missing |= dict.fromkeys(from_text, str(error))
    if not report.card.bidirectional:
        attempt("samples", partial(_samples, report))
    return report


def _without_folders(config: object, is_path: bool = False) -> Any:
    """A configuration whose files and runs have their names alone: a page to pass on does not say where they lie."""
    if isinstance(config, Mapping):
        return {key: _without_folders(value, key in _PATHS) for key, value in config.items()}
    if isinstance(config, list):
        return [_without_folders(each, is_path) for each in config]
    return PurePath(config).name or config if is_path and isinstance(config, str) else config


def _scores(report: RunReport, network: Network, text: EncodedText) -> None:
    explainer = Explainer(report.opened, len(text.tokens), POSITIONS)
    report.scores = score_text(report.opened, text, analyses=explainer.analyses).as_dict()
    report.explained = explainer.explanation(training_part(report.opened), explainer.context(network, text.tokens))


def _flows(report: RunReport, network: Network, text: EncodedText) -> None:
    report.flows = gradient_flow(network, text.tokens, possible_lags(network, text.tokens))
    report.explanation = explain(report.flows, network.config)


def _gates(report: RunReport, network: Network, text: EncodedText) -> None:
    report.traces = unit_traces(network, report.opened.tokenizer(), text.tokens)


def _passages(report: RunReport, network: Network, text: EncodedText) -> None:
    report.passages = surprisal_passages(network, report.opened.tokenizer(), text.tokens)


def _samples(report: RunReport) -> None:
    generator = load(report.opened)
    for t in TEMPERATURES:
        written = "".join(generator.generate(length=SAMPLE_LENGTH, temperature=t, seed=SEED))
        report.samples.append(Sample(f"temperature {t}", [written]))


def _fills(report: RunReport, network: Network, text: EncodedText) -> None:
    filler = load_filler(report.opened)
    report.samples = [Sample(f"passage {seed + 1}", words_filled_in(filler, text.tokens, seed)) for seed in range(3)]
    (report.gaps,) = score_gaps([filler], text.tokens, GAPS)
