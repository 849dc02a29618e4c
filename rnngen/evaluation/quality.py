"""What the text of a model will be like, from its score, in a sentence that promises nothing.

Nats per character are the measure that all tokenizers share. What they mean is known for prose that is written with an
alphabet of letters and cases (Latin, Cyrillic, Greek): Shannon wrote English with the statistics of one to three
letters and of words, and guessed how much is left in fluent prose (1951, "Prediction and Entropy of Printed English").
For other scripts, code, tables and lists of names the same number means something else, so only the number is told.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rnngen.corpus.scripts import script_of

LEVELS = (
    (2.7, "letters as often as in the text, without words"),
    (2.2, "pieces that can be pronounced and a few short words"),
    (1.8, "short words that exist and longer ones that do not"),
    (1.45, "mostly words that exist, in no lasting order"),
    (1.2, "words that exist, in phrases that hold for a few words"),
    (0.95, "mostly correct sentences that lose their thread"),
    (0.0, "fluent sentences over a few lines, or passages that the text repeats"),
)
"""Nats per character of prose from which on → what is written."""

ORDER = ((0.75, 1.45), (0.66, 1.2))
"""Of tokens that are words or parts of words: share of the nats that their frequencies alone would cost from which on →
nats per character of the level that is promised at most. Frequent words exist, whatever their order: n-grams of the
Penn Treebank's words reach 0.79 (bigrams) and 0.76 (trigrams), networks 0.66 and less.
"""

ALPHABETS = ("Latin", "Cyrillic", "Greek")
LETTERS = 0.65  # share of the characters of prose that are letters; of code it is less
OF_ALPHABET = 0.95  # share of the letters
SHORT = 200  # mean characters of documents that are names, titles or verses, not prose
TRUSTED_UNKNOWN = 0.01  # share of unknown tokens up to which their missing characters change little

STILL_FALLING = 0.01  # the score fell by more than this fraction in the last quarter of the steps
ROSE = 0.005  # the last score is above the lowest one by more than this fraction
_LAST_QUARTER = 0.75


@dataclass(frozen=True)
class Trend:
    """What the validation score did at the end.

    Attributes:
        rose: it is higher than at its lowest.
        falling: the last one is the lowest, and it had just been falling.
    """

    rose: bool
    falling: bool


def trend(validations: Sequence[tuple[int, float]]) -> Trend:
    """What the score did at the end.

    Args:
        validations: (step, nats per token), in order.
    """
    scored = [each for each in validations if each[0] > 0]
    if len(scored) < 3:
        return Trend(rose=False, falling=False)
    last_step, last = scored[-1]
    lowest = min(nll for _, nll in scored)
    before = [nll for step, nll in scored if step <= scored[0][0] + _LAST_QUARTER * (last_step - scored[0][0])]
    rose = last > lowest * (1 + ROSE)
    return Trend(rose, last <= lowest and min(before) - lowest > STILL_FALLING * lowest)


def is_prose(counts: Mapping[str, int], mean_document: float | None = None) -> bool:
    """Whether the levels apply to a text: prose in an alphabet.

    Args:
        counts: how often each character occurs.
        mean_document: the mean length of its documents, in characters; None: it is one stream.
    """
    scripts = {character: script_of(character) for character in counts}
    letters = sum(n for c, n in counts.items() if scripts[c])
    of_alphabet = sum(n for c, n in counts.items() if scripts[c] in ALPHABETS)
    is_long = mean_document is None or mean_document >= SHORT
    return is_long and letters >= LETTERS * sum(counts.values()) > 0 and of_alphabet >= OF_ALPHABET * letters


def expected_text(nats_per_character: float, *, prose: bool, share: float = 0.0) -> str:
    """What to expect of the text, with the number that says so.

    Args:
        nats_per_character: of the validation part.
        prose: whether ``is_prose`` holds for the text.
        share: what ``ORDER`` goes by; 0 for characters and bytes.
    """
    score = f"{nats_per_character:.2f} nats per character"
    if not prose:
        return f"On average it hesitates between {_choices(nats_per_character)} ({score})"
    limits = [nats for least, nats in ORDER if share >= least]
    level = next(words for least, words in LEVELS if max([nats_per_character, *limits]) >= least)
    return f"Expect {level} ({score}; in prose, words begin at about 2 and fluent sentences at about 1)"


def _choices(nats: float) -> str:
    """About e^nats characters, in words."""
    number = math.exp(min(nats, 20.0))
    return f"about {number:,.0f} characters" if number >= 1.5 else "hardly more than 1 character"


def would_help_longer(seen: Trend, epochs: float) -> bool:
    """Whether training longer would help: the score was still falling, or not all of the text has been read."""
    return not seen.rose and (seen.falling or epochs < 1)


def text_read(characters: int, epochs: float) -> str:
    """How much text was read, in the words after "It has read".

    Args:
        characters: of the training part.
        epochs: how often it was read.
    """
    unit = "1 character" if characters == 1 else f"{characters:,} characters"
    if epochs < 1:
        return f"{int(100 * epochs)}% of {unit}" if epochs >= 0.01 else f"less than 1% of {unit}"
    return f"{unit} {epochs:.1f} times" if f"{epochs:.1f}" != "1.0" else f"{unit} once"


def outlook(seen: Trend, epochs: float) -> str:
    """What would help, in the words after a semicolon; empty: nothing is known to."""
    if seen.rose:
        return "the validation score rose at the end, so more text would help, and longer training would not"
    if seen.falling:
        return "the validation score was still falling, so train longer"
    return "not all of the text has been read, so train longer" if would_help_longer(seen, epochs) else ""


def summary(
    *,
    nats_per_character: float | None,
    unknown: float,
    prose: bool,
    share: float,
    bidirectional: bool,
    characters: int,
    epochs: float,
    seen: Trend,
    perplexity: float | None = None,
) -> str:
    """One or two sentences about a model that has just been trained.

    Args:
        nats_per_character: the best score on the validation part; None: there is none.
        unknown: the share of unknown tokens in that part, which cost less than their characters would.
        prose: whether ``is_prose`` holds for the text.
        share: of the nats that the tokens' frequencies alone would cost; 0 for characters and bytes.
        bidirectional: whether the nats are pseudo-nats, which say nothing about written text.
        characters: of the training part.
        epochs: how often it was read.
        seen: what the validation score did at the end.
        perplexity: per token of a closed vocabulary, of which characters say nothing; None: the vocabulary is open.
    """
    read = f"It has read {text_read(characters, epochs)}"
    then = outlook(seen, epochs)
    read = f"{read}; {then}." if then else f"{read}."
    if nats_per_character is None or bidirectional:
        return read
    if perplexity is not None:
        return f"Its perplexity is {perplexity:,.1f} per token of its closed vocabulary. {read}"
    told = prose and unknown <= TRUSTED_UNKNOWN
    return f"{expected_text(nats_per_character, prose=told, share=share)}. {read}"
