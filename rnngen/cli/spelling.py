"""Options in messages, as the user types them.

The library writes their names in backquotes, ```clip``` or ```clip=1``` (see ``options/declare.py``).
"""

from __future__ import annotations

import re
from collections.abc import Container

_NAMED = re.compile(r"`([a-z][a-z0-9_]*)(?:=([^`]*))?`")


def on_command_line(text: str) -> str:
    """Names as options of a command: ``--clip``, ``--clip 1``."""
    return _NAMED.sub(lambda found: _typed("--", found), text)


def in_session(text: str, settings: Container[str]) -> str:
    """Names as commands of an interactive session, ``/length``, ``/length 1``, where they are ``settings`` of it."""
    return _NAMED.sub(lambda found: _typed("/" if found[1] in settings else "--", found), text)


def _typed(prefix: str, found: re.Match[str]) -> str:
    name = prefix + found[1].replace("_", "-")
    return name if found[2] is None else f"{name} {found[2]}"
