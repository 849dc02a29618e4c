"""``rnngen eval --surprisal``: the nats of each token as JSON Lines, to a file or to standard output."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from rnngen.arguments import STDIN
from rnngen.errors import UsageError

if TYPE_CHECKING:
    from rnngen.cli.eval.output import Output
    from rnngen.evaluation.blocks import Analysis
    from rnngen.evaluation.scores import TextScore
    from rnngen.runs.other_text import NamedText
    from rnngen.runs.run import Run

STDOUT = Path(STDIN)
_BEGINS = b'{"token": '
_PIECE = 1 << 20  # bytes copied at a time


class SurprisalSection:
    """Writes what a run says of each token while it reads a text; a file appears at the end, or after Ctrl-C.

    Args:
        output: for standard output.
        run: that is scored.
        out: a file, or ``STDOUT``.
        files: closes what is open at the end.

    Raises:
        RnngenError: there can be no file in this folder.
    """

    is_summed = True

    def __init__(self, output: Output, run: Run, out: Path, files: ExitStack) -> None:
        from rnngen.evaluation.explanation.per_token import PerTokenLines
        from rnngen.runs.compared import prefix

        self._output, self._out = output, out
        self._work: IO[bytes] | None = None if out == STDOUT else files.enter_context(_work_file(out))
        key = f"{prefix(run.model_config().bidirectional)}nats".replace("-", "_")
        self._lines = PerTokenLines(run.tokenizer(), self._write, key)

    @property
    def analyses(self) -> Sequence[Analysis]:
        """What is fed while the text is scored."""
        return (self._lines,)

    def _write(self, lines: str) -> None:
        if self._work is None:
            self._output.console.write(lines)
            return
        try:
            self._work.write(lines.encode())
        except OSError as error:
            from rnngen.runs.folder import cannot_write

            raise cannot_write(self._out, error) from error

    def finish(self, output: Output, run: Run, text: NamedText, score: TextScore) -> None:
        """Put the file in its place."""
        if self._work is None:
            return
        from rnngen.runs.folder import write_atomically

        self._work.seek(0)
        write_atomically(self._out, _pieces(self._work))

    def as_dict(self) -> dict[str, Any]:
        """Nothing: it is in the file."""
        return {}

    def table(self) -> str:
        """Nothing: it is in the file."""
        return ""


def _work_file(out: Path) -> IO[bytes]:
    """An unnamed file beside the one to write: a folder for temporary files may be in memory."""
    from rnngen.runs.folder import cannot_write

    try:
        return tempfile.TemporaryFile(dir=out.parent)
    except OSError as error:
        raise cannot_write(out, error) from error


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    while piece := file.read(_PIECE):
        yield piece


def check_surprisal(out: Path | None, *, other: str | None) -> None:
    """Check where surprisal is to be written, before what takes long is computed.

    Args:
        out: a file, or ``STDOUT``; None: nowhere.
        other: an option whose result goes to standard output too; None: none was given.

    Raises:
        UsageError: it cannot be written there, or another result is, or a file of another kind is there.
    """
    if out is None:
        return
    if out == STDOUT:
        if other is not None:
            hint = f"Give `surprisal` the name of a file, or leave out `{other}`."
            raise UsageError(f"`surprisal=-` and `{other}` both write to standard output", hint=hint)
        return
    if not out.parent.is_dir() or (out.exists() and not out.is_file()):
        raise UsageError("`surprisal` cannot be written", expected="a file in an existing folder", found=out)
    if not out.exists():
        return
    with out.open("rb") as file:
        begins = file.read(len(_BEGINS))
    if begins and begins != _BEGINS:
        expected = "a file of surprisal, or an unused name"
        raise UsageError("`surprisal` names a file of another kind", expected=expected, found=out)
