"""Where a model with little training stands among n-gram models and compressors, on four kinds of text.

    python benchmarks/baselines.py --tinyshakespeare PATH [--minutes 2] [--out FILE]
    python benchmarks/baselines.py --smoke --out FILE

The texts are tinyshakespeare, the language reference that Python carries (pydoc), the source of Python's standard
library (its first 4 MB), and German prose (Debian's fortunes-de; left out if it is not installed). Each row is a run of
``rnngen train TEXT --minutes M`` and the table of ``rnngen eval`` on the test part, in bits per byte, with the seconds
that ``eval`` takes with the comparison and without (``--fast``).
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

LONGEST = 4_000_000  # characters of a text


def rnngen(*arguments: object) -> str:
    command = [sys.executable, "-m", "rnngen", *map(str, arguments)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def row(name: str, text: Path, length: tuple[str, float], run: Path) -> dict[str, Any]:
    rnngen("train", text, *length, "--out", run, "--seed", 0, "--quiet")
    seconds, results = {}, {}
    for how in ((), ("--fast",)):
        begin = time.perf_counter()
        results[how] = json.loads(rnngen("eval", run, "--json", "--quiet", *how))
        seconds[how] = time.perf_counter() - begin
    found = results[()]["baselines"]
    return {
        "text": name,
        "megabytes": round(text.stat().st_size / 1e6, 2),
        **{each["name"]: round(each["bits_per_byte"], 4) for each in found["rows"]},
        "verdict": found["verdict"],
        "eval seconds": round(seconds[()], 1),
        "with --fast": round(seconds[("--fast",)], 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tinyshakespeare", type=Path, help="the text's path; left out if it is not given")
    parser.add_argument("--minutes", type=float, default=2.0, help="of training per text (default 2)")
    parser.add_argument("--out", type=Path, help="JSON file for the results")
    parser.add_argument("--smoke", action="store_true", help="a small text and a few steps, to see that it runs")
    arguments = parser.parse_args()
    texts: dict[str, Callable[[], str]] = {
        "tinyshakespeare": lambda: arguments.tinyshakespeare.read_text(encoding="utf-8"),
        "pydoc": MAKERS["manual"],
        "Python source": MAKERS["source"],
        "German prose": MAKERS["german"],
    }
    if arguments.smoke:
        texts = {"small": MAKERS["small"]}
    elif arguments.tinyshakespeare is None:
        del texts["tinyshakespeare"]
    length = ("--steps", 20) if arguments.smoke else ("--minutes", arguments.minutes)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        os.environ["RNNGEN_CACHE"] = f"{folder}/cache"
        for number, (name, make) in enumerate(texts.items()):
            path = Path(folder) / f"{number}.txt"
            try:
                path.write_text(make()[:LONGEST], encoding="utf-8")
            except MissingTextError as error:
                print(f"{name} is left out: {error}", file=sys.stderr)
                continue
            rows.append(row(name, path, length, Path(folder) / f"run-{number}"))
            print_table([{key: value for key, value in rows[-1].items() if key != "verdict"}])
            training = f"{length[1]:g} {length[0][2:]} per text"
            write_results("baselines", {"machine": describe(), "training": training, "rows": rows}, arguments.out)


if __name__ == "__main__":
    main()
