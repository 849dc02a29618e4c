"""Text is readable on every colour of the page, on a light screen and paper, and on a dark screen."""

from __future__ import annotations

import pytest

from rnngen.rendering.palette import DARK, LIGHT, THEMES, TINT, letter

AA = 4.5  # WCAG 2.2, criterion 1.4.3


def channels(colour: str) -> list[int]:
    return [int(colour[n : n + 2], 16) for n in (1, 3, 5)]


def luminance(rgb: list[float]) -> float:
    linear = [c / 255 / 12.92 if c / 255 <= 0.04045 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in rgb]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str, opacity: float = 1.0, over: str = "#000000") -> float:
    """Of a text colour on another one, which may lie with some opacity over a third."""
    mixed = [opacity * a + (1 - opacity) * b for a, b in zip(channels(other), channels(over), strict=True)]
    light, dark = sorted((luminance([*map(float, channels(one))]), luminance(mixed)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_contrast_is_that_of_the_standard() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("name", THEMES)
def test_text_is_readable_on_every_colour(name: str) -> None:
    theme = THEMES[name]
    pairs = [("ink", on) for on in ("paper", "card", "s1", "s2", "s3", "right", "wrong")]
    pairs += [("soft", "paper"), ("s4-ink", "s4"), *(("mark-ink", run) for run in theme if run.startswith("run-"))]
    poor = {pair: contrast(theme[pair[0]], theme[pair[1]]) for pair in pairs}
    poor |= {
        ("ink", tone): contrast(theme["ink"], theme[tone], TINT, theme["card"]) for tone in ("negative", "positive")
    }
    assert {pair: round(value, 2) for pair, value in poor.items() if value < AA} == {}


@pytest.mark.parametrize(("palette", "paper"), [(LIGHT, THEMES["light"]), (DARK, THEMES["dark"])])
def test_lines_stand_out_and_no_two_are_alike(palette: tuple[str, ...], paper: dict[str, str]) -> None:
    assert len(set(palette)) == len(palette) == 8
    assert min(contrast(colour, paper["paper"]) for colour in palette) > 3  # criterion 1.4.11


def test_every_run_has_a_letter() -> None:
    letters = [letter(number) for number in range(60)]
    assert letters[:2] + letters[51:53] == ["a", "b", "Z", "53"]
    assert len(set(letters)) == 60
