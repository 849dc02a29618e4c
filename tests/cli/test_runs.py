"""``rnngen runs``: one line per run, wherever it is, and what is damaged says so."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

import rnngen
from rnngen.cli.app import run as run_cli
from rnngen.cli.console import Console
from rnngen.plaintext.runs import _HEADER, _Row, fitted
from rnngen.plaintext.widths import cut, width
from rnngen.runs import listing
from rnngen.runs.finding import newest_run
from rnngen.runs.listing import list_runs, runs_below
from tests.conftest import FAST, Outcome
from tests.runs.test_comparison import sibling

Cli = Callable[..., Outcome]


@pytest.mark.usefixtures("trained")
def test_runs_lists_what_is_in_checkpoints(cli: Cli, corpus: Path) -> None:
    rnngen.train(corpus, out="checkpoints/b", steps=2, **FAST)
    os.utime("checkpoints/tiny/manifest.json", (1e9, 1e9))  # in September 2001
    lines = cli("runs").out.splitlines()
    assert lines[0].split("  ")[0] == "run"
    assert lines[0].endswith("nats/char")
    assert [line.split()[0] for line in lines[1:]] == ["checkpoints/b", "checkpoints/tiny"]
    row = r"  \d{4}-\d\d-\d\d  corpus\.txt  lstm 1x16 10\.8k  60 +\d\.\d{4}$"
    assert re.search(row, lines[2]), lines[2]
    Path("checkpoints/killed").mkdir()
    Path("checkpoints/killed/config.json").write_bytes(Path("checkpoints/b/config.json").read_bytes())
    Path("checkpoints/b/config.json").write_text("{}")
    *rows, empty, first, second = cli("runs").out.splitlines()
    assert empty == ""
    assert sorted((row.split()[0], row.split()[-1]) for row in rows[1:]) == [
        ("checkpoints/b", "damaged"),
        ("checkpoints/killed", "saved"),  # never
        ("checkpoints/tiny", rows[-1].split()[-1]),
    ]
    told = sorted((first, second))
    assert told[0].startswith("checkpoints/b/config.json: is damaged")
    assert told[1].startswith("checkpoints/killed: never saved. Unless it is being trained, its folder can be removed.")
    Path("checkpoints/b/config.json").write_bytes(Path("checkpoints/killed/config.json").read_bytes())
    shutil.rmtree("checkpoints/killed")
    found = [json.loads(line) for line in cli("runs", "--json").out.splitlines()]
    assert [each["steps"] for each in found] == [2, 60]
    assert found[1]["best_nats_per_character"] == pytest.approx(found[1]["best_nats"])  # tokens are characters


def test_scores_of_different_tokenizers_are_per_character(cli: Cli, trained: Path) -> None:
    corpus = json.loads((trained / "config.json").read_text())["data"]["corpus"][0]
    words = rnngen.train(corpus, out="checkpoints/words", steps=2, tokenizer="word", **FAST)
    parts = words.config["corpus"]["parts"]["valid"]
    told = json.loads(cli("runs", "checkpoints/words", "--json").out)
    score = told["best_nats"] * parts["tokens"] / parts["characters"]
    assert cli("runs", "checkpoints/words").out.splitlines()[1].endswith(f"  {score:.4f} word")
    nothing = sibling(words.path, "nothing", corpus__parts={"train": {"tokens": 5}, "valid": {"tokens": 5}})
    assert cli("runs", nothing).out.splitlines()[1].endswith(f"  {told['best_nats']:.4f} per token word")


def test_runs_without_any_says_how_to_get_one(cli: Cli) -> None:
    outcome = cli("runs")
    assert (outcome.code, outcome.out) == (1, "")
    assert "rnngen train FILE" in outcome.err


def test_runs_are_found_in_folders_of_checkpoints_and_elsewhere(cli: Cli, trained: Path) -> None:
    newest = newest_run()
    for place in ("checkpoints/demo-x/lstm", "elsewhere/deep/rnn"):
        shutil.copytree(trained, place)
    names = {line.split()[0] for line in cli("runs").out.splitlines()[1:]}
    assert names == {"checkpoints/tiny", "checkpoints/demo-x/lstm"}
    names = {line.split()[0] for line in cli("runs", "elsewhere", "checkpoints/tiny").out.splitlines()[1:]}
    assert names == {"elsewhere/deep/rnn", "checkpoints/tiny"}
    assert newest_run() == newest  # what commands use without a run does not depend on demos
    outcome = cli("runs", "nowhere")
    assert (outcome.code, outcome.out) == (2, "")
    assert "nowhere: is not a folder; expected a folder with runs; found nothing there" in outcome.err
    Path("empty").mkdir()
    assert cli("runs", "empty").code == 1


def test_a_run_behind_a_link_is_listed_once(trained: Path) -> None:
    for name in ("a", "z"):
        trained.with_name(name).symlink_to(trained, target_is_directory=True)
    assert [run for run, _ in list_runs().cards] == [Path("checkpoints/tiny")]
    assert [run for run, _ in list_runs([Path("checkpoints/a"), Path("checkpoints")]).cards] == [
        Path("checkpoints/tiny")
    ]


def test_looking_for_runs_has_bounds(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = Path("a").joinpath(*"bcdef")
    shutil.copytree(trained, deep)
    assert runs_below(Path("a")) == ([], False)
    assert runs_below(deep.parent.parent) == ([deep], True)
    assert runs_below(trained) == ([trained], True)
    Path("a/loop").symlink_to(Path("a").absolute(), target_is_directory=True)
    assert runs_below(Path("a/b/c")) == ([deep], True)
    monkeypatch.setattr(listing, "MOST", 2)
    for name in "xyz":
        shutil.copytree(trained, Path("many") / name)
    found = list_runs([Path("many")])
    assert (len(found.cards), found.whole) == (2, False)


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("columns", [32, 40, 48, 56, 64, 80, 120])
def test_on_a_terminal_every_run_has_one_line(trained: Path, monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    shutil.copytree(trained, f"checkpoints/{'a-long-name-of-a-run' * 2}")
    monkeypatch.setenv("COLUMNS", str(columns))
    out = Terminal()
    assert run_cli(["runs"], Console(out, None)) == 0
    lines = out.getvalue().splitlines()
    assert len(lines) == 3
    assert max(map(len, lines)) <= columns
    assert all(re.search(r"\d\.\d{4}$", line) for line in lines[1:])


def test_the_text_is_cut_first_then_steps_and_network_are_shortened_and_the_name_is_cut_last() -> None:
    row = _Row("checkpoints/run", "2026-11-28", "a-text-of-a-long-name", "lstm 1x256 1M", "1,200 of 24,000", "1.2345")
    assert fitted([_HEADER, row], 200)[1] == tuple(row)
    assert fitted([_HEADER, row], None)[1] == tuple(row)
    expected = {
        90: ("checkpoints/run", "2026-11-28", "a-text-of-a-long-…", "lstm 1x256 1M", "1,200 of 24,000", "1.2345"),
        78: ("checkpoints/run", "2026-11-28", "a-text-of-a-…", "lstm 1x256 1M", "1.2k/24k", "1.2345"),
        72: ("checkpoints/run", "2026-11-28", "a-text-of…", "lstm 1x256", "1.2k/24k", "1.2345"),
        65: ("checkpoints/run", "2026-11-28", "lstm 1x256", "1.2k/24k", "1.2345"),
        50: ("checkpoints/run", "2026-11-28", "lstm 1x256", "1.2345"),
        30: ("checkpoints/run", "1.2345"),
        19: ("…nts/run", "1.2345"),
    }
    assert {columns: fitted([_HEADER, row], columns)[1] for columns in expected} == expected


def test_runs_of_today_have_the_time_and_others_the_date(cli: Cli, trained: Path) -> None:
    now = datetime.now().replace(hour=12, minute=34)
    os.utime(trained / "manifest.json", (now.timestamp(), now.timestamp()))
    assert "  12:34  " in cli("runs").out
    before = now - timedelta(days=1)
    os.utime(trained / "manifest.json", (before.timestamp(), before.timestamp()))
    assert f"  {before:%Y-%m-%d}  corpus" in cli("runs").out


def test_usage_names_the_folder_as_other_commands_name_runs(cli: Cli) -> None:
    assert cli("runs", "--help").out.startswith("Usage: rnngen runs [OPTIONS] [FOLDER]...\n")


def test_cutting_counts_cells_and_keeps_characters_whole() -> None:
    assert cut("short", 5) == "short"
    assert cut("longer", 5) == "long…"
    assert cut("longer", 5, at="beginning") == "…nger"
    assert [width(cut("天地玄黃", cells)) for cells in (8, 7, 6, 5)] == [8, 7, 5, 5]


def test_scores_of_a_bidirectional_run_are_marked(corpus: Path, cli: Cli) -> None:
    rnngen.train(corpus, out="checkpoints/both", steps=2, bidirectional=True, **FAST)
    line = cli("runs").out.splitlines()[1]
    assert "bi-lstm 1x16" in line
    assert line.endswith(" pseudo")
    assert "best_pseudo_nats" in json.loads(cli("runs", "--json").out)
