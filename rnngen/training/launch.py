"""From options to a trainer: a new run, or one that begins with another's weights. See also ``resuming.py``."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rnngen.corpus.progress import OnProgress
from rnngen.corpus.recorded import STDIN, places_from
from rnngen.corpus.tokens import EncodedCorpus, prepare
from rnngen.errors import UsageError
from rnngen.options.config import SECTION_OF, RunConfig, check_options
from rnngen.options.declare import declared
from rnngen.options.network import ModelConfig
from rnngen.options.presets import with_preset
from rnngen.platforms import quote_argument
from rnngen.runs.files import temporary
from rnngen.runs.finding import never_saved, open_run
from rnngen.runs.layout import (
    CONFIG,
    HOLDER,
    LOCK,
    MANIFEST,
    MODEL,
    RESUME,
    UNSAVED,
    checkpoints_folder,
    new_run_folder,
)
from rnngen.runs.run import Run
from rnngen.runs.writer import RunWriter
from rnngen.training.events import Event
from rnngen.training.launched import Launched, run_to_end
from rnngen.training.planning.memory import keep_freed_memory
from rnngen.training.planning.pace import make_pace
from rnngen.training.planning.plan import make_plan
from rnngen.training.resuming import resume
from rnngen.training.trainer import Trainer
from rnngen.version import __version__

__all__ = ["Launched", "launch", "resume", "run_to_end", "train"]

DROPOUTS = {name for name in declared(ModelConfig) if name.endswith("dropout")}


def launch(
    options: Mapping[str, Any],
    *,
    out: Path | None = None,
    init_from: Path | None = None,
    started: float | None = None,
    on_progress: OnProgress | None = None,
) -> Launched:
    """Prepare a new run.

    Args:
        options: flat names and values; what is absent is decided by ``training/planning/plan.py``.
        out: the run's folder; by default the next free name under ``checkpoints/``.
        init_from: begin with this run's weights and tokenizer.
        started: ``time.perf_counter()`` from which ``minutes`` count; now by default.
        on_progress: told of what is read, encoded and measured.

    Raises:
        UsageError, CorpusError, CheckpointError: before anything is trained.
    """
    started = time.perf_counter() if started is None else started
    keep_freed_memory()
    if init_from and options.get("preset"):
        raise UsageError(
            "`preset` cannot be given with `init_from`",
            expected="the network and tokenizer of that run",
            hint="Give those of its values that are about learning as options.",
        )
    options = with_preset(options)
    check_options(options)
    options = {**options, **{name: _absolute(options.get(name)) for name in ("corpus", "valid", "test")}}
    config = RunConfig.from_flat({k: v for k, v in options.items() if SECTION_OF.get(k) == "data" and v is not None})
    if out is not None:
        _refuse_occupied(out)
    first = open_run(init_from) if init_from else None
    tokenizer = first.tokenizer() if first else None
    corpus = prepare(config.data, tokenizer=tokenizer, on_progress=on_progress)
    if first:
        options = {**_architecture(first, options), **{k: v for k, v in options.items() if v is not None}}
    folder = out or new_run_folder(checkpoints_folder(), _stem(config.data.corpus[0]))
    made = not folder.exists()
    writer = RunWriter(folder)
    try:
        _refuse_occupied(folder)  # again, now that nobody else can begin a run here
        decided = {**options, "tokenizer": corpus.tokenizer.level}
        plan = make_plan(decided, corpus, started, trained=first is not None, on_progress=on_progress)
        trainer = Trainer(plan.config, corpus, writer, pace=make_pace(plan, options), trained=first is not None)
        if first:
            trainer.learner.begin_with(first.weights(), first.path)
        writer.clear()
        writer.begin(_config_json(plan.config, corpus, folder, first, options), corpus.tokenizer)
    except BaseException:
        writer.discard(folder_too=made)  # a run that never began leaves nothing behind
        raise
    return Launched(trainer, plan, (f"it begins with the weights of {first.path}",) if first else ())


def train(
    corpus: str | Path | Sequence[str | Path],
    *,
    out: str | Path | None = None,
    init_from: str | Path | None = None,
    on_event: Callable[[Event], None] | None = None,
    **options: Any,
) -> Run:
    """Train a model on a text and return its run.

    Args:
        corpus: a file, folder or glob, or several.
        out: the run's folder; by default the next free name under ``checkpoints/``.
        init_from: a run whose weights and tokenizer to begin with.
        on_event: is called with every event (``rnngen.training.events``).
        options: as on the command line, with ``_`` for ``-``: ``minutes=3``, ``cell="gru"``, ….

    Raises:
        RnngenError: options, text or disk are not as they should be.
    """
    sources = [str(source) for source in ([corpus] if isinstance(corpus, str | Path) else corpus)]
    launched = launch(
        {**options, "corpus": sources}, out=Path(out) if out else None, init_from=Path(init_from) if init_from else None
    )
    return open_run(run_to_end(launched, on_event).path)


def _architecture(first: Run, options: Mapping[str, Any]) -> dict[str, Any]:
    """The network of the run that weights come from; asking for another one is an error."""
    model = vars(first.model_config())
    fixed = {name: value for name, value in model.items() if name not in DROPOUTS and name != "initialization"}
    if options.get("vocab_size"):
        raise UsageError("`vocab_size` cannot be given with `init_from`", expected="the vocabulary of that run")
    for name, value in fixed.items():
        if options.get(name) not in (None, value):
            if isinstance(value, bool):
                option = name if options[name] else f"no_{name}"
                raise UsageError(
                    f"`{option}` cannot be given with `init_from`", hint=f"The network is that of {first.path}."
                )
            raise UsageError(
                f"`{name}` cannot change with `init_from`",
                expected=value,
                found=options[name],
                hint=f"The network is that of {first.path}; leave the option out.",
            )
    if options.get("size"):
        raise UsageError("`size` cannot be given with `init_from`", expected="the size of the run it begins with")
    if options.get("tokenizer") not in (None, first.tokenizer().level):
        raise UsageError(
            "`tokenizer` cannot change with `init_from`", expected=first.tokenizer().level, found=options["tokenizer"]
        )
    return fixed


def _config_json(
    config: RunConfig, corpus: EncodedCorpus, folder: Path, first: Run | None, options: Mapping[str, Any]
) -> dict[str, Any]:
    """What config.json holds: all that was decided, what the user gave, and where text and weights are from."""
    begun = {"run": str(first.path.absolute()), "model": first.manifest[MODEL]["sha256"]} if first else None
    parts = {
        name: {"tokens": len(part.tokens), "characters": part.counts.characters} for name, part in corpus.parts.items()
    }
    return {
        "rnngen": __version__,
        "given": sorted(name for name, value in options.items() if value is not None),
        **({"init_from": begun} if begun else {}),
        **config.as_dict(),
        "corpus": {
            "fingerprint": corpus.fingerprint,
            "vocab_size": corpus.tokenizer.vocab_size,
            "parts": parts,
            "places": places_from(folder, config.data),
        },
    }


def _refuse_occupied(folder: Path) -> None:
    """A run begins in a folder of its own, so that it can never overwrite anybody's files.

    The folder of a run that never saved, and of nothing else, is as good as a new one.
    """
    passing = {LOCK, HOLDER, *(temporary(folder / name).name for name in UNSAVED)}
    found = sorted(p.name for p in folder.iterdir() if p.name not in passing) if folder.is_dir() else []
    if never_saved(folder) and all(name in UNSAVED for name in found):
        return
    if any(name in found for name in (MANIFEST, CONFIG, RESUME)):
        raise UsageError(
            "there is a run in this folder already",
            where=folder,
            hint=f"Resume it: rnngen train --resume {quote_argument(str(folder))}; or choose another `out`.",
        )
    if found:
        raise UsageError("the folder is not empty", where=folder, expected="a new or empty folder", found=found[0])


def _absolute(sources: Sequence[str] | None) -> list[str] | None:
    """Sources that mean the same from any folder, for a run that goes on elsewhere."""
    return None if sources is None else [s if s == STDIN else str(Path(s).absolute()) for s in sources]


def _stem(source: str) -> str:
    return "stdin" if source == STDIN else Path(source).resolve().stem.replace("*", "")
