"""``rnngen eval``: from the arguments to what is done with them."""

from __future__ import annotations

from functools import cache, partial
from typing import Annotated

import typer

from rnngen.arguments import each_once
from rnngen.cli import completion
from rnngen.cli.declared import takes_options
from rnngen.cli.eval.adaptation import AdaptationOptions
from rnngen.cli.eval.explain import Explained
from rnngen.cli.eval.options import Checking, NoveltyOptions, Scoring, Sentences, TableForm
from rnngen.cli.failure_note import note_on_failure
from rnngen.cli.parameters import AsJson, Quiet
from rnngen.errors import UsageError

RunsAndTexts = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[RUN...] [TEXT...]",
        help="Runs, then files to score, or -. [default: the newest run, and a part of its own corpus]",
        autocompletion=completion.runs,
    ),
]


@takes_options()
def eval_command(
    context: typer.Context,
    runs_and_texts: RunsAndTexts = None,
    *,
    scoring: Scoring,
    adaptation: AdaptationOptions,
    sentences: Sentences,
    form: TableForm,
    checking: Checking,
    explained: Explained,
    novelty: NoveltyOptions,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Score a model exactly.

    The state is carried through the whole text, and every token is scored once, in float32. A bidirectional model
    predicts each token from all the others: that is pseudo-perplexity, which cannot be compared with perplexity.
    """
    from rnngen.cli.eval.modes import chosen_mode, settled
    from rnngen.cli.eval.output import Output
    from rnngen.cli.eval.target import Target, open_runs, runs_and_files
    from rnngen.evaluation.gaps import check_same_tokens
    from rnngen.runs.finding import open_run

    paths, files = runs_and_files(runs_and_texts or [])
    form.refuse_with(as_json)
    mode = chosen_mode(context, sentences, form, checking.result, len(paths), files)
    output = Output(context.obj, as_json, quiet)
    if checking.result:
        from rnngen.cli.eval.check import check_result

        check_result(output, checking.result, paths, files, scoring)
        return
    if scoring.spot and (scoring.ngram or scoring.gaps or scoring.against):
        raise UsageError("`spot` cannot be given with `ngram`, `gaps` or `against`: it scores nothing")
    explained.check_with(spot=scoring.spot > 0, as_json=as_json)
    if scoring.spot and novelty.novelty:
        raise UsageError("`spot` and `novelty` cannot both be given")
    if len(paths) > 1 and mode != "tables":
        raise UsageError("one run is expected", found=f"{len(paths)}")
    runs = open_runs(paths, files)  # before torch is imported: a wrong path is reported at once
    output.note(each_once(map(str, paths))[1])
    if len(files) > 1:
        from rnngen.evaluation.several_texts import distinct_texts

        files, repeated = distinct_texts(runs[0], files, scoring.part, scoring.reading)
        output.note(repeated)
    mode = settled(context, mode, runs, scoring, files)
    other = open_run(scoring.against) if scoring.against else None
    gaps = scoring.gaps_for(runs[0]) if mode is None else 0
    if other and not gaps:
        raise UsageError("`against` compares how gaps are filled", expected="`gaps` above 0")
    if other:
        check_same_tokens(runs[0], other)
    adaptation.check_run(runs[0], ngram=scoring.ngram)
    note_on_failure(context.obj, *runs, other, quiet=quiet)
    from rnngen.model.device import pick_device

    target = Target(runs, files, adaptation.scoring_of(runs[0], scoring), pick_device(scoring.device))
    if mode == "tables":
        from rnngen.cli.eval.score_tables import show_tables

        show_tables(output, target, form)
    elif mode == "lines":
        from rnngen.cli.eval.lines import show_lines

        show_lines(output, target, sentences.top, form)
    elif mode == "pairs":
        from rnngen.cli.eval.pairs import show_pairs

        show_pairs(output, target, sentences, form)
    elif scoring.spot:
        from rnngen.cli.eval.spot import list_surprising

        list_surprising(output, target, scoring.spot)
    else:
        from rnngen.cli.eval.novelty import NoveltySection
        from rnngen.cli.eval.single import about_score, score_run
        from rnngen.evaluation.baselines.compare import models_of

        count = partial(models_of, target.run)
        models = cache(count) if explained.explain else count  # n-grams take memory: kept only if they serve twice
        sections = [] if explained.fills_output else about_score(target, other, gaps, models)
        if novelty.novelty:
            sections.append(NoveltySection(target.run, novelty, target.device))
        sections += [] if explained.fills_output else adaptation.sections(target, ngram=scoring.ngram)
        score_run(output, target, sections, explained, models)
