"""``rnngen eval RUN TEXT``: how a text that is given is read, and what is said of it."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import rnngen
from tests.cli.scored import score
from tests.conftest import FAST, Outcome, make_text

Cli = Callable[..., Outcome]


def messages(name: str, number: int, text: str = "message", label: str = "mood", seed: int = 0) -> Path:
    with Path(name).open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["id", text, label])
        for n, line in enumerate(make_text(9000, seed).split()[:number]):
            rows.writerow([n, f"{line} café", "angry" if n % 2 else "happy"])
    return Path(name)


@pytest.fixture(scope="module")
def _moody(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("moody")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("RNNGEN_CACHE", str(folder / "cache"))
        how = {"text_field": "message", "label_field": "mood"}
        rnngen.train(messages("msgs.csv", 300), out="run", steps=3, **how, **FAST)
    return folder


@pytest.fixture
def moody(_moody: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run on ``msgs.csv``, whose texts are in ``message`` and whose labels in ``mood``: copies."""
    shutil.copytree(_moody, tmp_path, dirs_exist_ok=True)
    return Path("run")


def test_rows_have_their_text_in_the_field_that_it_had_for_training(cli: Cli, moody: Path) -> None:
    found = score(cli, moody, messages("new.csv", 40, seed=1))
    assert found["documents"] == 40
    other = messages("other.csv", 40, text="body", seed=1)
    outcome = cli("eval", moody, other)
    assert (outcome.code, outcome.out) == (1, "")
    assert "has no column 'message'" in outcome.err
    assert "--text-field NAME" in outcome.err
    assert score(cli, moody, other, "--text-field", "body")["nats"] == found["nats"]
    assert rnngen.evaluate(moody, "new.csv").nats == pytest.approx(found["nats"])


def test_a_text_without_rows_needs_no_field(cli: Cli, moody: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("plain.txt").write_text("the cat\nthe dog\n" * 20)
    assert score(cli, moody, "plain.txt")["documents"] == 1
    with Path("plain.txt").open() as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        assert score(cli, moody, "-")["documents"] == 1
    outcome = cli("eval", moody, "plain.txt", "--text-field", "message")
    assert outcome.code == 1
    assert "--text-field has no effect: there are no rows" in outcome.err


def test_a_text_is_read_in_the_encoding_of_training_and_it_is_said(cli: Cli) -> None:
    Path("old.txt").write_text(make_text(5000) + "café\n", encoding="cp1252")
    rnngen.train("old.txt", out="run", steps=2, encoding="cp1252", split=(0.9, 0.1), **FAST)
    Path("new.txt").write_text("The café sat.\n" * 9, encoding="cp1252")
    outcome = cli("eval", "run", "new.txt")
    assert outcome.code == 0, outcome.err
    assert "note: read as cp1252, as the run's text was; if it is not: --encoding NAME\n" in outcome.err
    Path("modern.txt").write_text("The café sat.\n" * 9, encoding="utf-8")
    modern = cli("eval", "run", "modern.txt", "--encoding", "utf-8")
    assert modern.out.replace("modern.txt", "new.txt") == outcome.out
    assert "cp1252" not in modern.err
    Path("more.txt").write_text("Le café noir.\n" * 9)
    rnngen.train("more.txt", out="auto", steps=1, encoding="auto", split=(0.6, 0.4), **FAST)
    assert "1 read as cp1252" in cli("eval", "auto", "new.txt").err


def test_the_options_that_are_given_hold_for_the_text_of_training_too(cli: Cli, moody: Path) -> None:
    """Whose bytes may be another text by them."""
    own = cli("eval", moody, "msgs.csv")
    assert "only its test part is read" in own.err
    assert cli("eval", moody, "msgs.csv", "--encoding", "utf-8", "--text-field", "message").out == own.out
    other = cli("eval", moody, "msgs.csv", "--encoding", "cp1252", "--json")
    assert "only its test part is read" not in other.err
    assert json.loads(other.out)["documents"] == 300
    assert json.loads(other.out)["unknown"] > 0  # Ã and ©
    assert score(cli, moody, "msgs.csv", "--text-field", "id")["text"] == "msgs.csv"


@pytest.mark.parametrize("option", [["--encoding", "utf-8"], ["--text-field", "message"]])
def test_an_option_of_a_given_text_without_one_is_refused(cli: Cli, moody: Path, option: list[str]) -> None:
    outcome = cli("eval", moody, *option)
    assert (outcome.code, outcome.out) == (2, "")
    assert f"{option[0]} is about a text that is given" in outcome.err


def test_a_text_without_the_label_s_field_is_scored_and_that_is_told(cli: Cli, moody: Path) -> None:
    labelled = messages("new.csv", 30, seed=1)
    said = "has a label in 'mood', and is scored so"
    assert said not in cli("eval", moody, labelled).err
    other = messages("other.csv", 30, label="moods", seed=1)
    outcome = cli("eval", moody, other, "--json")
    assert f"note: none of the 30 documents {said} (found the fields 'id', 'message', 'moods'." in outcome.err
    assert "Did you mean --label-field moods?" in outcome.err
    right = score(cli, moody, other, "--label-field", "moods")
    assert right["nats"] == score(cli, moody, labelled)["nats"]
    assert right["tokens"] == json.loads(outcome.out)["tokens"] + 30
    assert rnngen.evaluate(moody, other, label_field="moods").nats == pytest.approx(right["nats"])
    Path("plain.txt").write_text("the cat")
    assert cli("eval", moody, "plain.txt").err.count("the document has no label in 'mood', and is scored so\n") == 1


def test_a_field_of_labels_without_effect_is_refused(cli: Cli, moody: Path, trained: Path) -> None:
    new = messages("new.csv", 30)
    outcome = cli("eval", moody, new, "--label-field", "genre")
    assert outcome.code == 1
    assert "no document has a label in 'genre'" in outcome.err
    assert "found the fields 'id', 'message', 'mood'" in outcome.err
    outcome = cli("eval", trained, new, "--text-field", "message", "--label-field", "mood")
    assert outcome.code == 2
    assert "--label-field needs a run that learned labels" in outcome.err


def test_a_text_without_the_run_s_separator_is_one_document_and_that_is_told(cli: Cli) -> None:
    Path("poems.txt").write_text("a\nb\n%\n" * 60)
    rnngen.train("poems.txt", out="run", documents="%", steps=2, **FAST)
    Path("one.txt").write_text("a\nb\nb\n")
    said = "the separator of the run's documents, '%', is not in it: "
    assert f"note: {said}it is one document\n" in cli("eval", "run", "one.txt").err
    Path("two.txt").write_text("b\na\na\n")
    assert cli("eval", "run", "one.txt", "two.txt").err.count(f"{said}it is one document\n") == 1
    Path("both.txt").write_text("a\nb\nb\n%\nb\na\na\n")
    assert said not in cli("eval", "run", "both.txt").err
