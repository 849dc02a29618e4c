"""What reading from both sides is worth: spotting wrong characters, and putting words back.

    python benchmarks/bidirectional.py --corpus TEXT

A bidirectional and a left-to-right LSTM of as many weights are trained on the same text for the same time, with the
defaults of ``rnngen train``. Then, on the part that neither has seen:

- One character in a hundred is replaced by another one of the alphabet, and all are ranked by -ln p. Average precision
  is the mean, over the wrong ones, of the share of wrong ones among those ranked as high; at random it is 0.01. Then,
  of the first draw, those that are ranked first are looked at again, as ``rnngen eval --spot`` does.
- Words are taken out, one at a time, and put back (``rnngen eval --against``). The nats per word are over the proposals
  of both models, so they are at least those.
"""

from __future__ import annotations

import argparse
import math
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from contest import SMOKE_TEXT
from machine import describe, print_table, write_results
from numpy.typing import NDArray

import rnngen
from rnngen.corpus.tokenizer import Tokenizer
from rnngen.evaluation.gaps import score_gaps
from rnngen.evaluation.scoring import held_out_nats
from rnngen.evaluation.surprising import score_tokens
from rnngen.infilling.loading import load_filler
from rnngen.model.load import load_network
from rnngen.options.network import ModelConfig
from rnngen.runs.own_text import own_part
from rnngen.runs.run import Run

WRONG = 0.01
DRAWS = 5
LOOKED_AT = 0.05


def corrupt(
    tokens: NDArray[np.integer[Any]], tokenizer: Tokenizer, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """A text in which some tokens are replaced by others, and which."""
    rng = np.random.default_rng(seed)
    known = [i for i in range(tokenizer.vocab_size) if i != tokenizer.unknown_id]
    wrong = np.zeros(len(tokens), bool)
    wrong[rng.choice(len(tokens), max(1, round(WRONG * len(tokens))), replace=False)] = True
    corrupted = tokens.astype(np.int64)
    for place in np.flatnonzero(wrong):
        corrupted[place] = rng.choice([i for i in known if i != tokens[place]])
    return corrupted, wrong


def average_precision(scores: NDArray[Any], wrong: NDArray[np.bool_]) -> float:
    """Mean precision at each wrong one, from the highest score down."""
    hits = wrong[np.argsort(-scores, kind="stable")]
    precision = hits.cumsum() / np.arange(1, len(hits) + 1)
    return float(precision[hits].mean())


def spotting(run: Run, tokens: NDArray[np.integer[Any]]) -> tuple[list[float], float]:
    """Average precision for several draws of what is wrong, and of the first one after the second look."""
    model, filler, found, again = load_network(run), load_filler(run), [], 0.0
    for seed in range(DRAWS):
        corrupted, wrong = corrupt(tokens, run.tokenizer(), seed)
        nats = np.empty(len(corrupted), np.float32)
        held_out_nats(model, corrupted, each=nats)
        found.append(average_precision(nats, wrong))
        if seed == 0:
            first = np.argsort(-nats)[: round(LOOKED_AT * len(nats))]
            nats -= nats.max()  # below all that are looked at
            nats[first] = [score.nats for score in score_tokens(model, filler, corrupted, first.tolist()).values()]
            again = average_precision(nats, wrong)
    return found, again


def width_of_as_many_weights(run: Run, embedding_size: int) -> int:
    """Units of a left-to-right LSTM that has as many weights as a run's network."""
    V, target = run.tokenizer().vocab_size, load_network(run).num_parameters

    def size(H: int) -> int:
        model = ModelConfig(hidden_size=H, embedding_size=embedding_size)
        return sum(math.prod(shape) for shape in model.shapes(V).values())

    return min(range(8, 2048, 8), key=lambda H: abs(size(H) - target))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", help="a text file")
    parser.add_argument("--minutes", type=float, default=2.0, help="training time of each (default 2)")
    parser.add_argument("--words", type=int, default=500, help="words that are put back (default 500)")
    parser.add_argument("--smoke", action="store_true", help="tiny runs on a made-up text, to see that it runs")
    parser.add_argument("--out", type=Path, help="where to write the JSON")
    arguments = parser.parse_args()
    options: dict[str, Any] = {"minutes": arguments.minutes, "sample_every": 0}
    words = arguments.words
    with tempfile.TemporaryDirectory() as folder:
        if arguments.smoke:
            file = Path(folder, "smoke.txt")
            file.write_text(SMOKE_TEXT, encoding="utf-8")
            options, words = {"steps": 10, "sample_every": 0, "hidden_size": 16, "embedding_size": 8}, 2
        elif arguments.corpus:
            file = Path(arguments.corpus)
        else:
            parser.error("--corpus is needed")
        both = rnngen.train(file, out=Path(folder, "both"), bidirectional=True, **options)
        E = both.model_config().embedding_size
        H = width_of_as_many_weights(both, E)
        one = rnngen.train(file, out=Path(folder, "one"), **options | {"hidden_size": H, "embedding_size": E})
        tokens = own_part(both, "test").tokens
        runs = {"bidirectional": both, "left to right": one}
        gaps = score_gaps([load_filler(run) for run in runs.values()], tokens, words)
        rows = []
        for (name, run), gap in zip(runs.items(), gaps, strict=True):
            (precisions, again), model = spotting(run, tokens), run.model_config()
            values = gap.as_dict()
            rows.append(
                {
                    "model": name,
                    "units": model.hidden_size,
                    "weights": load_network(run).num_parameters,
                    "average precision": float(np.mean(precisions)),
                    "deviation": float(np.std(precisions)),
                    "looked at again": again,
                    "words right": values["accuracy"],
                    "without length": values["accuracy_without_length"],
                    "nats per word, at least": values["nats_per_word_at_least"],
                }
            )
    print_table(rows)
    result = {"machine": describe(), "corpus": file.stem, "options": options, "words": gaps[0].words, "rows": rows}
    write_results("bidirectional", result, arguments.out)


if __name__ == "__main__":
    main()
