"""Each file of a run is old or new, never a part."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from rnngen.errors import CheckpointError
from rnngen.runs.folder import Folder, cannot_write, write_atomically


def no_space(*arguments: object, **options: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("content", [b"", b"new", os.urandom(1 << 16)], ids=len)
def test_write_atomically_puts_the_new_content_there_and_nothing_else(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(b"old")
    write_atomically(tmp_path / "file", content)
    write_atomically(tmp_path / "other", content)
    assert (tmp_path / "file").read_bytes() == (tmp_path / "other").read_bytes() == content
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "other"]


@pytest.mark.parametrize(
    ("where", "name", "after"),
    [(os, "write", b"old"), (os, "fsync", b"old"), (os, "replace", b"old"), (Folder, "sync", b"new")],
)
def test_a_refused_write_is_an_error_that_leaves_a_whole_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: Any, name: str, after: bytes
) -> None:
    (tmp_path / "file").write_bytes(b"old")
    with monkeypatch.context() as patch:
        patch.setattr(where, name, no_space)
        with pytest.raises(CheckpointError, match=r"file: cannot be written \(No space left on device\)"):
            write_atomically(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == after
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_write_into_a_missing_folder_is_a_checkpoint_error(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="cannot be written"):
        write_atomically(tmp_path / "nowhere" / "file", b"new")


@pytest.mark.parametrize(
    ("number", "hint"),
    [
        (errno.ENOSPC, "Free some space, or use another folder."),
        (errno.EACCES, "Make the folder writable, or use another one."),
        (errno.EROFS, "Make the folder writable, or use another one."),
        (errno.EIO, "Use another folder."),
        (errno.ENAMETOOLONG, "Use another folder."),
    ],
)
def test_the_remedy_for_a_refused_write_is_one_that_can_help(tmp_path: Path, number: int, hint: str) -> None:
    said = str(cannot_write(tmp_path, OSError(number, os.strerror(number))))
    assert said.endswith(f"cannot be written ({os.strerror(number)}). What was saved before is intact. {hint}")
