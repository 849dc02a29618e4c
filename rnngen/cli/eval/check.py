"""``rnngen eval --check``: compute a score again that ``--json`` wrote, and compare."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from rnngen.arguments import STDIN
from rnngen.cli.eval.target import Target
from rnngen.errors import CheckpointError, CorpusError, ExitCode, RnngenError, UsageError
from rnngen.evaluation.checking import COMPUTED_BY, MADE_OF, TOLERANCE, Compared, compared, compared_values
from rnngen.platforms import quote_argument
from rnngen.untrusted import parse_json, read_regular

if TYPE_CHECKING:
    from rnngen.cli.eval.options import Scoring
    from rnngen.cli.eval.output import Output
    from rnngen.runs.run import Run

_MAX_BYTES = 1 << 26
_OTHERS = {"lines": "scores of lines", "pairs": "scores of pairs", "spots": "surprising positions"}
"""Other results that ``rnngen eval --json`` writes, by a key that each of them has."""
_COMPARISON = ("siblings", "differences")
"""What compares the scores of several runs: it follows from them, but differences of close numbers are inexact where
the scores themselves are rounded otherwise."""


@dataclass(frozen=True)
class Checked:
    """What became of a result.

    Attributes:
        run: its folder.
        text: the text that it is of.
        made_of: weights, tokenizer, corpus and text.
        computed_by: machine and versions.
        values: all that were computed again, numbers or not; none if the model or the text is another one.
        unchecked: keys of what was not computed again.
    """

    run: str
    text: str
    made_of: list[Compared]
    computed_by: list[Compared]
    values: list[Compared]
    unchecked: list[str]

    @property
    def is_same_machine(self) -> bool:
        """Whether numbers must be identical."""
        return all(each.is_identical for each in self.computed_by)

    @property
    def wrong(self) -> list[Compared]:
        """What does not agree."""
        exact = self.is_same_machine
        values = [each for each in self.values if not (each.is_identical if exact else each.agrees)]
        return [*(each for each in self.made_of if not each.is_identical), *values]

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "run": self.run,
            "text": self.text,
            "agrees": not self.wrong,
            "identical": not self.wrong and all(each.is_identical for each in self.values),
            "largest_difference": max((each.difference for each in self.values), default=None),
            "tolerance": 0.0 if self.is_same_machine else TOLERANCE,
            "made_of": [each.as_dict() for each in self.made_of],
            "computed_by": [each.as_dict() for each in self.computed_by],
            "values": len(self.values),
            "wrong": [each.as_dict() for each in self.wrong],
            "unchecked": self.unchecked,
        }

    def in_words(self, filled: Callable[[str], str]) -> str:
        """What agrees and what does not."""
        lines = [f"{self.run} on {self.text}\n\n"]
        for each in self.made_of:
            lines.append(f"  {each.name:<10} {'the same' if each.is_identical else _both(each)}\n")
        others = [each for each in self.computed_by if not each.is_identical]
        lines += [f"  {each.name:<10} {_both(each)}\n" for each in others]
        lines += [f"  {each.name}: {_both(each)}\n" for each in self.wrong if each in self.values]
        return "".join(lines) + "\n" + filled(self._verdict())

    def _verdict(self) -> str:
        rest = f" Not computed again: {', '.join(self.unchecked)}." if self.unchecked else ""
        largest = max((each.difference for each in self.values), default=0.0)
        if not self.values:
            return "This is not the result of this model on this text, so its values were not compared."
        if self.wrong:
            expected = "identical values, on the same machine" if self.is_same_machine else f"at most {TOLERANCE:g}"
            wrong = sum(each in self.values for each in self.wrong)
            return (
                f"{wrong} of {len(self.values)} values do not agree; the largest relative difference is {largest:.1e}, "
                f"expected {expected}.{rest}"
            )
        if largest == 0:
            return f"All {len(self.values)} values are identical to the last bit.{rest}"
        return f"All {len(self.values)} values agree: the largest relative difference is {largest:.1e}.{rest}"


def _both(each: Compared) -> str:
    return f"recorded {_short(each.recorded)}, now {_short(each.now)}"


def _short(value: Any) -> str:
    text = str(value)
    return f"{text[:12]}…" if len(text) == 64 else text


def check_result(output: Output, file: Path, paths: Sequence[Path], files: Sequence[str], scoring: Scoring) -> None:
    """Compute every score of a result again, and say what agrees.

    Args:
        output: where this goes.
        file: that ``rnngen eval --json`` wrote.
        paths: where the run is now, if not where it was.
        files: where the text is now, likewise.
        scoring: the device, if not the same.

    Raises:
        RnngenError: the file is no such result, or run or text are gone.
        typer.Exit: something does not agree.
    """
    results, unchecked = _results(file)
    if len(results) > 1 and (paths or files):
        raise UsageError("`check` of several runs finds them where they were", expected="no run and no text")
    found = [_checked(output, file, result, paths, files, scoring) for result in results]
    if output.as_json:
        agrees, results = not any(each.wrong for each in found), [each.as_dict() for each in found]
        output.console.write_json({"agrees": agrees, "results": results, "unchecked": unchecked})
    else:
        rest = f"\nNot computed again: {', '.join(unchecked)}.\n" if unchecked else ""
        output.console.write("\n".join(each.in_words(output.console.filled) for each in found) + rest)
    if any(each.wrong for each in found):
        raise typer.Exit(ExitCode.ERROR)


def _results(file: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """The scores in a file, one per run; and what compares several, which is not computed again."""
    try:
        content = parse_json(read_regular(file, _MAX_BYTES, follow=True))
    except FileNotFoundError as error:
        raise RnngenError("no such file", where=file, hint="Make one: rnngen eval --json > RESULT.json") from error
    except OSError as error:
        raise RnngenError(f"cannot be read ({error.strerror})", where=file) from error
    except ValueError as error:
        raise _no_result(file, str(error), expected="JSON") from error
    results = content.get("runs", [content]) if isinstance(content, dict) else []
    if not isinstance(results, list) or not results or not all(isinstance(each, dict) for each in results):
        raise _no_result(file, "other JSON")
    for each in results:
        origin = each.get("provenance")
        text = origin.get("text") if isinstance(origin, dict) else None
        names = text.get("files") if isinstance(text, dict) else None
        sound = isinstance(names, list) and all(isinstance(name, str) for name in names)
        if not sound or not isinstance(origin.get("run"), str) or "tokens" not in each:
            others = (what for key, what in _OTHERS.items() if key in each and "tokens" not in each)
            raise _no_result(file, next(others, "something else"))
        if each.get("complete") is False:
            raise _no_result(file, "a score that was interrupted")
    return results, [key for key in _COMPARISON if "runs" in content and content.get(key)]


def _no_result(file: Path, found: str, expected: str = "a score with its provenance") -> RnngenError:
    return RnngenError(
        "is not a result of rnngen eval --json that can be checked", where=file, expected=expected, found=found
    )


def _checked(
    output: Output, file: Path, result: Mapping[str, Any], paths: Sequence[Path], files: Sequence[str], scoring: Scoring
) -> Checked:
    recorded = result["provenance"]
    run = _open(recorded["run"], paths, file)
    from rnngen.cli.eval.scored import score_texts
    from rnngen.evaluation.provenance import provenance_of
    from rnngen.model.device import pick_device, processors, using_threads

    device = scoring.device if scoring.device != "auto" else recorded.get("device")
    target = Target([run], *_text(run, recorded["text"], files, scoring, file), _device(pick_device, device, output))
    threads = recorded.get("threads")
    usable = threads if type(threads) is int and 0 < threads <= processors() else processors()
    with using_threads(usable):
        now = provenance_of(run, target.device)
        made_of = compared(MADE_OF, recorded, now)
        computed_by = compared(COMPUTED_BY, recorded, now)
        if not all(each.is_identical for each in made_of):
            return Checked(str(run.path), str(result.get("text")), made_of, computed_by, [], [])
        try:
            scored = score_texts(output, target, run)
        except CorpusError as error:
            gone = f"the text cannot be read again ({error})"
            raise CorpusError(gone, where=file, hint=_hint(run.path, file, "TEXT")) from error
    if scored.interrupt:
        raise scored.interrupt
    again = scored.as_dict()
    before, after = (each["provenance"]["text"].get("sha256") for each in (result, again))
    made_of.append(Compared("text", before, after))
    values, unchecked = compared_values(result, again) if before == after else ([], [])
    return Checked(str(run.path), str(result.get("text")), made_of, computed_by, values, unchecked)


def _hint(run: object, file: Path, *more: str) -> str:
    words = ["rnngen", "eval", quote_argument(str(run)), *more, "--check", quote_argument(str(file))]
    return f"If it is elsewhere: {' '.join(words)}"


def _open(recorded: str, paths: Sequence[Path], file: Path) -> Run:
    from rnngen.arguments import exists
    from rnngen.runs.finding import open_run

    if not paths and not exists(recorded):
        raise CheckpointError("the run is gone", where=recorded, hint=_hint("RUN", file))
    return open_run(paths[0] if paths else recorded)


def _text(
    run: Run, recorded: Mapping[str, Any], files: Sequence[str], scoring: Scoring, file: Path
) -> tuple[list[str], Scoring]:
    """The files to score, and how they are read."""
    names = list(files) or recorded["files"]
    if STDIN in names and not files:
        gone = "the text was standard input, which cannot be read again"
        raise CorpusError(gone, where=file, hint=_hint(run.path, file, "TEXT"))
    from rnngen.runs.other_text import Reading

    options = ("part", *(field.name for field in fields(Reading)))
    known = {name: recorded[name] for name in options if recorded.get(name) is not None}
    if not names and known.get("part") == "all":
        known.pop("part")
    try:
        return names, scoring.changed(**known)
    except UsageError as error:
        raise _no_result(file, str(error)) from error


def _device(pick: Any, recorded: object, output: Output) -> str:
    """The recorded device, or another one if there is none here."""
    try:
        return str(pick(recorded if isinstance(recorded, str) else "auto"))
    except UsageError as error:
        other = str(pick("auto"))
        output.note(f"{error}; computed on {other}")
        return other
