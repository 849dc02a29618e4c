"""The ``rnngen`` command: its commands, and how every outcome becomes an exit code.

Exit codes: 0 success, 1 error, 2 usage, 130 SIGINT, 143 SIGTERM (128 plus the number of a signal).
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from typing import Annotated, NoReturn

import typer

from rnngen import __version__
from rnngen.cli import console, mistakes
from rnngen.cli.commands import LazyGroup, plain_app, register_table
from rnngen.errors import RnngenError
from rnngen.platforms import stop_signals, use_utf8

app = plain_app(
    name="rnngen",
    cls=LazyGroup,
    help="Train a recurrent language model on your own text, write new text with it, and learn how good it is.",
    epilog="Begin with: rnngen train FILE — then rnngen sample, and rnngen eval.",
    no_args_is_help=True,
)
register_table(app)


def _version(asked: bool) -> None:
    if asked:
        console.write(f"rnngen {__version__}\n")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


_OUT_OF_MEMORY = "out of memory. Try a smaller --size, --batch-size or --bptt, or fewer samples at once."


class _Terminated(SystemExit):
    """SIGTERM or the like, where no command handles it in its own way; event loops swallow other exceptions."""


def _on_signal(number: int, _frame: object) -> NoReturn:
    raise _Terminated(128 + number)


def run(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    try:
        code = app(args=arguments, prog_name="rnngen", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except RnngenError as error:
        console.error(str(error))
        if isinstance(error.__cause__, OSError):
            _abandon_stdout()
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        return 128 + signal.SIGINT
    except _Terminated as ended:
        return int(str(ended.code))
    except console.ReaderGone:
        _abandon_stdout()
        return 0
    except MemoryError:
        console.error(_OUT_OF_MEMORY)
        return 1
    except Exception as error:
        if type(error).__name__ == "OutOfMemoryError" or "can't allocate memory" in str(error):  # torch's own
            console.error(_OUT_OF_MEMORY)
            return 1
        # usage errors of the parser, whichever of typer's versions they come from
        if not hasattr(error, "format_message"):
            raise
        if type(error).__name__ == "NoArgsIsHelpError":
            sys.stderr.write(f"{error.format_message()}\n")
        elif message := mistakes.describe(error):
            console.error(message)
        return int(getattr(error, "exit_code", 2))


def _abandon_stdout() -> None:
    """Write to nowhere from now on, so that the interpreter's last flush cannot fail."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def main() -> NoReturn:
    """The console script."""
    for number in stop_signals():
        if number != signal.SIGINT:  # Python itself turns that into KeyboardInterrupt
            signal.signal(number, _on_signal)
    for stream in (sys.stdout, sys.stderr):
        use_utf8(stream)
    sys.stderr = console.LossyStream(sys.stderr)
    code = run()
    for number in stop_signals():  # impatience must not interrupt the end
        signal.signal(number, signal.SIG_IGN)
    sys.exit(code)
