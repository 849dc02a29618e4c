"""``rnngen inspect next``: the softmax from which the next token is drawn."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from rnngen.model.load import load_network
from rnngen.runs.finding import open_run
from tests.conftest import Outcome

Cli = Callable[..., Outcome]


def softmax(folder: Path, prompt: str, temperature: float) -> dict[str, float]:
    """p of every character, by torch."""
    run = open_run(folder)
    tokenizer, network = run.tokenizer(), load_network(run)
    with torch.no_grad():
        logits = network.logits_between(
            torch.tensor(list(map(int, tokenizer.encode(prompt)))), torch.tensor([], dtype=torch.long)
        )
    logits[tokenizer.unknown_id] = -math.inf
    p = torch.softmax(logits.double() / temperature, 0).tolist()
    return {tokenizer.decode([token]): p[token] for token in range(tokenizer.vocab_size) if p[token]}


def test_the_probabilities_are_those_of_the_softmax(trained: Path, cli: Cli) -> None:
    outcome = cli("inspect", "next", "-p", "The ca", "--temperatures", "0.5,2", "--top", "4", "--json")
    found = json.loads(outcome.out)
    assert found["prompt"] == "The ca"
    assert found["temperatures"] == [0.5, 2]
    for column, temperature in enumerate((0.5, 2)):
        expected = softmax(trained, "The ca", temperature)
        for token in found["tokens"]:
            np.testing.assert_allclose(token["probabilities"][column], expected[token["text"]], rtol=1e-4)
        bits = -sum(p * math.log2(p) for p in expected.values())
        np.testing.assert_allclose(found["entropy_in_bits"][column], bits, rtol=1e-4)
    at_one = softmax(trained, "The ca", 1)
    assert [token["text"] for token in found["tokens"]] == sorted(at_one, key=lambda text: -at_one[text])[:4]


def test_the_table_shows_tokens_bars_and_what_is_left(trained: Path, cli: Cli) -> None:
    lines = cli("inspect", "next", "--prompt", "a\n", "--top", "2").out.splitlines()
    assert lines[0] == "checkpoints/tiny: the softmax after 'a↵'"
    assert lines[2].split() == ["temperature", "0.5", "1", "1.5"]
    assert [line.split()[0] for line in lines[5:]] == ["all", "entropy"]
    shares = [[float(cell) for cell in line[14:].replace("█", " ").split() if cell[0].isdigit()] for line in lines[3:6]]
    assert [round(sum(column), 2) for column in zip(*shares, strict=True)] == [1, 1, 1]
    assert all(len(line) <= 80 for line in lines)


def test_of_a_long_prompt_the_end_is_shown(trained: Path, cli: Cli) -> None:
    heading = cli("inspect", "next", "--prompt", "The cat sat. " * 400 + "The 猫猫猫猫ca").out.splitlines()[0]
    assert heading == "checkpoints/tiny: the softmax after '… 猫猫猫猫ca'"


@pytest.mark.parametrize("temperatures", ["0", "-1", "nan", "inf", "1,0", "1,1,1,1"])
def test_temperatures_without_a_softmax_are_refused(temperatures: str, trained: Path, cli: Cli) -> None:
    outcome = cli("inspect", "next", "--temperatures", temperatures)
    assert outcome.code == 2
    assert "numbers above 0" in outcome.err or "number" in outcome.err


def test_the_picture_has_every_token_and_temperature(trained: Path, cli: Cli) -> None:
    assert cli("inspect", "next", "-p", "The ", "--top", "3", "--picture", "next.svg").code == 0
    picture = Path("next.svg").read_text(encoding="utf-8")
    assert all(f"temperature {t}" in picture for t in ("0.5", "1", "1.5"))
    assert "The softmax after &#39;The &#39;" in picture or "The softmax after 'The '" in picture
