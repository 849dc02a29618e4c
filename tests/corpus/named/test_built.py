"""Named texts."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from pydoc_data.topics import topics

import pytest

from rnngen.corpus.files import new_file
from rnngen.corpus.named.built import build
from rnngen.corpus.sources import TextSource
from rnngen.errors import CorpusError, UsageError
from rnngen.platforms import rename_new


def test_pydoc_is_built_in_the_corpora_folder_and_is_long_enough_to_learn_from(tmp_path: Path) -> None:
    path, characters = build("pydoc")
    assert path.resolve() == tmp_path / "corpora" / "pydoc.txt"
    text = "".join(TextSource([str(path)]))
    assert len(text) == characters > 300_000
    assert len(text.encode()) == path.stat().st_size


def test_pydoc_holds_every_topic(tmp_path: Path) -> None:
    path, _ = build("pydoc", tmp_path / "deep" / "er" / "text.txt")
    text = path.read_text(encoding="utf-8")
    assert topics
    assert all(topic.strip("\n") in text for topic in topics.values())


def test_unknown_name_is_a_usage_error_that_lists_the_known_ones() -> None:
    with pytest.raises(UsageError, match="expected pydoc, brackets, copy, adding; found shakespeare"):
        build("shakespeare")


@pytest.mark.parametrize("out", [None, "novel.txt"])
@pytest.mark.parametrize("found", ["a novel", "", "folder", "link", "link to nothing", "pipe"])
def test_nothing_is_ever_overwritten(out: str | None, found: str) -> None:
    path = Path(out or "corpora/pydoc.txt")
    path.parent.mkdir(exist_ok=True)
    Path("victim").write_text("stays")
    if found == "folder":
        path.mkdir()
    elif found.startswith("link"):
        path.symlink_to(Path("victim" if found == "link" else "nothing").absolute())
    elif found == "pipe":
        os.mkfifo(path)
    else:
        path.write_text(found)
    with pytest.raises(UsageError, match=rf"{path}: already exists; expected an unused name\. Remove it, or choose"):
        build("pydoc", Path(out) if out else None)
    assert Path("victim").read_text() == "stays"
    assert not Path("nothing").exists()
    assert found in ("folder", "link", "link to nothing", "pipe") or path.read_text() == found
    assert list(path.parent.glob("*.tmp")) == list(path.parent.glob(".*.tmp")) == []


def test_a_text_that_is_there_already_stays_as_it_is() -> None:
    path, characters = build("pydoc")
    before = path.stat().st_mtime_ns
    assert build("pydoc") == (path, characters)
    assert path.stat().st_mtime_ns == before


def test_a_text_that_is_half_written_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(source: Path, target: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(new_file, "rename_new", full)
    with pytest.raises(CorpusError, match=r"cannot be written \(No space left on device\)"):
        build("pydoc")
    assert list(Path("corpora").iterdir()) == []


def test_what_another_process_writes_at_the_same_moment_is_not_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """It appears after the name was found to be unused, right before the text gets that name."""

    def late(source: Path, target: Path) -> None:
        target.write_text("theirs")
        rename_new(source, target)

    monkeypatch.setattr(new_file, "rename_new", late)
    with pytest.raises(UsageError, match="already exists"):
        build("pydoc")
    assert [path.read_text() for path in Path("corpora").iterdir()] == ["theirs"]


def test_the_same_text_that_another_process_writes_at_the_same_moment_is_as_good(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def late(source: Path, target: Path) -> None:
        target.write_bytes(source.read_bytes())
        rename_new(source, target)

    monkeypatch.setattr(new_file, "rename_new", late)
    path, _ = build("pydoc")
    assert [each.name for each in path.parent.iterdir()] == ["pydoc.txt"]


@pytest.mark.parametrize("has_links", [True, False])
def test_a_new_name_is_given_once_with_and_without_hard_links(has_links: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    if not has_links:
        monkeypatch.setattr(os, "link", refused)
    Path("a").write_text("a")
    Path("b").write_text("b")
    rename_new(Path("a"), Path("new"))
    with pytest.raises(FileExistsError):
        rename_new(Path("b"), Path("new"))
    assert {path.name: path.read_text() for path in Path().iterdir()} == {"new": "a", "b": "b"}


@pytest.mark.parametrize("name", ["x" * 5_000, "a\0b"])
def test_a_name_that_no_file_can_have_is_a_short_error(name: str) -> None:
    with pytest.raises(CorpusError, match="cannot be written") as caught:
        build("pydoc", Path(name))
    assert len(str(caught.value)) < 200


def test_text_that_cannot_be_written_is_a_corpus_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(CorpusError, match="cannot be written"):
        build("pydoc", tmp_path / "file" / "text.txt")
