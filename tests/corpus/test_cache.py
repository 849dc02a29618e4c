"""The encoded corpus of a run, found by what the run recorded, when its text is gone."""

from __future__ import annotations

import errno
import io
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rnngen.corpus.cache import load, store
from rnngen.corpus.parts import Piece
from rnngen.corpus.tokenizer import train_tokenizer
from rnngen.corpus.tokens import PARTS, EncodedCorpus, cache_folder, cached_corpus, fingerprint_of, prepare
from rnngen.errors import CorpusError
from rnngen.options.training import DataConfig
from tests.conftest import make_text

TEXT = make_text(5_000)


def same(first: EncodedCorpus, second: EncodedCorpus | None) -> bool:
    return second is not None and all(
        first.parts[part].tokens.tolist() == second.parts[part].tokens.tolist()
        and first.parts[part].counts == second.parts[part].counts
        for part in PARTS
    )


@pytest.mark.parametrize("level", ["char", "byte", "word", "bpe"])
@pytest.mark.parametrize("given", [(), ("valid",), ("valid", "test")])
def test_a_corpus_is_found_without_its_text(level: Any, given: tuple[str, ...]) -> None:
    for name in ("text.txt", *(f"{part}.txt" for part in given)):
        Path(name).write_text(TEXT[len(name) :])
    data = DataConfig(corpus=("text.txt",), tokenizer=level, **{part: (f"{part}.txt",) for part in given})
    corpus = prepare(data)
    for file in Path().glob("*.txt"):
        file.unlink()
    moved = data.changed(corpus=("elsewhere.txt",))
    assert same(corpus, cached_corpus(data, corpus.fingerprint, corpus.tokenizer))
    assert same(corpus, cached_corpus(moved, corpus.fingerprint))


def test_what_is_not_there_is_not_found() -> None:
    Path("text.txt").write_text(TEXT)
    data = DataConfig(corpus=("text.txt",))
    corpus = prepare(data)
    assert cached_corpus(data, "0" * 64) is None
    assert cached_corpus(data.changed(split=(0.8, 0.1, 0.1)), corpus.fingerprint) is None
    assert cached_corpus(data.changed(valid=("v.txt",)), corpus.fingerprint) is None
    assert cached_corpus(data.changed(min_count=2), corpus.fingerprint) is None
    assert cached_corpus(data.changed(normalize="nfc"), corpus.fingerprint) is None
    assert cached_corpus(data, corpus.fingerprint, train_tokenizer("char", ["abc"])) is None
    assert cached_corpus(data, corpus.fingerprint, cache=Path("elsewhere")) is None
    (folder,) = (cache_folder() / "corpora").iterdir()
    del corpus  # lets go of the mapped files
    (folder / "train.bin").write_bytes(b"damaged")
    assert cached_corpus(data, fingerprint_of(data)) is None


def test_a_corpus_encoded_with_the_tokenizer_of_another_text_is_found() -> None:
    Path("text.txt").write_text(TEXT)
    data, tokenizer = DataConfig(corpus=("text.txt",)), train_tokenizer("char", ["abcdefgh"])
    corpus = prepare(data, tokenizer=tokenizer)
    assert same(corpus, cached_corpus(data, corpus.fingerprint, tokenizer))
    assert cached_corpus(data, corpus.fingerprint) is None


def test_the_text_of_standard_input_is_found_again(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stdin:
        closed = False
        buffer = io.BytesIO(TEXT.encode())

    monkeypatch.setattr(sys, "stdin", Stdin())
    data = DataConfig(corpus=("-",))
    corpus = prepare(data)
    assert same(corpus, cached_corpus(data, corpus.fingerprint, corpus.tokenizer))
    Path("text.txt").write_text(TEXT)
    assert fingerprint_of(DataConfig(corpus=("text.txt",))) == corpus.fingerprint  # the same text as a file


def test_a_fingerprint_needs_no_encoding() -> None:
    Path("text.txt").write_text(TEXT), Path("valid.txt").write_text("valid")
    data = DataConfig(corpus=("text.txt",), valid=("valid.txt",))
    fingerprint = fingerprint_of(data)
    assert not cache_folder().exists()
    assert prepare(data).fingerprint == fingerprint
    assert fingerprint_of(DataConfig(corpus=("text.txt",), test=("valid.txt",))) != fingerprint
    with pytest.raises(CorpusError, match="no text was given"):
        fingerprint_of(DataConfig())


@pytest.mark.parametrize("part", ["valid", "test"])
def test_standard_input_cannot_be_two_texts(part: str) -> None:
    with pytest.raises(CorpusError, match=f"standard input: can be read only once; .* `{part}`, not for both"):
        prepare(DataConfig(corpus=("-",), **{part: ("-",)}))


def encode_into(folder: Path, meanwhile: Callable[[], None] = lambda: None) -> None:
    def text() -> Iterator[Piece]:
        yield from (("train", TEXT), ("valid", TEXT))
        meanwhile()
        yield "test", TEXT

    store(folder, train_tokenizer("char", [TEXT]), text())


def test_a_sound_copy_that_another_process_has_put_there_in_the_meantime_stays() -> None:
    folder = Path("corpora") / "one"

    def other_process() -> None:
        encode_into(folder)
        (folder / "of the other process").touch()

    encode_into(folder, other_process)
    assert load(folder, "") is not None
    assert (folder / "of the other process").exists()
    assert [path.name for path in folder.parent.iterdir()] == ["one"]


@pytest.mark.parametrize("in_the_way", ["damaged", "empty", "file", "link"])
def test_what_is_not_sound_is_replaced_and_nothing_is_left_of_it(in_the_way: str) -> None:
    folder, outside = Path("corpora") / "one", Path("outside")
    outside.mkdir()
    (outside / "stays").touch()
    folder.parent.mkdir()
    if in_the_way == "file":
        folder.touch()
    elif in_the_way == "link":
        folder.symlink_to(outside.absolute(), target_is_directory=True)
    else:
        folder.mkdir()
        if in_the_way == "damaged":
            (folder / "meta.json").write_text("{}")
    encode_into(folder)
    assert load(folder, "") is not None
    assert not folder.is_symlink()
    assert [path.name for path in folder.parent.iterdir()] == ["one"]
    assert [path.name for path in outside.iterdir()] == ["stays"]


def test_a_full_disk_is_an_error_also_where_a_damaged_copy_lies(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Path("corpora") / "one"
    folder.mkdir(parents=True)
    (folder / "meta.json").write_text("{}")

    def no_space(*arguments: object, **options: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", no_space)
    with pytest.raises(CorpusError, match=r"cannot be written \(No space left on device\)"):
        encode_into(folder)
    assert [path.name for path in folder.parent.iterdir()] == ["one"]
