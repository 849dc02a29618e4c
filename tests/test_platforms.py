"""What differs between operating systems, tried by pretending to be on the others."""

from __future__ import annotations

import errno
import io
import os
import signal
import subprocess
import sys
from pathlib import Path, PurePosixPath, PureWindowsPath
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from rnngen import platforms
from rnngen.cli.console import Console, ReaderGone
from rnngen.corpus.tokenizer import Tokenizer
from rnngen.errors import CheckpointError, RnngenError
from rnngen.runs.files import map_file
from rnngen.runs.finding import open_run
from rnngen.runs.folder import Folder
from rnngen.runs.layout import MODEL, NEW, new_run_folder, safe_file_name
from rnngen.runs.writer import RunWriter
from rnngen.training.checkpoint import format_weights


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platforms, "WINDOWS", True)


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that were made, without waiting."""
    pauses: list[float] = []
    monkeypatch.setattr("rnngen.platforms.time", SimpleNamespace(sleep=pauses.append))
    return pauses


class Locked:
    """Renames to these names are refused, as Windows does while another process has the file open.

    Args:
        names: of the targets.
        times: how often; then the other process has closed it.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, names: set[str], times: int = 1000) -> None:
        self.left = times
        for name in ("replace", "rename"):
            real = getattr(os, name)

            def rename(source: Path, target: Path, real: Any = real, **within: Any) -> None:
                if Path(target).name in names and self.left > 0:
                    self.left -= 1
                    raise PermissionError(errno.EACCES, "Access is denied", str(source), 5, str(target))
                real(source, target, **within)

            monkeypatch.setattr(os, name, rename)


def two_files(folder: Path) -> tuple[Path, Path]:
    (folder / "new").write_bytes(b"new")
    (folder / "old").write_bytes(b"old")
    return folder / "new", folder / "old"


# renames


@pytest.mark.usefixtures("windows")
def test_a_file_that_is_open_for_a_moment_is_replaced_when_it_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, slept: list[float]
) -> None:
    Locked(monkeypatch, {"old"}, times=3)
    new, old = two_files(tmp_path)
    platforms.replace_file(new, old)
    assert old.read_bytes() == b"new"
    assert not new.exists()
    assert slept == sorted(slept)
    assert len(slept) == 3


@pytest.mark.usefixtures("windows")
def test_a_file_that_stays_open_is_given_up_after_about_two_seconds_with_both_files_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, slept: list[float]
) -> None:
    Locked(monkeypatch, {"old"})
    new, old = two_files(tmp_path)
    with pytest.raises(PermissionError):
        platforms.replace_file(new, old)
    assert (new.read_bytes(), old.read_bytes()) == (b"new", b"old")
    assert 1.5 < sum(slept) < 2.5


@pytest.mark.usefixtures("windows")
def test_a_folder_in_which_a_file_is_open_is_renamed_when_it_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, slept: list[float]
) -> None:
    Locked(monkeypatch, {"there"}, times=2)
    (tmp_path / "here").mkdir()
    platforms.rename_folder(tmp_path / "here", tmp_path / "there")
    assert (tmp_path / "there").is_dir()
    assert len(slept) == 2


@pytest.mark.parametrize("is_windows", [True, False])
def test_only_a_refusal_that_can_pass_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, slept: list[float], is_windows: bool
) -> None:
    monkeypatch.setattr(platforms, "WINDOWS", is_windows)
    with pytest.raises(FileNotFoundError):
        platforms.replace_file(tmp_path / "missing", tmp_path / "old")
    if not is_windows:
        Locked(monkeypatch, {"old"})
        with pytest.raises(PermissionError):
            platforms.replace_file(*two_files(tmp_path))
    assert slept == []


@pytest.mark.skipif(os.name == "nt", reason="no such locks on Windows")
def test_a_folder_is_locked_until_the_descriptor_is_closed_also_where_it_is_renamed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, renamed = tmp_path / "folder", tmp_path / "renamed"
    folder.mkdir()
    lock = platforms.open_locked(folder)
    assert lock is not None
    folder.rename(renamed)
    with pytest.raises(BlockingIOError):
        platforms.open_locked(renamed)
    os.close(lock)
    again = platforms.open_locked(renamed)
    assert again is not None
    os.close(again)
    folder.symlink_to(renamed)
    for path in (folder, tmp_path / "nothing"):
        with pytest.raises(OSError, match=path.name):
            platforms.open_locked(path)
    monkeypatch.setattr(platforms, "WINDOWS", True)
    assert platforms.open_locked(renamed) is None


def test_a_folder_is_synced_and_locked_only_where_folders_can_be_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    for is_windows in (False, True):
        monkeypatch.setattr(platforms, "WINDOWS", is_windows)
        with Folder.open(tmp_path) as folder:
            folder.sync()
            assert platforms.lock_folder(folder.descriptor) is (None if is_windows else True)
    assert len(synced) == 1


# a run whose weights another program has open


def weights(value: float, like: Path) -> bytes:
    return format_weights({name: torch.full(w.shape, value) for name, w in open_run(like).weights().items()})


def holds(run: Path, value: float) -> bool:
    return all((w == value).all() for w in open_run(run).weights().values())


@pytest.mark.usefixtures("windows", "slept")
def test_weights_that_stay_open_do_not_end_a_run_and_the_new_ones_are_the_ones_to_use(
    trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = weights(2.0, trained)
    writer = RunWriter(trained)
    with monkeypatch.context() as patch:
        Locked(patch, {MODEL})
        writer.save_model(new)
        assert (trained / (MODEL + NEW)).exists()
        assert holds(trained, 2.0)
    writer.save_model(weights(3.0, trained))  # the next save settles both
    writer.close()
    assert not (trained / (MODEL + NEW)).exists()
    assert holds(trained, 3.0)


@pytest.mark.usefixtures("windows", "slept")
def test_weights_that_stay_open_from_save_to_save_are_a_clear_error_that_loses_nothing(
    trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = RunWriter(trained)
    Locked(monkeypatch, {MODEL})
    writer.save_model(weights(2.0, trained))
    with pytest.raises(CheckpointError, match="cannot be written"):
        writer.save_model(weights(3.0, trained))
    writer.close()
    assert holds(trained, 2.0)


@pytest.mark.usefixtures("windows", "slept")
def test_the_next_writer_of_a_run_puts_committed_weights_in_place_or_leaves_them(
    trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        Locked(patch, {MODEL})
        writer = RunWriter(trained)
        writer.save_model(weights(2.0, trained))
        writer.close()
        RunWriter(trained).close()
        assert holds(trained, 2.0)
    RunWriter(trained).close()
    assert not (trained / (MODEL + NEW)).exists()
    assert holds(trained, 2.0)


@pytest.mark.usefixtures("slept")
@pytest.mark.parametrize("is_windows", [True, False])
def test_a_loaded_model_keeps_its_weights_while_the_run_saves_others(
    trained: Path, monkeypatch: pytest.MonkeyPatch, is_windows: bool
) -> None:
    monkeypatch.setattr(platforms, "WINDOWS", is_windows)
    before = open_run(trained).weights()
    copies = {name: w.copy() for name, w in before.items()}
    writer = RunWriter(trained)
    writer.save_model(weights(2.0, trained))
    writer.close()
    assert all((before[name] == copies[name]).all() for name in before)


@pytest.mark.usefixtures("windows")
def test_a_file_is_not_kept_mapped_where_that_would_lock_it(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"content")
    mapped = map_file(path)
    assert mapped is not None
    assert mapped[:] == b"content"
    path.write_bytes(b"another")  # a map of the file would show it
    mapped[:3] = b"CON"
    assert (mapped[:], path.read_bytes()) == (b"CONtent", b"another")
    (tmp_path / "empty").touch()
    assert map_file(tmp_path / "empty") is None


def test_a_lock_that_another_process_has_just_opened_does_not_spoil_giving_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = RunWriter(tmp_path / "run")
    real, refused = os.unlink, []

    def unlink(path: Path, **within: Any) -> None:
        if Path(path).name == ".lock":
            refused.append(path)
            raise PermissionError(errno.EACCES, "in use")
        real(path, **within)

    with monkeypatch.context() as patch:
        patch.setattr(os, "unlink", unlink)
        writer.discard(folder_too=True)
    assert refused
    RunWriter(tmp_path / "run").close()


# signals


def test_the_signals_that_end_a_run_are_those_that_the_system_has(monkeypatch: pytest.MonkeyPatch) -> None:
    for names in (["SIGINT", "SIGTERM", "SIGHUP"], ["SIGINT", "SIGTERM", "SIGBREAK"]):
        system = SimpleNamespace(
            Signals=lambda name: SimpleNamespace(name=name),
            getsignal=lambda _: None,
            SIG_IGN=signal.SIG_IGN,
            **{name: name for name in names},
        )
        monkeypatch.setattr(platforms, "signal", system)
        assert [s.name for s in platforms.stop_signals()] == names


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="no hang-ups here")
def test_a_hang_up_that_was_told_to_be_ignored_ends_nothing() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert signal.SIGHUP not in platforms.stop_signals()
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        assert signal.SIGHUP in platforms.stop_signals()
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)])
def test_a_command_that_is_told_to_end_exits_with_128_plus_the_signal(
    trained: Path, rnngen_command: list[str], name: str, code: int
) -> None:
    command = [*rnngen_command, "sample", str(trained), "--length", "100000000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.read(100)  # it has begun
        process.send_signal(getattr(signal, name))
        _, err = process.communicate(timeout=60)
    assert process.returncode == code
    assert b"Traceback" not in err


# consoles


def stream(encoding: str, *, terminal: bool = False) -> io.TextIOWrapper:
    buffer = io.BytesIO()
    buffer.isatty = lambda: terminal  # type: ignore[method-assign]
    return io.TextIOWrapper(buffer, encoding=encoding, newline="\n", write_through=True)


def written(text: str, out: io.TextIOWrapper) -> bytes:
    platforms.use_utf8(out)
    out.write(text)
    return out.buffer.getvalue()  # type: ignore[attr-defined, no-any-return]


@pytest.mark.parametrize("encoding", ["cp1252", "cp437", "ascii", "utf-8"])
@pytest.mark.parametrize("chosen", [True, False])
@pytest.mark.parametrize("terminal", [True, False])
def test_no_text_is_too_much_for_a_stream(
    monkeypatch: pytest.MonkeyPatch, encoding: str, chosen: bool, terminal: bool
) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", encoding if chosen else "")
    assert written("→ 漢 \ud800 end", stream(encoding, terminal=terminal)).endswith(b"? end")


@pytest.mark.parametrize("chosen", ["", ":replace"])
def test_text_in_a_file_or_a_pipe_is_utf8_and_a_terminal_keeps_its_encoding(
    monkeypatch: pytest.MonkeyPatch, chosen: str
) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", chosen)
    assert written("é→漢", stream("cp1252")) == "é→漢".encode()
    assert written("é→漢", stream("cp1252", terminal=True)) == b"\xe9??"


@pytest.mark.parametrize("terminal", [True, False])
def test_an_encoding_that_the_user_chose_is_kept(monkeypatch: pytest.MonkeyPatch, terminal: bool) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "latin-1")
    assert written("é漢", stream("latin-1", terminal=terminal)) == b"\xe9?"


def test_a_stream_that_escapes_what_it_lacks_still_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    out = stream("ascii")
    out.reconfigure(errors="backslashreplace")  # as standard error
    assert written("é漢 \udce9", out) == rb"\xe9\u6f22 \udce9"


def test_what_was_typed_in_utf8_is_read_where_the_locale_lacks_it() -> None:
    for text in ("plain", "Пётр и 漢", "🙂"):
        assert platforms.unescaped(text.encode().decode("ascii", "surrogateescape")) == text  # as with LANG=C
        assert platforms.unescaped(text + text.encode().decode("ascii", "surrogateescape")) == text + text
    for text in ("\udcff", "é漢", "\ud800", "a\udcff漢"):  # no UTF-8, nothing to do, no byte
        assert platforms.unescaped(text) == text


def test_streams_that_are_closed_or_no_files_are_left_alone() -> None:
    closed = stream("utf-8")
    closed.close()
    for each in (closed, None, io.StringIO()):
        platforms.use_utf8(each)


@pytest.mark.parametrize("is_windows", [True, False])
def test_a_reader_that_has_gone_is_no_error_of_the_output(monkeypatch: pytest.MonkeyPatch, is_windows: bool) -> None:
    def fails_with(number: int) -> None:
        error = OSError(number, "failed")

        def write(_text: str) -> None:
            raise error

        gone: Any = SimpleNamespace(isatty=lambda: False, write=write)
        Console(gone, None).write("text")

    monkeypatch.setattr(platforms, "WINDOWS", is_windows)
    with pytest.raises(ReaderGone):
        fails_with(errno.EPIPE)
    with pytest.raises(ReaderGone if is_windows else RnngenError):
        fails_with(errno.EINVAL)
    with pytest.raises(RnngenError):
        fails_with(errno.ENOSPC)


# names


DEVICES = ("CON", "PRN", "AUX", "NUL", "COM1", "COM9", "LPT1", "COM¹")


@pytest.mark.parametrize(
    "stem",
    [
        *DEVICES,
        *(name.lower() + ".tar.gz" for name in DEVICES),
        'a<b>c:d"e/f\\g|h?i*j',
        "dots...",
        "spaces  ",
        ". .",
        "-rf",
        "\0\x1f",
        "",
        "漢" * 300,
        "x" * 300,
        "nul .txt",
        "C:\\texts\\my novel",
    ],
)
def test_a_safe_name_is_allowed_everywhere(stem: str) -> None:
    for name in (safe_file_name(stem), safe_file_name(stem) + "-1"):
        assert not set(name) & set('<>:"/\\|?* \0')
        assert name.isprintable()
        assert name
        assert name[0] not in "-."
        assert name[-1] not in ". "
        assert len(name.encode()) <= 255
        assert name.split(".")[0].upper() not in DEVICES
        assert sys.version_info >= (3, 13) or not PureWindowsPath(name).is_reserved()  # deprecated there
        assert PureWindowsPath(name).name == name


def test_a_name_that_is_safe_stays() -> None:
    for name in ("pydoc", "novel.v2", "Über_uns", "漢字", "console", "com10", "nullable.x"):
        assert safe_file_name(name) == name


def test_a_run_of_a_file_named_like_a_device_gets_a_folder_that_every_system_can_have(tmp_path: Path) -> None:
    assert new_run_folder(tmp_path, "aux.backup").name == "run-aux.backup-1"


def test_a_folder_is_read_in_the_same_order_on_every_system() -> None:
    names = ["b/a", "B/b", "a-b/x", "a/x", "A", "Ä"]
    orders = [
        [path.as_posix() for path in sorted(map(kind, names), key=platforms.path_order)]
        for kind in (PurePosixPath, PureWindowsPath)
    ]
    assert orders[0] == orders[1] == [path.as_posix() for path in sorted(map(PurePosixPath, names))]


# shells


def test_a_command_to_copy_is_quoted_for_the_shell_at_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    assert platforms.quote_argument("my runs/a-1") == "'my runs/a-1'"
    monkeypatch.setattr(platforms, "WINDOWS", True)
    assert platforms.quote_argument("checkpoints\\a-1") == "checkpoints\\a-1"
    assert platforms.quote_argument("C:\\my runs\\a-1") == '"C:\\my runs\\a-1"'


def test_a_backslash_separates_folders_on_windows_and_escapes_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    assert platforms.split_arguments(r"my\ text.txt '#1'") == ["my text.txt", "#1"]
    monkeypatch.setattr(platforms, "WINDOWS", True)
    assert platforms.split_arguments(r'C:\texts\new "C:\my texts\a"') == [r"C:\texts\new", r"C:\my texts\a"]
    with pytest.raises(ValueError, match="No closing quotation"):
        platforms.split_arguments('"open')


# files that are the same everywhere


def test_a_tokenizer_has_the_same_bytes_on_every_system(trained: Path) -> None:
    tokenizer: Tokenizer = open_run(trained).tokenizer()
    assert (trained / "tokenizer.json").read_bytes() == tokenizer.to_json().encode()
    caches = list(Path(os.environ["RNNGEN_CACHE"]).rglob("*.json"))
    assert all(b"\r" not in file.read_bytes() for file in caches)


def test_a_text_that_is_scored_outlives_its_file_on_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    array = np.arange(5)
    assert platforms.without_file(array) is array
    monkeypatch.setattr(platforms, "WINDOWS", True)
    copied = platforms.without_file(array)
    assert not np.shares_memory(copied, array)
    np.testing.assert_array_equal(copied, array)


def test_idle_seconds_are_those_of_the_processors_this_process_may_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stat = tmp_path / "stat"
    stat.write_text(
        "cpu  9 9 9 999 9\ncpu0 1 2 3 400 5\ncpu1 1 2 3 600 5\ncpu12 1 2 3 700 5\nintr 5\n", encoding="ascii"
    )
    monkeypatch.setattr(platforms, "Path", lambda name: stat)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 12}, raising=False)
    monkeypatch.setattr(os, "sysconf", lambda name: 100, raising=False)
    assert platforms.idle_seconds() == 11.0
    stat.unlink()
    assert platforms.idle_seconds() is None  # as where there is no /proc
    monkeypatch.delattr(os, "sched_getaffinity")
    assert platforms.idle_seconds() is None  # as on macOS and Windows
