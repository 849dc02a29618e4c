"""A long training in one process, saved, validated and sampled often, whose memory and open files must not grow.

    python benchmarks/soak.py --minutes 60

Resident memory and the number of open file descriptors are read every few seconds (from /proc, so on Linux only). The
first quarter of the time is warm-up; medians of the quarter after it and of the last are compared. The exit code is 1
if memory grew by more than 2%, or the number of descriptors at all.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

from machine import describe, print_table, write_results

import rnngen
from rnngen.training.events import Event, Sampled, Saved, Validated

MOST_GROWTH = 0.02  # of resident memory after warm-up
WORDS = ("the", "cat", "dog", "bird", "sat", "ran", "on", "under", "a", "mat", "tree", "and", "then")
INTERVAL = 5.0  # seconds between readings


def resident_mib() -> float:
    """Resident memory of this process."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60.0, help="how long to train")
    parser.add_argument("--smoke", action="store_true", help="a few seconds, to see that it runs; nothing is judged")
    parser.add_argument("--out", type=Path, help="where to write the JSON")
    arguments = parser.parse_args()
    minutes, interval = (0.1, 0.2) if arguments.smoke else (arguments.minutes, INTERVAL)
    readings: list[tuple[float, float, int]] = []  # seconds, MiB, descriptors
    counts = dict.fromkeys(("steps", "saves", "validations", "samples"), 0)
    began = time.perf_counter()

    def on_event(event: Event) -> None:
        counts["saves"] += isinstance(event, Saved)
        counts["validations"] += isinstance(event, Validated)
        counts["samples"] += isinstance(event, Sampled)
        counts["steps"] = getattr(event, "step", counts["steps"])
        seconds = time.perf_counter() - began
        if not readings or seconds - readings[-1][0] >= interval:
            readings.append((seconds, resident_mib(), sum(1 for _ in Path("/proc/self/fd").iterdir())))

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["RNNGEN_CACHE"] = str(folder / "cache")
        words = random.Random(0).choices(
            WORDS, k=20_000 if arguments.smoke else 3_000_000
        )  # no run reads a text too often
        (folder / "text.txt").write_text(" ".join(words), encoding="utf-8")
        rnngen.train(
            folder / "text.txt",
            out=folder / "run",
            on_event=on_event,
            minutes=minutes,
            hidden_size=128,
            batch_size=32,
            dropout=0.1,
            valid_every=50,
            valid_tokens=5000,
            sample_every=50,
            save_every=50,
            patience=0,
            precision="float32",
            device="cpu",
            threads=1,
        )
    quarter = max(1, len(readings) // 4)
    quarters = [readings[i * quarter : (i + 1) * quarter] for i in range(3)] + [readings[-quarter:]]
    rows = [
        {
            "quarter": number,
            "MiB": round(statistics.median(mib for _, mib, _ in part), 1),
            "descriptors": statistics.median(descriptors for _, _, descriptors in part),
        }
        for number, part in enumerate(quarters, 1)
        if part
    ]
    first, last = rows[min(1, len(rows) - 1)], rows[-1]
    growth = last["MiB"] / first["MiB"] - 1
    print_table(rows)
    print(f"{counts}; memory grew by {growth:.2%} after warm-up")
    value = {
        "machine": describe(),
        "minutes": round((time.perf_counter() - began) / 60, 1),
        **counts,
        "readings": len(readings),
        "growth": growth,
    }
    write_results("soak", {**value, "rows": rows}, arguments.out)
    if not arguments.smoke and (growth > MOST_GROWTH or last["descriptors"] > first["descriptors"]):
        sys.exit(1)


if __name__ == "__main__":
    main()
