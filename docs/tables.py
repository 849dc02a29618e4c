"""Write the tables of options into the pages, from the commands, whose parameters follow from the declarations.

    python docs/tables.py

A table stands between ``<!-- options: rnngen train -->`` and ``<!-- end of options -->``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from typer.core import TyperGroup

from rnngen.cli.commands import COMMANDS, load_command
from rnngen.cli.declared import HELP_ALL, kinds_of

DOCS = Path(__file__).parent
_SECTION = re.compile(r"(?<=<!-- options: )([a-z ]+)( -->\n).*?(?=<!-- end of options -->)", flags=re.DOTALL)
_WORDS = {"int": "an integer", "float": "a number", "str": "text", "Path": "a path", "bool": ""}


def commands() -> dict[str, Any]:
    """Every command by the words that are typed for it, but for the groups."""
    found: dict[str, Any] = {}
    for name in COMMANDS:
        command = load_command(name)
        if isinstance(command, TyperGroup):
            found |= {f"rnngen {name} {below}": each for below, each in command.commands.items()}
        else:
            found[f"rnngen {name}"] = command
    return found


def updated(page: str) -> str:
    """The text of a page with its tables as they should be."""
    known = commands()
    return _SECTION.sub(lambda found: f"{found[1]}{found[2]}\n{table(known[found[1]])}\n", page)


def table(command: Any) -> str:
    """The options of a command in Markdown: one table per heading of its help."""
    panels: dict[str, list[str]] = {}
    for parameter in command.params:
        if parameter.param_type_name == "option" and parameter.name != HELP_ALL.name:
            panels.setdefault(parameter.rich_help_panel or "", []).append(_row(command, parameter))
    return "\n".join(line for panel, rows in panels.items() for line in _section(panel, rows))


def _section(panel: str, rows: list[str]) -> Iterator[str]:
    if panel:
        yield f"**{panel}**\n"
    yield "| option | value | default | what it does |\n| --- | --- | --- | --- |"
    yield from rows
    yield ""


def _row(command: Any, parameter: Any) -> str:
    names = ", ".join(f"`{name}`" for name in (*parameter.opts, *parameter.secondary_opts))
    words = re.fullmatch(r"(.*?)(?:\s*\[default: (.*)\])?", parameter.help, flags=re.DOTALL)
    assert words
    default = words[2] or ""
    if not default and parameter.show_default and parameter.default is not None and not parameter.is_flag:
        default = str(parameter.default)
    cells = (names, _value(command.callback, parameter), _options_as_code(default), _options_as_code(words[1]))
    return f"| {' | '.join(cells)} |"


def _options_as_code(text: str) -> str:
    return re.sub(r"(?<![\w`-])--[a-z][a-z-]*", r"`\g<0>`", text)


def _value(callback: Any, parameter: Any) -> str:
    """What can be typed for an option, in words."""
    if parameter.is_flag:
        return ""
    if parameter.metavar:
        return f"`{parameter.metavar}`"
    option = getattr(callback, "options", {}).get(parameter.name)
    kind = option.kind if option else kinds_of(callback)[parameter.name]
    if get_origin(kind) is Literal:
        return ", ".join(f"`{choice}`" for choice in get_args(kind))
    if option:  # nothing is valid of a type that no option has
        return str(option.expectation(object())).partition(" (")[0]
    return _WORDS[kind.__name__]


def main() -> None:
    """Rewrite the pages whose tables are out of date."""
    for path in sorted(DOCS.glob("*.md")):
        page = path.read_text(encoding="utf-8")
        if (new := updated(page)) != page:
            path.write_text(new, encoding="utf-8", newline="\n")
            print(f"written: {path}")


if __name__ == "__main__":
    main()
