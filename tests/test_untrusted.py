from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import pytest

from rnngen.untrusted import MAX_DEPTH, MAX_VALUES, open_regular, parse_json, read_regular

needs_pipes = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")


@pytest.mark.fault(30)
@pytest.mark.parametrize(
    "text",
    [
        "NaN",
        "[-Infinity]",
        '{"a": Infinity}',
        "1e999",
        "-1e999",
        str(10**400),
        "9" * 5000,
        str(1 << 64),
        "-" + "1" * 30,
        '{"a": 1, "a": 2}',
        "[" * 100_000,
        "[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1),
        '{"a":' * (MAX_DEPTH + 1) + "1" + "}" * (MAX_DEPTH + 1),
        "[" + "0," * MAX_VALUES + "0]",
        "",
        "{",
        "\ufeff{}",
    ],
    ids=lambda text: text[:12],
)
def test_json_that_this_package_never_writes_is_a_short_error(text: str) -> None:
    for content in (text, text.encode()):
        with pytest.raises(ValueError) as caught:
            parse_json(content)
        assert len(str(caught.value)) < 120


@pytest.mark.parametrize("content", ['"é"'.encode("latin-1"), '{"a": 1}'.encode("utf-16")])
def test_json_in_another_encoding_than_utf8_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError):
        parse_json(content)


@pytest.mark.parametrize(
    "value",
    [
        None,
        [1, -(2**63), 2**64 - 1, 1.5e300, -0.0, True],
        {"name": "\udcff", "text": "9" * 1000 + "[{,", "": {}},
        [[[]]] * 40,
        json.loads("[" * MAX_DEPTH + "]" * MAX_DEPTH),
    ],
)
def test_other_json_is_what_python_reads(value: object) -> None:
    text = json.dumps(value)
    assert parse_json(text) == parse_json(text.encode()) == value


def test_only_a_regular_file_is_opened(tmp_path: Path) -> None:
    file, link = tmp_path / "file", tmp_path / "link"
    file.write_bytes(b"content")
    link.symlink_to(file)
    with open_regular(file) as stream:
        assert stream.read() == b"content"
    assert read_regular(link, 100, follow=True) == b"content"
    for path, reason in ((link, "link"), (tmp_path, "folder")):
        with pytest.raises(OSError, match=reason):
            open_regular(path)
    with pytest.raises(FileNotFoundError):
        open_regular(tmp_path / "none")


@needs_pipes
def test_a_pipe_a_socket_and_a_device_are_refused_without_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as bound:
        monkeypatch.chdir(tmp_path)  # the name of a socket must be short
        bound.bind("socket")
        for path in (tmp_path / "pipe", tmp_path / "socket", Path("/dev/null")):
            for follow in (False, True):
                with pytest.raises(OSError, match="device"):
                    open_regular(path, follow=follow)


@needs_pipes
def test_what_replaces_a_file_after_it_was_looked_at_is_refused_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    victim, file = tmp_path / "victim", tmp_path / "file"
    victim.write_text("precious")
    replacements = {"pipe": os.mkfifo, "link": lambda path: path.symlink_to(victim)}
    really_open = os.open
    for make in replacements.values():
        file.write_text("harmless")

        def replaced_first(path: Path, flags: int, make: object = make) -> int:
            file.unlink()
            make(file)  # type: ignore[operator]
            return really_open(path, flags)

        monkeypatch.setattr(os, "open", replaced_first)
        with pytest.raises(OSError):
            open_regular(file)
        monkeypatch.setattr(os, "open", really_open)
        file.unlink()


def test_a_larger_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    file = tmp_path / "file"
    with file.open("wb") as stream:
        stream.truncate(1 << 40)  # a hole
    with pytest.raises(OSError, match="more than 1,000"):
        read_regular(file, 1000)
    file.write_bytes(b"x" * 1000)
    assert read_regular(file, 1000) == b"x" * 1000
