"""Progress of long work on a text, and how such work is interrupted."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sized
from typing import Protocol, TypeVar

T = TypeVar("T")
S = TypeVar("S", bound=Sized)

MEASURING = "measuring this machine"

_INTERVAL = 0.1  # seconds


class OnProgress(Protocol):
    """Called often, always by the thread that began the work.

    Args:
        what: ``reading`` (in bytes), ``learning the vocabulary`` or ``encoding`` (in characters), ``measuring this
            machine`` (in networks, precisions and numbers of threads that were tried).
        done: how many of them are done.
        total: how many there are; None: unknown, or the remaining work cannot be estimated.
    """

    def __call__(self, what: str, done: int, total: int | None, /) -> object:
        """Report the progress."""


class Mark:
    """An event that one thread waits for.

    A signal's exception leaves this wait as it is; in ``threading.Event`` it may come between the release of a lock and
    its return, and then a ``RuntimeError`` about the lock takes its place.
    """

    def __init__(self) -> None:
        self._open = threading.Lock()
        self._open.acquire()
        self._is_set = False

    def set(self) -> None:
        """Let the waiting thread go on."""
        if not self._is_set:
            self._is_set = True
            self._open.release()

    def is_set(self) -> bool:
        """Whether ``set`` was called."""
        return self._is_set

    def wait(self, seconds: float) -> bool:
        """Wait until ``set`` is called, or for some seconds; return whether it was."""
        if not self._is_set:
            self._open.acquire(timeout=seconds)
        return self._is_set


class Interrupted(Exception):  # noqa: N818 (not an error: the result is no longer needed)
    """Raised in the function that ``interruptible`` runs, at the next piece that it asks for."""


def interruptible(
    function: Callable[[Iterator[S]], T], pieces: Iterable[S], on_wait: Callable[[int, bool], object]
) -> T:
    """Run a function that may spend long in foreign code, where Python handles no signals, in a thread of its own.

    When the caller is interrupted, the function gets no more pieces. Its work on those it has cannot be stopped, and
    ends with the process at the latest, so it must not write anything.

    Args:
        function: called with the pieces.
        pieces: its input.
        on_wait: called ten times a second by the calling thread with the total length of the pieces so far, and whether
            all have been read.

    Raises:
        What the function raises.
    """
    done, stopped = 0, threading.Event()
    read, ended = Mark(), Mark()
    results: list[T] = []
    errors: list[BaseException] = []

    def watched() -> Iterator[S]:
        nonlocal done
        try:
            for piece in pieces:
                if stopped.is_set():
                    raise Interrupted
                yield piece
                done += len(piece)
        finally:
            read.set()

    def work() -> None:
        try:
            results.append(function(watched()))
        except BaseException as error:
            errors.append(error)
        finally:
            ended.set()

    threading.Thread(target=work, daemon=True).start()
    try:
        while not ended.wait(_INTERVAL):
            on_wait(done, read.is_set())
    except BaseException:
        stopped.set()
        # foreign code must not call Python while Python ends, or the process is aborted
        while not (read.wait(_INTERVAL) or ended.is_set()):
            pass
        ended.wait(_INTERVAL)
        raise
    if errors:
        raise errors[0]
    return results[0]
