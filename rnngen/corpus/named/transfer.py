"""One download over HTTPS: resumed where it was interrupted, within limits of size, time, attempts and redirects.

An instance is a downloader for pooch, which then compares the hash and renames the file. What has arrived is kept in a
file beside it until it is complete; if nothing can tell whether the rest fits to it, because neither hash nor size is
known, it is fetched again from the beginning.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from rnngen.corpus.named.addresses import check_scheme, redirected, through_proxy
from rnngen.corpus.named.texts import Download
from rnngen.corpus.progress import OnProgress
from rnngen.errors import CorpusError, shortened
from rnngen.platforms import OPEN_PARTIAL, replace_file
from rnngen.version import __version__

if TYPE_CHECKING:
    from requests import Response, Session

_CHUNK_BYTES = 1 << 18
_LEAST_BYTES = 1 << 10  # that must arrive within a timeout
_STEADY_BYTES = 1 << 20  # after which an interruption counts as the first
_REDIRECTS = (301, 302, 303, 307, 308)
_PASSING = (408, 425, 429, 500, 502, 503, 504)
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")


@dataclass(frozen=True)
class Limits:
    """What a server is granted.

    Attributes:
        schemes: of addresses.
        connect: seconds until it answers a connection.
        silence: seconds in which at least a kibibyte must arrive.
        attempts: how often in a row a transfer may be interrupted before a mebibyte has arrived.
        pause: seconds before the second attempt, doubled for each further one.
        redirects: how many may follow one another.
    """

    schemes: tuple[str, ...] = ("https",)
    connect: float = 15.0
    silence: float = 30.0
    attempts: int = 4
    pause: float = 0.5
    redirects: int = 5


class _Interruption(Exception):  # noqa: N818 (not an error: the transfer is resumed)
    """The transfer stopped, for a reason that may pass."""


class Transfer:
    """Downloads one file.

    Args:
        download: its size is a limit, and its URL is given by the caller.
        partial: what has arrived.
        is_verified: whether the hash of the result is known.
        limits: what the server is granted.
        on_progress: called with the bytes that have arrived.

    Attributes:
        was_resumed: whether the last file began with what an earlier process has left.
    """

    def __init__(
        self, download: Download, partial: Path, limits: Limits, on_progress: OnProgress, *, is_verified: bool
    ) -> None:
        self._download, self._partial, self._limits = download, partial, limits
        self._on_progress, self._is_verified = on_progress, is_verified
        self.was_resumed = False

    def __call__(self, url: str, output_file: str, pooch: object, check_only: bool = False) -> None:
        """Download to a file.

        Raises:
            CorpusError: the server does not have it, sends something else, or was interrupted too often; or it cannot
                be written.
        """
        import requests

        try:
            with os.fdopen(os.open(self._partial, OPEN_PARTIAL, 0o666), "r+b") as file, requests.Session() as session:
                session.auth = _anonymous
                session.get_redirect_target = _none  # type: ignore[method-assign, assignment]
                self._resume(session, url, file)
            replace_file(self._partial, Path(output_file))
        except OSError as error:
            raise CorpusError(
                f"the download cannot be written ({error.strerror})",
                where=self._partial,
                hint="Free some space, or set RNNGEN_CACHE to a folder on another disk.",
            ) from error
        finally:
            _remove_if_empty(self._partial)

    def _resume(self, session: Session, url: str, file: BinaryIO) -> None:
        if not self._is_verified or file.seek(0, os.SEEK_END) > self._download.most_bytes:
            file.truncate(0)
        self.was_resumed = file.seek(0, os.SEEK_END) > 0
        interrupted, pause = 0, self._limits.pause
        while file.seek(0, os.SEEK_END) != self._download.bytes:
            before = file.tell()
            try:
                self._receive(session, url, file)
                return
            except _Interruption as reason:
                if file.seek(0, os.SEEK_END) - before >= _STEADY_BYTES:
                    interrupted, pause = 0, self._limits.pause
                interrupted += 1
                if interrupted == self._limits.attempts:
                    arrived = file.tell() if self._is_verified else 0
                    kept = f" The {arrived:,} bytes that have arrived are kept." if arrived else ""
                    raise CorpusError(
                        f"cannot be downloaded ({reason})", where=url, hint=f"Try again later.{kept}"
                    ) from reason
                time.sleep(pause)
                pause *= 2

    def _receive(self, session: Session, url: str, file: BinaryIO) -> None:
        """Get the rest of the file, or all of it.

        Raises:
            _Interruption: something less has arrived.
        """
        if not self._is_verified:
            file.truncate(0)
        offset = file.seek(0, os.SEEK_END)
        with self._open(session, url, offset) as response:
            if not self._continues(response, url, file):
                file.truncate(0)
                offset = file.seek(0)
            expected = self._expected_size(response, url, offset)
            self._copy(response, url, file)
            if expected is not None and file.tell() != expected:
                raise _Interruption(f"only {file.tell():,} of {expected:,} bytes have arrived")

    def _open(self, session: Session, url: str, offset: int) -> Response:
        """The answer of the server that the redirects lead to."""
        import requests

        headers = {"User-Agent": f"rnngen/{__version__}", "Accept-Encoding": "identity"}
        headers |= {"Range": f"bytes={offset}-"} if offset else {}
        first, timeout = url, (self._limits.connect, self._limits.silence)
        check_scheme(url, url, self._limits.schemes)
        for _ in range(self._limits.redirects + 1):
            try:
                response = session.get(url, headers=headers, stream=True, allow_redirects=False, timeout=timeout)
            except requests.exceptions.SSLError as error:
                raise CorpusError(
                    f"the server cannot be trusted{through_proxy(url)}", where=url, found=_reason(error)
                ) from error
            except (requests.exceptions.ConnectionError, requests.exceptions.Timeout) as error:
                raise _Interruption(f"the server cannot be reached{through_proxy(url)}: {_reason(error)}") from error
            except (requests.exceptions.RequestException, ValueError) as error:
                raise CorpusError(
                    f"cannot be downloaded{through_proxy(url)}", where=url, found=_reason(error)
                ) from error
            if response.status_code not in _REDIRECTS:
                return response
            response.close()
            url = redirected(url, response.headers.get("Location", ""), self._limits.schemes)
        raise CorpusError(
            "leads from one address to the next",
            where=first,
            expected=f"at most {self._limits.redirects} redirects",
            hint="Try again later.",
        )

    def _continues(self, response: Response, url: str, file: BinaryIO) -> bool:
        """Whether an answer begins where the file ends, not at its first byte.

        Raises:
            CorpusError, _Interruption: it is neither.
        """
        status = response.status_code
        if status == 200:
            return False
        if status in _PASSING:
            raise _Interruption(f"the server answers {status} {response.reason}")
        if status not in (206, 416):
            raise CorpusError(
                "cannot be downloaded",
                where=url,
                expected="the text",
                found=f"the answer {status} {shortened(str(response.reason))}",
                hint="It may have moved: see whether a newer rnngen knows where.",
            )
        sent = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
        size, offset = self._download.bytes, file.tell()
        if (
            status == 206
            and offset
            and sent
            and int(sent[1]) == offset
            and (size is None or sent[2] in ("*", str(size)))
        ):
            return True
        file.truncate(0)  # what is here is no part of what is there: all of it again
        raise _Interruption(f"the server does not have what follows the first {offset:,} bytes")

    def _expected_size(self, response: Response, url: str, offset: int) -> int | None:
        """The size of the file in bytes; None: unknown, but its end will be marked.

        Raises:
            CorpusError: it is not the size that it should have, or its end could not be told from an interruption.
        """
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise CorpusError("is sent compressed", where=url, expected="the file as it is", hint="Try again later.")
        known, length = self._download.bytes, response.headers.get("Content-Length", "")
        announced = offset + int(length) if re.fullmatch(r"\d{1,18}", length) else None
        if announced is None:
            if known is None and "chunked" not in response.headers.get("Transfer-Encoding", ""):
                raise CorpusError("has no end that can be recognised", where=url, expected="a size")
            return known
        if announced != known and (known is not None or announced > self._download.most_bytes):
            raise self._wrong_size(url, f"{announced:,}")
        return announced

    def _wrong_size(self, url: str, found: str) -> CorpusError:
        known = self._download.bytes
        return CorpusError(
            "is not the text that it was when its size was recorded",
            where=url,
            expected=f"at most {self._download.most_bytes:,} bytes" if known is None else f"{known:,} bytes",
            found=f"{found} bytes",
            hint="It may have changed: see whether a newer rnngen knows it.",
        )

    def _copy(self, response: Response, url: str, file: BinaryIO) -> None:
        from urllib3.exceptions import HTTPError

        read: Callable[[int], bytes] = response.raw.read1
        arrived, since = 0, time.monotonic()
        while True:
            try:
                chunk = read(_CHUNK_BYTES)
            except (HTTPError, HTTPException, OSError) as error:
                raise _Interruption(_reason(error)) from error
            if not chunk:
                return
            if file.tell() + len(chunk) > self._download.most_bytes:
                file.truncate(0)
                raise self._wrong_size(url, "more")
            file.write(chunk)
            self._on_progress("downloading", file.tell(), self._download.bytes)
            arrived += len(chunk)
            if (now := time.monotonic()) - since > self._limits.silence:
                if arrived < _LEAST_BYTES:
                    raise _Interruption(f"only {arrived:,} bytes in {now - since:.0f} seconds")
                arrived, since = 0, now


def _remove_if_empty(partial: Path) -> None:
    """Leave nothing behind where nothing has arrived."""
    with contextlib.suppress(OSError):
        status = partial.lstat()
        if stat.S_ISREG(status.st_mode) and not status.st_size:
            partial.unlink()


def _anonymous(request: Any) -> Any:
    """Send no password: without this, requests looks for one in the user's files."""
    return request


def _none(response: Response) -> str | None:
    """Where a redirect leads, for requests, which would then read all that comes with it."""
    return None


def _reason(error: BaseException) -> str:
    """The cause of a network's failure in a few words: libraries wrap one message in another."""
    text = str(error)
    if "timed out" in text.lower():
        return "nothing arrives"
    if "IncompleteRead" in text:
        return "the connection ended before the file"
    inner = getattr(error, "reason", None) or (error.args[0] if error.args else None)
    if isinstance(inner, BaseException):
        return _reason(inner)
    text = text.partition(" (_ssl.c")[0]  # where in its source OpenSSL found out
    text = text.rpartition(": ")[2].strip("()'\" ")
    text += ")" * (text.count("(") - text.count(")"))  # of which one was stripped
    return shortened(text or type(error).__name__, 100)
