"""Saving in the background: in order, none after a failure, and never waited for in vain."""

from __future__ import annotations

import threading

import pytest

from rnngen.errors import CheckpointError
from rnngen.training.saver import Saver


class Panic(BaseException):
    """As libraries written in Rust raise."""


def test_saves_are_written_in_the_order_in_which_they_were_handed_over() -> None:
    saver: Saver[int] = Saver()
    for number in range(20):
        saver.save(lambda number=number: number)
    saver.wait()
    assert saver.written() == list(range(20))
    assert saver.written() == []


@pytest.mark.parametrize("error", [CheckpointError("cannot be written"), ValueError("a"), Panic()], ids=repr)
def test_a_failure_is_raised_by_whoever_saves_next_and_nothing_later_is_written(error: BaseException) -> None:
    saver: Saver[int] = Saver()
    begun, go_on = threading.Event(), threading.Event()
    later: list[int] = []

    def fail() -> int:
        begun.set()
        go_on.wait(60)
        raise error

    saver.save(fail)
    begun.wait(60)
    saver.save(lambda: later.append(1) or 1)
    go_on.set()
    saver.wait()
    with pytest.raises(type(error)):
        saver.save(lambda: later.append(2) or 2)
    with pytest.raises(type(error)):
        saver.written()
    assert later == []


def test_where_no_thread_can_be_started_training_waits_for_its_saves(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    saver: Saver[int] = Saver()
    saver.save(lambda: 1)
    saver.save(lambda: 2)
    saver.wait()
    assert saver.written() == [1, 2]
