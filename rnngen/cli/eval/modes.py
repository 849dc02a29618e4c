"""What ``rnngen eval`` does instead of scoring one run on one text, and which options that goes with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rnngen.cli.declared import typed_names
from rnngen.errors import UsageError

if TYPE_CHECKING:
    import typer

    from rnngen.cli.eval.options import Scoring, Sentences, TableForm
    from rnngen.runs.run import Run

_ALWAYS = {"runs_and_texts", "as_json", "quiet", "device", "fast"}
_READING = {"encoding", "errors", "text_field", "label_field"}
_FORMS = {"csv", "latex"}
_TAKEN: Mapping[str, set[str]] = {
    "check": {"result", *_READING},
    "pairs": {"pairs", "per_token", *_FORMS},
    "lines": {"per_line", "top", "part", "csv", *_READING},
    "tables": {"part", *_FORMS, *_READING},
}
_NEEDS = {
    "top": "per_line",
    "per_token": "pairs",
    **{f"novelty_{name}": "novelty" for name in ("by", "size", "temperature", "seed")},
}
_IN_WORDS = {
    "check": "`check`",
    "pairs": "`pairs`",
    "lines": "`per_line`",
    "tables": "a table of several runs or texts",
}


def chosen_mode(
    context: typer.Context, sentences: Sentences, form: TableForm, check: object, runs: int, files: Sequence[str]
) -> str | None:
    """What is done: ``check``, ``pairs``, ``lines`` or ``tables``; None: one run is scored on one text.

    Args:
        context: of the command.
        sentences: its options.
        form: its options.
        check: the result to check; None: there is none.
        runs: how many are named.
        files: texts.

    Raises:
        UsageError: an option was typed that does not go with it; for tables, ``settled`` looks at that.
    """
    asked = {"check": check, "pairs": sentences.pairs, "lines": sentences.per_line}
    mode = next((name for name, given in asked.items() if given), None)
    names = typed_names(context)
    if mode is None:
        alone = "spot" not in names  # which reads several texts in its own way
        mode = "tables" if form.given or (alone and (runs > 1 or len(files) > 1)) else None
    for option, needed in _NEEDS.items():
        if option in names and needed not in names:
            raise UsageError(f"`{option}` needs `{needed}`")
    if mode != "tables":
        _refuse_others(names, mode)
    return mode


def settled(
    context: typer.Context, mode: str | None, runs: Sequence[Run], scoring: Scoring, files: list[str]
) -> str | None:
    """The mode once it is known what the files are: together they may be a run's own text, which is one.

    Raises:
        UsageError: as ``chosen_mode``.
    """
    names = typed_names(context)
    if mode == "tables" and len(runs) == 1 and not names & _FORMS:
        from rnngen.evaluation.several_texts import texts_of

        if len(texts_of(runs[0], files, scoring.part, scoring.reading)) < 2:
            return None
    if mode == "tables":
        _refuse_others(names, mode)
    return mode


def _refuse_others(names: set[str], mode: str | None) -> None:
    others = sorted(names - _ALWAYS - _TAKEN[mode]) if mode else []
    if others:
        forms = sorted(names & _FORMS) if mode == "tables" else []
        hint = "Give one run and one text; several files are one text if piped in: cat FILE... | rnngen eval RUN -"
        what = f"`{forms[0]}`, which writes a table of scores alone" if forms else _IN_WORDS[mode or ""]
        raise UsageError(
            f"`{others[0]}` cannot be given with {what}", hint=hint if mode == "tables" and not forms else None
        )
