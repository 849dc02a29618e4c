"""Launching a run: from options to a trainer, with random weights or with those of another run.

``resuming.py`` does the same for a run that exists.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rnngen.arguments import STDIN, exists, is_folder
from rnngen.corpus.encoded import EncodedText
from rnngen.corpus.files.examine import stem_of
from rnngen.corpus.progress import OnProgress
from rnngen.corpus.recorded import SOURCES, recorded_files, relative_sources
from rnngen.corpus.tokenizer import Tokenizer
from rnngen.corpus.tokens import EncodedCorpus, prepare
from rnngen.errors import UsageError
from rnngen.options.config import RunConfig
from rnngen.options.declare import declared
from rnngen.options.given import Given
from rnngen.options.network import ModelConfig
from rnngen.platforms import quote_argument
from rnngen.runs.files import cannot_read
from rnngen.runs.finding import learned_nothing, never_saved, open_run, remove_failed
from rnngen.runs.in_use import written_by
from rnngen.runs.layout import (
    CONFIG,
    MANIFEST,
    MODEL,
    PASSING,
    RESUME,
    UNSAVED,
    checkpoints_folder,
    new_run_folder,
    saved_steps,
)
from rnngen.runs.run import Run
from rnngen.runs.siblings import KEY
from rnngen.runs.writer import RunWriter
from rnngen.training.growth import grown, note_on_growth
from rnngen.training.launched import Launched, run_to_end
from rnngen.training.planning.memory import keep_freed_memory
from rnngen.training.planning.pace import make_pace
from rnngen.training.planning.plan import make_plan
from rnngen.training.resuming import resume
from rnngen.training.siblings import Sibling
from rnngen.training.trainer import Trainer
from rnngen.uninterrupted import uninterrupted
from rnngen.version import __version__

__all__ = ["Launched", "launch", "resume", "run_to_end"]

DROPOUTS = {name for name in declared(ModelConfig) if name.endswith("dropout")}
"""Options of the network that may differ from those of the run whose weights it begins with."""
START = ("initialization", "gain")
"""Options of the network that say how weights are drawn, of which there is none where they are another run's."""


def launch(
    options: Mapping[str, Any],
    *,
    out: Path | None = None,
    init_from: Path | None = None,
    sibling: Sibling | None = None,
    started: float | None = None,
    on_progress: OnProgress | None = None,
) -> Launched:
    """Prepare a new run.

    Args:
        options: what the user gave, by flat name, or ``Given``; all else is decided by ``training/planning/plan.py``.
        out: the run's folder; by default the next free name under ``checkpoints/``.
        init_from: begin with this run's weights and tokenizer, which is given the characters or words that it lacks.
        sibling: as which it is trained, if it is one of a group.
        started: ``time.perf_counter()`` from which ``minutes`` counts; now by default.
        on_progress: called with what is being read, encoded and measured.

    Raises:
        UsageError, CorpusError, CheckpointError: before anything is trained.
    """
    started = time.perf_counter() if started is None else started
    keep_freed_memory()
    given = Given.of(options)
    if sibling:
        given = given.changed({"seed": sibling.seed})
    if init_from and given.preset:
        raise UsageError(
            "`preset` cannot be given with `init_from`",
            expected="the network and tokenizer of that run",
            hint="Give those of its values that are about learning as options.",
        )
    data = given.config.data
    if not data.corpus:
        raise UsageError("no text was given", expected="a file, folder or glob to train on")
    if out is not None:
        _refuse_occupied(out)
    first = open_run(init_from) if init_from else None
    weights = first.weights() if first else {}  # checked before anything of their size is allocated
    given = given.changed(_taken_over(first, given)) if first else given
    made = out is None or not exists(out)
    folder = out or new_run_folder(checkpoints_folder(), stem_of_source(data.corpus[0]))
    writer: RunWriter | None = None
    try:
        with uninterrupted():  # before the text is read, which may take long: an impossible folder is told at once
            writer = RunWriter(folder)
        _refuse_occupied(folder)  # again, now that no other process can begin a run here
        tokenizer = first.tokenizer() if first else None
        read = sibling.corpus if sibling else None
        corpus = read or prepare(given.config.data, tokenizer=tokenizer, grows=True, on_progress=on_progress)
        if sibling:
            sibling.check_text(corpus)
        given = given.changed(
            {name: _absolute(given[name]) for name in SOURCES if name in given}
        )  # named as typed so far
        decided = given.changed({"tokenizer": corpus.tokenizer.level, "documents": corpus.documents})
        plan = config = None
        if sibling and sibling.config:
            config = sibling.config.with_values({"seed": sibling.seed})
        else:
            plan = make_plan(decided, corpus, started, trained=first is not None, on_progress=on_progress)
            config = plan.config
        pace = make_pace(plan, given) if plan and not sibling else None  # siblings take the same steps
        trainer = Trainer(config, corpus, writer, pace=pace, trained=first is not None)
        if first and tokenizer:
            boundary = corpus.tokenizer.boundary(config.data.documents)
            weights = grown(weights, config.model, tokenizer, corpus.tokenizer, corpus.train.tokens, boundary)
            trainer.learner.begin_with(weights, first.path)
        writer.clear()
        record = _config_json(config, corpus, folder, first, given)
        writer.begin({**record, **({KEY: sibling.group.as_dict()} if sibling else {})}, corpus.tokenizer)
        notes: tuple[str, ...] = ()
        if first and tokenizer:
            notes = (f"it begins with the weights of {first.path}", *note_on_growth(tokenizer, corpus.tokenizer))
        return Launched(trainer, plan, notes, is_new=True)
    except BaseException:
        if writer:
            with uninterrupted():  # a run that never began leaves nothing behind
                writer.discard(folder_too=made)
        raise


def _taken_over(first: Run, given: Given) -> dict[str, Any]:
    """The network of the run that weights come from, and how it reads text.

    Raises:
        UsageError: the options ask for another one.
    """
    model = vars(first.model_config())
    fixed = {name: value for name, value in model.items() if name not in DROPOUTS and name not in START}
    if "gain" in given:
        raise UsageError("`gain` cannot be given with `init_from`", expected="the weights of that run")
    if "vocab_size" in given:
        raise UsageError("`vocab_size` cannot be given with `init_from`", expected="the vocabulary of that run")
    for name, value in fixed.items():
        if given.get(name, value) == value:
            continue
        if isinstance(value, bool):
            option = name if given[name] else f"no_{name}"
            raise UsageError(
                f"`{option}` cannot be given with `init_from`", hint=f"The network is that of {first.path}."
            )
        raise UsageError(
            f"`{name}` cannot change with `init_from`",
            expected=value,
            found=given[name],
            hint=f"The network is that of {first.path}; leave the option out.",
        )
    if "size" in given:
        raise UsageError("`size` cannot be given with `init_from`", expected="the size of the run it begins with")
    tokenizer = first.tokenizer()
    reading = {"tokenizer": tokenizer.level, "normalize": tokenizer.normalization}
    for name, value in reading.items():
        if given.get(name, value) != value:
            raise UsageError(f"`{name}` cannot change with `init_from`", expected=value, found=given[name])
    return {**fixed, **reading}


def _config_json(
    config: RunConfig, corpus: EncodedCorpus, folder: Path, first: Run | None, given: Given
) -> dict[str, Any]:
    """The content of config.json: all that was decided, what the user gave, and where text and weights come from."""
    begun = {"run": str(first.path.absolute()), "model": first.manifest[MODEL]["sha256"]} if first else None
    parts = {name: _recorded(part, corpus.tokenizer) for name, part in corpus.parts.items()}
    return {
        "rnngen": __version__,
        "given": sorted(given),
        **({"init_from": begun} if begun else {}),
        **config.as_dict(),
        "corpus": {
            "fingerprint": corpus.fingerprint,
            "vocab_size": corpus.tokenizer.vocab_size,
            **recorded_files(corpus.sources),
            "parts": parts,
            **({"unlabelled": corpus.unlabelled} if corpus.tokenizer.labels else {}),
            **({} if "documents" in given else {"chosen_documents": True}),
            "places": relative_sources(folder, config.data),
        },
    }


def _recorded(part: EncodedText, tokenizer: Tokenizer) -> dict[str, int]:
    """The length of a part; a closed vocabulary reads another text than the one that stands there."""
    counts = {"tokens": len(part.tokens), "characters": part.counts.characters}
    if tokenizer.is_closed:
        read = tokenizer.counts_of(part.tokens, part.counts)
        counts |= {"characters_as_read": read.characters, "unknown": part.unknown}
    return counts


def _refuse_occupied(folder: Path) -> None:
    """Refuse a folder that holds anything, so that a run can never overwrite files of others.

    A folder that holds nothing but a run that never saved is accepted.

    Raises:
        UsageError: the folder is occupied, or is none.
    """
    if exists(folder) and not is_folder(folder):
        hint = "Choose an `out` that is a new folder; a text is given as an argument: rnngen train TEXT."
        raise UsageError("is not a folder", where=folder, expected="a new or empty folder", found="a file", hint=hint)
    try:
        found = sorted({p.name for p in folder.iterdir()} - PASSING) if is_folder(folder) else []
    except OSError as error:
        raise cannot_read(folder, error) from error
    if never_saved(folder) and all(name in UNSAVED for name in found):
        return
    if any(name in found for name in (MANIFEST, CONFIG, RESUME)):
        quoted = quote_argument(str(folder))
        what_to_do = f"Resume it: rnngen train --resume {quoted}"
        if MANIFEST in found and not saved_steps(folder):
            begin = f"rnngen train TEXT --init-from {quoted}"
            what_to_do = f"It cannot be resumed, but a new run can begin with its weights: {begin}"
            if learned_nothing(folder):
                what_to_do = remove_failed(folder)
        if holder := written_by(folder):
            what_to_do = f"It is being trained by {holder}: wait for it"
        raise UsageError(
            "there is a run in this folder already", where=folder, hint=f"{what_to_do}; or choose another `out`."
        )
    if found:
        raise UsageError("the folder is not empty", where=folder, expected="a new or empty folder", found=found[0])


def _absolute(sources: Sequence[str]) -> list[str]:
    """The same sources from whatever folder the run is resumed."""
    return [s if s == STDIN else str(Path(s).absolute()) for s in sources]


def stem_of_source(source: str) -> str:
    return "stdin" if source == STDIN else stem_of(Path(source).resolve().name).replace("*", "")
