"""How long it takes until something is on the screen: ratios to importing the libraries that are needed for it.

    python benchmarks/startup.py

From starting the process to the first byte of text, or to its end: ``rnngen sample`` (an LSTM trained for a moment, of
several sizes) beside ``python -c "import numpy"``, and ``rnngen --help`` beside ``python -c "import typer, rich"``. All
commands take turns, so that each sees the machine's ups and downs; the ratio is of the medians. For comparison, what
``import torch`` alone takes, which every tool that samples with torch has to wait for.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from machine import describe, print_table, write_results

import rnngen

PYTHON = sys.executable
RNNGEN = str(Path(PYTHON).with_name("rnngen"))


def make_run(folder: Path, hidden_size: int, tokenizer: str) -> Path:
    """A run of this size: what its weights are does not matter here."""
    words = ["".join(chr(97 + c) for c in word) for word in np.random.default_rng(0).integers(0, 26, (4000, 6))]
    (folder / "text.txt").write_text(" ".join(words * 8), encoding="utf-8")
    run = folder / f"run-{hidden_size}-{tokenizer}"
    rnngen.train(
        folder / "text.txt",
        out=run,
        steps=2,
        hidden_size=hidden_size,
        tokenizer=tokenizer,
        device="cpu",
        precision="float32",
        sample_every=0,
        batch_size=4,
        bptt=8,
    )
    return run


def first_byte(command: list[str], cwd: Path) -> float:
    """Seconds from starting a process to the first byte of its output, or to its end if it says nothing."""
    began = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=cwd) as process:
        assert process.stdout
        if not process.stdout.read(1):
            process.wait()
        taken = time.perf_counter() - began
        process.stdout.read()
    return taken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--smoke", action="store_true", help="one size, a few turns, to see that it runs")
    parser.add_argument("--out", type=Path, help="where to write the JSON")
    arguments = parser.parse_args()
    sizes = [(128, "char")] if arguments.smoke else [(128, "char"), (512, "char"), (1024, "char"), (256, "bpe")]
    turns = 2 if arguments.smoke else 25
    numpy, typer = "import numpy", "import typer, rich"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["RNNGEN_CACHE"] = str(folder / "cache")
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed package is compiled once
        commands = {
            numpy: [PYTHON, "-c", numpy],
            typer: [PYTHON, "-c", typer],
            "import torch": [PYTHON, "-c", "import torch"],
            "rnngen --help": [RNNGEN, "--help"],
        }
        beside = {"rnngen --help": typer}
        for hidden_size, tokenizer in sizes:
            run = make_run(folder, hidden_size, tokenizer)
            label = f"rnngen sample, {hidden_size} units, {tokenizer}"
            commands[label] = [RNNGEN, "sample", str(run), "--seed", "1", "--quiet"]
            beside[label] = numpy
        times: dict[str, list[float]] = {label: [] for label in commands}
        for command in commands.values():
            first_byte(command, folder)
        for _ in range(turns):
            for label, command in commands.items():
                times[label].append(first_byte(command, folder))
    medians = {label: statistics.median(values) for label, values in times.items()}
    rows: list[dict[str, Any]] = [
        {
            "command": label,
            "ms": round(1000 * median, 1),
            "beside": beside.get(label, ""),
            "ratio": median / medians[beside[label]] if label in beside else "",
        }
        for label, median in medians.items()
    ]
    print_table(rows)
    write_results("startup", {"machine": describe(), "turns": turns, "rows": rows}, arguments.out)


if __name__ == "__main__":
    main()
