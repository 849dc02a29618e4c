"""What each technique is worth: one thing changed at a time, the same number of steps, one text.

    python benchmarks/techniques.py --corpus TEXT [--only NAME ...] [--steps 1500] [--hidden-size 256]

First what is an option: ``rnngen.train`` with one option changed. Then what is not: a plain training loop around
``nn.LSTM``, in which what was tried for the default recipe can be switched on or off, also what was not kept and so is
not in rnngen. Its base is the recipe without n-grams, in the order of the text.

Every row says what it changes, and its loss on the validation part (the first half of the last tenth, whose second half
nothing here looks at) less that of its base. Seeds alone move these numbers by 0.003 to 0.008.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from contest import SMOKE_TEXT
from machine import describe, mm_gflops, print_table, write_results
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, dropout

import rnngen
from rnngen.corpus.sources import TextSource
from rnngen.training.optim.muon import Muon
from rnngen.training.optim.optimizer import AdamW, Optimizer
from rnngen.training.planning.memory import keep_freed_memory

HISTORY = 1  # tokens before a window that the bigram feature looks at


@dataclass(frozen=True)
class Recipe:
    """Everything that is varied; the defaults are rnngen's."""

    hidden_size: int = 256
    embedding_size: int = 64
    batch_size: int = 32
    bptt: int = 64
    steps: int = 1500
    optimizer: str = "muon"  # by gate; or "whole" matrices, or "adamw" for all
    newton_schulz: int = 3  # steps; 0: one rational step (rnngen's, in float32)
    momentum: float = 0.95
    muon_lr: float = 0.02
    lr: float = 0.01
    beta2: float = 0.99
    weight_decay: float = 0.02
    ema: float = 0.98
    warmup: float = 0.02
    hold: float = 0.5  # share of the steps before the learning rate falls
    clip: float = 1.0
    dropout: float = 0.0
    input_dropout: float = 0.0
    weight_dropout: float = 0.0
    noise: float = 0.0  # share of input tokens replaced by tokens drawn from the text (Xie et al. 2017)
    activation_regularization: float = 0.0  # AR and TAR alike (Merity et al. 2018)
    bigrams: int = 0  # rows of a zero-initialised table of hashed pairs that is added to the embedding
    layer_norm: bool = False  # of what the softmax reads
    skip: bool = False  # the embedding goes to the softmax as well
    forget_bias: float = 1.0
    orthogonal: bool = True  # recurrent blocks; else PyTorch's start values
    seed: int = 0


TRIALS: dict[str, dict[str, Any]] = {
    "base": {},
    "another seed": {"seed": 1},
    "AdamW for all": {"optimizer": "adamw"},
    "Muon on whole matrices": {"optimizer": "whole"},
    "Newton-Schulz 2": {"newton_schulz": 2},
    "Newton-Schulz 5": {"newton_schulz": 5},
    "one rational step": {"newton_schulz": 0},
    "momentum 0.9": {"momentum": 0.9},
    "Muon 0.03": {"muon_lr": 0.03},
    "AdamW 0.004": {"lr": 0.004},
    "AdamW 0.014": {"lr": 0.014},
    "beta2 0.999": {"beta2": 0.999},
    "weight decay 0": {"weight_decay": 0.0},
    "weight decay 0.2": {"weight_decay": 0.2},
    "no average": {"ema": 0.0},
    "average 0.99": {"ema": 0.99},
    "falls from 30 %": {"hold": 0.3},
    "falls from 70 %": {"hold": 0.7},
    "PyTorch's start values": {"orthogonal": False},
    "forget bias 2": {"forget_bias": 2.0},
    "embedding 32": {"embedding_size": 32},
    "embedding 128": {"embedding_size": 128},
    "bigram table": {"bigrams": 4096},
    "layer norm": {"layer_norm": True},
    "skip to softmax": {"skip": True},
    "noise 3 %": {"noise": 0.03},
    "dropout 0.15": {"dropout": 0.15},
    "input dropout 0.1": {"input_dropout": 0.1},
    "weight dropout 0.15": {"weight_dropout": 0.15},
    "AR and TAR 1": {"activation_regularization": 1.0},
    "64 streams, half the steps": {"batch_size": 64, "steps": 0.5},
    "64 streams x 32": {"batch_size": 64, "bptt": 32},
    "16 streams x 128": {"batch_size": 16, "bptt": 128},
    "16 streams, twice the steps": {"batch_size": 16, "steps": 2.0},
    "16 streams, twice the rational steps": {"batch_size": 16, "steps": 2.0, "newton_schulz": 0},
}


OPTIONS: dict[str, dict[str, Any]] = {
    "rnngen": {},
    "another seed": {"seed": 2},
    "no n-grams": {"history": 0},
    "n-grams up to 2": {"history": 1},
    "n-grams up to 6": {"history": 5},
    "in the order of the text": {"contiguous": 0},
    "1 window in a row": {"contiguous": 1},
    "16 windows in a row": {"contiguous": 16},
    "average of 50 steps": {"ema": 0.98},
    "average of a third of the steps": {"ema": 0.998},
    "tied": {"tied": True},
    "not tied": {"tied": False},
    "GRU": {"cell": "gru"},
}


class Network(nn.Module):
    """Embedding → one LSTM layer → softmax, with what the recipe adds."""

    def __init__(self, recipe: Recipe, V: int) -> None:
        super().__init__()
        E, H = recipe.embedding_size, recipe.hidden_size
        self.recipe, self.V = recipe, V
        self.embedding, self.lstm, self.output = nn.Embedding(V, E), nn.LSTM(E, H), nn.Linear(H, V)
        if recipe.orthogonal:
            for block in self.lstm.weight_hh_l0.detach().split(H):
                nn.init.orthogonal_(block)
            nn.init.uniform_(self.lstm.weight_ih_l0, -((3 / E) ** 0.5), (3 / E) ** 0.5)
            nn.init.zeros_(self.lstm.bias_ih_l0)
            nn.init.normal_(self.output.weight, std=H**-0.5)
            nn.init.zeros_(self.output.bias)
        nn.init.zeros_(self.lstm.bias_hh_l0).requires_grad_(False)
        self.lstm.bias_ih_l0.data[H : 2 * H] = recipe.forget_bias
        self.pairs = nn.Embedding(max(1, recipe.bigrams), E)
        nn.init.zeros_(self.pairs.weight)
        self.norm = nn.LayerNorm(H) if recipe.layer_norm else nn.Identity()
        self.skip = nn.Linear(E, V, bias=False)
        nn.init.zeros_(self.skip.weight)

    def forward(self, tokens: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, tuple[Tensor, Tensor], Tensor]:
        """Tokens (HISTORY + T, B) → logits (T, B, V), state, and what is added to the loss."""
        recipe = self.recipe
        x = self.embedding(tokens[HISTORY:])
        if recipe.bigrams:
            x = x + self.pairs((tokens[HISTORY - 1 : -1] * self.V + tokens[HISTORY:]) % recipe.bigrams)
        embedded = x = self._drop(x, recipe.input_dropout)
        weight_hh = dropout(self.lstm.weight_hh_l0, recipe.weight_dropout, self.training)
        weights = [self.lstm.weight_ih_l0, weight_hh, self.lstm.bias_ih_l0, self.lstm.bias_hh_l0]
        y, h, c = torch.lstm(x, state, weights, True, 1, 0.0, self.training, False, False)
        penalty = y.new_zeros((), dtype=torch.float32)
        if recipe.activation_regularization and self.training:
            penalty = recipe.activation_regularization * (
                y.float().square().mean() + y.float().diff(dim=0).square().mean()
            )
        y = self.norm(self._drop(y, recipe.dropout))
        logits = self.output(y) + (self.skip(embedded) if recipe.skip else 0)
        return logits.float(), (h.float().detach(), c.float().detach()), penalty

    def _drop(self, x: Tensor, p: float) -> Tensor:
        if not (p and self.training):
            return x
        return x * ((torch.rand(x.shape[1:]) > p) / (1 - p)).to(x.dtype)

    def start(self, B: int) -> tuple[Tensor, Tensor]:
        return torch.zeros(1, B, self.recipe.hidden_size), torch.zeros(1, B, self.recipe.hidden_size)


def optimizers(model: Network, recipe: Recipe, bf16: bool) -> list[Optimizer]:
    matrices = [] if recipe.optimizer == "adamw" else [model.lstm.weight_ih_l0, model.lstm.weight_hh_l0]
    ids = {id(p) for p in matrices}
    rest = [p for p in model.parameters() if p.requires_grad and id(p) not in ids]
    decaying = [p for p in rest if p is model.output.weight or p is model.lstm.weight_hh_l0]
    others = [p for p in rest if p is not model.output.weight and p is not model.lstm.weight_hh_l0]
    groups = [{"params": decaying, "weight_decay": recipe.weight_decay}, {"params": others, "weight_decay": 0.0}]
    adamw = AdamW(groups, lr=recipe.lr, betas=(0.9, recipe.beta2))
    if not matrices:
        return [adamw]
    blocks = {"muon": 4, "whole": 1}[recipe.optimizer]
    return [
        adamw,
        Muon(
            [{"params": matrices, "blocks": blocks}],
            recipe.muon_lr,
            recipe.weight_decay,
            recipe.momentum,
            recipe.newton_schulz,
            torch.bfloat16 if bf16 and recipe.newton_schulz else torch.float32,
            rational=not recipe.newton_schulz,
        ),
    ]


def learn(recipe: Recipe, train: Tensor, valid: Tensor, V: int, bf16: bool) -> dict[str, Any]:
    torch.manual_seed(recipe.seed)
    B, T, steps, N = recipe.batch_size, recipe.bptt, recipe.steps, len(train)
    model, average = Network(recipe, V), Network(recipe, V).eval()
    average.load_state_dict(model.state_dict())
    all_optimizers = optimizers(model, recipe, bf16)
    learned = [(p, a) for p, a in zip(model.parameters(), average.parameters(), strict=True) if p.requires_grad]
    sources, averages = [p for p, _ in learned], [a for _, a in learned]
    begins = torch.arange(B) * N // B + torch.arange(-HISTORY, T + 1)[:, None]
    state, warmup, began = model.start(B), max(1, round(recipe.warmup * steps)), time.perf_counter()
    for step in range(steps):
        window = train[(begins + step * T) % N]
        inputs, targets = window[:-1], window[HISTORY + 1 :]
        if recipe.noise:
            inputs = inputs.where(torch.rand(inputs.shape) >= recipe.noise, train[torch.randint(N, inputs.shape)])
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            logits, state, penalty = model(inputs, state)
        model.zero_grad()
        (cross_entropy(logits.flatten(0, 1), targets.flatten()) + penalty).backward()
        nn.utils.clip_grad_norm_(sources, recipe.clip)
        left = (1 - (step - warmup) / max(1, steps - warmup)) / (1 - recipe.hold)
        for optimizer in all_optimizers:
            optimizer.step((step + 1) / warmup if step < warmup else min(1.0, left))
        with torch.no_grad():
            torch._foreach_lerp_(averages, sources, 1 - min(recipe.ema, (1 + step) / (10 + step)))
    seconds = time.perf_counter() - began
    return {"valid": score(average, valid, V), "ms_a_step": 1e3 * seconds / steps, "epochs": steps * B * T / N}


@torch.no_grad()
def score(model: Network, ids: Tensor, V: int, streams: int = 16, warm: int = 256) -> float:
    """Nats per token, in parallel streams that each read ``warm`` tokens before what they score."""
    ids = torch.cat([ids.new_zeros(HISTORY), ids])
    length = -(-(len(ids) - HISTORY - 1) // streams)
    state, nats, scored, at = model.start(streams), 0.0, 0, -warm
    while at < length:
        width = min(128, (0 if at < 0 else length) - at)
        positions = torch.arange(streams) * length + torch.arange(at, at + width + HISTORY + 1)[:, None]
        window = ids[positions.clamp(0, len(ids) - 1)]
        logits, state, _ = model(window[:-1], state)
        if at >= 0:
            each = cross_entropy(logits.flatten(0, 1), window[HISTORY + 1 :].flatten(), reduction="none")
            inside = (positions[HISTORY + 1 :] < len(ids)).flatten()
            nats, scored = nats + float(each[inside].double().sum()), scored + int(inside.sum())
        at += width
    return nats / scored


def learn_with(options: dict[str, Any], corpus: Path, N: int, base: Recipe) -> dict[str, Any]:
    """The same for ``rnngen.train`` on a file with N training tokens."""
    fixed = {"steps": base.steps, "hidden_size": base.hidden_size, "batch_size": base.batch_size, "bptt": base.bptt}
    with TemporaryDirectory() as folder:
        began = time.perf_counter()
        run = rnngen.train(corpus, out=Path(folder, "run"), sample_every=0, **fixed, **options)
        seconds = time.perf_counter() - began
        valid = rnngen.evaluate(run, part="valid").nats_per_token
    epochs = base.steps * base.batch_size * base.bptt / N
    return {"valid": valid, "ms_a_step": 1e3 * seconds / base.steps, "epochs": epochs}


def with_change(base: Recipe, change: dict[str, Any]) -> Recipe:
    if "steps" in change:
        change = {**change, "steps": int(change["steps"] * base.steps)}
    return replace(base, **change)


def compare(results: Iterable[tuple[str, dict[str, Any]]]) -> list[dict[str, Any]]:
    """Rows of a table, each with its distance to the first."""
    rows: list[dict[str, Any]] = []
    for name, row in results:
        rows.append({"changed": name, **row, "against_base": row["valid"] - (rows[0] if rows else row)["valid"]})
        print_table(rows[-1:])
    print_table(rows)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", help="a text file")
    parser.add_argument("--only", nargs="*", help="names of rows")
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--hidden-size", type=int, default=256)
    parser.add_argument("--smoke", action="store_true", help="every row for a moment on a made-up text")
    parser.add_argument("--out", type=Path, help="where to write the JSON")
    arguments = parser.parse_args()
    if not (arguments.smoke or arguments.corpus):
        parser.error("--corpus is needed")
    keep_freed_memory()
    text = SMOKE_TEXT if arguments.smoke else "".join(TextSource([arguments.corpus]))
    base = Recipe(hidden_size=arguments.hidden_size, steps=arguments.steps)
    if arguments.smoke:
        base = replace(base, hidden_size=16, steps=4, bptt=8)
    cut = [len(text) * share // 100 for share in (90, 95)]
    symbols = {c: i for i, c in enumerate(sorted(set(text)))}
    encode: Callable[[str], Tensor] = lambda part: torch.tensor([symbols[c] for c in part])  # noqa: E731
    train, valid = encode(text[: cut[0]]), encode(text[cut[0] : cut[1]])
    bf16 = mm_gflops(torch.bfloat16, 512) > 2 * mm_gflops(torch.float32, 512)
    asked = arguments.only
    wanted = [name for name in OPTIONS if asked is None or name in (*asked, "rnngen")]
    with TemporaryDirectory() as folder:
        corpus = Path(folder, "text.txt")
        corpus.write_text(text, encoding="utf-8", newline="\n")
        options = compare((name, learn_with(OPTIONS[name], corpus, len(train), base)) for name in wanted)
    wanted = [name for name in TRIALS if asked is None or name in (*asked, "base")]
    rows = compare((name, learn(with_change(base, TRIALS[name]), train, valid, len(symbols), bf16)) for name in wanted)
    result = {
        "machine": describe(),
        "bf16": bf16,
        "corpus": arguments.corpus and Path(arguments.corpus).stem,
        "hidden_size": base.hidden_size,
        "steps": base.steps,
        "options": options,
        "rows": rows,
    }
    write_results("techniques", result, arguments.out)


if __name__ == "__main__":
    main()
