"""Whether ``--minutes`` is kept: the time planned and the time spent, on a quiet machine and beside a busy process.

    python benchmarks/minutes.py

Each row is a whole process, from its start to its end: ``rnngen train TEXT --minutes M`` on a text of 50 KB, 1 MB and
50 MB (``corpora.py``: small, source, large). From the middle of the time on, where it says so, another process keeps
one core busy. ``of M`` is the time spent as a share of M minutes. A text too small to fill them has been learned when
it was read 60 times: there M is a limit, and what was planned is what the plan says (``of plan``).
"""

from __future__ import annotations

import argparse
import itertools
import json
import multiprocessing
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from machine import describe, print_table, write_results

from corpora import MAKERS

MINUTES = (0.5, 1.0, 2.0, 5.0)
TEXTS: dict[str, Callable[[], str]] = {
    "50 KB": MAKERS["small"],
    "1 MB": lambda: MAKERS["source"]()[:1_000_000],
    "50 MB": MAKERS["large"],
}
UNITS = {"s": 1, "min": 60, "h": 3600}


def _spin() -> None:
    while True:
        pass


@contextmanager
def busy_after(seconds: float | None) -> Iterator[None]:
    """Keep one core busy after this many seconds; None: leave the machine alone."""
    if seconds is None:
        yield
        return
    process = multiprocessing.Process(target=_spin, daemon=True)
    timer = threading.Timer(seconds, process.start)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        if process.pid is not None:
            process.kill()
            process.join()


def measure(name: str, text: Path, minutes: float, busy: bool, folder: Path, options: list[str]) -> dict[str, Any]:
    """One run, as a row of the table."""
    out = folder / "run"
    command = [sys.executable, "-m", "rnngen", "train", str(text), "--minutes", str(minutes), "--out", str(out)]
    lines: list[str] = []
    first_step = 0.0
    began = time.perf_counter()
    with busy_after(30 * minutes if busy else None):
        process = subprocess.Popen(
            [*command, *options, "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert process.stdout
        assert process.stderr
        for line in process.stderr:
            if line.startswith("Training into"):
                first_step = time.perf_counter() - began
            lines.append(line)
        printed = process.stdout.read()
        if process.wait():
            raise SystemExit("".join(lines))
    spent = time.perf_counter() - began
    told = "".join(lines)
    about = re.search(r"about   (.*) from here,", told)
    assert about
    planned = first_step + sum(int(n) * UNITS[unit] for n, unit in re.findall(r"(\d+) (\w+)", about[1]))
    metrics = [json.loads(line) for line in (out / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    first = json.loads((out / "config.json").read_text(encoding="utf-8"))
    plans = [row for row in metrics if "planned_steps" in row]
    totals = [first["train"]["steps"], *(row["planned_steps"] for row in plans)]
    result = json.loads(printed)
    shutil.rmtree(out)
    return {
        "text": name,
        "minutes": minutes,
        "machine": ("busy from the middle" if spent > 30 * minutes else "over before") if busy else "quiet",
        "spent s": round(spent, 1),
        "of M": round(spent / minutes / 60, 3),
        "of plan": round(spent / planned, 3),
        "too small": "enough for so small a text" in told,
        "units": first["model"]["hidden_size"],
        "precision": first["train"]["precision"],
        "steps planned": first["train"]["steps"],
        "steps taken": result["step"],
        "new plans": sum(a != b for a, b in itertools.pairwise(totals)),
        "threads at the end": (plans[-1] if plans else first["train"])["threads"],
        "valid nats": round(result["valid_nats_per_token"], 4),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, nargs="*", default=MINUTES, help="lengths of runs")
    parser.add_argument("--texts", nargs="*", default=list(TEXTS), choices=list(TEXTS), help="sizes of texts")
    parser.add_argument("--smoke", action="store_true", help="two short runs, to see that it works")
    parser.add_argument("--out", type=Path, help="where to write the JSON")
    arguments = parser.parse_args()
    texts, minutes, options = arguments.texts, arguments.minutes, []
    if arguments.smoke:
        texts, minutes = ["50 KB"], [0.1]
        options = ["--hidden-size", "16", "--precision", "float32"]
    rows: list[dict[str, Any]] = []
    machine = describe()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for text in texts:
            file = folder / "text.txt"
            file.write_text(TEXTS[text](), encoding="utf-8", newline="\n")
            for length in minutes:
                for busy in (False, True):
                    rows.append(measure(text, file, length, busy, folder, options))
                    print(rows[-1], flush=True)
    print_table(rows)
    write_results("minutes", {"machine": machine, "rows": rows}, arguments.out)


if __name__ == "__main__":
    main()
