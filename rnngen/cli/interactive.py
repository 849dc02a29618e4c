"""``rnngen sample --interactive``: write a text together with a model, at a line editor."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Any

from prompt_toolkit.application import Application, get_app_or_none

from rnngen.cli.console import Console, ReaderGone
from rnngen.cli.session_commands import Commands, Leave
from rnngen.cli.session_editor import make_editor, prompt_after
from rnngen.cli.session_files import rescue
from rnngen.cli.session_screen import Screen
from rnngen.cli.session_settings import SETTINGS
from rnngen.cli.spelling import in_session
from rnngen.errors import LONGEST_PART, RnngenError, UsageError, shortened
from rnngen.platforms import stop_signals, unescaped
from rnngen.sampling.generator import Generator
from rnngen.sampling.session import Session
from rnngen.uninterrupted import uninterrupted


def write_together(console: Console, session: Session, load: Callable[[str], Generator]) -> None:
    """Run a session at the terminal until the user leaves.

    Args:
        console: of the command.
        session: the text and its model.
        load: opens another model, by the name of its run.

    Raises:
        UsageError: there is no terminal.
        KeyboardInterrupt: the user left with Ctrl-C.
    """
    if not (console.stdin is not None and console.stdin.isatty() and console.shows_output):
        raise UsageError("--interactive needs a terminal", hint="Without one: --prompt - reads standard input.")
    Conversation(console, session, load).run()


class Conversation:
    """The lines that a user types, and their answers.

    Args:
        console, session, load: see ``write_together``.

    Attributes:
        commands: carries out the lines.
    """

    def __init__(self, console: Console, session: Session, load: Callable[[str], Generator]) -> None:
        self._console, self._session, self._screen = console, session, Screen(console, session)
        self.commands = Commands(self._screen, session, load)
        self._editor = make_editor(self.commands.values())
        self._ended_by: int | None = None  # a signal, while the editor has the terminal

    def run(self) -> None:
        """Answer lines until the user leaves. Ctrl-C is a key of the editor; elsewhere it is noted, not raised."""
        before = {number: signal.getsignal(number) for number in stop_signals()}
        for number, handler in before.items():
            if number == signal.SIGINT:
                signal.signal(number, self._interrupt)
            elif callable(handler):
                signal.signal(number, partial(self._end, handler))
        try:
            self._converse()
        except KeyboardInterrupt:  # the user was warned
            raise
        except BaseException:  # a signal, or a terminal that is gone
            with uninterrupted():  # a hang-up may come twice
                self._rescue()
            raise
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _rescue(self) -> None:
        """Save the text, if it is not."""
        if self._is_saved() or not (path := rescue(self._session.text)):
            return
        with contextlib.suppress(OSError, ValueError):  # there may be no terminal any more
            self._console.note(f"The text is saved to {path}.")

    def _interrupt(self, _number: int, _frame: object) -> None:
        self._screen.interrupted = True
        editor = get_app_or_none()
        if editor is not None and editor.loop is not None:  # not the key, which is none for the terminal now
            editor.loop.call_soon_threadsafe(self._leave_if_interrupted)

    def _end(self, handler: Callable[[int, FrameType | None], object], number: int, frame: FrameType | None) -> None:
        """Leave the editor first: what a handler raises there would be lost, and the terminal left as it is."""
        editor = get_app_or_none()
        if self._ended_by is not None or editor is None or not editor.is_running or editor.loop is None:
            handler(number, frame)
            return
        self._ended_by = number
        editor.loop.call_soon_threadsafe(_close, editor)

    def _leave_if_interrupted(self) -> None:
        """The first thing the editor does: a Ctrl-C before it took over the terminal was meant for it."""
        editor = self._editor.app
        if self._screen.interrupted and editor.future is not None and not editor.future.done():
            self._screen.interrupted = False
            editor.exit(exception=KeyboardInterrupt)

    def _is_saved(self) -> bool:
        return self._session.text == self.commands.saved

    def _read(self) -> str:
        text = "" if self._session.ended else self._session.text
        prompt = prompt_after(text, self._screen.columns)
        try:
            # the editor's own handler fails where the signal comes before or after its work
            return unescaped(self._editor.prompt(prompt, pre_run=self._leave_if_interrupted, handle_sigint=False))
        finally:
            if self._ended_by is not None:
                signal.raise_signal(self._ended_by)  # no editor runs now

    def _converse(self) -> None:
        """Read lines and answer them."""
        write = self._screen.write
        write(f"Writing with {self._session.generator.name}, seed {self._session.seed}. /help tells how.\n")
        if self._session.text:
            write(self._session.text + "\n")
        warned = False
        while True:
            try:
                line, key = self._read(), "/quit"
            except KeyboardInterrupt:
                if warned or self._is_saved():
                    raise
                warned = True
                write("The text is not saved: /save FILE keeps it, Ctrl-C again leaves without it.\n")
                continue
            except EOFError:
                line, key = "/quit", "Ctrl-D"
            try:
                self.answer(line)
            except Leave:
                if warned or self._is_saved():
                    return
                write(f"The text is not saved: /save FILE keeps it, {key} again leaves without it.\n")
                warned = True
                continue
            except RnngenError as error:
                write(f"{in_session(str(error), SETTINGS)}\n")
            except ReaderGone:
                raise
            except Exception as error:  # whatever goes wrong, the text must not be lost with it
                problem = shortened(f"{type(error).__name__}: {error}", LONGEST_PART)
                write(f"That failed ({problem}). The text is kept: /show shows it, /save FILE saves it.\n")
            self._screen.interrupted = warned = False

    def answer(self, line: str) -> None:
        """Carry out a line."""
        if line.startswith("/") and not line.startswith("//"):
            name, _, rest = line[1:].partition(" ")
            self.commands.carry_out(name.replace("-", "_"), rest)
        else:
            self.commands.add(line[1:] if line.startswith("//") else line)
            self._screen.write_growing(self._session.write())


def _close(editor: Application[Any]) -> None:
    if editor.future is not None and not editor.future.done():
        editor.exit(exception=EOFError)
