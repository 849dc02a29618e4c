"""Saving in a thread of its own, while training goes on.

A save is handed over as copies of the tensors, so what is written is the state of one step however long that takes.
Saves are written in the order in which they were handed over: the weights to use, then the state that counts on them.
Once one has failed, none of the later ones is begun.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

WAITING = 2  # saves that may wait while another is written: each is a copy in memory


class Saver(Generic[T]):
    """Writes saves in the background.

    The thread ends when there is nothing to write. It does not keep the process from ending: a process that leaves at
    once leaves an unfinished save, as if it had been killed.
    """

    def __init__(self) -> None:
        self._waiting: deque[Callable[[], T]] = deque()
        self._written: list[T] = []
        self._error: BaseException | None = None
        self._thread: threading.Thread | None = None
        self._changed = threading.Condition()

    def save(self, write: Callable[[], T]) -> None:
        """Have something written; waits while too much is waiting already.

        Raises:
            CheckpointError: one of the earlier saves failed.
        """
        with self._changed:
            self._changed.wait_for(lambda: len(self._waiting) < WAITING)
            self._raise_error()
            self._waiting.append(write)
            if self._thread is None:
                thread = threading.Thread(target=self._write_all, daemon=True)
                try:
                    thread.start()  # it waits for the lock that is held here
                except RuntimeError:  # the system allows no more threads: training waits for the save
                    self._write_all()
                else:
                    self._thread = thread

    def written(self) -> list[T]:
        """What the saves returned that have been completed since the last call.

        Raises:
            CheckpointError: one of them failed.
        """
        with self._changed:
            self._raise_error()
            written, self._written = self._written, []
            return written

    def wait(self) -> None:
        """Wait until everything is written, or something has failed."""
        with self._changed:
            self._changed.wait_for(lambda: self._thread is None)

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error

    def _write_all(self) -> None:
        while True:
            with self._changed:
                if not self._waiting or self._error is not None:
                    self._waiting.clear()
                    self._thread = None
                    self._changed.notify_all()
                    return
                write = self._waiting.popleft()
                self._changed.notify_all()
            try:
                written = write()
            except BaseException as error:  # raised where training waits for it; a panic of a library is no Exception
                with self._changed:
                    self._error = error
            else:
                with self._changed:
                    self._written.append(written)
            del write  # with the copies that it holds
