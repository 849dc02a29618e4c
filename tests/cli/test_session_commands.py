"""The commands of a session, line by line, in this process."""

from __future__ import annotations

import io
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document
from prompt_toolkit.input import DummyInput
from prompt_toolkit.output import DummyOutput

import rnngen
from rnngen.cli.console import Console
from rnngen.cli.interactive import Conversation
from rnngen.cli.session_commands import HELP, MOST
from rnngen.cli.session_files import typed_path
from rnngen.cli.session_settings import SETTINGS
from rnngen.errors import UsageError
from rnngen.platforms import stop_signals
from rnngen.sampling.options import Sampling
from rnngen.sampling.session import Session

Say = Callable[[str], str]


@pytest.fixture
def session(trained: Path) -> Session:
    return Session(rnngen.load(trained), "The che", Sampling(length=20), 3)


@pytest.fixture
def conversation(session: Session, out: io.StringIO) -> Iterator[Conversation]:
    with create_app_session(DummyInput(), DummyOutput()):
        yield Conversation(Console(out, io.StringIO()), session, rnngen.load)


@pytest.fixture
def out() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def say(conversation: Conversation, out: io.StringIO) -> Say:
    """Say a line; its answer."""

    def answered(line: str) -> str:
        out.truncate(0), out.seek(0)
        conversation.answer(line)
        return out.getvalue()

    return answered


def test_what_is_typed_begins_a_new_word_unless_a_plus_says_that_it_goes_on(say: Say, session: Session) -> None:
    say("/add help")
    say("/add , no")
    say("/add .")
    say("/add The ")
    say("/add ca")
    say("/add +t")
    say("/add ++1")
    assert session.text == "The che help, no. The cat+1"
    assert session.undo() == "+1"
    before = session.text
    assert say("sat").startswith(before + " sat")
    assert session.text.startswith(before + " sat")
    session.undo()
    assert session.undo() == " sat"
    say("+s")
    assert session.text.startswith(before + "s")


def test_every_setting_alone_shows_its_value(say: Say) -> None:
    for name in SETTINGS:
        if name != "label":
            shown = name.replace("_", "-")
            assert say(f"/{shown}").startswith(f"  /{shown} ")
    assert say("/temperature").splitlines()[1].startswith("  Divide the logits by this")
    say("/length 2 sentences")
    assert say("/length").startswith("  /length 2 sentences\n")
    say("/length none")
    assert say("/length").startswith("  /length none (200 tokens)\n")


def test_alternatives_are_shown_taken_and_taken_back(
    say: Say, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    same = Session(session.generator, "The che", session.sampling, 3)
    texts = [each.text for each in same.alternatives(3, lambda _tokens: False)]
    shown = say("/alternatives")
    for number, text in enumerate(texts, start=1):
        first = text.split("\n")[0]
        assert f"  /{number}  {'che' if first[:1].isalpha() else ''}{first.strip()}" in shown
    assert session.text == "The che"
    assert say("/2") == f"The che{texts[1]}\n"
    assert session.text == f"The che{texts[1]}"
    with pytest.raises(UsageError, match=r"there is no /2 now: nothing is offered\. /words and /alternatives offer"):
        say("/2")
    say("/undo")
    assert session.text == "The che"


def test_choices_stay_while_the_text_stays_and_retry_writes_others(say: Say, session: Session) -> None:
    first = say("/alternatives 2")
    say("/settings")
    say("/help")
    with pytest.raises(UsageError, match="/1 to /2"):
        say("/3")
    second = say("/retry")
    assert ("/2" in second, "/3" in second, second == first) == (True, False, False)
    say("/1")
    assert session.text != "The che"
    written = session.text
    say("/retry")  # now it is the last step that is written again
    assert session.text.startswith("The che")
    assert session.text != written
    for wrong in ("1", str(MOST + 1), "many", "²"):
        with pytest.raises(UsageError, match=f"expected 2 to {MOST}"):
            say(f"/alternatives {wrong}")


ALONE = ["retry", "words", "show", "settings", "quit", "1"]


@pytest.mark.parametrize("name", ALONE)
def test_what_a_command_does_not_take_is_refused_in_one_sentence(say: Say, session: Session, name: str) -> None:
    say("/add help")
    with pytest.raises(UsageError) as refused:
        say(f"/{name} must go on")
    assert str(refused.value) == (
        f"/{name} takes nothing after it; found must go on. A text that begins with / is typed with //."
    )
    assert session.text == "The che help"


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("/length 0", "with `length=0` the model would write nothing; expected 1 or more"),
        ("/add", "/add needs a text; expected for example /add and then"),
        ("/undo 0", "invalid number of steps: 0; expected for example /undo 3"),
        ("/undo all", "invalid number of steps: all; expected for example /undo 3"),
        ("/undo 1000000000000", "invalid number of steps: 1000000000000; expected for example /undo 3"),
        ("/help temp", "there is no /temp. Did you mean /temperature?"),
        ("/temp 1", "there is no /temp. Did you mean /temperature?"),
        ("/QUIT", "there is no /QUIT. Did you mean /quit?"),
        ("/keepstop", "there is no /keepstop. Did you mean /keep-stop?"),
        ("/ hello", "there is no /. /help lists the commands."),
    ],
)
def test_no_line_goes_without_an_answer(say: Say, session: Session, line: str, answer: str) -> None:
    before = session.sampling
    with pytest.raises(UsageError) as refused:
        say(line)
    assert str(refused.value) == answer
    assert session.sampling == before


def test_undo_takes_back_as_many_steps_as_it_is_told(say: Say, session: Session) -> None:
    before = session.text
    for text in ("one", "two", "three"):
        say(f"/add {text}")
    assert say("/undo 2") == "(taken back:  two three)\n"
    assert session.text == before + " one"
    assert say("/undo 9").startswith("(only 1 step, taken back:  one)")
    assert session.text == before
    assert say("/undo 2") == "(nothing to take back)\n"


@pytest.mark.parametrize("number", [number for number in stop_signals() if number != signal.SIGINT])
def test_a_session_that_a_signal_ends_saves_its_text(
    conversation: Conversation, session: Session, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    def read(_: Conversation) -> str:
        signal.raise_signal(number)
        raise AssertionError

    def leave(*_: object) -> None:
        raise SystemExit

    session.add("not saved")
    before = signal.signal(number, leave)
    monkeypatch.setattr(Conversation, "_read", read)
    try:
        with pytest.raises(SystemExit):
            conversation.run()
    finally:
        signal.signal(number, before)
    (saved,) = Path().glob("rnngen-session-*.txt")
    assert saved.read_text() == session.text + "\n"
    assert saved.stat().st_mode & 0o777 == 0o600


def test_a_session_saves_nothing_that_is_saved(conversation: Conversation, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(_: Conversation) -> str:
        raise SystemExit

    monkeypatch.setattr(Conversation, "_read", gone)
    with pytest.raises(SystemExit):
        conversation.run()
    assert list(Path().glob("rnngen-session-*")) == []


def test_help_is_about_one_command_and_about_the_length_that_is_set(say: Say, session: Session) -> None:
    session.change(length=None)
    assert "by 200 tokens unless /length or /until says otherwise" in say("/help")
    session.change(length=20)
    assert "the model continues, as /length 20 says." in say("/help")
    assert say("/help /length") == (
        "  /length 50    how much it writes at a time, in tokens; /length 50 words,\n"
        "                /length 2 sentences, /length none\n"
    )
    assert say("/help undo").startswith("  /undo N ")
    assert say("/help top-p").startswith("  /top-p 1\n  ")


def test_a_session_that_would_write_nothing_does_not_begin(session: Session) -> None:
    with pytest.raises(UsageError, match="with `length=0` the model would write nothing"):
        Session(session.generator, "", Sampling(length=0), 1)


def test_the_model_can_change_in_the_middle(say: Say, session: Session, mixed: Path) -> None:
    assert say("/run") == f"  /run {session.generator.name}\n"
    assert say(f"/run {mixed}") == f"({mixed} continues the text)\n"
    with pytest.raises(UsageError, match=r"^/run needs a name; expected for example /run checkpoints"):
        say("/run ''")
    assert say("").startswith("The che")
    assert session.generator.name == str(mixed)


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("story.txt", "story.txt"),
        (" my story.txt ", "my story.txt"),
        ("'my story.txt'", "my story.txt"),
        ('"my story.txt"', "my story.txt"),
        (r"my\ story.txt", "my story.txt"),
        ("don't.txt", "don't.txt"),
        ("das “Buch”.txt", "das “Buch”.txt"),
    ],
)
def test_a_name_to_save_to_may_have_spaces(typed: str, name: str) -> None:
    assert typed_path(typed) == Path(name)


@pytest.mark.parametrize(
    ("typed", "problem"), [("", "needs a name"), ("'a' b", "one name"), ("'a", "not closed"), ("''", "needs a name")]
)
def test_what_is_no_name_is_refused(typed: str, problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        typed_path(typed)


def test_a_file_of_this_session_is_written_again_and_no_other(say: Say, session: Session) -> None:
    Path("other.txt").write_text("mine")
    assert say("/save my story.txt") == f"({len('The che')} characters saved to my story.txt)\n"
    say("/add help")
    say("/save 'my story.txt'")
    assert Path("my story.txt").read_text() == "The che help\n"
    with pytest.raises(UsageError, match="exists already"):
        say("/save other.txt")
    assert session.text == "The che help"


COMPLETIONS = {
    "/al": ["/alternatives"],
    "/te": ["/temperature"],
    "/top": ["/top-k", "/top-p"],
    "/until ": ["line", "sentence", "paragraph", "none"],
    "/until p": ["paragraph"],
    "/keep-stop ": ["true", "false"],
    "/length ": ["50", "50 words", "2 sentences", "none"],
    "/label ": ["none"],
    "/run ": ["checkpoints/demo/lstm", "checkpoints/tiny"],
    "/run checkpoints/t": ["checkpoints/tiny"],
    "/run else": ["where"],
    "/run elsewhere/my": [" run"],
    "/run 'elsewhere/m": ["y run"],
    "/save my st": ["ory.txt"],
    "/save 'my st": ["ory.txt"],
    "/temperature ": [],
    "/nothing ": [],
    "/un\n": [],
    "text": [],
}
"""What is typed before Tab, and what completes it."""


def test_tab_completes_commands_values_files_and_runs(conversation: Conversation) -> None:
    Path("my story.txt").touch()
    Path("elsewhere.txt").touch()
    Path("elsewhere/my run").mkdir(parents=True)
    shutil.copytree("checkpoints/tiny", "checkpoints/demo/lstm")
    completer = conversation._editor.completer
    assert completer is not None
    found = {typed: completer.get_completions(Document(typed), CompleteEvent()) for typed in COMPLETIONS}
    assert {typed: sorted(each.text for each in completions) for typed, completions in found.items()} == {
        typed: sorted(texts) for typed, texts in COMPLETIONS.items()
    }


def test_the_help_fits_a_terminal_and_names_every_command(conversation: Conversation) -> None:
    assert max(map(len, HELP.splitlines())) <= 80
    named = [name for name in conversation.commands.values() if f"/{name}" in HELP]
    assert set(conversation.commands.values()) - set(named) <= {*SETTINGS, "settings", "help"}
