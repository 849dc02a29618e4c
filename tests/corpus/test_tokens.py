"""The encoded corpus: exact splits, a cache that is reused only when it is sound, clear errors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import numpy as np
import pytest

from rnngen.corpus import tokens
from rnngen.corpus.files import find
from rnngen.corpus.files.kinds import START_BYTES
from rnngen.corpus.formats import decoding
from rnngen.corpus.pieces import TextCounts
from rnngen.corpus.tokenizer import train_tokenizer
from rnngen.corpus.tokens import PARTS, EncodedCorpus, cache_folder, encode_text, prepare
from rnngen.errors import CorpusError
from rnngen.options.training import DataConfig
from tests.conftest import make_text

TEXT = make_text(5003) + "é😀\n"


def write(name: str, text: str) -> str:
    Path(name).write_bytes(text.encode())
    return name


def data(**values: Any) -> DataConfig:
    return DataConfig(corpus=(write("text.txt", TEXT),), **values)


def texts(corpus: EncodedCorpus) -> list[str]:
    return [corpus.tokenizer.decode(corpus.parts[part].tokens) for part in PARTS]


def encoded_folder() -> Path:
    (folder,) = (cache_folder() / "corpora").iterdir()
    return folder


@pytest.fixture
def no_encoding(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From the call on, encoding a corpus is a failure."""

    def fail(*arguments: object) -> None:
        raise AssertionError("encoded again")

    return lambda: monkeypatch.setattr(tokens, "_encode", fail)


@pytest.mark.parametrize("N", [1, 2, 9, 10, 19, 20, 21, 100, 997, 1000, 4999])
@pytest.mark.parametrize(
    ("split", "ends"),
    [
        ((0.9, 0.05, 0.05), (90, 95)),
        ((0.8, 0.1, 0.1), (80, 90)),
        ((0.7, 0.2, 0.1), (70, 90)),
        ((0.9, 0.1), (90, 100)),
        ((1.0, 0.0), (100, 100)),
        ((0.58, 0.28, 0.14), (58, 86)),
    ],
    ids=str,
)
def test_split_is_by_position_to_the_character(N: int, split: tuple[float, ...], ends: tuple[int, int]) -> None:
    text = TEXT[-N - 1 : -1]  # without the line end, which alone would be no text
    corpus = prepare(DataConfig(corpus=(write("text.txt", text),), split=split, tokenizer="byte"))
    a, b = (N * percent // 100 for percent in ends)  # in whole numbers
    assert texts(corpus) == [text[:a], text[a:b], text[b:]]


@pytest.mark.parametrize("level", ["char", "byte", "word", "bpe"])
def test_parts_together_are_the_text_and_their_counts_are_right(level: Any) -> None:
    corpus = prepare(data(tokenizer=level, vocab_size=300 if level in ("word", "bpe") else None))
    parts = texts(corpus)
    if level == "char":  # é and 😀 stand in the test part alone
        assert "".join(parts) == TEXT.replace("é", "<unk>").replace("😀", "<unk>")
        assert [corpus.parts[part].unknown for part in PARTS] == [0, 0, 2]
    else:
        assert "".join(parts) == TEXT
        assert [corpus.parts[part].unknown for part in PARTS] == [0, 0, 0]
    a, b = len(TEXT) * 90 // 100, len(TEXT) * 95 // 100
    for part, text in zip(PARTS, [TEXT[:a], TEXT[a:b], TEXT[b:]], strict=True):
        lines = len(text.split("\n")) - text.endswith("\n")
        assert corpus.parts[part].counts == TextCounts(len(text), len(text.split()), len(text.encode()), lines=lines)
        assert corpus.parts[part].tokens.tolist() == corpus.tokenizer.encode(text).tolist()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ((), (90, 95, 100)),
        (("valid",), (95, 95, 100)),  # its share stays with the training part
        (("test",), (95, 100, 100)),
        (("valid", "test"), (100, 100, 100)),
    ],
)
def test_a_part_given_as_a_file_is_not_cut_from_the_corpus(given: tuple[str, ...], expected: tuple[int, ...]) -> None:
    files = {part: (write(f"{part}.txt", f"This is the {part} text.\n"),) for part in given}
    corpus = prepare(data(tokenizer="byte", **files))
    a, b, c = (len(TEXT) * percent // 100 for percent in expected)
    cut = {"train": TEXT[:a], "valid": TEXT[a:b], "test": TEXT[b:c]}
    assert texts(corpus) == [f"This is the {part} text.\n" if part in given else cut[part] for part in PARTS]


def test_vocabulary_is_learned_from_the_training_part_alone() -> None:
    text = "the cat sat on the mat\n" * 90 + "жук жук жук жук жук\n" * 12
    path = write("text.txt", text)
    char = prepare(DataConfig(corpus=(path,), split=(0.5, 0.25, 0.25)))
    assert char.tokenizer.token_bytes() == [b"<unk>", *(c.encode() for c in sorted(set("the cat sat on the mat\n")))]
    assert char.test.unknown == sum(c in "жук" for c in text[len(text) * 3 // 4 :]) > 0
    word = prepare(DataConfig(corpus=(path,), split=(0.5, 0.25, 0.25), tokenizer="word"))
    learned = word.tokenizer.token_bytes()[256:]
    assert b" cat" in learned
    assert not any("ж".encode() in token for token in learned)


@pytest.fixture
def bytes_read(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[int]]:
    """Name of each text → how many bytes were read of it each time that it was opened."""
    read: dict[str, list[int]] = {}
    open_regular = find.open_regular

    class Counting:
        def __init__(self, stream: IO[Any], opened: list[int]) -> None:
            self.stream, self.opened, self.number = stream, opened, len(opened)
            opened.append(0)

        def __enter__(self) -> Counting:
            return self

        def __exit__(self, *exception: object) -> None:
            self.stream.close()

        def read(self, size: int = -1) -> Any:
            content = self.stream.read(size)
            self.opened[self.number] += len(content)
            return content

        def seek(self, offset: int) -> int:
            return self.stream.seek(offset)

        def fileno(self) -> int:
            return self.stream.fileno()

    def counting_open(path: Path, **options: Any) -> Any:
        return Counting(open_regular(path, **options), read.setdefault(path.name, []))

    monkeypatch.setattr(find, "open_regular", counting_open)
    return read


@pytest.mark.parametrize(
    ("values", "learned"),
    [
        ({"tokenizer": "char"}, 0),
        ({"tokenizer": "byte"}, 0),
        ({"tokenizer": "char", "vocab_size": 9}, 1),
        ({"tokenizer": "word", "vocab_size": 300}, 1),
        ({"tokenizer": "bpe", "vocab_size": 300}, 1),
    ],
    ids=str,
)
def test_a_text_is_read_once_to_identify_it_and_once_to_encode_it(
    values: dict[str, Any], learned: int, bytes_read: dict[str, list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The training part is read once more where counts decide about the vocabulary.

    Before, it is read whether the text is a list. What kind of file it is, is told from its beginning each time.
    """
    monkeypatch.setattr(decoding, "CHUNK_BYTES", 100)
    size, given = len(TEXT.encode()), b"a text of its own\n" * 500
    Path("valid.txt").write_bytes(given)
    with_valid = data(**values, valid=("valid.txt",))
    prepare(with_valid)
    kind, beginning, identified, *rest = bytes_read["text.txt"]
    assert (kind, beginning) == (min(size, START_BYTES), kind + decoding.CHUNK_BYTES)
    assert identified == kind + size
    assert len(rest) == learned + 1
    assert rest[-1] == kind + size
    assert all(kind + size * 95 // 100 <= train < kind + size * 95 // 100 + 200 for train in rest[:-1])
    valid = START_BYTES + len(given)
    assert bytes_read["valid.txt"] == [START_BYTES, valid, valid]
    bytes_read.clear()
    prepare(with_valid)  # from the cache
    assert bytes_read == {"text.txt": [kind, beginning, kind + size], "valid.txt": [START_BYTES, valid]}


def test_an_encoded_text_is_not_encoded_again(no_encoding: Callable[[], None]) -> None:
    first = prepare(data())
    no_encoding()
    second = prepare(data())
    assert second.fingerprint == first.fingerprint
    for part in PARTS:
        assert second.parts[part].tokens.tolist() == first.parts[part].tokens.tolist()
        assert second.parts[part].counts == first.parts[part].counts


@pytest.mark.parametrize(
    "change",
    [
        {"split": (0.8, 0.1, 0.1)},
        {"tokenizer": "byte"},
        {"vocab_size": 9},
        {"valid": ("other.txt",)},
        {"test": ("other.txt",)},
    ],
    ids=str,
)
def test_another_split_tokenizer_or_part_is_encoded_anew(
    change: dict[str, Any], no_encoding: Callable[[], None]
) -> None:
    write("other.txt", "other text\n")
    prepare(data())
    no_encoding()
    with pytest.raises(AssertionError, match="encoded again"):
        prepare(data(**change))


def test_valid_and_test_texts_that_change_places_are_encoded_anew() -> None:
    write("a.txt", "aaa\n"), write("b.txt", "bbb\n")
    for valid, test in [("a", "b"), ("b", "a")]:
        corpus = prepare(data(tokenizer="byte", valid=(f"{valid}.txt",), test=(f"{test}.txt",)))
        assert texts(corpus)[1:] == [valid * 3 + "\n", test * 3 + "\n"]


def test_a_changed_text_is_encoded_anew() -> None:
    first = prepare(data())
    changed = TEXT.replace("cat", "cow", 1)
    second = prepare(DataConfig(corpus=(write("text.txt", changed),)))
    assert second.fingerprint != first.fingerprint
    assert second.tokenizer.decode(second.train.tokens) == changed[: len(second.train.tokens)]


def test_a_given_tokenizer_is_used_instead_of_learning_one() -> None:
    tokenizer = train_tokenizer("char", ["abcdefgh"])
    corpus = prepare(data(), tokenizer=tokenizer)
    assert corpus.tokenizer.token_bytes() == tokenizer.token_bytes()
    assert corpus.train.tokens.tolist() == tokenizer.encode(TEXT[: len(corpus.train.tokens)]).tolist()
    assert prepare(data()).tokenizer.token_bytes() != tokenizer.token_bytes()


def test_tokens_are_mapped_from_disk_not_held() -> None:
    corpus = prepare(data())
    assert all(isinstance(corpus.parts[part].tokens, np.memmap) for part in PARTS)
    assert corpus.train.tokens.dtype == np.uint16
    assert (encoded_folder() / "train.bin").stat().st_size == 2 * len(corpus.train.tokens)


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf"])
def test_empty_corpus_is_a_clear_error(content: bytes) -> None:
    Path("empty.txt").write_bytes(content)
    with pytest.raises(CorpusError, match=r"empty\.txt: is empty; expected text to learn from"):
        prepare(DataConfig(corpus=("empty.txt",)))


def test_no_corpus_is_a_clear_error() -> None:
    with pytest.raises(CorpusError, match="no text was given"):
        prepare(DataConfig())


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"RNNGEN_CACHE": "/a"}, Path("/a")),
        ({"RNNGEN_CACHE": "", "XDG_CACHE_HOME": "/b"}, Path("/b/rnngen")),
        ({"RNNGEN_CACHE": "", "XDG_CACHE_HOME": "", "LOCALAPPDATA": "", "HOME": "/h"}, Path("/h/.cache/rnngen")),
    ],
)
def test_cache_is_where_the_environment_says(
    environment: dict[str, str], expected: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert cache_folder() == expected


def test_encode_text_counts_and_maps_a_text_of_pieces(tmp_path: Path) -> None:
    tokenizer = train_tokenizer("char", ["abc \n"])
    encoded = encode_text(tokenizer, ["ab", "c ab", "x\ncé"], tmp_path / "out.bin")
    assert encoded.counts == TextCounts(10, 3, 11, lines=2)
    assert encoded.unknown == 2
    assert tokenizer.decode(encoded.tokens) == "abc ab<unk>\nc<unk>"


def test_encode_text_of_nothing_is_nothing(tmp_path: Path) -> None:
    encoded = encode_text(train_tokenizer("byte", []), [], tmp_path / "out.bin")
    assert (len(encoded.tokens), encoded.counts, encoded.unknown) == (0, TextCounts(), 0)
