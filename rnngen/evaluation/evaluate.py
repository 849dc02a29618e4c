"""Score a run: on a part of its own corpus, or on any text."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnngen.corpus.cache import cached_corpus
from rnngen.corpus.encoded import PARTS, EncodedText, encode_text
from rnngen.corpus.recorded import find_recorded, recognise
from rnngen.corpus.sources import ErrorRule, TextSource
from rnngen.errors import CorpusError, UsageError
from rnngen.evaluation.overlap import WORTH_TELLING, learned_share
from rnngen.evaluation.perplexity import Score, score, score_mixed, total_nats
from rnngen.evaluation.pseudo_perplexity import PseudoScore, pseudo_nats, pseudo_score
from rnngen.evaluation.words import words_are_separated
from rnngen.model.cloze import ClozeLM
from rnngen.model.language_model import RecurrentLM
from rnngen.model.load import load_network
from rnngen.model.network import Network
from rnngen.ngram.file import load_mixture
from rnngen.ngram.mixture import Mixture
from rnngen.options.training import DataConfig
from rnngen.platforms import quote_argument, without_file
from rnngen.runs.run import CONFIG, Run, open_run


def evaluate(
    run: str | Path | Run | None = None,
    text: Sequence[str | Path] | str | Path = (),
    *,
    part: str = "test",
    errors: ErrorRule = "strict",
    device: str = "cpu",
    ngram: bool = False,
) -> Score | PseudoScore:
    """Score a run exactly: the state carried through the whole text, every token once, in float32.

    A bidirectional run gets a ``PseudoScore``: each token is predicted from all others.

    Args:
        run: a run or its folder; the newest complete one by default.
        text: files to score; by default a part of the run's own corpus.
        part: ``test``, ``valid`` or ``train``, where no text is given, or the text is the run's own; ``all``: the whole
            text.
        errors: ``replace`` puts U+FFFD where a file is not UTF-8.
        device: where to compute.
        ngram: score by the run's n-gram model and its mixture with the network too: ``Score.ngram``, ``Score.mixture``.

    Raises:
        CheckpointError: no such run, or it has no n-gram model where one is asked for.
        CorpusError: a text that cannot be read, or is empty; the run's own text has changed or is gone.
    """
    run = run if isinstance(run, Run) else open_run(run)
    with text_of(run, [text] if isinstance(text, str | Path) else text, part, errors) as encoded:
        return score_text(run, encoded, device=device, ngram=ngram)


def score_text(run: Run, text: EncodedText, *, device: str = "cpu", ngram: bool = False) -> Score | PseudoScore:
    """Score a text that is encoded already, without word perplexity where white space separates no words.

    See ``evaluate``.
    """
    scored = _score(load_network(run).to(device), load_mixture(run) if ngram else None, text)
    if isinstance(scored, Score) and not words_are_separated(run.tokenizer(), text.tokens, text.counts):
        return scored.without_words()
    return scored


@dataclass(frozen=True)
class NamedText(EncodedText):
    """A text that is to be read, encoded.

    Attributes:
        name: what to call it, as in "the test part of its corpus".
        note: what a user should know of where it comes from; None: nothing.
    """

    name: str = ""
    note: str | None = None


@contextlib.contextmanager
def text_of(
    run: Run, files: Sequence[str | Path] = (), part: str = "test", errors: ErrorRule = "strict"
) -> Iterator[NamedText]:
    """Texts as one, or a part of the run's own corpus where there are none, in the run's tokens.

    Files that are the text that the run was trained on stand for the same part of it: most of it was learned from.
    The part ``all`` is the whole of the files, whatever they are. Of a text that has something in common with the
    training part, a note says so.

    Raises:
        As ``encoded_text`` and ``own_part``.
    """
    names = [str(file) for file in files]
    if not names or (part != "all" and is_own_text(run, names)):
        yield own_part(run, part, names)
        return
    with encoded_text(run, names, errors, command=f"rnngen eval {quote_argument(str(run.path))} -") as encoded:
        yield encoded if part == "all" else replace(encoded, note=_note_on_overlap(run, encoded))


def _note_on_overlap(run: Run, text: EncodedText) -> str | None:
    own = cached_corpus(_data(run), run.corpus_fingerprint, run.tokenizer())
    share = learned_share(text.tokens, own.train.tokens) if own else 0.0
    if share < WORTH_TELLING:
        return None
    return (
        f"the run was trained on this text, or on parts of it: {share:.0%} of the pieces that were looked up stand in "
        "its training text, so the numbers flatter it"
    )


@contextlib.contextmanager
def encoded_text(
    run: Run, files: Sequence[str | Path], errors: ErrorRule = "strict", *, command: str | None = None
) -> Iterator[NamedText]:
    """Texts as one, in the run's tokens, mapped from a file that is there as long as the context.

    Args:
        run: whose tokens.
        files: paths, folders, globs, or ``-``.
        errors: ``replace`` puts U+FFFD where a file is not UTF-8.
        command: what reads standard input instead, for hints; None: nothing does, and ``errors`` is no option.

    Raises:
        CorpusError: a text that cannot be read, or is empty.
    """
    names = [str(file) for file in files]
    source = TextSource(names, errors, command=command, lenient="`errors=replace`" if command else "")
    with tempfile.TemporaryDirectory(prefix="rnngen-") as folder:
        encoded = encode_text(run.tokenizer(), source, Path(folder) / "text.bin")
        if not len(encoded.tokens):
            raise CorpusError("the text is empty", where=source.name, expected="text to read")
        yield NamedText(without_file(encoded.tokens), encoded.counts, encoded.unknown, ", ".join(names))


@contextlib.contextmanager
def text_to_look_at(run: Run, file: Path | None) -> Iterator[NamedText]:
    """A file, or the test part of the run's own corpus, for a command that has ``--text FILE``.

    Raises:
        As ``encoded_text`` and ``own_part``.
    """
    if file is None:
        yield own_part(run, "test", instead="`text=FILE`")
        return
    with encoded_text(run, [file]) as encoded:
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


def is_own_text(run: Run, files: Sequence[str]) -> bool:
    """Whether files are the text that a run was trained on."""
    return recognise(_data(run), run.corpus, run.path, files) is not None


def own_part(run: Run, part: str, files: Sequence[str] = (), *, instead: str | None = None) -> NamedText:
    """A part of the text that a run was trained on: read again, wherever it is now, or from the token cache.

    Args:
        run: the run.
        part: ``test``, ``valid`` or ``train``.
        files: where the text is now, where that is known.
        instead: what a user can give instead, for hints; by default a text to ``rnngen eval``.

    Raises:
        CorpusError: the text has changed or is gone, and is not in the cache; or the part is empty.
    """
    data = _data(run)
    eval_text = f"rnngen eval {quote_argument(str(run.path))} TEXT"
    if part not in (*PARTS, "all"):
        raise UsageError("there is no such part", expected=", ".join((*PARTS, "all")), found=part)
    if part == "all":
        raise UsageError("`part=all` needs the text", hint=f"Give it: {eval_text} --part all.")
    hint = f"Give a text to read: {instead or eval_text}."
    try:
        found = find_recorded(data, run.corpus, run.path, run.tokenizer(), given=files)
    except CorpusError as error:
        what = f"the run's own text is gone, and the cache does not hold it any more ({error})"
        raise CorpusError(what, where=run.path, hint=hint) from error
    if found.corpus is None:
        raise CorpusError(
            "the text has changed since the run was trained on it, and the cache does not hold it any more",
            where=", ".join(data.corpus),
            hint=hint,
        )
    text, name, note = found.corpus.parts[part], f"the {part} part of its corpus", found.note
    if not len(text.tokens):
        others = [other for other, each in found.corpus.parts.items() if len(each.tokens)]
        raise CorpusError(
            f"the run's corpus has no {part} part", where=run.path, expected=f"`part={' or '.join(others)}`", hint=hint
        )
    if files:
        name = f"the {part} part of {', '.join(files)}"
        note = f"the run was trained on this text, so only its {part} part is read; `part=all` is the whole of it"
    return NamedText(text.tokens, text.counts, text.unknown, name, note)


def _data(run: Run) -> DataConfig:
    return DataConfig.saved(run.config.get("data", {}), "data", run.path / CONFIG)
