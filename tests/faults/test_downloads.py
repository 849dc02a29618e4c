"""Downloads from servers that fail in every way: a right file or a clear error, never a wrong file, never a hang."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import os
import random
import shutil
import subprocess
import sys
import threading
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from rnngen.corpus.files.find import find
from rnngen.corpus.files.outputs import CACHE
from rnngen.corpus.named import store, texts
from rnngen.corpus.named.addresses import redirected
from rnngen.corpus.named.get import _cut, get
from rnngen.corpus.named.store import downloads_folder, fetch
from rnngen.corpus.named.texts import Download, NamedText, Part
from rnngen.corpus.named.transfer import Limits, _reason
from rnngen.errors import CorpusError, UsageError
from tests.corpus.named import serving as servers
from tests.corpus.named.serving import QUICK, Behaviour, serving, wait_until

pytestmark = pytest.mark.fault(31)

CONTENT = random.Random(0).randbytes(300_000).hex().encode()
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def nothing(*_: object) -> None:
    pass


def download(*urls: str, size: int | None = len(CONTENT), sha256: str | None = SHA256) -> Download:
    return Download("text.txt", urls, size, sha256)


def fetched(each: Download, limits: Limits = QUICK) -> bytes:
    path = fetch(each, nothing, limits)
    assert path == downloads_folder() / "text.txt"
    return path.read_bytes()


def left() -> set[str]:
    """What is in the folder of downloads, besides locks."""
    folder = downloads_folder()
    files = set(folder.iterdir()) if folder.exists() else set()
    return {path.name for path in files if path.suffix != ".lock" and path.name != "CACHEDIR.TAG"}


def partial(content: bytes) -> None:
    downloads_folder().mkdir(parents=True, exist_ok=True)
    (downloads_folder() / ".text.txt.part").write_bytes(content)


# servers from which it arrives all the same

RECOVERIES: dict[str, tuple[Behaviour, list[int | None]]] = {
    "right": (servers.right, [None]),
    "no ranges": (servers.without_ranges, [None]),
    "cut once": (servers.cut_once, [None, 200_000]),
    "cut, no ranges": (servers.cut_without_ranges, [None, 200_000]),
    "reset once": (servers.reset_once, [None, None]),
    "stalls once": (servers.stalls_once, [None, 500]),
    "chunked": (servers.chunked, [None]),
    "no length": (servers.without_length, [None]),
    "busy once": (servers.busy_once, [None, None]),
    "another range": (servers.wrong_range, [None, 700, None]),
    "a redirect": (servers.redirect("/elsewhere", times=3), [None] * 4),
}


@pytest.mark.parametrize("name", RECOVERIES)
def test_what_can_be_recovered_arrives_whole(name: str) -> None:
    behaviour, requests = RECOVERIES[name]
    with serving(CONTENT, behaviour) as server:
        assert fetched(download(server.url)) == CONTENT
        assert server.requests == requests
        assert fetched(download(server.url)) == CONTENT
        assert server.requests == requests  # it is asked for once
    assert left() == {"text.txt"}


@pytest.mark.parametrize("already", [1, 100_000, len(CONTENT) - 1])
def test_what_an_interrupted_process_has_left_is_not_fetched_again(already: int) -> None:
    partial(CONTENT[:already])
    with serving(CONTENT) as server:
        assert fetched(download(server.url)) == CONTENT
        assert server.requests == [already]


def test_no_password_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even one that a user keeps for this server, as for curl."""
    netrc = Path("netrc").absolute()
    netrc.write_text("machine 127.0.0.1 login me password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    headers: list[str] = []

    def listening(answer: servers.Answer, offset: int, _: int) -> None:
        headers.extend(answer.headers)
        answer.serve(offset)

    with serving(CONTENT, listening) as server:
        assert fetched(download(server.url)) == CONTENT
    assert {header.lower() for header in headers} <= {"host", "user-agent", "accept", "accept-encoding", "connection"}


def test_what_has_arrived_when_the_user_interrupts_it_is_kept() -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with serving(CONTENT) as server:
        with pytest.raises(KeyboardInterrupt):
            fetch(download(server.url), interrupt, QUICK)
        arrived = (downloads_folder() / ".text.txt.part").stat().st_size
        assert arrived > 0
        assert fetched(download(server.url)) == CONTENT
        assert server.requests == [None, arrived][: 2 if arrived < len(CONTENT) else 1]


def test_a_folder_of_texts_that_holds_the_cache_is_read_without_the_downloads() -> None:
    with serving(CONTENT) as server:
        fetched(download(server.url))
    Path("mine.txt").write_text("mine")
    found = find(["."])
    assert found.files == [Path("mine.txt")]
    assert [each.reason for each in found.skipped if each.path.name == "named"] == [CACHE]


def test_a_download_that_was_complete_but_not_yet_verified_asks_for_nothing() -> None:
    partial(CONTENT)
    with serving(CONTENT) as server:
        assert fetched(download(server.url)) == CONTENT
        assert server.requests == []


@pytest.mark.parametrize("wrong", [b"x" * 1000, b"x" * len(CONTENT), CONTENT + b"more"], ids=["begin", "all", "more"])
@pytest.mark.parametrize("behaviour", [servers.right, servers.without_ranges, servers.not_satisfiable])
def test_a_wrong_beginning_is_fetched_again(wrong: bytes, behaviour: Behaviour) -> None:
    partial(wrong)
    with serving(CONTENT, behaviour) as server:
        assert fetched(download(server.url)) == CONTENT
    assert left() == {"text.txt"}


@pytest.mark.parametrize("damage", [b"", b"short", b"x" * len(CONTENT)])
def test_a_damaged_file_in_the_cache_is_fetched_again(damage: bytes) -> None:
    downloads_folder().mkdir(parents=True)
    (downloads_folder() / "text.txt").write_bytes(damage)
    with serving(CONTENT) as server:
        assert fetched(download(server.url)) == CONTENT


def test_the_next_address_is_tried_and_resumes_what_the_first_has_sent() -> None:
    with serving(CONTENT, servers.always_cut) as first, serving(CONTENT) as second:
        assert fetched(download(first.url, second.url)) == CONTENT
        assert len(first.requests) == QUICK.attempts
        assert second.requests == [100 * QUICK.attempts]


# servers from which it does not

ERRORS: dict[str, tuple[Behaviour, str]] = {
    "always cut": (
        servers.always_cut,
        r"the connection ended before the file\)\. Try again later\. The 300 bytes that",
    ),
    "always stalls": (servers.always_stalls, "nothing arrives"),
    "never answers": (servers.never_answers, "cannot be reached: nothing arrives"),
    "trickles": (servers.trickles, r"only \d+ bytes in \d seconds"),
    "corrupts": (
        servers.corrupts,
        f"is not the text that it should be; expected SHA-256 {SHA256}; found [0-9a-f]{{64}}",
    ),
    "sends more": (servers.sends_more, "expected 600,000 bytes; found more bytes"),
    "announces more": (servers.announces_more, "expected 600,000 bytes; found 600,001 bytes"),
    "announces less": (servers.announces_less, "expected 600,000 bytes; found 599,999 bytes"),
    "chunked and cut": (servers.chunked_and_cut, "cannot be downloaded"),
    "compresses": (servers.compresses, "is sent compressed"),
    "404": (servers.status(404), "found the answer 404 Not Found"),
    "403": (servers.status(403), "found the answer 403 Forbidden"),
    "204": (servers.status(204), "found the answer 204 No Content"),
    "500": (servers.status(500), "answers 500 Internal Server Error"),
    "endless redirects": (servers.redirects_without_end, "expected at most 3 redirects"),
    "a loop": (servers.redirect("/text"), "expected at most 3 redirects"),
    "to a file": (servers.redirect("file:///etc/passwd"), "not followed; expected http; found file:///etc/passwd"),
    "to ftp": (servers.redirect("ftp://127.0.0.1/x"), "not followed; expected http; found ftp://127"),
    "to nowhere": (servers.redirect(""), "not followed; expected http"),
    "to nonsense": (servers.redirect("http://[::"), "not followed; expected http"),
    "endless headers": (servers.endless_headers, "cannot be downloaded"),
    "garbage": (servers.garbage, "cannot be downloaded"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_what_cannot_be_recovered_is_a_clear_error_and_no_file(name: str) -> None:
    behaviour, message = ERRORS[name]
    with serving(CONTENT, behaviour) as server, pytest.raises(CorpusError, match=message) as caught:
        fetched(download(server.url))
    assert server.url in str(caught.value)
    assert len(str(caught.value)) < 500
    assert left() <= {".text.txt.part"}
    with serving(CONTENT) as server:  # nothing that is left is in the way
        assert fetched(download(server.url)) == CONTENT


def test_a_server_that_is_not_there_is_a_clear_error() -> None:
    with serving(CONTENT) as server:
        pass
    with pytest.raises(CorpusError, match=r"cannot be downloaded \(the server cannot be reached: .*refused\)\. Try"):
        fetched(download(server.url))
    assert left() == set()  # an empty file would be listed as an incomplete download
    assert store.downloaded() == []


def test_an_address_with_an_impossible_port_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "localhost")  # with which the port is looked at
    address = "http://127.0.0.1:99999/x"
    with (
        serving(CONTENT, servers.redirect(address)) as server,
        pytest.raises(CorpusError, match=f"^{address}: cannot be downloaded; found"),
    ):
        fetched(download(server.url))


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "all_proxy"])
def test_a_proxy_that_fails_is_named_with_what_sets_it_but_not_with_its_password(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    with serving(CONTENT) as gone:
        pass
    address = gone.url.split("/")[2]
    monkeypatch.setenv(variable, f"http://me:secret@{address}")
    with serving(CONTENT) as server, pytest.raises(CorpusError) as caught:
        fetched(download(server.url))
    assert f"cannot be reached through the proxy {address} of {variable}: " in str(caught.value)
    assert "secret" not in str(caught.value)
    assert server.requests == []


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (
            OSError("HTTPConnectionPool(a): Failed to resolve 'a' ([Errno -2] Not known)"),
            "Failed to resolve 'a' ([Errno -2] Not known)",
        ),
        (OSError("('Connection aborted.', 'x: ended (early)')"), "ended (early)"),
        (OSError("a (b)"), "a (b)"),
        (OSError(""), "OSError"),
    ],
)
def test_a_reason_has_no_bracket_that_is_not_closed(error: OSError, reason: str) -> None:
    assert _reason(error) == reason


def test_if_no_address_has_it_each_is_named() -> None:
    with serving(CONTENT, servers.status(404)) as first, serving(CONTENT, servers.corrupts) as second:
        with pytest.raises(CorpusError, match="from anywhere") as caught:
            fetched(download(first.url, second.url))
        assert first.url in str(caught.value)
        assert second.url in str(caught.value)


def test_addresses_that_are_not_encrypted_are_not_asked() -> None:
    with serving(CONTENT) as server, pytest.raises(CorpusError, match="is not followed; expected https; found http:"):
        fetched(download(server.url), dataclasses.replace(QUICK, schemes=("https",)))
    assert server.requests == []


@pytest.mark.parametrize(
    ("url", "location", "leads_to"),
    [
        ("https://a.org/x/y", "z", "https://a.org/x/z"),
        ("https://a.org/x", "//b.org/y", "https://b.org/y"),
        ("https://a.org/x", "http://a.org/x", None),
        ("https://a.org/x", "file:///etc/passwd", None),
        ("https://a.org/x", "data:text/plain,x", None),
        ("https://a.org/x", "", None),
        ("http://a.org/x", "https://a.org/x", "https://a.org/x"),
    ],
)
def test_a_redirect_never_leads_out_of_https(url: str, location: str, leads_to: str | None) -> None:
    if leads_to:
        assert redirected(url, location, ("https",)) == leads_to
        return
    for schemes in (("https",), ("https", "http")):
        with pytest.raises(CorpusError, match="is not followed"):
            redirected(url, location, schemes)


# hashes that are not known beforehand


@pytest.mark.parametrize("behaviour", [servers.right, servers.chunked, servers.cut_once, servers.reset_once])
def test_the_hash_of_the_first_download_is_recorded(behaviour: Behaviour) -> None:
    partial(b"wrong, and nobody could tell")
    with serving(CONTENT, behaviour) as server:
        assert fetched(download(server.url, size=None, sha256=None)) == CONTENT
        assert set(server.requests) == {None}
    assert left() == {"text.txt", "text.txt.sha256"}
    assert (downloads_folder() / "text.txt.sha256").read_text() == f"{SHA256}\n"


def test_a_later_download_of_another_content_is_an_error_that_says_how_to_take_it() -> None:
    unknown = dataclasses.replace(download(), sha256=None, bytes=None)
    with serving(CONTENT) as server:
        fetched(dataclasses.replace(unknown, urls=(server.url,)))
    record = downloads_folder() / "text.txt.sha256"
    (downloads_folder() / "text.txt").unlink()
    with serving(b"another text\n") as server:
        another = dataclasses.replace(unknown, urls=(server.url,))
        with pytest.raises(
            CorpusError, match=f"has changed since it was first.*expected SHA-256 {SHA256}.*remove {record}"
        ):
            fetched(another)
        assert left() == {"text.txt.sha256"}
        record.unlink()
        assert fetched(another) == b"another text\n"


@pytest.mark.parametrize("content", [b"", b"x" * 64, b"\xff" * 64, b"a" * 1000])
def test_a_record_that_is_no_hash_is_an_error(content: bytes) -> None:
    downloads_folder().mkdir(parents=True)
    (downloads_folder() / "text.txt.sha256").write_bytes(content)
    with serving(CONTENT) as server, pytest.raises(CorpusError, match="is not a SHA-256"):
        fetched(download(server.url, sha256=None))


@pytest.mark.parametrize("behaviour", [servers.always_cut, servers.chunked_and_cut, servers.without_length])
def test_without_size_and_hash_nothing_that_may_be_cut_is_taken(behaviour: Behaviour) -> None:
    with serving(CONTENT, behaviour) as server, pytest.raises(CorpusError):
        fetched(download(server.url, size=None, sha256=None))
    assert left() <= {".text.txt.part"}


def test_a_download_of_unknown_size_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "MOST_UNKNOWN", 10_000)
    for behaviour in (servers.right, servers.sends_more):
        with serving(CONTENT, behaviour) as server, pytest.raises(CorpusError, match="expected at most 10,000 bytes"):
            fetched(download(server.url, size=None, sha256=None))
    assert left() == set()


# what is on this machine


def some_process(url: str) -> subprocess.Popen[bytes]:
    """A process of its own that downloads the text."""
    program = (
        "import sys; from tests.faults.test_downloads import download, fetch, QUICK\n"
        "fetch(download(sys.argv[1]), lambda *_: None, QUICK)"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    return subprocess.Popen([sys.executable, "-c", program, url], env=environment)


@pytest.mark.slow
def test_processes_that_are_killed_or_run_at_once_leave_a_whole_file_or_none() -> None:
    whole, part = downloads_folder() / "text.txt", downloads_folder() / ".text.txt.part"
    with serving(CONTENT, servers.slowly) as server:
        killed = some_process(server.url)
        wait_until(lambda: part.exists() and part.stat().st_size > 0)
        killed.kill()
        killed.wait(60)
        assert not whole.exists()
        arrived = part.stat().st_size
        assert part.read_bytes() == CONTENT[:arrived]
        both = [some_process(server.url) for _ in range(2)]
        assert [process.wait(120) for process in both] == [0, 0]
        assert whole.read_bytes() == CONTENT
        assert server.requests == [None, arrived]


def erratic_run(seed: int) -> str:
    """The outcome of some attempts with a server that fails in random ways; what is there in between is never wrong."""
    content = CONTENT[:5000]
    sha256 = hashlib.sha256(content).hexdigest() if seed % 3 else None
    with serving(content, servers.erratic(seed)) as server:
        each = download(server.url, size=len(content) if seed % 2 else None, sha256=sha256)
        for _ in range(4):
            try:
                assert fetched(each) == content or sha256 is None
                return "arrived"
            except CorpusError as error:
                assert len(str(error)) < 700
                assert left() <= {".text.txt.part"}
    return "failed"


@pytest.mark.parametrize("seeds", [range(40), pytest.param(range(40, 1000), marks=pytest.mark.slow)])
def test_an_erratic_server_ends_in_the_right_file_or_a_clear_error(seeds: range) -> None:
    outcomes = set()
    for seed in seeds:
        outcomes.add(erratic_run(seed))
        shutil.rmtree(downloads_folder())
    assert outcomes == {"arrived", "failed"}


def test_two_at_once_fetch_it_once() -> None:
    results: list[bytes] = []
    with serving(CONTENT, servers.stalls_once) as server:
        both = [threading.Thread(target=lambda: results.append(fetched(download(server.url)))) for _ in range(2)]
        for thread in both:
            thread.start()
        for thread in both:
            thread.join(60)
        assert server.requests == [None, 500]
    assert results == [CONTENT, CONTENT]


def test_one_that_waits_for_another_says_so() -> None:
    said: list[str] = []
    downloads_folder().mkdir(parents=True)
    lock = store._lock(downloads_folder() / "text.txt")
    with serving(CONTENT) as server:
        lock.acquire()
        waiting = threading.Thread(
            target=lambda: fetch(download(server.url), lambda what, *_: said.append(what), QUICK), daemon=True
        )
        waiting.start()
        wait_until(lambda: bool(said))
        assert server.requests == []
        lock.release()
        waiting.join(60)
        assert len(server.requests) == 1
    assert said[0] == "waiting for another process that downloads this"


@pytest.mark.parametrize("name", ["text.txt", ".text.txt.part"])
@pytest.mark.parametrize("kind", ["link", "folder"])
def test_what_is_in_the_way_is_an_error_and_no_link_is_followed(name: str, kind: str) -> None:
    victim = Path("victim")
    victim.write_text("stays")
    place = downloads_folder() / name
    place.parent.mkdir(parents=True)
    if kind == "link":
        place.symlink_to(victim.absolute())
    else:
        place.mkdir()
    with serving(CONTENT) as server, pytest.raises(CorpusError):
        fetched(download(server.url))
    assert victim.read_text() == "stays"


def test_a_cache_that_cannot_be_written_is_a_clear_error() -> None:
    Path("cache").write_text("a file in place of a folder")
    with serving(CONTENT) as server, pytest.raises(CorpusError, match=r"cannot be kept \(.*\)\. Set RNNGEN_CACHE"):
        fetched(download(server.url))
    assert server.requests == []


def test_a_full_disk_keeps_what_has_arrived(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(source: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch, serving(CONTENT) as server:
        patch.setattr("rnngen.corpus.named.transfer.replace_file", full)
        with pytest.raises(CorpusError, match=r"cannot be written \(No space left on device\).*Free some space"):
            fetched(download(server.url))
    assert left() == {".text.txt.part"}
    with serving(CONTENT) as server:
        assert fetched(download(server.url)) == CONTENT
        assert server.requests == []


# from an archive to files


def archive(**members: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name.replace("__", "/"), content)
    return stream.getvalue()


@pytest.fixture
def named(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Makes ``toy`` the name of a text that consists of one archive."""

    def name(content: bytes, url: str, *parts: tuple[str, str, int, int | None], most_bytes: int = 1000) -> None:
        each = Download("toy.zip", (url,), len(content), hashlib.sha256(content).hexdigest())
        listed = tuple(Part(part, each, member, most_bytes, start, stop) for part, member, start, stop in parts)
        monkeypatch.setitem(texts.TEXTS, "toy", NamedText("toy", "none", listed))

    return name


def files_of(folder: str) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def test_the_members_become_files_and_nothing_else_is_unpacked(named: Callable[..., None]) -> None:
    content = archive(dir__train=b"one\n", dir__test=b"two\n", **{"..__evil": b"x", "__etc__evil": b"x"})
    with serving(content) as server:
        named(content, server.url, ("train", "dir/train", 0, None), ("test", "dir/test", 0, None))
        gotten = get("toy", None, nothing, QUICK)
    assert files_of("corpora") == {"toy.train.txt": b"one\n", "toy.test.txt": b"two\n"}
    assert gotten.commands == ("rnngen train corpora/toy.train.txt --test corpora/toy.test.txt", "rnngen eval")
    assert {path.name for path in Path().iterdir()} == {"corpora", "cache"}


@pytest.mark.parametrize("text", ["aébc", "€€€€", "a👍b👍", "ascii", "👍", "é" * 20])
@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_a_border_within_a_character_moves_behind_it_so_that_parts_are_utf8_and_lose_nothing(
    text: str, size: int
) -> None:
    raw = text.encode()

    def part(start: int, stop: int | None) -> bytes:
        chunks = (raw[begin : begin + size] for begin in range(0, len(raw), size))
        return b"".join(_cut(chunks, start, stop, Path("text")))

    for first in range(len(raw) + 1):
        for second in range(first, len(raw) + 1):
            parts = [part(0, first), part(first, second), part(second, None)]
            assert "".join(each.decode() for each in parts) == text
            assert 0 <= len(parts[0]) - first <= 3


def test_a_character_that_the_end_of_the_file_cuts_is_left_out(named: Callable[..., None]) -> None:
    content = archive(all="né".encode()[:-1])
    with serving(content) as server:
        named(content, server.url, ("", "all", 0, None))
        get("toy", None, nothing, QUICK)
    assert files_of("corpora") == {"toy.txt": b"n"}


ARCHIVES: dict[str, tuple[bytes, str]] = {
    "no archive": (b"text", "not a zip file"),
    "no such member": (archive(other=b"x"), "no item named 'all'"),
    "a bomb": (archive(all=bytes(10_000_000)), "more than 1,000 bytes"),
    "a wrong checksum": (archive(all=b"abc").replace(zlib.crc32(b"abc").to_bytes(4, "little"), b"\0" * 4), "CRC"),
    "not UTF-8": (archive(all=b"ab\xffcd"), "is not UTF-8"),
}


@pytest.mark.parametrize("name", ARCHIVES)
def test_an_archive_that_cannot_be_unpacked_is_a_clear_error_and_leaves_no_file(
    name: str, named: Callable[..., None]
) -> None:
    content, message = ARCHIVES[name]
    with serving(content) as server:
        named(content, server.url, ("", "all", 0, None))
        with pytest.raises(CorpusError, match=message):
            get("toy", None, nothing, QUICK)
    assert files_of("corpora") == {}


def test_a_book_is_what_stands_between_the_publishers_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    content = (
        "\ufeffThe Project Gutenberg eBook of X\r\n\r\n*** START OF THE PROJECT GUTENBERG EBOOK X ***\r\n\r\n\r\n"
        "Καλημέρα.\r\n\r\nEnd.\r\n\r\n*** END OF THE PROJECT GUTENBERG EBOOK X ***\r\nlicence\r\n"
    ).encode()
    with serving(content) as server:
        each = Download("pg1.txt", (server.url,), None, None)
        monkeypatch.setitem(texts.TEXTS, "x", NamedText("x", "none", (Part("", each, is_book=True),)))
        get("x", None, nothing, QUICK)
    assert files_of("corpora") == {"x.txt": "Καλημέρα.\n\nEnd.\n".encode()}


def test_nothing_is_ever_overwritten_and_the_same_content_stays(named: Callable[..., None]) -> None:
    content = archive(all=b"text\n")
    path = Path("corpora/toy.txt")
    path.parent.mkdir()
    path.write_text("mine\n")
    with serving(content) as server:
        named(content, server.url, ("", "all", 0, None))
        with pytest.raises(UsageError, match=r"corpora/toy\.txt: already exists"):
            get("toy", None, nothing, QUICK)
        assert path.read_text() == "mine\n"
        path.write_bytes(b"text\n")
        before = path.stat().st_mtime_ns
        get("toy", None, nothing, QUICK)
    assert path.stat().st_mtime_ns == before


# the list


def test_every_known_text_is_encrypted_bounded_and_of_a_possible_hash() -> None:
    for name, text in texts.TEXTS.items():
        assert text.title, name
        assert text.licence, name
        assert {part.name for part in text.parts} in ({""}, {"train", "valid", "test"})
        for each in text.downloads:
            assert all(url.startswith("https://") for url in each.urls)
            assert each.sha256 is None or len(bytes.fromhex(each.sha256)) == 32
            assert each.sha256 is None or each.bytes is not None
        assert all(part.most_bytes > 0 for part in text.parts if part.member)
    files = [each.file for text in texts.TEXTS.values() for each in text.downloads]
    assert len(files) == len(set(files))
    hashes = [each.sha256 for text in texts.TEXTS.values() for each in text.downloads if each.sha256]
    assert len(hashes) == len(set(hashes)) >= 10
