"""The model card of a run, made from its folder alone: its network, its text, how it was trained, how well it does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rnngen.corpus.labels import listed_labels
from rnngen.errors import CheckpointError, RnngenError, shortened
from rnngen.runs.failure import failure_of
from rnngen.runs.finding import open_run
from rnngen.runs.layout import CONFIG, MANIFEST, MODEL, NGRAM
from rnngen.runs.manifest import needed_entry
from rnngen.runs.metrics import Metrics, Validation, read_metrics
from rnngen.runs.plan_record import is_over, latest_cycle, recorded_plan
from rnngen.runs.run import Run
from rnngen.runs.steps import clip_of

_TYPES: dict[str, type | tuple[type, ...]] = {
    "corpus.parts.train.tokens": int,
    "corpus.parts.train.characters": int,
    "corpus.parts.valid.tokens": int,
    "corpus.parts.train.characters_as_read": int,
    "corpus.parts.valid.characters": int,
    "corpus.parts.valid.characters_as_read": int,
    "corpus.parts.test.tokens": int,
    "train.steps": int,
    "train.patience": int,
    "train.valid_every": int,
    "train.batch_size": int,
    "train.bptt": int,
    "train.precision": str,
    "optimizer.clip": (int, float),
    "data.tokenizer": str,
    "corpus.fingerprint": str,
}
"""The types of what a card reads from config.json, besides the network; any of it may be missing."""


@dataclass(frozen=True)
class Card:
    """What a run's folder says about it. What it does not say is None.

    Attributes:
        path: the folder.
        model: cell, layers and sizes, in words.
        parameters: the number of learned parameters.
        bytes: size of the weights on disk.
        text: the files it was trained on.
        fingerprint: SHA-256 of their text.
        saved: when it was last saved, in seconds since 1970.
        failure: how training failed, and which weights are kept; None: it did not.
        finished: whether training is over, because all steps were taken or the last ones without improvement.
        tokens, valid_tokens, test_tokens: of the training, validation and test part.
        tokenizer: level and vocabulary, in words.
        closed_vocabulary: whether ``<unk>`` is a token like others, so that only runs with this vocabulary compare.
        vocab_size: the number of tokens of the vocabulary.
        train_characters_per_token, valid_characters_per_token: of the training and the validation part.
        steps, planned_steps: taken and planned.
        epochs: how often the training part was read.
        seconds: spent training.
        best_nats: nats per token on the validation part, of the weights that are kept.
        best_step: the step of those weights.
        tokens_per_second: training speed.
        precision: ``float32`` or ``bf16``.
        gradient_norm: the median, before clipping.
        clipped: fraction of the steps whose gradient was clipped.
        ngram: whether the run has an n-gram model in addition to the network.
        bidirectional: whether the nats are pseudo-nats, which cannot be compared with those of other runs.
        curve: (seconds, nats per token on the validation part), in order; the first entry is of the weights that
            training began with.
    """

    path: Path
    model: str
    parameters: int
    bytes: int
    text: tuple[str, ...]
    fingerprint: str
    saved: float
    failure: str | None
    finished: bool | None
    tokens: int | None
    valid_tokens: int | None
    test_tokens: int | None
    tokenizer: str
    closed_vocabulary: bool
    vocab_size: int
    train_characters_per_token: float | None
    valid_characters_per_token: float | None
    steps: int | None
    planned_steps: int | None
    epochs: float | None
    seconds: float | None
    best_nats: float | None
    best_step: int | None
    tokens_per_second: float | None
    precision: str | None
    gradient_norm: float | None
    clipped: float | None
    ngram: bool
    bidirectional: bool
    curve: tuple[tuple[float, float], ...]

    def as_dict(self) -> dict[str, Any]:
        """What ``rnngen inspect --json`` prints."""
        curve = [list(point) for point in self.curve]
        return {**vars(self), "path": str(self.path), "text": list(self.text), "curve": curve}


def make_card(run: Run, metrics: Metrics | None = None) -> Card:
    """The card of a run.

    Args:
        run: the run.
        metrics: its metrics, if they have been read.

    Raises:
        CheckpointError: its configuration is damaged.
    """
    model = run.model_config()
    _check_types(run)
    data, train = (part_of(run.config, name) for name in ("data", "train"))
    train_part, valid_part, test_part = (
        part_of(run.config, f"corpus.parts.{name}") for name in ("train", "valid", "test")
    )
    tokenizer = run.tokenizer()
    V, labels = tokenizer.vocab_size, tokenizer.labels
    metrics = metrics or read_metrics(run)
    last, valid, seconds = metrics.last, metrics.validations, metrics.seconds
    trained = [each for each in valid if each.step > 0 or each.best]  # untrained weights are not kept
    best = min(trained, key=lambda each: each.nll, default=None)
    plan = run.last_plan()
    window = (train.get("batch_size") or 0) * (train.get("bptt") or 0)
    norms = np.frombuffer(metrics.norms)
    return Card(
        path=run.path,
        model=model.describe(),
        parameters=model.num_parameters(V),
        bytes=needed_entry(run.path, run.manifest, MODEL)["bytes"],
        text=tuple(_listed(data.get("corpus"))),
        fingerprint=run.corpus_fingerprint,
        saved=(run.path / MANIFEST).stat().st_mtime,
        failure=str(failed) if (failed := failure_of(run)) else None,
        finished=_is_finished(run, train, last.get("step"), valid),
        tokens=train_part.get("tokens"),
        valid_tokens=valid_part.get("tokens"),
        test_tokens=test_part.get("tokens"),
        tokenizer=f"{shortened(data.get('tokenizer') or '?')}, vocabulary {V:,}"
        + (f", labels {listed_labels(labels)}" if labels else ""),
        closed_vocabulary=tokenizer.is_closed,
        vocab_size=V,
        train_characters_per_token=token_length(run, "train"),
        valid_characters_per_token=token_length(run, "valid"),
        steps=last.get("step", 0 if metrics.rows else None),
        planned_steps=run.planned_steps(),
        epochs=last.get("epoch"),
        seconds=seconds,
        best_nats=best.nll if best else None,
        best_step=best.step if best else None,
        tokens_per_second=last["step"] * window / seconds if last and seconds else None,
        precision=plan.precision if plan else shortened(train.get("precision") or "") or None,
        gradient_norm=float(np.median(norms)) if len(norms) else None,
        clipped=float(np.mean(norms > clip_of(run.config))) if len(norms) else None,
        ngram=NGRAM in run.manifest,
        bidirectional=model.bidirectional,
        curve=tuple((each.seconds, each.nll) for each in valid),
    )


def _check_types(run: Run) -> None:
    """Check the types of what a card reads from config.json.

    Raises:
        CheckpointError: one is wrong; the error names it.
    """
    values: list[tuple[str, Any, type | tuple[type, ...]]] = []
    for name, kind in _TYPES.items():
        part, _, key = name.rpartition(".")
        values.append((name, part_of(run.config, part).get(key), kind))
    files = part_of(run.config, "data").get("corpus")
    values.append(("data.corpus", files, list))
    wrong = [each for each in values if each[1] is not None and not _is_a(each[1], each[2])]
    wrong += [("data.corpus", file, str) for file in _listed(files) if not isinstance(file, str)]
    for name, value, _ in wrong:
        raise CheckpointError(f"{name} has the wrong type", where=run.path / CONFIG, found=shortened(repr(value)))


def _is_a(value: object, kind: type | tuple[type, ...]) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _is_finished(run: Run, train: Mapping[str, Any], step: int | None, valid: Sequence[Validation]) -> bool | None:
    """Whether training is over; None: the run does not say."""
    planned = run.planned_steps()
    if step is None or planned is None:
        return None
    plan = recorded_plan(run.path)
    cycle = latest_cycle(plan)
    begin = max((stretch.step for stretch in plan if stretch.cycle), default=0)
    best = min((each for each in valid if each.step > begin), key=lambda each: each.nll, default=None)
    return is_over(
        step,
        planned,
        best_step=best.step if best else None,
        patience=train.get("patience") or 0,
        valid_every=cycle.valid_every if cycle else train.get("valid_every") or 0,
    )


def read_cards(folders: Iterable[Path]) -> list[tuple[Path, Card | RnngenError]]:
    """Each folder with its card, or with the error of reading it."""
    found: list[tuple[Path, Card | RnngenError]] = []
    for folder in folders:
        try:
            found.append((folder, make_card(open_run(folder))))
        except RnngenError as error:
            found.append((folder, error))
    return found


def characters_in(part: Mapping[str, Any]) -> int:
    """The characters of a recorded part of a text, as the tokenizer reads it; 0: unknown."""
    return int(part.get("characters_as_read") or part.get("characters") or 0)


def token_length(run: Run, name: str) -> float | None:
    """The mean number of characters of a token in a part of a run's text; None: unknown.

    Raises:
        CheckpointError: config.json is damaged.
    """
    _check_types(run)
    part = part_of(run.config, f"corpus.parts.{name}")
    return characters_in(part) / (part.get("tokens") or 1) or None


def part_of(config: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A part of config.json by its dotted name; empty if there is none."""
    part: object = config
    for key in name.split("."):
        part = part.get(key) if isinstance(part, Mapping) else None
    return part if isinstance(part, dict) else {}
