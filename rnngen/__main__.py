"""``python -m rnngen``, and the ``rnngen`` script."""

import gc
import os
import signal
from typing import NoReturn

from rnngen.errors import ExitCode


def main() -> NoReturn:
    """Run the command line."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # which ends imports in a traceback
        signal.signal(signal.SIGINT, lambda *_: os._exit(ExitCode.INTERRUPTED))
    gc.disable()  # importing makes no garbage, and looking for it takes a tenth of the start
    from rnngen.cli.app import main as run

    gc.enable()
    run()


if __name__ == "__main__":
    main()
