"""The model card of a run, made from its folder alone: its network, its text, how it was trained, how well it does."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rnngen.errors import CheckpointError, RnngenError, shortened
from rnngen.runs.files import read_needed
from rnngen.runs.finding import newest_run, open_run
from rnngen.runs.layout import CONFIG, MANIFEST, METRICS, MODEL, NGRAM, checkpoints_folder
from rnngen.runs.plan_record import is_over, latest_cycle, recorded_plan
from rnngen.runs.run import Run
from rnngen.untrusted import parse_json

_TYPES: dict[str, type | tuple[type, ...]] = {
    "corpus.parts.train.tokens": int,
    "corpus.parts.valid.tokens": int,
    "corpus.parts.valid.characters": int,
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
        finished: whether training is over, because all steps were taken or the last ones without improvement.
        tokens, valid_tokens, test_tokens: of the training, validation and test part.
        tokenizer: level and vocabulary, in words.
        characters_per_token: of the validation part.
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
    finished: bool | None
    tokens: int | None
    valid_tokens: int | None
    test_tokens: int | None
    tokenizer: str
    characters_per_token: float | None
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


def make_card(run: Run) -> Card:
    """The card of a run.

    Raises:
        CheckpointError: its configuration is damaged.
    """
    model = run.model_config()
    _check_types(run)
    data, train, optimizer = (_part(run.config, name) for name in ("data", "train", "optimizer"))
    train_part, valid_part, test_part = (
        _part(run.config, f"corpus.parts.{name}") for name in ("train", "valid", "test")
    )
    V = run.tokenizer().vocab_size
    rows = _metrics(run)
    steps = [row for row in rows if "train_nll" in row]
    valid = [row for row in rows if "valid_nll" in row]
    trained = [row for row in valid if row["step"] > 0 or row.get("best")]  # untrained weights are not kept
    best = min(trained, key=lambda row: row["valid_nll"], default={})
    norms = [row["grad_norm"] for row in steps if "grad_norm" in row]
    seconds = rows[-1].get("seconds") if rows else None
    last, plan = steps[-1] if steps else {}, run.last_plan()
    window = train.get("batch_size", 0) * train.get("bptt", 0)
    return Card(
        path=run.path,
        model=model.describe() + (", tied" if model.tied else ""),
        parameters=model.num_parameters(V),
        bytes=run.manifest[MODEL]["bytes"],
        text=tuple(_listed(data.get("corpus"))),
        fingerprint=run.corpus_fingerprint,
        saved=(run.path / MANIFEST).stat().st_mtime,
        finished=_is_finished(run, train, last.get("step"), valid),
        tokens=train_part.get("tokens"),
        valid_tokens=valid_part.get("tokens"),
        test_tokens=test_part.get("tokens"),
        tokenizer=f"{shortened(data.get('tokenizer') or '?')}, vocabulary {V:,}",
        characters_per_token=valid_part.get("characters", 0) / (valid_part.get("tokens") or 1) or None,
        steps=last.get("step", 0 if rows else None),
        planned_steps=run.planned_steps(),
        epochs=last.get("epoch"),
        seconds=seconds,
        best_nats=best.get("valid_nll"),
        best_step=best.get("step"),
        tokens_per_second=last["step"] * window / seconds if last and seconds else None,
        precision=plan.precision if plan else train.get("precision"),
        gradient_norm=statistics.median(norms) if norms else None,
        clipped=sum(norm > optimizer.get("clip", float("inf")) for norm in norms) / len(norms) if norms else None,
        ngram=NGRAM in run.manifest,
        bidirectional=model.bidirectional,
        curve=tuple((row["seconds"], row["valid_nll"]) for row in valid),
    )


def _check_types(run: Run) -> None:
    """Check the types of what a card reads from config.json.

    Raises:
        CheckpointError: one is wrong; the error names it.
    """
    values: list[tuple[str, Any, type | tuple[type, ...]]] = []
    for name, kind in _TYPES.items():
        part, _, key = name.rpartition(".")
        values.append((name, _part(run.config, part).get(key), kind))
    files = _part(run.config, "data").get("corpus")
    values += [("data.corpus", files, list), *(("data.corpus", file, str) for file in _listed(files))]
    for name, value, kind in values:
        if value is not None and (not isinstance(value, kind) or isinstance(value, bool)):
            found = shortened(repr(value))
            raise CheckpointError(f"{name} has the wrong type", where=run.path / CONFIG, found=found)


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _is_finished(
    run: Run, train: Mapping[str, Any], step: int | None, valid: Sequence[Mapping[str, Any]]
) -> bool | None:
    """Whether training is over; None: the run does not say."""
    planned = run.planned_steps()
    if step is None or planned is None:
        return None
    plan = recorded_plan(run.path)
    cycle = latest_cycle(plan)
    begin = max((stretch.step for stretch in plan if stretch.cycle and stretch.cycle.peak is not None), default=0)
    best = min((row for row in valid if row["step"] > begin), key=lambda row: row["valid_nll"], default=None)
    return is_over(
        step,
        planned,
        best_step=best["step"] if best else None,
        patience=train.get("patience") or 0,
        valid_every=cycle.valid_every if cycle else train.get("valid_every") or 0,
    )


def list_runs() -> list[tuple[Path, Card | RnngenError]]:
    """The runs under ``checkpoints/``, the newest first, each with its card or the error of reading it.

    Raises:
        CheckpointError: there is none.
    """
    folders = {file.parent for name in (CONFIG, MANIFEST) for file in checkpoints_folder().glob(f"*/{name}")}
    if not folders:
        newest_run()  # raises the error that says what to do
    found: list[tuple[Path, Card | RnngenError]] = []
    for folder in sorted(folders, key=_saved, reverse=True):
        try:
            found.append((folder, make_card(open_run(folder))))
        except RnngenError as error:
            found.append((folder, error))
    return found


def _saved(folder: Path) -> tuple[int, str]:
    """When a run was last saved, as in ``newest_run``; for one that never was, when its folder was made."""
    manifest = folder / MANIFEST
    return (manifest if manifest.exists() else folder).stat().st_mtime_ns, folder.name


def _metrics(run: Run) -> list[dict[str, Any]]:
    """The complete rows of metrics.jsonl, including those written after the last save."""
    path = run.path / METRICS
    if METRICS not in run.manifest or path.is_symlink():
        return []
    run.read(METRICS)  # checks what the manifest covers
    rows: list[dict[str, Any]] = []
    for line in read_needed(path).decode(errors="replace").splitlines():
        try:
            row = parse_json(line)
        except ValueError:
            break
        if not isinstance(row, dict):
            continue
        numbers = {name: value for name, value in row.items() if isinstance(value, int | float) and abs(value) < 1e300}
        if "step" in numbers:
            rows.append({"seconds": rows[-1]["seconds"] if rows else 0.0, **numbers})
    return rows


def _part(config: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A part of config.json by its dotted name; empty if there is none."""
    part: object = config
    for key in name.split("."):
        part = part.get(key) if isinstance(part, Mapping) else None
    return part if isinstance(part, dict) else {}
