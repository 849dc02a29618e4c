"""The network and the text that ``rnngen inspect gates`` and ``rnngen inspect gradients`` show."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from rnngen.cli.failure_note import note_on_failure
from rnngen.cli.mistakes import refuse_text

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rnngen.cli.console import Console
    from rnngen.model.language_model import Network
    from rnngen.runs.run import Run


class Inspected(NamedTuple):
    """A run, its network and a text.

    Attributes:
        run: the run.
        network: its network, or the same before training.
        tokens: token ids of the text, (N,), which may be mapped from a file.
        title: the run's folder in words.
    """

    run: Run
    network: Network
    tokens: NDArray[np.integer[Any]]
    title: str


@contextlib.contextmanager
def inspected(
    console: Console, view: str, folder: Path | None, text: Path | None, *, fresh: bool
) -> Iterator[Inspected]:
    """Open a run, and a text in its tokens. That its training failed is said.

    Args:
        console: of the command.
        view: the command after ``rnngen inspect``, for hints.
        folder: the run's folder; None: the newest run.
        text: a file; None: the test part of the run's corpus.
        fresh: whether the network is to be as it was before training.

    Raises:
        RnngenError: there is no such run or text.
    """
    from rnngen.runs.finding import open_run

    refuse_text(folder, f"rnngen inspect {view} --text {{text}}")
    run = open_run(folder)  # before torch is imported: a wrong path is reported at once
    note_on_failure(console, run, quiet=fresh)
    from rnngen.model.load import fresh_network, load_network
    from rnngen.runs.own_text import file_or_test_part

    network = fresh_network(run) if fresh else load_network(run)
    with file_or_test_part(run, text) as encoded:
        yield Inspected(run, network, encoded.tokens, f"{run.path}{' before training' if fresh else ''}")
