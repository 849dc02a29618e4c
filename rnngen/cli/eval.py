"""``rnngen eval``: how good a model is."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import typer

from rnngen.arguments import STDIN, exists, is_file
from rnngen.cli.declared import takes_options
from rnngen.cli.failure_note import note_on_failure
from rnngen.cli.parameters import AsJson, Quiet, RunFolder
from rnngen.errors import CheckpointError, CorpusError, UsageError, shortened
from rnngen.options.declare import Options, declared, option
from rnngen.options.training import SplitConfig, check_encoding
from rnngen.platforms import quote_argument

if TYPE_CHECKING:
    from rnngen.cli.console import Console
    from rnngen.corpus.tokens import EncodedText
    from rnngen.evaluation.gaps import GapScore
    from rnngen.evaluation.scores import TextScore
    from rnngen.runs.other_text import NamedText
    from rnngen.runs.run import Run


def _as_for_training(name: str, **details: Any) -> Any:
    """An option of the text, as it is declared for ``train``, but for ``details``."""
    return replace(declared(SplitConfig)[name].option, panel="", **details)


class Scoring(Options):
    """What is scored, and how."""

    part: Literal["train", "valid", "test", "all"] = option(
        "test", "Part of the run's own text to score; all: the whole of a given text.", panel=""
    )
    encoding: str | None = _as_for_training("encoding", default=None, default_text="the run's")
    errors: Literal["strict", "replace", "skip"] = _as_for_training("errors")
    text_field: str | None = _as_for_training("text_field", default_text="the run's")
    label_field: str | None = _as_for_training("label_field", default_text="the run's")
    ngram: bool = option(
        False, "Score the run's n-gram model and its mixture with the network too.", panel="", flags=("--ngram",)
    )
    spot: int = option(
        0, "Instead of scoring, list the N most surprising positions; 0: score.", panel="", minimum=0, maximum=10_000
    )
    gaps: int | None = option(
        None,
        "Take N words out and let the model put them back; 0: none.",
        panel="",
        minimum=0,
        maximum=1_000_000,
        default_text="200 for a bidirectional run, else 0",
    )
    against: Path | None = option(None, "Let this run fill the same gaps too.", panel="")
    device: str = option("auto", "auto, cpu, mps or cuda.", panel="")

    def check(self) -> None:
        """Refuse an unknown encoding.

        Raises:
            UsageError: it was given.
        """
        if self.encoding is not None:
            check_encoding(self.encoding)


@takes_options()
def eval_command(
    context: typer.Context,
    run: RunFolder = None,
    text: Annotated[
        list[str] | None, typer.Argument(help="Files to score, or -. [default: a part of the run's own corpus]")
    ] = None,
    *,
    scoring: Scoring,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Score a model exactly.

    The state is carried through the whole text, and every token is scored once, in float32. A bidirectional model
    predicts each token from all the others: that is pseudo-perplexity, which cannot be compared with perplexity.
    """
    from rnngen.evaluation.gaps import WORDS, check_same_tokens
    from rnngen.runs.finding import open_run

    if run is not None and (is_file(run) or str(run) == STDIN):  # a text for the newest run
        run, text = None, [str(run), *(text or [])]
    files = text or []
    _refuse_misplaced(run, files)
    ngram, spot, gaps, against = scoring.ngram, scoring.spot, scoring.gaps, scoring.against
    if spot and (ngram or gaps or against):
        raise UsageError("`spot` cannot be given with `ngram`, `gaps` or `against`: it scores nothing")
    opened = _open(run, files)  # before torch is imported: a wrong path is reported at once
    other = open_run(against) if against else None
    words = (WORDS if other or opened.model_config().bidirectional else 0) if gaps is None else gaps
    if other and not words:
        raise UsageError("`against` compares how gaps are filled", expected="`gaps` above 0")
    if other:
        check_same_tokens(opened, other)
    note_on_failure(context.obj, opened, other, quiet=quiet)
    from rnngen.model.device import pick_device

    output = _Output(context.obj, as_json, quiet)
    target = _Target(opened, files, scoring, pick_device(scoring.device))
    if spot:
        _list_surprising(output, target, spot)
    else:
        runs = [opened, *([other] if other else [])]
        _score(output, target, runs, words, ngram=ngram, needs_words=bool(gaps or against))


def _open(run: Path | None, files: Sequence[str]) -> Run:
    """Open the run that is scored. A single argument that is not there may have been meant as a text.

    Raises:
        CheckpointError: there is no such run.
    """
    from rnngen.runs.finding import open_run

    try:
        return open_run(run)
    except CheckpointError as error:
        if run is None or files or exists(run):
            raise
        raise CheckpointError(
            "is neither a run nor a text",
            where=run,
            expected="a run's folder, or a file to score",
            found=error.found,
            hint=error.hint,
        ) from error


class _Output(NamedTuple):
    """Where results go, and how."""

    console: Console
    as_json: bool
    quiet: bool

    def note(self, text: str | None) -> None:
        """Show a note, unless there is none or notes are not wanted."""
        if text and not self.quiet:
            self.console.note(f"note: {text}")


class _Target(NamedTuple):
    """What is scored: a run, on which text, and on which device."""

    run: Run
    files: Sequence[str]
    scoring: Scoring
    device: str

    def text(self, run: Run, files: Sequence[str]) -> AbstractContextManager[NamedText]:
        """A text to score."""
        from rnngen.runs.other_text import Reading
        from rnngen.runs.own_text import text_of

        how = self.scoring
        return text_of(run, files, how.part, Reading(how.errors, how.encoding, how.text_field, how.label_field))


def _score(
    output: _Output, target: _Target, runs: Sequence[Run], words: int, *, ngram: bool, needs_words: bool
) -> None:
    """Score a text, let models fill gaps in it, and show the result.

    Args:
        output: where it goes.
        target: the run and the text.
        runs: the run, and the run that it is compared with.
        words: maximum number of gaps.
        ngram: whether to score the run's n-gram model too.
        needs_words: whether a text without words to take out is an error.
    """
    from rnngen.evaluation.evaluate import score_text

    filled: list[GapScore] = []
    with target.text(target.run, target.files) as encoded:  # once: - cannot be read again
        output.note(encoded.note)
        score = score_text(target.run, encoded, device=target.device, ngram=ngram)
        if words:
            try:
                filled = _fill_gaps(output, runs, encoded, words)
            except CorpusError as error:
                if needs_words:
                    raise
                output.note(f"{error}, so none was put back")
    if score.counts.documents:
        labels = ", and its label, if it has one, as a token" if any(run.labels for run in runs) else ""
        output.note(f"every document was scored by itself; its end counts as a token, a character and a byte{labels}")
    if score.unknown:
        output.note(_on_unknown(score))
    no_words = "" if score.has_words else _without_words(score, filled)
    if output.as_json:
        output.note(no_words)
        fills: dict[str, Any] = {"fill": filled[0].as_dict()} if filled else {}
        if len(filled) > 1:
            fills["against"] = {"run": str(runs[1].path), "fill": filled[1].as_dict()}
        output.console.write_json({"run": str(target.run.path), "text": encoded.name, **score.as_dict(), **fills})
    else:
        output.console.write(_tables([str(run.path) for run in runs], encoded.name, score, filled, no_words))


def _on_unknown(score: TextScore) -> str:
    if score.is_closed:
        return f"{score.unknown:,} of {score.tokens:,} tokens are <unk>: unknown words, or <unk> in the text"
    return (
        f"{score.unknown:,} of {score.tokens:,} characters are not in the model's vocabulary; each is scored as one "
        "unknown symbol, so the numbers may be too good or too bad there"
    )


def _tables(runs: Sequence[str], text: str, score: TextScore, filled: Sequence[GapScore], no_words: str) -> str:
    from rnngen.cli.eval_tables import gap_table, mixture_table, score_table
    from rnngen.evaluation.scores import Score

    tables = score_table(runs[0], text, score)
    if isinstance(score, Score) and score.ngram and score.mixture:
        tables += mixture_table(score.ngram, score.mixture)
    if filled:
        tables += gap_table(runs, filled, "words" if score.has_words else "runs of letters")
    return tables + (f"\n({no_words})\n" if no_words else "")


def _fill_gaps(output: _Output, runs: Sequence[Run], text: EncodedText, words: int) -> list[GapScore]:
    from rnngen.cli.longjob import LongJob
    from rnngen.evaluation.gaps import score_gaps
    from rnngen.infilling.loading import load_filler

    fillers = [load_filler(run) for run in runs]
    total = min(words, max(1, text.counts.words))
    with LongJob(output.console, "putting words back", total, "words", shown=not output.quiet) as job:
        return score_gaps(fillers, text.tokens, words, job.advance_to)


def _without_words(score: TextScore, filled: Sequence[GapScore]) -> str:
    """What differs if white space does not separate words; empty: nothing."""
    differs = ["has no word perplexity"] if "word_perplexity" in score.measured() else []
    differs += ["has runs of letters taken out, not words"] if filled else []
    counts = score.counts
    length = f" ({counts.characters / counts.words:,.0f} characters to a space)" if counts.words else ""
    return f"white space separates no words in this text{length}: it {' and '.join(differs)}" if differs else ""


def _list_surprising(output: _Output, target: _Target, count: int) -> None:
    """Show the most surprising positions of each text."""
    from rnngen.cli.eval_tables import surprising_table
    from rnngen.cli.longjob import LongJob
    from rnngen.evaluation.surprising import candidates_for, surprising_positions
    from rnngen.infilling.loading import load_filler
    from rnngen.model.load import load_network

    run, path = target.run, str(target.run.path)
    model, filler = load_network(run).to(target.device), load_filler(run)
    for files in [[file] for file in target.files] or [[]]:
        with target.text(run, files) as encoded:
            output.note(encoded.note)
            total = min(candidates_for(count), len(encoded.tokens))
            with LongJob(output.console, "scoring positions again", total, "positions", shown=not output.quiet) as job:
                found = surprising_positions(model, filler, encoded.tokens, count, job.advance_to)
        if encoded.unknown:
            what = "words" if run.tokenizer().is_closed else "characters"
            shown = "<unk>" if run.tokenizer().is_closed else "�"
            output.note(f"{encoded.unknown:,} {what} that the model does not know, shown as {shown}, are not scored")
        if output.as_json:
            spots = [vars(position) for position in found]
            output.console.write_json({"run": path, "text": encoded.name, "spots": spots})
            continue
        counted = "" if [encoded.name] == files else "lines are counted from the beginning of the part\n"
        output.console.write(f"{encoded.name}: the positions that surprised {path} most\n{counted}\n")
        output.console.write(surprising_table(found))


def _refuse_misplaced(run: Path | None, files: Sequence[str]) -> None:
    """Refuse a run among the files to score, and a text instead of a run or a file.

    Raises:
        UsageError: there is one; its hint says what to type.
    """
    from rnngen.runs.layout import MANIFEST

    for name in [*([] if run is None else [str(run)]), *files]:
        if exists(Path(name) / MANIFEST) and name in files:
            rest = [str(run), *files] if run is not None else files
            words = ["rnngen", "eval", name, *(other for other in rest if other != name)]
            hint = f"The run comes first: {' '.join(map(quote_argument, words))}"
            raise UsageError("is a run, not a text", where=name, hint=hint)
        if not exists(name) and any(map(str.isspace, name)) and not any(c in name for c in "*?["):
            words = ["rnngen", "eval", *([str(run)] if name in files and run is not None else []), STDIN]
            hint = f"Pipe a text in: echo {quote_argument(name)} | {' '.join(map(quote_argument, words))}"
            raise UsageError("a file is expected, not a text", found=repr(shortened(name)), hint=hint)
