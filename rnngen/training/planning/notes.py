"""Notes on a plan that a user should read before the first step: a sentence each, with what to do."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from rnngen.corpus.character_facts import CharacterFacts
from rnngen.corpus.documents import NONE, as_rows
from rnngen.corpus.encoded import EncodedCorpus
from rnngen.corpus.likeness import Likeness, too_short, unlike_parts
from rnngen.corpus.overlap import overlap
from rnngen.options.training import DataConfig

FEW_STEPS = 100  # with fewer a model writes gibberish
ENOUGH_STEPS = 1000
ENOUGH_TOKENS = 100_000
FEW_OCCURRENCES = 3
CONSPICUOUS = 1e-3  # share of the characters
MANY_BYTES = 0.2  # share of the tokens; in languages with spaces between words it is a few hundredths

_NAMES = {"valid": "validation", "test": "test"}


def _enough_text(corpus: EncodedCorpus) -> str:
    """The size of a text like this one with enough tokens."""
    train = corpus.train
    size = ENOUGH_TOKENS * train.counts.bytes / max(1, len(train.tokens))
    return f"{max(100, 50 * math.ceil(size / 50_000)):,} KB ({ENOUGH_TOKENS:,} tokens)"


def notes_on_text(corpus: EncodedCorpus, data: DataConfig) -> list[str]:
    """Notes on a text that may be misread or is too short, and on held-out parts that are unlike the training part."""
    notes = list(corpus.sources.notes) if corpus.sources else []
    notes += [as_rows(f"the {_NAMES[part]} text") for part in corpus.lists]
    notes += [_note_on_part(part, corpus, data) for part in unlike_parts(corpus)]
    if too_short(corpus):
        tokens = len(corpus.train.tokens)
        notes.append(
            f"{tokens:,} training tokens are few to learn a language from: the model will write gibberish or repeat "
            f"them. Give it more text, {_enough_text(corpus)} or more"
        )
    if corpus.characters is not None:
        notes += _notes_on_characters(corpus.characters)
    if rare := corpus.rare_characters(FEW_OCCURRENCES):
        occur, them = ("occurs", "it") if rare == 1 else ("occur", "them")
        notes.append(
            f"{rare:,} of {corpus.tokenizer.text_size - 1:,} characters {occur} fewer than {FEW_OCCURRENCES} times in "
            f"the training part, too few to learn {them}; `min_count={FEW_OCCURRENCES}` makes {them} unknown"
        )
    if corpus.tokenizer.level == "word" and (share := corpus.share_of_partial_characters()) > MANY_BYTES:
        notes.append(
            f"{share:.0%} of the tokens are bytes of characters, since the words in which they stand do not recur. In "
            "a language without spaces between words, `tokenizer=bpe` finds pieces that do"
        )
    return notes


def notes_on_overlap(corpus: EncodedCorpus, data: DataConfig) -> list[str]:
    """Notes on held-out parts that are files of their own, and in which much of the training part occurs.

    Parts of one text are not compared: they share nothing but what is repeated in it.
    """
    notes, tokenizer = [], corpus.tokenizer
    boundary = tokenizer.boundary(data.documents or NONE)
    for part in ("valid", "test"):
        if getattr(data, part):
            found = overlap(corpus.parts[part], corpus.train.tokens, boundary, tokenizer.label_ids())
            if found is not None:
                notes.append(
                    f"{found} of the {_NAMES[part]} part occur in the training part too, so scores on it flatter the "
                    "model"
                )
    return notes


def _notes_on_characters(facts: CharacterFacts) -> list[str]:
    """Notes on two forms of the same characters, and on characters that no text should have many of."""
    notes = []
    composed, decomposed = facts.composed, facts.decomposed
    if min(composed, decomposed) > CONSPICUOUS * max(composed, decomposed):
        notes.append(
            f"{composed:,} characters are composed and {decomposed:,} decomposed (é in one or in two code points), and "
            "a model takes them for different ones: `normalize=nfc` composes all"
        )
    total = sum(facts.counts().values())
    for what, count in (("control", facts.control), ("private-use", facts.private)):
        if count > CONSPICUOUS * total:
            notes.append(
                f"{count / total:.1%} of the characters are {what} characters: the text may not be what it seems. See "
                "where they come from, and remove them"
            )
    return notes


def _note_on_part(part: Likeness, corpus: EncodedCorpus, data: DataConfig) -> str:
    what = f"the {_NAMES[part.part]} part is unlike the training part"
    if part.unknown > part.unknown_limit:
        units = "words" if corpus.tokenizer.is_closed else "characters"
        what += f" ({part.unknown:.0%} of its {units} do not occur there)"
    what += ", so scores on it say little"
    if getattr(data, part.part):  # it is a file of its own
        return what
    if corpus.train.counts.documents:
        return f"{what}. Files of their own can be given with `valid` and `test`"
    return (
        f"{what}: the parts are cut by position. Mix the files' order, or give files of their own with `valid` and "
        "`test`"
    )


def note_on_time(steps: int, step_seconds: float, spent: float, total: float, *, trained: bool) -> list[str]:
    """A note on a run by the clock that has hardly any time for steps.

    Args:
        steps: number of steps that fit into the time.
        step_seconds: duration of each.
        spent: seconds spent before the first step.
        total: seconds that the whole command may take.
        trained: whether it begins with trained weights.
    """
    if steps >= FEW_STEPS:
        return []
    fit = f"only {steps} {'step fits' if steps == 1 else 'steps fit'} into the time that is left"
    left = "the time is over before the first step" if spent >= total else fit
    minutes = math.ceil((spent + ENOUGH_STEPS * step_seconds) / 60)
    then = "little will change" if trained else "the model will write gibberish"
    return [f"{left}: {then}. Give it more: `minutes={minutes}`"]


OBSERVED_SECONDS = 0.1  # for which this process waits to see what others do
MAX_IDLE = 0.3  # fraction of the processors' time


def note_on_load(load: float | None, processors: int, idle_seconds: Callable[[], float | None]) -> list[str]:
    """A note on other programs: the load was high in the last minute, and no processor is idle at present.

    Args:
        load: average number of processes that ran or waited to run, in the last minute; None: unknown.
        processors: number of processors that this process may use.
        idle_seconds: returns the seconds for which these have been idle in total; None: unknown.
    """
    if load is None or load <= processors:
        return []
    before = idle_seconds()
    time.sleep(OBSERVED_SECONDS)
    after = idle_seconds()
    if before is not None and after is not None and after - before > MAX_IDLE * processors * OBSERVED_SECONDS:
        return []  # it was a run that has ended, or the load is that of a host with more processors
    count = "1 processor" if processors == 1 else f"{processors} processors"
    return [
        f"other programs keep this machine busy (load {load:.1f} on {count}): training will be slower than it "
        "could be until they end"
    ]
