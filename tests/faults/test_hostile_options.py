"""A file of options from a stranger is a clear usage error, or is right."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Outcome

FILES = {
    "deep arrays": "[train]\nsteps = " + "[" * 5_000 + "]" * 5_000,
    "deep tables": "a = " + "{b = " * 2_000 + "1" + "}" * 2_000,
    "deep keys": ".".join("a" * 100_000) + " = 1",
    "deep tables by name": f"[{'.'.join('a' * 100_000)}]",
    "deep keys in quotes": " . ".join(['"\\""'] * 30_000) + " = 1",
    "deep keys in a table": "a = {" + ".'b'" * 50_000 + " = 1}",
    "an integer of 5000 digits": "[train]\nsteps = " + "9" * 5_000,
    "an integer beyond 64 bits": f"[train]\nsteps = {10**30}",
    "a number beyond floats": "[optimizer]\nlearning_rate = 1e999",
    "nan": "[optimizer]\nlearning_rate = nan",
    "a key of a megabyte": "k" * 1_000_000 + " = 1",
    "a value of a megabyte": '[train]\ndevice = "' + "d" * 1_000_000 + '"',
    "two megabytes": "# " + "x" * 2_000_000,
    "a date": "[train]\nsteps = 2026-01-01",
    "a NUL": "[train]\nsteps = \0",
}


@pytest.mark.fault(30)
@pytest.mark.parametrize("content", FILES.values(), ids=FILES)
def test_a_file_of_options_that_no_user_writes_is_one_line(
    cli: Callable[..., Outcome], corpus: Path, tmp_path: Path, content: str
) -> None:
    file = tmp_path / "options.toml"
    file.write_text(content, encoding="utf-8")
    outcome = cli("train", corpus, "--config", file)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith("rnngen: error: ")
    assert outcome.err.count("\n") == 1
    assert len(outcome.err) < 2_000
    assert not Path("checkpoints").exists()
