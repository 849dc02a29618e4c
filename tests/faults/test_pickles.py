"""A pickle in place of any file of a run is refused or passed over, and never unpickled."""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path
from typing import Any

import pytest

import rnngen
from rnngen.errors import RnngenError
from rnngen.runs.card import make_card
from rnngen.runs.finding import open_run
from rnngen.runs.layout import MANIFEST, METRICS, MODEL, NGRAM, PLAN, RESUME, SAMPLES
from rnngen.runs.manifest import manifest_bytes
from rnngen.training.resuming import resume

pytestmark = pytest.mark.fault(12)


class Canary:
    """Makes a folder when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.mkdir, ("canary",))


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", MODEL, NGRAM])
def test_a_pickle_in_a_run_is_refused_and_never_unpickled(mixed: Path, name: str) -> None:
    (mixed / name).write_bytes(pickle.dumps(Canary()))
    names = json.loads((mixed / MANIFEST).read_bytes())["files"]
    (mixed / MANIFEST).write_bytes(manifest_bytes({each: (mixed / each).read_bytes() for each in names}))
    with pytest.raises(RnngenError, match=name):
        rnngen.load(mixed, ngram=True)
    assert not Path("canary").exists()


@pytest.mark.parametrize("name", ["state.safetensors", "state.json"])
def test_a_pickle_as_a_saved_state_is_refused_and_never_unpickled(trained: Path, name: str) -> None:
    for state in (trained / RESUME).glob("0*"):
        (state / name).write_bytes(pickle.dumps(Canary()))
        contents = {each: (state / each).read_bytes() for each in ("state.safetensors", "state.json")}
        (state / MANIFEST).write_bytes(manifest_bytes(contents))
    with pytest.raises(RnngenError, match=name):
        resume(trained)
    assert not Path("canary").exists()


@pytest.mark.parametrize("name", [METRICS, SAMPLES, f"{RESUME}/{PLAN}"])
def test_a_pickle_in_place_of_rows_is_passed_over_and_never_unpickled(mixed: Path, name: str) -> None:
    (mixed / name).write_bytes(pickle.dumps(Canary()))
    names = json.loads((mixed / MANIFEST).read_bytes())["files"]
    (mixed / MANIFEST).write_bytes(manifest_bytes({each: (mixed / each).read_bytes() for each in names}))
    rnngen.load(mixed, ngram=True)
    card = make_card(open_run(mixed))
    assert (card.planned_steps, card.curve == ()) == (40, name == METRICS)
    resume(mixed, length={"steps": 1}).trainer.writer.close()
    assert not Path("canary").exists()
