"""A session with a model of documents: where one ends, the next one begins, with a label of its own."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.input import DummyInput
from prompt_toolkit.output import DummyOutput

import rnngen
from rnngen.cli.console import Console
from rnngen.cli.interactive import Conversation
from rnngen.cli.session_settings import SETTINGS, setting_value, shown_setting
from rnngen.cli.spelling import in_session
from rnngen.errors import UsageError
from rnngen.sampling.generator import Generator
from rnngen.sampling.options import Sampling
from rnngen.sampling.session import Session
from tests.conftest import FAST

LETTERS = {"horror": "abcd", "comedy": "wxyz"}


@pytest.fixture(scope="module")
def generator(tmp_path_factory: pytest.TempPathFactory) -> Generator:
    """Of documents of a few letters, which their labels choose."""
    folder, draw = tmp_path_factory.mktemp("letters"), random.Random(0)
    rows = [{"genre": g, "text": "".join(draw.choices(LETTERS[g], k=draw.randint(3, 6)))} for g in [*LETTERS] * 150]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RNNGEN_CACHE", str(folder / "cache"))
        rnngen.train(folder / "rows.jsonl", out=folder / "run", label_field="genre", steps=80, **FAST)
    return rnngen.load(folder / "run")


@pytest.fixture
def session(generator: Generator) -> Session:
    return Session(generator, "", Sampling(label="horror"), 3)


def write(session: Session) -> str:
    before = session.text
    "".join(session.write())
    return session.text.removeprefix(before)


def assert_has_read(session: Session, document: str, label: str) -> None:
    ids, _ = session.generator.reader.hold_back_prompt(document, label)
    expected = session.generator.context(ids).prediction()
    np.testing.assert_allclose(session._context.prediction(), expected, rtol=0, atol=1e-5)


def test_whatever_follows_the_end_of_a_document_begins_the_next(session: Session) -> None:
    first = write(session)
    assert session.ended
    assert_has_read(session, first, "horror")
    session.change(label="comedy")
    second = write(session)
    assert second[:2] == "\n\n"
    assert session.ended
    assert_has_read(session, second[2:], "comedy")
    session.add("wx")
    assert session.text == f"{first}{second}\n\nwx"
    assert not session.ended
    assert_has_read(session, "wx", "comedy")
    assert write(session)[:1] != "\n"


def test_taking_back_goes_back_to_the_document_before(session: Session) -> None:
    first = write(session)
    session.change(label="comedy")
    second = write(session)
    third = "".join(session.retry())
    assert session.text == f"{first}\n\n{third}"
    assert second[2:] != third
    assert session.undo() == third
    assert (session.text, session.ended) == (first, True)
    assert_has_read(session, first, "horror")
    assert session.words()
    assert session.undo() == first
    assert (session.text, session.ended, session.undo()) == ("", False, None)
    assert_has_read(session, "", "horror")


def test_a_label_is_that_of_the_next_document_or_of_the_first_before_it_begins(session: Session) -> None:
    session.change(label="comedy")
    assert_has_read(session, "", "comedy")
    session.add("wx")
    session.change(label="horror")
    write(session)
    assert_has_read(session, session.text, "comedy")
    with pytest.raises(UsageError, match="has not learned this one"):
        session.change(label="terror")
    assert session.sampling.label == "horror"


def test_looking_at_words_does_not_begin_the_next_document(
    conversation: Conversation, session: Session, out: io.StringIO
) -> None:
    conversation.answer("")
    first = session.text
    conversation.answer("/save text.txt")
    conversation.answer("/words")
    assert "  /1 " in out.getvalue()
    assert (session.text, session.ended) == (first, True)
    assert conversation.commands.saved == session.text
    assert_has_read(session, first, "horror")
    conversation.answer("/label comedy")
    conversation.answer("/words")
    conversation.answer("/1")
    word = session.text.removeprefix(f"{first}\n\n")
    assert set(word) <= set("wxyz")
    assert_has_read(session, word, "comedy")
    session.undo()
    conversation.answer("/words")
    conversation.answer("/retry")
    assert not session.text.startswith(f"{first}\n\n")


def test_alternatives_after_a_document_are_those_of_the_next(
    conversation: Conversation, session: Session, out: io.StringIO
) -> None:
    first = write(session)
    conversation.answer("/label comedy")
    conversation.answer("/alternatives 2")
    assert (session.text, session.ended) == (first, True)
    assert_has_read(session, first, "horror")
    out.truncate(0), out.seek(0)
    conversation.answer("/2")
    second = session.text.removeprefix(f"{first}\n\n")
    assert set(second) <= set("wxyz")
    assert out.getvalue() == f"{second}\n(end of the document)\n"
    assert_has_read(session, second, "comedy")
    assert session.undo() == second
    assert (session.text, session.ended) == (first, True)


def test_a_document_of_which_nothing_was_read_does_not_end_at_once(generator: Generator) -> None:
    boundary = generator.tokenizer.boundary_id
    session = Session(generator, "", Sampling(label="horror"), 3)
    session.add("Ω")
    assert session._start(session.sampling).opening.not_first == (boundary,)
    session.add("a")
    assert session._start(session.sampling).opening.not_first == ()
    assert generator.start("Ω", Sampling(), label="comedy").opening.not_first == (boundary,)
    assert generator.start("a", Sampling()).opening.not_first == ()


@pytest.fixture
def out() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def conversation(session: Session, out: io.StringIO) -> Iterator[Conversation]:
    with create_app_session(DummyInput(), DummyOutput()):
        yield Conversation(Console(out, io.StringIO()), session, rnngen.load)


def test_the_end_of_a_document_is_shown_and_going_on_begins_a_new_line(
    conversation: Conversation, session: Session, out: io.StringIO
) -> None:
    conversation.answer("")
    first = session.text
    assert out.getvalue() == f"{first}\n(end of the document)\n"
    conversation.answer("/label comedy")
    assert out.getvalue().endswith("(it is that of the next document)\n")
    out.truncate(0), out.seek(0)
    conversation.answer("")
    second = session.text.removeprefix(f"{first}\n\n")
    assert out.getvalue() == f"{second}\n(end of the document)\n"
    assert_has_read(session, second, "comedy")
    conversation.answer("/settings")
    assert "  /label comedy\n" in out.getvalue()
    conversation.answer("/label ''")
    assert session.sampling.label == ""
    conversation.answer("/label none")
    assert session.sampling.label is None


@pytest.mark.parametrize(
    ("name", "typed", "value"),
    [
        ("label", "horror", "horror"),
        ("label", "'my own'", "my own"),
        ("label", "my own", "my own"),
        ("label", '"don\'t"', "don't"),
        ("label", "''", ""),
        ("label", '"none"', "none"),
        ("label", "none", None),
        ("ban", "'none'", ("none",)),
        ("ban", "none", ()),
        ("ban", "'a b' c", ("a b", "c")),
        ("until", "line", "line"),
        ("until", "none", None),
        ("length", "50", 50),
        ("length", "2 sentences", "2 sentences"),
        ("length", "none", None),
    ],
)
def test_a_setting_is_typed_as_in_a_shell_and_shown_as_it_is_typed(name: str, typed: str, value: object) -> None:
    assert setting_value(SETTINGS[name], f" {typed} ") == value
    sampling = Sampling(**{name: value})  # type: ignore[arg-type]
    assert setting_value(SETTINGS[name], shown_setting(sampling, name)) == value


def test_a_document_that_is_cut_has_not_ended(conversation: Conversation, session: Session, out: io.StringIO) -> None:
    conversation.answer("/length 1")
    conversation.answer("")
    assert "(end of the document)" not in out.getvalue()
    assert not session.ended


def test_a_label_without_labels_is_answered_by_how_to_train_a_run_with_them(trained: Path) -> None:
    console = Console(out := io.StringIO(), io.StringIO())
    session = Session(rnngen.load(trained), "The", Sampling(), 3)
    with create_app_session(DummyInput(), DummyOutput()):
        conversation = Conversation(console, session, rnngen.load)
    for line in ("/label angry", "/label none", "/label ''"):
        with pytest.raises(UsageError) as refused:
            conversation.answer(line)
        said = in_session(str(refused.value), SETTINGS)
        assert said == "/label needs a run that learned labels. Train one with --label-field: the field of a row."
    assert out.getvalue() == ""
