"""How good a model gets in the time given: rnngen's default beside a plain baseline, in one run.

    python benchmarks/learning.py --corpus TEXT --minutes 2.5

The last tenth of the text is held out and scored whole, with the state carried from its first character to its
last, in nats a character. rnngen gets the first nine tenths as a file and no options but the time (it takes its
validation part from there). The baseline trains on all of the nine tenths: one ``torch.nn.LSTM`` of 256 units,
embedding 256, AdamW at 4e-3 with cosine decay, 32 streams of 64 steps, clipped at norm 1.
"""

from __future__ import annotations

import argparse
import math
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from machine import describe, print_table, write_results
from torch import Tensor, nn

import rnngen
from rnngen.corpus.sources import TextSource


def train_rnngen(train: str, held_out: str, minutes: float, options: dict[str, Any]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        text, rest = Path(folder, "train.txt"), Path(folder, "held_out.txt")
        text.write_text(train, encoding="utf-8")
        rest.write_text(held_out, encoding="utf-8")
        began = time.perf_counter()
        run = rnngen.train(text, out=Path(folder, "run"), **{"minutes": minutes, "split": (0.95, 0.05), **options})
        seconds = time.perf_counter() - began
        score = rnngen.evaluate(run, rest)
        config = run.config
    return {
        "model": "rnngen, default options" if not options else f"rnngen {options}",
        "nats_per_character": score.nats / score.counts.characters,
        "seconds": seconds,
        "steps": config["train"]["steps"],
        "chosen": f"{config['model']['cell']} {config['model']['hidden_size']} {config['train']['precision']}"
        f" dropout {config['model']['dropout']:g}",
    }


class Plain(nn.Module):
    def __init__(self, vocab_size: int, hidden_size: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, hidden_size)
        self.lstm = nn.LSTM(hidden_size, hidden_size)
        self.output = nn.Linear(hidden_size, vocab_size)

    def forward(self, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        y, state = self.lstm(self.embedding(x), state)
        return self.output(y), state


def train_plain(train: str, held_out: str, minutes: float) -> dict[str, Any]:
    B, T, H = 32, 64, 256
    began = time.perf_counter()
    torch.manual_seed(0)
    vocabulary = {c: i for i, c in enumerate(sorted(set(train)))}
    ids = torch.tensor([vocabulary[c] for c in train])
    length = (len(ids) - 1) // B
    x, y = ids[: B * length].view(B, length).T, ids[1 : B * length + 1].view(B, length).T
    model = Plain(len(vocabulary) + 1, H)
    optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3)
    state, position, steps = None, 0, 0
    while (spent := (time.perf_counter() - began) / (60 * minutes)) < 1:
        if position + T > length:
            state, position = None, 0
        optimizer.param_groups[0]["lr"] = 4e-3 * (1 + math.cos(math.pi * spent)) / 2
        logits, state = model(x[position : position + T], state)
        state = tuple(s.detach() for s in state)
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), y[position : position + T].flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        position, steps = position + T, steps + 1
    seconds = time.perf_counter() - began
    rest = torch.tensor([vocabulary.get(c, len(vocabulary)) for c in held_out])[:, None]
    nats = math.log(len(vocabulary) + 1)  # of the first character, which this model cannot predict
    state = None
    with torch.no_grad():
        for start in range(0, len(rest) - 1, 1000):
            window = rest[start : start + 1001]
            logits, state = model(window[:-1], state)
            nats += nn.functional.cross_entropy(logits[:, 0], window[1:, 0], reduction="sum").item()
    return {
        "model": "plain nn.LSTM baseline",
        "nats_per_character": nats / len(held_out),
        "seconds": seconds,
        "steps": steps,
        "chosen": f"lstm {H} float32",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", required=True, help="a text file")
    parser.add_argument("--minutes", type=float, default=2.5, help="training time of each")
    parser.add_argument("--out", type=Path, help="where to write the JSON")
    arguments = parser.parse_args()
    text = "".join(TextSource([arguments.corpus]))
    border = len(text) * 9 // 10
    train, held_out = text[:border], text[border:]
    rows = [
        train_rnngen(train, held_out, arguments.minutes, {}),
        train_plain(train, held_out, arguments.minutes),
    ]
    print_table(rows)
    ahead = rows[1]["nats_per_character"] - rows[0]["nats_per_character"]
    print(f"rnngen is {ahead:+.4f} nats a character ahead of the baseline")
    corpus = {"name": Path(arguments.corpus).name, "characters": len(text)}
    result = {"machine": describe(), "corpus": corpus, "minutes": arguments.minutes, "rows": rows, "ahead": ahead}
    write_results(f"learning-{Path(arguments.corpus).stem}", result, arguments.out)


if __name__ == "__main__":
    main()
