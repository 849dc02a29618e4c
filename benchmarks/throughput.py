"""What our training loop costs: tokens per second beside the same network in a plain loop, in one run.

    python benchmarks/throughput.py

For each size, rnngen's trainer (validation and samples off; logging, clipping and weight averaging on) and a plain
loop around ``torch.nn.LSTM`` (embedding, LSTM, linear layer, cross-entropy, clipping, AdamW) train the same sizes on
the same windows in the same precision, in turns of a second or two, so that both see the machine's ups and downs. The
ratio is of the medians; rnngen's step includes Muon and the weight average, the plain one AdamW alone. Both run with
freed memory kept, which a plain loop would not have.

Beside it, the arithmetic: how long ``torch.mm`` alone takes for the products of a step, of the very shapes and in the
same precision (a step of time is a product of its own, the weights' gradient one large product), as a share of the
whole step. It is given for the products as ``nn.LSTM`` writes them, h W^T with streams in rows, and for the faster of
this and its transpose, W h^T, which is the harder measure.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from machine import describe, print_table, write_results
from torch import nn

from rnngen.corpus.tokens import prepare
from rnngen.model.device import autocast
from rnngen.options.config import RunConfig
from rnngen.runs.writer import RunWriter
from rnngen.training.events import Stepped
from rnngen.training.planning.memory import keep_freed_memory
from rnngen.training.planning.speed import has_bf16_kernels
from rnngen.training.trainer import Trainer

T, E = 64, 64
DTYPES = {"float32": torch.float32, "bf16": torch.bfloat16}


def steps_of_rnngen(hidden_size: int, B: int, precision: str, folder: Path) -> Iterator[int]:
    """The vocabulary's size, then 0 once a step of the trainer."""
    config = RunConfig.from_flat(
        {
            "corpus": [str(folder / "text.txt")],
            "hidden_size": hidden_size,
            "embedding_size": E,
            "batch_size": B,
            "bptt": T,
            "steps": 10**6,
            "valid_every": 10**6,
            "save_every": 10**6,
            "sample_every": 0,
            "device": "cpu",
            "precision": precision,
        }
    )
    corpus = prepare(config.data, cache=folder / "cache")
    writer = RunWriter(folder / f"run-{hidden_size}-{B}-{precision}")
    writer.begin({}, corpus.tokenizer)
    trainer = Trainer(config, corpus, writer)
    yield corpus.tokenizer.vocab_size
    for event in trainer.events():
        if isinstance(event, Stepped):
            yield 0


def steps_of_plain(hidden_size: int, B: int, precision: str, folder: Path) -> Iterator[int]:
    """The same network and windows, one step each."""
    text = (folder / "text.txt").read_text(encoding="utf-8")
    vocabulary = {c: i for i, c in enumerate(sorted(set(text)), start=1)}
    V = len(vocabulary) + 1
    ids = torch.tensor([vocabulary[c] for c in text])
    embedding, lstm, output = nn.Embedding(V, E), nn.LSTM(E, hidden_size), nn.Linear(hidden_size, V)
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


def seconds_of_products(hidden_size: int, B: int, V: int, dtype: torch.dtype) -> tuple[float, float]:
    """What ``torch.mm`` takes for a step's products: as they are written, and each in its faster form."""
    H, N = hidden_size, T * B
    shapes = [  # m, k, n and how often: forward, backward to the state, backward to the weights
        (B, H, 4 * H, T),
        (B, 4 * H, H, T),
        (4 * H, N, H, 1),  # recurrent
        (N, E, 4 * H, 1),
        (N, 4 * H, E, 1),
        (4 * H, N, E, 1),  # input
        (N, H, V, 1),
        (N, V, H, 1),
        (V, N, H, 1),  # softmax
    ]
    written = faster = 0.0
    for m, k, n, times in shapes:
        # weights are stored (out, in): forward multiplies by their transpose
        a, b = torch.randn(m, k).to(dtype), torch.randn(n, k).to(dtype).T
        at, bt = a.T.contiguous(), b.T
        one = fastest(lambda a=a, b=b: torch.mm(a, b))  # type: ignore[misc]
        other = fastest(lambda at=at, bt=bt: torch.mm(bt, at))  # type: ignore[misc]
        written, faster = written + times * one, faster + times * min(one, other)
    return written, faster


def fastest(product: Callable[[], object]) -> float:
    """Seconds: the median of many, warmed up."""
    times = []
    began = time.perf_counter()
    while len(times) < 20 or time.perf_counter() - began < 0.05:
        tick = time.perf_counter()
        product()
        times.append(time.perf_counter() - tick)
    return statistics.median(times[5:])


def rate(steps: Iterator[int], seconds: float, window: int) -> float:
    """Tokens per second over about ``seconds``."""
    began, n = time.perf_counter(), 0
    while time.perf_counter() - began < seconds or n < 2:
        next(steps)
        n += 1
    return n * window / (time.perf_counter() - began)


def measure(hidden_size: int, B: int, precision: str, folder: Path, turns: int, seconds: float) -> dict[str, Any]:
    ours, plain = (make(hidden_size, B, precision, folder) for make in (steps_of_rnngen, steps_of_plain))
    V, window = next(ours), T * B
    rate(ours, 0.3, window), rate(plain, 0.3, window)
    pairs = [(rate(ours, seconds, window), rate(plain, seconds, window)) for _ in range(turns)]
    a, b = (statistics.median(column) for column in zip(*pairs, strict=True))
    written, faster = seconds_of_products(hidden_size, B, V, DTYPES[precision])
    weights = 4 * hidden_size * (E + hidden_size) + V * hidden_size
    return {
        "hidden": hidden_size,
        "streams": B,
        "precision": precision,
        "rnngen_tokens_per_s": round(a),
        "plain_tokens_per_s": round(b),
        "ratio": a / b,
        "gflops": round(6 * weights * a / 1e9),
        "share_of_mm": written * a / window,
        "share_of_faster_mm": faster * a / window,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--smoke", action="store_true", help="one small size for a moment, to see that it runs")
    parser.add_argument("--out", type=Path, help="where to write the JSON")
    arguments = parser.parse_args()
    keep_freed_memory()
    sizes = [(32, 32)] if arguments.smoke else [(128, 32), (256, 32), (512, 32), (512, 64), (768, 64)]
    precisions = [precision for precision in DTYPES if precision == "float32" or has_bf16_kernels("cpu")]
    turns, seconds = (2, 0.1) if arguments.smoke else (5, 1.0)
    letters = np.random.default_rng(0).integers(32, 127, size=1_000_000)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "text.txt").write_text("".join(map(chr, letters)), encoding="utf-8")
        rows = [measure(H, B, precision, folder, turns, seconds) for H, B in sizes for precision in precisions]
    print_table(rows)
    write_results("throughput", {"machine": describe(), "bptt": T, "rows": rows}, arguments.out)


if __name__ == "__main__":
    main()
