"""``python -m rnngen``, and the ``rnngen`` script."""

import gc
import os
import signal
import sys
from collections.abc import MutableMapping, Sequence
from typing import NoReturn

from rnngen.errors import ExitCode

SPINS = "1000"
"""Rounds that a thread of torch's kernels waits in a loop for the others before it sleeps."""
LEARNING = ("train", "demo")
"""Commands that train: sleeping threads make them up to a third slower, and they try numbers of threads themselves."""


def share_processors(arguments: Sequence[str], environment: MutableMapping[str, str]) -> None:
    """Let torch's threads sleep soon when they wait for each other, unless the user has chosen how they wait.

    By default they wait 300,000 rounds. Beside other busy processes, a thread that waits then has the processor that
    the thread it waits for needs, and kernels are many times slower. GNU's OpenMP reads this when torch is imported.
    """
    if "OMP_WAIT_POLICY" not in environment and not set(LEARNING) & set(arguments[:1]):
        environment.setdefault("GOMP_SPINCOUNT", SPINS)


def main() -> NoReturn:
    """Run the command line."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # which ends imports in a traceback
        signal.signal(signal.SIGINT, lambda *_: os._exit(ExitCode.INTERRUPTED))
    share_processors(sys.argv[1:], os.environ)
    gc.disable()  # importing makes no garbage, and looking for it takes a tenth of the start
    from rnngen.cli.app import main as run

    gc.enable()
    run()


if __name__ == "__main__":
    main()
