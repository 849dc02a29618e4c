"""How fast a text is scored: tokens per second beside the same network reading forward in a plain loop, in one run.

    python benchmarks/evaluation.py

For each size, a network that has learned for a moment scores a text as ``rnngen eval`` does (exactly: blocks, streams
whose beginnings are read again until they meet, the nats of every token kept), and a plain loop around
``torch.nn.LSTM`` (embedding, LSTM, linear layer, cross-entropy) reads windows of 64 tokens of 64 streams forward. They
take turns, so that both see the machine's ups and downs; the ratio is the median of those of the turns, in seconds and
in processor time, which other programs disturb less. ``read_again`` is how many tokens were read per token of the text.
"""

from __future__ import annotations

import argparse
import statistics
import sysconfig
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from machine import describe, print_table, write_results
from torch import nn

import rnngen
from rnngen.evaluation.reading import first_block_of, read_blocks
from rnngen.model.language_model import RecurrentLM
from rnngen.model.load import load_language_model
from rnngen.runs.own_text import own_part

T, B = 64, 64


def plain_reader(model: RecurrentLM, tokens: torch.Tensor) -> Callable[[], None]:
    """Reads all of the text forward in B streams."""
    embedding, output = nn.Embedding.from_pretrained(model.embedding.weight), model.output
    lstm = nn.LSTM(model.config.embedding_size, model.config.hidden_size)
    lstm.load_state_dict(model.layers[0].state_dict())
    length = len(tokens) // B
    streams = tokens[: B * length].view(B, length).T.contiguous()

    @torch.no_grad()
    def read() -> None:
        state, total = None, 0.0
        for position in range(0, length - T, T):
            x, y = streams[position : position + T], streams[position + 1 : position + T + 1]
            hidden, state = lstm(embedding(x), state)
            total += nn.functional.cross_entropy(output(hidden).flatten(0, 1), y.flatten(), reduction="sum").item()

    return read


def measure(hidden_size: int, folder: Path, tokens: int, turns: int, steps: int) -> dict[str, Any]:
    """One size: its rates, their ratio, and how much was read again."""
    run = rnngen.train(
        folder / "text.txt",
        out=folder / f"run-{hidden_size}",
        hidden_size=hidden_size,
        embedding_size=64,
        steps=steps,
        device="cpu",
        sample_every=0,
        precision="float32",
    )
    model, ids = load_language_model(run), np.array(own_part(run, "train").tokens[:tokens])
    read = [0]

    def ours() -> None:
        read[0] = 0
        for _ in read_blocks(model, ids, on_read=lambda more: read.__setitem__(0, read[0] + more)):
            pass

    plain, rows = plain_reader(model, torch.from_numpy(ids.astype(np.int64))), []
    for work in (ours, plain):
        work()
    for _ in range(turns):
        rows.append([seconds(work) for work in (ours, plain)])
    wall, cpu = (statistics.median(other[i] / own[i] for own, other in rows) for i in (0, 1))
    return {
        "hidden": hidden_size,
        "tokens": len(ids),
        "first_block": first_block_of(model),
        "tokens_per_s": round(len(ids) / statistics.median(own[0] for own, _ in rows)),
        "plain_tokens_per_s": round(len(ids) / statistics.median(other[0] for _, other in rows)),
        "ratio": wall,
        "ratio_of_processor_time": cpu,
        "read_again": read[0] / len(ids),
    }


def seconds(work: Callable[[], None]) -> tuple[float, float]:
    """What something takes, in seconds and in processor time."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--smoke", action="store_true", help="one small size for a moment, to see that it runs")
    parser.add_argument("--sizes", type=int, nargs="+", default=[128, 512, 1024], help="units")
    parser.add_argument("--turns", type=int, default=5, help="how often the two take turns")
    parser.add_argument("--tokens", type=int, default=1 << 19, help="to read per turn")
    parser.add_argument("--steps", type=int, default=100, help="of training before")
    parser.add_argument("--out", type=Path, help="where to write the JSON")
    arguments = parser.parse_args()
    sizes, turns, steps = ([16], 2, 2) if arguments.smoke else (arguments.sizes, arguments.turns, arguments.steps)
    tokens = 1 << 14 if arguments.smoke else arguments.tokens
    library = sorted(Path(sysconfig.get_paths()["stdlib"]).glob("*.py"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        text = "".join(path.read_text(encoding="utf-8", errors="ignore") for path in library)
        text = "".join(character for character in text if character.isascii())
        (folder / "text.txt").write_text(text[: 2 * tokens], encoding="utf-8")
        rows = [measure(hidden_size, folder, tokens, turns, steps) for hidden_size in sizes]
    print_table(rows)
    write_results(
        "evaluation", {"machine": describe(), "threads": torch.get_num_threads(), "rows": rows}, arguments.out
    )


if __name__ == "__main__":
    main()
