"""What a run's folder is good for: which of its files are sound, what can be used, and what resuming it would do.

Nothing here raises for a damaged run: damage is the answer. Every answer comes from the code that would read the run,
so that no second opinion can differ from it: readers of weights open them, and resuming is rehearsed up to its first
step.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rnngen.corpus.progress import OnProgress
from rnngen.corpus.tokenizer.load import MAX_BYTES, load_tokenizer
from rnngen.errors import ChangedTextError, CorpusError, RnngenError, UsageError
from rnngen.ngram.file import load_mixture
from rnngen.options.network import ModelConfig
from rnngen.options.training import TrainConfig
from rnngen.runs.card import make_card
from rnngen.runs.contents import FileReport, is_there, report_files
from rnngen.runs.files import read_json, read_needed
from rnngen.runs.finding import never_saved, open_run
from rnngen.runs.in_use import written_by
from rnngen.runs.layout import CONFIG, MANIFEST, MODEL, NGRAM, TOKENIZER, put_back
from rnngen.runs.run import Run
from rnngen.training.checkpoint import read_training_state, states_to_resume_from
from rnngen.training.resuming import resume
from rnngen.training.state_checks import MAX_BESIDES, max_file_size

_ATTEMPTS = 5  # to see a run that is being written in one state


@dataclass(frozen=True)
class StateReport:
    """A saved state.

    Attributes:
        step: steps taken.
        error: why it cannot be used; None: it is sound.
    """

    step: int
    error: str | None


@dataclass(frozen=True)
class Use:
    """Something a run may be used for.

    Attributes:
        commands: those that do it.
        error: why it is impossible; None: it is possible.
        is_damage: whether that is because of damage, and not because there are no weights yet.
    """

    commands: str
    error: str | None
    is_damage: bool


@dataclass(frozen=True)
class Prospect:
    """What ``rnngen train --resume`` would do.

    Attributes:
        step: the step that it would resume at; None: it would not.
        steps: the number of steps of the whole run, as planned now.
        finished: whether nothing is left to do.
        notes: what it would tell: the damaged states that it passes over, where it found the text.
        error: why it would not; None: it would.
        is_damage: whether that is because of the run, and not of its text, this machine or another process.
    """

    step: int | None = None
    steps: int | None = None
    finished: bool = False
    notes: tuple[str, ...] = ()
    error: str | None = None
    is_damage: bool = False


@dataclass(frozen=True)
class Verification:
    """What was found in a run's folder.

    Attributes:
        path: the folder.
        written_by: the process that is writing it now, in words; None: there is none.
        files: every file.
        states: the saved states, the newest first.
        uses: what it may be used for.
        prospect: what resuming it would do.
    """

    path: Path
    written_by: str | None
    files: tuple[FileReport, ...]
    states: tuple[StateReport, ...]
    uses: tuple[Use, ...]
    prospect: Prospect

    @property
    def is_sound(self) -> bool:
        """Whether nothing is damaged or missing."""
        damage = [*(file.is_damage for file in self.files), *(use.is_damage for use in self.uses)]
        return not (any(damage) or self.prospect.is_damage or any(state.error for state in self.states))


def verify(folder: Path, on_progress: OnProgress | None = None) -> Verification:
    """Check a run. Nothing in its folder is changed.

    Args:
        folder: the run's.
        on_progress: called with what is being read, encoded and measured.
    """
    tell = on_progress or (lambda what, done, total: None)
    tell("checking files", 0, None)
    for _ in range(_ATTEMPTS):
        before = _moment(folder)
        most = _max_state_bytes(folder)
        files, states, uses = report_files(folder, most), _states(folder, most), _uses(folder)
        if _moment(folder) == before:
            break
    tell("reading the newest saved state", 0, None)
    writer = written_by(folder)
    return Verification(
        folder, writer, tuple(files), tuple(states), tuple(uses), _prospect(folder, writer, on_progress)
    )


def _moment(folder: Path) -> object:
    """What changes with every save of a run."""
    try:
        manifest = (folder / MANIFEST).lstat()
        return manifest.st_ino, manifest.st_mtime_ns, states_to_resume_from(folder)
    except (OSError, RnngenError):
        return None


def _max_state_bytes(folder: Path) -> int:
    """The largest size of a saved state. Of an unknown network none can be used, and only small ones are read."""
    try:
        saved = read_json(folder / CONFIG)
        config = saved if isinstance(saved, dict) else {}
        model = ModelConfig.saved(config.get("model"), "model", folder / CONFIG)
        train = TrainConfig.saved(config.get("train"), "train", folder / CONFIG)
        tokenizer = load_tokenizer(folder / TOKENIZER, read_needed(folder / TOKENIZER, MAX_BYTES))
    except RnngenError:
        return MAX_BESIDES
    return max_file_size(model, train.batch_size, tokenizer.vocab_size)


def _states(folder: Path, max_bytes: int) -> list[StateReport]:
    try:
        states = states_to_resume_from(folder)
    except RnngenError:  # what is wrong is told of the file
        return []
    return [
        StateReport(int(put_back(state).name), _error(partial(read_training_state, state, max_bytes)))
        for state in states
    ]


def _uses(folder: Path) -> list[Use]:
    """What the weights may be used for, and the n-gram model if there is one."""
    opened: list[Run] = []

    def read() -> None:
        run = open_run(folder)
        run.weights()
        opened.append(run)

    error = _error(read)
    if not opened:
        return [Use("sample, fill, eval", error, is_damage=is_there(folder / MANIFEST) or is_there(folder / MODEL))]
    (run,) = opened
    command = "fill" if run.model_config().bidirectional else "sample"
    uses = [Use(f"{command}, eval", None, is_damage=False)]
    if NGRAM in run.manifest:
        error = _error(partial(load_mixture, run))
        uses.append(Use("sample --ngram, eval --ngram", error, is_damage=error is not None))
    return uses


def _prospect(folder: Path, writer: str | None, on_progress: OnProgress | None) -> Prospect:
    """Rehearse ``rnngen train --resume``."""
    if writer is not None:
        return Prospect(error=f"it is being written by {writer}")
    try:
        launched = resume(folder, rehearsal=True, on_progress=on_progress)
    except (CorpusError, ChangedTextError, UsageError) as error:
        return Prospect(error=str(error))
    except RnngenError as error:
        lost = _has_states(folder) or not _is_finished(folder)  # of a finished run they may have been pruned
        return Prospect(error=str(error), is_damage=not never_saved(folder) and lost)
    trainer = launched.trainer
    unmixed = bool(trainer.config.train.ngram) and not trainer.writer.has_ngram
    finished = trainer.is_over and not trainer.progress.due and not unmixed
    return Prospect(trainer.step, trainer.schedule.steps, finished, (*trainer.warnings, *launched.notes))


def _is_finished(folder: Path) -> bool:
    try:
        return make_card(open_run(folder)).finished is not False
    except RnngenError:
        return True


def _has_states(folder: Path) -> bool:
    try:
        return bool(states_to_resume_from(folder))
    except RnngenError:
        return False


def _error(read: Callable[[], object]) -> str | None:
    try:
        read()
    except RnngenError as error:
        return str(error)
    return None
