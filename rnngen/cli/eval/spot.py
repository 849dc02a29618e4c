"""``rnngen eval --spot``: the positions of a text that surprised a model most."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rnngen.cli.eval.tables import surprising_table
from rnngen.formats import is_or_are, number_of

if TYPE_CHECKING:
    from rnngen.cli.eval.output import Output
    from rnngen.cli.eval.target import Target


def list_surprising(output: Output, target: Target, count: int) -> None:
    """Show the most surprising positions of each text."""
    from rnngen.evaluation.surprising import candidates_for, surprising_positions
    from rnngen.infilling.loading import load_filler
    from rnngen.model.load import load_network

    run, path = target.run, str(target.run.path)
    model, filler = load_network(run).to(target.device), load_filler(run)
    for files in [[file] for file in target.files] or [[]]:
        with target.text(run, files) as encoded:
            output.note(encoded.note)
            total = min(candidates_for(count), len(encoded.tokens))
            with output.job("scoring positions again", total, "positions") as job:
                found = surprising_positions(model, filler, encoded.tokens, count, job.advance_to)
        if encoded.unknown:
            what = number_of(encoded.unknown, "word" if run.tokenizer().is_closed else "character")
            shown = "<unk>" if run.tokenizer().is_closed else "�"
            output.note(
                f"{what} that the model does not know, shown as {shown}, {is_or_are(encoded.unknown)} not scored"
            )
        if output.as_json:
            spots = [vars(position) for position in found]
            output.console.write_json({"run": path, "text": encoded.name, "spots": spots})
            continue
        counted = "" if [encoded.name] == files else "lines are counted from the beginning of the part\n"
        output.console.write(f"{encoded.name}: the positions that surprised {path} most\n{counted}\n")
        output.console.write(surprising_table(found))
