"""Train recurrent language models on your own text, write new text with them, score them honestly.

    run = rnngen.train("corpus.txt", minutes=3)
    for piece in rnngen.load(run).generate("To be", temperature=0.8):
        print(piece, end="")
    print(rnngen.evaluate(run).as_dict())
    rnngen.load_filler("checkpoints/both-ways").best("To be, or ___ to be")

Importing this module imports nothing heavy; each name brings what it needs when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rnngen.version import __version__

if TYPE_CHECKING:
    from rnngen.errors import RnngenError, RnngenWarning
    from rnngen.python.evaluation import evaluate
    from rnngen.python.interrupts import TrainingInterrupted
    from rnngen.python.listing import list_runs
    from rnngen.python.novelty import novel_samples, novelty
    from rnngen.python.opening import generate, load, load_filler
    from rnngen.python.pairs import pairs
    from rnngen.python.prediction import next_tokens
    from rnngen.python.run import inspect
    from rnngen.python.scoring import score
    from rnngen.python.training import resume, train
    from rnngen.python.views import compare, gradients, report

_HOMES = {
    "RnngenError": "rnngen.errors",
    "RnngenWarning": "rnngen.errors",
    "TrainingInterrupted": "rnngen.python.interrupts",
    "compare": "rnngen.python.views",
    "evaluate": "rnngen.python.evaluation",
    "generate": "rnngen.python.opening",
    "gradients": "rnngen.python.views",
    "inspect": "rnngen.python.run",
    "list_runs": "rnngen.python.listing",
    "load": "rnngen.python.opening",
    "load_filler": "rnngen.python.opening",
    "next_tokens": "rnngen.python.prediction",
    "pairs": "rnngen.python.pairs",
    "novel_samples": "rnngen.python.novelty",
    "novelty": "rnngen.python.novelty",
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
    "list_runs",
    "load",
    "load_filler",
    "next_tokens",
    "novel_samples",
    "novelty",
    "pairs",
    "report",
    "resume",
    "score",
    "train",
]


def __dir__() -> list[str]:
    return __all__


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        now = f": it is rnngen.{_FORMER[name]}" if name in _FORMER else ""
        raise AttributeError(f"module 'rnngen' has no attribute {name!r}{now}", name=name)
    from importlib import import_module

    from rnngen.uninterrupted import uninterrupted

    try:
        with uninterrupted():  # half an import of torch would spoil it for the rest of the session
            home = import_module(_HOMES[name])
    except KeyboardInterrupt as interrupt:
        raise KeyboardInterrupt(f"before rnngen.{name} was called: nothing was begun") from interrupt
    return getattr(home, name)
