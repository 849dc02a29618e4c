"""``rnngen.novelty`` and ``rnngen.novel_samples``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import rnngen
from tests.conftest import Outcome

Cli = Callable[..., Outcome]


def test_it_is_what_the_command_says(cli: Cli, trained: Path) -> None:
    said = json.loads(cli("eval", trained, "--fast", "--novelty", "--novelty-size", 300, "--json").out)["novelty"]
    assert json.loads(json.dumps(rnngen.novelty(trained, size=300).as_dict())) == said


def test_invalid_sizes_are_refused(trained: Path) -> None:
    with pytest.raises(rnngen.RnngenError, match="invalid value for `size`"):
        rnngen.novelty(trained, size=0)


def test_novel_samples_are_those_of_the_command(cli: Cli, trained: Path) -> None:
    how = ("--novel", "--seed", 1, "--until", "line", "-t", 0.3, "-n", 6, "-N", 4, "--json")
    said = [json.loads(line)["text"] for line in cli("sample", trained, *how).out.splitlines()]
    found = rnngen.novel_samples(number=4, run=trained, seed=1, until="line", temperature=0.3, length=6)
    assert [sample.text for sample in found] == said
