"""Runs of documents from the command line: trained, written, scored and resumed as documents."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

import rnngen
from rnngen.corpus.documents import BOUNDARY
from rnngen.corpus.sources import TextSource
from rnngen.runs.finding import open_run
from rnngen.runs.manifest import sha256
from tests.cli.scored import score
from tests.conftest import FAST, Outcome, make_text
from tests.runs.test_run import rewrite

Cli = Callable[..., Outcome]
BEGINNINGS = [f"{first}{second}" for first in ("Ash", "Bur", "Cold", "Dun", "East", "Fern") for second in ("", "er")]
NAMES = [f"{beginning}{end}" for beginning in BEGINNINGS for end in ("ton", "ham", "by")]


def options(**values: object) -> list[str]:
    values = {**FAST, "steps": 6, "valid_every": 3, **values}
    return [f"--{name.replace('_', '-')}={value}" for name, value in values.items()]


def names_file(name: str = "names.txt") -> Path:
    path = Path(name)
    path.write_text("\n".join(NAMES) + "\n")
    return path


def objects(outcome: Outcome) -> list[dict[str, Any]]:
    return [json.loads(line) for line in outcome.out.splitlines()]


@pytest.fixture(scope="session")
def _named(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("named")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("RNNGEN_CACHE", str(folder / "cache"))
        rnngen.train(
            names_file(), out="run", steps=150, valid_every=50, learning_rate=0.02, history_decay=0.0, ngram=3, **FAST
        )
        Path("names.txt").unlink()  # tests have a copy of their own
    return folder


@pytest.fixture
def named(_named: Path, tmp_path: Path) -> Path:
    """A run on ``names.txt``, with an n-gram model, and its cache: copies."""
    shutil.copytree(_named, tmp_path, dirs_exist_ok=True)
    names_file()
    return Path("run")


def test_a_list_is_trained_on_as_lines_and_the_plan_says_so(cli: Cli) -> None:
    outcome = cli("train", names_file(), *options(out="new", sample_every=3))
    assert outcome.code == 0, outcome.err
    assert "docs    36 documents, one per line: 32 train, 2 valid, 2 test\n" in outcome.err
    assert json.loads(Path("new/config.json").read_text())["data"]["documents"] == "lines"


def test_as_many_whole_documents_are_written_as_are_asked_for(cli: Cli, named: Path) -> None:
    outcome = cli("sample", named, "-N", 20, "--seed", 1)
    assert outcome.code == 0
    assert BOUNDARY not in outcome.out
    lines = outcome.out.split("\n")
    assert len(lines) == 21
    assert sum(line in NAMES for line in lines) > 0
    assert "of 20 stand in the text that the model learned from" in outcome.err
    assert "sample 1" not in outcome.out


def test_the_options_choose_among_the_documents_that_the_seed_gives(cli: Cli, named: Path) -> None:
    written = [each["text"] for each in objects(cli("sample", named, "-N", 200, "--seed", 1, "--json"))]

    def chosen(*arguments: object) -> list[str]:
        return cli("sample", named, "-N", 9, "--seed", 1, *arguments, "--quiet").out.splitlines()

    unique = list(dict.fromkeys(written))
    assert chosen("--unique") == unique[:9]
    assert chosen("--novel") == [text for text in written if text and text not in NAMES][:9]
    assert chosen("--min-length", 7) == [text for text in written if len(text) >= 7][:9]
    assert (
        chosen("--novel", "--unique", "--min-length", 7)
        == [text for text in unique if text not in NAMES and len(text) >= 7][:9]
    )
    assert written[:9] == chosen()


def test_json_tells_copies_and_why_a_text_ended(cli: Cli, named: Path) -> None:
    found = objects(cli("sample", named, "-N", 20, "--seed", 1, "--json"))
    assert [each["copied"] for each in found] == [each["text"] in NAMES for each in found]
    assert {each["copied"] for each in found} == {True, False}
    assert {each["finish_reason"] for each in found} == {"document"}
    assert not any("stop" in each for each in found)
    cut = json.loads(cli("sample", named, "-n", 2, "--seed", 1, "--json").out)
    assert (cut["finish_reason"], cut["tokens"]) == ("length", 2)


@pytest.mark.parametrize("how", [[], ["--ngram"], ["--device", "cpu"], ["-t", 2, "--repetition-penalty", 1.5]])
def test_no_document_is_empty(cli: Cli, named: Path, how: list[object]) -> None:
    """With a network whose most likely beginning is the end of a document."""
    run = open_run(named)
    weights = {name: np.array(weight) for name, weight in run.weights().items()}
    weights["output.bias"][run.boundary] += 6
    content, manifest = safetensors.numpy.save(weights), json.loads((named / "manifest.json").read_text())
    manifest["files"]["model.safetensors"] = {"sha256": sha256(content), "bytes": len(content)}
    (named / "model.safetensors").write_bytes(content)
    (named / "manifest.json").write_text(json.dumps(manifest))
    found = objects(cli("sample", named, "-N", 70, "--seed", 1, "--json", *how))
    assert min(len(each["text"]) for each in found) > 0
    unseen = objects(cli("sample", named, "-p", "Ω", "-N", 70, "--seed", 1, "--json", *how))
    assert [each["text"] for each in unseen] == [each["text"] for each in found]
    beam = cli("sample", named, "--beam", 2, "-N", 2, "--format", "lines")
    assert (beam.code, min(map(len, beam.out.splitlines()))) == (0, 1), beam
    whole = [
        not each["text"] for each in objects(cli("sample", named, "-p", "Ash", "-N", 70, "--seed", 1, "--json", *how))
    ]
    assert any(whole) or "--ngram" in how  # which knows how the names go on


@pytest.mark.parametrize("how", [[], ["--beam", 2], ["-p", "Ash"]])
def test_banning_every_character_is_refused_and_not_blamed_on_the_weights(
    cli: Cli, named: Path, how: list[object]
) -> None:
    bans = [word for character in sorted({*"".join(NAMES)}) for word in ("--ban", character)]
    outcome = cli("sample", named, *bans, *how)
    assert outcome.code == 2
    assert "--ban leaves nothing to write" in outcome.err
    assert cli("sample", named, *bans[2:], *how).code == 0


def test_a_prompt_belongs_to_the_document(cli: Cli, named: Path) -> None:
    found = objects(cli("sample", named, "-N", 20, "--seed", 1, "-p", "Ash", "--json"))
    assert [each["copied"] for each in found] == ["Ash" + each["text"] in NAMES for each in found]
    assert any(each["copied"] for each in found)
    novel = cli("sample", named, "-N", 5, "--seed", 1, "-p", "Ash", "--novel").out.splitlines()
    assert all(line.startswith("Ash") and line not in NAMES for line in novel)


@pytest.mark.parametrize("form", ["lines", "jsonl", "csv"])
def test_what_is_written_in_a_format_is_read_back_as_the_same_documents(cli: Cli, named: Path, form: str) -> None:
    how = ["sample", named, "-N", 30, "--seed", 2, "--min-length", 1]
    texts = [each["text"] for each in objects(cli(*how, "--json"))]
    name = "new.txt" if form == "lines" else f"new.{form}"
    Path(name).write_text(cli(*how, "--format", form).out)
    assert "".join(TextSource([name], documents="lines")) == "".join(text + BOUNDARY for text in texts)
    outcome = cli("train", name, "--documents", "lines", *options(out="again", steps=2, valid_every=2))
    assert outcome.code == 0, outcome.err
    assert "docs    30 documents, one per " + ("line" if form == "lines" else "row") in outcome.err


@pytest.mark.slow
def test_documents_of_several_lines_keep_them_in_rows_and_lose_them_in_lines(cli: Cli) -> None:
    Path("poems.txt").write_text("a\nb\n%\n" * 60)
    assert cli("train", "poems.txt", "--documents", "%", *options(out="new", steps=250, learning_rate=0.02)).code == 0
    greedy = ["sample", "new", "-N", 2, "-t", 0]
    assert cli(*greedy, "--format", "lines").out == "a b\n" * 2
    assert [row["text"] for row in csv.DictReader(io.StringIO(cli(*greedy, "--format", "csv").out))] == ["a\nb"] * 2
    assert cli(*greedy, "--format", "jsonl").out == '{"text": "a\\nb"}\n' * 2
    assert cli(*greedy).out == "a\nb\n\na\nb\n"
    for quiet in ((), ("--quiet",)):
        outcome = cli(*greedy, "--novel", *quiet)
        assert (outcome.code, outcome.out) == (0, "")
        assert "warning: 0 instead of 2: of 2,000 texts, none met the conditions\n" in outcome.err


@pytest.mark.usefixtures("trained")
def test_a_minimum_length_above_the_maximum_is_refused_before_anything_is_written(cli: Cli) -> None:
    for how, most, least in (
        ([], 500, 600),
        (["--length", 20], 20, 30),
        (["--length", 20, "--force", "a" * 40], 20, 30),
    ):
        outcome = cli("sample", "-N", 2, "--min-length", least, *how)
        assert (outcome.code, outcome.out) == (2, "")
        assert f"--min-length cannot be reached; expected at most {most}: " in outcome.err
        assert f"For longer texts: --length {least}." in outcome.err
    assert len(cli("sample", "--min-length", 20, "--length", 20, "--seed", 1).out) == 21


@pytest.mark.slow
def test_texts_that_are_too_short_are_told_with_the_options_to_change(cli: Cli, named: Path) -> None:
    said = "were shorter than --min-length, and --length limits how long they get\n"
    outcome = cli("sample", named, "-N", 2, "--min-length", 300)
    assert "warning: 0 instead of 2: of 2,000 texts, none met the conditions; 2,0" in outcome.err
    assert outcome.err.count(said) == 1
    outcome = cli("sample", named, "-N", 2, "--novel", "-t", 0)
    assert said not in outcome.err


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        ("LINES", "Did you mean --documents lines?"),
        ("Files", "Did you mean --documents files?"),
        ("paragraph", "Did you mean --documents paragraphs?"),
        ("###", "If each file is a document: --documents files."),
        ("\\n%", "in bash, type it in $'...'."),
    ],
)
def test_a_separator_that_never_occurs_is_an_error(cli: Cli, typed: str, hint: str) -> None:
    names_file()
    for command in (("train", *options(out="new")), ("corpus", "info")):
        outcome = cli(*command, "names.txt", "--documents", typed)
        assert (outcome.code, outcome.out) == (1, "")
        assert f"names.txt: does not contain the separator of --documents; expected {typed!r}" in outcome.err
        assert outcome.err.rstrip().endswith(hint)
    assert not Path("new").exists()


def test_a_separator_may_be_missing_in_some_files_and_between_rows(cli: Cli) -> None:
    Path("one.txt").write_text("Ashton")
    Path("two.txt").write_text("Fernby%Burham")
    Path("rows.csv").write_text("text\nAshton\nFernby\n")
    assert "3 documents" in cli("corpus", "info", "one.txt", "two.txt", "--documents", "%").out
    assert "2 documents" in cli("corpus", "info", "rows.csv", "--documents", "%").out


def test_a_vocabulary_without_a_character_is_an_error(cli: Cli) -> None:
    outcome = cli("train", names_file(), "--vocab-size", 2, *options(out="new"))
    assert (outcome.code, outcome.out) == (1, "")
    assert "--vocab-size leaves no character; expected 3 or more" in outcome.err
    assert cli("train", names_file(), "--vocab-size", 3, *options(out="new", steps=1, valid_every=1)).code == 0


def test_a_list_beside_rows_is_cut_into_lines_and_another_text_is_one_document(cli: Cli) -> None:
    Path("rows.csv").write_text("text\nAshton\nFernby\n")
    assert "38 documents, one per line or row" in cli("corpus", "info", names_file(), "rows.csv").out
    Path("short.txt").write_text("\n".join(NAMES[:9]))
    assert "3 documents, one per file or row" in cli("corpus", "info", "short.txt", "rows.csv").out


def test_a_validation_text_that_was_learned_is_told_with_the_number_of_its_documents(cli: Cli) -> None:
    how = options(out="new", steps=1, valid_every=1)
    names_file()
    Path("valid.txt").write_text("\n".join([*NAMES[:9], "Oakley", "Elmley"]) + "\n")
    said = "of the validation part occur in the training part too, so scores on it flatter the model"
    both = cli("train", "names.txt", "--valid", "valid.txt", "--test", "valid.txt", "--documents", "lines", *how)
    assert f"note    9 of the 11 documents {said}" in both.err
    assert f"note    9 of the 11 documents {said.replace('validation', 'test')}" in both.err
    Path("other.txt").write_text("\n".join([*(f"{name}s" for name in NAMES), NAMES[0]]) + "\n")
    apart = cli("train", "names.txt", "--valid", "other.txt", *options(out="other", steps=1, valid_every=1))
    assert apart.code == 0, apart.err
    assert said not in apart.err


def test_a_validation_text_without_documents_that_was_learned_is_told(cli: Cli, corpus: Path) -> None:
    Path("other.txt").write_text(make_text(5_000, seed=7))
    for valid, learned in ((corpus, True), ("other.txt", False)):
        outcome = cli("train", corpus, "--valid", valid, *options(out=f"of-{Path(valid).stem}", steps=1, valid_every=1))
        assert outcome.code == 0, outcome.err
        assert ("% of the pieces of the validation part occur in" in outcome.err) is learned


def test_novel_leaves_out_what_stands_in_a_stream_as_a_whole(cli: Cli, trained: Path) -> None:
    how = ("sample", trained, "-N", 12, "--seed", 1, "--until", "line", "-t", 0.3, "--length", 6, "--json")
    text = Path(json.loads((trained / "config.json").read_text())["data"]["corpus"][0]).read_text()
    written = [json.loads(line) for line in cli(*how[:3], 200, *how[4:]).out.splitlines()]
    assert all("copied" not in sample for sample in written)
    new = [sample["text"] for sample in written if sample["text"].strip() not in text]
    assert 12 <= len(new) < 200  # the test can fail
    outcome = cli(*how, "--novel")
    assert outcome.code == 0, outcome.err
    assert [json.loads(line)["text"] for line in outcome.out.splitlines()] == new[:12]
    assert all(json.loads(line)["copied"] is False for line in outcome.out.splitlines())


def test_novel_needs_the_text_or_the_cache(cli: Cli, named: Path) -> None:
    def novel() -> Outcome:
        return cli("sample", named, "-N", 3, "--seed", 1, "--novel")

    before = novel()
    shutil.rmtree("cache")
    assert novel().out == before.out  # encoded again from the text
    Path("names.txt").unlink()
    assert novel().out == before.out  # from the cache
    shutil.rmtree("cache")
    gone = novel()
    assert (gone.code, gone.out) == (1, "")
    assert "the run's own text is gone, and the cache does not hold it any more" in gone.err
    assert "names.txt" in gone.err
    assert "leave out --novel" in gone.err
    unmarked = cli("sample", named, "-N", 3, "--seed", 1, "--json")
    assert unmarked.code == 0
    assert "copied" not in unmarked.out


@pytest.mark.parametrize("how", [[], ["--ngram"]])
def test_every_document_is_scored_by_itself(cli: Cli, named: Path, how: list[str]) -> None:
    texts = ["Ashton", "Ferny", "B"]
    Path("all.txt").write_text("\n".join(texts))
    whole, apart = score(cli, named, "all.txt", *how), []
    for text in texts:
        Path("one.txt").write_text(text)
        apart.append(score(cli, named, "one.txt", *how))
    assert whole["documents"] == 3
    for name in ("tokens", "characters", "bytes", "words"):
        assert whole[name] == sum(each[name] for each in apart)
    assert whole["tokens"] == sum(len(text) + 1 for text in texts)
    assert whole["nats"] == pytest.approx(sum(each["nats"] for each in apart), rel=1e-6)
    assert whole["nats_per_document"] == whole["nats"] / 3
    if how:
        mixed = [each["mixture"]["nats"] for each in apart]
        assert whole["mixture"]["nats"] == pytest.approx(sum(mixed), rel=1e-6)


def test_eval_says_that_ends_of_documents_count(cli: Cli, named: Path) -> None:
    outcome = cli("eval", named)
    said = "every document was scored by itself; its end counts as a token, a character and a byte"
    assert said in outcome.err
    assert "nats per document" in outcome.out
    assert score(cli, named)["documents"] == 2


def test_another_text_is_cut_by_the_rule_of_the_run(cli: Cli, named: Path) -> None:
    Path("other.txt").write_text("Ashton\n\nFernby\nAsh\n")
    assert score(cli, named, "other.txt")["documents"] == 3
    Path("rows.csv").write_text("text\nAshton\nFernby\n")
    assert score(cli, named, "rows.csv")["documents"] == 2
    Path("bars.txt").write_text("Ashton|Fernby and more|\nBurham|Coldham and others")
    assert cli("train", "bars.txt", "--documents", "|", *options(out="bars")).code == 0
    assert score(cli, "bars", "bars.txt", "--part", "all")["documents"] == 4
    assert score(cli, "bars", "other.txt")["documents"] == 1


def test_a_run_of_rows_reads_a_list_as_lines_and_says_so(cli: Cli) -> None:
    Path("rows.jsonl").write_text("".join(json.dumps({"text": f"{name} Hill"}) + "\n" for name in NAMES))
    how = options(steps=1, valid_every=1)
    assert cli("train", "rows.jsonl", *how, "--out=rows").code == 0
    names_file()
    said = "the run learned from rows, and this text is a list: each of its lines is a document"
    assert score(cli, "rows", "names.txt")["documents"] == 36
    assert said in cli("eval", "rows", "names.txt").err
    Path("prose.txt").write_text(make_text(2_000))
    assert score(cli, "rows", "prose.txt")["documents"] == 1
    assert said not in cli("eval", "rows", "prose.txt").err
    assert cli("train", "rows.jsonl", "--documents", "files", *how, "--out=files").code == 0
    assert score(cli, "files", "names.txt")["documents"] == 1  # the rule that was given is the rule


@pytest.mark.parametrize("how", [(), ("--documents", "files")], ids=["chosen", "given"])
def test_a_list_beside_rows_is_read_alike_in_training_scoring_and_resuming(cli: Cli, how: tuple[str, ...]) -> None:
    Path("rows.jsonl").write_text("".join(json.dumps({"text": f"{name} Hill"}) + "\n" for name in NAMES))
    names_file("valid.txt")
    names_file("test.txt").write_text("\n".join(NAMES[:30]) + "\n")
    outcome = cli("train", "rows.jsonl", *how, "--valid=valid.txt", "--test=test.txt", *options(steps=2, out="run"))
    assert outcome.code == 0, outcome.err
    valid, test = (1, 1) if how else (36, 30)
    rule = "one per file or row" if how else "one per file or row, or line of a list"
    assert f"{36 + valid + test} documents, {rule}: 36 train, {valid} valid, {test} test" in outcome.err
    for part in ("validation", "test"):
        said = f"the {part} text is a list: each of its lines is a document, as a row is"
        assert (said in outcome.err) == (not how)
    assert score(cli, "run", "valid.txt")["documents"] == valid
    shutil.rmtree(os.environ["RNNGEN_CACHE"])
    assert score(cli, "run")["documents"] == test
    shutil.rmtree(os.environ["RNNGEN_CACHE"])
    outcome = cli("train", "--resume", "run", "--steps", 2)
    assert outcome.code == 0, outcome.err
    Path("new").mkdir()
    for name in ("rows.jsonl", "valid.txt", "test.txt", "run"):
        Path(name).rename(Path("new", name))
    shutil.rmtree(os.environ["RNNGEN_CACHE"])
    outcome = cli("eval", "new/run", "new/rows.jsonl", "--json")
    assert "only its test part is read" in outcome.err
    assert json.loads(outcome.out)["documents"] == test


def test_a_changed_text_of_a_run_of_rows_has_documents_whatever_it_is(cli: Cli) -> None:
    Path("rows.jsonl").write_text("".join(json.dumps({"text": f"{name} Hill"}) + "\n" for name in NAMES))
    names_file("valid.txt")
    assert cli("train", "rows.jsonl", "--valid=valid.txt", *options(steps=2, out="run")).code == 0
    Path("prose").mkdir()
    for number in range(3):
        Path("prose", f"{number}.txt").write_text(make_text(500, seed=number).replace("\n", " "))
    outcome = cli("train", "--resume", "run", "prose", "--steps", 2, "--allow-changed-corpus")
    assert outcome.code == 0, outcome.err
    assert "39 documents, one per file, or line of a list: 2 train, 36 valid, 1 test" in outcome.err
    names_file()
    outcome = cli("train", "--resume", "run", "names.txt", "--steps", 2, "--allow-changed-corpus")
    assert "72 documents, one per line" in outcome.err
    outcome = cli("train", "--resume", "run", "--steps", 2)
    assert (outcome.code, "changed" in outcome.err) == (0, False), outcome.err


def test_a_run_without_a_recorded_rule_has_a_stream_whatever_its_text_looks_like(cli: Cli) -> None:
    names_file()
    assert cli("train", "names.txt", "--documents=none", *options(steps=2, out="run")).code == 0
    before = score(cli, "run")
    config = json.loads(Path("run/config.json").read_text())
    del config["data"]["documents"]
    rewrite(Path("run"), {"config.json": json.dumps(config).encode()})
    shutil.rmtree(os.environ["RNNGEN_CACHE"])
    assert score(cli, "run") == before


def test_resuming_continues_with_the_same_documents(cli: Cli) -> None:
    names_file()
    first = cli("train", "names.txt", *options(steps=4, valid_every=2, save_every=2, out="first"))
    assert first.code == 0
    further = cli("train", "--resume", "first", "--steps", 4)
    assert further.code == 0, further.err
    assert "docs    36 documents, one per line: 32 train, 2 valid, 2 test\n" in further.err
    for name, text in {"changed": "\n".join(NAMES[:-1]), "in another order": "\n".join(NAMES[::-1])}.items():
        Path("names.txt").write_text(text + "\n")
        outcome = cli("train", "--resume", "first", "--steps", 1)
        assert outcome.code == 1, name
        assert "changed" in outcome.err


@pytest.mark.parametrize(("rows", "what"), [(True, "one per row"), (False, "one per line")])
def test_documents_from_the_cache_are_described_as_before(cli: Cli, rows: bool, what: str) -> None:
    text = names_file()
    if rows:
        text = Path("names.csv")
        text.write_text("text\n" + "\n".join(NAMES) + "\n")
    first = cli("train", text, *options(steps=2, valid_every=2, save_every=2, out="first"))
    assert f"docs    36 documents, {what}: " in first.err
    text.rename(text.with_stem("moved"))
    further = cli("train", "--resume", "first", "--steps", 2)
    assert "its copy in the cache is read" in further.err
    assert f"docs    36 documents, {what}: 32 train, 2 valid, 2 test\n" in further.err


@pytest.mark.parametrize("level", ["char", "byte", "word", "bpe"])
def test_every_tokenizer_writes_whole_documents(cli: Cli, level: str) -> None:
    Path("rows.jsonl").write_text("".join(json.dumps({"text": f"{a} and\n{a}"}) + "\n" for a in NAMES))
    outcome = cli("train", "rows.jsonl", "--tokenizer", level, *options(out="new", steps=40, learning_rate=0.02))
    assert outcome.code == 0, outcome.err
    assert "docs    36 documents, one per row: 32 train, 2 valid, 2 test\n" in outcome.err
    found = objects(cli("sample", "new", "-N", 8, "--seed", 1, "--json"))
    assert {each["finish_reason"] for each in found} == {"document"}
    assert not any(BOUNDARY in each["text"] for each in found)
    assert not any(each["copied"] for each in found) or any("and" in each["text"] for each in found)
    Path("one.jsonl").write_text('{"text": "Ash"}\n')
    assert score(cli, "new", "one.jsonl")["bytes"] == 4


@pytest.mark.parametrize("level", ["char", "bpe"])
def test_a_run_of_documents_begins_with_the_weights_of_one_without_and_the_other_way_round(
    cli: Cli, level: str
) -> None:
    names_file()
    Path("prose.txt").write_text(make_text(3_000))
    kinds = {"names.txt": "lines", "prose.txt": "none"}
    for first, second in (("names.txt", "prose.txt"), ("prose.txt", "names.txt")):
        assert cli("train", first, "--tokenizer", level, *options(out=f"1-{first}")).code == 0
        how = [each for each in options(out=f"2-{first}") if "size" not in each or "batch" in each]
        outcome = cli("train", second, "--init-from", f"1-{first}", *how)
        assert outcome.code == 0, outcome.err
        run = open_run(f"2-{first}")
        assert run.documents == kinds[second]
        assert (run.boundary is None) == (kinds[second] == "none")
        written = cli("sample", f"2-{first}", "-N", 3, "-n", 50)
        assert written.code == 0
        assert BOUNDARY not in written.out


def test_a_bidirectional_run_of_documents_is_scored_and_fills_gaps(cli: Cli) -> None:
    names_file()
    outcome = cli("train", "names.txt", "--bidirectional", *options(out="both", sample_every=3))
    assert outcome.code == 0, outcome.err
    assert "36 documents" in outcome.err
    Path("all.txt").write_text("Ashton\nFernby\nB\n")
    whole, apart = score(cli, "both", "all.txt", "--gaps", 0), 0.0
    for text in ("Ashton", "Fernby", "B"):
        Path("one.txt").write_text(text)
        apart += (len(text) + 1) * score(cli, "both", "one.txt", "--gaps", 0)["pseudo_nats_per_token"]
    assert (whole["documents"], whole["tokens"]) == (3, 16)
    assert 16 * whole["pseudo_nats_per_token"] == pytest.approx(apart, rel=1e-5)
    filled = cli("fill", "both", "Ash___n", "--json")
    assert filled.code == 0, filled.err
    assert BOUNDARY not in json.loads(filled.out.splitlines()[0])["text"]


def test_the_network_of_documents_and_its_ngram_model_begin_where_a_document_begins(cli: Cli, named: Path) -> None:
    generator = rnngen.load(named, ngram=True)
    assert generator.mixture
    ngram, boundary = generator.mixture.ngram, open_run(named).boundary
    assert ngram.boundary == boundary
    ids = generator.tokenizer.encode("Ashton")
    np.testing.assert_array_equal(ngram.read([*ids, boundary]), ngram.start(1))
    context = generator.context()
    start = context.prediction().copy()
    context.read_text([*ids, boundary])
    np.testing.assert_array_equal(context.prediction(), start)
    outcome = cli("sample", named, "--ngram", "-N", 9, "--seed", 1, "--novel")
    assert outcome.code == 0
    assert not set(outcome.out.splitlines()) & set(NAMES)


@pytest.mark.usefixtures("named")
def test_scoring_documents_that_were_learned_is_told_in_whatever_order_they_stand(cli: Cli) -> None:
    Path("sorted.txt").write_text("\n".join(sorted(NAMES, key=lambda name: name[::-1])) + "\n")
    said = cli("eval", "run", "sorted.txt").err
    assert re.search(r"trained on this text.*: its training text has 3\d of the 36 documents", said)
    Path("other.txt").write_text("\n".join(f"{name}s" for name in NAMES) + "\n")
    assert "trained on this text" not in cli("eval", "run", "other.txt").err
