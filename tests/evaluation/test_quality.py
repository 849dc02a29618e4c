"""What is said of the text of a model: the same for all tokenizers, and nothing where nothing is known."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from rnngen.evaluation.quality import LEVELS, Trend, expected_text, is_prose, summary, text_read, trend

PROSE = "In the beginning there was a cat, and the cat sat on the mat. It was a good day for everybody who was there."


@pytest.mark.parametrize(
    ("text", "prose"),
    [
        (PROSE, True),
        ("Съешь же ещё этих мягких французских булок, да выпей чаю. " * 3, True),
        ("天地玄黃,宇宙洪荒。日月盈昃,辰宿列張。" * 5, False),
        ("ゆく河の流れは絶えずして、しかももとの水にあらず。", False),
        ("나는 어제 친구와 함께 학교에 갔다. 날씨가 좋았다.", False),
        ("self._x[i] = f(a, b)[0] + 1\n        return {1: 2}\n" * 5, False),
        ("12.5;13.75;0.001\n" * 20, False),
        ("", False),
    ],
)
def test_levels_apply_only_to_prose_in_an_alphabet(text: str, prose: bool) -> None:
    assert is_prose(Counter(text)) == prose


def test_levels_do_not_apply_to_lists_of_names() -> None:
    assert is_prose(Counter(PROSE), mean_document=2000)
    assert not is_prose(Counter(PROSE), mean_document=7)


def test_lower_scores_never_promise_less() -> None:
    found = [expected_text(nats / 100, prose=True).partition(" (")[0] for nats in range(400, 0, -1)]
    assert list(dict.fromkeys(found)) == [f"Expect {words}" for _, words in LEVELS]


@pytest.mark.parametrize(("nats", "choices"), [(4.0, "about 55 c"), (0.74, "about 2 c"), (0.1, "hardly more than 1 c")])
def test_other_texts_get_the_number_and_its_meaning(nats: float, choices: str) -> None:
    told = expected_text(nats, prose=False)
    assert f"On average it hesitates between {choices}haracter" in told  # e^4 = 54.6, e^0.74 = 2.1
    assert "words" not in told


def sentence(**changed: Any) -> str:
    values: dict[str, Any] = {
        "nats_per_character": 1.3,
        "unknown": 0.0,
        "prose": True,
        "share": 0.0,
        "bidirectional": False,
        "characters": 450_000,
        "epochs": 3.2,
        "seen": Trend(rose=False, falling=True),
    }
    return summary(**{**values, **changed})


def test_the_sentence_says_what_to_expect_how_much_was_read_and_what_would_help() -> None:
    assert sentence().startswith("Expect words that exist, in phrases that hold for a few words (1.30 nats per char")
    assert "It has read 450,000 characters 3.2 times; the validation score was still falling" in sentence()


@pytest.mark.parametrize(
    ("share", "level"),
    [(0.8, "mostly words that exist, in no"), (0.7, "words that exist, in phrases"), (0.5, "fluent")],
)
def test_words_that_exist_are_no_sentences_before_their_order_is_learned(share: float, level: str) -> None:
    assert expected_text(0.9, prose=True, share=share).startswith(f"Expect {level}")
    assert expected_text(2.0, prose=True, share=share) == expected_text(2.0, prose=True)


def test_a_text_that_has_not_been_read_whole_asks_for_more_training() -> None:
    flat = Trend(rose=False, falling=False)
    assert "not all of the text has been read, so train longer" in sentence(seen=flat, epochs=0.4)
    assert "longer" not in sentence(seen=flat)
    assert "so train longer" not in sentence(seen=Trend(rose=True, falling=False), epochs=0.4)


def test_nothing_is_promised_where_the_score_does_not_say() -> None:
    assert "Expect" not in sentence(unknown=0.05)  # the unknown symbol is cheaper than what it stands for
    assert sentence(bidirectional=True).startswith("It has read")
    assert sentence(nats_per_character=None).startswith("It has read")


def test_of_a_closed_vocabulary_the_perplexity_per_token_is_told() -> None:
    told = sentence(perplexity=112.34)
    assert told.startswith("Its perplexity is 112.3 per token of its closed vocabulary. It has read 450,000")
    assert "per character" not in told


@pytest.mark.parametrize(
    ("characters", "epochs", "words"),
    [
        (1, 2.0, "1 character 2.0 times"),
        (1000, 1.02, "1,000 characters once"),
        (1000, 0.4, "40% of 1,000 characters"),
        (10**9, 0.0001, "less than 1% of 1,000,000,000 characters"),
    ],
)
def test_how_much_was_read(characters: int, epochs: float, words: str) -> None:
    assert text_read(characters, epochs) == words


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([4.0, 3.0, 2.5, 2.2, 2.0], Trend(rose=False, falling=True)),
        ([4.0, 2.0, 1.998, 1.997, 1.996], Trend(rose=False, falling=False)),
        ([4.0, 2.0, 1.9, 1.95, 2.1], Trend(rose=True, falling=False)),
        ([4.0, 2.5, 2.2, 2.1, 2.0, 2.001], Trend(rose=False, falling=False)),  # its lowest is behind it
        ([4.0, 2.0], Trend(rose=False, falling=False)),  # too few to say
    ],
)
def test_what_the_validation_score_did_at_the_end(scores: list[float], expected: Trend) -> None:
    assert trend([(0, 9.9), *((10 * (i + 1), nll) for i, nll in enumerate(scores))]) == expected
