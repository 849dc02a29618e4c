"""Training options from a file: TOML, or the ``config.json`` of a run."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rnngen.errors import UsageError
from rnngen.options.config import SECTIONS, TRAINING, option_meant
from rnngen.options.config_table import read_table
from rnngen.options.declare import declared, meant_by
from rnngen.options.invalid_values import shown
from rnngen.options.invocation import Invocation
from rnngen.platforms import quote_argument

_TYPED = {"resume": "", "config": "", "allow_changed_corpus": "--resume RUN "}
"""Options of ``train`` that exclude a file of options → what to type before them instead of it."""


def read_options(path: Path) -> dict[str, Any]:
    """Read flat names and values from a file.

    ``-`` and ``_`` in names are equivalent. An option may be in any of the sections of config.json, ``[model]``,
    ``[data]``, ``[optimizer]`` and ``[train]``, or outside them. Paths are relative to the current folder.

    Raises:
        UsageError: no such file, not TOML, an unknown name or section, or an invalid value.
    """
    values: dict[str, Any] = {}
    options = list(_options_of(path, read_table(path)))
    text = "" if any(name == "corpus" for name, _ in options) else "FILE "
    for written, value in options:
        name = written.replace("-", "_")
        if name in declared(Invocation):
            raise _not_in_a_file(path, name, value, text)
        if name not in TRAINING:
            raise _unknown(path, written, value)
        if name in values:
            raise UsageError(f"{_typed(name)} is given twice", where=path)
        option = TRAINING[name]
        if option.element is str and isinstance(value, str):
            value = [value]
        if expected := option.expectation(value):
            meant = meant_by(option, value)
            hint = None if meant is None else f"Did you mean: {_typed(name)} = {json.dumps(meant)}"
            raise UsageError(
                f"invalid value for {_typed(name)}", where=path, expected=expected, found=shown(value), hint=hint
            )
        values[name] = value
    return values


def _options_of(path: Path, table: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in table.items():
        if name in SECTIONS and isinstance(value, dict):
            yield from value.items()
        elif name in SECTIONS and isinstance(value, list) and any(isinstance(v, dict) for v in value):
            raise UsageError(f"[[{name}]] is a list of sections", where=path, expected=f"[{name}]")
        else:
            yield name, value


def _typed(name: str) -> str:
    """The spelling of an option in a file."""
    return name.replace("_", "-")


def _unknown(path: Path, written: str, value: object) -> UsageError:
    if isinstance(value, dict):
        return UsageError(
            f"unknown section [{written}]",
            where=path,
            expected=", ".join(f"[{section}]" for section in SECTIONS) + ", or none",
            hint="Options need no section: write one per line, such as: minutes = 3.",
        )
    meant = option_meant(written)
    if meant is None:
        return UsageError(f"unknown option {written!r}", where=path, hint="See rnngen train --help.")
    name, _, text = meant.partition("=")
    meant = f"{_typed(name)} = {json.dumps(text)}" if text else _typed(name)
    return UsageError(f"unknown option {written!r}", where=path, hint=f"Did you mean {meant}?")


def _not_in_a_file(path: Path, name: str, value: object, text: str) -> UsageError:
    given = quote_argument(value) if isinstance(value, str) else "NAME"
    flag = declared(Invocation)[name].default is False
    option = f"--{_typed(name)}" if flag else f"--{_typed(name)} {given}"
    command = _TYPED.get(name, f"{text}--config {quote_argument(str(path))} ") + option
    return UsageError(
        f"{_typed(name)} cannot be given in a file",
        where=path,
        expected="it on the command line",
        hint=f"Remove it and type: rnngen train {command}" if value is not False else "Remove it.",
    )
