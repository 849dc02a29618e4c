"""Score a run: on a part of its own corpus, or on any text."""

from __future__ import annotations

import contextlib
import dataclasses
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnngen.config import RunConfig
from rnngen.corpus.sources import ErrorRule, TextSource
from rnngen.corpus.tokens import EncodedText, encode_text, prepare
from rnngen.errors import CheckpointError, CorpusError
from rnngen.evaluation.perplexity import Score, score, score_mixed, total_nats
from rnngen.evaluation.pseudo_perplexity import PseudoScore, pseudo_nats, pseudo_score
from rnngen.model.cloze import ClozeLM
from rnngen.model.language_model import RecurrentLM
from rnngen.model.load import load_network
from rnngen.model.network import Network
from rnngen.ngram.file import load_mixture
from rnngen.ngram.mixture import Mixture
from rnngen.platforms import without_file
from rnngen.run import CONFIG, Run, open_run


def evaluate(
    run: str | Path | Run | None = None, text: Sequence[str | Path] | str | Path = (), *,
    part: str = "test", errors: ErrorRule = "strict", device: str = "cpu", ngram: bool = False,
) -> Score | PseudoScore:  # fmt: skip
    """Score a run exactly: the state carried through the whole text, every token once, in float32.

    A bidirectional run gets a ``PseudoScore``: each token is predicted from all others.

    Args:
        run: a run or its folder; the newest complete one by default.
        text: files to score; by default a part of the run's own corpus.
        part: ``test``, ``valid`` or ``train``, where no text is given.
        errors: ``replace`` puts U+FFFD where a file is not UTF-8.
        device: where to compute.
        ngram: score by the run's n-gram model and its mixture with the network too: ``Score.ngram``, ``Score.mixture``.

    Raises:
        CheckpointError: no such run, or its corpus has changed, or it has no n-gram model where one is asked for.
        CorpusError: a text that cannot be read, or is empty.
    """
    run = run if isinstance(run, Run) else open_run(run)
    with text_of(run, [text] if isinstance(text, str | Path) else text, part, errors) as encoded:
        return score_text(run, encoded, device=device, ngram=ngram)


def score_text(run: Run, text: EncodedText, *, device: str = "cpu", ngram: bool = False) -> Score | PseudoScore:
    """Score a text that is encoded already. See ``evaluate``."""
    return _score(load_network(run).to(device), load_mixture(run) if ngram else None, text)


@contextlib.contextmanager
def text_of(
    run: Run, files: Sequence[str | Path] = (), part: str = "test", errors: ErrorRule = "strict"
) -> Iterator[EncodedText]:
    """Texts as one, or a part of the run's own corpus where there are none, in the run's tokens.

    Raises:
        As ``encoded_text`` and ``own_part``.
    """
    if not files:
        yield own_part(run, part)
        return
    with encoded_text(run, files, errors) as encoded:
        yield encoded


@contextlib.contextmanager
def encoded_text(run: Run, files: Sequence[str | Path], errors: ErrorRule = "strict") -> Iterator[EncodedText]:
    """Texts as one, in the run's tokens, mapped from a file that is there for so long.

    Raises:
        CorpusError: a text that cannot be read, or is empty.
    """
    source = TextSource([str(file) for file in files], errors)
    with tempfile.TemporaryDirectory(prefix="rnngen-") as folder:
        encoded = encode_text(run.tokenizer(), source, Path(folder) / "text.bin")
        if not len(encoded.tokens):
            raise CorpusError("is empty", where=source.name, expected="text to read")
        encoded = dataclasses.replace(encoded, tokens=without_file(encoded.tokens))
        yield encoded


def held_out_nats(model: Network, tokens: NDArray[np.integer[Any]], **how: Any) -> float:
    """-Σ ln p over a text: given all tokens before each, or all others, as the network reads. See ``total_nats``."""
    if isinstance(model, ClozeLM):
        return pseudo_nats(model, tokens, **how)
    assert isinstance(model, RecurrentLM)
    return total_nats(model, tokens, **how)


def _score(model: Network, mixture: Mixture | None, text: EncodedText) -> Score | PseudoScore:
    if isinstance(model, ClozeLM):
        return pseudo_score(model, text.tokens, text.counts, text.unknown)
    assert isinstance(model, RecurrentLM)
    if mixture is None:
        return score(model, text.tokens, text.counts, text.unknown)
    return score_mixed(model, mixture, text.tokens, text.counts, text.unknown)


def own_part(run: Run, part: str) -> EncodedText:
    """A part of the text a run was trained on, read again.

    Raises:
        CheckpointError: the text is no longer what it was.
        CorpusError: it is gone, or the part is empty.
    """
    data = RunConfig.from_json({"data": run.config.get("data", {})}, run.path / CONFIG).data
    hint = "Give a text to score: rnngen eval RUN TEXT; or another --part."
    if "-" in (*data.corpus, *data.valid, *data.test):
        raise CorpusError("the run was trained on standard input, which is gone", where=run.path, hint=hint)
    try:
        corpus = prepare(data, tokenizer=run.tokenizer())
    except CorpusError as error:
        raise CorpusError(f"the run's own text cannot be read: {error}", where=run.path, hint=hint) from error
    if corpus.fingerprint != run.corpus_fingerprint:
        raise CheckpointError(
            "the text this run was trained on has changed", where=", ".join(data.corpus),
            expected=f"fingerprint {run.corpus_fingerprint[:12]}…", found=f"{corpus.fingerprint[:12]}…", hint=hint,
        )  # fmt: skip
    if not len(corpus.parts[part].tokens):
        raise CorpusError(f"the run's corpus has no {part} part", where=run.path, hint=hint)
    return corpus.parts[part]
