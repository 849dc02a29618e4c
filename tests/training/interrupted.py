"""Runs that are stopped or killed at a step, and what they leave."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rnngen.runs.layout import saved_steps
from rnngen.training import launch
from rnngen.training.checkpoint import load_state
from rnngen.training.events import Event, Stepped


class Killed(BaseException):
    """As by SIGKILL: nothing is saved."""


def run_until_killed(launched: launch.Launched, on_event: Callable[[Event], None]) -> None:
    """Like ``run_to_end``, but what ``on_event`` raises ends training at once, without another save."""
    try:
        with contextlib.closing(launched.trainer.events()) as events:
            for event in events:
                on_event(event)
    finally:
        launched.trainer.writer.close()


def finish(launched: launch.Launched, stop_at: int | None = None, kill_at: int | None = None) -> list[Event]:
    events: list[Event] = []

    def on_event(event: Event) -> None:
        events.append(event)
        if isinstance(event, Stepped) and event.step == stop_at:
            launched.trainer.stop("SIGINT")
        if isinstance(event, Stepped) and event.step == kill_at:
            raise Killed

    with contextlib.suppress(Killed):
        run_until_killed(launched, on_event)
    return events


def rows(run: Path) -> list[dict[str, Any]]:
    """The rows of metrics.jsonl, but for the time."""
    parsed = [json.loads(line) for line in (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    return [{k: v for k, v in row.items() if k != "seconds"} for row in parsed]


def outcome_of(run: Path) -> dict[str, Any]:
    """All that a run leaves that does not tell the time or the place: equal for two runs that are equal bit for bit."""
    state = load_state(run)
    config = json.loads((run / "config.json").read_text(encoding="utf-8"))
    del config["corpus"]["places"]  # from where the run is
    timely = ("seconds", "logs", "decided")
    return {
        "rows": rows(run),
        "samples": (run / "samples.txt").read_text(encoding="utf-8"),
        "model": (run / "model.safetensors").read_bytes(),
        "state": {name: tensor.numpy().tobytes() for name, tensor in state.tensors.items()},
        "values": {name: value for name, value in state.values.items() if name not in timely},
        "saved": int(saved_steps(run)[0].name),
        "config": config,
        "tokenizer": (run / "tokenizer.json").read_bytes(),
    }
