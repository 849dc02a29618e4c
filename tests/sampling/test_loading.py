"""Opening a run for writing text."""

from __future__ import annotations

from pathlib import Path

import pytest

from rnngen.errors import UsageError
from rnngen.options.network import ModelConfig
from rnngen.runs.run import Run
from rnngen.sampling.loading import load


def test_sampling_from_a_bidirectional_run_says_what_to_use_instead(tmp_path: Path) -> None:
    config = ModelConfig(bidirectional=True)
    with pytest.raises(UsageError, match="rnngen fill"):
        load(Run(tmp_path, {}, {"model": vars(config)}))
