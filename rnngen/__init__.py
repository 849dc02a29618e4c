"""Train recurrent language models on your own text, write new text with them, score them honestly.

    run = rnngen.train("corpus.txt", minutes=3)
    for piece in rnngen.load(run.path).generate("To be", temperature=0.8):
        print(piece, end="")
    print(rnngen.evaluate(run.path).as_dict())
    rnngen.load_filler("checkpoints/both-ways").best("To be, or ___ to be")

Importing this module imports nothing heavy; each name brings what it needs when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rnngen.version import __version__

__all__ = ["RnngenError", "__version__", "evaluate", "generate", "load", "load_filler", "train", "train_further"]

if TYPE_CHECKING:
    from rnngen.errors import RnngenError
    from rnngen.evaluation.evaluate import evaluate
    from rnngen.infilling.loading import load_filler
    from rnngen.sampling.loading import generate, load
    from rnngen.training.launch import train
    from rnngen.training.resuming import train_further

_HOMES = {
    "RnngenError": "rnngen.errors",
    "evaluate": "rnngen.evaluation.evaluate",
    "generate": "rnngen.sampling.loading",
    "load": "rnngen.sampling.loading",
    "load_filler": "rnngen.infilling.loading",
    "train": "rnngen.training.launch",
    "train_further": "rnngen.training.resuming",
}


def __dir__() -> list[str]:
    return __all__


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'rnngen' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
