"""``train --label-field`` and ``sample --label``: texts that depend on a label."""

from __future__ import annotations

import csv
import io
import json
import math
import random
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import rnngen
from rnngen.corpus.labels import MOST_LABELS, Labels, united
from rnngen.corpus.sources import TextSource
from rnngen.corpus.tokens import prepare
from rnngen.errors import CorpusError, UsageError
from rnngen.evaluation.adaptation import dynamic, prompt
from rnngen.options.training import DataConfig
from rnngen.runs.finding import open_run
from tests.conftest import FAST, Outcome

Cli = Callable[..., Outcome]
LETTERS = {"horror": "abcd", "comedy": "wxyz", None: "mnop"}
RUN = "checkpoints/labelled"


def rows(number: int, seed: int = 0) -> list[dict[str, str | None]]:
    draw = random.Random(seed)
    genres = [draw.choice(["horror", "comedy", "comedy", None]) for _ in range(number)]
    return [{"text": "".join(draw.choice(LETTERS[g]) for _ in range(draw.randint(4, 8))), "genre": g} for g in genres]


def write(path: Path, content: list[dict[str, str | None]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in content), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def _labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("labelled")
    write(folder / "rows.jsonl", rows(600))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RNNGEN_CACHE", str(folder / "cache"))
        rnngen.train(
            folder / "rows.jsonl",
            out=folder / "run",
            label_field="genre",
            steps=150,
            **{**FAST, "hidden_size": 32, "batch_size": 8, "bptt": 24},
        )
    return folder


@pytest.fixture
def labelled(_labelled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run with labels, in a copy; its text is where it was."""
    shutil.copytree(_labelled / "run", tmp_path / RUN)
    monkeypatch.setenv("RNNGEN_CACHE", str(_labelled / "cache"))
    return tmp_path / RUN


def share_of(texts: list[str], letters: str) -> float:
    text = "".join(texts)
    return sum(text.count(letter) for letter in letters) / len(text)


@pytest.mark.slow
@pytest.mark.usefixtures("labelled")
def test_the_text_depends_on_the_label(cli: Cli) -> None:
    for label, letters in LETTERS.items():
        outcome = cli("sample", "--label", label or "", "-N", 50, "--seed", 1, "--json")
        found = [json.loads(line) for line in outcome.out.splitlines()]
        assert {each.get("label") for each in found} == {label}
        assert share_of([each["text"] for each in found], letters) > 0.7
    assert (
        cli("sample", "--label", "horror", "--seed", 1).out.strip()
        == cli("sample", "--label", "horror", "--seed", 1, "--format", "lines").out.strip()
    )


def test_without_a_label_each_text_has_one_as_often_as_was_learned(cli: Cli, labelled: Path) -> None:
    N = 1000
    samples = rnngen.load(labelled).generate_batch([""] * N, seed=3)
    counts = Counter(sample.label for sample in samples)
    for label, letters in LETTERS.items():
        assert share_of([sample.text for sample in samples if sample.label == label], letters) > 0.7
    logits = np.asarray(rnngen.load(labelled).context().prediction(), np.float64)[0]
    p = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
    names = open_run(labelled).tokenizer().labels
    learned = dict(zip(names, p[-len(names) :], strict=True)) | {None: 1 - p[-len(names) :].sum()}
    for label, expected in learned.items():
        assert abs(counts[label] - N * expected) < 6 * math.sqrt(N * expected * (1 - expected))
    again = cli("sample", "--seed", 3, "-N", 4, "--json").out.splitlines()
    assert [json.loads(line)["text"] for line in again] == [sample.text for sample in samples[:4]]
    assert cli("sample", "--seed", 3).out == samples[0].text + "\n"


@pytest.mark.usefixtures("labelled")
def test_rows_of_texts_have_the_label_that_was_given_or_drawn(cli: Cli) -> None:
    def written(*arguments: object) -> list[dict[str, str | None]]:
        how = ("sample", "-N", 30, "--seed", 1, *arguments)
        found = [json.loads(line) for line in cli(*how, "--json").out.splitlines()]
        expected = [{"text": each["text"], "label": each["label"]} for each in found]
        assert [json.loads(line) for line in cli(*how, "--format", "jsonl").out.splitlines()] == expected
        rows = [
            {**row, "label": row["label"] or None}
            for row in csv.DictReader(io.StringIO(cli(*how, "--format", "csv").out))
        ]
        assert rows == expected
        return expected

    assert {row["label"] for row in written()} == {"horror", "comedy", None}
    assert {row["label"] for row in written("--label", "horror")} == {"horror"}
    assert {row["label"] for row in written("--label", "")} == {None}
    Path("new.csv").write_text(cli("sample", "-N", 30, "--seed", 1, "--format", "csv").out)
    labels = Labels("label")
    assert "".join(TextSource(["new.csv"], documents="files", labels=labels))
    assert set(labels.names) == {"horror", "comedy"}


def test_a_network_learns_from_a_prompt_with_the_label_of_the_text(
    cli: Cli, labelled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learned: list[list[int]] = []

    def read_adapting(model: object, tokens: np.ndarray, *how: object, **more: object) -> list[object]:
        learned.append(tokens.tolist())
        return []

    monkeypatch.setattr(dynamic, "STATISTICS_SEGMENTS", 1)
    monkeypatch.setattr(prompt, "read_adapting", read_adapting)
    how = ("sample", "--dynamic", "--prompt", "abc", "--length", 1, "--label")
    assert cli(*how, "horror").code == cli(*how, "").code == 0
    tokenizer = open_run(labelled).tokenizer()
    text = tokenizer.encode("abc").tolist()
    assert learned == [[tokenizer.label_ids()[tokenizer.labels.index("horror")], *text], text]
    assert cli(*how, "unheard of").code == 2


@pytest.mark.usefixtures("labelled")
def test_temperature_zero_takes_the_most_likely_label_and_so_does_a_beam(cli: Cli) -> None:
    texts = {cli("sample", "-t", 0, "--seed", seed).out for seed in range(3)}
    assert len(texts) == 1
    assert share_of([*texts], "wxyz\n") == 1
    beam = [json.loads(line) for line in cli("sample", "--beam", 2, "-N", 2, "--json").out.splitlines()]
    assert {each["label"] for each in beam} == {"comedy"}
    horror = [json.loads(line) for line in cli("sample", "--beam", 2, "--label", "horror", "--json").out.splitlines()]
    assert share_of([each["text"] for each in horror], "abcd") == 1


def test_the_labels_are_shown_with_the_run_and_in_the_plan(cli: Cli, labelled: Path, tmp_path: Path) -> None:
    names = ", ".join(open_run(labelled).tokenizer().labels)
    assert f"labels {names}" in json.loads(cli("inspect", "card", labelled, "--json").out)["tokenizer"]
    path = write(tmp_path / "rows.jsonl", rows(60))
    outcome = cli("train", path, "--label-field", "genre", "--steps", 1, "--device", "cpu", "--size", "tiny")
    assert "labels  2: " in outcome.out + outcome.err


@pytest.mark.usefixtures("labelled")
def test_a_prompt_follows_the_label(cli: Cli) -> None:
    Path("prompts.txt").write_text("a\nm\n", encoding="utf-8")
    outcome = cli("sample", "--prompts-file", "prompts.txt", "--label", "horror", "-N", 20, "--json", "--seed", 1)
    found = [json.loads(line) for line in outcome.out.splitlines()]
    assert share_of([each["text"] for each in found if each["prompt"] == "a"], "abcd") > 0.7


@pytest.mark.usefixtures("labelled")
def test_a_label_that_the_run_does_not_know_is_told_with_those_it_knows(cli: Cli) -> None:
    for more in ((), ("--beam", 2), ("-N", 3)):
        outcome = cli("sample", "--label", "terror", *more)
        assert (outcome.code, outcome.out) == (2, "")
        assert "--label: the model has not learned this one; expected one of" in outcome.err
        assert "horror" in outcome.err
        assert "comedy" in outcome.err


@pytest.mark.usefixtures("labelled")
def test_a_label_that_is_nearly_one_of_the_run_s_is_suggested_and_two_are_refused(cli: Cli) -> None:
    assert cli("sample", "--label", "Horror").err.rstrip().endswith("found Horror. Did you mean horror?")
    assert "Did you mean comedy?" in cli("sample", "--label", "comdy").err
    assert "Did you mean" not in cli("sample", "--label", "essay").err
    for again in (["--label", "comedy"], ["--label=comedy"], ["--label", "horror"]):
        outcome = cli("sample", "--label", "horror", *again)
        assert (outcome.code, outcome.out) == (2, "")
        assert "--label is given more than once; expected one value" in outcome.err
    assert (
        cli("sample", "--label", "horror", "--seed", 1, "--seed", 2).out
        == cli("sample", "--label", "horror", "--seed", 2).out
    )  # the last one counts, as for most programs


@pytest.mark.usefixtures("labelled")
def test_white_space_around_a_label_does_not_belong_to_it(cli: Cli) -> None:
    for how in ((), ("--json",), ("--beam", 2)):
        plain, spaced = (cli("sample", "--label", label, "--seed", 1, *how) for label in ("horror", " horror\t"))
        assert spaced.out == plain.out
    assert (
        cli("sample", "--label", " ", "--seed", 1, "--json").out
        == cli("sample", "--label", "", "--seed", 1, "--json").out
    )


@pytest.mark.usefixtures("labelled")
def test_a_text_without_a_label_is_told_to_be_unlearned_if_every_document_had_one(cli: Cli) -> None:
    said = "but every document of the training text had one"
    assert said not in cli("sample", "--label", "", "-n", 5).err  # some had none
    path = write(Path("all.jsonl"), [row for row in rows(90) if row["genre"]])
    rnngen.train(path, out=Path("all"), label_field="genre", steps=1, **FAST)
    assert said in cli("sample", "all", "--label", "", "-n", 5).err
    assert said not in cli("sample", "all", "--label", "horror", "-n", 5).err
    assert said not in cli("sample", "all", "-n", 5).err


@pytest.mark.usefixtures("trained")
def test_a_run_without_labels_says_how_to_train_one_with_them(cli: Cli) -> None:
    outcome = cli("sample", "--label", "horror")
    assert (outcome.code, outcome.out) == (2, "")
    assert "--label needs a run that learned labels" in outcome.err
    assert "--label-field" in outcome.err


def test_labelled_rows_are_scored_with_their_labels_and_a_label_counts_as_a_token(
    cli: Cli, labelled: Path, tmp_path: Path
) -> None:
    content = [row for row in rows(200, seed=9) if row["genre"]]
    scores = {}
    for name, genre in (("right", None), ("wrong", {"horror": "comedy", "comedy": "horror"}), ("none", {})):
        changed = [{**row, "genre": row["genre"] if genre is None else genre.get(row["genre"])} for row in content]
        path = write(tmp_path / f"{name}.jsonl", changed)
        scores[name] = json.loads(cli("eval", labelled, path, "--json").out)
    assert scores["right"]["nats_per_token"] < scores["none"]["nats_per_token"]
    assert scores["right"]["nats_per_token"] < scores["wrong"]["nats_per_token"]
    length = sum(len(str(row["text"])) + 1 for row in content)
    assert scores["right"]["tokens"] == length + len(content)
    assert scores["none"]["tokens"] == length
    assert {scores[name]["characters"] for name in scores} == {length}
    (tmp_path / "rows.csv").write_text(
        "genre,text\n" + "".join(f"{row['genre']},{row['text']}\n" for row in content), encoding="utf-8"
    )
    assert json.loads(cli("eval", labelled, "rows.csv", "--json").out)["nats_per_token"] == pytest.approx(
        scores["right"]["nats_per_token"], rel=1e-6
    )
    assert "and its label, if it has one, as a token" in cli("eval", labelled, "rows.csv").err
    outcome = cli("eval", labelled, write(tmp_path / "other.jsonl", [{"text": "ab", "genre": "terror"}]))
    assert outcome.code == 1
    assert "has a label that the run has not learned" in outcome.err


def test_a_resumed_run_has_its_labels_and_other_ones_are_refused(
    cli: Cli, _labelled: Path, labelled: Path, tmp_path: Path
) -> None:
    before = open_run(labelled).tokenizer()
    outcome = cli("train", "--resume", labelled, "--steps", 2, "--device", "cpu")
    assert outcome.code == 0, outcome
    assert open_run(labelled).tokenizer().labels == before.labels
    changed = write(tmp_path / "changed.jsonl", [{"text": "ab", "genre": "terror"}, *rows(600)])
    outcome = cli("train", "--resume", labelled, changed, "--steps", 2, "--allow-changed-corpus")
    assert outcome.code == 1
    assert "has other labels than the run" in outcome.err
    renamed = [{**row, "genre": "terror" if row["genre"] == "horror" else row["genre"]} for row in rows(600)]
    outcome = cli("train", "--resume", labelled, write(tmp_path / "renamed.jsonl", renamed), "--steps", 2)
    assert outcome.code == 1  # the same texts and numbers of labels: the names tell that it has changed
    assert "changed" in outcome.err


def test_a_run_that_begins_with_a_labelled_one_keeps_its_labels(cli: Cli, labelled: Path, tmp_path: Path) -> None:
    path = write(tmp_path / "more.jsonl", [{"text": f"{row['text']}q"} for row in rows(100, 4)])
    how = ("--steps", 2, "--batch-size", 4, "--bptt", 16, "--device", "cpu", "--precision", "float32")
    outcome = cli("train", path, "--init-from", labelled, "--out", "next", *how)
    assert outcome.code == 0, outcome
    old, new = open_run(labelled), open_run(tmp_path / "next")
    assert new.tokenizer().labels == old.tokenizer().labels
    assert new.tokenizer().vocab_size == old.tokenizer().vocab_size + 1
    assert cli("sample", "next", "--label", "horror", "--seed", 1).code == 0


def test_a_run_that_begins_with_another_one_learns_the_labels_of_its_own_text(
    cli: Cli, labelled: Path, tmp_path: Path
) -> None:
    old = open_run(labelled).tokenizer().labels
    known, other = (old[1], old[0]), "terror"  # in another order, and a new one
    genres = [known[0], other, known[1], None]
    content = [{**row, "genre": genres[number % 4]} for number, row in enumerate(rows(100, 4))]
    path = write(tmp_path / "more.jsonl", content)
    how = ("--steps", 2, "--batch-size", 4, "--bptt", 16, "--device", "cpu", "--precision", "float32")
    outcome = cli("train", path, "--init-from", labelled, "--label-field", "genre", "--out", "next", *how)
    assert outcome.code == 0, outcome
    assert "1 new label in this text: terror" in outcome.err
    tokenizer = open_run(tmp_path / "next").tokenizer()
    assert tokenizer.labels == (*old, other)
    data = DataConfig(corpus=(str(path),), label_field="genre")
    corpus = prepare(data, tokenizer=tokenizer)
    for part in corpus.parts.values():  # each label stands before its own documents
        for ids in np.split(part.tokens, np.flatnonzero(part.tokens == tokenizer.boundary_id) + 1)[:-1]:
            label = tokenizer.labels[ids[0] - tokenizer.text_size] if ids[0] in tokenizer.label_ids() else None
            assert {"text": tokenizer.decode(ids)[:-1], "genre": label} in content
    resumed = cli("train", "--resume", "next", "--steps", 2, "--device", "cpu")
    assert resumed.code == 0, resumed
    assert "changed" not in resumed.err
    assert cli("sample", "next", "--label", "terror", "--seed", 1).code == 0
    assert json.loads(cli("eval", "next", path, "--part", "all", "--json").out)["unknown"] == 0


def test_labels_of_two_runs_together_are_not_more_than_there_can_be() -> None:
    names = [f"g{n}" for n in range(MOST_LABELS)]
    assert united(names[:-1], names, "rows.jsonl") == names
    with pytest.raises(CorpusError, match=r"too many labels together with those of the run; .* found one more: 'new'"):
        united(names, ["new"], "rows.jsonl")


def test_a_field_without_labels_is_a_clear_error(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", rows(50))
    with pytest.raises(CorpusError, match=r"no document has a label in 'mood'; .*found the fields 'text', 'genre'"):
        rnngen.train(path, out=tmp_path / "run", label_field="mood", steps=1, **FAST)
    (tmp_path / "prose.txt").write_text("Plain prose has no rows.\n" * 50, encoding="utf-8")
    with pytest.raises(CorpusError, match="no document has a label in 'genre'"):
        rnngen.train(tmp_path / "prose.txt", out=tmp_path / "run", label_field="genre", steps=1, **FAST)
    with pytest.raises(UsageError, match="label"):
        rnngen.train(path, out=tmp_path / "run", label_field="genre", documents="none", steps=1, **FAST)


@pytest.mark.parametrize("level", ["byte", "word", "bpe"])
def test_every_tokenizer_learns_labels(level: str, tmp_path: Path, cli: Cli) -> None:
    path = write(tmp_path / "rows.jsonl", rows(120))
    options = {**FAST, "tokenizer": level} | ({} if level == "byte" else {"vocab_size": 280})
    run = rnngen.train(path, out=tmp_path / "run", label_field="genre", steps=3, **options)
    assert open_run(tmp_path / "run").tokenizer().labels == tuple(
        dict.fromkeys(r["genre"] for r in rows(120) if r["genre"])
    )
    assert run is not None
    outcome = cli("sample", "run", "--label", "horror", "-N", 2, "-n", 20, "--unique")
    assert outcome.code == 0, outcome
    assert not any("\ud800" <= c <= "\udfff" for c in outcome.out)
