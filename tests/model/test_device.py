"""Precision and identity of the device that a score is computed on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from rnngen.corpus.pieces import TextCounts
from rnngen.corpus.tokenizer import ByteTokenizer
from rnngen.evaluation.adaptation.adapted import Adaptation
from rnngen.evaluation.adaptation.settings import Parts, Settings
from rnngen.evaluation.explanation.context import nats_with_context
from rnngen.evaluation.scoring import score
from rnngen.evaluation.sentences import score_sentences
from rnngen.model.device import gpu_and_versions, without_tf32
from rnngen.model.language_model import RecurrentLM
from rnngen.options.network import ModelConfig

TOKENS = ByteTokenizer().encode("The cat sat.\n" * 9)


def precisions() -> tuple[str, str]:
    return torch.backends.cudnn.rnn.fp32_precision, torch.backends.cuda.matmul.fp32_precision


ALONE = Parts(dynamic=True)
SCORED: dict[str, Callable[[RecurrentLM], Any]] = {
    "a text": lambda model: score(model, TOKENS, TextCounts(117, 27, 117)),
    "sentences": lambda model: score_sentences(model, ByteTokenizer(), ["The cat."]),
    "contexts": lambda model: nats_with_context(model, TOKENS, np.array([9, 20]), 4),
    "adaptation": lambda model: Adaptation(model, TOKENS, Settings(), (ALONE,)).result(ALONE),
}


@pytest.mark.parametrize("what", SCORED)
def test_scores_are_computed_without_tf32(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which torch allows to recurrent networks on NVIDIA GPUs unless told otherwise."""
    seen = set()
    model = RecurrentLM(ModelConfig(hidden_size=8, embedding_size=4), 256)
    lstm = torch.lstm

    def recorded(*inputs: Any) -> Any:
        seen.add(precisions())
        return lstm(*inputs)

    monkeypatch.setattr(torch, "lstm", recorded)
    before = precisions()
    SCORED[what](model)
    assert (seen, precisions()) == ({("ieee", "ieee")}, before)
    assert before != ("ieee", "ieee")


def test_precision_is_as_before_after_an_error() -> None:
    before = precisions()
    with pytest.raises(ValueError, match="x"), without_tf32():
        raise ValueError("x")
    assert precisions() == before


def test_a_gpu_is_named_with_its_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    assert gpu_and_versions("cpu") == {}
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"the GPU {device}")
    monkeypatch.setattr(torch.backends.cudnn, "version", lambda: 91002)
    monkeypatch.setattr(torch.version, "cuda", "12.8")
    assert gpu_and_versions("cuda:1") == {"gpu": "the GPU cuda:1", "cuda": "12.8", "cudnn": 91002}


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no NVIDIA GPU")
def test_a_gpu_rounds_as_float32_does() -> None:
    torch.manual_seed(0)
    model = RecurrentLM(ModelConfig(hidden_size=256, embedding_size=64), 256)
    there, here = (score(model.to(device), TOKENS, TextCounts(117, 27, 117)).nats for device in ("cuda", "cpu"))
    assert there == pytest.approx(here, rel=1e-6)
