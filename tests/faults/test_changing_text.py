"""A text that changes while it is read, or between two readings, is told and never kept under another's fingerprint."""

from __future__ import annotations

import hashlib
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rnngen.corpus import sources, tokens
from rnngen.corpus.formats import decoding
from rnngen.corpus.sources import TextSource
from rnngen.corpus.tokens import PARTS, cache_folder, cached_corpus, fingerprint_of, prepare
from rnngen.errors import CorpusError
from rnngen.options.training import DataConfig
from tests.conftest import make_text

pytestmark = pytest.mark.fault(28)

TEXT = make_text(20_000) + "\n"
LEVELS: dict[str, int | None] = {"char": None, "byte": None, "word": 300, "bpe": 300}


@pytest.fixture(autouse=True)
def _many_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "CHUNK_BYTES", 1_000)


@pytest.fixture
def data() -> DataConfig:
    """Several files, and a validation text."""
    Path("texts").mkdir()
    contents = {"texts/a.txt": "a text\n", "texts/b.txt": TEXT, "texts/c.txt": "c\n", "valid.txt": "v"}
    for name, content in contents.items():
        Path(name).write_text(content)
    return DataConfig(corpus=("texts",), valid=("valid.txt",))


def entries() -> list[Path]:
    folder = cache_folder() / "corpora"
    return sorted(folder.iterdir()) if folder.exists() else []


def before_it_is_encoded(monkeypatch: pytest.MonkeyPatch, change: Callable[[], object]) -> None:
    """Change something between the first reading and the one that encodes, once."""
    encode = tokens._encode

    def changed(*arguments: Any) -> None:
        monkeypatch.setattr(tokens, "_encode", encode)
        change()
        encode(*arguments)

    monkeypatch.setattr(tokens, "_encode", changed)


def same_size_and_time(file: Path) -> None:
    status, content = file.stat(), file.read_bytes()
    file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))


def replaced(file: Path) -> None:
    Path("new").write_text("another text\n" * 100)
    Path("new").replace(file)


CHANGES: dict[str, Callable[[Path], object]] = {
    "longer": lambda file: file.write_bytes(file.read_bytes() + b"more"),
    "shorter": lambda file: file.write_bytes(file.read_bytes()[:-1]),
    "emptied": lambda file: file.write_bytes(b""),
    "another": lambda file: file.write_bytes(b"X" + file.read_bytes()[1:]),
    "same size and time": same_size_and_time,
    "replaced": replaced,
}


@pytest.mark.parametrize("name", ["texts/a.txt", "texts/b.txt", "texts/c.txt", "valid.txt"])
@pytest.mark.parametrize("change", CHANGES)
def test_a_file_that_changes_between_two_readings_is_named_and_nothing_is_kept(
    data: DataConfig, name: str, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before_it_is_encoded(monkeypatch, lambda: CHANGES[change](Path(name)))
    with pytest.raises(CorpusError, match=rf"^{Path(name)}: changed while it was read; .*Try again"):
        prepare(data)
    assert entries() == []
    if change != "emptied":  # an empty text for validation, or in a folder, is not read at all
        again = prepare(data)
        assert again.fingerprint == fingerprint_of(data)


@pytest.mark.parametrize("name", ["texts/b.txt", "valid.txt"])
def test_a_file_that_is_removed_between_two_readings_is_named(
    data: DataConfig, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before_it_is_encoded(monkeypatch, Path(name).unlink)
    with pytest.raises(CorpusError, match=rf"^{Path(name)}: cannot be read \(No such file or directory\)"):
        prepare(data)
    assert entries() == []


def test_a_file_that_is_written_anew_with_the_same_text_has_not_changed(
    data: DataConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write_again() -> None:
        file = Path("texts/b.txt")
        content = file.read_bytes()
        file.unlink()
        file.write_bytes(content)

    expected = fingerprint_of(data)
    before_it_is_encoded(monkeypatch, write_again)
    assert prepare(data).fingerprint == expected


@pytest.mark.parametrize("level", ["word", "bpe"])
def test_a_file_that_changes_after_the_vocabulary_was_learned_is_named(
    data: DataConfig, level: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    learn = tokens.train_tokenizer

    def learn_and_change(*arguments: Any, **options: Any) -> Any:
        learned = learn(*arguments, **options)
        CHANGES["another"](Path("texts/b.txt"))
        return learned

    monkeypatch.setattr(tokens, "train_tokenizer", learn_and_change)
    with pytest.raises(CorpusError, match=r"b\.txt: changed while it was read"):
        prepare(data.changed(tokenizer=level, vocab_size=300))
    assert entries() == []


@pytest.mark.parametrize("change", ["longer", "shorter", "another"])
def test_a_file_that_is_written_to_while_it_is_read_is_named_though_it_is_read_only_once(change: str) -> None:
    file = Path("text.txt")
    file.write_text(TEXT)
    os.utime(file, (1e9, 1e9))
    with pytest.raises(CorpusError, match=r"^text\.txt: changed while it was read"):
        for number, _ in enumerate(TextSource(["text.txt"])):
            if number == 3:
                CHANGES[change](file)


def test_a_file_that_is_replaced_while_it_is_read_is_read_as_it_was() -> None:
    file = Path("text.txt")
    file.write_text(TEXT)
    read = []
    for piece in TextSource(["text.txt"]):
        read.append(piece)
        if len(read) == 3:
            replaced(file)
    assert "".join(read) == TEXT


def test_a_file_that_is_gone_when_it_is_to_be_read_is_named(data: DataConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    find = sources.find

    def find_and_remove(*arguments: Any) -> Any:
        found = find(*arguments)
        Path("texts/c.txt").unlink(missing_ok=True)
        return found

    monkeypatch.setattr(sources, "find", find_and_remove)
    with pytest.raises(CorpusError, match=r"c\.txt: cannot be read \(No such file or directory\)"):
        prepare(data)


def test_files_and_folders_that_vanish_during_a_search_are_passed_over(
    data: DataConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("texts/sub").mkdir()
    Path("texts/sub/d.txt").write_text("d")
    iterdir = Path.iterdir

    def vanishing(self: Path) -> Any:
        inside = list(iterdir(self))
        if self.name == "sub":
            Path("texts/sub/d.txt").unlink()
            Path("texts/sub").rmdir()
        if self.name == "texts":
            Path("texts/a.txt").unlink()
            inside.append(self / "gone")
        return iter(inside)

    monkeypatch.setattr(Path, "iterdir", vanishing)
    source = TextSource(["texts"])
    assert "".join(source) == TEXT + "c\n"
    assert {(each.name, each.reason) for each in source.summary.skipped} == {
        ("a.txt", "gone"),
        ("gone", "gone"),
        (str(Path("sub/d.txt")), "gone"),
    }


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("seed", range(6))
def test_whenever_a_text_changes_the_cache_holds_each_text_under_its_own_fingerprint(level: Any, seed: int) -> None:
    """The file changes at a random moment, and maybe back again at another."""
    rng = random.Random(f"{level} {seed}")
    file, versions = Path("text.txt"), [TEXT, TEXT.replace("cat", "cow")]
    data = DataConfig(corpus=("text.txt",), tokenizer=level, vocab_size=LEVELS[level])
    fingerprints = []
    for version in versions:
        file.write_text(version)
        fingerprints.append(fingerprint_of(data))
    moments = sorted(rng.sample(range(60), 2))
    told = 0

    def change(what: str, done: int, total: int | None) -> None:
        nonlocal told
        if told in moments:
            now = file.stat()
            file.write_text(versions[moments.index(told) % 2])
            os.utime(file, ns=(now.st_atime_ns, now.st_mtime_ns))
        told += 1

    outcome = "kept"
    try:
        corpus = prepare(data, on_progress=change)
        assert corpus.fingerprint in fingerprints
    except CorpusError as error:
        assert "text.txt: changed while it was read" in str(error)
        outcome = "told"
    found = 0
    for version, fingerprint in zip(versions, fingerprints, strict=True):
        if corpus_found := cached_corpus(data, fingerprint):
            found += 1
            text = "".join(corpus_found.tokenizer.decode(corpus_found.parts[part].tokens) for part in PARTS)
            assert text == version
            assert fingerprint == hashlib.sha256(hashlib.sha256(text.encode()).hexdigest().encode()).hexdigest()
    assert len(entries()) == found == (1 if outcome == "kept" else 0)
