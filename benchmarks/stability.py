"""Whether learning ever diverges: many seeds, at learning rates a factor 4 either side of the default.

    python benchmarks/stability.py --corpus TEXT

Every run is what ``rnngen train`` does with a fixed number of steps and units (so that it is short and the same on
every machine), with both learning rates multiplied by the same factor. Its last validation, not its best, is held
against the entropy of the text's single tokens: what a model knows that has counted them and learned nothing else. The
exit code is 1 if any run ends worse than that, or if the guard against divergence (``--on-spike``) gives an alarm in a
run that does not.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from contest import SMOKE_TEXT
from machine import describe, print_table, write_results

import rnngen
from rnngen.corpus.tokens import EncodedCorpus, prepare
from rnngen.options.training import DataConfig, OptimizerConfig
from rnngen.training.events import Event, Spiked, Validated
from rnngen.training.planning.rules import rates_rule

FACTORS = (0.25, 1.0, 4.0)


def unigram_nats(corpus: EncodedCorpus) -> float:
    """Nats per token of the validation part under the training part's counts, one added to each."""
    counts = np.bincount(corpus.train.tokens, minlength=corpus.tokenizer.vocab_size) + 1.0
    return float(-np.log(counts / counts.sum())[corpus.valid.tokens].mean())


def last_validation(file: Path, seed: int, factor: float, options: dict[str, Any]) -> tuple[float, int]:
    """Nats per token at the end of a run, infinite if it had to be stopped, and the alarms of the guard."""
    validations: list[float] = []
    alarms: list[Spiked] = []

    def on_event(event: Event) -> None:
        if isinstance(event, Validated):
            validations.append(event.nll)
        if isinstance(event, Spiked):
            alarms.append(event)

    rates, usual = OptimizerConfig(), factor * rates_rule(options["steps"])
    try:
        with tempfile.TemporaryDirectory() as folder:
            rnngen.train(
                file,
                out=Path(folder, "run"),
                on_event=on_event,
                seed=seed,
                patience=0,
                sample_every=0,
                learning_rate=usual * rates.learning_rate,
                muon_learning_rate=usual * rates.muon_learning_rate,
                **options,
            )
    except rnngen.RnngenError:
        return math.inf, len(alarms)
    return validations[-1], len(alarms)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", help="a text file")
    parser.add_argument("--seeds", type=int, default=20, help="runs at each learning rate (default 20)")
    parser.add_argument("--steps", type=int, default=200, help="length of a run (default 200)")
    parser.add_argument("--hidden-size", type=int, default=256, help="units (default 256)")
    parser.add_argument("--smoke", action="store_true", help="a few tiny runs on a made-up text, to see that it runs")
    parser.add_argument("--out", type=Path, help="where to write the JSON")
    arguments = parser.parse_args()
    options = {"steps": arguments.steps, "hidden_size": arguments.hidden_size}
    seeds, factors = arguments.seeds, FACTORS
    with tempfile.TemporaryDirectory() as folder:
        if arguments.smoke:
            file = Path(folder, "smoke.txt")
            file.write_text(SMOKE_TEXT, encoding="utf-8")
            options, seeds, factors = {"steps": 20, "hidden_size": 16}, 2, (1.0, 4.0)
        elif arguments.corpus:
            file = Path(arguments.corpus)
        else:
            parser.error("--corpus is needed")
        unigram = unigram_nats(prepare(DataConfig(corpus=(str(file),))))
        rows = []
        for factor in factors:
            ends, alarms = zip(*(last_validation(file, seed, factor, options) for seed in range(seeds)), strict=True)
            summary = {"best": min(ends), "median": float(np.median(ends)), "worst": max(ends), "unigram": unigram}
            diverged = sum(end > unigram for end in ends)
            false = sum(alarm for alarm, end in zip(alarms, ends, strict=True) if end <= unigram)
            rows.append({"factor": factor, "seeds": seeds, **summary, "diverged": diverged, "false_alarms": false})
    print_table(rows)
    result = {"machine": describe(), "corpus": file.stem, "options": options, "rows": rows}
    write_results("stability", result, arguments.out)
    sys.exit(any(row["diverged"] or row["false_alarms"] for row in rows))


if __name__ == "__main__":
    main()
