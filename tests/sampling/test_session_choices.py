"""Alternatives in a session, another model in the middle of a text, and words that are kept apart."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import rnngen
from rnngen.errors import UsageError
from rnngen.sampling.options import Sampling
from rnngen.sampling.session import Session
from tests.conftest import FAST
from tests.sampling.test_session import assert_has_read


def session_of(run: Path, prompt: str = "The ", **options: object) -> Session:
    return Session(rnngen.load(run), prompt, Sampling(**{"length": 30, **options}), 3)  # type: ignore[arg-type]


def going_on(_tokens: int) -> bool:
    return False


@pytest.mark.parametrize("options", [{}, {"until": "line", "length": 90}, {"length": "4 words"}, {"stop": ("a",)}])
def test_alternatives_are_what_writing_and_retries_give(trained: Path, options: dict[str, object]) -> None:
    alone, session = session_of(trained, **options), session_of(trained, **options)
    expected = ["".join(alone.write()), "".join(alone.retry()), "".join(alone.retry())]
    found = session.alternatives(3, going_on)
    assert session.text == "The "
    assert_has_read(session, "The ", trained)
    assert session.take(found[2]) == expected[2]
    assert session.text == "The " + expected[2]
    assert_has_read(session, session.text, trained)
    for alternative, text in zip(found[:2], expected, strict=False):
        session.undo()
        assert session.take(alternative) == text


def test_after_alternatives_others_are_written(trained: Path) -> None:
    session = session_of(trained)
    texts = [each.text for _ in range(2) for each in session.alternatives(2, going_on)]
    assert len({*texts, "".join(session.write())}) == 5


def test_alternatives_that_are_stopped_end_there(trained: Path) -> None:
    for options in ({}, {"until": "paragraph", "length": None}):
        session, drawn = session_of(trained, **options), []
        whole = session_of(trained, **options).alternatives(2, going_on)
        found = session.alternatives(2, lambda tokens, drawn=drawn: drawn.append(tokens) or len(drawn) == 5)
        assert [(each.tokens, each.finish_reason) for each in found] == [(5, "length")] * 2
        assert all(long.text.startswith(short.text) for short, long in zip(found, whole, strict=True))
        session.take(found[0])
        assert_has_read(session, session.text, trained)


def test_another_model_goes_on_with_the_text_and_steps_can_be_taken_back(trained: Path, mixed: Path) -> None:
    session = session_of(trained)
    first = "".join(session.write())
    assert session.use(rnngen.load(mixed)) == ""
    assert session.text == "The " + first
    assert_has_read(session, session.text, mixed)
    second = "".join(session.write())
    session.add("cat ")
    session.use(rnngen.load(trained))
    assert_has_read(session, "The " + first + second + "cat ", trained)
    assert (session.undo(), session.undo()) == ("cat ", second)
    assert_has_read(session, "The " + first, trained)
    assert session.undo() == first
    assert_has_read(session, "The ", trained)


def test_a_model_that_cannot_do_what_the_options_say_is_refused(trained: Path, tmp_path: Path) -> None:
    rows = [{"kind": kind, "text": text} for kind, text in (("x", "ab"), ("y", "ba")) for _ in range(200)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    labelled = rnngen.train(tmp_path / "rows.jsonl", out=tmp_path / "run", label_field="kind", steps=5, **FAST).path
    session = session_of(labelled, "", label="x")
    session.add("ab")
    with pytest.raises(UsageError):
        session.use(rnngen.load(trained))
    assert session.generator.name == str(labelled)
    session.change(label=None)
    session.add("c")
    assert session.use(rnngen.load(trained)) == ""
    assert_has_read(session, "abc", trained)
    assert session.use(rnngen.load(labelled)) == "c"
    assert session.undo() == "c"
    assert session.joint("x") == ""  # a space was never seen


def test_a_space_is_put_where_a_word_would_be_glued_to_the_last_one(trained: Path) -> None:
    session = session_of(trained, "The che")
    assert session.begun_word == "che"
    assert session.joint("help") == " "
    assert session.joint(", no") == ""
    assert session_of(trained, "").joint("help") == ""
    assert session_of(trained, "The cat.\n").joint("The") == ""
