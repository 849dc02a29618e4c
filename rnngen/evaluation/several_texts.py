"""The score of several texts, each read from the start state, as one score."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from rnngen.arguments import each_once
from rnngen.corpus.pieces import TextCounts
from rnngen.evaluation.scores import Score, TextScore
from rnngen.runs.other_text import Reading
from rnngen.runs.own_text import is_own_text
from rnngen.runs.run import Run

S = TypeVar("S", bound=TextScore)


def texts_of(run: Run, files: Sequence[str | Path], part: str | None, reading: Reading) -> list[list[str]]:
    """The texts that files are: each is one by itself, unless they are together the run's own text.

    So the score of a file depends on no other file and on no order. The run's own text is scored by a part of it, which
    may begin within a file.

    Args:
        run: the run.
        files: paths, folders, globs, or ``-``.
        part: of the run's own text that is scored; ``all``: the whole of the files, whatever they are.
        reading: how they are read.

    Returns:
        Texts to be read one after the other; an empty one is a part of the run's own text.
    """
    names = [str(file) for file in files]
    if len(names) < 2 or (part != "all" and is_own_text(run, names, reading.changed(run))):
        return [names]
    return [[name] for name in names]


def distinct_texts(
    run: Run, files: Sequence[str | Path], part: str | None, reading: Reading
) -> tuple[list[str], str | None]:
    """Files without those that are given again, which would count twice in a total, and a note on these.

    What is together the run's own text stays as it is.
    """
    names = [str(file) for file in files]
    return each_once(names) if len(texts_of(run, names, part, reading)) > 1 else (names, None)


def total_of(scores: Sequence[S]) -> S:
    """The score of several texts: sums of nats and of counts, divided once."""
    first, *others = scores
    if not others:
        return first
    sums = (sum(getattr(each.counts, field.name) for each in scores) for field in dataclasses.fields(TextCounts))
    if isinstance(first, Score) and first.ngram and first.mixture:
        alone = [(each.ngram, each.mixture) for each in scores if isinstance(each, Score)]
        ngram, mixture = (total_of([each for each in column if each]) for column in zip(*alone, strict=True))
        first = dataclasses.replace(first, ngram=ngram, mixture=mixture)
    if isinstance(first, Score):
        first = dataclasses.replace(first, baselines=None)  # they are of one text
    return dataclasses.replace(
        first,
        nats=sum(each.nats for each in scores),
        tokens=sum(each.tokens for each in scores),
        counts=TextCounts(*sums),
        unknown=sum(each.unknown for each in scores),
        has_words=all(each.has_words for each in scores),
    )
