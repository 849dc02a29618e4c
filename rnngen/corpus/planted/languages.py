"""The planted languages by name, texts in them, and recognising such a text by its symbols."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Iterator, Sequence

from rnngen.corpus.planted.adding import Adding
from rnngen.corpus.planted.brackets import Brackets
from rnngen.corpus.planted.copying import Copying
from rnngen.corpus.planted.language import Language
from rnngen.errors import UsageError
from rnngen.options.planted import PlantedOptions

LANGUAGES: dict[str, Language] = {each.name: each for each in (Brackets(), Copying(), Adding())}
"""Name → language."""


def planted_text(language: Language, options: PlantedOptions) -> str:
    """A text in a language, one example per line.

    Distances are drawn log-uniformly: as many from 4 to 8 as from 30 to 60. Only from short ones can a network learn
    what is asked for at all.

    Raises:
        UsageError: the language has no such distance, or not so many kinds.
    """
    kinds = language.default_kinds if options.kinds is None else options.kinds
    if kinds > language.most_kinds:
        raise UsageError(
            f"`kinds={kinds}` is too many for {language.name}", expected=f"2 to {language.most_kinds} {language.kinds}"
        )
    distances = distances_in(language, *options.range(language.least_distance))
    weights = [math.log((distance + language.step) / distance) for distance in distances]
    rng = random.Random(f"{language.name} {options.seed}")  # unlike the numbers that choose documents for each part
    drawn = rng.choices(distances, weights, k=options.size)
    return "".join(language.write(distance, kinds, rng) + "\n" for distance in drawn)


def distances_in(language: Language, first: int, last: int) -> Sequence[int]:
    """The distances of a language in a range.

    Raises:
        UsageError: there is none.
    """
    begin = max(first, language.least_distance)
    begin += (language.least_distance - begin) % language.step
    if begin > last:
        odd = " and odd: brackets between a pair are pairs" if language.step > 1 else ""
        raise UsageError(
            f"{language.name} has no such `distance`",
            expected=f"a number or a range, at least {language.least_distance}{odd}",
            found=str(first) if first == last else f"{first}-{last}",
        )
    return range(begin, last + 1, language.step)


def language_of(lines: Iterable[str]) -> Language | None:
    """The language that every one of some lines is in; None: there is none."""
    some = iter(lines)
    first = next(some, None)
    if first is None:
        return None
    found = next((each for each in LANGUAGES.values() if each.decisions(first)), None)
    return found if found is not None and _all_in(found, some) else None


def _all_in(language: Language, lines: Iterator[str]) -> bool:
    return all(language.decisions(line) for line in lines)
