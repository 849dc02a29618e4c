"""``--ngram`` of train, sample and eval: the mixture's numbers stand beside the network's, never in their place."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import rnngen
from rnngen.engine.probabilities import log_softmax
from rnngen.runs.finding import open_run
from tests.cli.test_train import options
from tests.conftest import Outcome, make_text
from tests.rounding import run_nats_bound
from tests.sampling.exact import make_exact

Cli = Callable[..., Outcome]


@pytest.fixture(autouse=True)
def _signal_handlers() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def mixture_nats_token_by_token(run: Path, text: str) -> float:
    generator = rnngen.load(run, ngram=True)
    assert generator.mixture
    numbers, total = generator.mixture.ngram.start(1), 0.0
    for token in generator.tokenizer.encode(text).tolist():
        network_log_p = log_softmax(generator.model.logits)
        total -= generator.mixture.log_probabilities(network_log_p, numbers)[0, token]
        generator.model.step([token])
        numbers = generator.mixture.ngram.step(np.array([token]), numbers)
    return float(total)


def test_train_reports_the_mixture_beside_the_network(cli: Cli, corpus: Path) -> None:
    plain = cli("train", corpus, *options(out="plain", valid_tokens=300), "--json")
    mixed = cli("train", corpus, *options(out="mixed", ngram=3, valid_tokens=300), "--json")
    network, result = json.loads(plain.out), json.loads(mixed.out)
    assert result.keys() == network.keys() | {"network", "ngram", "mixture"}
    assert result["valid_nats_per_token"] == network["valid_nats_per_token"]
    assert result["ngram"]["order"] == 3
    best = result["mixture"]["valid_nats_per_token"]
    alone = result["network"]["valid_nats_per_token"]  # of the whole part, while training looked at 300 tokens of it
    assert alone == json.loads(cli("eval", "mixed", "--part", "valid", "--json").out)["nats_per_token"]
    assert best <= min(alone, result["ngram"]["valid_nats_per_token"])
    said = f"{best:.4f} nats per token with the 3-gram model mixed in, {alone:.4f} of the network alone"
    assert said in mixed.err
    assert "mixed in" not in plain.err
    assert "ngram.safetensors" in open_run("mixed").manifest
    assert "ngram.safetensors" not in open_run("plain").manifest
    assert json.loads(Path("mixed/config.json").read_text())["train"]["ngram"] == 3


def test_train_says_that_an_order_is_out_of_range(cli: Cli, corpus: Path) -> None:
    outcome = cli("train", corpus, "--ngram", 17)
    assert outcome.code == 2
    assert "invalid value for --ngram" in outcome.err


def test_eval_adds_the_mixture_and_changes_nothing_else(cli: Cli, mixed: Path) -> None:
    plain, both = json.loads(cli("eval", mixed, "--json").out), json.loads(cli("eval", mixed, "--ngram", "--json").out)
    beside = {name: both.pop(name) for name in ("ngram", "mixture")}
    assert both == plain
    for score in beside.values():
        assert score.keys() == plain.keys() - {"run", "text", "interval", "provenance"}
        assert score["tokens"] == plain["tokens"]
    assert beside["mixture"]["nats"] < plain["nats"]


@pytest.mark.parametrize("text", [make_text(700, seed=3), "T", "The ΩΩ cat\n" * 9], ids=["ordinary", "short", "unseen"])
def test_eval_scores_any_text_as_reading_it_token_by_token_does(cli: Cli, mixed: Path, text: str) -> None:
    Path("new.txt").write_text(text, encoding="utf-8")
    score = json.loads(cli("eval", mixed, "new.txt", "--ngram", "--json", "--quiet").out)
    bound = run_nats_bound(mixed, text)  # ln((1 - λ) p + λ q) changes by less than ln p does
    assert score["mixture"]["nats"] == pytest.approx(mixture_nats_token_by_token(mixed, text), rel=0, abs=bound)
    assert score["mixture"]["nats"] == rnngen.evaluate(mixed, "new.txt", ngram=True).mixture.nats  # type: ignore[union-attr]


def test_eval_json_stays_json_where_a_perplexity_is_beyond_every_number(cli: Cli, mixed: Path) -> None:
    Path("one-word.txt").write_text("thecat" * 800)
    outcome = cli("eval", mixed, "one-word.txt", "--ngram", "--json")
    assert json.loads(outcome.out, parse_constant=pytest.fail)["mixture"]["word_perplexity"] is None


def test_the_table_of_the_network_stands_first_and_unchanged(cli: Cli, mixed: Path) -> None:
    plain, both = cli("eval", mixed).out, cli("eval", mixed, "--ngram").out
    plain = plain.partition("\n(too short for a confidence interval")[0]
    assert both.startswith(plain + "\nnot the network alone, on the same text:\n")
    score = json.loads(cli("eval", mixed, "--ngram", "--json").out)
    row = next(line for line in both.removeprefix(plain).splitlines() if "nats per token" in line)
    assert [float(x) for x in row.split()[3:]] == [
        pytest.approx(score[name]["nats_per_token"], abs=1e-4) for name in ("ngram", "mixture")
    ]


@pytest.mark.parametrize("command", [["eval"], ["sample"]])
def test_a_run_without_one_says_how_to_get_one(cli: Cli, trained: Path, command: list[str]) -> None:
    outcome = cli(*command, trained, "--ngram")
    assert (outcome.code, outcome.out) == (1, "")
    told = f"{trained}: has no n-gram model. Make a run with one: rnngen train FILE --ngram 5."
    assert outcome.err == f"rnngen: error: {told}\n"


def test_sample_json_marks_the_mixture_and_keeps_the_networks_nats(cli: Cli, mixed: Path) -> None:
    sample = json.loads(cli("sample", mixed, "--ngram", "-n", 80, "--seed", 3, "-p", "The ", "--json").out)
    assert sample["ngram"] is True
    prompt, both = (mixture_nats_token_by_token(mixed, text) for text in ("The ", "The " + sample["text"]))
    bound = 2 * run_nats_bound(mixed, "The " + sample["text"])  # of two sums
    assert sample["mixture_nats"] == pytest.approx(both - prompt, rel=0, abs=bound)
    Path("p.txt").write_text("The ")
    Path("b.txt").write_text("The " + sample["text"])
    network = rnngen.evaluate(mixed, "b.txt").nats - rnngen.evaluate(mixed, "p.txt").nats
    assert sample["nats"] == pytest.approx(network, rel=0, abs=bound)
    plain = json.loads(cli("sample", mixed, "-n", 80, "--seed", 3, "-p", "The ", "--json").out)
    assert plain.keys() == sample.keys() - {"ngram", "mixture_nats"}
    assert plain["text"] != sample["text"]


def test_sample_says_what_it_drew_from(cli: Cli, mixed: Path) -> None:
    told = f"(seed 3, {mixed}, the network mixed with its n-gram model)\n"
    assert cli("sample", mixed, "--ngram", "--seed", 3, "-n", 9).err == told
    assert cli("sample", mixed, "--seed", 3, "-n", 9).err == f"(seed 3, {mixed})\n"


def test_many_samples_are_those_that_one_at_a_time_gives(cli: Cli, mixed: Path) -> None:
    make_exact(mixed)  # else a number on the border of two tokens could fall to either side
    one = cli("sample", mixed, "--ngram", "--seed", 5, "-n", 60, "--json").out
    many = cli("sample", mixed, "--ngram", "--seed", 5, "-n", 60, "--num-samples", 7, "--json").out.splitlines()
    assert json.loads(many[0])["text"] == json.loads(one)["text"]
    assert len({json.loads(line)["text"] for line in many}) == 7
    assert rnngen.generate(run=mixed, length=60, seed=5, ngram=True) == json.loads(one)["text"]
