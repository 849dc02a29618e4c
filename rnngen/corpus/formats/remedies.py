"""Commands for the user's shell that make readable rows of a file: they need nothing but Python."""

from __future__ import annotations

from pathlib import Path, PurePath

from rnngen import platforms
from rnngen.corpus.files.kinds import argument

_OBJECTS = "import json, sys; [print(json.dumps(row)) for row in json.load(sys.stdin.buffer)]"
_COMMAS = "import csv, sys; csv.writer(sys.stdout).writerows(csv.reader(sys.stdin, delimiter=sys.argv[1]))"
_PLAIN = (".jsonl", ".ndjson", ".csv", ".tsv")  # a compressed file has another suffix


def array_as_lines(where: object) -> str | None:
    """The command that makes JSON Lines of a file with one array; None: it is no file, or compressed."""
    return _command(_OBJECTS, [], where, "lines.jsonl")


def with_commas(where: object, delimiter: str) -> str | None:
    """The command that makes CSV of a file with another delimiter; None: it is no file, or compressed."""
    return _command(_COMMAS, [delimiter], where, "commas.csv")


def _command(program: str, arguments: list[str], where: object, name: str) -> str | None:
    if not isinstance(where, PurePath) or where.suffix.lower() not in _PLAIN:
        return None
    words = [program, *arguments]
    python = "python" if platforms.WINDOWS else "python3"
    quoted = " ".join(map(platforms.quote_argument, words))
    target = argument(Path(where).with_name(f"{where.stem}-{name}"))
    return f"{python} -X utf8 -c {quoted} < {argument(Path(where))} > {target}"
