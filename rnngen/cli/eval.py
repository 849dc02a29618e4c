"""``rnngen eval``: how good a model is."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from rnngen.arguments import STDIN, exists, is_file
from rnngen.cli import console
from rnngen.cli.widths import pad, width
from rnngen.errors import CorpusError, UsageError, shortened
from rnngen.platforms import quote_argument

if TYPE_CHECKING:
    from rnngen.corpus.sources import ErrorRule
    from rnngen.corpus.tokens import EncodedText
    from rnngen.evaluation.gaps import GapScore
    from rnngen.evaluation.perplexity import Score
    from rnngen.evaluation.pseudo_perplexity import PseudoScore
    from rnngen.evaluation.spot import Spot
    from rnngen.runs.run import Run


def eval_command(
    run: Annotated[
        Path | None, typer.Argument(help="The run's folder. [default: the newest under checkpoints/]")
    ] = None,
    text: Annotated[
        list[str] | None, typer.Argument(help="Files to score, or -. [default: a part of the run's own corpus]")
    ] = None,
    part: Annotated[
        Literal["train", "valid", "test", "all"],
        typer.Option(help="Which part of the run's own text; all: the whole of a text that is given."),
    ] = "test",
    errors: Annotated[
        Literal["strict", "replace"], typer.Option(help="What to do with bytes that are not UTF-8.")
    ] = "strict",
    ngram: Annotated[
        bool, typer.Option("--ngram", help="Score the run's n-gram model and its mixture with the network too.")
    ] = False,
    spot: Annotated[int, typer.Option(help="Instead of scoring, list the N least expected places; 0: score.")] = 0,
    gaps: Annotated[
        int | None,
        typer.Option(
            help="Take N words out and let the model put them back; 0: none. "
            "[default: 200 for a bidirectional run, else 0]"
        ),
    ] = None,
    against: Annotated[Path | None, typer.Option(help="Let this run fill the same gaps too.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, mps or cuda.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No notes on standard error.")] = False,
) -> None:
    """Score a model exactly.

    The state is carried through the whole text, and every token is scored once, in float32. A bidirectional model
    predicts each token from all the others: that is pseudo-perplexity, and not to be compared with perplexity.
    """
    from rnngen.options.declare import check_count
    from rnngen.runs.finding import open_run

    if run is not None and (is_file(run) or str(run) == STDIN):  # a text of the newest run
        run, text = None, [str(run), *(text or [])]
    _refuse_misplaced(run, text or [])
    check_count("spot", spot)
    check_count("gaps", gaps or 0)
    if spot and (ngram or gaps or against):
        raise UsageError("--spot cannot be given with --ngram, --gaps or --against: it scores nothing")
    opened = open_run(run)  # before torch: a wrong path is told at once
    other = open_run(against) if against else None
    bidirectional = opened.model_config().bidirectional
    asked = bool(gaps or against)
    gaps = (200 if bidirectional or against else 0) if gaps is None else gaps
    if other and not gaps:
        raise UsageError("--against compares how gaps are filled", expected="--gaps above 0")
    if other and other.tokenizer().to_json() != opened.tokenizer().to_json():
        raise UsageError(
            "--against has another tokenizer, so its tokens are not the same",
            where=other.path,
            hint="Train both on the same text with the same --tokenizer.",
        )
    from rnngen.model.device import pick_device

    there = pick_device(device)
    if spot:
        _spot(opened, text, part, errors, there, spot, as_json=as_json, quiet=quiet)
        return
    from rnngen.evaluation.evaluate import score_text
    from rnngen.evaluation.perplexity import Score
    from rnngen.evaluation.words import words_are_separated
    from rnngen.runs.own_text import text_of

    filled: list[GapScore] = []
    with text_of(opened, text or (), part, errors) as encoded:  # once: standard input cannot be read again
        what = encoded.name
        if encoded.note and not quiet:
            console.note(f"note: {encoded.note}")
        score = score_text(opened, encoded, device=there, ngram=ngram)
        has_words = words_are_separated(opened.tokenizer(), encoded.tokens, encoded.counts)
        if gaps:
            try:
                filled = _fill_gaps([opened, *([other] if other else [])], encoded, gaps, quiet=quiet)
            except CorpusError as error:
                if asked:
                    raise
                if not quiet:
                    console.note(f"note: {error}, so none was put back")
    if score.unknown and not quiet:
        console.note(
            f"note: {score.unknown:,} of {score.tokens:,} characters are not in the model's vocabulary; each is scored "
            "as one unknown symbol, so the numbers flatter or punish the model there"
        )
    no_words = "" if has_words else _no_words(score, filled)
    if as_json:
        if no_words and not quiet:
            console.note(f"note: {no_words}")
        beside: dict[str, Any] = {"fill": filled[0].as_dict()} if filled else {}
        if other and filled:
            beside["against"] = {"run": str(other.path), "fill": filled[1].as_dict()}
        console.write_json({"run": str(opened.path), "text": what, **score.as_dict(), **beside})
        return
    console.write(_table(str(opened.path), what, score))
    if isinstance(score, Score) and score.ngram and score.mixture:
        console.write(_mixture_table(score.ngram, score.mixture))
    if filled:
        names = [str(opened.path), *([str(other.path)] if other else [])]
        console.write(_gap_table(names, filled, "words" if has_words else "runs of letters"))
    if no_words:
        console.write(f"\n({no_words})\n")


def _refuse_misplaced(run: Path | None, files: list[str]) -> None:
    """Refuse a run among the files to score, and a text in the place of either.

    Raises:
        UsageError: there is one; it says what to type.
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


def _no_words(score: Score | PseudoScore, filled: list[GapScore]) -> str:
    """What is missing where white space does not separate words, if anything is."""
    means = ["has no word perplexity"] if "word_perplexity" in score.as_dict() else []
    means += ["has runs of letters taken out, not words"] if filled else []
    counts = score.counts
    far = f" ({counts.characters / counts.words:,.0f} characters to a space)" if counts.words else ""
    return f"white space separates no words in this text{far}: it {' and '.join(means)}" if means else ""


_SCORES = (
    ("nats_per_token", "nats a token", ".4f"),
    ("token_perplexity", "token perplexity", ".4g"),
    ("word_perplexity", "word perplexity", ".4g"),
    ("bits_per_character", "bits a character", ".4f"),
    ("bits_per_byte", "bits a byte", ".4f"),
)
_PSEUDO_SCORES = (
    ("pseudo_nats_per_token", "pseudo-nats a token", ".4f"),
    ("pseudo_perplexity", "pseudo-perplexity", ".4g"),
    ("pseudo_bits_per_character", "pseudo-bits a character", ".4f"),
)
_COUNTS = (
    ("tokens", "tokens", ",d"),
    ("words", "words", ",d"),
    ("characters", "characters", ",d"),
    ("bytes", "bytes", ",d"),
)


def _table(run: str, what: str, score: Score | PseudoScore) -> str:
    values = score.as_dict()
    pseudo = "pseudo_perplexity" in values
    lines = [f"{run} on {what}", ""]
    if pseudo:
        lines[1:1] = ["each token predicted from both sides: not comparable with perplexity"]
    rows = (*(_PSEUDO_SCORES if pseudo else _SCORES), *_COUNTS)
    labels = max(len(label) for _, label, _ in rows) + 2
    lines += [f"  {label:<{labels}} {format(values[key], form):>12}" for key, label, form in _known(rows, values)]
    return "\n".join(lines) + "\n"


def _known(rows: Iterable[tuple[str, str, str]], values: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [row for row in rows if not math.isnan(values[row[0]])]


def _mixture_table(ngram: Score, mixture: Score) -> str:
    """The n-gram model's numbers and the mixture's, under a heading that no one takes for the network's."""
    alone, mixed = ngram.as_dict(), mixture.as_dict()
    lines = [
        "\nnot the network alone, on the same text:\n",
        f"  {'':<18} {'n-gram alone':>16} {'network + n-gram':>18}",
    ]
    lines += [
        f"  {label:<18} {format(alone[key], form):>16} {format(mixed[key], form):>18}"
        for key, label, form in _known(_SCORES, alone)
    ]
    return "\n".join(lines) + "\n"


def _fill_gaps(runs: list[Run], text: EncodedText, words: int, *, quiet: bool) -> list[GapScore]:
    from rnngen.cli.longjob import LongJob
    from rnngen.evaluation.gaps import score_gaps
    from rnngen.infilling.loading import load_filler

    fillers = [load_filler(run) for run in runs]
    with LongJob("putting words back", min(words, max(1, text.counts.words)), "words", shown=not quiet) as job:
        return score_gaps(fillers, text.tokens, words, job.advance_to)


_GAP_ROWS = (
    ("accuracy", "right, length known", ".1%"),
    ("accuracy_without_length", "right, length unknown", ".1%"),
    ("nats_per_word_at_least", "nats a word, at least", ".3f"),
    ("nats_per_word", "nats a word", ".3f"),
)


def _gap_table(names: list[str], scores: list[GapScore], what: str) -> str:
    values = [score.as_dict() for score in scores]
    short = [Path(name).name for name in names]
    names = short if len(set(short)) == len(names) else names
    columns = max(16, *(width(name) + 2 for name in names))
    lines = [f"\n{scores[0].words:,} {what} taken out and put back, one at a time:\n"]
    if len(names) > 1:
        lines += [f"  {'':<25}" + "".join(pad(name, columns, ">") for name in names)]
    for key, label, form in _GAP_ROWS:
        cells = [format(v[key], form) if key in v else "-" for v in values]
        if cells != ["-"] * len(cells):
            lines.append(f"  {label:<25}" + "".join(f"{cell:>{columns}}" for cell in cells))
    lines.append("  (at least: as if no word but those that the models above proposed could be)")
    return "\n".join(lines) + "\n"


def _spot(
    run: Run,
    text: list[str] | None,
    part: str,
    errors: ErrorRule,
    device: str,
    count: int,
    *,
    as_json: bool,
    quiet: bool,
) -> None:
    """Show the least expected places of each text."""
    from rnngen.cli.longjob import LongJob
    from rnngen.evaluation.spot import least_expected, looks
    from rnngen.infilling.loading import load_filler
    from rnngen.model.load import load_network
    from rnngen.runs.own_text import text_of

    model, filler = load_network(run).to(device), load_filler(run)
    files: list[str | None] = [*text] if text else [None]
    for file in files:
        with text_of(run, (file,) if file else (), part, errors) as encoded:
            if encoded.note and not quiet:
                console.note(f"note: {encoded.note}")
            with LongJob("looking again", min(looks(count), len(encoded.tokens)), "places", shown=not quiet) as job:
                spots = least_expected(model, filler, encoded.tokens, count, job.advance_to)
            if encoded.unknown and not quiet:
                console.note(
                    f"note: {encoded.unknown:,} characters that the model has never seen, shown as �, are not judged"
                )
        if as_json:
            console.write_json({"run": str(run.path), "text": encoded.name, "spots": [vars(spot) for spot in spots]})
            continue
        counted = "" if encoded.name == file else "lines are counted from the beginning of the part\n"
        console.write(f"{encoded.name}: what {run.path} expected least\n{counted}\n")
        console.write(_spot_table(spots))


def _spot_table(spots: list[Spot]) -> str:
    lines = [f"{'line':>6}:{'column':<6}  {'bits':>5}  {'expected':<18} place"]
    for s in spots:
        share = f"{s.probability:.0%}" if s.probability >= 0.005 else "under 1%"
        expected = f"{s.expected!r} {share}"
        place = f"{s.left}⟦{s.token}⟧{s.right}".replace("\n", "↵").replace("\t", " ")
        times = f"{s.times} times: " if s.times > 1 else ""
        lines.append(f"{s.line:>6}:{s.column:<6}  {s.nats / math.log(2):>5.1f}  {pad(expected, 18)} {times}{place}")
    return "\n".join(lines) + "\n"
