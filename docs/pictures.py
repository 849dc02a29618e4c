"""Make the pictures of docs/theory.md again, by the commands that the page shows.

    python docs/pictures.py [--work FOLDER]

The experiments run first, since other commands show their networks. FOLDER keeps these: with the same one, they are
not trained again.
"""

from __future__ import annotations

import argparse
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

DOCS = Path(__file__).parent
FOLDER = DOCS / "pictures"


def commands(page: str) -> list[str]:
    """The commands of a page that make pictures, the experiments first."""
    lines = re.sub(r"\\\n\s*", "", page).splitlines()
    found = [line for line in lines if line.startswith("rnngen ") and " --picture " in line]
    return sorted(found, key=lambda command: not command.startswith("rnngen demo "))


def pictures(made_by: Sequence[str]) -> list[str]:
    """The names of the pictures that commands make."""
    return [re.findall(r" --picture (\S+)", command)[0] for command in made_by]


def main() -> None:
    """Run the commands and keep their pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, help="the folder in which the commands run")
    parser.add_argument("--only", help="make this picture only, such as gates.svg")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        work = arguments.work or Path(temporary)
        work.mkdir(parents=True, exist_ok=True)
        made_by = commands((DOCS / "theory.md").read_text(encoding="utf-8"))
        for command, picture in zip(made_by, pictures(made_by), strict=True):
            if arguments.only in (None, picture):
                print(f"+ {command}", flush=True)
                subprocess.run([sys.executable, "-m", *shlex.split(command)], cwd=work, check=True)
                (FOLDER / picture).write_bytes((work / picture).read_bytes())


if __name__ == "__main__":
    main()
