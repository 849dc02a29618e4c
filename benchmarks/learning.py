"""How good a model gets in the time given: rnngen's default beside a plain baseline, in one run.

    python benchmarks/learning.py --corpus TEXT --minutes 2.5

The first nine tenths are trained on, the last tenth is held out and scored whole, with the state carried from its
first character to its last, in nats a character. rnngen gets the text and no option but the time; its default split
trains on the same nine tenths, and chooses which weights to keep by the first half of the held-out tenth. So the
second half, by which nothing was chosen, is scored on its own too.

The baseline is one ``torch.nn.LSTM`` of 256 units, embedding 256, AdamW at 4e-3 with cosine decay, 32 streams of
64 steps, clipped at norm 1.
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


def train_rnngen(text: str, border: int, minutes: float, options: dict[str, Any]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        file, tenth, half = (Path(folder, name) for name in ("text.txt", "tenth.txt", "half.txt"))
        file.write_text(text, encoding="utf-8")
        tenth.write_text(text[border:], encoding="utf-8")
        half.write_text(text[(border + len(text)) // 2 :], encoding="utf-8")
        began = time.perf_counter()
        run = rnngen.train(file, out=Path(folder, "run"), **{"minutes": minutes, **options})
        seconds = time.perf_counter() - began
        scores = [rnngen.evaluate(run, part) for part in (tenth, half)]
        config = run.config
    model, train = config["model"], config["train"]
    return {
        "model": "rnngen, default options",
        "nats_per_character": scores[0].nats / scores[0].counts.characters,
        "second_half": scores[1].nats / scores[1].counts.characters,
        "seconds": seconds,
        "steps": train["steps"],
        "chosen": f"{model['cell']} {model['hidden_size']} {train['precision']} dropout {model['dropout']:g}",
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
    half = held_out[len(held_out) // 2 :]
    return {
        "model": "plain nn.LSTM baseline",
        "nats_per_character": score_plain(model, vocabulary, held_out),
        "second_half": score_plain(model, vocabulary, half),
        "seconds": seconds,
        "steps": steps,
        "chosen": f"lstm {H} float32",
    }


@torch.no_grad()
def score_plain(model: Plain, vocabulary: dict[str, int], text: str) -> float:
    ids = torch.tensor([vocabulary.get(c, len(vocabulary)) for c in text])[:, None]
    nats = math.log(len(vocabulary) + 1)  # of the first character, which this model cannot predict
    state = None
    for start in range(0, len(ids) - 1, 1000):
        window = ids[start : start + 1001]
        logits, state = model(window[:-1], state)
        nats += nn.functional.cross_entropy(logits[:, 0], window[1:, 0], reduction="sum").item()
    return nats / len(text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", help="a text file")
    parser.add_argument("--minutes", type=float, default=2.5, help="training time of each")
    parser.add_argument("--smoke", action="store_true", help="a few seconds on a made-up text, to see that it runs")
    parser.add_argument("--out", type=Path, help="where to write the JSON")
    arguments = parser.parse_args()
    if arguments.smoke:
        name, minutes, options = "smoke", 0.05, {"size": "tiny"}
        text = "".join(f"{n} green bottles hanging on the wall.\n" for n in range(3000))
    elif arguments.corpus:
        name, minutes, options = Path(arguments.corpus).stem, arguments.minutes, {}
        text = "".join(TextSource([arguments.corpus]))
    else:
        parser.error("--corpus is needed")
    border = len(text) * 9 // 10
    ours = train_rnngen(text, border, minutes, options)
    rows = [ours, train_plain(text[:border], text[border:], ours["seconds"] / 60)]  # for exactly as long
    print_table(rows)
    ahead = rows[1]["nats_per_character"] - rows[0]["nats_per_character"]
    print(f"rnngen is {ahead:+.4f} nats a character ahead of the baseline")
    corpus = {"name": name, "characters": len(text)}
    result = {"machine": describe(), "corpus": corpus, "minutes": minutes, "rows": rows, "ahead": ahead}
    write_results(f"learning-{name}", result, arguments.out)


if __name__ == "__main__":
    main()
