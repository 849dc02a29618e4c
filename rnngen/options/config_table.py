"""Reading a file of options as a table: TOML, or the ``config.json`` of a run.

Errors here concern the file itself; ``config_file.py`` checks the names and values of the options.
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

from rnngen.errors import UsageError, shortened
from rnngen.platforms import quote_argument
from rnngen.untrusted import parse_json

MAX_BYTES = 1 << 18  # tomllib needs up to 500 times as much memory
HINT = "A file of options holds one per line, such as: minutes = 3."

_LONG_KEY = re.compile(r"""(?<![\w"'-])(?:(?:[\w-]++|"(?:[^"\\\n]|\\.)*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){32}""")
"""A key of more than 32 parts: tomllib takes time and memory with the square of their number."""


def read_table(path: Path) -> dict[str, Any]:
    """The content of a file of options.

    Options without a value, and whatever else a run's ``config.json`` records, are left out.

    Raises:
        UsageError: it is not a file, too large, not UTF-8, or not TOML (JSON, if it begins with a brace).
    """
    text = _read_text(path)
    if text.lstrip().startswith("{"):
        return _read_json(path, text)
    if _LONG_KEY.search(text):
        raise UsageError("is nested too deeply", where=path, expected="a TOML file", hint=HINT)
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise UsageError("is nested too deeply", where=path, expected="a TOML file", hint=HINT) from error
    except tomllib.TOMLDecodeError as error:
        raise _not_toml(path, text, str(error)) from error
    except ValueError as error:  # the only other one: Python reads no integer of thousands of digits
        most = sys.get_int_max_str_digits()
        raise UsageError("a number in it is too large", where=path, found=f"more than {most:,} digits") from error


def _read_text(path: Path) -> str:
    try:
        if not path.is_file():  # reading a pipe or a device could block
            path.stat()
            found = "a folder" if path.is_dir() else "a pipe or a device"
            options = path / "config.json"
            hint = f"For the options of this run type: --config {quote_argument(str(options))}"
            hint = hint if options.is_file() else HINT
            raise UsageError("cannot be read", where=path, expected="a TOML file", found=found, hint=hint)
        if path.stat().st_size > MAX_BYTES:
            raise UsageError("is too large", where=path, expected="a TOML file of at most 256 KiB", hint=HINT)
        content = path.read_bytes()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise UsageError(
            f"cannot be read ({reason})", where=shortened(str(path), 200), expected="a TOML file", hint=HINT
        ) from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        utf16 = content.startswith((b"\xff\xfe", b"\xfe\xff"))
        found = "UTF-16" if utf16 else f"byte 0x{content[error.start]:02x} in line {line}"
        raise UsageError("is not UTF-8", where=path, found=found, hint="Save it as UTF-8.") from error


def _read_json(path: Path, text: str) -> dict[str, Any]:
    try:
        values = parse_json(text)
    except ValueError as error:
        raise UsageError("is neither TOML nor JSON", where=path, found=error, hint=HINT) from error
    record = {"rnngen", *(name for name, value in values.items() if name == "corpus" and isinstance(value, dict))}
    record |= {"init_from", "given", "siblings"} if "rnngen" in values else set()  # a run's config.json
    return {name: _given(value) for name, value in values.items() if name not in record and value not in (None, [])}


def _given(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {name: inner for name, inner in value.items() if inner not in (None, [])}


def _not_toml(path: Path, text: str, reason: str) -> UsageError:
    at_line = re.search(r" \(at line (\d+)", reason)
    if at_line is None:
        return UsageError("is not TOML", where=path, found=reason, hint=HINT)
    line = text.splitlines()[int(at_line[1]) - 1].strip() if text else ""
    meant = _corrected(line)
    return UsageError(
        f"is not TOML ({reason[: at_line.start()]})",
        where=f"{path}, line {at_line[1]}",
        found=repr(shortened(line)),
        hint=HINT if meant is None else f"Did you mean: {meant}",
    )


def _corrected(line: str) -> str | None:
    """The line as TOML, if it is an option and a value in a different notation; None: unknown."""
    parts = re.fullmatch(r"-{0,2}([A-Za-z][\w-]*)(\s*[=:]\s*|\s+)([^=:\s].*?)[;,]?", line[:1000])
    if parts is None or not line.isprintable() or len(parts[3].split()) > (3 if parts[2].strip() else 1):  # prose
        return None
    name, value = parts[1], parts[3].strip("'\"“”‘’")
    several = [f"[{value}]"] if "," in value else []
    for written in (value, value.lower(), value.replace(",", "."), *several, json.dumps(value, ensure_ascii=False)):
        try:
            tomllib.loads(f"{name} = {written}")
        except (ValueError, RecursionError):
            continue
        corrected = f"{name} = {written}"
        return None if corrected == line else corrected
    return None
