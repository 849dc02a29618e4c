"""Labels of documents: read from rows, encoded before the text, saved with the tokenizer, and in no text."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tokenizers

from rnngen.corpus.documents import BOUNDARY, FILES
from rnngen.corpus.known_documents import KnownDocuments
from rnngen.corpus.labels import LONGEST_LABEL, MOST_LABELS, Labels, without_labels
from rnngen.corpus.pieces import TextCounter, TextHash
from rnngen.corpus.sources import TextSource
from rnngen.corpus.tokenizer import StreamDecoder, Tokenizer, load_tokenizer, train_tokenizer
from rnngen.corpus.tokens import fingerprint_of
from rnngen.errors import CorpusError, TokenizerError
from rnngen.options.training import DataConfig
from rnngen.sampling.labels import given_label
from rnngen.sampling.writable import banned_tokens

LEVELS = ("char", "byte", "word", "bpe")
NAMES = ("horror", "Science fiction", "喜劇", "<unk>", "label x")
FIRST, SECOND = "\ud800", "\ud801"


def text_of(documents: list[tuple[int | None, str]]) -> str:
    return "".join(("" if k is None else chr(0xD800 + k)) + text + BOUNDARY for k, text in documents)


def made(level: Any, seed: int = 0) -> tuple[Tokenizer, list[tuple[int | None, str]]]:
    draw = random.Random(seed)
    words = ["the", "cat", "çedilla", "猫", "don't", "a\nb", " two", "x  y", "\u0301"]
    documents = [
        (draw.choice([None, 0, 1, 2, 3, 4]), " ".join(draw.choice(words) for _ in range(draw.randint(1, 9))))
        for _ in range(200)
    ]
    text = text_of([(None, document) for _, document in documents])
    size = None if level in ("char", "byte") else 300
    return train_tokenizer(level, [text], size).with_labels(NAMES), documents


@pytest.mark.parametrize("level", LEVELS)
def test_a_document_is_its_label_and_then_the_tokens_of_its_text_however_it_is_cut(level: str) -> None:
    tokenizer, documents = made(level)
    expected: list[int] = []
    for label, document in documents:
        expected += [] if label is None else [tokenizer.text_size + label]
        expected += [*tokenizer.encode(document).tolist(), tokenizer.boundary_id]
    text, draw = text_of(documents), random.Random(1)
    for pieces in ([text], list(text), [text[a : a + 7] for a in range(0, len(text), 7)], _cut(text, draw)):
        ids = np.concatenate(list(tokenizer.encode_pieces(pieces)))
        assert ids.tolist() == expected
        assert ids.dtype == tokenizer.dtype


def _cut(text: str, draw: random.Random) -> Iterator[str]:
    while text:
        size = draw.choice([0, 1, 2, 30, 400])
        yield text[:size]
        text = text[size:]


@pytest.mark.parametrize("level", LEVELS)
def test_a_label_is_never_shown_nor_drawn_nor_spelled(level: str) -> None:
    tokenizer, documents = made(level)
    ids = np.concatenate(list(tokenizer.encode_pieces([text_of(documents)])))
    plain = text_of([(None, document) for _, document in documents])
    assert tokenizer.decode(ids.tolist()) == plain
    decoder = StreamDecoder(tokenizer)
    assert "".join(map(decoder.push, ids.tolist())) + decoder.finish() == plain
    assert set(tokenizer.label_ids()) <= set(banned_tokens(tokenizer, []))
    for name in NAMES:
        for text in (name, f"label {name}", "".join(documents[0][1]) + name):
            assert not set(tokenizer.encode(text).tolist()) & set(tokenizer.label_ids())
    with pytest.raises(TokenizerError, match="lone surrogate"):
        tokenizer.encode(f"{FIRST}the")


@pytest.mark.parametrize("level", LEVELS)
def test_the_saved_tokenizer_has_the_labels_and_the_library_reads_text_the_same_way(level: str, tmp_path: Path) -> None:
    tokenizer, documents = made(level)
    (tmp_path / "tokenizer.json").write_text(tokenizer.to_json(), encoding="utf-8")
    loaded = load_tokenizer(tmp_path / "tokenizer.json")
    assert (loaded.labels, loaded.vocab_size, loaded.text_size) == (NAMES, tokenizer.vocab_size, tokenizer.text_size)
    assert loaded.to_json() == tokenizer.to_json()
    library = tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    assert library.get_vocab_size() == tokenizer.vocab_size
    for text in (*(document for _, document in documents[:50]), *NAMES, "label horror"):
        ids = loaded.encode(text).tolist()
        assert library.encode(text).ids == tokenizer.encode(text).tolist() == ids


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(
    "damage",
    [
        lambda vocab, at: vocab.update({"label a\nb": vocab.pop("label horror")}),
        lambda vocab, at: vocab.update({"label ": vocab.pop("label horror")}),
        lambda vocab, at: vocab.update({"label cafe\u0301": vocab.pop("label horror")}),
        lambda vocab, at: vocab.update({"label " + "x" * 101: vocab.pop("label horror")}),
        lambda vocab, at: vocab.update({"label \ud800": vocab.pop("label horror")}),
        lambda vocab, at: vocab.update({"label horror": at - 1, next(t for t in vocab if vocab[t] == at - 1): at}),
        lambda vocab, at: vocab.update({"label horror": 0}),
        lambda vocab, at: vocab.update({f"label {n}": len(vocab) + n for n in range(MOST_LABELS)}),
        lambda vocab, at: vocab.update({"lable horror": vocab.pop("label horror")}),
    ],
)
def test_labels_that_rnngen_does_not_write_are_refused(
    level: str, damage: Callable[[dict[str, int], int], object], tmp_path: Path
) -> None:
    tokenizer, _ = made(level)
    tree = json.loads(tokenizer.to_json())
    damage(tree["model"]["vocab"], tokenizer.text_size)
    (tmp_path / "tokenizer.json").write_text(json.dumps(tree), encoding="utf-8")
    with pytest.raises(TokenizerError, match="cannot be loaded"):
        load_tokenizer(tmp_path / "tokenizer.json")


def test_a_label_is_hashed_and_counts_as_no_character_word_or_byte() -> None:
    text = text_of([(0, "ab c"), (None, "é"), (1, "d")])
    counter, hashed, plain, other = TextCounter(), TextHash(), TextCounter(), TextHash()
    for piece in text:
        counter.add(piece)
    for piece in (text[:3], text[3:]):
        hashed.add(piece)
    plain.add(without_labels(text))
    other.add(without_labels(text))
    assert counter.counts == plain.counts
    assert (hashed.characters, hashed.bytes, hashed.documents) == (other.characters, other.bytes, other.documents)
    assert hashed.sha256 != other.sha256


def test_documents_are_known_whatever_their_labels() -> None:
    tokenizer, documents = made("char", 3)
    ids = np.concatenate(list(tokenizer.encode_pieces([text_of(documents)])))
    assert tokenizer.boundary_id is not None
    known = KnownDocuments([ids], tokenizer.boundary_id, tokenizer.label_ids())
    assert all(tokenizer.encode(document) in known for _, document in documents)
    assert not any(tokenizer.encode(document + " the") in known for _, document in documents if len(document) > 40)
    assert tokenizer.encode("t") not in known


ROWS: list[dict[str, object]] = [
    {"text": "one", "genre": "horror"},
    {"text": "\ntwo\n", "genre": " comedy "},
    {"text": "three", "genre": ""},
    {"text": "four", "genre": None},
    {"text": "  \n", "genre": "never seen"},
    {"text": "five", "genre": "horror"},
]
READ = f"{FIRST}one\0{SECOND}two\0three\0four\0{FIRST}five\0"


def write_rows(path: Path, rows: list[dict[str, Any]]) -> Path:
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    elif path.suffix == ".csv":
        import csv

        with path.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, ["genre", "id", "text"])
            writer.writeheader()
            writer.writerows(rows)
    else:
        pa = pytest.importorskip("pyarrow")
        import pyarrow.feather
        import pyarrow.parquet

        table = pa.table({name: [row[name] for row in rows] for name in ("genre", "text")})
        if path.suffix == ".parquet":
            pyarrow.parquet.write_table(table, path)
        else:
            pyarrow.feather.write_feather(table, path, compression="uncompressed")
    return path


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.csv", "rows.parquet", "rows.arrow"])
def test_the_label_of_a_row_stands_before_its_text(name: str, tmp_path: Path) -> None:
    path, labels = write_rows(tmp_path / name, ROWS), Labels("genre")
    source = TextSource([str(path)], documents=FILES, labels=labels)
    assert "".join(source) == READ
    assert labels.names == ["horror", "comedy"]
    assert "".join(source) == READ  # the second reading has the same labels
    assert "".join(TextSource([str(path)], documents=FILES, labels=Labels("mood"))) == without_labels(READ)


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.csv", "rows.parquet", "rows.arrow"])
def test_a_field_that_no_row_has_is_an_error_that_lists_those_that_there_are(name: str, tmp_path: Path) -> None:
    data = DataConfig(corpus=(str(write_rows(tmp_path / name, ROWS)),), label_field="genere")
    with pytest.raises(CorpusError, match="no document has a label in 'genere'") as caught:
        fingerprint_of(data)
    assert "'genre'" in str(caught.value.found)
    assert "'text'" in str(caught.value.found)
    assert caught.value.hint == "Did you mean `label_field=genre`?"


def test_a_field_of_the_label_may_be_missing_or_lie_deeper(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text(
        '{"text": "a"}\n{"text": "b", "about": {"genre": "horror"}}\n{"text": "c", "about": 3}\n', encoding="utf-8"
    )
    source = TextSource([str(tmp_path / "rows.jsonl")], documents=FILES, labels=Labels("about.genre"))
    assert "".join(source) == f"a\0{FIRST}b\0c\0"


@pytest.mark.parametrize(
    "label", [0.5, {"a": 1}, int("1" * 101), ["a"], "a\nb", "x" * (LONGEST_LABEL + 1), "a\0", "\ud800"]
)
def test_a_value_that_is_no_label_names_the_line_or_is_left_out_and_counted(label: object, tmp_path: Path) -> None:
    path = write_rows(tmp_path / "rows.jsonl", [{"text": "one"}, {"text": "two", "genre": label}])
    with pytest.raises(CorpusError, match="line 2 has no label in 'genre'"):
        list(TextSource([str(path)], documents=FILES, labels=Labels("genre")))
    source = TextSource([str(path)], "skip", documents=FILES, labels=Labels("genre"))
    assert "".join(source) == "one\0"
    assert "no label in 'genre'" in str(source.summary.line())


def test_integers_and_booleans_are_labels_as_json_writes_them(tmp_path: Path) -> None:
    values: list[object] = [1, "1", True, "true", False, -2, 0]
    rows = [{"text": "a", "genre": value} for value in values]
    labels = Labels("genre")
    list(TextSource([str(write_rows(tmp_path / "rows.jsonl", rows))], documents=FILES, labels=labels))
    assert labels.names == ["1", "true", "false", "-2", "0"]


def test_labels_are_the_same_in_composed_and_decomposed_form(tmp_path: Path) -> None:
    rows = [{"text": "a", "genre": "cafe\u0301"}, {"text": "b", "genre": "caf\u00e9"}, {"text": "c", "genre": "b"}]
    labels = Labels("genre")
    source = TextSource([str(write_rows(tmp_path / "rows.jsonl", rows))], documents=FILES, labels=labels)
    assert "".join(source) == f"{FIRST}a\0{FIRST}b\0{SECOND}c\0"
    tokenizer = train_tokenizer("char", ["abc"]).with_labels(labels.names)
    assert {given_label(tokenizer, form) for form in ("cafe\u0301", " caf\u00e9")} == {"caf\u00e9"}


def test_more_labels_than_there_can_be_are_refused_by_the_fields_name(tmp_path: Path) -> None:
    rows = [{"text": "a", "genre": f"g{n}"} for n in range(MOST_LABELS + 1)]
    path = write_rows(tmp_path / "rows.jsonl", rows[:-1])
    labels = Labels("genre")
    list(TextSource([str(path)], documents=FILES, labels=labels))
    assert len(labels.names) == MOST_LABELS
    path = write_rows(tmp_path / "more.jsonl", rows)
    with pytest.raises(CorpusError, match=r"line 257: has too many labels in 'genre'; expected at most 256"):
        list(TextSource([str(path)], documents=FILES, labels=Labels("genre")))
