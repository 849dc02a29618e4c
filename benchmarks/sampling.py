"""How fast text is written, one sample and 64 side by side: ratios to torch, to NumPy's bare products, to one.

    python benchmarks/sampling.py

For each size of a one-layer LSTM, in turns of a fraction of a second, so that all see the machine's ups and downs:

- rnngen: ``Generator.generate`` as it stands: recurrence, softmax, draw, decoding; one sample, and 64 at once.
- the recurrence alone, without softmax, draw and decoding, and one whose input depends on 3 earlier tokens, as by
  default; both read the text of these scripts, in which n-grams come back as often as in any text.
- the bare products of the same sizes, W h and the softmax's, in NumPy: what cannot be saved.
- a plain loop in torch: embedding, ``LSTMCell``, linear layer, softmax, ``multinomial`` under ``inference_mode``, with
  one thread or all, whichever is faster; one sample, and 64 at once.

Rates are tokens per second, 64 samples counted together; ratios are of medians. The bare product with weights in
float16 and int8 is timed too, in microseconds: NumPy has no fast kernel for either, which is why neither is offered.
"""

from __future__ import annotations

import argparse
import itertools
import multiprocessing
import os
import statistics
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import torch
from machine import describe, print_table, write_results
from torch import nn

from rnngen.corpus.tokenizer import CharTokenizer
from rnngen.engine.recurrence import Recurrence
from rnngen.model.language_model import RecurrentLM
from rnngen.options.network import ModelConfig
from rnngen.sampling.generator import TOGETHER, Generator

E = 64
CHARACTERS = "".join(map(chr, range(32, 127)))
Loop = Callable[[int], None]
"""Does something n times."""


def ours(model: RecurrentLM) -> dict[str, Loop]:
    weights = {name: w.numpy() for name, w in model.weights().items()}
    engine = Recurrence(model.config, weights)
    generator = Generator(engine, CharTokenizer(CHARACTERS))

    def one(n: int) -> None:
        for _ in generator.generate("a", length=n, seed=1):
            pass

    def many(n: int) -> None:
        generator.generate_batch(["a"] * TOGETHER, length=n, seed=1)

    config = ModelConfig(hidden_size=model.config.hidden_size, embedding_size=E, history=3, history_rows=1 << 15)
    with_ngrams = RecurrentLM(config, model.vocab_size)
    other = Recurrence(config, {name: w.numpy() for name, w in with_ngrams.weights().items()})
    text = "".join(path.read_text(encoding="utf-8") for path in sorted(Path(__file__).parent.glob("*.py")))
    tokens = itertools.cycle([[token] for token in generator.tokenizer.encode(text).tolist()])

    def read(reader: Recurrence, n: int) -> None:
        for token in itertools.islice(tokens, n):
            reader.step(token)

    def recurrence(n: int) -> None:
        read(engine, n)

    def ngrams(n: int) -> None:
        read(other, n)

    return {"one": one, "many": many, "recurrence": recurrence, "ngrams": ngrams}


def bare(H: int, V: int) -> dict[str, Loop]:
    rng = np.random.default_rng(0)
    W, output = (rng.standard_normal((rows, H)).astype(np.float32) for rows in (4 * H, V))
    h, H64 = rng.standard_normal(H).astype(np.float32), rng.standard_normal((TOGETHER, H)).astype(np.float32)
    a, z = np.empty(4 * H, np.float32), np.empty(V, np.float32)
    A, Z = np.empty((TOGETHER, 4 * H), np.float32), np.empty((TOGETHER, V), np.float32)
    W_T, output_T = np.ascontiguousarray(W.T), np.ascontiguousarray(output.T)

    def one(n: int) -> None:
        for _ in range(n):
            np.dot(W, h, a)
            np.dot(output, h, z)

    def many(n: int) -> None:
        for _ in range(n):
            np.dot(H64, W_T, A)
            np.dot(H64, output_T, Z)

    return {"bare": one, "bare_many": many}


def plain(model: RecurrentLM, B: int, threads: int) -> Loop:
    """The usual loop around ``LSTMCell``."""
    H = model.config.hidden_size
    cell = nn.LSTMCell(E, H)
    cell.load_state_dict({k.removesuffix("_l0"): v for k, v in model.layers[0].state_dict().items()})
    embedding, output = model.embedding, model.output

    @torch.inference_mode()
    def loop(n: int) -> None:
        torch.set_num_threads(threads)
        h, c = torch.zeros(B, H), torch.zeros(B, H)
        tokens = torch.ones(B, dtype=torch.int64)
        for _ in range(n):
            h, c = cell(embedding(tokens), (h, c))
            tokens = torch.multinomial(torch.softmax(output(h), 1), 1)[:, 0]
            tokens.tolist()  # the text is wanted on this side

    return loop


def other_types(H: int) -> dict[str, float]:
    """Microseconds of W h with weights of 4, 2 and 1 bytes, accumulated as NumPy can."""
    rng = np.random.default_rng(0)
    W, h = rng.standard_normal((4 * H, H)).astype(np.float32), rng.standard_normal(H).astype(np.float32)
    W16, h16 = W.astype(np.float16), h.astype(np.float16)
    W8, h8 = (W * 30).astype(np.int8), (h * 30).astype(np.int32)
    products = {"float32": lambda: W @ h, "float16": lambda: W16 @ h16, "int8": lambda: W8 @ h8}
    return {name: 1e6 * fastest(product) for name, product in products.items()}


def fastest(product: Callable[[], object]) -> float:
    times = []
    began = time.perf_counter()
    while len(times) < 5 or time.perf_counter() - began < 0.1:
        tick = time.perf_counter()
        product()
        times.append(time.perf_counter() - tick)
    return min(times)


def seconds_each(loop: Loop, seconds: float) -> float:
    """Seconds one turn of a loop takes, over about ``seconds``."""
    loop(8)
    n = 8
    while True:
        began = time.perf_counter()
        loop(n)
        taken = time.perf_counter() - began
        if taken > seconds / 2:
            return taken / n
        n = max(2 * n, int(n * seconds / taken))


class Worker:
    """A process of its own for some loops: the threads of torch and those of NumPy would wait for each other."""

    def __init__(self, make: Callable[[int], dict[str, Loop]], H: int) -> None:
        here, there = multiprocessing.Pipe()
        self._pipe = here
        self._process = multiprocessing.get_context("spawn").Process(target=serve, args=(there, make, H), daemon=True)
        self._process.start()
        self.names: list[str] = here.recv()

    def time(self, name: str, seconds: float) -> float:
        self._pipe.send((name, seconds))
        taken: float = self._pipe.recv()
        time.sleep(0.3)  # threads that wait for more spin for 0.2 s
        return taken

    def close(self) -> None:
        self._process.terminate()
        self._process.join()


def serve(pipe: Connection, make: Callable[[int], dict[str, Loop]], H: int) -> None:
    loops = make(H)
    pipe.send(list(loops))
    while True:
        name, seconds = pipe.recv()
        pipe.send(seconds_each(loops[name], seconds))


def make_model(H: int) -> RecurrentLM:
    return RecurrentLM(ModelConfig(hidden_size=H, embedding_size=E), len(CHARACTERS) + 1).eval()


def numpy_loops(H: int) -> dict[str, Loop]:
    model = make_model(H)
    return ours(model) | bare(H, model.vocab_size)


def torch_loops(H: int) -> dict[str, Loop]:
    model = make_model(H)
    return {
        f"torch_{B}_{threads}": plain(model, B, threads)
        for B in (1, TOGETHER)
        for threads in sorted({1, os.cpu_count() or 1})
    }


def measure(H: int, turns: int, seconds: float) -> dict[str, Any]:
    workers = [Worker(make, H) for make in (numpy_loops, torch_loops)]
    times: dict[str, list[float]] = {name: [] for worker in workers for name in worker.names}
    for _ in range(turns):
        for worker in workers:
            for name in worker.names:
                times[name].append(worker.time(name, seconds))
    for worker in workers:
        worker.close()
    t = {name: statistics.median(values) for name, values in times.items()}
    torch_one = min(value for name, value in t.items() if name.startswith("torch_1_"))
    torch_many = min(value for name, value in t.items() if name.startswith(f"torch_{TOGETHER}_"))
    return {
        "hidden": H,
        "one_per_s": round(1 / t["one"]),
        "torch_per_s": round(1 / torch_one),
        "times_torch": torch_one / t["one"],
        "share_of_bare": t["bare"] / t["one"],
        "recurrence_share": t["bare"] / t["recurrence"],
        "with_ngrams": t["recurrence"] / t["ngrams"],
        "bare_times_torch": torch_one / t["bare"],
        "many_per_s": round(TOGETHER / t["many"]),
        "times_one": TOGETHER * t["one"] / t["many"],
        "many_share_of_bare": t["bare_many"] / t["many"],
        "bare_times_one": TOGETHER * t["one"] / t["bare_many"],
        "torch_many_per_s": round(TOGETHER / torch_many),
        "times_torch_many": torch_many / t["many"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--smoke", action="store_true", help="one small size for a moment, to see that it runs")
    parser.add_argument("--out", type=Path, help="where to write the JSON")
    arguments = parser.parse_args()
    sizes = [64] if arguments.smoke else [128, 256, 512, 1024]
    turns, seconds = (1, 0.02) if arguments.smoke else (7, 0.4)
    rows = [measure(H, turns, seconds) for H in sizes]
    print_table(rows)
    types = [{"hidden": H, **other_types(H)} for H in sizes]
    print_table(types)
    value = {"machine": describe(), "vocabulary": len(CHARACTERS) + 1, "rows": rows, "microseconds_of_product": types}
    write_results("sampling", value, arguments.out)


if __name__ == "__main__":
    main()
