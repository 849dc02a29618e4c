"""The commands of ``rnngen sample --interactive``: what a line that begins with / does."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from rnngen.cli.completion import runs
from rnngen.cli.session_editor import Values
from rnngen.cli.session_files import SavedFiles, typed_path
from rnngen.cli.session_layout import one_line
from rnngen.cli.session_screen import Screen
from rnngen.cli.session_settings import SETTINGS, choices_of, setting_value, shown_setting
from rnngen.cli.spelling import in_session
from rnngen.errors import UsageError, shortened
from rnngen.formats import number_of
from rnngen.options.other_names import closest
from rnngen.plaintext.widths import filled
from rnngen.sampling.generator import Generator
from rnngen.sampling.labels import check_has_labels
from rnngen.sampling.prompts import never_seen
from rnngen.sampling.session import LENGTH, Session

MOST = 9
"""Choices that one digit can name."""

ALTERNATIVES = 3

DIGITS = 9
"""Of a number of steps, at most."""

HOW_MUCH = f"the model continues, by {LENGTH} tokens unless /length or /until says otherwise."

HELP = f"""\
Type text and press Enter: it is added, and the model continues. Enter alone:
{HOW_MUCH}
A space keeps a new word apart from the last one; + before a text adds it as it
is, so +ese goes on with the word che. A text that begins with / or + is typed
with // or ++. Alt-Enter breaks a line. Tab completes commands, files and
values. Ctrl-C stops the model while it writes.

  /retry        take back what the model wrote last, and let it write again
  /undo N       take back the last step, yours or the model's, or the last N
  /alternatives N
                N continuations to choose from, {ALTERNATIVES} unless you say otherwise:
                /1, /2 … takes one, /retry writes others
  /words        the most likely next words, or a word that you have begun with
                its likely ends: /1 to /9 takes one
  /add TEXT     add text without letting the model continue
  /show         the whole text
  /save FILE    write it to a file; the name may have spaces
  /run RUN      continue the same text with another model
  /settings     how the model writes. To see or change one: /temperature,
                /temperature 0.7, /top-p 0.9, /until line
  /length 50    how much it writes at a time, in tokens; /length 50 words,
                /length 2 sentences, /length none
  /label NAME   the label of the next document, if the model learned labels;
                none: drawn; '': without one
  /quit         leave (or Ctrl-D)

If the model writes documents, it says where one ends; Enter, or more text,
begins the next one.
"""


class Leave(Exception):  # noqa: N818 (not an error)
    """The user wants to leave."""


class Commands:
    """Carries out what was typed.

    Args:
        screen: where answers are shown.
        session: the text and its model.
        load: opens another model, by the name of its run.

    Attributes:
        saved: the text that was saved last, or given.
    """

    def __init__(self, screen: Screen, session: Session, load: Callable[[str], Generator]) -> None:
        self._screen, self._session, self._load = screen, session, load
        self.saved = session.text
        self._files = SavedFiles()
        self._choices: list[Callable[[], object]] = []  # what /1, /2 … do
        self._others: Callable[[], None] | None = None  # writes other alternatives
        self._offered_for: object = None

    def values(self) -> dict[str, Values]:
        """The commands, and what may stand after each, for completion."""
        known = dict.fromkeys(_COMMANDS, Values())
        known |= {name: Values(partial(choices_of, SETTINGS[name], self._labels)) for name in SETTINGS}
        return known | {"save": Values(paths="files"), "run": Values(_known_runs, "folders")}

    def _labels(self) -> Iterable[str]:
        return self._session.generator.tokenizer.labels

    def carry_out(self, name: str, rest: str) -> None:
        """Carry out a command.

        Raises:
            RnngenError: it cannot be done; nothing has changed.
            Leave: the user wants to leave.
        """
        choices = self._choices if self._offered_for == self._state() else []
        if rest.strip() and (name.isdecimal() or name in _ALONE):
            hint = "A text that begins with / is typed with //."
            raise UsageError(f"/{shortened(name)} takes nothing after it", found=rest.strip(), hint=hint)
        if name.isdecimal():
            self._pick(choices, name)
        elif name in SETTINGS:
            self._set(name, rest.strip())
        elif name in _COMMANDS:
            _COMMANDS[name](self, rest)
        else:
            raise _unknown(name)

    def add(self, typed: str) -> None:
        """Append the text that the user typed; a word does not stick to the last one unless + stands before it."""
        text = typed.removeprefix("+") if typed.startswith("+") else self._session.joint(typed) + typed
        if text:
            self._note_unseen(self._session.add(text))

    def _add(self, rest: str) -> None:
        if not rest:
            raise UsageError("/add needs a text", expected="for example /add and then")
        self.add(rest)

    def _note_unseen(self, unseen: str) -> None:
        if unseen:
            self._screen.write(f"({never_seen(unseen, self._session.generator.tokenizer)})\n")

    def _state(self) -> object:
        """What choices depend on."""
        return self._session.text, self._session.sampling, self._session.generator

    def _offer(self, choices: Sequence[Callable[[], object]], others: Callable[[], None] | None = None) -> None:
        self._choices, self._others, self._offered_for = list(choices), others, self._state()

    def _pick(self, choices: Sequence[Callable[[], object]], number: str) -> None:
        if not choices:
            hint = "/words and /alternatives offer choices."
            raise UsageError(f"there is no /{shortened(number)} now: nothing is offered", hint=hint)
        if not 0 < int(number) <= len(choices):
            raise UsageError(f"there is no /{shortened(number)} now", expected=f"/1 to /{len(choices)}")
        self._screen.write_last_line_with(choices[int(number) - 1])

    def _set(self, name: str, typed: str) -> None:
        if name == "label":
            check_has_labels(self._session.generator.tokenizer)
        if not typed:
            self._screen.write(f"  {self._shown(name)}\n")
            words = in_session(SETTINGS[name].option.help, SETTINGS)
            self._screen.write(filled(words, self._screen.columns - 1, "  ", "  ") + "\n")
            return
        self._session.change(**{name: setting_value(SETTINGS[name], typed)})
        if name == "label" and self._session.text:
            self._screen.write("(it is that of the next document)\n")

    def _shown(self, name: str) -> str:
        """A setting as it is typed."""
        sampling = self._session.sampling
        default = f" ({LENGTH} tokens)" if name == "length" and sampling.length is sampling.until is None else ""
        return f"/{name.replace('_', '-')} {shown_setting(sampling, name)}{default}"

    def _retry(self, _rest: str) -> None:
        if self._others and self._offered_for == self._state():
            self._others()
        else:
            self._screen.write_growing(self._session.retry())

    def _undo(self, rest: str) -> None:
        number = rest.strip() or "1"
        if not (number.isascii() and number.isdecimal() and 0 < len(number.lstrip("0")) <= DIGITS):
            raise UsageError(f"invalid number of steps: {shortened(number)}", expected="for example /undo 3")
        taken: list[str] = []
        while len(taken) < int(number) and (text := self._session.undo()) is not None:
            taken.insert(0, text)
        steps = "" if len(taken) == int(number) else f"only {number_of(len(taken), 'step')}, "
        what = f"({steps}taken back: {one_line(''.join(taken))})" if taken else "(nothing to take back)"
        self._screen.write_lines(f"{what}\n")

    def _alternatives(self, rest: str) -> None:
        number = rest.strip() or str(ALTERNATIVES)
        if not (number.isascii() and number.isdecimal() and 2 <= int(number) <= MOST):
            raise UsageError(f"invalid number of alternatives: {shortened(number)}", expected=f"2 to {MOST}")
        total = 0
        with self._screen.waiting() as job:

            def stopped(drawn: int) -> bool:
                nonlocal total
                total += drawn
                job.advance_to(total)
                return self._screen.interrupted

            found = self._session.alternatives(int(number), stopped)
        self._screen.write_alternatives([self._continued(each.text).removeprefix(" ") for each in found])
        self._offer([partial(self._session.take, each) for each in found], partial(self._alternatives, number))

    def _words(self, _rest: str) -> None:
        words = self._session.words()
        shown = (f"{p:6.1%}  {one_line(self._continued(word))}" for word, p in words)
        rows = (f"  /{number}  {row}\n" for number, row in enumerate(shown, start=1))
        self._screen.write_lines("".join(rows) or "(no word is likely)\n")
        self._offer([partial(self._session.add, word) for word, _ in words])

    def _continued(self, text: str) -> str:
        """A text that may be added, with the word that it continues, if it does."""
        return self._session.begun_word + text if text[:1].isalnum() else text

    def _help(self, rest: str) -> None:
        """The whole help, or that of one command."""
        name = rest.strip().removeprefix("/").replace("-", "_")
        entry = re.search(rf"^  /{re.escape(name)}\b.*\n(?:    .*\n)*", HELP, re.MULTILINE) if name else None
        if entry:
            self._screen.write(entry[0])
        elif name in SETTINGS:
            self._set(name, "")
        elif name in _COMMANDS:
            self._screen.write(f"  /{name}\n")
        elif name:
            raise _unknown(name)
        else:
            self._screen.write(HELP.replace(HOW_MUCH, self._how_much()))

    def _how_much(self) -> str:
        """How much the model writes at a time."""
        sampling = self._session.sampling
        given = [name for name in ("length", "until") if getattr(sampling, name) is not None]
        limits = " and ".join(f"/{name} {shown_setting(sampling, name)}" for name in given)
        return f"the model continues, as {limits} says." if given else HOW_MUCH

    def _show(self, _rest: str) -> None:
        self._screen.write(self._session.text + "\n")

    def _save(self, rest: str) -> None:
        path, text = typed_path(rest), self._session.text
        self._files.save(text, path)
        self.saved = text
        self._screen.write(f"({len(text):,} characters saved to {path})\n")

    def _run(self, rest: str) -> None:
        if not rest.strip():
            self._screen.write(f"  /run {self._session.generator.name}\n")
            return
        unseen = self._session.use(self._load(str(typed_path(rest, "/run checkpoints/corpus-1"))))
        self._screen.write(f"({self._session.generator.name} continues the text)\n")
        self._note_unseen(unseen)

    def _settings(self, _rest: str) -> None:
        names = [n for n in SETTINGS if n != "label" or self._labels()]
        self._screen.write("".join(f"  {self._shown(name)}\n" for name in names))

    def _quit(self, _rest: str) -> None:
        raise Leave


_COMMANDS: dict[str, Callable[[Any, str], None]] = {
    "retry": Commands._retry,
    "undo": Commands._undo,
    "alternatives": Commands._alternatives,
    "words": Commands._words,
    "add": Commands._add,
    "show": Commands._show,
    "save": Commands._save,
    "run": Commands._run,
    "settings": Commands._settings,
    "help": Commands._help,
    "quit": Commands._quit,
}

_ALONE = frozenset({"retry", "words", "show", "settings", "quit"})
"""Commands that take nothing after them."""


def _unknown(name: str) -> UsageError:
    meant = closest(name, [*_COMMANDS, *SETTINGS])
    hint = f"Did you mean /{meant.replace('_', '-')}?" if meant else "/help lists the commands."
    return UsageError(f"there is no /{shortened(name.replace('_', '-'))}", hint=hint)


def _known_runs() -> list[str]:
    """The runs under ``checkpoints/``, as a shell completes them."""
    return [each if isinstance(each, str) else each[0] for each in runs("")]
