"""What trained weights are worth: a run that is trained further, and one that begins with another run's weights.

    python benchmarks/fine_tuning.py --corpus TEXT [--corpus TEXT ...]

Each text is cut in two halves. A run on the first half, of ``--steps`` steps, is the one whose weights are used:

- ``same text``: ``--init-from`` it, on the same half, for a third of the steps;
- ``further``: ``--resume`` it for a third of the steps more;
- ``second text``: ``--init-from`` it, on the other half, for a third of the steps; beside it what fresh runs on that
  half reach, after a third of the steps and after all of them.

All numbers are nats per token on the validation part of the half, of the weights that are kept. The length is in steps
and the size is fixed, so that they do not depend on the speed of the machine. The exit code is 1 if a run that began
with trained weights ends worse than it began.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from contest import SMOKE_TEXT
from machine import describe, print_table, write_results

from rnngen.training import launch


def trained(file: Path, out: Path, init_from: Path | None = None, **options: Any) -> float:
    """Nats per token of the weights that a new run keeps."""
    launched = launch.launch({"corpus": [str(file)], "sample_every": 0, **options}, out=out, init_from=init_from)
    return kept(launched)


def kept(launched: launch.Launched) -> float:
    best = launch.run_to_end(launched).best_nll
    assert best is not None
    return best


def compare(text: str, folder: Path, steps: int, size: Mapping[str, int]) -> dict[str, float]:
    """All runs on the two halves of a text."""
    halves = []
    for number, half in enumerate((text[: len(text) // 2], text[len(text) // 2 :])):
        halves.append(folder / f"half-{number}.txt")
        halves[-1].write_text(half, encoding="utf-8", newline="\n")
    first, second = halves
    third, base = steps // 3, folder / "base"
    values = {"base": trained(first, base, steps=steps, **size)}
    values["same text"] = trained(first, folder / "same", base, steps=third)
    values["second text"] = trained(second, folder / "second", base, steps=third)
    values["fresh, a third"] = trained(second, folder / "fresh-third", steps=third, **size)
    values["fresh"] = trained(second, folder / "fresh", steps=steps, **size)
    values["further"] = kept(launch.resume(base, length={"steps": third}))
    return values


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", action="append", help="a text file; may be given again")
    parser.add_argument("--steps", type=int, default=1500, help="length of the whole runs (default 1500)")
    parser.add_argument("--hidden-size", type=int, default=256, help="units (default 256)")
    parser.add_argument("--smoke", action="store_true", help="tiny runs on a made-up text, to see that it runs")
    parser.add_argument("--out", type=Path, help="where to write the JSON")
    arguments = parser.parse_args()
    steps, size = arguments.steps, {"hidden_size": arguments.hidden_size}
    texts = {Path(file).stem: Path(file).read_text(encoding="utf-8") for file in arguments.corpus or ()}
    if arguments.smoke:
        steps, size, texts = 12, {"hidden_size": 16}, {"smoke": SMOKE_TEXT}
    elif not texts:
        parser.error("--corpus is needed")
    rows = []
    for name, text in texts.items():
        with tempfile.TemporaryDirectory() as folder:
            values = compare(text, Path(folder), steps, size)
        rows.append({"text": name, "characters": len(text), **{key: round(v, 4) for key, v in values.items()}})
    print_table(rows)
    result = {"machine": describe(), "steps": steps, "size": size, "rows": rows}
    write_results("fine_tuning", result, arguments.out)
    sys.exit(any(max(row["same text"], row["further"]) > row["base"] for row in rows))


if __name__ == "__main__":
    main()
