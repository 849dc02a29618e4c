"""A bidirectional network predicts every token from its own document alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rnngen.evaluation.scoring import held_out_nats
from rnngen.model.cloze import ClozeLM
from rnngen.options.network import ModelConfig

V, BOUNDARY = 9, 3


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
@pytest.mark.parametrize("window", [1, 16, None])
def test_the_score_of_a_text_is_that_of_its_documents_each_between_nothing_and_nothing(
    cell: str, window: int | None
) -> None:
    config = ModelConfig(hidden_size=12, embedding_size=8, num_layers=2, cell=cell, bidirectional=True)
    model = ClozeLM(config, V, torch.Generator().manual_seed(0), BOUNDARY).eval()
    tokens = np.random.default_rng(4).integers(V, size=120)
    tokens[-1] = BOUNDARY
    expected, begin = [], 0
    with torch.no_grad():
        for end in np.flatnonzero(tokens == BOUNDARY):
            document = torch.from_numpy(tokens[begin : end + 1])
            for at, token in enumerate(document.tolist()):
                logits = model.logits_between(document[:at], document[at + 1 :])
                expected.append(-logits.log_softmax(-1)[token].item())
            begin = end + 1
    each = np.empty(len(tokens), np.float32)
    total = held_out_nats(model, tokens, window=window, each=each)
    np.testing.assert_allclose(each, expected, atol=1e-5)
    assert total == pytest.approx(sum(expected), rel=1e-5)
