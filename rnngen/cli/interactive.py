"""``rnngen sample --interactive``: write a text together with a model, at a line editor."""

from __future__ import annotations

import collections.abc
import signal
from collections.abc import Iterable, Iterator
from pathlib import Path

from rnngen.arguments import why_unusable
from rnngen.cli.console import Console, ReaderGone
from rnngen.cli.session_editor import make_editor
from rnngen.cli.session_settings import SETTINGS, setting_value, shown_setting, split_words
from rnngen.cli.spelling import in_session
from rnngen.cli.widths import width
from rnngen.errors import LONGEST_PART, RnngenError, UsageError, shortened
from rnngen.graphemes import without_middle
from rnngen.platforms import split_arguments, unescaped
from rnngen.sampling.generator import Generator
from rnngen.sampling.labels import check_has_labels
from rnngen.sampling.options import Sampling
from rnngen.sampling.session import LENGTH, Session

COMMANDS = ("retry", "undo", "words", "add", "show", "save", "settings", "help", "quit")

HELP = f"""\
Type text and press Enter: it is added as it is, and the model continues.
Enter alone: the model continues, up to {LENGTH} tokens unless you say otherwise.
Alt-Enter breaks a line. Ctrl-C stops the model while it writes. A text that
begins with / is typed with //.

  /retry      take back what the model wrote last, and let it write again
  /undo       take back the last step, yours or the model's
  /words      the most likely next words, or ends of a word that you have
              begun; /1 to /9 takes one
  /add TEXT   add text without letting the model continue
  /show       the whole text
  /save FILE  write it to a file
  /settings   how the model writes; to change it: /temperature 0.7,
              /top-p 0.9, /length 50, /until line, /length none
  /label NAME the label of the next document, if the model learned labels;
              none: drawn; '': without one
  /quit       leave (or Ctrl-D)

If the model writes documents, it says where one ends; Enter, or more text,
begins the next one.
"""


def write_together(console: Console, generator: Generator, prompt: str, sampling: Sampling, seed: int) -> None:
    """Run a session at the terminal until the user leaves.

    Raises:
        UsageError: there is no terminal.
        KeyboardInterrupt: the user left with Ctrl-C.
    """
    if not (console.stdin is not None and console.stdin.isatty() and console.shows_output):
        raise UsageError("--interactive needs a terminal", hint="Without one: --prompt - reads standard input.")
    _Conversation(console, Session(generator, prompt, sampling, seed)).run()


class _Leave(Exception):  # noqa: N818 (not an error)
    """The user wants to leave."""


class _Conversation:
    def __init__(self, console: Console, session: Session) -> None:
        self.console, self.session = console, session
        self.words: list[tuple[str, float]] = []
        self.interrupted = False
        self.saved = session.text
        self.files: set[Path] = set()
        self.editor = make_editor([*COMMANDS, *SETTINGS])

    def run(self) -> None:
        """Answer lines until the user leaves. Ctrl-C is a key of the editor; elsewhere it is noted, not raised."""
        before = signal.signal(signal.SIGINT, self._interrupt)
        try:
            self.converse()
        finally:
            signal.signal(signal.SIGINT, before)

    def _interrupt(self, _number: int, _frame: object) -> None:
        self.interrupted = True

    def _leave_if_interrupted(self) -> None:
        """The first thing the editor does: a Ctrl-C before it took over the terminal was meant for it."""
        if self.interrupted:
            self.interrupted = False
            self.editor.app.exit(exception=KeyboardInterrupt)

    def converse(self) -> None:
        """Read lines and answer them."""
        self.console.write(f"Writing with {self.session.generator.name}, seed {self.session.seed}. /help tells how.\n")
        if self.session.text:
            self.console.write(self.session.text + "\n")
        warned = False
        while True:
            try:
                line = unescaped(self.editor.prompt(pre_run=self._leave_if_interrupted))
            except KeyboardInterrupt:
                if warned or self.session.text == self.saved:
                    raise
                warned = True
                self.console.write("The text is not saved: /save FILE keeps it, Ctrl-C again leaves without it.\n")
                continue
            except EOFError:
                line = "/quit"
            try:
                self.answer(line)
            except _Leave:
                if warned or self.session.text == self.saved:
                    return
                self.console.write("The text is not saved: /save FILE keeps it, /quit again leaves without it.\n")
                warned = True
                continue
            except RnngenError as error:
                self.console.write(f"{in_session(str(error), SETTINGS)}\n")
            except ReaderGone:
                raise
            except Exception as error:  # whatever goes wrong, the text must not be lost with it
                problem = shortened(f"{type(error).__name__}: {error}", LONGEST_PART)
                self.console.write(f"That failed ({problem}). The text is kept: /show shows it, /save FILE saves it.\n")
            self.interrupted = warned = False

    def answer(self, line: str) -> None:
        """Carry out a line."""
        if not line.startswith("/"):
            self.add(line)
            self.show(self.session.write())
        elif line.startswith("//"):
            self.add(line[1:])
            self.show(self.session.write())
        else:
            name, _, rest = line[1:].partition(" ")
            self.command(name.replace("-", "_"), rest)

    def add(self, text: str) -> None:
        """Append the text that the user typed."""
        if text and (unseen := self.session.add(text)):
            reads = "reads it as <unk>" if self.session.generator.tokenizer.is_closed else "does not read it"
            self.console.write(f"(the model has never seen {shortened(unseen)!r}, and {reads})\n")

    def show(self, pieces: collections.abc.Generator[str]) -> None:
        """Show what the model writes, after the line that it continues; Ctrl-C stops it."""
        self.console.write(self.session.text.rpartition("\n")[2])
        self.interrupted = False
        ends_line = self.console.write_pieces(self.until_interrupted(pieces), lambda: None)
        pieces.close()
        if not ends_line:
            self.console.write("\n")
        if self.interrupted:  # the terminal drops output that it has not shown yet, the last line with words above all
            self.console.write(self.session.text.rstrip("\n").rpartition("\n")[2] + "\n")
        elif self.session.ended:
            self.console.write("(end of the document)\n")

    def until_interrupted(self, pieces: Iterable[str]) -> Iterator[str]:
        """The pieces, up to the one during which the user pressed Ctrl-C."""
        for piece in pieces:
            yield piece
            if self.interrupted:
                return

    def command(self, name: str, rest: str) -> None:
        """Carry out a command."""
        if name.isdecimal() and self.words:
            self.pick(name)
        elif name in SETTINGS and rest:
            if name == "label":
                check_has_labels(self.session.generator.tokenizer)
            self.session.change(**{name: setting_value(SETTINGS[name], rest)})
            if name == "label":
                self.console.write("(it is that of the next document)\n" if self.session.text else "")
        elif name == "help":
            self.console.write(HELP)
        elif name == "retry":
            self.show(self.session.retry())
        elif name == "undo":
            taken = self.session.undo()
            self.console.write("(nothing to take back)\n" if taken is None else f"(taken back: {_shown(taken)})\n")
        elif name == "words":
            self.words = self.session.words()
            rows = (f"  /{n}  {p:6.1%}  {_shown(word)}\n" for n, (word, p) in enumerate(self.words, start=1))
            self.console.write("".join(rows) or "(no word is likely)\n")
            return
        elif name == "add":
            self.add(rest)
        elif name == "show":
            self.console.write(self.session.text + "\n")
        elif name == "save":
            self.save(rest)
        elif name == "settings":
            names = [n for n in SETTINGS if n != "label" or self.session.generator.tokenizer.labels]
            shown = (f"  /{n.replace('_', '-')} {shown_setting(self.session.sampling, n)}\n" for n in names)
            self.console.write("".join(shown))
        elif name == "quit":
            raise _Leave
        else:
            what = f"/{name.replace('_', '-')}"
            problem = f"{what} needs a value" if name in SETTINGS else f"there is no {what}"
            raise UsageError(problem, hint="/help lists the commands.")
        self.words = []

    def pick(self, number: str) -> None:
        """Add one of the likely words."""
        words = {str(n): word for n, (word, _) in enumerate(self.words, start=1)}
        if number not in words:
            raise UsageError(f"there is no word {shortened(number)}", expected=f"1 to {len(words)}")
        self.session.add(words[number])
        self.console.write(self.session.text.rpartition("\n")[2] + "\n")

    def save(self, name: str) -> None:
        """Write the text to a file, but never overwrite a file that this session has not written."""
        names = split_words(name, split_arguments)
        if len(names) != 1:
            raise UsageError("/save needs the name of one file", hint="Put a name with spaces in quotes.")
        try:
            path = Path(names[0]).expanduser()
        except RuntimeError as error:  # no such user
            raise UsageError(f"{names[0]}: there is no such user") from error
        if unusable := why_unusable(path):
            raise UsageError("cannot be written", where=path, expected="the name of a file", found=unusable)
        text = self.session.text
        if not text:
            raise UsageError("there is no text yet")
        try:
            with path.open("w" if path.resolve() in self.files else "x", encoding="utf-8", errors="replace") as file:
                self.files.add(path.resolve())  # even if it fails: the next try may overwrite what this one leaves
                file.write(text if text.endswith("\n") else text + "\n")
        except FileExistsError as error:
            raise UsageError(f"{path} exists already", hint="Save under another name.") from error
        except OSError as error:
            raise RnngenError(f"cannot be written ({error.strerror})", where=path) from error
        self.saved = text
        self.console.write(f"({len(text):,} characters saved to {path})\n")


def _shown(text: str) -> str:
    """A text on one line, shortened if it is long."""
    return line if width(line := text.replace("\n", "↵")) <= 60 else without_middle(line, 28)
