"""Where Python runs, and what shows the progress of training there."""

from __future__ import annotations

import sys
from typing import Any

from rnngen.python.arguments import ShowProgress
from rnngen.python.progress import Bar, Lines, Progress


def make_progress(progress: ShowProgress) -> Progress:
    """What shows the progress here."""
    if progress == "none":
        return Progress()
    if in_notebook():
        from rnngen.python.notebook import Panel

        return Panel()
    on_terminal = sys.stderr is not None and sys.stderr.isatty()
    return Bar() if on_terminal or progress == "bar" else Lines()


def in_notebook() -> bool:
    """Whether output appears in a notebook, which has a kernel."""
    ipython: Any = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None) is not None
