"""Truncated gradients against plain loops that detach the state where a window begins, and resets against prefixes."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from rnngen.cli.truncation import Trained, sentences
from rnngen.errors import CorpusError, RnngenError
from rnngen.inspection import truncation
from rnngen.inspection.deviation import Deviation, deviation
from rnngen.inspection.equations import start_states, step_model
from rnngen.inspection.truncation import Truncation, Windows, measure_truncation
from rnngen.model.cloze import ClozeLM
from rnngen.model.language_model import Network, RecurrentLM
from rnngen.options.network import ModelConfig
from tests.conftest import Outcome
from tests.model.test_cells import KINDS

Cli = Callable[..., Outcome]

V, H, BURN, SPAN = 9, 12, 5, 8
BEFORE = 8  # tokens before a passage: resets need as many as it has
BOUNDARY = 0
TOKENS = np.random.default_rng(0).integers(V, size=BEFORE + 4 * SPAN + 1)  # four passages, one beside the other
STARTS = [0, SPAN, 2 * SPAN, 3 * SPAN]


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(truncation, "BURN_IN", BURN)
    monkeypatch.setattr(truncation, "GROUPS", 4)


def config(cell: str = "lstm", nonlinearity: str = "tanh", **fields: object) -> ModelConfig:
    sizes = {"hidden_size": H, "embedding_size": 4, "num_layers": 2}
    return ModelConfig(**{"cell": cell, "nonlinearity": nonlinearity, **sizes, **fields})


def network(cell: str = "lstm", nonlinearity: str = "tanh", **fields: object) -> RecurrentLM:
    boundary = fields.pop("boundary", None)
    assert boundary is None or isinstance(boundary, int)
    generator = torch.Generator().manual_seed(3)
    return RecurrentLM(config(cell, nonlinearity, **fields), V, generator, boundary).double()


def read(
    model: RecurrentLM, start: int, k: int, tokens: np.ndarray = TOKENS, bias: Tensor | None = None
) -> list[Tensor]:
    """The losses of a passage, token by token, by the formulas: no gradient passes a window's start."""
    ids = torch.from_numpy(tokens.copy())
    states, losses = start_states(model, 1), []
    for t in range(start, start + BEFORE + SPAN):
        at = t - start - BEFORE  # in the passage
        if at >= 0 and at % k == 0:
            states = [{name: s.detach() for name, s in layer.items()} for layer in states]
        logits, steps = step_model(model, ids[t : t + 1], states)
        states = [step.states for step in steps]
        if at >= 0:
            losses.append(torch.nn.functional.cross_entropy(logits + (0 if bias is None else bias), ids[t + 1 : t + 2]))
    return losses


def after_reset(
    model: RecurrentLM, start: int, k: int, tokens: np.ndarray = TOKENS, bias: Tensor | None = None
) -> list[float]:
    """The losses of a passage, token by token, each from the start state k or more tokens before, by the formulas."""
    ids = torch.from_numpy(tokens.copy())
    losses = []
    for t in range(start + BEFORE, start + BEFORE + SPAN):
        states = start_states(model, 1)
        for read in range(t - k - (t - start - BEFORE) % k, t + 1):
            logits, steps = step_model(model, ids[read : read + 1], states)
            states = [step.states for step in steps]
        logits = logits.detach() + (0 if bias is None else bias)
        losses.append(float(torch.nn.functional.cross_entropy(logits, ids[t + 1 : t + 2])))
    return losses


def gradients(model: RecurrentLM, losses: list[Tensor]) -> tuple[np.ndarray, np.ndarray]:
    """Of their mean: with respect to all parameters, and to the recurrent matrices."""
    names, parameters = zip(*model.named_parameters(), strict=True)
    found = torch.autograd.grad(torch.stack(losses).mean(), parameters)
    each = {name: g.flatten().numpy() for name, g in zip(names, found, strict=True)}
    return np.concatenate([*each.values()]), np.concatenate([g for n, g in each.items() if "weight_hh" in n])


def check(measured: Truncation, model: RecurrentLM, tokens: np.ndarray = TOKENS, bias: Tensor | None = None) -> None:
    """All figures against loops over the passages, and the textbook formulas of mean and variance."""
    model.requires_grad_(True)
    of = {k: [gradients(model, read(model, start, k, tokens, bias)) for start in STARTS] for k in (1, 2, 4, 8)}
    for part, noise in enumerate((measured.noise, measured.recurrent_noise)):
        whole = np.array([g[part] for g in of[SPAN]])
        assert noise == pytest.approx(math.sqrt(whole.var(axis=0, ddof=1).sum() * SPAN), rel=1e-6)
        for windows in measured.lengths:
            each = np.array([g[part] for g in of[windows.bptt]])
            ours = (windows.everything, windows.recurrent)[part]
            a, b = each.mean(axis=0), whole.mean(axis=0)
            cosine = a @ b / np.linalg.norm(a) / np.linalg.norm(b)
            assert math.cos(math.radians(ours.angle)) == pytest.approx(cosine, rel=1e-9)
            assert ours.ratio == pytest.approx(np.linalg.norm(a) / np.linalg.norm(b), rel=1e-9)
            difference = each - whole
            noise_squared = difference.var(axis=0, ddof=1).sum() / len(STARTS)
            assert ours.error == pytest.approx(math.sqrt(noise_squared), rel=1e-6, abs=1e-9)
            assert ours.apart == pytest.approx(np.linalg.norm(difference.mean(axis=0)), rel=1e-6, abs=1e-9)
            square = ours.apart**2 - noise_squared
            assert ours.bias == pytest.approx(math.sqrt(max(0.0, square)), rel=1e-6, abs=1e-7)
    carried = np.array([np.mean([float(n.detach()) for n in read(model, s, SPAN, tokens, bias)]) for s in STARTS])
    assert measured.nats == pytest.approx(carried.mean(), rel=1e-9)
    scored = np.concatenate([tokens[s + BEFORE + 1 : s + BEFORE + SPAN + 1] for s in STARTS])
    shares = np.bincount(scored) / len(scored)
    assert measured.frequency_nats == pytest.approx(-sum(p * math.log(p) for p in shares if p), rel=1e-9)
    for windows in measured.lengths:
        reset = [after_reset(model, s, windows.bptt, tokens, bias) for s in STARTS]
        nats = np.array([np.mean(each) for each in reset])
        assert windows.reset_nats == pytest.approx(nats.mean(), rel=1e-9)
        assert windows.worth == pytest.approx((nats - carried).mean(), rel=1e-6, abs=1e-9)
        assert windows.error == pytest.approx((nats - carried).std(ddof=1) / 2, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize(("cell", "nonlinearity"), KINDS)
def test_every_figure_is_that_of_plain_loops(cell: str, nonlinearity: str) -> None:
    model = network(cell, nonlinearity)
    (measured,) = measure_truncation(model, TOKENS, SPAN)
    assert (measured.passages, [each.bptt for each in measured.lengths]) == (4, [1, 2, 4, 8])
    check(measured, model)


def test_documents_begin_anew_as_in_training() -> None:
    model = network(boundary=BOUNDARY, tied=True)
    assert (TOKENS[BURN:] == BOUNDARY).sum() >= 3
    check(measure_truncation(model, TOKENS, SPAN)[0], model)


@pytest.mark.slow
def test_each_reader_of_a_bidirectional_network_is_a_language_model_by_itself() -> None:
    model = ClozeLM(config("gru", bidirectional=True), V, torch.Generator().manual_seed(3)).double()
    with torch.no_grad():
        model.left_to_right.output.bias.normal_(generator=torch.Generator().manual_seed(1))
    left, right = measure_truncation(model, TOKENS, SPAN)
    assert (left.direction, right.direction) == ("left to right", "right to left")
    biases = [reader.output.bias.detach().clone() for reader in (model.right_to_left, model.left_to_right)]
    check(left, model.left_to_right, TOKENS, biases[0])
    check(right, model.right_to_left, TOKENS[::-1], biases[1])


def test_windows_of_one_token_give_a_network_without_recurrence_the_whole_gradient() -> None:
    model = network("rnn", num_layers=1)
    with torch.no_grad():
        model.cells[0].weight_hh_l0.zero_()
    (measured,) = measure_truncation(model, TOKENS, SPAN)
    for windows in measured.lengths:
        assert windows.everything.angle == pytest.approx(0, abs=1e-9)
        assert windows.worth == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("model", [network(), network(boundary=BOUNDARY)])
def test_a_text_of_one_passage_is_too_short(model: Network) -> None:
    with pytest.raises(CorpusError, match=r"expected 25 tokens for passages of 8; found 24\. Use `span=4`, or read a"):
        measure_truncation(model, TOKENS[:24], SPAN)
    assert measure_truncation(model, TOKENS[:24], 4)[0].passages == 4
    assert measure_truncation(model, TOKENS[:24])[0].span == 4
    with pytest.raises(CorpusError, match=r"found 7\. Read a longer text"):
        measure_truncation(model, TOKENS[:7], SPAN)


def test_a_gradient_that_is_not_finite_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(truncation, "BURN_IN", 20)  # 1000^20 is beyond float32
    model = network("rnn", "identity", gain=1000.0, num_layers=1)
    with pytest.raises(RnngenError, match="the gradient is not finite"):
        measure_truncation(model.float(), TOKENS, 4)


def test_the_command_shows_the_figures_and_says_what_they_mean(cli: Cli, trained: Path) -> None:
    said = cli("inspect", "truncation", trained, "--span", 32)
    assert said.code == 0
    assert max(map(len, said.out.splitlines()[1:])) <= 80
    assert "At k = 16, which this run was trained with, the gradient points " in said.out
    assert "a training batch of 4 × 16 tokens" in said.out.replace("\n", " ")
    out = json.loads(cli("inspect", "truncation", trained, "--span", 32, "--json").out)
    assert (out["run"], out["bptt"], out["batch_tokens"]) == (str(trained), 16, 64)
    (only,) = out["directions"]
    assert [each["bptt"] for each in only["windows"]] == [1, 2, 4, 8, 16, 32]
    last = only["windows"][-1]
    assert (last["all"]["length"], last["recurrent"]["length"], last["all"]["bias"]) == (1, 1, 0)
    assert (last["all"]["angle"], last["recurrent"]["angle"]) == (0, 0)
    fresh = json.loads(cli("inspect", "truncation", trained, "--span", 32, "--json", "--fresh").out)
    assert fresh["directions"][0]["nats_per_token"] > only["nats_per_token"] + 0.3


def test_a_span_that_windows_do_not_fill_is_refused(cli: Cli, trained: Path) -> None:
    said = cli("inspect", "truncation", trained, "--span", 100)
    assert (said.code, "--span is not a power of 2" in said.err) == (2, True)


def test_the_picture_is_written_before_anything_else_fails(cli: Cli, trained: Path) -> None:
    said = cli("inspect", "truncation", trained, "--span", 32, "--picture", "t.svg")
    assert said.code == 0
    drawn = Path("t.svg").read_text()
    assert all(
        words in drawn for words in ("recurrent weights alone", "state carried on", "after a reset", "nats per token")
    )
    assert cli("inspect", "truncation", trained, "--picture", "t.txt").code == 2


ONE_ANGLE = Deviation(0.0, 1.0, 0.0, 0.0)


def measured_as(nats: float, frequency_nats: float, resets: dict[int, float], error: float = 0.001) -> Truncation:
    """A measurement with given nats per token, without bias."""
    lengths = tuple(Windows(k, ONE_ANGLE, ONE_ANGLE, n, n - nats, error) for k, n in resets.items())
    return Truncation("", max(resets), 32, nats, frequency_nats, lengths, 0.0, 0.0)


@pytest.mark.parametrize(
    ("resets", "words"),
    [
        (
            {1: 5.7, 2: 4.0, 4: 2.9, 8: 2.1, 16: 1.25, 32: 1.2, 64: 1.2},
            [
                "What lies more than 64 tokens back is worth nothing that shows",
                "16 tokens of context are enough for nine tenths of what context adds to the frequencies of the "
                "tokens; what lies further back helps up to 32 tokens.",
                "1 token after a reset it predicts worse than the frequencies do: 3.5000 nats or more of that are no "
                "memory",
            ],
        ),
        (
            {1: 1.25, 2: 1.21, 4: 1.21},
            [
                "is worth at most 0.0100 ± 0.0010",
                "1 token of context is enough",
                "still helps a little",
                "may be shorter",
            ],
        ),
        ({1: 2.0, 2: 1.9, 4: 1.8}, ["4 tokens after a reset it still lacks more than a tenth", "may be shorter"]),
        ({1: 1.2, 2: 1.2, 4: 1.1}, ["does harm, 0.1000 ± 0.0010", "adds nothing that shows"]),
    ],
)
def test_what_a_reset_costs_is_not_called_memory(resets: dict[int, float], words: list[str]) -> None:
    said = " ".join(sentences(measured_as(1.2, 2.2, resets), Trained(max(resets), 8)))
    assert [each for each in words if each not in said] == []


def test_a_network_that_context_does_not_help_is_told_so() -> None:
    assert "context adds nothing" in " ".join(sentences(measured_as(2.3, 2.2, {1: 2.3, 2: 2.3}), Trained(2, 8)))


def test_a_difference_within_its_noise_is_a_bias_below_something() -> None:
    noisy, clear = Deviation(6.0, 1.0, 0.3, 0.2), Deviation(6.0, 1.0, 0.5, 0.2)
    assert (noisy.is_noise, clear.is_noise) == (True, False)
    assert (noisy.largest_bias, clear.bias) == (pytest.approx(0.7), pytest.approx(math.sqrt(0.21)))
    none = Windows(2, ONE_ANGLE, ONE_ANGLE, 1.0, 0.0, 0.0)
    at = Windows(1, noisy, noisy, 1.0, 0.0, 0.0)
    measured = Truncation("", 2, 32, 1.0, 2.0, (at, none), 1.0, 1.0)
    said = " ".join(sentences(measured, Trained(1, 4)))
    assert "is below 1.40 of the noise of a training batch of 4 × 1 tokens: these passages are too few" in said


def test_small_angles_are_not_rounded_away() -> None:
    whole = torch.tensor([1.0, 2.0, 3.0])
    turned = torch.tensor([2.0, -1.0, 0.0]) * 1e-7  # at right angles to it
    angle = math.degrees(math.atan(1e-7 * math.sqrt(5 / 14)))
    assert deviation(whole, turned, 0.0).angle == pytest.approx(angle, rel=1e-6)
    assert deviation(whole, torch.zeros(3), 0.0).angle == 0
