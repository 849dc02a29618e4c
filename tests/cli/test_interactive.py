"""``rnngen sample --interactive`` as a user meets it: a process at a terminal of its own."""

from __future__ import annotations

import os
import re
import select
import signal
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import rnngen
from rnngen.sampling.options import Sampling
from rnngen.sampling.session import Session
from tests.conftest import FAST

pty = pytest.importorskip("pty")  # not on Windows
fcntl, termios = pytest.importorskip("fcntl"), pytest.importorskip("termios")

PROMPT = ">"


class Terminal:
    """A command at a terminal of its own; what it shows is read without its escapes."""

    def __init__(self, command: list[str]) -> None:
        self.master, self.slave = pty.openpty()
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 200, 0, 0))
        self.before = termios.tcgetattr(self.slave)
        environment = {**os.environ, "TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1", "COLUMNS": "200"}
        self.process = subprocess.Popen(
            command,
            stdin=self.slave,
            stdout=self.slave,
            stderr=self.slave,
            env=environment,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # so that Ctrl-C is a signal
        )
        self.unread = self.shown = ""  # the first is the beginning of an escape
        self.seen = 0

    def read(self, seconds: float) -> None:
        if select.select([self.master], [], [], seconds)[0]:
            text = self.unread + os.read(self.master, 1 << 16).decode(errors="replace")
            text = re.sub(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[=>]|\x1b\][^\a]*\a", "", text)
            text, escape, rest = text.partition("\x1b")
            self.unread = escape + rest
            self.shown += text.replace("\r", "")

    def expect(self, words: str) -> str:
        """Read until these words come, after those of the last time; what came before them."""
        began = time.monotonic()
        while (at := self.shown.find(words, self.seen)) < 0:
            assert time.monotonic() - began < 60, f"{words!r} did not come in {self.shown[self.seen :][-500:]!r}"
            self.read(0.2)
        text, self.seen = self.shown[self.seen : at], at + len(words)
        return text

    def say(self, line: str) -> None:
        os.write(self.master, line.encode() + b"\r")

    def press(self, key: bytes) -> None:
        os.write(self.master, key)

    def interrupt(self, words: str) -> None:
        """Press Ctrl-C until these words come; one that comes while the terminal changes hands may be lost."""
        for _ in range(20):
            self.press(b"\x03")
            pressed = time.monotonic()
            while time.monotonic() - pressed < 3:
                self.read(0.1)
                if words in self.shown[self.seen :]:
                    self.expect(words)
                    return
        self.expect(words)

    def leave(self) -> int:
        """Press Ctrl-C until the command has ended; one that comes while the terminal changes hands may be lost."""
        for _ in range(20):
            self.press(b"\x03")
            pressed = time.monotonic()
            while self.process.poll() is None and time.monotonic() - pressed < 3:
                self.read(0.1)
                if "leaves without it.\n" in self.shown[self.seen :]:
                    self.expect("leaves without it.\n")
                    self.expect(PROMPT)
                    time.sleep(0.3)  # a plain terminal is taken over after the prompt is shown
                    break
            if self.process.poll() is not None:
                break
        return self.ends()

    def ends(self) -> int:
        began = time.monotonic()
        while self.process.poll() is None:
            assert time.monotonic() - began < 60, self.shown[-2000:]
            self.read(0.1)
        self.read(0.1)
        assert "Traceback" not in self.shown
        assert termios.tcgetattr(self.slave) == self.before, "the terminal is left as it was"
        return self.process.returncode


@pytest.fixture
def start(rnngen_command: list[str]) -> Iterator[Callable[..., Terminal]]:
    terminals: list[Terminal] = []

    def make(*arguments: object) -> Terminal:
        terminal = Terminal([*rnngen_command, "sample", "--interactive", *map(str, arguments)])
        terminals.append(terminal)
        terminal.expect("/help tells how.")
        return terminal

    yield make
    for terminal in terminals:
        terminal.process.kill()
        terminal.process.wait()
        os.close(terminal.master)
        os.close(terminal.slave)


@pytest.mark.usefixtures("trained")
def test_a_whole_conversation(start: Callable[..., Terminal], tmp_path: Path) -> None:
    session = Session(rnngen.load(), "", Sampling(length=30), 7)
    terminal = start("--seed", 7, "-n", 30)
    terminal.expect(PROMPT)
    terminal.say("The cat ")
    session.add("The cat ")
    "".join(session.write())
    terminal.expect(session.text)
    terminal.expect(PROMPT)
    terminal.say("/retry")
    first = session.text
    "".join(session.retry())
    assert session.text != first
    terminal.expect(session.text)
    terminal.expect(PROMPT)
    terminal.say("/undo")
    session.undo()
    terminal.expect("(taken back: ")
    terminal.expect(PROMPT)
    terminal.say("/words")
    words = session.words()
    for number, (word, p) in enumerate(words, start=1):
        terminal.expect(f"/{number}  {p:6.1%}  {word.replace(chr(10), '↵')}")
    terminal.expect(PROMPT)
    terminal.say("/2")
    session.add(words[1][0])
    terminal.expect(session.text.rpartition("\n")[2])
    terminal.expect(PROMPT)
    terminal.say("/temperature 0")
    session.change(temperature=0.0)
    terminal.expect(PROMPT)
    terminal.say("")
    "".join(session.write())
    terminal.expect(session.text.rpartition("\n")[2][-8:])
    terminal.expect(PROMPT)
    terminal.say("/save text.txt")
    terminal.expect(f"({len(session.text)} characters saved to text.txt)")
    assert (tmp_path / "text.txt").read_text().rstrip("\n") == session.text.rstrip("\n")
    terminal.expect(PROMPT)
    terminal.say("/quit")
    assert terminal.ends() == 0


@pytest.mark.slow
def test_a_text_typed_in_parts_is_continued_as_one(start: Callable[..., Terminal], corpus: Path) -> None:
    run = rnngen.train(corpus, out=Path("words"), steps=20, tokenizer="word", vocab_size=300, **FAST).path
    session = Session(rnngen.load(run), "", Sampling(length=20), 7)
    terminal = start(run, "--seed", 7, "-n", 20)
    terminal.expect(PROMPT)
    for part in ("A dog sat. The ", "ca"):
        terminal.say(f"/add {part}")
        terminal.expect(PROMPT)
    session.add("A dog sat. The ca")
    terminal.say("/words")
    for number, (word, p) in enumerate(session.words(), start=1):
        begun = "ca" if word[0].isalpha() else ""
        terminal.expect(f"/{number}  {p:6.1%}  {begun}{word.replace(chr(10), '↵')}")
    terminal.expect(PROMPT)
    terminal.say("")
    "".join(session.write())
    terminal.expect(session.text.partition("\n")[0])
    terminal.expect(PROMPT)
    terminal.say("/quit")
    terminal.expect("not saved")


@pytest.mark.usefixtures("trained")
def test_ctrl_c_leaves_with_its_code_but_not_with_a_text_that_is_not_saved(start: Callable[..., Terminal]) -> None:
    terminal = start()
    terminal.expect(PROMPT)
    terminal.say("/add The")
    terminal.expect(PROMPT)
    terminal.interrupt("The text is not saved")
    terminal.expect(PROMPT)
    assert terminal.leave() == 130


@pytest.mark.usefixtures("trained")
def test_ctrl_c_stops_the_writing_and_keeps_what_is_there(start: Callable[..., Terminal]) -> None:
    terminal = start("-n", 10_000_000)
    terminal.expect(PROMPT)
    terminal.say("The")
    terminal.expect("The")
    for _ in range(20):  # lines of it
        terminal.expect("\n")
    terminal.press(b"\x03")
    terminal.expect(PROMPT)
    terminal.say("/save text.txt")
    terminal.expect("characters saved")
    saved = Path("text.txt").read_text().rstrip("\n")
    assert len(saved) > 100
    assert saved.rpartition("\n")[2] in terminal.shown  # to the last letter
    terminal.expect(PROMPT)
    terminal.say("/quit")
    assert terminal.ends() == 0


@pytest.mark.usefixtures("trained")
@pytest.mark.parametrize(("how", "code"), [("interrupt", 130), ("terminate", 143), ("end", 0)])
def test_the_terminal_is_left_as_it_was(start: Callable[..., Terminal], how: str, code: int) -> None:
    terminal = start()
    terminal.expect(PROMPT)
    terminal.press(b"half a line")
    terminal.expect("half a line")
    if how == "terminate":
        terminal.process.send_signal(signal.SIGTERM)
    elif how == "interrupt":
        terminal.press(b"\x03")
    else:
        terminal.press(b"\x15\x04")  # the line away, then the end
    assert terminal.ends() == code


ANSWERS = [
    ("/undo", "(nothing to take back)"),
    ("/nothing", "there is no /nothing"),
    ("/temperature warm", "invalid value for /temperature; expected a number; found 'warm'"),
    ("/temperature -1", "invalid value for /temperature"),
    ("/top-k 1.5", "invalid value for /top-k; expected an integer"),
    ("/top-k", "/top-k 0"),
    ("/length", "/length 5"),
    ("/run", "/run checkpoints/tiny"),
    ("/run nowhere", "nowhere: is not a run"),
    ("/alternatives 1", "invalid number of alternatives: 1; expected 2 to 9"),
    ("/1", "there is no /1 now: nothing is offered"),
    ("/stop don't", "a quote is not closed"),
    ("/ban zzz", "no token of this char model contains 'zzz'"),
    ("/save", "/save needs a name"),
    ("/save 'a' b", "a name in quotes is one name"),
    ('/save "my file', "a quote is not closed"),
    ("/save ~nobodyx/a", "there is no such user"),
    ("/save corpus.txt", "corpus.txt exists already"),
    ("/save nowhere/x.txt", "nowhere/x.txt: cannot be written"),
    ("/add Ω", "(the model has never seen 'Ω': left out of what it reads)"),
    ("/help", "/retry"),
    ("/settings", "/temperature 1"),
    ("/until line", PROMPT),
    ("/ban a e", PROMPT),
    ("/length none", PROMPT),
    ("/show", "The begin"),
    ("//1", "/1"),
]
"""Lines and their answers, one after the other."""


@pytest.mark.usefixtures("trained")
def test_every_line_has_an_answer(start: Callable[..., Terminal], corpus: Path) -> None:
    terminal = start("-p", "The begin", "--length", 5)
    terminal.expect(PROMPT)
    for line, answer in ANSWERS:
        terminal.say(line)
        terminal.expect(answer)
        if answer != PROMPT:
            terminal.expect(PROMPT)
    terminal.leave()
    assert corpus.stat().st_size == 20_000


@pytest.mark.usefixtures("trained")
def test_it_works_in_a_plain_terminal(rnngen_command: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal(["env", "TERM=dumb", *rnngen_command, "sample", "-i", "-n", "9"])
    terminal.expect(PROMPT)
    terminal.say("The cat")
    terminal.expect("The cat")
    terminal.expect(PROMPT)
    time.sleep(0.3)
    assert terminal.leave() == 130
