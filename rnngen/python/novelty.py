"""``rnngen.novelty`` and ``rnngen.novel_samples``: whether a run copies, and samples that are no copies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rnngen.errors import UsageError
from rnngen.evaluation import novelty as measuring
from rnngen.evaluation.novelty import Novelty, Unit
from rnngen.options.checked import checked
from rnngen.python.notes import note, note_on_failure
from rnngen.python.opening import load
from rnngen.python.run import open_run
from rnngen.python.spelling import speaks_python
from rnngen.runs.own_text import own_corpus, text_of
from rnngen.runs.run import Run
from rnngen.sampling.choosing import Conditions, choose_samples
from rnngen.sampling.copies import copies_of
from rnngen.sampling.options import draw_seed
from rnngen.sampling.writer import Sample


@speaks_python
@checked
def novelty(
    run: str | Path | Run | None = None,
    text: str | Path | None = None,
    *,
    unit: Unit = "characters",
    size: int = 20_000,
    temperature: float = 1.0,
    seed: int = 0,
) -> Novelty:
    """Compare fresh samples of a run with its training text, and human text with it, to see whether it copies.

    Args:
        run: the run or its folder; the newest complete one by default.
        text: a file of human text that the run has not learned from; by default the test part of its own text.
        unit: what n-grams consist of: ``characters`` or ``words``.
        size: characters to write.
        temperature: of the samples.
        seed: of the samples.

    Raises:
        CheckpointError: there is no such run.
        CorpusError: a text cannot be read, or the run's own text has changed or is gone.
        UsageError: an argument is invalid, or the run is bidirectional.

    Warns:
        RnngenWarning: what to know about the human text: for example, that the run was trained on it.
    """
    if size < 1 or temperature < 0:
        name, expected = ("size", "an integer ≥ 1") if size < 1 else ("temperature", "a number ≥ 0")
        raise UsageError(f"invalid value for `{name}`", expected=expected, found=size if size < 1 else temperature)
    opened = open_run(run)
    load(opened)  # a bidirectional run is refused before any text is read
    corpus = own_corpus(opened)
    how: dict[str, Any] = {"unit": unit, "size": size, "temperature": temperature, "seed": seed}
    with text_of(opened, [] if text is None else [text]) as human:
        found = measuring.novelty(opened, corpus, human, **how)
    note_on_failure(opened)
    note(human.note)
    return found


@speaks_python
@checked
def novel_samples(
    prompt: str = "",
    number: int = 1,
    *,
    run: str | Path | Run | None = None,
    unique: bool = False,
    min_length: int = 0,
    seed: int | None = None,
    **options: Any,
) -> list[Sample]:
    """Continuations of a prompt that do not stand in the text that the run learned from: ``rnngen sample --novel``.

    Of a run that learned from documents, none is one of them; of one that learned a stream, none stands there as a
    whole, character for character.

    Args:
        prompt: the text to continue.
        number: how many are wanted; there are fewer if of 2,000 texts in a row none is new.
        run: the run or its folder; the newest complete one by default.
        unique: no text twice.
        min_length: characters, at least.
        seed: of the draws; random by default. The same seed gives the same texts.
        options: of sampling.

    Raises:
        CheckpointError: there is no such run.
        CorpusError: the run's own text has changed or is gone.
        UsageError: an option is invalid, or the run is bidirectional.
    """
    opened = open_run(run)
    generator = load(opened)
    conditions = Conditions(unique=unique, copies=copies_of(opened, needed=True), min_length=min_length)
    how: dict[str, Any] = {"seed": draw_seed() if seed is None else seed, **options}
    return list(choose_samples(generator, [prompt], number, conditions, **how))
