"""How good a model of a few minutes is: beside n-gram models and compressors, and with adaptation to the text it reads.

    python benchmarks/perplexity.py --tinyshakespeare FILE [--minutes 5] [--keep FOLDER]

The texts are tinyshakespeare, the language reference that Python carries (pydoc), the source of Python's standard
library (its first 4 MB), and German prose (Debian's fortunes-de; left out if it is not installed). Each is split into
85 % for training, 5 % for validation, on which everything is tuned, and its last 10 %, which is scored once at the end
with ``rnngen eval --tune``. One table says where the network as it was trained stands beside the baselines, in bits per
byte, with the seconds that ``eval`` takes with the comparison and without (``--fast``). The other says what dynamic
evaluation, the caches and growing n-grams gain, each alone and all together, and how fast each is beside scoring
without them and beside training on the same machine.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from machine import describe, print_table, write_results

from corpora import MAKERS, MissingTextError

SPLIT = "0.85,0.05,0.1"
LONGEST = 4_000_000  # characters of a text


def rnngen(*arguments: object) -> str:
    """What a command of its own process prints."""
    command = [sys.executable, "-m", "rnngen", *map(str, arguments)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def timed(*arguments: object) -> tuple[dict[str, Any], float]:
    """What a command says in JSON, and the seconds that it took."""
    began = time.perf_counter()
    result = json.loads(rnngen(*arguments, "--json", "--quiet"))
    return result, time.perf_counter() - began


def compared(name: str, text: Path, result: dict[str, Any], seconds: dict[str, float]) -> dict[str, Any]:
    """One row: bits per byte of the model and of each baseline."""
    found = result["baselines"]
    return {
        "text": name,
        "megabytes": round(text.stat().st_size / 1e6, 2),
        **{each["name"]: round(each["bits_per_byte"], 4) for each in found["rows"]},
        "verdict": found["verdict"],
        **seconds,
    }


def adapted(name: str, result: dict[str, Any], trained: float, seconds: float) -> list[dict[str, Any]]:
    """One row per way of scoring; ``trained`` is the rate of training, in tokens per second."""
    found, static = result["adaptation"], result["nats_per_token"]
    speed = found["static"]["tokens_per_second"]
    ways = [{"name": "static", **result, "tokens_per_second": speed}, *found["ways"]]
    return [
        {
            "text": name,
            "model": way["name"],
            "nats per token": round(way["nats_per_token"], 4),
            "gain nats": round(static - way["nats_per_token"], 4),
            "gain": round(1 - way["nats_per_token"] / static, 4),
            "bits per byte": round(way["bits_per_byte"], 4),
            "tokens/s": round(way["tokens_per_second"]),
            "of static": round(way["tokens_per_second"] / speed, 4),
            "of training": round(way["tokens_per_second"] / trained, 4),
            "with tuning s": seconds,
        }
        for way in ways
    ]


def rate_of_training(run: Path) -> float:
    """Tokens per second, over all steps."""
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    steps = [row for row in rows if "train_nll" in row]
    config = json.loads((run / "config.json").read_text())["train"]
    return float(config["batch_size"] * config["bptt"] * len(steps) / max(1e-9, steps[-1]["seconds"]))


def measure(name: str, text: Path, length: list[str], run: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A text's row of the first table, and its rows of the second."""
    if not run.exists():
        rnngen("train", text, "--out", run, "--split", SPLIT, "--seed", 0, "--quiet", *length)
    result, seconds = timed("eval", run)
    _, fast = timed("eval", run, "--fast")
    tuned, tuning = timed("eval", run, "--fast", "--tune")
    return (
        compared(name, text, result, {"eval seconds": round(seconds, 1), "with --fast": round(fast, 1)}),
        adapted(name, tuned, rate_of_training(run), round(tuning, 1)),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tinyshakespeare", type=Path, help="the text's path; left out if it is not given")
    parser.add_argument("--minutes", type=float, default=5.0, help="of training per text (default 5)")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="where texts and runs are kept, and used again")
    parser.add_argument("--out", type=Path, help="JSON file for the results")
    parser.add_argument("--smoke", action="store_true", help="a small text and a few steps, to see that it runs")
    arguments = parser.parse_args()
    texts: dict[str, Callable[[], str]] = {
        "tinyshakespeare": lambda: arguments.tinyshakespeare.read_text(encoding="utf-8"),
        "pydoc": MAKERS["manual"],
        "python-source": MAKERS["source"],
        "german": MAKERS["german"],
    }
    length = ["--minutes", str(arguments.minutes)]
    if arguments.smoke:
        texts, length = {"small": MAKERS["small"]}, ["--steps", "20", "--hidden-size", "16"]
    elif arguments.tinyshakespeare is None:
        del texts["tinyshakespeare"]
    baselines, adaptation = [], []
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        os.environ["RNNGEN_CACHE"] = f"{temporary}/cache"
        for name, make in texts.items():
            path = folder / f"{name}.txt"
            try:
                path.write_text(make()[:LONGEST], encoding="utf-8")
            except MissingTextError as error:
                print(f"{name} is left out: {error}", file=sys.stderr)
                continue
            row, rows = measure(name, path, length, folder / name)
            baselines.append(row)
            adaptation += rows
            print_table([{key: value for key, value in row.items() if key != "verdict"}])
            print_table(rows)
            found = {"baselines": baselines, "adaptation": adaptation}
            write_results("perplexity", {"machine": describe(), "training": length, **found}, arguments.out)


if __name__ == "__main__":
    main()
