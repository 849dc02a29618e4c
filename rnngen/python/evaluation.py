"""``rnngen.evaluate``: how well a run predicts files, or a part of its own text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from rnngen.corpus.sources import ErrorRule
from rnngen.evaluation.baselines.compare import LearnedTextError, Opening, compare
from rnngen.evaluation.evaluate import score_text
from rnngen.evaluation.scores import Score, TextScore
from rnngen.evaluation.several_texts import distinct_texts, texts_of, total_of
from rnngen.model.device import pick_device
from rnngen.options.checked import checked
from rnngen.options.training import check_encoding
from rnngen.python.notes import note, note_on_failure
from rnngen.python.run import open_run
from rnngen.python.spelling import speaks_python
from rnngen.runs.other_text import Reading
from rnngen.runs.own_text import text_of
from rnngen.runs.run import Run

Part = Literal["train", "valid", "test", "all"]


@speaks_python
@checked
def evaluate(
    run: str | Path | Run | None = None,
    text: Sequence[str | Path] | str | Path = (),
    *,
    part: Part | None = None,
    errors: ErrorRule = "strict",
    encoding: str | None = None,
    text_field: str | None = None,
    label_field: str | None = None,
    device: str = "cpu",
    ngram: bool = False,
    baselines: bool = False,
) -> TextScore:
    """Score a run exactly: every token once, in float32, with the state carried through the whole text.

    The result is a ``Score``. A bidirectional run gets a ``PseudoScore``, with each token predicted from all others.

    Args:
        run: the run or its folder; the newest complete one by default.
        text: files to score, each a text of its own that is read from the start state; by default, a part of the run's
            own corpus.
        part: of the run's own text, if that is given or no text is: ``test`` (the default), ``valid`` or ``train``;
            ``all``: the whole of a given text.
        errors: what to do with invalid bytes and broken rows: ``strict``, ``replace`` or ``skip``.
        encoding: of the files; ``auto``: chosen for each; by default that of the run's own text.
        text_field: the field with the text, in files of rows; by default that of the run's own text.
        label_field: the field with the label, likewise.
        device: auto, cpu, mps, cuda or cuda:N.
        ngram: also score by the run's n-gram model and by its mixture with the network: ``Score.ngram``,
            ``Score.mixture``.
        baselines: also score simple models and compressors that have read the run's training part:
            ``Score.baselines``, if there is one text that they have not read. Pseudo-perplexity compares with none of
            them.

    Raises:
        CheckpointError: there is no such run, or it has no n-gram model and ``ngram`` is given.
        CorpusError: a text cannot be read or is empty, or the run's own text has changed or is gone.
        UsageError: an argument is invalid, or the device cannot be used.

    Warns:
        RnngenWarning: what to know about the score: for example, that the run was trained on the text.
    """
    if encoding is not None:
        check_encoding(encoding)
    opened = open_run(run)
    files = [text] if isinstance(text, str | Path) else text
    reading = Reading(errors, encoding, text_field, label_field)
    files, repeated = distinct_texts(opened, files, part, reading)
    scores: list[TextScore] = []
    notes: dict[str | None, None] = {repeated: None}
    for each in texts_of(opened, files, part, reading):
        with text_of(opened, each, part, reading) as encoded:
            opening = Opening()
            scored = score_text(opened, encoded, device=pick_device(device), ngram=ngram, analyses=[opening])
            if baselines and isinstance(scored, Score):
                try:
                    scored = replace(scored, baselines=compare(opened, encoded, opening))
                except LearnedTextError as error:
                    notes[f"the score is compared with nothing: {error}"] = None
            scores.append(scored)
            notes[encoded.note] = None
    note_on_failure(opened)
    for said in notes:
        note(said)
    return total_of(scores)
