"""From any bytes to an input that is nearly valid: bytes choose a sound file and what is changed in it.

Hypothesis and libFuzzer both supply bytes, so every input that one of them finds can be given to the other.
"""

from __future__ import annotations

import copy
import json
import re
import struct
from collections.abc import Callable, Sequence
from typing import Any

_RAW = re.compile(r'"@@(.*?)@@"')
VALUES: list[Any] = [
    *(None, True, False, 0, 1, -1, 5, 255, 256, 65536, 2**31, 2**60, 2**62, 2**63 - 1, 2**63, 2**64, -(2**63)),
    *(0.0, -0.0, 0.5, 1.5, 1e-320, 1e300, -1e308, float("nan"), float("inf")),
    *("", "a", "é", "\ud800", "\0", "\x1b[31m", "../../outside", "/", "5", "x" * 200_000),
    *([], [None], [0], [[]], [[5]], {}, {"a": None}, {"": {}}),
    *("@@1e999@@", "@@-1e999@@", f"@@{'9' * 400}@@", f"@@{'9' * 5000}@@", f"@@{'[' * 50}{']' * 50}@@"),
    f"@@{'[' * 100_000}@@",
]
"""What takes the place of a value in JSON; between @@ and @@ what Python would not write."""


class Choices:
    """Numbers from bytes; 0 when they are used up."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def below(self, limit: int) -> int:
        """A number below ``limit``."""
        size = 1 if limit <= 256 else 3
        chunk = self._data[self._at : self._at + size]
        self._at += size
        return int.from_bytes(chunk, "little") % max(limit, 1)

    def rest(self) -> bytes:
        """The bytes that are left."""
        return self._data[self._at :]


Mutation = Callable[[Choices, bytes], bytes]


def mutate(data: bytes, seeds: Sequence[bytes], inside: Mutation | None = None) -> bytes:
    """An input.

    Args:
        data: any bytes.
        seeds: sound files.
        inside: changes a sound file in keeping with its format; None: it has none.
    """
    choices = Choices(data)
    how = choices.below(4)
    if how == 0:
        return choices.rest()
    seed = seeds[choices.below(len(seeds))]
    return in_bytes(choices, seed) if how == 1 or inside is None else inside(choices, seed)


def in_bytes(choices: Choices, content: bytes) -> bytes:
    """One to three bytes, stretches or bits changed."""
    for _ in range(1 + choices.below(3)):
        at, kind = choices.below(len(content) + 1), choices.below(6)
        end = at + 1 + choices.below(64)
        if kind == 0:
            content = content[:at]
        elif kind == 1:
            content = content[:at] + bytes([choices.below(256)]) + content[at + 1 :]
        elif kind == 2 and at < len(content):
            content = content[:at] + bytes([content[at] ^ (1 << choices.below(8))]) + content[at + 1 :]
        elif kind == 3:
            content = content[:at] + content[end:]
        elif kind == 4:
            content = content[:end] + content[at:]
        else:
            content = content[:at] + choices.rest()[:64] + content[at:]
    return content


def in_json(choices: Choices, content: bytes) -> bytes:
    """One to three values of a JSON text changed, removed, repeated or exchanged."""
    tree = json.loads(content)
    for _ in range(1 + choices.below(3)):
        tree = _edited(choices, tree)
    return _text(tree)


def in_lines(choices: Choices, content: bytes) -> bytes:
    """A line of JSON changed, or its place."""
    lines = content.splitlines()
    at = choices.below(len(lines))
    if choices.below(4):
        lines[at] = in_json(choices, lines[at])
    else:
        lines.insert(choices.below(len(lines)), lines.pop(at))
    return b"\n".join(lines) + b"\n"


def in_tensors(choices: Choices, content: bytes) -> bytes:
    """The header of a safetensors file changed, with the right length more often than not."""
    size = int.from_bytes(content[:8], "little")
    header, data = in_json(choices, content[8 : 8 + size]), content[8 + size :]
    kind = choices.below(8)
    length = choices.below(1 << 20) if kind == 0 else 2**63 + len(header) if kind == 1 else len(header)
    if kind == 2:
        data = data[: choices.below(len(data) + 1)]
    return struct.pack("<Q", length) + header + data


def _edited(choices: Choices, tree: Any) -> Any:
    places = list(_places(tree))
    if not places:
        return VALUES[choices.below(len(VALUES))]
    parent, key = places[choices.below(len(places))]
    kind = choices.below(8)
    if kind == 0:
        del parent[key]
    elif kind == 1:
        other, there = places[choices.below(len(places))]
        parent[key] = copy.deepcopy(other[there])
    elif kind == 2 and isinstance(parent, dict):
        parent[str(VALUES[choices.below(len(VALUES))])] = parent.pop(key)
    elif kind == 3 and isinstance(parent[key], int | float) and not isinstance(parent[key], bool):
        parent[key] += choices.below(5) - 2
    else:
        parent[key] = copy.deepcopy(VALUES[choices.below(len(VALUES))])
    return tree


def _places(tree: Any) -> Any:
    """Every container with every key or position in it."""
    keys = tree.keys() if isinstance(tree, dict) else range(len(tree)) if isinstance(tree, list) else ()
    for key in keys:
        yield tree, key
        yield from _places(tree[key])


def _text(tree: Any) -> bytes:
    return _RAW.sub(r"\1", json.dumps(tree)).encode()
