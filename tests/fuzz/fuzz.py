"""Fuzzing by hand, with atheris (pip install -e ".[fuzz]", on Linux): one process per target, libFuzzer inside it.

    python tests/fuzz/fuzz.py weights --minutes 5
    python tests/fuzz/fuzz.py --seconds 2

Every failure is counted by what it is and where it was raised, and the first input of each is kept in a file, which
``--replay`` reads again. The exit code is 1 if there was a failure.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
MAX_SECONDS = 30  # for one input: a hang
MAX_MEMORY = 200 << 20  # bytes that one input may add to the memory of the process
MAX_LENGTH = 4096  # bytes of an input before it is applied to a sound file


def main() -> None:
    """Parse the command line and fuzz."""
    sys.path.insert(0, str(ROOT))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", nargs="*", help="the formats to fuzz; by default all")
    parser.add_argument("--minutes", type=float, help="for each target")
    parser.add_argument("--seconds", type=float, default=2.0, help="for each target, instead")
    parser.add_argument("--failures", type=Path, default=Path("fuzz-failures"), help="the folder for failing inputs")
    parser.add_argument("--replay", type=Path, help="read the input in this file again, and show what happens")
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)  # the process of one target
    options = parser.parse_args()
    options.seconds = options.minutes * 60 if options.minutes else options.seconds
    if options.inside or options.replay:
        _fuzz(options)
    from tests.fuzz.targets import TARGETS

    failed = [name for name in options.target or TARGETS if not _in_its_own_process(name, options)]
    sys.exit(1 if failed else 0)


def _in_its_own_process(name: str, options: argparse.Namespace) -> bool:
    """Fuzz one target; whether it had no failure."""
    with tempfile.TemporaryDirectory(prefix="rnngen-fuzz-") as folder:
        result = Path(folder, "result.json")
        command = [sys.executable, __file__, name, "--inside", result, "--seconds", options.seconds]
        command += ["--failures", options.failures.absolute()]
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
        if not result.exists():
            print(f"{name}: the process ended with code {done.returncode}\n{done.stderr[-4000:]}")
            return False
        counts = json.loads(result.read_text())
    ended = "" if done.returncode == 0 else f"; the process ended with code {done.returncode}"
    print(
        f"{name}: {counts['inputs']:,} inputs, {counts['accepted']:,} accepted, "
        f"{len(counts['failures'])} distinct failures{ended}",
        flush=True,
    )
    for failure, number in counts["failures"].items():
        print(f"    {number} × {failure}")
    if done.returncode:
        print(done.stderr[-4000:])
    return not counts["failures"] and done.returncode == 0


def _fuzz(options: argparse.Namespace) -> None:
    import atheris

    with contextlib.redirect_stderr(io.StringIO()), atheris.instrument_imports(include=["rnngen"]):
        from tests.fuzz.targets import TARGETS, Place
    warnings.simplefilter("error")
    (name,) = options.target
    target = TARGETS[name]
    parent = options.inside.parent if options.inside else None  # which the process that waits for this one removes
    place = Place(Path(tempfile.mkdtemp(prefix="rnngen-fuzz-place-", dir=parent)))
    if options.replay:
        print("accepted" if target.run(place, options.replay.read_bytes()) else "refused")
        os._exit(0)
    session = _Session(name, target, place, options)
    signal.signal(signal.SIGALRM, _too_long)
    atheris.Setup([sys.argv[0], f"-max_len={MAX_LENGTH}", "-timeout=0", "-rss_limit_mb=0"], session.one)
    atheris.Fuzz()


def _too_long(*_: object) -> None:
    raise TimeoutError(f"more than {MAX_SECONDS} seconds")


class _Session:
    """Counts what happens to the inputs of a target, until its time is over."""

    def __init__(self, name: str, target: Any, place: Any, options: argparse.Namespace) -> None:
        self.name, self.target, self.place, self.options = name, target, place, options
        self.inputs = self.accepted = 0
        self.failures: Counter[str] = Counter()
        self.end = time.monotonic() + options.seconds
        self.written = 0.0

    def one(self, data: bytes) -> None:
        """Read one input."""
        if time.monotonic() > self.end:
            self._write()
            os._exit(0)
        content = self.target.input(self.place, data)
        self.inputs += 1
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        signal.alarm(MAX_SECONDS)
        try:
            self.accepted += self.target.run(self.place, content)
            grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
            if grown > MAX_MEMORY:
                raise MemoryError(f"{grown >> 20} MiB more than before")
        except BaseException as error:  # also the panics of Rust, which are no Exception
            self._note(error, content)
        finally:
            signal.alarm(0)
        if time.monotonic() - self.written > 5:
            self._write()

    def _note(self, error: BaseException, content: bytes) -> None:
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if str(ROOT) in frame.filename]
        place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "?"
        failure = f"{type(error).__name__} in {place}: {str(error)[:100]}"
        kind = f"{type(error).__name__}-{place}".replace(":", "-")
        if not any(each.startswith(failure.partition(": ")[0]) for each in self.failures):
            self.options.failures.mkdir(parents=True, exist_ok=True)
            (self.options.failures / f"{self.name}-{kind}").write_bytes(content)
        self.failures[failure.partition(": ")[0] + ": …" if len(self.failures) > 100 else failure] += 1
        self._write()

    def _write(self) -> None:
        counts = {"inputs": self.inputs, "accepted": self.accepted, "failures": dict(self.failures.most_common(40))}
        self.options.inside.write_text(json.dumps(counts))
        self.written = time.monotonic()


if __name__ == "__main__":
    main()
