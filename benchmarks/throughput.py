"""What our training loop costs: tokens a second beside the same network in a plain loop, in one run.

    python benchmarks/throughput.py

For each size, rnngen's trainer (validation and samples off; logging, clipping and weight averaging on) and a plain
loop around ``torch.nn.LSTM`` (embedding, LSTM, linear layer, cross-entropy, clipping, AdamW) train the same sizes on
the same windows in the same precision, in turns of a second or two, so that both see the machine's ups and downs. The
ratio is of the medians. Beside it, the arithmetic rate: 6 operations a multiplied weight and token, against
``torch.mm`` of 2048 x 2048 matrices in the same precision.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from machine import describe, mm_gflops, print_table, write_results
from torch import nn

from rnngen.config import RunConfig
from rnngen.corpus.tokens import prepare
from rnngen.evaluation.perplexity import autocast
from rnngen.training.checkpoint import RunWriter
from rnngen.training.events import Stepped
from rnngen.training.trainer import Trainer

B, T = 32, 64
DTYPES = {"float32": torch.float32, "bf16": torch.bfloat16}


def steps_of_rnngen(hidden_size: int, precision: str, folder: Path) -> Iterator[int]:
    """Weights a token is multiplied by, then None, once a step of the trainer."""
    config = RunConfig.from_flat(
        {"corpus": [str(folder / "text.txt")], "hidden_size": hidden_size, "embedding_size": 64, "batch_size": B,
         "bptt": T, "steps": 10**6, "valid_every": 10**6, "save_every": 10**6, "sample_every": 0, "device": "cpu",
         "precision": precision}
    )  # fmt: skip
    corpus = prepare(config.data, cache=folder / "cache")
    writer = RunWriter(folder / f"run-{hidden_size}-{precision}")
    writer.begin({}, corpus.tokenizer)
    trainer = Trainer(config, corpus, writer)
    yield trainer.learner.model.num_multiply_weights
    for event in trainer.events():
        if isinstance(event, Stepped):
            yield 0


def steps_of_plain(hidden_size: int, precision: str, folder: Path) -> Iterator[int]:
    """The same network and windows, one step each."""
    text = (folder / "text.txt").read_text(encoding="utf-8")
    vocabulary = {c: i for i, c in enumerate(sorted(set(text)), start=1)}
    V = len(vocabulary) + 1
    ids = torch.tensor([vocabulary[c] for c in text])
    embedding, lstm, output = nn.Embedding(V, 64), nn.LSTM(64, hidden_size), nn.Linear(hidden_size, V)
    parameters = [*embedding.parameters(), *lstm.parameters(), *output.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=4e-3)
    length = len(ids) // B
    streams = ids[: B * length].view(B, length).T
    state, position = None, 0
    while True:
        x, y = streams[position : position + T], streams[position + 1 : position + T + 1]
        with autocast(torch.device("cpu"), precision):
            hidden, state = lstm(embedding(x), state)
            logits = output(hidden)
        state = tuple(s.detach() for s in state)
        loss = nn.functional.cross_entropy(logits.float().flatten(0, 1), y.flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        loss.item()
        position = position + T if position + 2 * T < length else 0
        yield 0


def rate(steps: Iterator[int], seconds: float) -> float:
    """Tokens a second over about ``seconds``."""
    began, n = time.perf_counter(), 0
    while time.perf_counter() - began < seconds or n < 2:
        next(steps)
        n += 1
    return n * B * T / (time.perf_counter() - began)


def measure(hidden_size: int, precision: str, folder: Path, turns: int, seconds: float) -> dict[str, Any]:
    ours, plain = (make(hidden_size, precision, folder) for make in (steps_of_rnngen, steps_of_plain))
    weights = next(ours)
    rate(ours, 0.3), rate(plain, 0.3)
    pairs = [(rate(ours, seconds), rate(plain, seconds)) for _ in range(turns)]
    a, b = (statistics.median(column) for column in zip(*pairs, strict=True))
    return {
        "hidden": hidden_size,
        "precision": precision,
        "rnngen_tokens_per_s": round(a),
        "plain_tokens_per_s": round(b),
        "ratio": a / b,
        "share_of_mm": 6 * weights * a / 1e9 / mm_gflops(DTYPES[precision]),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--smoke", action="store_true", help="one small size for a moment, to see that it runs")
    parser.add_argument("--out", type=Path, help="where to write the JSON")
    arguments = parser.parse_args()
    sizes = [32] if arguments.smoke else [128, 256, 512]
    turns, seconds = (2, 0.1) if arguments.smoke else (7, 1.5)
    letters = np.random.default_rng(0).integers(32, 127, size=1_000_000)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "text.txt").write_text("".join(map(chr, letters)), encoding="utf-8")
        rows = [measure(H, precision, folder, turns, seconds) for H in sizes for precision in DTYPES]
    print_table(rows)
    write_results("throughput", {"machine": describe(), "streams": B, "bptt": T, "rows": rows}, arguments.out)


if __name__ == "__main__":
    main()
