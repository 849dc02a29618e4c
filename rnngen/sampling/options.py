"""The options of writing text: how tokens are drawn, where a text ends, and which samples are written."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from rnngen.errors import UsageError
from rnngen.options.declare import Options, argument, declared, option

if TYPE_CHECKING:
    from pathlib import Path

    from rnngen.runs.run import Run

DEFAULT_LENGTH = 500
LENGTH_UNTIL = 10_000
"""The maximum number of tokens where something else ends the text: ``until``, a document's end, a number of words."""

TOKENS_PER: dict[Literal["word", "sentence"], int] = {"word": 50, "sentence": 1000}
"""Many times as many tokens as a word or a sentence usually has: a text of N words ends after N times as many at the
latest, if that is more than ``LENGTH_UNTIL``. It keeps a model that writes no ends of words from writing forever."""

GIVE_UP = 2000
"""Samples in a row that do not meet the conditions, after which there are taken to be no more that do."""

DRAWING, ENDING, SAMPLES = "Drawing, in the order in which it is applied", "Ending", "Which, and how many"
"""Headings of the command's help."""

Until = Literal["line", "sentence", "paragraph"]


class Sampling(Options):
    """How the tokens of a text are drawn, in the order in which the options apply, and where the text ends.

    The defaults change nothing. An option with the role ``filter`` is applied by the function of that name in
    ``filters.py``; one with the role ``drawing`` also changes the draws.
    """

    title = "sampling option"
    function = "generate"
    beside: ClassVar[tuple[str, ...]] = ("seed",)

    label: str | None = option(
        None,
        "Write a text with this label, of those that `label_field` gave; an empty one: without.",
        panel="Prompt",
        default_text="drawn for each text, as often as learned",
        once=True,
    )
    repetition_penalty: float = option(
        1.0,
        "Divide the logits of repeated tokens by this (multiply, if negative); 1: no penalty.",
        panel=DRAWING,
        minimum=0.01,
        maximum=100,
        remark="1 is none",
        role="drawing",
    )
    repetition_window: int = option(
        64,
        "Count a token as repeated if it is among the last N, the prompt's included; 0: none is.",
        panel=DRAWING,
        minimum=0,
    )
    ban: Sequence[str] = option(
        (),
        "Draw no token that contains this text; may be given more than once.",
        panel=DRAWING,
        metavar="TEXT",
        minimum=1,
    )
    force: str = option(
        "", "Begin with this text, as if it had been drawn.", panel=DRAWING, metavar="TEXT", role="drawing"
    )
    temperature: float = option(
        1.0,
        "Divide the logits by this: below 1 safer, above 1 bolder, 0 the most likely token every time.",
        panel=DRAWING,
        minimum=0,
        remark="0 is greedy",
        flags=("--temperature", "-t"),
        role="drawing",
        common=True,
    )
    top_k: int = option(0, "Keep the K most likely tokens; 0: all.", panel=DRAWING, minimum=0, role="filter")
    top_p: float = option(
        1.0,
        "Keep the smallest set of most likely tokens with total probability P (nucleus); 1: all.",
        panel=DRAWING,
        minimum=0,
        maximum=1,
        role="filter",
        common=True,
    )
    min_p: float = option(
        0.0,
        "Keep tokens at least P times as likely as the most likely one; 0: all.",
        panel=DRAWING,
        minimum=0,
        maximum=1,
        role="filter",
    )
    typical: float = option(
        1.0,
        "Locally typical sampling: keep the tokens whose surprisal is closest to the entropy, with total "
        "probability P; 1: all.",
        panel=DRAWING,
        minimum=0,
        maximum=1,
        role="filter",
    )
    length: int | str | None = option(
        None,
        "How much to write at most: N tokens, or 'N words' or 'N sentences'.",
        panel=ENDING,
        minimum=0,
        maximum=1_000_000_000,
        pattern=r" *[1-9][0-9]{0,8} +(token|word|sentence)s? *",
        expected="an integer from 0 to 1,000,000,000 (tokens), or as many words or sentences, such as '50 words'",
        metavar="LENGTH",
        flags=("--length", "-n"),
        default_text=f"{DEFAULT_LENGTH} tokens; {LENGTH_UNTIL} with `until` and for documents",
        common=True,
    )
    until: Until | None = option(
        None,
        "End before the next line end, after the first sentence, or before the next empty line. Empty lines that "
        "come first are left out.",
        panel=ENDING,
        common=True,
    )
    stop: Sequence[str] = option(
        (), "End before this text; may be given more than once.", panel=ENDING, metavar="TEXT", minimum=1
    )
    keep_stop: bool = option(False, "End after the text of `stop` instead.", panel=ENDING, flags=("--keep-stop",))

    def at_most(self, unit: Literal["token", "word", "sentence"]) -> int | None:
        """The maximum number of tokens, words or sentences, if ``length`` says one."""
        number, _, counted = str(self.length or 0).strip().partition(" ")
        counted = counted.strip().removesuffix("s") or "token"
        return int(number) if self.length is not None and counted == unit else None

    @property
    def ends_itself(self) -> bool:
        """Whether the text says where it ends, which may be before any number of tokens."""
        return bool(self.stop) or self.until is not None or (self.length is not None and self.at_most("token") is None)

    def max_tokens(self, *, open_ended: bool = False) -> int:
        """The maximum number of tokens to write, of a text that ends by itself if it is ``open_ended``."""
        tokens = self.at_most("token")
        if tokens is not None:
            return tokens
        if self.length is not None:
            return max(LENGTH_UNTIL, *((self.at_most(unit) or 0) * each for unit, each in TOKENS_PER.items()))
        return LENGTH_UNTIL if self.until or open_ended else DEFAULT_LENGTH


class Samples(Options):
    """Which continuations of a prompt are written, and how many."""

    seed: int | None = option(
        None,
        "The same seed gives the same text.",
        panel=SAMPLES,
        minimum=0,
        default_text="drawn and reported",
        common=True,
    )
    beam: int = option(
        0,
        "Instead of drawing, search for the most likely text with N candidates; 0: draw.",
        panel=SAMPLES,
        minimum=0,
        maximum=1024,
    )
    num_samples: int = option(
        1,
        "Number of continuations. On a terminal each has a heading; elsewhere, or with `quiet`, an empty line "
        "separates them; with `until=line` there is one per line.",
        panel=SAMPLES,
        minimum=1,
        maximum=1_000_000,
        flags=("--num-samples", "-N"),
        common=True,
    )
    unique: bool = option(False, "Write no text twice.", panel=SAMPLES)
    novel: bool = option(
        False, "Write no text that stands as a whole in the text that the model learned from.", panel=SAMPLES
    )
    min_length: int = option(0, "Write no text of fewer characters.", panel=SAMPLES, minimum=0)

    @property
    def chosen(self) -> bool:
        """Whether samples have to meet conditions."""
        return self.unique or self.novel or self.min_length > 0

    def check(self) -> None:
        """Refuse to show more texts than a beam search finds.

        Raises:
            UsageError: there are too many.
        """
        if self.beam and self.num_samples > self.beam:
            raise UsageError(
                "`num_samples` is more than `beam` finds", expected=f"at most {self.beam}", found=self.num_samples
            )


class Writing(Sampling):
    """The arguments of ``Generator.generate``: for its signature."""

    prompt: str = argument(default="", kw_only=False)
    seed: int | None = argument(default=None)


class SamplingByRun(Sampling):
    """The options of ``rnngen.generate``."""

    beside = ("run", "seed", "ngram", "device")


class WritingOfRun(Writing):
    """The arguments of ``rnngen.generate``: for its signature."""

    run: str | Path | Run | None = argument(default=None)
    ngram: bool = argument(default=False)
    device: str | None = argument(default=None)


class WritingSeveral(Sampling):
    """The arguments of ``Generator.generate_batch``: for its signature."""

    prompts: Sequence[str] = argument(kw_only=False)
    seed: int | None = argument(default=None)


def names_of(*roles: str) -> list[str]:
    """The names of the options with these roles, in the order in which they apply."""
    return [name for name, each in declared(Sampling).items() if each.option.role in roles]


def draw_seed() -> int:
    """A random seed, small enough to retype."""
    return int.from_bytes(os.urandom(4))
