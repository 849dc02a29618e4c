"""What saving costs: training time with a save in it, beside the same without, and beside a save that is waited for.

    python benchmarks/saving.py

A trainer takes stretches of steps of about five seconds each. By turns, a stretch begins with a save in the background,
as in every run; with one that training waits for; or with none. The cost of a save is the difference of the median
stretch to the one without, and its share is that cost in the default interval between saves, which is a minute.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from machine import describe, print_table, write_results

from rnngen.corpus.tokens import prepare
from rnngen.options.config import RunConfig
from rnngen.runs.writer import RunWriter
from rnngen.training.events import Saved, Stepped
from rnngen.training.planning.memory import keep_freed_memory
from rnngen.training.planning.speed import step_seconds
from rnngen.training.progress import SAVE
from rnngen.training.saver import Saver
from rnngen.training.trainer import Trainer

INTERVAL = 60.0  # seconds between saves, by default
SIZES = [(128, 1), (256, 1), (512, 1), (1024, 1), (1024, 2)]
KINDS = ("none", "background", "waited for")


class _Waiting(Saver[Saved | None]):
    """Waits for each save, if ``waits`` is set."""

    waits = False

    def save(self, write: Callable[[], Saved | None]) -> None:
        super().save(write)
        if self.waits:
            self.wait()


def stretches(trainer: Trainer, steps: int, turns: int) -> dict[str, list[float]]:
    """Seconds of each stretch, by what it begins with."""
    saver = trainer.saver = _Waiting()
    kinds = [kind for _ in range(turns) for kind in KINDS]
    seconds: dict[str, list[float]] = {kind: [] for kind in KINDS}
    began = kind = None
    for event in trainer.events():
        if not isinstance(event, Stepped) or event.step % steps:
            continue
        now = time.perf_counter()
        if began is not None:
            seconds[kind].append(now - began)
        if not kinds:
            trainer.stop("the end of the measurement")
            trainer.progress.due.clear()
            continue
        began, kind = now, kinds.pop(0)
        saver.waits = kind == "waited for"
        if kind == "none":
            trainer.progress.due.discard(SAVE)
    return seconds


def measure(hidden_size: int, layers: int, folder: Path, turns: int, seconds: float) -> dict[str, Any]:
    """The cost of a save of a network of this size."""
    options = {
        "corpus": [str(folder / "text.txt")],
        "hidden_size": hidden_size,
        "num_layers": layers,
        "steps": 10**6,
        "valid_every": 10**6,
        "sample_every": 0,
        "device": "cpu",
        "precision": "float32",
    }
    config = RunConfig.from_flat(options)
    corpus = prepare(config.data, cache=folder / "cache")
    steps = max(1, round(seconds / step_seconds(config, "float32", corpus.tokenizer.vocab_size)))
    writer = RunWriter(folder / f"run-{hidden_size}-{layers}")
    writer.begin({}, corpus.tokenizer)
    trainer = Trainer(config.with_values({"save_every": steps}), corpus, writer)
    taken = {kind: statistics.median(each) for kind, each in stretches(trainer, steps, turns).items()}
    writer.close()
    # the state of a run that was stopped between two saves also holds the one before
    size = min(file.stat().st_size for file in (writer.path / "resume").glob("*/state.safetensors"))
    costs = {kind: taken[kind] - taken["none"] for kind in KINDS[1:]}
    return {
        "hidden": hidden_size,
        "layers": layers,
        "megabytes": round(size / 1e6, 1),
        "background_s": costs["background"],
        "waited_for_s": costs["waited for"],
        "background_share": costs["background"] / INTERVAL,
        "waited_for_share": costs["waited for"] / INTERVAL,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--smoke", action="store_true", help="one small size for a moment, to see that it runs")
    parser.add_argument("--out", type=Path, help="where to write the JSON")
    arguments = parser.parse_args()
    keep_freed_memory()
    sizes, turns, seconds = (SIZES[:1], 1, 0.1) if arguments.smoke else (SIZES, 5, 5.0)
    letters = np.random.default_rng(0).integers(32, 127, size=1_000_000)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "text.txt").write_text("".join(map(chr, letters)), encoding="utf-8")
        rows = [measure(*size, folder, turns, seconds) for size in sizes]
    print_table(rows)
    write_results("saving", {"machine": describe(), "interval_s": INTERVAL, "rows": rows}, arguments.out)


if __name__ == "__main__":
    main()
