"""Run ``test_everywhere.py`` on every machine that this one can pretend to be: ``python tests/machines/matrix.py``.

Kernels are chosen by what a processor can do. Environment variables of oneDNN and of ATen (torch's own kernels) hide
instructions that it has, so one processor shows what older ones compute; what no variable hides is replaced inside the
process (``conftest.py``). A setting above what this processor has means the most that it has.

Prints a table, and everything that a failing setting printed. Exit status 0 if all passed.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
TESTS = "tests/machines/test_everywhere.py"
ISAS = ("SSE41", "AVX", "AVX2", "AVX512_CORE", "AVX512_CORE_BF16", "DEFAULT")


@dataclass(frozen=True)
class Setting:
    """A machine, by the environment that pretends it."""

    name: str
    environment: dict[str, str] = field(default_factory=dict)
    threads: int = 1


SETTINGS = (
    *(Setting(f"oneDNN {isa}", {"ONEDNN_MAX_CPU_ISA": isa}) for isa in ISAS),
    *(Setting(f"ATen {level}", {"ATEN_CPU_CAPABILITY": level}) for level in ("default", "avx2")),
    *(Setting(f"{n} threads", threads=n) for n in (2, 4)),
    *(
        Setting(name, {"RNNGEN_TEST_MACHINE": name})
        for name in ("no oneDNN", "no glibc", "no GPU", "CUDA fails", "MPS fails")
    ),
)
"""One thread is what all of them have but those of two and four."""


@dataclass(frozen=True)
class Result:
    """How a setting ended."""

    setting: Setting
    code: int
    closing: str
    seconds: float
    output: str


def run(setting: Setting) -> Result:
    """The tests under one setting, in a process of its own."""
    hidden = ("ONEDNN_MAX_CPU_ISA", "ATEN_CPU_CAPABILITY", "RNNGEN_TEST_MACHINE", "OMP_NUM_THREADS", "PYTEST_ADDOPTS")
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    threads = str(setting.threads)
    environment |= {"OMP_NUM_THREADS": threads, "RNNGEN_TEST_THREADS": threads, **setting.environment}
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", "-m", "", TESTS]
    began = time.perf_counter()
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    lines = done.stdout.strip().splitlines() or [done.stderr.strip()[-200:]]
    closing = re.sub(r"^=+ | =+$| in [\d.]+s.*", "", lines[-1])
    return Result(setting, done.returncode, closing, time.perf_counter() - began, done.stdout + done.stderr)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="settings to run, by their names; all by default")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="settings of one thread run side by side")
    arguments = parser.parse_args()
    chosen = [s for s in SETTINGS if not arguments.names or s.name in arguments.names]
    if not chosen or set(arguments.names) - {s.name for s in chosen}:
        parser.error(f"settings are: {', '.join(s.name for s in SETTINGS)}")
    results: list[Result] = []

    def take(result: Result) -> None:
        results.append(result)
        print(f"{result.setting.name:22} {result.closing:32} {result.seconds:5.0f} s", flush=True)
        if result.code:
            print(result.output, flush=True)

    with ThreadPoolExecutor(arguments.jobs) as pool:
        for result in pool.map(run, [s for s in chosen if s.threads == 1]):
            take(result)
    for setting in chosen:
        if setting.threads > 1:
            take(run(setting))
    failed = [r.setting.name for r in results if r.code]
    print(f"{len(results) - len(failed)} of {len(results)} settings passed")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
