"""A server on this machine that serves files rightly, or in one of the ways in which servers fail."""

from __future__ import annotations

import contextlib
import random
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from rnngen.corpus.named.transfer import Limits

QUICK = Limits(schemes=("http",), connect=5.0, silence=0.5, attempts=3, pause=0.01, redirects=3)
"""Limits with which a test of a silent server is over soon."""


class Answer(BaseHTTPRequestHandler):
    """One request.

    Attributes:
        content: what is served.
        behaviour: what answers the request in place of the file as it is.
        requests: the range of each request so far; None: the whole file.
    """

    protocol_version = "HTTP/1.1"
    content: bytes
    behaviour: Behaviour
    requests: list[int | None]
    stopped: threading.Event

    def do_GET(self) -> None:
        found = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        self.requests.append(int(found[1]) if found else None)
        with contextlib.suppress(OSError):  # the client has gone
            self.behaviour(self, int(found[1]) if found else 0, len(self.requests))

    def log_message(self, *_: object) -> None:
        pass

    def head(self, status: int, **headers: object) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()

    def serve(self, offset: int, send: int | None = None, announce: int | None = None) -> None:
        """Send the file from ``offset``: at most ``send`` bytes, as if they were ``announce``."""
        rest, size = self.content[offset:], len(self.content)
        length = len(rest) if announce is None else announce
        if offset:
            self.head(206, Content_Length=length, Content_Range=f"bytes {offset}-{size - 1}/{size}")
        else:
            self.head(200, Content_Length=length)
        self.wfile.write(rest if send is None else rest[:send])
        if length != len(rest[:send] if send is not None else rest):
            self.hang_up()

    def hang_up(self) -> None:
        self.close_connection = True
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_RDWR)

    def stay_silent(self) -> None:
        self.wfile.flush()
        self.stopped.wait(30)


Behaviour = Callable[[Answer, int, int], None]


def right(answer: Answer, offset: int, _: int) -> None:
    answer.serve(offset)


def without_ranges(answer: Answer, _: int, __: int) -> None:
    answer.serve(0)


def cut_once(answer: Answer, offset: int, number: int) -> None:
    answer.serve(offset, send=len(answer.content) // 3 if number == 1 else None)


def cut_without_ranges(answer: Answer, _: int, number: int) -> None:
    answer.serve(0, send=len(answer.content) // 3 if number == 1 else None)


def always_cut(answer: Answer, offset: int, _: int) -> None:
    answer.serve(offset, send=100)


def reset_once(answer: Answer, offset: int, number: int) -> None:
    if number == 1:
        answer.close_connection = True
        answer.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        answer.connection.close()
    else:
        answer.serve(offset)


def stalls_once(answer: Answer, offset: int, number: int) -> None:
    if number > 1:
        answer.serve(offset)
        return
    answer.head(200, Content_Length=len(answer.content))
    answer.wfile.write(answer.content[:500])
    answer.stay_silent()


def never_answers(answer: Answer, _: int, __: int) -> None:
    answer.stay_silent()


def always_stalls(answer: Answer, offset: int, _: int) -> None:
    answer.head(200, Content_Length=len(answer.content))
    answer.stay_silent()


def trickles(answer: Answer, offset: int, _: int) -> None:
    """A byte now and then, so that nothing times out."""
    answer.head(200, Content_Length=len(answer.content))
    while not answer.stopped.wait(0.05):
        answer.wfile.write(b"x")
        answer.wfile.flush()


def corrupts(answer: Answer, offset: int, _: int) -> None:
    rest = answer.content[offset:]
    answer.content = answer.content[:offset] + rest[:-1] + bytes([rest[-1] ^ 1])
    answer.serve(offset)


def sends_more(answer: Answer, offset: int, _: int) -> None:
    """More than the file, in chunks, so that no size is announced."""
    answer.head(200, Transfer_Encoding="chunked")
    block = b"x" * 4096
    while not answer.stopped.is_set():
        answer.wfile.write(b"%x\r\n%s\r\n" % (len(block), block))


def announces_more(answer: Answer, _: int, __: int) -> None:
    answer.serve(0, announce=len(answer.content) + 1)


def announces_less(answer: Answer, _: int, __: int) -> None:
    answer.serve(0, announce=len(answer.content) - 1)


def chunked(answer: Answer, _: int, __: int) -> None:
    answer.head(200, Transfer_Encoding="chunked")
    for start in range(0, len(answer.content), 1000):
        block = answer.content[start : start + 1000]
        answer.wfile.write(b"%x\r\n%s\r\n" % (len(block), block))
    answer.wfile.write(b"0\r\n\r\n")


def chunked_and_cut(answer: Answer, _: int, __: int) -> None:
    answer.head(200, Transfer_Encoding="chunked")
    block = answer.content[:1000]
    answer.wfile.write(b"%x\r\n%s\r\n" % (len(block), block))
    answer.hang_up()


def without_length(answer: Answer, _: int, __: int) -> None:
    answer.head(200, Connection="close")
    answer.wfile.write(answer.content)
    answer.hang_up()


def compresses(answer: Answer, _: int, __: int) -> None:
    answer.head(200, Content_Length=len(answer.content), Content_Encoding="gzip")
    answer.wfile.write(answer.content)


def wrong_range(answer: Answer, offset: int, number: int) -> None:
    """The first time part of it, then a range that was not asked for, then the file."""
    if number == 1:
        answer.serve(0, send=700)
    elif offset:
        size = len(answer.content)
        answer.head(206, Content_Length=size - 1, Content_Range=f"bytes 1-{size - 1}/{size}")
        answer.wfile.write(answer.content[1:])
    else:
        answer.serve(0)


def not_satisfiable(answer: Answer, offset: int, _: int) -> None:
    if offset:
        answer.head(416, Content_Length=0, Content_Range=f"bytes */{len(answer.content)}")
    else:
        answer.serve(0)


def busy_once(answer: Answer, offset: int, number: int) -> None:
    if number == 1:
        answer.head(503, Content_Length=0)
    else:
        answer.serve(offset)


def status(code: int) -> Behaviour:
    return lambda answer, _, __: answer.head(code, Content_Length=0)


def redirect(location: str, times: int = 1 << 30) -> Behaviour:
    def behaviour(answer: Answer, offset: int, number: int) -> None:
        if number > times:
            answer.serve(offset)
        else:
            answer.head(302, Content_Length=0, Location=location)

    return behaviour


def redirects_without_end(answer: Answer, _: int, __: int) -> None:
    """What comes with a redirect is not read."""
    answer.head(302, Transfer_Encoding="chunked", Location="/text")
    block = b"x" * 4096
    while not answer.stopped.is_set():
        answer.wfile.write(b"%x\r\n%s\r\n" % (len(block), block))


def endless_headers(answer: Answer, _: int, __: int) -> None:
    answer.wfile.write(b"HTTP/1.1 200 OK\r\n")
    while not answer.stopped.is_set():
        answer.wfile.write(b"X-Header: x\r\n" * 100)


def garbage(answer: Answer, _: int, __: int) -> None:
    answer.wfile.write(b"\0\1\2 nothing that HTTP knows\r\n\r\n")
    answer.hang_up()


def erratic(seed: int) -> Behaviour:
    """Something else at each request, always the same for a seed: every other time what is asked for, in part."""
    generator = random.Random(seed)
    faults = [
        without_ranges,
        reset_once,
        corrupts,
        announces_more,
        chunked_and_cut,
        compresses,
        not_satisfiable,
        garbage,
    ]
    faults += [status(code) for code in (404, 416, 429, 500, 206)] + [redirect("/text"), redirect("ftp://a/b")]

    def behaviour(answer: Answer, offset: int, _: int) -> None:
        number = generator.choice([1, 2])
        if generator.random() < 0.3:
            generator.choice(faults)(answer, offset, number)
        elif offset < len(answer.content):
            answer.serve(offset, send=generator.choice([None, 0, 1, len(answer.content) // 2]))
        else:
            status(416)(answer, offset, number)

    return behaviour


def slowly(answer: Answer, offset: int, _: int) -> None:
    """A tenth of the file now and then."""
    rest, size = answer.content[offset:], len(answer.content)
    if offset:
        answer.head(206, Content_Length=len(rest), Content_Range=f"bytes {offset}-{size - 1}/{size}")
    else:
        answer.head(200, Content_Length=len(rest))
    for start in range(0, len(rest), size // 10):
        answer.wfile.write(rest[start : start + size // 10])
        answer.wfile.flush()
        answer.stopped.wait(0.05)


class Served:
    """A server that runs.

    Attributes:
        url: of the file.
        requests: see ``Answer``.
    """

    def __init__(self, server: ThreadingHTTPServer, requests: list[int | None]) -> None:
        self.url = f"http://127.0.0.1:{server.server_address[1]}/text"
        self.requests = requests


@contextlib.contextmanager
def serving(content: bytes, behaviour: Behaviour = right) -> Iterator[Served]:
    """Serve a file while the context lasts."""
    requests: list[int | None] = []
    stopped = threading.Event()
    handler = type(
        "OneAnswer",
        (Answer,),
        {"content": content, "behaviour": staticmethod(behaviour), "requests": requests, "stopped": stopped},
    )
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield Served(server, requests)
    finally:
        stopped.set()
        server.shutdown()
        server.server_close()
        thread.join(5)


def wait_until(happens: Callable[[], bool]) -> None:
    """Wait for what another thread does."""
    for _ in range(3000):
        if happens():
            return
        time.sleep(0.01)
    raise AssertionError("it does not happen")
