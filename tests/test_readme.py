"""The two commands of the README install and do what it says; what they install is pinned; the version is released.

All other commands of the README are in ``tests/docs/``.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

from rnngen.version import __version__

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def marked_command(name: str) -> list[str]:
    """The commands of the block after ``<!-- NAME -->``, one a list item."""
    block = re.search(rf"<!-- {name} -->\n```sh\n(.*?)```", README, flags=re.DOTALL)
    assert block, f"the README has no {name}"
    return [part.strip() for part in block[1].replace("\\\n", " ").split("&&")]


def test_both_commands_install_with_the_tested_versions() -> None:
    for name in ("main command", "test command"):
        setup = marked_command(name)[:3]
        assert setup[:2] == ["python3 -m venv .venv", ". .venv/bin/activate"]
        assert setup[2].startswith("pip install -c constraints.txt ")


def test_the_main_command_trains_and_samples(tmp_path: Path) -> None:
    """As it stands, but for the environment (this one) and the length (a few steps)."""
    commands = [shlex.split(c) for c in marked_command("main command")[3:]]
    assert [c[:2] for c in commands] == [["rnngen", "corpus"], ["rnngen", "train"], ["rnngen", "sample"]]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    outputs = []
    for command in commands:
        if command[1] == "train":
            at = command.index("--minutes")
            command[at : at + 2] = ["--steps", "3", "--size", "tiny"]
        done = subprocess.run(
            [sys.executable, "-m", *command], capture_output=True, text=True, cwd=tmp_path, env=environment, timeout=200
        )
        assert done.returncode == 0, done.stderr
        outputs.append(done.stdout)
    assert outputs[-1].startswith("The ")
    assert len(outputs[-1]) > 400


def test_the_constraints_name_every_dependency() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *(d for ds in project["optional-dependencies"].values() for d in ds)]
    names = {re.split(r"[^\w.-]", d)[0].lower() for d in wanted} - {"rnngen"}
    pinned = {line.split("==")[0].lower() for line in (ROOT / "constraints.txt").read_text().splitlines()}
    assert names <= pinned
    assert "torch==2.13.0" in (ROOT / "constraints.txt").read_text()


def test_the_newest_release_in_the_changelog_is_the_version() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    unreleased, newest = re.findall(r"^## (.*)$", changelog, flags=re.MULTILINE)[:2]
    assert unreleased == "Unreleased"
    assert re.fullmatch(rf"{re.escape(__version__)} \(\d{{4}}-\d\d-\d\d\)", newest)
