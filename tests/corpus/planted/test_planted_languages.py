"""Planted languages: where something has to be remembered, how far back it stands, and that the text says so itself."""

from __future__ import annotations

import random
import re
from collections import Counter
from pathlib import Path

import pytest

from rnngen.corpus.documents import looks_like_a_list
from rnngen.corpus.named.built import build
from rnngen.corpus.planted.adding import Adding
from rnngen.corpus.planted.brackets import CLOSING, DEPTH, OPENING, Brackets
from rnngen.corpus.planted.copying import Copying
from rnngen.corpus.planted.language import Decision, Language
from rnngen.corpus.planted.languages import LANGUAGES, language_of, planted_text
from rnngen.errors import UsageError
from rnngen.options.declare import declared
from rnngen.options.planted import OF_LANGUAGE, PlantedOptions


def lines(language: Language, **options: object) -> list[str]:
    return planted_text(language, PlantedOptions.of({"size": 200, **options})).splitlines()


@pytest.mark.parametrize(("language", "distance"), [("brackets", 21), ("copy", 21), ("adding", 21), ("copy", 5)])
def test_the_longest_dependency_of_a_line_has_the_distance_that_was_asked_for(language: str, distance: int) -> None:
    of = LANGUAGES[language]
    for line in lines(of, distance=str(distance)):
        decisions = of.decisions(line)
        assert decisions
        assert max(each.distance for each in decisions) == distance


def test_brackets_match_as_a_compiler_would_say() -> None:
    for line in lines(Brackets(), distance="1-40"):
        rest = line
        while rest:  # pairs are removed until nothing is left
            rest, before = re.sub(r"\(\)|\[\]|\{\}|<>", "", rest), rest
            assert rest != before
        for position, distance in Brackets().decisions(line) or []:
            between = line[position - distance + 1 : position]
            assert OPENING.index(line[position - distance]) == CLOSING.index(line[position])
            assert sum(between.count(c) for c in OPENING) == sum(between.count(c) for c in CLOSING)
        depths = [sum(line[:i].count(c) for c in OPENING) - sum(line[:i].count(c) for c in CLOSING) for i in range(60)]
        assert max(depths) <= DEPTH
    assert Brackets().decisions("([])") == [Decision(2, 1), Decision(3, 3)]


def test_the_second_word_is_the_first() -> None:
    for line in lines(Copying(), distance="5-40"):
        found = re.fullmatch(r"([a-h]{3}):[a-h]*>([a-h]{3})", line)
        assert found
        assert found[1] == found[2]
        for position, distance in Copying().decisions(line) or []:
            assert line[position] == line[position - distance]
    assert Copying().decisions("ab:ca>ab") == [Decision(6, 6), Decision(7, 6)]


def test_the_sum_is_that_of_the_marked_numbers() -> None:
    for line in lines(Adding(), distance="4-40"):
        a, b = (int(line[mark.end()]) for mark in re.finditer(r"\*", line))
        assert line.endswith(f"={a + b}")
        ((position, distance),) = Adding().decisions(line) or []
        assert position == len(line) - 1
        assert line[position - distance - 1] == "*"
        assert "*" not in line[: position - distance - 1]
    assert Adding().decisions("0*31*42=7") == [Decision(8, 6)]


@pytest.mark.parametrize(
    ("language", "line"),
    [
        ("brackets", "([)]"), ("brackets", "("), ("brackets", ""), ("brackets", "(a)"), ("copy", "abc:a>abd"),
        ("copy", "abc:abc"), ("copy", "abc:a>abcd"), ("adding", "*1*2=4"), ("adding", "*12=3"), ("adding", "1*2*3=5 "),
    ],
)  # fmt: skip
def test_what_is_not_in_a_language_is_not_taken_for_it(language: str, line: str) -> None:
    assert LANGUAGES[language].decisions(line) is None
    assert language_of([line]) is None


@pytest.mark.parametrize("name", LANGUAGES)
def test_a_text_says_by_its_symbols_what_language_it_is_in(name: str) -> None:
    language = LANGUAGES[name]
    text = lines(language, kinds=3, size=500)
    assert language_of(text) is language
    assert language_of([*text, "prose"]) is None
    assert language.kinds_in("\n".join(text)) == 3
    answers = {line[each.position] for line in text for each in language.decisions(line) or []}
    assert answers == set(language.answers(3))


@pytest.mark.parametrize("name", LANGUAGES)
def test_chance_is_what_the_best_constant_answer_gets(name: str) -> None:
    language = LANGUAGES[name]
    text = lines(language, size=4000, distance="5-9")
    answers = Counter(line[each.position] for line in text for each in language.decisions(line) or [])
    best = answers.most_common(1)[0][1] / answers.total()
    assert best == pytest.approx(language.chance(language.default_kinds), abs=0.02)


@pytest.mark.parametrize("name", LANGUAGES)
def test_its_lines_are_documents_however_long_they_are(name: str) -> None:
    assert looks_like_a_list("\n".join(lines(LANGUAGES[name], distance="71-99")) + "\n")
    assert not looks_like_a_list("\n".join([*lines(LANGUAGES[name], distance="71-99"), "x" * 80] * 3) + "\n")


def test_as_many_distances_are_short_as_long_on_a_logarithmic_scale_and_every_one_occurs() -> None:
    distances = [Copying().decisions(line)[0].distance for line in lines(Copying(), distance="5-60", size=4000)]  # type: ignore[index]
    assert set(distances) == set(range(5, 61))
    short = sum(distance <= 15 for distance in distances) / len(distances)
    assert short == pytest.approx(0.46, abs=0.03)  # ln(16/5) of ln(61/5) is 0.46


def test_a_seed_is_a_text_and_no_choice_of_documents_for_a_part_depends_on_it() -> None:
    one, same, other = (planted_text(Copying(), PlantedOptions.of({"size": 50, "seed": s})) for s in (1, 1, 2))
    assert one == same != other
    rng = random.Random(0)  # as parts are chosen
    held_out = [rng.random() > 0.9 for _ in range(4000)]
    distances = [Copying().decisions(line)[0].distance for line in lines(Copying(), size=4000, seed=0)]  # type: ignore[index]
    mean = sum(distances) / len(distances)
    apart = [distance for distance, out in zip(distances, held_out, strict=True) if out]
    assert sum(apart) / len(apart) == pytest.approx(mean, rel=0.15)


def test_options_that_make_no_text_are_refused() -> None:
    for name, options, said in (
        ("brackets", {"distance": "40"}, "has no such `distance`; expected a number or a range, at least 1 and odd"),
        ("copy", {"distance": "3"}, "has no such `distance`; expected a number or a range, at least 5; found 3"),
        ("adding", {"kinds": 6}, "`kinds=6` is too many for adding; expected 2 to 5 numbers"),
    ):
        with pytest.raises(UsageError) as caught:
            build(name, Path("x.txt"), PlantedOptions.of(options))
        assert said in str(caught.value)
    for wrong in ("0", "9-4", "x", "4-", "99999"):
        with pytest.raises(UsageError, match="invalid value for `distance`"):
            PlantedOptions.of({"distance": wrong})
    assert not Path("x.txt").exists()


def test_the_options_of_an_experiment_know_its_language() -> None:
    assert OF_LANGUAGE.keys() == LANGUAGES.keys()
    for name, language in LANGUAGES.items():
        kinds = declared(OF_LANGUAGE[name])["kinds"].option
        assert (kinds.maximum, kinds.default_text) == (language.most_kinds, str(language.default_kinds))
