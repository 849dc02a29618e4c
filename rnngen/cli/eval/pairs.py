"""``rnngen eval --pairs``: which of two sentences is likelier."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rnngen.cli.eval.tabular import Column, as_csv, as_latex, as_text
from rnngen.errors import UsageError
from rnngen.evaluation.pairs import PairScores, read_pairs, score_pairs
from rnngen.evaluation.provenance import provenance_of
from rnngen.formats import number_of
from rnngen.model.load import load_network
from rnngen.plaintext.widths import PIPED

if TYPE_CHECKING:
    from rnngen.cli.eval.options import Sentences, TableForm
    from rnngen.cli.eval.output import Output
    from rnngen.cli.eval.target import Target
    from rnngen.evaluation.pairs import Accuracy


def show_pairs(output: Output, target: Target, sentences: Sentences, form: TableForm) -> None:
    """Score the pairs of a file, and show the accuracy in all and per category.

    Args:
        output: where this goes.
        target: the run.
        sentences: with the file.
        form: of the table.

    Raises:
        UsageError: texts are given too.
        CorpusError: the file cannot be read, or a line is not a pair.
    """
    file, run = sentences.pairs, target.run
    assert file is not None
    if target.files:
        raise UsageError("`pairs` takes no other text", found=target.files[0])
    pairs = read_pairs(file)
    with output.job("scoring sentences", 2 * len(pairs), "sentences") as job:
        found = score_pairs(load_network(run).to(target.device), run.tokenizer(), pairs, job.advance_to)
    _note_on(output, found)
    if output.as_json:
        origin = {"provenance": provenance_of(run, target.device)}
        output.console.write_json({"run": str(run.path), "text": str(file), **found.as_dict(), **origin})
    elif form.csv:
        output.console.write(as_csv(each.as_dict() for each in found.pairs))
    elif form.latex:
        output.console.write(as_latex(_columns(found, sentences.per_token), [f"{run.path} on {file}"]))
    else:
        table = as_text(_columns(found, sentences.per_token), output.console.columns or PIPED)
        pseudo = "pseudo-log-likelihood" if run.model_config().bidirectional else "probability"
        title = output.console.filled(f"{run.path} on {file}: how often the first sentence has the higher {pseudo}")
        output.console.write(f"{title}\n{table}")


def _note_on(output: Output, found: PairScores) -> None:
    if found.ties:
        output.note(
            f"{number_of(found.ties, 'pair')} of sentences that are the same to the model, which counts as wrong"
        )
    if found.unknown:
        output.note(
            f"{number_of(found.unknown, 'pair')} with unknown symbols, each of which stands for anything: their scores "
            "may be too good or too bad"
        )


def _columns(found: PairScores, per_token: bool) -> list[Column]:
    """A row per category, and one for all."""
    rows = {name or "(none)": each for name, each in found.categories.items()} | {"all": found.summary}
    kinds = [("accuracy", [each.total for each in rows.values()])]
    kinds += [("per token", [each.per_token for each in rows.values()])] if per_token else []
    columns = [Column("category", list(rows)), Column("pairs", [f"{each.total.pairs:,}" for each in rows.values()])]
    for label, values in kinds:
        columns += [Column(label, [f"{each.share:.1%}" for each in values]), Column("95% interval", _ranges(values))]
    return columns


def _ranges(values: list[Accuracy]) -> list[str]:
    return [" to ".join(f"{bound:.1%}" for bound in each.interval) for each in values]
