"""Commands in a process of its own, in which everything that Python reports of itself is written down.

    python -m tests.faults.audited EVENTS '["train corpus.txt --steps 2", "sample"]'

An audit hook cannot be removed, hence the process of its own. EVENTS is a JSON file: the exit code of each command, and
the events: what was unpickled, the network, and every path that was opened for writing, made, renamed or removed.
"""

from __future__ import annotations

import json
import os
import pickle
import shlex
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
PATHS = {"os.remove": 1, "os.rename": 2, "os.rmdir": 1, "os.mkdir": 1, "os.truncate": 1, "os.link": 2, "os.symlink": 2,
         "os.chmod": 1, "os.chown": 1, "os.utime": 1, "shutil.rmtree": 1, "shutil.move": 2}  # fmt: skip
"""Events that change files, and how many of their arguments are paths."""


class Control:
    """Unpickling it is an event."""


def record(events: list[tuple[str, str]]) -> None:
    """Write down from now on."""

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = arguments
            if isinstance(flags, int) and flags & WRITING:
                add(event, path)
        elif event in PATHS:
            for path in arguments[: PATHS[event]]:
                add(event, path)
        elif event == "pickle.find_class" or (event.startswith("socket.") and event != "socket.gethostname"):
            events.append((event, repr(arguments[-2:])))

    def add(event: str, path: Any) -> None:
        if not isinstance(path, int):  # which is open already
            events.append((event, os.fsdecode(path)))

    sys.addaudithook(hook)


def main() -> None:
    """See above."""
    file, commands = Path(sys.argv[1]), json.loads(sys.argv[2])
    events: list[tuple[str, str]] = []
    record(events)
    pickle.loads(pickle.dumps(Control()))
    with suppress(OSError):
        socket.create_connection(("127.0.0.1", 9), timeout=1)
    Path("control").write_text("is noticed")
    Path("control").unlink()
    noticed = list(events)
    events.clear()
    from rnngen.cli.app import run

    codes = [run(shlex.split(command)) for command in commands]
    found = list(events)
    file.write_text(json.dumps({"noticed": noticed, "codes": codes, "events": found}), encoding="utf-8")


if __name__ == "__main__":
    main()
