"""What a user should know of a plan before the first step: a sentence each, with what to do."""

from __future__ import annotations

import math

from rnngen.corpus.tokens import EncodedCorpus

FEW_STEPS = 100  # fewer than these leave a model that writes gibberish
ENOUGH_STEPS = 1000
LITTLE_TEXT = 20_000  # characters to learn from


def note_on_text(corpus: EncodedCorpus) -> list[str]:
    """A text that is too short to learn a language from."""
    characters = corpus.train.counts.characters
    if characters >= LITTLE_TEXT:
        return []
    return [
        f"{characters:,} characters are too few to learn a language from: the model will repeat them or write "
        "gibberish. Give it 100,000 or more"
    ]


def note_on_time(steps: int, step_seconds: float, spent: float, total: float) -> list[str]:
    """A run by the clock that has hardly any time for steps.

    Args:
        steps: that fit into the time.
        step_seconds: of each.
        spent: seconds, before the first step.
        total: seconds that the whole command may take.
    """
    if steps >= FEW_STEPS:
        return []
    fit = f"only {steps} {'step fits' if steps == 1 else 'steps fit'} into the time that is left"
    left = "the time is over before the first step" if spent >= total else fit
    minutes = math.ceil((spent + ENOUGH_STEPS * step_seconds) / 60)
    return [f"{left}: the model will write gibberish. Give it more: --minutes {minutes}"]


def note_on_load(load: float | None, processors: int) -> list[str]:
    """Other programs that keep the machine busy.

    Args:
        load: processes that ran or waited to run, a mean over the last minute; None: nobody knows.
        processors: that this process may use.
    """
    if load is None or load <= processors:
        return []
    count = "1 processor" if processors == 1 else f"{processors} processors"
    return [
        f"other programs keep this machine busy (load {load:.1f} on {count}): training will be slower than it "
        "could be until they end"
    ]
