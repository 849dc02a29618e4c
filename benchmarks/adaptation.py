"""What adapting to the text at test time is worth, and what it costs: a run per text, trained and tuned in one go.

    python benchmarks/adaptation.py --corpus tinyshakespeare=FILE --corpus source=FILE … [--minutes 5]

Each text is split into 85 % for training, 5 % for validation, on which everything is tuned, and its last 10 %, which is
scored: by the network as it was trained (static), and with dynamic evaluation, the caches and growing n-grams, each
alone and all together. Their speeds are beside that of training on the same machine. ``corpora.py`` makes texts from
what a machine has; the last one should not be English.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from contest import SMOKE_TEXT
from machine import describe, print_table, write_results

SPLIT = "0.85,0.05,0.1"


def rnngen(*arguments: object) -> str:
    """What a command of its own process prints."""
    command = [sys.executable, "-m", "rnngen", *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def measure(name: str, corpus: Path, length: list[str], folder: Path) -> list[dict[str, Any]]:
    """One row per way of scoring a text."""
    run = folder / name
    rnngen("train", corpus, "--out", run, "--split", SPLIT, "--quiet", *length)
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    steps = [row for row in rows if "train_nll" in row]
    config = json.loads((run / "config.json").read_text())["train"]
    trained = config["batch_size"] * config["bptt"] * len(steps) / max(1e-9, steps[-1]["seconds"])
    began = time.perf_counter()
    result = json.loads(rnngen("eval", run, "--tune", "--json"))
    seconds = time.perf_counter() - began
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
            "eval s": round(seconds, 1),
        }
        for way in ways
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", action="append", default=[], metavar="NAME=FILE")
    parser.add_argument("--minutes", type=float, default=5.0, help="of training per text")
    parser.add_argument("--smoke", action="store_true", help="a few steps on a tiny text, to see that it runs")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        texts = [(name, Path(file)) for name, _, file in (each.partition("=") for each in args.corpus)]
        length = ["--minutes", str(args.minutes)]
        if args.smoke:
            smoke = Path(folder) / "smoke.txt"
            smoke.write_text(SMOKE_TEXT, encoding="utf-8")
            texts, length = [("smoke", smoke)], ["--steps", "20", "--hidden-size", "16"]
        for name, corpus in texts:
            rows += measure(name, corpus, length, Path(folder))
            print_table(rows)
    write_results("adaptation", {"machine": describe(), "minutes": args.minutes, "rows": rows}, args.out)


if __name__ == "__main__":
    main()
