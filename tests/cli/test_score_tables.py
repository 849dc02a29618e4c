"""``rnngen eval`` of several runs and of several texts: tables, differences, and what cannot be compared."""

from __future__ import annotations

import csv
import io
import json
import math
import statistics
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from safetensors.numpy import load, save

import rnngen
from rnngen.cli.app import run as run_cli
from rnngen.cli.console import Console
from rnngen.cli.eval.progress import Progress
from rnngen.cli.eval.sure import UnknownSection
from rnngen.cli.eval.tabular import Column, as_latex, as_text
from rnngen.corpus.pieces import TextCounts
from rnngen.corpus.tokenizer import CharTokenizer
from rnngen.evaluation import reading
from rnngen.evaluation.blocks import ScoredBlock, TokenScores
from rnngen.evaluation.scores import PseudoScore
from rnngen.plaintext.widths import width
from tests.cli.test_screen import Terminal
from tests.conftest import FAST, Outcome, make_text
from tests.runs.test_comparison import GROUP, sibling
from tests.runs.test_run import rewrite

Cli = Callable[..., Outcome]


def worse(run: Path, name: str, by: float, **values: Any) -> Path:
    """A copy of a run whose weights have noise."""
    copy = sibling(run, name, **values)
    weights = load((copy / "model.safetensors").read_bytes())
    draw = np.random.default_rng(0)
    noisy = {key: w + by * draw.standard_normal(w.shape).astype(np.float32) for key, w in weights.items()}
    rewrite(copy, {"model.safetensors": save(noisy)})
    return copy


@pytest.fixture
def new() -> Path:
    """A text that no run was trained on."""
    Path("new.txt").write_text(make_text(6000, seed=9), encoding="utf-8")
    return Path("new.txt")


def test_a_row_per_run_is_what_eval_says_of_each(cli: Cli, trained: Path, new: Path) -> None:
    other = worse(trained, "other", 0.1)
    outcome = cli("eval", other, trained, new, "--json")
    assert outcome.code == 0, outcome.err
    found = json.loads(outcome.out)
    assert found["runs"] == [json.loads(cli("eval", run, new, "--json", "--fast").out) for run in (other, trained)]
    (differences,) = found["differences"]
    assert (differences["best"], differences["unit"]) == (str(trained), "nats per token")
    (row,) = differences["runs"]
    one, best = (each["nats_per_token"] for each in found["runs"])
    assert row["difference"] == pytest.approx(one - best)
    assert row["interval"][0] < row["difference"] < row["interval"][1]
    rows = list(csv.DictReader(io.StringIO(cli("eval", other, trained, new, "--csv").out)))
    assert [float(each["nats_per_token"]) for each in rows] == [one, best]
    assert float(rows[1]["nats_per_token_low"]) == found["runs"][1]["interval"]["nats_per_token"][0]
    shown = cli("eval", other, trained, new).out
    assert f"{one:.4f}" in shown
    assert f"worse than tiny, in nats per token, by paired bootstrap:\n  other  {one - best:+.4f}" in shown


def test_siblings_have_a_mean_and_a_standard_deviation(cli: Cli, trained: Path, new: Path) -> None:
    runs = [worse(trained, f"s{n}", 0.02 * n, train__seed=n, siblings=GROUP) for n in range(3)]
    found = json.loads(cli("eval", *runs, new, "--json").out)
    values = [each["nats_per_token"] for each in found["runs"]]
    (group,) = found["siblings"]
    assert group["runs"] == [str(run) for run in runs]
    assert group["nats_per_token"]["mean"] == pytest.approx(statistics.fmean(values))
    assert group["nats_per_token"]["deviation"] == pytest.approx(statistics.stdev(values))
    latex = cli("eval", *runs, new, "--latex").out
    shown = " ".join(latex.split())
    (note,) = (each for each in found["notes"] if "another seed" in each)
    assert f"% {note}\n" in latex
    assert rf"mean of 3 seeds & {statistics.fmean(values):.4f} & $\pm$ {statistics.stdev(values):.4f} &" in shown


def test_other_tokens_compare_in_bits_per_byte(cli: Cli, trained: Path, new: Path, corpus: Path) -> None:
    new.write_text(new.read_text().replace("e", "é"), encoding="utf-8")  # which characters lack and words spell
    words = rnngen.train(corpus, out="checkpoints/words", steps=5, tokenizer="word", **FAST).path
    lengths = {part: {"tokens": 100, "characters": n} for part, n in (("train", 400), ("valid", 200), ("test", 200))}
    words = sibling(words, "uneven", corpus__parts=lengths)
    found = json.loads(cli("eval", trained, words, new, "--json").out)
    (differences,) = found["differences"]
    by_run = {each["run"]: each["bits_per_byte"] for each in found["runs"]}
    best, (row,) = differences["best"], differences["runs"]
    assert differences["unit"] == "bits per byte"
    assert row["difference"] == by_run[row["run"]] - by_run[best]
    assert row["interval"][0] < row["difference"] < row["interval"][1]
    said = "the tokens differ, so nats per token and perplexity do not compare: bits per character and per byte do"
    assert said in found["notes"]
    assert not any("losses" in note for note in found["notes"])  # which inspect shows per character


def test_what_cannot_be_compared_is_said(cli: Cli, trained: Path, new: Path) -> None:
    both = rnngen.train(new, out="checkpoints/both", steps=1, bidirectional=True, **FAST).path
    outcome = cli("eval", trained, both, new, "--part", "all")
    said = " ".join(outcome.out.split())
    assert "bidirectional runs on new.txt; each token predicted from both sides: not comparable with perplexity" in said
    assert "pseudo-nats, not comparable with nats" in said
    assert "worse than" not in said


def test_a_run_that_was_trained_on_the_text_is_left_out_of_differences(cli: Cli, trained: Path, new: Path) -> None:
    copy = rnngen.train(new, out="checkpoints/new", steps=1, **FAST).path
    outcome = cli("eval", trained, copy, new, "--part", "all")
    assert outcome.code == 0, outcome.err
    assert "worse than" not in outcome.out
    assert "new: trained on new.txt, or on parts of it, so the scores on it flatter" in " ".join(outcome.out.split())


def test_a_run_that_is_named_twice_counts_once(cli: Cli, trained: Path, new: Path) -> None:
    outcome = cli("eval", trained, "checkpoints/tiny", new, "--csv")
    assert outcome.out.count("new.txt") == 1
    assert f"note: {trained} is named more than once, and counted once\n" in outcome.err


def test_a_text_that_is_named_twice_counts_once_and_that_is_told(cli: Cli, trained: Path, new: Path) -> None:
    Path("other.txt").write_text(make_text(3000, seed=4), encoding="utf-8")
    Path("link.txt").symlink_to("new.txt")
    told = "note: new.txt is named more than once, and counted once\n"
    for again in (new, "./new.txt", "link.txt"):
        outcome = cli("eval", trained, new, "other.txt", again, "--json")
        found = json.loads(outcome.out)
        assert [each["text"] for each in found["texts"]] == ["new.txt", "other.txt"]
        assert (found["tokens"], outcome.err.count(told)) == (9000, 1)
    once = cli("eval", trained, new, new, "--json", "--fast")
    assert (once.out, told in once.err) == (cli("eval", trained, new, "--json", "--fast").out, True)
    with pytest.warns(rnngen.RnngenWarning, match=r"new\.txt is named more than once, and counted once"):
        assert rnngen.evaluate(trained, [new, new]) == rnngen.evaluate(trained, new)


def test_files_that_are_together_a_run_s_own_text_are_one(cli: Cli) -> None:
    for name in ("a.txt", "b.txt"):
        Path(name).write_text(make_text(4000, seed=len(name)), encoding="utf-8")
    run = rnngen.train(["a.txt", "b.txt"], out="checkpoints/two", steps=1, **FAST).path
    found = json.loads(cli("eval", run, "a.txt", "b.txt", "--json").out)
    assert (found["text"], found["characters"]) == ("the test part of a.txt, b.txt", 401)
    assert "texts" not in found


def test_own_parts_of_other_texts_have_no_differences(cli: Cli, trained: Path, new: Path) -> None:
    other = rnngen.train(new, out="checkpoints/new", steps=1, **FAST).path
    outcome = cli("eval", trained, other)
    said = " ".join(outcome.out.split())
    assert "new: scored on another text than tiny, so no differences are shown" in said


def test_options_of_one_run_are_refused_for_several(cli: Cli, trained: Path, new: Path) -> None:
    Path("b.txt").write_text(make_text(3000, seed=4), encoding="utf-8")
    for arguments, said in (
        ((trained, new, "b.txt", "--ngram"), "--ngram cannot be given with a table of several runs or texts"),
        ((trained, new, "b.txt", "--ngram", "--csv"), "--ngram cannot be given with --csv, which"),
        ((trained, new, "--dynamic", "--latex"), "--dynamic cannot be given with --latex, which"),
        ((trained, "--ngram", "--fast", "--latex"), "--ngram cannot be given with --latex, which"),
        ((trained, "--novelty", "--csv"), "--novelty cannot be given with --csv, which"),
        ((trained, "--surprisal", "-", "--latex"), "--surprisal cannot be given with --latex, which"),
        ((trained, new, "--csv", "--json"), "--json and --csv cannot be given together"),
        ((trained, new, "--top", 3), "--top needs --per-line"),
        ((trained, new, "--per-line", "--latex"), "--latex cannot be given with --per-line"),
        ((trained, trained.parent / "tiny", "--per-line"), "one run is expected"),
    ):
        outcome = cli("eval", *arguments)
        assert (outcome.code, outcome.out) == (2, ""), arguments
        assert said in outcome.err


@pytest.mark.parametrize("columns", [80, 120])
def test_tables_fit_a_terminal(trained: Path, new: Path, columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    sibling(trained, "a-run-whose-name-says-at-length-what-it-is-one")
    monkeypatch.setenv("COLUMNS", str(columns))
    screen = Terminal()
    runs = [str(trained), "checkpoints/a-run-whose-name-says-at-length-what-it-is-one"]
    assert run_cli(["eval", *runs, str(new)], Console(screen, None)) == 0
    table = screen.getvalue().splitlines()[:5]
    assert max(map(width, table)) <= columns


def test_tables_as_text_and_latex() -> None:
    columns = [Column("run", ["a_b", "c"]), Column("value", ["1.0", "12 ± 3%"])]
    assert as_text(columns, 80) == "run    value\na_b      1.0\nc    12 ± 3%\n"
    assert as_latex(columns, ["one", "two"]) == (
        "% needs \\usepackage{booktabs}\n% one\n% two\n\\begin{tabular}{lr}\n\\toprule\nrun & value \\\\\n\\midrule\n"
        "a\\_b & 1.0 \\\\\nc & 12 $\\pm$ 3\\% \\\\\n\\bottomrule\n\\end{tabular}\n"
    )
    columns = [Column("text", ["a-b", "c"]), Column("95% interval", ["1.0 to 2.0", "-"])]
    assert "a-b & 1.0 to 2.0 \\\\\nc & -- \\\\\n" in as_latex(columns)  # an en dash where nothing is known
    assert "\nc                -\n" in as_text(columns, 80)


def test_one_run_on_one_text_is_a_table_of_one_row(cli: Cli, trained: Path, new: Path) -> None:
    (row,) = csv.DictReader(io.StringIO(cli("eval", trained, new, "--csv").out))
    score = json.loads(cli("eval", trained, new, "--json").out)
    assert (row["text"], float(row["nats"])) == ("new.txt", score["nats"])
    assert float(row["token_perplexity"]) == pytest.approx(math.exp(score["nats_per_token"]))
    assert "new.txt & " in cli("eval", trained, new, "--latex").out


def test_tables_have_the_scores_without_unknown_symbols(cli: Cli, trained: Path, new: Path) -> None:
    Path("odd.txt").write_text("The 猫 sat.\n" * 20, encoding="utf-8")
    score = json.loads(cli("eval", trained, "odd.txt", "--json").out)
    without = score["without_unknown"]
    rows = list(csv.DictReader(io.StringIO(cli("eval", trained, "odd.txt", new, "--csv").out)))
    assert [row["without_unknown_tokens"] for row in rows] == ["200", "", str(200 + 6000)]
    assert float(rows[0]["without_unknown_nats_per_token"]) == without["nats_per_token"]
    assert float(rows[0]["without_unknown_token_perplexity"]) == without["token_perplexity"]
    words = f"without unknown symbols: {without['nats_per_token']:.4f} nats per token, perplexity "
    assert words in cli("eval", trained, "odd.txt").out
    assert f"\nother {words}" in cli("eval", trained, worse(trained, "other", 0), "odd.txt").out
    assert f"% {words}" in cli("eval", trained, "odd.txt", "--latex").out


def test_pseudo_nats_without_unknown_symbols_are_called_so() -> None:
    run: Any = SimpleNamespace(tokenizer=lambda: CharTokenizer("a"))
    section, unused = UnknownSection(run), cast("Any", None)
    nats = np.array([1.0, 2.0, 2.0], np.float32)
    section.analyses[0].add(ScoredBlock(0, np.array([0, 1, 1]), TokenScores(nats)))
    section.finish(unused, run, unused, PseudoScore(5.0, 3, TextCounts(3, 1, 3), unknown=1))
    said = "without unknown symbols: 2.0000 pseudo-nats per token, pseudo-perplexity 7.389 (2 tokens)"
    assert section.in_words() == said


@pytest.fixture
def interrupt(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, int], None]:
    """Lets SIGINT come once this many tokens are known of the text with this number, from 1."""
    texts: list[Progress] = []
    at = [0, 0]
    read = Progress.read

    def interrupted(self: Progress, tokens: int) -> None:
        if self not in texts:
            texts.append(self)
        if len(texts) == at[0] and self._known >= at[1]:
            raise KeyboardInterrupt
        read(self, tokens)

    def set_to(text: int, known: int) -> None:
        texts.clear()
        at[:] = text, known

    monkeypatch.setattr(reading, "BLOCK", 1024)
    monkeypatch.setattr(Progress, "read", interrupted)
    return set_to


def test_an_interruption_shows_the_runs_that_have_read_all(
    cli: Cli, trained: Path, new: Path, interrupt: Callable[[int, int], None]
) -> None:
    runs = [trained, sibling(trained, "b"), sibling(trained, "c")]
    whole = json.loads(cli("eval", *runs, new, "--json").out)["runs"]
    for known in (0, 1000):  # of the third run
        interrupt(3, known)
        outcome = cli("eval", *runs, new, "--json")
        found = json.loads(outcome.out)
        assert (outcome.code, found["complete"], found["runs"]) == (130, False, whole[:2])
        assert outcome.err.count("interrupted: 2 of 3 runs are shown") == 1
        assert [len(each["runs"]) for each in found["differences"]] == [1]
    interrupt(2, 1000)
    outcome = cli("eval", *runs, new, "--json")
    assert (outcome.code, json.loads(outcome.out)) == (130, {"runs": whole[:1], "complete": False})
    interrupt(1, 1000)
    outcome = cli("eval", *runs, new, "--json")
    (only,) = json.loads(outcome.out)["runs"]
    assert (outcome.code, only["tokens"], only["complete"]) == (130, 1025, False)
    assert "interrupted: the numbers of new.txt are of the first 1,025 of 6,000 tokens; 1 of 3 runs" in outcome.err
    interrupt(1, 0)
    outcome = cli("eval", *runs, new, "--json")
    assert (outcome.code, outcome.out) == (130, "")


def test_an_interruption_shows_the_texts_that_were_read(
    cli: Cli, trained: Path, new: Path, interrupt: Callable[[int, int], None]
) -> None:
    Path("b.txt").write_text(make_text(6000, seed=10), encoding="utf-8")
    Path("c.txt").write_text(make_text(6000, seed=11), encoding="utf-8")
    whole = json.loads(cli("eval", trained, new, "b.txt", "c.txt", "--json").out)
    two = json.loads(cli("eval", trained, new, "b.txt", "--json").out)
    interrupt(3, 0)
    outcome = cli("eval", trained, new, "b.txt", "c.txt", "--json")
    found = json.loads(outcome.out)
    assert (outcome.code, found.pop("complete"), found.pop("texts")) == (130, False, whole["texts"][:2])
    for each in (found, two):
        del each["provenance"]["text"]["files"]
    assert found == {key: value for key, value in two.items() if key != "texts"}
    assert "interrupted: 2 of 3 texts are shown" in outcome.err
    interrupt(2, 1000)
    outcome = cli("eval", trained, new, "b.txt", "c.txt", "--csv")
    rows = list(csv.DictReader(io.StringIO(outcome.out)))
    assert (outcome.code, [row["tokens"] for row in rows]) == (130, ["6000", "1025", "7025"])
    assert [(row["text"], row["complete"]) for row in rows] == [
        ("new.txt", ""),
        ("b.txt", "False"),
        ("total so far", "False"),
    ]
    assert rows[2]["nats_per_token_low"]
    assert "the numbers of b.txt are of the first 1,025 of 6,000 tokens; 2 of 3 texts are shown" in outcome.err
    interrupt(2, 0)
    assert " on 1 text, each" in " ".join(cli("eval", trained, new, "b.txt").out.split())
    interrupt(2, 1000)
    assert "\npart of b.txt " in cli("eval", trained, new, "b.txt").out
