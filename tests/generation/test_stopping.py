from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from rnngen.generation.options import Sampling
from rnngen.generation.stopping import Ending, StopMatcher
from tests.corpus.test_tokenizer import cuts

texts = st.text("ab\n", max_size=14)
strings = st.lists(st.text("ab\n", min_size=1, max_size=4), max_size=3)


def naive(text: str, stops: list[str]) -> tuple[str, str | None]:
    """The text before the string that is complete first; of those complete at the same place, the longest."""
    for end in range(1, len(text) + 1):
        for stop in sorted(stops, key=len, reverse=True):
            if text[:end].endswith(stop):
                return text[: end - len(stop)], stop
    return text, None


@given(texts, strings, st.lists(st.integers(0, 14)))
@example("aab", ["ab"], [1, 2])
@example("abab\n", ["abab\n", "b\n"], [])
@example("ab", ["ab", "b"], [])
def test_what_is_found_is_the_definition_whatever_the_pieces(text: str, stops: list[str], places: list[int]) -> None:
    matcher = StopMatcher(stops)
    shown = "".join(matcher.push(piece) for piece in cuts(text, places))
    if matcher.found is None:
        shown += matcher.finish()
    assert (shown, matcher.found) == naive(text, stops)


@given(texts, strings)
def test_no_more_is_held_back_than_may_become_a_stop_string(text: str, stops: list[str]) -> None:
    matcher = StopMatcher(stops)
    shown = ""
    for end, character in enumerate(text, start=1):
        shown += matcher.push(character)
        if matcher.found is not None:
            break
        held = text[len(shown) : end]
        assert held == max((h for s in stops for h in _beginnings(s) if text[:end].endswith(h)), key=len, default="")


def _beginnings(string: str) -> list[str]:
    return [string[:n] for n in range(1, len(string))]


def test_after_the_end_nothing_is_shown() -> None:
    matcher = StopMatcher(["b"])
    assert [matcher.push(piece) for piece in ("a", "bc", "d")] == ["a", "", ""]


def test_an_ending_says_why() -> None:
    def reason(text: str, **options: object) -> tuple[str, str, str | None]:
        ending = Ending(Sampling(**options))  # type: ignore[arg-type]
        shown = ending.push(text)
        return shown + ("" if ending.stop else ending.finish("")), ending.reason, ending.stop

    assert reason("a\nb") == ("a\nb", "length", None)
    assert reason("a\nb", until="line") == ("a", "line", "\n")
    assert reason("a\nb\n\nc", until="paragraph") == ("a\nb", "paragraph", "\n\n")
    assert reason("a\nb", until="paragraph", stop=["b"]) == ("a\n", "stop", "b")
    assert reason("a\n", until="paragraph") == ("a\n", "length", None)
