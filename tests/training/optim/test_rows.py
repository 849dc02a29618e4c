"""RMSprop for the rows of a table, against the same in NumPy, row by row."""

from __future__ import annotations

import numpy as np
import torch

from rnngen.training.optim.rows import RowRMSprop

R, E, LR, DECAY, BETA = 7, 3, 0.1, 0.5, 0.9


def test_rows_that_were_read_move_and_all_decay() -> None:
    rng = np.random.default_rng(0)
    table = torch.nn.Embedding(R, E, padding_idx=0, sparse=True)
    expected = table.weight.detach().numpy().astype(float)
    mean_square = np.zeros((R, E))
    optimizer = RowRMSprop([{"params": [table.weight]}], lr=LR, weight_decay=DECAY, beta=BETA)
    for factor in (1.0, 1.0, 0.5, 0.0):
        read = rng.integers(0, R, 6)
        slopes = rng.standard_normal((6, E))
        table.zero_grad()
        (table(torch.from_numpy(read)) * torch.from_numpy(slopes).float()).sum().backward()
        optimizer.step(factor)
        expected *= 1 - LR * factor * DECAY
        for row in set(read) - {0}:
            gradient = slopes[read == row].sum(axis=0)
            mean_square[row] = BETA * mean_square[row] + (1 - BETA) * gradient**2
            expected[row] -= LR * factor * gradient / np.sqrt(mean_square[row])
        np.testing.assert_allclose(table.weight.detach().numpy(), expected, rtol=1e-5, atol=1e-6)
    assert set(optimizer.tensors()) == {"0/mean_square"}
