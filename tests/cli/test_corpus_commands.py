"""``rnngen corpus list``, ``get`` and ``info``: what they show, on a screen and as JSON."""

from __future__ import annotations

import hashlib
import io
import json
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rnngen.corpus.named import get as getting
from rnngen.corpus.named.built import BUILDERS
from rnngen.corpus.named.meant import OTHER_NAMES
from rnngen.corpus.named.texts import TEXTS, Download, NamedText, Part
from rnngen.corpus.sources import TextSource
from rnngen.corpus.tokens import prepare
from rnngen.corpus.trainable import check_parts
from rnngen.options.training import DataConfig, TrainConfig
from tests.conftest import FAST, Outcome, make_text
from tests.corpus.named import serving as servers
from tests.corpus.named.serving import QUICK, Served, serving

Cli = Callable[..., Outcome]
TRAIN, TEST = make_text(3_000).encode(), make_text(500, 1).encode()


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """A text named ``toy`` on a server of this test: training and test parts, one of unknown hash."""
    with serving(TRAIN) as server, serving(TEST) as other:
        train = Download("toy.train", (server.url,), len(TRAIN), hashlib.sha256(TRAIN).hexdigest())
        test = Download("toy.test", (other.url,), None, None)
        toy = NamedText("a toy", "CC0", (Part("train", train), Part("test", test)), options="--tokenizer byte")
        monkeypatch.setitem(TEXTS, "toy", toy)
        monkeypatch.setattr(getting, "Limits", lambda: QUICK)
        yield server


def test_the_list_names_licence_source_size_and_hash_of_every_text(cli: Cli) -> None:
    told = cli("corpus", "list")
    assert told.code == 0
    for name, text in TEXTS.items():
        assert f"{name}: {text.title}\n" in told.out
        assert text.licence in told.out
        for each in text.downloads:
            assert each.urls[0] in told.out
            assert (each.sha256 or "that of the first download is recorded and compared afterwards") in told.out
    listed = json.loads(cli("corpus", "list", "--json").out)["texts"]
    assert [each["name"] for each in listed] == list(TEXTS)
    assert [[d["sha256"] for d in each["downloads"]] for each in listed] == [
        [d.sha256 for d in text.downloads] for text in TEXTS.values()
    ]
    assert not any(d["downloaded"] for each in listed for d in each["downloads"])


def test_a_text_is_written_and_the_commands_it_shows_train_on_it_and_score_it(served: Served, cli: Cli) -> None:
    told = cli("corpus", "get", "toy")
    assert told.code == 0
    assert told.out == "corpora/toy.train.txt: 2.9 KiB\ncorpora/toy.test.txt: 500 B\n"
    assert "Licence: CC0." in told.err
    assert Path("corpora/toy.train.txt").read_bytes() == TRAIN
    train, evaluate = (line.strip().split()[1:] for line in told.err.splitlines() if line.startswith("  rnngen "))
    assert train == ["train", "corpora/toy.train.txt", "--test", "corpora/toy.test.txt", "--tokenizer", "byte"]
    tiny = "--steps 2 --hidden-size 8 --embedding-size 4 --batch-size 2 --bptt 8 --precision float32 --device cpu -q"
    assert cli(*train, *tiny.split()).code == 0
    scored = json.loads(cli(*evaluate, "--json").out)
    assert scored["bytes"] == len(TEST)
    assert json.loads(cli("corpus", "list", "--json").out)["texts"][-1]["downloads"][0]["downloaded"]


def test_what_is_in_the_cache_is_not_asked_for_again(served: Served, cli: Cli) -> None:
    assert cli("corpus", "get", "toy", "--quiet", "--out", "a").code == 0
    asked = len(served.requests)
    told = cli("corpus", "get", "toy", "--json", "--out", "b c", "-q")
    assert (told.code, told.err) == (0, "")
    assert len(served.requests) == asked
    assert json.loads(told.out) == {
        "name": "toy",
        "licence": "CC0",
        "files": [
            {"part": "train", "path": "b c/toy.train.txt", "bytes": len(TRAIN)},
            {"part": "test", "path": "b c/toy.test.txt", "bytes": len(TEST)},
        ],
        "train": "rnngen train 'b c/toy.train.txt' --test 'b c/toy.test.txt' --tokenizer byte",
        "eval": "rnngen eval",
    }


def test_a_failed_download_is_one_line(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(TRAIN, servers.corrupts) as server:
        toy = Download("toy", (server.url,), len(TRAIN), hashlib.sha256(TRAIN).hexdigest())
        monkeypatch.setitem(TEXTS, "toy", NamedText("a toy", "CC0", (Part("", toy),)))
        monkeypatch.setattr(getting, "Limits", lambda: QUICK)
        told = cli("corpus", "get", "toy")
    assert (told.code, told.out, told.err.count("\n")) == (1, "", 1)
    assert told.err.startswith(f"rnngen: error: {server.url}: is not the text that it should be; expected SHA-256")
    assert not Path("corpora").exists() or not list(Path("corpora").iterdir())


@pytest.mark.parametrize(("typed", "said"), [("", "no text was named"), ("../x", "no text of this name")])
def test_a_text_that_does_not_exist_is_a_usage_error(typed: str, said: str, cli: Cli) -> None:
    told = cli("corpus", "get", *([typed] if typed else []))
    assert (told.code, told.out) == (2, "")
    assert said in told.err
    assert "Type: rnngen corpus list" in told.err


def test_the_facts_of_a_text_are_those_that_python_counts(cli: Cli) -> None:
    text = "Café\nкафе\nкафе\n\n" + unicodedata.normalize("NFD", "é") + "\ue000\x07x\n"
    Path("a.txt").write_text(text, encoding="utf-8")
    told = json.loads(cli("corpus", "info", "a.txt", "--json").out)
    assert told["characters"] == told["tokens"]["char"] == len(text)
    assert told["bytes"] == told["tokens"]["byte"] == len(text.encode())
    assert told["distinct_characters"] == len(set(text))
    assert told["words"] == len(text.split())
    assert (told["lines"], told["blank_lines"]) == (5, 1)
    assert told["line_length"] == {"median": 4, "95%": 5, "longest": 5}
    assert told["repeated_lines"] == 1 / 4
    assert told["scripts"] == {"Cyrillic": 8, "Latin": 6}
    assert (told["control_characters"], told["private_use_characters"]) == (1, 1)
    assert (told["composed_characters"], told["decomposed_characters"]) == (1, 1)
    assert {"character": "\ue000", "code_point": "U+E000", "name": "private use", "count": 1} in told["rare_characters"]
    assert (told["files"], told["skipped"]) == (1, [])
    shown = cli("corpus", "info", "a.txt").out
    assert "mixed: 1 composed and 1 decomposed character" in shown
    assert "Cyrillic 57.1%, Latin 42.9%" in shown
    assert "25.0% of the lines that are not blank occur earlier in the text" in shown


def test_files_that_are_skipped_are_told_with_the_reason(cli: Cli) -> None:
    Path("notes").mkdir()
    Path("notes/a.txt").write_text("abc\n")
    Path("notes/b.zip").write_bytes(b"PK\x03\x04" + bytes(30))
    Path("notes/.c").write_text("hidden")
    told = json.loads(cli("corpus", "info", "notes", "--json").out)
    assert told["files"] == 1
    assert {Path(each["path"]).name for each in told["skipped"]} == {"b.zip", ".c"}
    assert "1 read; 2 skipped" in cli("corpus", "info", "notes").out


@pytest.mark.parametrize("bad", [b"caf\xe9 ", b"a\0b "])
def test_what_training_would_refuse_is_told_with_its_own_words(bad: bytes, cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(make_text(300).encode() + bad + make_text(300).encode())
    told = cli("corpus", "info", path, "--json")
    assert told.code == 0
    refusal = json.loads(told.out)["refused"]
    assert cli("train", path, "--steps", 2).err == f"rnngen: error: {refusal}\n"
    assert json.loads(told.out)["replacement_characters"] == 1
    assert f"refuses it: {refusal}" in cli("corpus", "info", path).out


REFUSED: dict[str, tuple[str, str, list[str]]] = {
    "empty": ("a.txt", "", []),
    "white space": ("a.txt", " \n\t" * 500, []),
    "empty lines": ("a.txt", " \n\t" * 500, ["--documents", "lines"]),
    "a character": ("a.txt", "a", []),
    "no validation text": ("a.txt", "nineteen characters", []),
    "less than a window": ("a.txt", make_text(70), []),
    "only a header": ("a.csv", "id,text\n", []),
    "one row": ("a.csv", "id,text\n1,Hello\n", []),
    "one document": ("a.txt", make_text(2_000), ["--documents", "files"]),
    "short documents": ("a.csv", "text\n" + "ab\n" * 21, []),
    "a long document that is not chosen": ("a.csv", f"text\n{'c' * 90}\n" + "ab\n" * 9, []),  # validates on the first
    "labels": ("a.csv", "text,genre\n" + "ab,x\n" * 15 + "c,\n", ["--label-field", "genre"]),
    "lower case": ("a.csv", "text\n" + "e\u0301\n" * 22, ["--normalize", "nfc"]),
    "broken rows": ("a.jsonl", '{"text": "a"}\n' * 9 + "[]\n" * 99, ["--errors", "skip"]),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_text_that_is_too_little_is_refused_as_training_does(name: str, cli: Cli) -> None:
    file, text, options = REFUSED[name]
    Path(file).write_text(text, encoding="utf-8")
    told = cli("corpus", "info", file, *options, "--json")
    refusal = json.loads(told.out)["refused"]
    trained = cli("train", file, *options, "--steps", 1)
    assert trained.err.splitlines()[-1] == f"rnngen: error: {refusal}"
    assert f"training     refuses it: {refusal}\n" in cli("corpus", "info", file, *options).out


@pytest.mark.parametrize(
    ("text", "options"),
    [(make_text(75), []), ("text\n" + "ab\n" * 26, []), ("text\n" + "a" * 64 + "\n" + "a" * 64 + "\n", [])],
)
def test_as_little_as_is_enough_is_not_refused(text: str, options: list[str], cli: Cli) -> None:
    name = "a.csv" if text.startswith("text\n") else "a.txt"
    Path(name).write_text(text)
    assert json.loads(cli("corpus", "info", name, *options, "--json").out)["refused"] is None
    corpus = prepare(DataConfig(corpus=(name,)))
    check_parts(len(corpus.train.tokens), len(corpus.valid.tokens), corpus.train.counts.documents, TrainConfig().bptt)


def test_the_options_of_the_text_are_those_of_training(cli: Cli) -> None:
    rows = [{"text": "E\u0301 a", "genre": "x"}, {"text": "b"}, {"text": "c", "genre": "my own"}]
    Path("a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows) + "broken\n")
    assert cli("corpus", "info", "a.jsonl").code == 1
    options = ["--errors", "skip", "--label-field", "genre", "--normalize", "lower"]
    told = json.loads(cli("corpus", "info", "a.jsonl", *options, "--json").out)
    assert told["labels"] == ["x", "my own"]
    assert told["characters"] == len("é a\0b\0c\0")
    assert told["decomposed_characters"] == 0
    assert told["tokens"] == {"char": 8 + 2, "byte": 9 + 2, "words-closed": 4 + 3 + 2}  # with labels
    shown = cli("corpus", "info", "a.jsonl", *options).out
    assert "labels       2 on 2 documents: x, my own\n" in shown
    assert "1 row left out: broken JSON (1)" in shown
    assert "found the fields 'text'" in cli("corpus", "info", "a.jsonl", "--errors", "skip", "--label-field", "y").err
    Path("a.txt").write_bytes(b"a\xff\n" * 90)
    told = json.loads(cli("corpus", "info", "a.txt", "--errors", "replace", "--json").out)
    assert (told["refused"], told["replacement_characters"]) == (None, 90)


def test_a_text_without_characters_has_none_and_one_without_a_file_is_an_error(cli: Cli) -> None:
    Path("empty.txt").write_text("")
    told = json.loads(cli("corpus", "info", "empty.txt", "--json").out)
    assert (told["characters"], told["lines"], told["scripts"], told["rare_characters"]) == (0, 0, {}, [])
    assert cli("corpus", "info", "empty.txt").code == 0
    assert cli("corpus", "info", "nothing.txt").code == 1
    assert cli("corpus", "info").code == 2


NAMES = "".join(f"Newton {number}\n" for number in range(60))


@pytest.mark.parametrize(
    ("name", "text", "options", "told", "rule"),
    [
        ("a.txt", NAMES, [], "60 documents, one per line", {"rule": "lines", "number": 60}),
        ("a.csv", "id,text\n" + "".join(f"{n},Hi\n" for n in range(9)), [], "9 documents, one per row", None),
        ("a.csv", "id,text\n1,Hi\n2,Ho\n", ["--text-field", "id"], "2 documents, one per row", None),
        ("a.txt", make_text(3_000), [], "none: the text is one stream", {"rule": "none", "number": 0}),
        ("a.txt", "one\n%\ntwo\n", ["--documents", "%"], "2 documents, separated by '%'", {"rule": "%", "number": 2}),
        ("a.txt", "one\n", ["--documents", "files"], "1 document, one per file", {"rule": "files", "number": 1}),
    ],
)
def test_the_documents_are_those_that_training_would_choose(
    cli: Cli, name: str, text: str, options: list[str], told: str, rule: dict[str, object] | None
) -> None:
    Path(name).write_text(text)
    assert f"documents    {told}\n" in cli("corpus", "info", name, *options).out
    found = json.loads(cli("corpus", "info", name, *options, "--json").out)
    assert found["documents"] == rule or rule is None
    assert found["control_characters"] == 0


JSON_LINES = "".join(json.dumps({"text": f"Hi {n}", "n": n}) + "\n" for n in range(30))


@pytest.mark.parametrize(
    "command",
    [
        ["corpus", "info"],
        pytest.param(["train", *(f"--{n.replace('_', '-')}={v}" for n, v in FAST.items())], marks=pytest.mark.slow),
    ],
)
def test_a_separator_that_stands_on_lines_and_within_them_is_noted_with_what_separates_at_lines(
    cli: Cli, command: list[str]
) -> None:
    Path("poems.txt").write_text("".join(f"Poem {n},\n100% gold.\n%\n" for n in range(40)))
    outcome = cli(*command, "poems.txt", "--documents", "%")
    told = outcome.out + outcome.err
    assert "40 of the 80 occurrences of the separator '%' are not lines" in told
    assert "in bash: --documents $'\\n%\\n'" in told
    assert "40 documents" in cli("corpus", "info", "poems.txt", "--documents", "\n%\n").out
    assert "of the separator" not in cli("corpus", "info", "poems.txt", "--documents", "\n%\n").out


@pytest.mark.parametrize(
    ("name", "content", "is_noted"),
    [
        ("rows.txt", JSON_LINES, True),
        ("rows.json", JSON_LINES[:60].rpartition("\n")[0], True),
        ("rows.json", json.dumps({"text": "one object"}), False),
        ("rows.json", JSON_LINES + "{", True),
        ("rows.txt", JSON_LINES[:400] + "text\n" + JSON_LINES, False),
        ("rows.jsonl", JSON_LINES, False),
    ],
)
def test_a_plain_text_that_is_certainly_json_lines_is_noted(cli: Cli, name: str, content: str, is_noted: bool) -> None:
    Path(name).write_text(content)
    note = f"{name} looks like JSON Lines, and is read as plain text: name it .jsonl"
    assert (note in cli("corpus", "info", name).out) is is_noted
    assert [note in each for each in json.loads(cli("corpus", "info", name, "--json").out)["notes"]] == [
        True
    ] * is_noted


def test_piped_json_lines_are_noted_with_the_option_that_reads_them() -> None:
    for field, notes in ((None, 1), ("text", 0)):
        source = TextSource(["-"], stdin=io.BytesIO(JSON_LINES.encode()), text_field=field)
        assert list(source)
        assert len(source.summary.notes) == notes
        assert all("read as plain text: give `text_field=NAME` so" in note for note in source.summary.notes)


def test_a_text_in_another_encoding_is_read_in_it(cli: Cli) -> None:
    Path("a.txt").write_text("café\n" * 90, encoding="cp1252")
    told = json.loads(cli("corpus", "info", "a.txt", "--encoding", "cp1252", "--json").out)
    assert (told["encoding"], told["refused"], told["characters"]) == ("cp1252", None, 450)
    assert "encoding     cp1252\n" in cli("corpus", "info", "a.txt", "--encoding", "auto").out
    assert cli("corpus", "info", "a.txt", "--text-field", "x").code == 1
    assert cli("corpus", "info", "a.txt", "--encoding", "latin9000").code == 2


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("get tinyshakespere", "get tinyshakespeare"),
        ("get Tiny-Shakespeare", "get tinyshakespeare"),
        ("get shakespeare", "get tinyshakespeare"),
        ("get wikitext2", "get wikitext-2"),
        ("get penn-treebank", "get ptb"),
        ("get pydoc", "build pydoc"),
        ("build pydocs", "build pydoc"),
        ("build text8", "get text8"),
    ],
)
def test_a_misspelled_text_leads_to_the_one_that_is_meant(cli: Cli, line: str, meant: str) -> None:
    outcome = cli("corpus", *line.split())
    assert (outcome.code, outcome.out, outcome.err.count("\n")) == (2, "", 1)
    assert f"Did you mean: rnngen corpus {meant}?" in outcome.err


def test_other_names_of_texts_are_of_texts_that_there_are() -> None:
    assert set(OTHER_NAMES) <= {*TEXTS, *BUILDERS}
    others = " ".join(OTHER_NAMES.values()).split()
    assert len(set(others)) == len(others)
    assert not {*others} & {*TEXTS, *BUILDERS}
