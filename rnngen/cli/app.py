"""The ``rnngen`` command: its commands, and how every outcome becomes an exit code."""

from __future__ import annotations

import os
import signal
import sys
import threading
import warnings
from types import FrameType
from typing import Annotated, NoReturn, cast

import typer

from rnngen.cli import mistakes
from rnngen.cli.commands import LazyGroup, plain_app, register_table
from rnngen.cli.console import Console, ReaderGone
from rnngen.errors import LONGEST_PART, ExitCode, RnngenError, shortened
from rnngen.platforms import open_closed_streams, stop_signals, use_utf8
from rnngen.version import __version__

app = plain_app(
    name="rnngen",
    cls=LazyGroup,
    add_completion=True,
    help="Train a recurrent language model on your own text, write new text with it, and learn how good it is.",
    epilog="Begin with: rnngen train FILE — then rnngen sample, and rnngen eval.",
    no_args_is_help=True,
)
register_table(app)

IMPORT_WAIT = 0.02  # seconds between attempts to end a command that is importing a library
_IMPORTER = "<frozen importlib._bootstrap>"  # the file of the frames that import


def _version(context: typer.Context, asked: bool) -> None:
    if asked:
        context.obj.write(f"rnngen {__version__}\n")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


class _Interrupted(KeyboardInterrupt):
    """SIGINT, where no command handles it in its own way.

    A ``KeyboardInterrupt`` itself that passes through ``exec`` makes Python end the process by this signal.
    """


class _Terminated(SystemExit):
    """SIGTERM or the like, where no command handles it in its own way; event loops swallow other exceptions."""


def _on_signal(number: int, frame: FrameType | None) -> None:
    """End the command; an import is completed first, because what imports half a library again fails in other ways."""
    if _is_importing(frame):
        threading.Timer(IMPORT_WAIT, signal.raise_signal, [number]).start()
    elif number == signal.SIGINT:
        raise _Interrupted
    else:
        raise _Terminated(ExitCode.of_signal(number))


def _leave_silently(number: int, _frame: FrameType | None) -> None:
    """End a completion: whatever it showed would be in the middle of what is typed."""
    os._exit(ExitCode.of_signal(number))


def _is_importing(frame: FrameType | None) -> bool:
    while frame and frame.f_code.co_filename != _IMPORTER:
        frame = frame.f_back
    return frame is not None


def run(arguments: list[str] | None = None, console: Console | None = None) -> int:
    """Run the command line and return its exit code.

    Args:
        arguments: after the program's name; by default those of this process.
        console: what the command reads and writes; by default the streams of this process.
    """
    console = Console.of_process() if console is None else console
    try:
        code = app(args=arguments, prog_name="rnngen", standalone_mode=False, obj=console)
        return code if isinstance(code, int) else ExitCode.SUCCESS
    except RnngenError as error:
        console.error(str(error))
        if isinstance(error.__cause__, OSError):
            console.abandon_output()
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        return ExitCode.INTERRUPTED
    except _Terminated as ended:
        return int(str(ended.code))
    except ReaderGone:
        console.abandon_output()
        return ExitCode.SUCCESS
    except _PARSER_ERROR as error:
        console.error(mistakes.describe(error))
        return ExitCode.USAGE
    except OSError as error:  # a disk that fails, a file that is gone
        where = "" if error.filename is None else f"{shortened(str(error.filename), LONGEST_PART)}: "
        console.error(f"{where}{error.strerror or error}")
        return ExitCode.ERROR
    except Exception as error:
        if not _is_out_of_memory(error):
            raise
        console.error("out of memory. Try a smaller `size`, `batch_size` or `bptt`, or fewer samples at once.")
        return ExitCode.ERROR


# ClickException, of whichever Click this version of Typer brings
_PARSER_ERROR = cast("type[typer.BadParameter]", typer.BadParameter.__mro__[2])


def _is_out_of_memory(error: Exception) -> bool:
    """Whether Python or torch, where it is imported, ran out of memory."""
    if isinstance(error, MemoryError):
        return True
    if "torch" not in sys.modules:
        return False
    from rnngen.model.device import is_out_of_memory

    return is_out_of_memory(error)


def main() -> NoReturn:
    """The console script."""
    open_closed_streams()
    if not sys.warnoptions:  # of libraries, for programmers; what a user needs to know is a note or an error
        warnings.simplefilter("ignore")
    completes = "_RNNGEN_COMPLETE" in os.environ
    for number in stop_signals():
        if signal.getsignal(number) is not signal.SIG_IGN:  # as SIGINT is in the background of a script
            signal.signal(number, _leave_silently if completes else _on_signal)
    for stream in (sys.stdout, sys.stderr):
        use_utf8(stream)
    if completes:
        from rnngen.cli.completion import join_values

        join_values(os.environ)
    console = Console.of_process()
    sys.stderr = console.err
    code = run(console=console)
    for number in stop_signals():  # impatience must not interrupt the end
        signal.signal(number, signal.SIG_IGN)
    sys.exit(code)
