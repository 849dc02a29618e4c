"""A token cache that somebody else has written: nothing in it is believed unchecked, followed, or waited for."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rnngen.corpus.tokens import PARTS, cache_folder, prepare
from tests.corpus.test_tokens import data, encoded_folder, texts
from tests.faults.test_token_cache import again, leftovers

pytestmark = pytest.mark.fault(24)


def hashed_anew(folder: Path, **changes: Any) -> None:
    """Describe the files of a folder as if rnngen had written them: whoever damages one on purpose does so."""
    meta = json.loads((folder / "meta.json").read_text())
    meta.pop("sha256")
    meta["tokenizer"] = hashlib.sha256((folder / "tokenizer.json").read_bytes()).hexdigest()
    for part in PARTS:
        meta["parts"][part]["sha256"] = hashlib.sha256((folder / f"{part}.bin").read_bytes()).hexdigest()
    meta["parts"]["train"].update(changes)
    meta["sha256"] = hashlib.sha256(json.dumps(meta, sort_keys=True).encode()).hexdigest()
    (folder / "meta.json").write_text(json.dumps(meta))


HOSTILE: dict[str, tuple[Callable[[Path], object], dict[str, Any]]] = {
    "an id above the vocabulary": (lambda f: (f / "train.bin").write_bytes(b"\0\0\0\1"), {}),
    "the highest id": (lambda f: (f / "valid.bin").write_bytes(b"\xff\xff"), {}),
    "half an id": (lambda f: (f / "train.bin").write_bytes(b"\0\0\0"), {}),
    "more tokens than bytes": (lambda f: (f / "test.bin").write_bytes(bytes(9_999)), {}),
    "not a tokenizer": (lambda f: (f / "tokenizer.json").write_text("{}"), {}),
    "a count that is a text": (lambda f: None, {"words": "9"}),
    "a negative count": (lambda f: None, {"characters": -1}),
    "a count that is null": (lambda f: None, {"unknown": None}),
    "a count that is not there": (lambda f: None, {"letters": 1}),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_an_entry_that_a_stranger_wrote_with_correct_hashes_is_rebuilt(name: str) -> None:
    damage, changes = HOSTILE[name]
    again()
    damage(encoded_folder())
    hashed_anew(encoded_folder(), **changes)
    again()


def test_hashing_an_entry_anew_is_what_makes_it_sound() -> None:
    """So the test above is not of a wrong hash."""
    again()
    (encoded_folder() / "train.bin").write_bytes(b"A\0B\0")
    hashed_anew(encoded_folder())
    assert texts(prepare(data(tokenizer="byte")))[0] == "AB"


IN_THE_WAY: dict[str, Callable[[Path], object]] = {
    "link": lambda path: path.symlink_to(Path("outside/victim").absolute()),
    "link to a device": lambda path: path.symlink_to("/dev/zero"),
    "link to itself": lambda path: path.symlink_to(path.name),
    "pipe": lambda path: os.mkfifo(path),
    "folder": lambda path: path.mkdir(),
    "1 TB": lambda path: (path.touch(), os.truncate(path, 1 << 40)),
}


@pytest.mark.skipif(os.name == "nt", reason="links and pipes of POSIX")
@pytest.mark.parametrize("name", ["train.bin", "tokenizer.json", "meta.json"])
@pytest.mark.parametrize("kind", IN_THE_WAY)
def test_what_is_no_file_of_the_cache_is_neither_followed_nor_waited_for_nor_read(name: str, kind: str) -> None:
    again()
    file = encoded_folder() / name
    Path("outside").mkdir()
    file.rename("outside/victim")
    before = Path("outside/victim").read_bytes()
    IN_THE_WAY[kind](file)
    again()
    assert file.is_file()
    assert not file.is_symlink()
    assert Path("outside/victim").read_bytes() == before


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege on Windows")
def test_nothing_that_a_link_in_the_cache_leads_to_is_removed() -> None:
    Path("outside/sub").mkdir(parents=True)
    Path("outside/sub/victim").write_text("stays")
    folder = cache_folder() / "corpora"
    (folder / ".encoding-1").mkdir(parents=True)
    (folder / ".encoding-1" / "link").symlink_to(Path("outside").absolute(), target_is_directory=True)
    (folder / ".encoding-2").symlink_to(Path("outside").absolute(), target_is_directory=True)
    for path in (folder / ".encoding-1", folder / ".encoding-2"):
        os.utime(path, (0, 0), follow_symlinks=False)
    again()
    assert Path("outside/sub/victim").read_text() == "stays"
    assert leftovers() == []
    shutil.rmtree(folder)
    folder.symlink_to(Path("outside").absolute(), target_is_directory=True)  # the user's own choice
    again()
    assert Path("outside/sub/victim").read_text() == "stays"
