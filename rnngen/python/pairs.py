"""``rnngen.pairs``: which of two sentences a run finds likelier."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rnngen.errors import CorpusError
from rnngen.evaluation.pairs import PairScores, as_pair, read_pairs, score_pairs
from rnngen.model.device import pick_device
from rnngen.model.load import load_network
from rnngen.options.checked import checked
from rnngen.python.notes import note_on_failure
from rnngen.python.run import open_run
from rnngen.python.spelling import speaks_python
from rnngen.runs.run import Run


@speaks_python
@checked
def pairs(
    pairs: Sequence[Sequence[str]] | str | Path, *, run: str | Path | Run | None = None, device: str = "cpu"
) -> PairScores:
    """Score minimal pairs: two sentences, the grammatical one first, and perhaps the category of the pair.

    Each sentence is read from the start state: as a document where the run's own text has documents, else as a line.
    The pair is right if the first sentence is likelier.

    Args:
        pairs: tuples of two or three texts, or a file with a pair per line, in columns separated by tabs.
        run: the run or its folder; the newest complete one by default.
        device: auto, cpu, mps, cuda or cuda:N.

    Raises:
        CheckpointError: there is no such run.
        CorpusError: there are no pairs, or one of them is none: its number from 1, and what was found.
        UsageError: the device cannot be used.
    """
    if isinstance(pairs, str | Path):
        found = read_pairs(Path(pairs))
    else:
        found = [as_pair(list(each), number, f"pair {number}") for number, each in enumerate(pairs, 1)]
    if not found:
        raise CorpusError("there are no pairs to score", expected="at least one")
    opened = open_run(run)
    scores = score_pairs(load_network(opened).to(pick_device(device)), opened.tokenizer(), found)
    note_on_failure(opened)
    return scores
