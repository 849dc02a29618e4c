"""How text is to be drawn, and where it ends: the options, and what they may be."""

from __future__ import annotations

import difflib
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, TypedDict, get_args

from rnngen.errors import UsageError
from rnngen.sampling.stopping import Until

DEFAULT_LENGTH = 500
LENGTH_UNTIL = 10_000
"""The most tokens where ``until`` says when to end, and no length is given."""


class Options(TypedDict, total=False):
    """The keyword arguments of everything that writes text. What is not given is neutral.

    They take effect in this order. ``Sampling`` has the defaults.
    """

    repetition_penalty: float
    repetition_window: int
    ban: Sequence[str]
    force: str
    temperature: float
    top_k: int
    top_p: float
    min_p: float
    typical: float
    length: int | None
    until: Until | None
    stop: Sequence[str]
    keep_stop: bool


@dataclass(frozen=True)
class Sampling:
    """How a text is drawn and where it ends: the fields of ``Options``, checked.

    Attributes:
        repetition_penalty: logits of repeated tokens are divided (if negative, multiplied) by this; 1: no penalty.
        repetition_window: the last tokens, the prompt's included, in which a token counts as repeated; 0: none.
        ban: no token that contains one of these strings is drawn.
        force: the text begins with this.
        temperature: divides the logits; 0 takes the likeliest token every time.
        top_k: draw from the k likeliest tokens; 0: all.
        top_p: draw from the fewest tokens of this probability; 1: all.
        min_p: draw from tokens of at least this share of the likeliest one's probability; 0: all.
        typical: draw from the tokens nearest to the expected surprise, of this probability; 1: all.
        length: tokens to write at most; None: ``DEFAULT_LENGTH``, or ``LENGTH_UNTIL`` with ``until``.
        until: end before the next line end or empty line, or after the first sentence (see ``sentences.py``); line
            ends that come before the line, sentence or paragraph are left out.
        stop: end before one of these strings.
        keep_stop: end after it instead.

    Raises:
        UsageError: a value out of range; it names the option, what is expected, and what was given.
    """

    repetition_penalty: float = 1.0
    repetition_window: int = 64
    ban: Sequence[str] = ()
    force: str = ""
    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    typical: float = 1.0
    length: int | None = None
    until: Until | None = None
    stop: Sequence[str] = ()
    keep_stop: bool = False

    def __post_init__(self) -> None:
        for name in ("ban", "stop"):
            if isinstance(getattr(self, name), str):  # one string, not its characters
                object.__setattr__(self, name, (getattr(self, name),))
        penalty = self.repetition_penalty
        check_temperature(self.temperature)
        _check("repetition-penalty", penalty, 0.01 <= penalty <= 100, "a number from 0.01 to 100 (1 is none)")
        for name in ("top_p", "min_p", "typical"):
            value = getattr(self, name)
            _check(name, value, 0 <= value <= 1, "a number from 0 to 1")
        for name in ("repetition_window", "top_k"):
            check_count(name, getattr(self, name))
        if self.length is not None:
            check_count("length", self.length)
        if self.until is not None:
            _check("until", self.until, self.until in get_args(Until), "line, sentence or paragraph")
        for name in ("ban", "stop"):
            if "" in getattr(self, name):
                raise UsageError(f"--{name} is empty", expected="a text")
        _check("keep-stop", self.keep_stop, isinstance(self.keep_stop, bool), "true or false")

    @property
    def most(self) -> int:
        """Tokens to write at most."""
        if self.length is not None:
            return self.length
        return LENGTH_UNTIL if self.until else DEFAULT_LENGTH

    def changes(self, *names: str) -> list[str]:
        """Which of these fields are not at their default, in the order of the fields."""
        return [f.name for f in fields(self) if f.name in names and getattr(self, f.name) != f.default]


def make_sampling(options: Mapping[str, Any]) -> Sampling:
    """The options that were given by name, checked.

    Raises:
        UsageError: there is no such option, or a value cannot be.
    """
    names = [f.name for f in fields(Sampling)]
    for name in options:
        if name not in names:
            close = difflib.get_close_matches(name, names, n=1)
            hint = f"Did you mean {close[0]}?" if close else f"There are: {', '.join(names)}."
            raise UsageError(f"there is no option {name!r} of sampling", hint=hint)
    return Sampling(**options)


def check_count(name: str, value: int, least: int = 0, most: int | None = None) -> None:
    """Refuse a number that is too small, or too large.

    Raises:
        UsageError: it is below ``least``, or above ``most``.
    """
    expected = f"an integer ≥ {least}" if most is None else f"an integer from {least} to {most:,}"
    _check(name, value, value >= least and (most is None or value <= most), expected)


def check_temperature(value: float) -> None:
    """Refuse what logits cannot be divided by.

    Raises:
        UsageError: it is below 0, infinite or no number.
    """
    _check("temperature", value, 0 <= value < math.inf, "a number ≥ 0 (0 is greedy)")


def _check(name: str, value: object, ok: bool, expected: str) -> None:
    if not ok:
        raise UsageError(f"--{name.replace('_', '-')} is out of range", expected=expected, found=value)


def draw_seed() -> int:
    """A seed nobody chose, small enough to retype."""
    return int.from_bytes(os.urandom(4))
