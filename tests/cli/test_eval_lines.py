"""``rnngen eval --per-line``: every line with its score, the hardest first."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import rnngen
from rnngen.cli.eval.progress import Progress
from rnngen.corpus.tokenizer import ByteTokenizer, CharTokenizer
from rnngen.evaluation import reading
from rnngen.evaluation.blocks import ScoredBlock, TokenScores
from rnngen.evaluation.lines import LineSums, RankedLines
from tests.conftest import FAST, Outcome

Cli = Callable[..., Outcome]
TEXT = "The cat sat on the mat.\n\nTtt bbb flf.\nThe dog ran.\n  \nA bird"


@pytest.mark.parametrize("kind", [{}, {"bidirectional": True}, {"documents": "paragraphs"}], ids=str)
def test_lines_are_those_of_the_python_function(cli: Cli, trained: Path, corpus: Path, kind: dict[str, object]) -> None:
    run = rnngen.train(corpus, out="other", steps=2, **{**FAST, **kind}).path if kind else trained  # type: ignore[arg-type]
    Path("new.txt").write_text(TEXT)
    found = json.loads(cli("eval", run, "new.txt", "--per-line", "--json", "--quiet").out)["lines"]
    expected = rnngen.score(TEXT, run=run).lines
    prefix = "pseudo_" if "bidirectional" in kind else ""
    assert [each["text"] + "\n" for each in found[:-1]] == [line.text for line in expected[:-1]]
    assert [each[f"{prefix}nats"] for each in found] == pytest.approx([line.nats for line in expected], rel=1e-6)
    assert [each["tokens"] for each in found] == [len(line.tokens) for line in expected]
    assert [each["line"] for each in found] == list(range(1, len(found) + 1))
    hard = sorted((each for each in found if each["text"].strip()), key=lambda each: -each[f"{prefix}nats_per_token"])
    assert [each["rank"] for each in hard] == list(range(1, len(hard) + 1))
    assert all(each["rank"] is None for each in found if not each["text"].strip())
    assert hard[0][f"{prefix}perplexity"] == pytest.approx(math.exp(hard[0][f"{prefix}nats_per_token"]))


def test_the_screen_shows_the_hardest_and_csv_all_in_order(cli: Cli, trained: Path) -> None:
    Path("new.txt").write_text(TEXT)
    shown = cli("eval", trained, "new.txt", "--per-line", "--top", 2, "--quiet").out.splitlines()
    assert shown[0] == f"{trained} on new.txt: the hardest 2 of 6 lines"
    assert shown[2].split() == ["line", "tokens", "nats", "per", "token", "perplexity", "text"]
    assert (len(shown), shown[3].split()[0], shown[3].endswith("  Ttt bbb flf.")) == (5, "3", True)
    rows = list(csv.DictReader(io.StringIO(cli("eval", trained, "new.txt", "--per-line", "--csv", "-q").out)))
    assert [row["text"] for row in rows] == TEXT.split("\n")
    assert [row["rank"] for row in rows][2] == "1"


def test_a_long_or_odd_line_is_cut_to_the_screen(cli: Cli, trained: Path) -> None:
    Path("new.txt").write_text("the\tcat\x1b[31m " * 50 + "\nThe cat.\n")
    lines = cli("eval", trained, "new.txt", "--per-line", "--quiet").out.splitlines()
    assert max(map(len, lines[2:])) <= 80
    assert "\x1b" not in "".join(lines)
    assert any(line.endswith("…") for line in lines)


def test_several_texts_are_refused(cli: Cli, trained: Path) -> None:
    for name in ("a.txt", "b.txt"):
        Path(name).write_text("The cat.\n")
    outcome = cli("eval", trained, "a.txt", "b.txt", "--per-line")
    assert (outcome.code, "--per-line takes one text; found 2" in outcome.err) == (2, True)


def test_an_interruption_shows_the_lines_that_are_complete(
    cli: Cli, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SIGINT comes when the last of 1,025 tokens that are known is within a line."""
    Path("new.txt").write_text("The cat sat.\n" * 100)
    monkeypatch.setattr(reading, "BLOCK", 1024)
    whole = json.loads(cli("eval", trained, "new.txt", "--per-line", "--json").out)
    read = Progress.read

    def interrupted(self: Progress, tokens: int) -> None:
        if self._known:
            raise KeyboardInterrupt
        read(self, tokens)

    monkeypatch.setattr(Progress, "read", interrupted)
    outcome = cli("eval", trained, "new.txt", "--per-line", "--json")
    found = json.loads(outcome.out)
    assert (outcome.code, found["complete"]) == (130, False)
    assert "interrupted: the lines are those of the first 1,025 of 1,300 tokens" in outcome.err
    assert [(each["line"], each["nats"]) for each in found["lines"]] == [
        (each["line"], each["nats"]) for each in whole["lines"][: 1025 // 13]
    ]
    outcome = cli("eval", trained, "new.txt", "--per-line", "--top", 2)
    assert (outcome.code, "the hardest 2 of the first 78 lines" in outcome.out) == (130, True)
    outcome = cli("eval", trained, "new.txt", "--per-line", "--csv")
    assert (outcome.code, outcome.out.count("\n")) == (130, 79)


def ranked(text: str, nats: list[float], pieces: int) -> RankedLines:
    tokens = ByteTokenizer().encode(text)
    lines, begin = LineSums(ByteTokenizer()), 0
    for part in np.array_split(np.arange(len(tokens)), pieces):
        scores = TokenScores(np.array(nats, np.float32)[part])
        lines.add(ScoredBlock(begin, tokens[part], scores))
        begin += len(part)
    return lines.ranked(tokens)


@pytest.mark.parametrize("pieces", [1, 2, 3, 9])
def test_a_line_that_is_cut_by_a_block_is_one(pieces: int) -> None:
    lines = ranked("ab\n\nc\nde", [1, 2, 3, 4, 5, 6, 7, 8], pieces)
    assert [(each.text, each.nats, each.tokens, each.rank) for each in lines] == [
        ("ab", 6.0, 3, 3),
        ("", 4.0, 1, None),
        ("c", 11.0, 2, 2),
        ("de", 15.0, 2, 1),
    ]
    assert [each.line for each in lines.hardest(2)] == [4, 3]


def test_a_line_of_spaces_is_not_ranked_whatever_the_spaces_are() -> None:
    tokenizer = CharTokenizer("ab\n\u00a0\u3000")
    lines, tokens = LineSums(tokenizer), tokenizer.encode("a\n\u00a0\u3000\nb")
    lines.add(ScoredBlock(0, tokens, TokenScores(np.arange(6, dtype=np.float32))))
    assert [each.rank for each in lines.ranked(tokens)] == [2, None, 1]


def test_a_line_in_which_no_token_begins_has_no_score() -> None:
    class Merging(CharTokenizer):
        def token_bytes(self) -> list[bytes]:
            return [b"\n\n", b"a"]

    lines = LineSums(Merging("ab"))
    lines.add(ScoredBlock(0, np.array([1, 0, 1]), TokenScores(np.array([1, 2, 3], np.float32))))
    nats, sizes = lines._parts[0][1][:2]
    assert (nats.tolist(), sizes.tolist()) == ([3.0, 0.0, 3.0], [2.0, 0.0, 1.0])
