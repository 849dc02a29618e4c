"""The line editor of ``rnngen sample --interactive``: the end of the text before the cursor, keys, and completion."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Literal, NamedTuple

from prompt_toolkit import ANSI, PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion, PathCompleter
from prompt_toolkit.document import Document
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.shortcuts import CompleteStyle

from rnngen.cli.session_layout import ISOLATES, tail


class Values(NamedTuple):
    """What may stand after a command.

    Attributes:
        listed: lists values.
        paths: what else it may be; it is completed where no listed value begins with what was typed.
    """

    listed: Callable[[], Iterable[str]] = tuple
    paths: Literal["files", "folders"] | None = None


def make_editor(commands: Mapping[str, Values]) -> PromptSession[str]:
    """An editor that completes commands and what may stand after them, by name; Alt-Enter breaks a line."""
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
        self._paths = {
            "files": PathCompleter(expanduser=True),
            "folders": PathCompleter(expanduser=True, only_directories=True),
        }

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        typed = document.text_before_cursor
        if not typed.startswith("/") or "\n" in typed:
            return
        name, space, rest = typed[1:].partition(" ")
        if not space:
            yield from _beginning_with(typed, [f"/{known}" for known in self._values])
            return
        values, begun = self._values.get(name, Values()), rest.lstrip()
        found = _beginning_with(begun, values.listed())
        yield from found
        if values.paths and not found:
            begun_path = Document(begun.lstrip("'\""))
            yield from self._paths[values.paths].get_completions(begun_path, complete_event)


def _beginning_with(typed: str, known: Iterable[str]) -> list[Completion]:
    return [Completion(each, start_position=-len(typed)) for each in known if each.startswith(typed)]


def _keys() -> KeyBindings:
    keys = KeyBindings()

    @keys.add("escape", "enter")
    def _break_line(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    return keys
