"""``rnngen inspect training`` and ``rnngen demo clipping``: what is drawn, and that nothing is hidden or made up."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import rnngen
from rnngen.cli.demo import clipping
from rnngen.cli.step_chart import ALONE, clipped_line, draw, marks_of
from rnngen.cli.training import charts
from rnngen.errors import TrainingError
from rnngen.runs.failure import Failure
from rnngen.runs.steps import Steps
from tests.conftest import FAST, Outcome
from tests.runs.test_comparison import sibling
from tests.runs.test_steps import made

Cli = Callable[..., Outcome]


def drawn(norms: list[float], clip: float = 1.0, height: int = 5) -> list[str]:
    """The lines of a chart of norms with a column for each step, without their labels."""
    bins = made(norms, clip).bins(len(norms))
    text = draw([(ALONE, bins, clip)], lambda each: each.norm, height, logarithmic=True)
    return [line.partition("┤")[2] for line in text.splitlines()]


def test_a_step_is_drawn_at_its_height_and_the_threshold_is_a_line() -> None:
    assert drawn([0.01, 0.1, 1, 10, 100]) == ["    ●", "   ●", "──●──", " ●", "●"]
    assert drawn([0.01, 0.1, 1, 10, 100], math.inf) == ["    ●", "   ●", "  ●", " ●", "●"]


def test_what_was_clipped_however_little_is_above_the_threshold() -> None:
    assert drawn([0.26, 0.3, 10], 0.25, 4) == ["  ●", "", "●●", "───"]
    assert drawn([1.01, 1.0, 0.99], 1.0, 3)[0] == "●"
    assert drawn([1.001, 1.0, 0.1], 1.0, 2) == ["●", "─●●"]


def test_a_spike_among_many_steps_is_drawn_up_to_its_height_and_what_was_clipped_is_marked() -> None:
    norms = [0.1] * 1000
    norms[777] = 100
    bins = made(norms).bins(10)
    text = draw([(ALONE, bins, 1.0)], lambda each: each.norm, 4, logarithmic=True)
    lines = [line.partition("┤")[2].ljust(10) for line in text.splitlines()]
    assert "".join(line[7] for line in lines) == "░░│●"
    assert lines[0] == " " * 7 + "░" + " " * 2
    assert clipped_line(bins).split()[1] == "·······1··"


def test_several_runs_have_a_letter_each_that_is_a_capital_above_the_threshold() -> None:
    runs = [(marks_of(letter), made(norms).bins(3), 1.0) for letter, norms in (("a", [0.1, 1, 10]), ("b", [10, 1, 10]))]
    text = draw(runs, lambda each: each.norm, 3, logarithmic=True)
    assert [line.partition("┤")[2] for line in text.splitlines()] == ["B B", "─b─", "a"]


def test_the_command_draws_the_newest_run_and_fits_80_columns(cli: Cli, trained: Path) -> None:
    said = cli("inspect", "training")
    assert said.code == 0
    assert max(map(len, said.out.splitlines())) <= 80
    assert "clip 1 ┤" in said.out
    assert "checkpoints/tiny: 60 steps" in said.out
    twin = sibling(trained, "twin")
    assert cli("inspect", "training", trained, twin, trained).out.count(": 60 steps") == 2  # each once


def test_the_json_object_has_every_step_or_neighbours_together(cli: Cli, trained: Path) -> None:
    (run,) = json.loads(cli("inspect", "training", trained, "--json").out)["runs"]
    rows = [json.loads(line) for line in (trained / "metrics.jsonl").read_text().splitlines()]
    norms = [row["grad_norm"] for row in rows if "grad_norm" in row]
    assert (run["steps"], run["clip"], run["failed"], run["jumps"]) == (60, 1.0, None, [])
    assert [each["grad_norm"]["high"] for each in run["bins"]] == norms
    assert run["clipped"] == sum(norm > 1 for norm in norms)


def test_a_run_that_failed_at_once_is_shown(cli: Cli, corpus: Path) -> None:
    with pytest.raises(TrainingError, match=r"See how it came about: rnngen\.gradients"):
        rnngen.train(corpus, out="run", steps=9, cell="rnn", nonlinearity="identity", gain=1.15, **FAST)
    card = cli("inspect", "run").out
    assert "?" not in card
    assert {"speed", "gradient", "validation"}.isdisjoint(line.partition(" ")[0] for line in card.splitlines())
    said = cli("inspect", "training", "run")
    assert said.code == 0
    assert max(map(len, said.out.splitlines())) <= 80
    assert said.out.replace("\n  ", " ") == (
        "run: 0 steps training failed: the validation loss was not finite at step 0; the weights are those it began "
        "with, which have learned nothing how its untrained network multiplies gradients from step to step: "
        "rnngen inspect gradients run\n"
    )
    assert cli("inspect", "training", "run", "--picture", "run.svg").code == 0
    (run,) = json.loads(cli("inspect", "training", "run", "--json").out)["runs"]
    assert run["failed"] == {"step": 0, "what": "the validation loss was not finite", "kept": 0}


def test_the_picture_has_the_loss_above_the_norms(cli: Cli, trained: Path) -> None:
    assert cli("inspect", "training", trained, "--picture", "t.svg").code == 0
    drawn = Path("t.svg").read_text()
    assert drawn.index("nats per token") < drawn.index("norm of the gradient")
    said = cli("inspect", "training", trained, "--picture", "corpus.txt")
    assert (said.code, "name that ends in .svg or .png" in said.err) == (2, True)


def result(name: str, losses: list[float], clip: float, failure: Failure | None = None) -> clipping.Result:
    numbers = np.arange(1.0, len(losses) + 1)
    steps = Steps(Path(name), numbers, np.array(losses), np.array(losses), clip, (), failure)
    return clipping.Result(name, steps, [], math.log(100))


@pytest.mark.parametrize(
    ("clipped", "unclipped", "failure", "said"),
    [
        ([4.6, 2], [4.6, 50], None, "clipping alone has saved the run"),
        ([4.6, 2], [], Failure(1, "the loss was not finite", 0, None, None), "clipping alone has saved the run"),
        ([4.6, 2], [4.6, 2.1], None, "It did not diverge here"),
        ([4.6, 30], [4.6, 50], None, "Clipping was not enough here"),
    ],
)
def test_the_demo_says_what_its_figures_say(
    clipped: list[float], unclipped: list[float], failure: Failure | None, said: str
) -> None:
    results = result("clipped", clipped * 20, 0.25), result("unclipped", unclipped * 20, math.inf, failure)
    assert said in " ".join(clipping.sentences(*results))
    assert ("training failed: the loss was not finite" in " ".join(clipping.sentences(*results))) == bool(failure)


def test_a_network_that_fails_does_not_end_the_demo(cli: Cli, corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from rnngen.demos import clipping as networks

    tiny = {**FAST, "optimizer": "asgd", "weight_decay": 0.0, "on_spike": "ignore", "steps": 4, "valid_every": 2}
    exploding = {**tiny, "cell": "rnn", "nonlinearity": "identity", "gain": 1.15}
    monkeypatch.setattr(
        networks, "NETWORKS", {"clipped": {**tiny, "clip": 0.25}, "unclipped": {**exploding, "clip": 0}}
    )
    for _ in range(2):  # the second time it is opened
        said = cli("demo", "clipping", "--text", corpus, "--out", "my demo")
        assert said.code == 0
        assert "training failed: the validation loss was not finite at step 0" in said.out.replace("\n", " ")
    assert said.out.endswith("More of each: rnngen inspect training 'my demo/clipped' 'my demo/unclipped'\n")
    assert cli("sample", "my demo/unclipped", "-n5").code == 0


def test_without_clipping_nothing_is_said_of_it() -> None:
    shown = {clip: charts([("one", made([0.5, 2.0, 0.1], clip))]) for clip in (1.0, math.inf)}
    assert ["clipped" in each for each in shown.values()] == [True, False]
    assert "threshold" not in charts([(name, made([0.5, 2.0], math.inf)) for name in ("one", "two")])
