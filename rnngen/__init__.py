"""Train recurrent language models on your own text, write new text with them, score them honestly.

    run = rnngen.train("corpus.txt", minutes=3)
    for piece in rnngen.load(run).generate("To be", temperature=0.8):
        print(piece, end="")
    print(rnngen.evaluate(run).as_dict())
    rnngen.load_filler("checkpoints/both-ways").best("To be, or ___ to be")

Importing this module imports nothing heavy; each name brings what it needs when it is first used.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from rnngen.version import __version__

if TYPE_CHECKING:
    from pathlib import Path

    from rnngen.errors import RnngenError, RnngenWarning
    from rnngen.python.evaluation import evaluate
    from rnngen.python.interrupts import TrainingInterrupted
    from rnngen.python.listing import Runs, runs
    from rnngen.python.opening import generate, load, load_filler
    from rnngen.python.prediction import next_tokens
    from rnngen.python.run import inspect
    from rnngen.python.scoring import score
    from rnngen.python.training import resume, train
    from rnngen.python.views import compare, gradients, report

else:
    from rnngen import runs  # the package, which imports nothing; it can be called, see below

_HOMES = {
    "RnngenError": "rnngen.errors",
    "RnngenWarning": "rnngen.errors",
    "TrainingInterrupted": "rnngen.python.interrupts",
    "compare": "rnngen.python.views",
    "evaluate": "rnngen.python.evaluation",
    "generate": "rnngen.python.opening",
    "gradients": "rnngen.python.views",
    "inspect": "rnngen.python.run",
    "load": "rnngen.python.opening",
    "load_filler": "rnngen.python.opening",
    "next_tokens": "rnngen.python.prediction",
    "report": "rnngen.python.views",
    "resume": "rnngen.python.training",
    "score": "rnngen.python.scoring",
    "train": "rnngen.python.training",
}
_FORMER = {"train_further": "resume"}

__all__ = [
    "RnngenError",
    "RnngenWarning",
    "TrainingInterrupted",
    "__version__",
    "compare",
    "evaluate",
    "generate",
    "gradients",
    "inspect",
    "load",
    "load_filler",
    "next_tokens",
    "report",
    "resume",
    "runs",
    "score",
    "train",
]


class _Runs(ModuleType):
    """The package ``rnngen.runs``, whose name is that of the function which lists runs: it can be called."""

    def __call__(self, *folders: str | Path) -> Runs:
        """See ``rnngen.python.listing.runs``."""
        from rnngen.python import listing

        return listing.runs(*folders)


sys.modules["rnngen.runs"].__class__ = _Runs


def __dir__() -> list[str]:
    return __all__


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        now = f": it is rnngen.{_FORMER[name]}" if name in _FORMER else ""
        raise AttributeError(f"module 'rnngen' has no attribute {name!r}{now}", name=name)
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
