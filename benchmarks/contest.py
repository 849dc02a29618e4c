"""One text, several learners, the same seconds for each: how the benchmarks compare.

All get the same token ids, made before any clock runs: the first nine tenths to learn from, the first half of the last
tenth to watch progress by and choose weights by, and the second half, by which nothing is chosen. This is rnngen's own
default split, so it is given the bare text. A rival too ends with the weights that scored best on the first half, as
rnngen does; what this scoring takes is not counted as the rival's time, while rnngen pays for its own.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from rivals import Rival
from torch import Tensor

import rnngen
from rnngen.corpus.sources import TextSource
from rnngen.corpus.tokens import EncodedText, encode_text, prepare
from rnngen.options.training import DataConfig
from rnngen.training.events import Event, Stepped, Validated

LOOKS = 16  # scorings of a rival in its time
SMOKE_TEXT = "".join(f"{n} green bottles hanging on the wall.\n" for n in range(1000))


@dataclass(frozen=True)
class Part:
    """A piece of the text: its file, its ids (N,), its length in characters."""

    file: Path
    ids: Tensor
    characters: int


@dataclass(frozen=True)
class Text:
    """What is learned from and scored on.

    Attributes:
        file: the whole text.
        tokenizer: the level of its tokens.
        vocab_size: V.
        characters: length of the whole.
        symbols: how many different characters it has.
        train: ids of the first nine tenths.
        watched, tenth, second_half: the first half of the last tenth, what is scored of it, the second half of that.
    """

    file: Path
    tokenizer: str
    vocab_size: int
    characters: int
    symbols: int
    train: Tensor
    watched: Part
    tenth: Part
    second_half: Part

    def describe(self) -> dict[str, Any]:
        """For the results."""
        return {
            "characters": self.characters,
            "symbols": self.symbols,
            "tokenizer": self.tokenizer,
            "vocab_size": self.vocab_size,
            "train_tokens": len(self.train),
            "scored_characters": self.tenth.characters,
            "scored_tokens": len(self.tenth.ids),
        }


@contextmanager
def encoded(text: str, tokenizer: str, most_scored: int | None = None) -> Iterator[Text]:
    """A text in a folder of its own, encoded once for all; rnngen finds it in the cache there.

    Args:
        text: all of it.
        tokenizer: the level of its tokens.
        most_scored: of a tenth with more characters, score only this many around its middle.
    """
    before = os.environ.get("RNNGEN_CACHE")
    with TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["RNNGEN_CACHE"] = str(folder / "cache")
        try:
            yield _encode(text, tokenizer, folder, most_scored or len(text))
        finally:
            del os.environ["RNNGEN_CACHE"]
            if before is not None:
                os.environ["RNNGEN_CACHE"] = before


def _encode(text: str, tokenizer: str, folder: Path, most_scored: int) -> Text:
    file = folder / "text.txt"
    file.write_text(text, encoding="utf-8", newline="\n")
    corpus = prepare(DataConfig(corpus=(str(file),), tokenizer=tokenizer))
    border = corpus.train.counts.characters
    middle = border + corpus.valid.counts.characters
    first, last = max(border, middle - most_scored // 2), min(len(text), middle + most_scored // 2)

    def part(name: str, content: str) -> Part:
        path = folder / f"{name}.txt"
        path.write_text(content, encoding="utf-8", newline="\n")
        made = encode_text(corpus.tokenizer, TextSource([str(path)]), folder / f"{name}.bin")
        return Part(path, _tensor(made), len(content))

    return Text(
        file,
        tokenizer,
        corpus.tokenizer.vocab_size,
        len(text),
        len(set(text)),
        _tensor(corpus.train),
        part("watched", text[border:middle]),
        part("tenth", text[first:last]),
        part("second_half", text[middle:last]),
    )


def _tensor(text: EncodedText) -> Tensor:
    return torch.from_numpy(text.tokens.astype("int64"))


@dataclass(frozen=True)
class Outcome:
    """How far one contender came.

    Attributes:
        model: its name.
        nats_per_character, nats_per_token: of the whole last tenth.
        second_half: nats per character of its second half.
        seconds: it trained for.
        steps, epochs: it took.
        chosen: size, precision and the like, in a few words.
        curve: (seconds, nats per character on the first half of the last tenth).
        configuration: all that was decided, where it is decided by the contender.
    """

    model: str
    nats_per_character: float
    nats_per_token: float
    second_half: float
    seconds: float
    steps: int
    epochs: float
    chosen: str
    curve: list[tuple[float, float]]
    configuration: dict[str, Any]

    def row(self) -> dict[str, Any]:
        """For the table."""
        return {name: value for name, value in vars(self).items() if name not in ("curve", "configuration")}


def run_rnngen(text: Text, seconds: float, options: dict[str, Any]) -> Outcome:
    """Train with no option but the time (and what ``options`` adds), and score with rnngen's own exact evaluation."""
    curve: list[tuple[float, float]] = []
    last: list[Stepped] = []
    per_token = len(text.watched.ids) / text.watched.characters

    def watch(event: Event) -> None:
        if isinstance(event, Validated):
            curve.append((time.perf_counter() - began, event.nll * per_token))
        elif isinstance(event, Stepped):
            last[:] = [event]

    with TemporaryDirectory() as folder:
        began = time.perf_counter()
        options = {"minutes": seconds / 60, **options}
        run = rnngen.train(text.file, out=Path(folder, "run"), on_event=watch, **options)
        spent = time.perf_counter() - began
        tenth, half = (rnngen.evaluate(run, part.file) for part in (text.tenth, text.second_half))
        model, train = run.config["model"], run.config["train"]
        configuration = {name: run.config[name] for name in ("model", "optimizer", "train")}
    layers = f" x{model['num_layers']}" if model["num_layers"] > 1 else ""
    return Outcome(
        model="rnngen",
        nats_per_character=tenth.nats / text.tenth.characters,  # of the file: a closed vocabulary reads fewer spaces
        nats_per_token=tenth.nats_per_token,
        second_half=half.nats / text.second_half.characters,
        seconds=spent,
        steps=last[0].step,
        epochs=last[0].epoch,
        chosen=f"{model['cell']} {model['hidden_size']}{layers} {train['precision']} dropout {model['dropout']:g}",
        curve=curve,
        configuration=configuration,
    )


def run_rival(text: Text, seconds: float, make: Callable[[], Rival], *, most_watched: int | None = None) -> Outcome:
    """Train a rival for ``seconds``; its clock stands still while it is scored.

    Args:
        text: to learn and score.
        seconds: of training.
        make: begins the rival, from seed 0.
        most_watched: watch progress on at most this many tokens, where the curve does not matter.
    """
    ids = text.watched.ids[:most_watched]
    per_token = len(text.watched.ids) / text.watched.characters
    curve: list[tuple[float, float]] = []
    best, kept = math.inf, {}
    torch.manual_seed(0)
    steps, paused, began = 0, 0.0, time.perf_counter()
    rival = make()
    while True:
        spent = time.perf_counter() - began - paused
        if spent >= seconds * (len(curve) + 1) / LOOKS:
            nats = rival.nats(ids) / len(ids) * per_token
            curve.append((spent, nats))
            if nats < best:
                best, kept = nats, {name: weight.clone() for name, weight in rival.state_dict().items()}
            paused = time.perf_counter() - began - spent
        if spent >= seconds:
            break
        rival.step(spent / seconds)
        steps += 1
    rival.load_state_dict(kept)
    tenth = rival.nats(text.tenth.ids)
    return Outcome(
        model=rival.name,
        nats_per_character=tenth / text.tenth.characters,
        nats_per_token=tenth / len(text.tenth.ids),
        second_half=rival.nats(text.second_half.ids) / text.second_half.characters,
        seconds=spent,
        steps=steps,
        epochs=steps * rival.tokens_per_step / len(text.train),
        chosen=rival.chosen,
        curve=curve,
        configuration={},
    )


def time_to_reach(curve: list[tuple[float, float]], level: float) -> float | None:
    """Seconds after which a curve is first at ``level`` or below, between two points linearly; None if it never is."""
    for k, (seconds, nats) in enumerate(curve):
        if nats <= level:
            if k == 0:
                return seconds
            before, above = curve[k - 1]
            return before + (seconds - before) * (above - level) / (above - nats)
    return None
