"""What folders and globs stand for: every text below them, and a reason for everything else."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from rnngen.corpus.files import find as finding
from rnngen.corpus.files import outputs
from rnngen.corpus.files.find import find, find_files
from rnngen.corpus.sources import TextSource
from rnngen.errors import CorpusError

needs_links = pytest.mark.skipif(os.name == "nt", reason="links need a privilege on Windows")


def write(name: str, content: bytes | str = "text\n") -> Path:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def skipped(source: str, errors: str = "strict") -> dict[str, str]:
    return {each.name: each.reason for each in find([source], errors).skipped}  # type: ignore[arg-type]


def names(source: str) -> list[str]:
    return [file.as_posix() for file in find_files([source])]


@pytest.fixture
def texts() -> Path:
    write("texts/a.txt"), write("texts/sub/b.md"), write("texts/sub/deep/er/c.txt")
    write("texts/wide.txt", "hello".encode("utf-16"))
    write("texts/old.zip", b"PK\x03\x04" + bytes(40))
    write("texts/img/a.png", b"\x89PNG\r\n\x1a\n\0\0")
    write("texts/empty.txt", b"")
    write("texts/mark.txt", b"\xef\xbb\xbf")
    write("texts/.hidden"), write("texts/.git/config")
    write("texts/records.txt", "one\0two\n" * 30)
    return Path("texts")


def test_a_folder_tells_what_it_skips_and_why(texts: Path) -> None:
    assert names("texts") == ["texts/a.txt", "texts/sub/b.md", "texts/sub/deep/er/c.txt"]
    assert skipped("texts") == {
        "wide.txt": "UTF-16 text",
        "old.zip": "zip archive",
        str(Path("img/a.png")): "PNG image",
        "empty.txt": "empty",
        "mark.txt": "empty",
        ".hidden": "hidden",
        ".git": "hidden",
        "records.txt": "text with NUL bytes",
    }


def test_a_text_with_nul_bytes_in_a_folder_is_read_where_they_are_replaced(texts: Path) -> None:
    assert "records.txt" not in skipped("texts", "replace")
    assert "one\ufffdtwo" in "".join(TextSource(["texts"], "replace"))


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("texts/*", ["texts/a.txt"]),
        ("texts/**", ["texts/a.txt", "texts/sub/b.md", "texts/sub/deep/er/c.txt"]),
        ("texts/**/*", ["texts/a.txt", "texts/sub/b.md", "texts/sub/deep/er/c.txt"]),
        ("**/*.txt", ["texts/a.txt", "texts/sub/deep/er/c.txt"]),
        ("texts/**/deep/**/*.txt", ["texts/sub/deep/er/c.txt"]),
        ("texts/*/*.md", ["texts/sub/b.md"]),
        ("texts/**/sub/*", ["texts/sub/b.md"]),
        ("./texts/**/[bc].*", ["texts/sub/b.md", "texts/sub/deep/er/c.txt"]),
        ("texts/.git/*", ["texts/.git/config"]),
        ("texts/**/.git/*", ["texts/.git/config"]),
        ("texts/.*", ["texts/.hidden"]),
    ],
)
def test_a_glob_stands_for_the_texts_among_its_matches(texts: Path, pattern: str, expected: list[str]) -> None:
    assert names(pattern) == expected


def test_an_absolute_glob_is_a_glob(texts: Path, tmp_path: Path) -> None:
    assert find_files([f"{tmp_path}/**/*.md"]) == [tmp_path / "texts" / "sub" / "b.md"]


def test_a_glob_tells_what_it_matches_and_skips(texts: Path) -> None:
    expected = {str(texts / name): reason for name, reason in skipped("texts").items() if reason != "hidden"}
    assert skipped("texts/**/*.*") == expected
    assert skipped("texts/[aw]*") == {str(texts / "wide.txt"): "UTF-16 text"}


def test_a_search_without_a_text_says_what_it_found_and_how_to_read_it() -> None:
    write("packed/a.lz", b"LZIP\x01" + bytes(40))
    with pytest.raises(
        CorpusError, match=r"packed: the folder has no text files; .*1 skipped: a\.lz \(lzip archive\)\. "
    ) as caught:
        find(["packed"], command="rnngen train -")
    assert str(caught.value).endswith(f"Read it with: lzip -dc {Path('packed/a.lz')} | rnngen train -")
    with pytest.raises(CorpusError, match=r"packed/\*\.lz: no text files among .*1 skipped: .*\(lzip archive\)"):
        find(["packed/*.lz"])


@needs_links
def test_links_that_lead_back_neither_hang_nor_repeat_a_text(texts: Path) -> None:
    for at in ("texts/loop", "texts/sub/loop", "texts/sub/deep/loop"):
        Path(at).symlink_to(Path("texts").absolute(), target_is_directory=True)
    Path("texts/x").symlink_to("y"), Path("texts/y").symlink_to("x")
    Path("texts/gone.txt").symlink_to("nowhere")
    expected = ["texts/a.txt", "texts/sub/b.md", "texts/sub/deep/er/c.txt"]
    assert names("texts") == expected
    assert names("texts/**/*.*") == expected
    found = skipped("texts")
    assert found["loop"] == found[str(Path("sub/loop"))] == "link to a folder"
    assert found["x"] == found["y"] == found["gone.txt"] == "broken link"


@needs_links
def test_a_source_that_is_a_link_is_read(texts: Path) -> None:
    Path("linked").symlink_to("texts", target_is_directory=True)
    Path("texts/sub/linked.txt").symlink_to("b.md")
    assert names("linked") == ["linked/a.txt", "linked/sub/b.md", "linked/sub/deep/er/c.txt", "linked/sub/linked.txt"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_pipes_and_sockets_in_a_folder_are_not_opened(texts: Path) -> None:
    os.mkfifo("texts/pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("texts/sock")
        assert skipped("texts").items() >= {"pipe": "not a regular file", "sock": "not a regular file"}.items()
        assert str(Path("texts/pipe")) in skipped("texts/*")


def test_folders_and_files_that_cannot_be_read_are_skipped_and_told(
    texts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(real: Callable[..., object], name: str) -> Callable[..., object]:
        def call(path: Path, *arguments: object, **options: object) -> object:
            if path.name == name:
                raise PermissionError(13, "Permission denied")
            return real(path, *arguments, **options)

        return call

    monkeypatch.setattr(Path, "iterdir", refuse(Path.iterdir, "sub"))
    monkeypatch.setattr(finding, "open_regular", refuse(finding.open_regular, "a.txt"))
    write("texts/d.txt")
    found = find(["texts"])
    assert [file.name for file in found.files] == ["d.txt"]
    assert {(each.name, each.reason) for each in found.skipped} >= {
        ("sub", "Permission denied"),
        ("a.txt", "Permission denied"),
    }


@pytest.mark.skipif(os.name == "nt", reason="paths are at most 260 characters long on Windows")
def test_a_folder_deeper_than_recursion_reaches_is_read() -> None:
    depth = sys.getrecursionlimit() + 50
    write("deep/a.txt")
    here = Path.cwd()
    try:
        os.chdir("deep")
        for _ in range(depth):  # step by step, as whoever removes it has to
            Path("d").mkdir()
            os.chdir("d")
        os.chdir(here)
        assert names("deep") == ["deep/a.txt"]
    finally:
        os.chdir(here / "deep")
        while Path("d").is_dir():
            os.chdir("d")
        while Path.cwd() != here / "deep":
            os.chdir("..")
            Path("d").rmdir()
        os.chdir(here)


def test_standard_error_in_the_folder_is_not_learned(texts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = write("texts/log.txt", "what this command has said so far\n")
    with log.open("ab") as stream:
        real = os.fstat
        monkeypatch.setattr(os, "fstat", lambda fd: real(stream.fileno() if fd == 2 else fd))
        assert skipped("texts")["log.txt"] == outputs.OWN_OUTPUT
    assert "log.txt" in [file.name for file in find_files(["texts/log.txt"])]  # by name
