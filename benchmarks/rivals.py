"""What rnngen is compared with: an LSTM as everybody writes it, and a small transformer.

Both are written here in plain PyTorch and use nothing of rnngen, so that they cannot profit or suffer from it. A rival
has ``step(spent)``, one optimizer step when the share ``spent`` of its time is gone, and ``nats(ids)``, which scores
every token of a text once. B rows, T steps, V vocabulary, H hidden.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Rival(nn.Module, ABC):
    """A network and its way to learn.

    Attributes:
        name: for tables and pictures.
        chosen: its size and precision, in a few words.
        tokens_per_step: how many tokens a step learns from.
    """

    name: str
    chosen: str
    tokens_per_step: int

    @abstractmethod
    def step(self, spent: float) -> None:
        """Take one step; ``spent`` in [0, 1) sets the learning rate."""

    @abstractmethod
    def nats(self, ids: Tensor) -> float:
        """-Σ ln p over all N tokens (N,); the first, which nothing precedes, costs ln V."""


def side_by_side(ids: Tensor, B: int) -> tuple[Tensor, Tensor]:
    """A text (N,) as B streams of equal length: what each reads and what comes next, (length, B) both."""
    length = (len(ids) - 1) // B
    return ids[: B * length].view(B, length).T, ids[1 : B * length + 1].view(B, length).T


class PlainLSTM(Rival):
    """One ``nn.LSTM`` of 256 units, embedding 256; AdamW at 4e-3 with cosine decay, 32 streams of 64 steps, clip 1."""

    name = "plain nn.LSTM"

    def __init__(self, train: Tensor, vocab_size: int, bf16: bool = False) -> None:
        super().__init__()
        B, T, H = 32, 64, 256
        self.bf16, self.vocab_size = bf16, vocab_size
        if bf16:
            self.name = f"{PlainLSTM.name}, bf16"
        self.chosen = f"lstm {H} {'bf16' if bf16 else 'float32'}"
        self.embedding = nn.Embedding(vocab_size, H)
        self.lstm = nn.LSTM(H, H)
        self.output = nn.Linear(H, vocab_size)
        self.optimizer = torch.optim.AdamW(self.parameters(), lr=4e-3)
        self.x, self.y = side_by_side(train, B)
        self.length = len(self.x)  # of a stream
        self.T = min(T, self.length)
        self.tokens_per_step = B * self.T
        self.state, self.position = None, 0

    def forward(self, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        """Ids (T, B) and the state before them → logits (T, B, V) and the state after them."""
        y, state = self.lstm(self.embedding(x), state)
        return self.output(y), state

    def step(self, spent: float) -> None:
        if self.position + self.T > self.length:
            self.state, self.position = None, 0
        window = slice(self.position, self.position + self.T)
        self.optimizer.param_groups[0]["lr"] = 4e-3 * (1 + math.cos(math.pi * spent)) / 2
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.bf16):
            logits, state = self(self.x[window], self.state)
        self.state = tuple(s.detach() for s in state)
        loss = F.cross_entropy(logits.float().flatten(0, 1), self.y[window].flatten())
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.parameters(), 1.0)
        self.optimizer.step()
        self.position += self.T

    @torch.no_grad()
    def nats(self, ids: Tensor) -> float:
        """Carry the state through the whole text.

        A long text is read as B streams side by side, twice: the second time each begins with the state in which the
        one before it ended the first time. So every token has at least the 4,096 before it as context.
        """
        n = len(ids) - 1
        B = max(1, min(64, n // 4096))
        length = math.ceil(n / B)
        padded = F.pad(ids, (0, B * length - n))
        x, y = padded[:-1].view(B, length).T, padded[1:].view(B, length).T
        inside = (torch.arange(B * length) < n).view(B, length).T
        nats, state = math.log(self.vocab_size), None
        for counted in (True,) if B == 1 else (False, True):
            if state is not None:
                state = tuple(torch.cat([torch.zeros_like(s[:, :1]), s[:, :-1]], dim=1) for s in state)
            for start in range(0, length, 64):
                window = slice(start, start + 64)
                logits, state = self(x[window], state)
                if counted:
                    each = F.cross_entropy(logits.flatten(0, 1), y[window].flatten(), reduction="none")
                    nats += each[inside[window].flatten()].double().sum().item()
        return nats


class WordLSTM(Rival):
    """The word model of PyTorch's examples: two ``nn.LSTM`` layers of 200 units, uniform weights, dropout 0.2.

    SGD at 20, a quarter of it after every epoch that is not the best so far on ``watched``; 20 streams of 35 steps,
    clip 0.25.
    """

    name = "word LSTM of PyTorch's examples"
    chosen = "lstm 200 x2 float32"

    def __init__(self, train: Tensor, watched: Tensor, vocab_size: int) -> None:
        super().__init__()
        B, self.T, H = 20, 35, 200
        self.vocab_size, self.watched = vocab_size, watched
        self.tokens_per_step = B * self.T
        self.embedding, self.output = nn.Embedding(vocab_size, H), nn.Linear(H, vocab_size)
        for weight in (self.embedding.weight, self.output.weight):
            nn.init.uniform_(weight, -0.1, 0.1)
        nn.init.zeros_(self.output.bias)
        self.lstm, self.drop = nn.LSTM(H, H, 2, dropout=0.2), nn.Dropout(0.2)
        self.x, self.y = side_by_side(train, B)
        self.state, self.position, self.rate, self.best = None, 0, 20.0, math.inf

    def forward(self, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        """Ids (T, B) and the state before them → logits (T, B, V) and the state after them."""
        y, state = self.lstm(self.drop(self.embedding(x)), state)
        return self.output(self.drop(y)), state

    def step(self, spent: float) -> None:
        if self.position >= len(self.x):
            self._end_epoch()
        window = slice(self.position, self.position + self.T)
        logits, state = self(self.x[window], self.state)
        self.state = tuple(s.detach() for s in state)
        self.zero_grad()
        F.cross_entropy(logits.flatten(0, 1), self.y[window].flatten()).backward()
        nn.utils.clip_grad_norm_(self.parameters(), 0.25)
        with torch.no_grad():
            for weight in self.parameters():
                weight.sub_(weight.grad, alpha=self.rate)
        self.position += self.T

    def _end_epoch(self) -> None:
        nats = self.nats(self.watched)
        if nats >= self.best:
            self.rate /= 4
        self.best = min(self.best, nats)
        self.state, self.position = None, 0

    @torch.no_grad()
    def nats(self, ids: Tensor) -> float:
        """Carry the state through the whole text, in one stream."""
        self.eval()
        nats, state = math.log(self.vocab_size), None
        for x, y in zip(ids[:-1].split(256), ids[1:].split(256), strict=True):
            logits, state = self(x[:, None], state)
            nats += F.cross_entropy(logits[:, 0], y, reduction="sum").item()
        self.train()
        return nats


class Block(nn.Module):
    """Pre-LayerNorm: attention to what came before, then a GELU layer four times as wide."""

    def __init__(self, H: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm_1, self.norm_2 = nn.LayerNorm(H, bias=False), nn.LayerNorm(H, bias=False)
        self.qkv, self.mix = nn.Linear(H, 3 * H, bias=False), nn.Linear(H, H, bias=False)
        self.widen, self.narrow = nn.Linear(H, 4 * H, bias=False), nn.Linear(4 * H, H, bias=False)

    def forward(self, x: Tensor) -> Tensor:  # (B, T, H)
        q, k, v = self.qkv(self.norm_1(x)).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        attended = F.scaled_dot_product_attention(q, k, v, is_causal=True)  # (B, heads, T, H / heads)
        x = x + self.mix(attended.transpose(1, 2).flatten(2))
        return x + self.narrow(F.gelu(self.widen(self.norm_2(x))))


class Transformer(Rival):
    """The usual small one for a CPU: 4 layers, 4 heads, 128 wide, 64 positions, 12 random windows per step, no dropout.

    AdamW at 1e-3, cosine to 1e-4 after 100 steps of warm-up, betas 0.9 and 0.99, weight decay 0.1 on matrices, clip 1;
    learned positions, output tied to the embedding: the settings with which nanoGPT's README trains on a laptop.
    """

    name = "small transformer"

    def __init__(self, train: Tensor, vocab_size: int) -> None:
        super().__init__()
        self.B, self.T, H, L, heads = 12, min(64, len(train) - 1), 128, 4, 4
        self.train_ids, self.vocab_size, self.steps = train, vocab_size, 0
        self.tokens_per_step = self.B * self.T
        self.chosen = f"{L} layers of {H} float32"
        self.embedding, self.positions = nn.Embedding(vocab_size, H), nn.Embedding(self.T, H)
        self.blocks = nn.Sequential(*(Block(H, heads) for _ in range(L)))
        self.norm = nn.LayerNorm(H, bias=False)
        for name, weight in self.named_parameters():
            if weight.dim() == 2:  # what adds to the residual stream begins smaller (GPT-2, section 2.3)
                smaller = math.sqrt(2 * L) if name.endswith(("mix.weight", "narrow.weight")) else 1
                nn.init.normal_(weight, std=0.02 / smaller)
        matrices = [p for p in self.parameters() if p.dim() == 2]
        others = [p for p in self.parameters() if p.dim() < 2]
        groups = [{"params": matrices, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}]
        self.optimizer = torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.99))
        self.generator = torch.Generator().manual_seed(0)

    def forward(self, x: Tensor) -> Tensor:
        """Ids (B, T) → logits (B, T, V)."""
        hidden = self.embedding(x) + self.positions.weight[: x.shape[1]]
        return self.norm(self.blocks(hidden)) @ self.embedding.weight.T

    def step(self, spent: float) -> None:
        rate = 1e-4 + 9e-4 * (1 + math.cos(math.pi * spent)) / 2
        for group in self.optimizer.param_groups:
            group["lr"] = rate * min(1.0, (self.steps + 1) / 100)
        starts = torch.randint(len(self.train_ids) - self.T, (self.B, 1), generator=self.generator)
        windows = self.train_ids[starts + torch.arange(self.T + 1)]  # (B, T + 1)
        loss = F.cross_entropy(self(windows[:, :-1]).flatten(0, 1), windows[:, 1:].flatten())
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.parameters(), 1.0)
        self.optimizer.step()
        self.steps += 1

    @torch.no_grad()
    def nats(self, ids: Tensor) -> float:
        """Slide the window by half its length and count its second half: each token has at least T / 2 before it."""
        n = len(ids) - 1
        T = min(self.T, n)
        starts = torch.arange(0, n - T + 1, max(1, T // 2))
        if starts[-1] != n - T:
            starts = torch.cat([starts, torch.tensor([n - T])])
        seen = torch.cat([torch.zeros(1, dtype=torch.long), starts[:-1] + T])  # tokens counted by earlier windows
        nats = math.log(self.vocab_size)
        for chunk, first in zip(starts.split(64), seen.split(64), strict=True):
            windows = ids[chunk[:, None] + torch.arange(T + 1)]
            each = F.cross_entropy(self(windows[:, :-1]).flatten(0, 1), windows[:, 1:].flatten(), reduction="none")
            new = chunk[:, None] + torch.arange(T) >= first[:, None]
            nats += each[new.flatten()].double().sum().item()
        return nats
