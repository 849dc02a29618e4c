"""The line editor of ``rnngen sample --interactive``: the end of the text before the cursor, keys, and completion."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from prompt_toolkit import ANSI, PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion, PathCompleter
from prompt_toolkit.document import Document
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.shortcuts import CompleteStyle

from rnngen.cli.session_layout import ISOLATES, tail

FILES = "files"
"""What is completed where the value of a command is a file."""

Values = Callable[[], Iterable[str]] | str | None


def make_editor(commands: Mapping[str, Values]) -> PromptSession[str]:
    """An editor that completes commands and their values; Alt-Enter breaks a line.

    Args:
        commands: name → a function that lists the values, ``FILES``, or None.
    """
    return PromptSession(
        completer=_Commands(commands),
        key_bindings=_keys(),
        complete_while_typing=False,
        complete_style=CompleteStyle.READLINE_LIKE,
        reserve_space_for_menu=0,
    )


def prompt_after(text: str, columns: int) -> ANSI:
    """What stands before the cursor: the end of the text, dim, so that the user sees what is continued."""
    end = tail(text, max(12, columns // 3))
    for isolate in ISOLATES:
        end = end.replace(isolate, f"\001{isolate}\002")  # else the editor counts it as a character, or drops it
    return ANSI(f"\033[2m{end}\033[0m> " if end else "> ")


class _Commands(Completer):
    """Completes the names of commands, and what stands after some of them."""

    def __init__(self, commands: Mapping[str, Values]) -> None:
        self._values = {name.replace("_", "-"): values for name, values in commands.items()}
        self._paths = PathCompleter(expanduser=True)

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        typed = document.text_before_cursor
        if not typed.startswith("/") or "\n" in typed:
            return
        name, space, rest = typed[1:].partition(" ")
        values = self._values.get(name)
        if not space:
            yield from _beginning_with(typed, [f"/{known}" for known in self._values])
        elif values == FILES:
            opened = rest.lstrip()
            yield from self._paths.get_completions(Document(opened.lstrip("'\"")), complete_event)
        elif callable(values):
            yield from _beginning_with(rest, values())


def _beginning_with(typed: str, known: Iterable[str]) -> Iterable[Completion]:
    return (Completion(each, start_position=-len(typed)) for each in known if each.startswith(typed))


def _keys() -> KeyBindings:
    keys = KeyBindings()

    @keys.add("escape", "enter")
    def _break_line(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    return keys
