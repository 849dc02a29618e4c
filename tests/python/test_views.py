"""What Python shows of runs: a line, a card, how far gradients reach, a comparison, a report."""

from __future__ import annotations

import dataclasses
import pkgutil
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import rnngen
from rnngen.inspection.gradients import gradient_flow
from rnngen.model.load import load_network
from rnngen.python.run import open_run
from rnngen.python.views import Compared
from rnngen.runs.card import make_card
from rnngen.runs.comparison import Comparison
from rnngen.runs.settings import Difference
from tests.conftest import Outcome
from tests.runs.test_comparison import sibling

Cli = Callable[..., Outcome]


def test_a_run_is_one_line_with_path_model_steps_and_score(trained: Path) -> None:
    run = open_run(trained)
    card = make_card(run)
    score = f"{card.best_nats:.4f} nats per token"
    assert repr(run) == f"Run({str(trained)!r}: lstm, 1 layer of 16, embedding 8 (n-grams up to 4), 60 steps, {score})"


def test_a_damaged_run_can_be_shown_too(trained: Path) -> None:
    run = open_run(trained)
    (trained / "tokenizer.json").write_text("{}")
    assert "\n" not in repr(run)
    assert "tokenizer.json" in repr(run)
    assert run._repr_html_() is None


def test_a_notebook_shows_the_card_and_the_curve_escaped(trained: Path) -> None:
    shutil.copytree(trained, "<b>evil")
    shown = open_run("<b>evil")._repr_html_()
    assert shown is not None
    assert "<svg" in shown
    assert "<table" in shown
    assert "&lt;b&gt;evil" in shown
    assert "<b>evil" not in shown


def test_the_card_says_what_the_command_says(trained: Path, cli: object) -> None:
    outcome = cli("inspect", trained)  # type: ignore[operator]
    table = dict(line.split(maxsplit=1) for line in outcome.out.split("\n\n")[0].splitlines())
    shown = dict(line.split(maxsplit=1) for line in repr(rnngen.inspect(trained)).splitlines())
    assert shown == table


def test_gradients_are_those_that_are_measured(trained: Path, corpus: Path) -> None:
    (found,) = rnngen.gradients(trained, text=corpus, lags=5)
    run = open_run(trained)
    expected = gradient_flow(load_network(run), run.tokenizer().encode(corpus.read_text()), 5)
    assert [flow.median.tolist() for flow in found.flows] == [flow.median.tolist() for flow in expected]
    shown = rnngen.gradients(trained, trained, text=corpus, lags=5)
    assert len(shown) == 1  # each once
    assert repr(shown).count("\n") == 1
    assert "<svg" in shown._repr_html_()
    with pytest.raises(rnngen.RnngenError, match="invalid value for `lags`; expected an integer from 2"):
        rnngen.gradients(trained, lags=0)


def test_a_comparison_shows_what_differs_and_what_came_of_it(trained: Path, mixed: Path, corpus: Path) -> None:
    found = rnngen.compare(trained, mixed, text=corpus)
    assert {"steps", "ngram"} <= {each.name for each in found.differences}
    for run, path in zip(found.runs, (trained, mixed), strict=True):
        assert run.score == rnngen.evaluate(path, corpus, part="all").nats_per_token
        assert f"{run.score:.4f}" in repr(found)
        assert f"{run.score:.4f}" in found._repr_html_()
    with pytest.raises(rnngen.RnngenError, match="`test` and `text` are two ways"):
        rnngen.compare(trained, mixed, text=corpus, test=True)
    with pytest.raises(rnngen.RnngenError, match="at least two runs"):
        rnngen.compare(trained)


def test_a_comparison_in_a_notebook_says_why_a_score_is_missing_and_what_to_know_of_one(trained: Path) -> None:
    broken = sibling(trained, "broken")
    (broken / "model.safetensors").write_bytes(b"x")
    found = rnngen.compare(trained, broken, test=True)
    noted = dataclasses.replace(found.runs[0], note="read with `encoding=latin-1`")
    shown = Compared((noted, found.runs[1]))._repr_html_()
    assert "broken: not scored: " in shown
    assert "tiny: read with `encoding=&quot;latin-1&quot;`" in shown


def test_a_comparison_spells_options_as_python_does(
    trained: Path, mixed: Path, monkeypatch: pytest.MonkeyPatch, cli: Cli
) -> None:
    differs = Difference("training", "batch_size", given=True, values=(4, 8))
    monkeypatch.setattr(Comparison, "differences", [differs])
    monkeypatch.setattr(Comparison, "warnings", ["the parts differ: `part=all` is the whole"])
    shown = repr(rnngen.compare(trained, mixed))
    assert re.search(r"  batch_size +4 +8", shown)
    assert '`part="all"`' in shown
    typed = cli("inspect", "--compare", trained, mixed).out
    assert re.search(r"  batch-size +4 +8", typed)
    assert "--part all" in typed


@pytest.mark.slow
def test_a_report_is_written_to_a_file(trained: Path, corpus: Path) -> None:
    pytest.importorskip("altair")
    pytest.importorskip("vl_convert")
    assert rnngen.report(trained, out="page.html", text=corpus) == Path("page.html")
    assert Path("page.html").read_text(encoding="utf-8").startswith("<!doctype html>")


LIGHT = """
import sys, rnngen
assert set(rnngen.__all__) == set(dir(rnngen))
print(sorted({"torch", "numpy", "rich", "typer", "IPython"} & set(sys.modules)))
rnngen.load, rnngen.generate, rnngen.load_filler, rnngen.inspect, rnngen.next_tokens
print(sorted({"torch", "rich", "typer", "IPython"} & set(sys.modules)))
for name in rnngen.__all__:
    assert getattr(rnngen, name) is not None
"""


@pytest.mark.slow
def test_importing_rnngen_is_light_and_writing_needs_no_torch() -> None:
    done = subprocess.run([sys.executable, "-c", LIGHT], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.stdout == "[]\n[]\n"


def test_no_package_hides_a_function_of_its_name() -> None:
    packages = {module.name for module in pkgutil.iter_modules(rnngen.__path__)}
    assert not set(rnngen.__all__) & packages
