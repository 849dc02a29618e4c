"""Whether the README's install finds a wheel for everything, on each Python and system it is meant for.

    python tests/machines/wheels.py

For every combination pip is asked which of the packages that the install needs, at the versions of constraints.txt,
have a wheel that installs there. One table comes out: ``ok``, the first package without a wheel, or ``no answer`` where
the registry could not be asked. Exit code 1 if a combination was refused, else 0: a registry that does not answer
says nothing about the wheels.

What is asked, and what is not:

- A dry run of ``pip install`` would say the same but fetch every wheel, gigabytes in all, where the index serves no
  metadata beside them. So pip's package finder is asked instead, with the options of the user's pip (indexes, links,
  certificates): the part of pip that lists the files of an index and picks those whose tags and Requires-Python fit.
- pip evaluates environment markers (``colorama; sys_platform == "win32"``) for the Python that runs it, whatever
  ``--platform`` says. Here the dependencies are followed in this script, from those of pyproject.toml and its ``test``
  extra, with the markers of the target.
- The dependencies of a package are those of the version installed here, as README's test command installs it; they are
  taken to be the same in its wheels for other systems. Where torch's CPU build is installed, the CUDA libraries of
  its default build for Linux are therefore not asked for.
- That a wheel exists does not say that it works.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
LIMIT_SECONDS, TOTAL_SECONDS = 60, 170
"""For the questions about one combination, and for all of them."""


def _linux(machine: str) -> dict[str, Any]:
    tags = [*(f"manylinux_2_{minor}_{machine}" for minor in range(28, 16, -1)), f"manylinux2014_{machine}"]
    return {"tags": tags, "sys_platform": "linux", "platform_system": "Linux", "platform_machine": machine}


PLATFORMS: dict[str, dict[str, Any]] = {
    "Linux x86-64": _linux("x86_64"),
    "Linux arm64": _linux("aarch64"),
    "macOS 14 arm64": {
        "tags": ["macosx_14_0_arm64"],
        "sys_platform": "darwin",
        "platform_system": "Darwin",
        "platform_machine": "arm64",
    },
    "Windows x86-64": {
        "tags": ["win_amd64"],
        "sys_platform": "win32",
        "platform_system": "Windows",
        "platform_machine": "AMD64",
    },
}
"""Name → tags of wheels that install there (Linux: glibc 2.28 or newer), and what markers see there."""


def markers(python: str, platform: str) -> dict[str, str]:
    """What environment markers see on a platform."""
    seen = {name: value for name, value in PLATFORMS[platform].items() if name != "tags"}
    return {
        **seen,
        "os_name": "nt" if seen["sys_platform"] == "win32" else "posix",
        "python_version": python,
        "python_full_version": f"{python}.0",
        "implementation_name": "cpython",
        "implementation_version": f"{python}.0",
        "platform_python_implementation": "CPython",
        "platform_release": "",
        "platform_version": "",
    }


def pins(constraints: str) -> dict[str, str]:
    """Normalized name → version, of a constraints file."""
    lines = (line.partition("#")[0].strip() for line in constraints.splitlines())
    return {_normal(name): version for name, _, version in (line.partition("==") for line in lines if line)}


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@cache
def installed_requirements(name: str) -> list[str]:
    """What the installed version of a package requires; nothing where it is not installed."""
    try:
        return importlib.metadata.requires(name) or []
    except importlib.metadata.PackageNotFoundError:
        return []


@cache
def parse_requirement(text: str) -> Any:
    """A requirement as pip reads it, parsed once: that takes milliseconds in older versions of pip."""
    from pip._vendor.packaging.requirements import Requirement

    return Requirement(text)


def needed(
    wanted: Iterable[str],
    versions: Mapping[str, str],
    seen: Mapping[str, str],
    requirements_of: Callable[[str], list[str]] = installed_requirements,
) -> dict[str, str]:
    """Everything that an install needs on one platform.

    Args:
        wanted: requirements to begin with.
        versions: normalized name → pinned version.
        seen: what markers see on that platform.
        requirements_of: name → the requirements of that package.

    Returns:
        Normalized name → which versions will do: ``==`` the pinned one, or what is asked for where none is pinned.
    """
    found: dict[str, str] = {}
    followed: set[tuple[str, str]] = set()
    waiting = [(text, "") for text in wanted]
    while waiting:
        text, extra = waiting.pop()
        requirement = parse_requirement(text)
        if requirement.marker is not None and not requirement.marker.evaluate({**seen, "extra": extra}):
            continue
        name = _normal(requirement.name)
        found.setdefault(name, f"=={versions[name]}" if name in versions else str(requirement.specifier))
        for each in {"", *requirement.extras}:
            if (name, each) not in followed:
                followed.add((name, each))
                waiting += [(below, each) for below in requirements_of(name)]
    return found


def find_wheels(python: str, tags: Iterable[str], names: Mapping[str, str]) -> dict[str, list[str]]:
    """Ask pip's package finder; run in a process of its own, because pip is no library.

    Returns:
        ``missing``: names without a wheel; ``unanswered``: names for which the index could not be read.
    """
    import logging

    from pip._internal.cli.cmdoptions import make_target_python
    from pip._internal.commands.download import DownloadCommand
    from pip._vendor.packaging.specifiers import SpecifierSet

    trouble: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            text = record.getMessage()
            if text.startswith("Could not fetch URL") and "404 Client Error" not in text:
                trouble.append(text)

    log = logging.getLogger("pip._internal.index.collector")
    command = DownloadCommand("download", "")
    arguments = ["--only-binary=:all:", "--no-deps", "--retries=1", "--timeout=15", f"--python-version={python}"]
    options, _ = command.parse_args([*arguments, *(f"--platform={tag}" for tag in tags)])
    answer: dict[str, list[str]] = {"missing": [], "unanswered": []}
    with command.main_context():
        session = command.enter_context(command._build_session(options, retries=options.retries, timeout=15))
        finder = command._build_package_finder(options, session, make_target_python(options), False)
        log.setLevel(logging.DEBUG)
        log.addHandler(Listener())
        log.propagate = False
        for name, specifier in names.items():
            trouble.clear()
            if finder.find_best_candidate(name, SpecifierSet(specifier)).best_candidate is None:
                answer["unanswered" if trouble else "missing"].append(name)
    return answer


def ask_pip(python: str, tags: Iterable[str], names: Mapping[str, str], limit: float) -> str:
    """The answer of ``find_wheels`` from a process of its own, as JSON; nothing where that took too long.

    Raises:
        RuntimeError: the question itself failed, as it would with a pip whose package finder is another.
    """
    question = json.dumps([python, list(tags), dict(names)])
    try:
        done = subprocess.run(
            [sys.executable, __file__, "--ask"], input=question, capture_output=True, text=True, timeout=limit
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    if done.returncode:
        raise RuntimeError(f"pip cannot be asked: {done.stderr.strip().splitlines()[-1:]}")
    return done.stdout


def outcome(answer: str, names: Mapping[str, str]) -> str:
    """``ok``, ``no answer``, or the first package without a wheel, from what ``ask_pip`` gave."""
    try:
        found = json.loads(answer)
        missing, unanswered = found["missing"], found["unanswered"]
    except (ValueError, KeyError, TypeError):
        return "no answer"
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        return f"no wheel: {missing[0]}{names[missing[0]]}{more}"
    return "no answer" if unanswered else "ok"


def table(outcomes: Mapping[tuple[str, str], str]) -> str:
    """Pythons down, platforms across."""
    rows = [["Python", *PLATFORMS]]
    rows += [[python, *(outcomes[python, platform] for platform in PLATFORMS)] for python in PYTHONS]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "".join(line.rstrip() + "\n" for line in lines)


def main() -> int:
    """Ask about every combination, print the table, and return the exit code."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    own = [parse_requirement(each) for each in extras["test"] if each.startswith("rnngen[")]  # no wheel to find
    tested = [each for each in extras["test"] if not each.startswith("rnngen[")]
    used = [each for requirement in own for extra in requirement.extras for each in extras[extra]]
    wanted = [*project["dependencies"], *used, *tested]
    versions = pins((ROOT / "constraints.txt").read_text(encoding="utf-8"))

    deadline = time.monotonic() + TOTAL_SECONDS

    def try_one(combination: tuple[str, str]) -> str:
        python, platform = combination
        names = needed(wanted, versions, markers(python, platform))
        limit = max(0.0, min(LIMIT_SECONDS, deadline - time.monotonic()))
        return outcome(ask_pip(python, PLATFORMS[platform]["tags"], names, limit), names)

    combinations = [(python, platform) for python in PYTHONS for platform in PLATFORMS]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        outcomes = dict(zip(combinations, pool.map(try_one, combinations), strict=True))
    print(table(outcomes), end="")
    return int(any(said.startswith("no wheel") for said in outcomes.values()))


if __name__ == "__main__":
    if sys.argv[1:] == ["--ask"]:
        print(json.dumps(find_wheels(*json.loads(sys.stdin.read()))))
    else:
        sys.exit(main())
