"""Choosing among samples: of those that a seed gives, in their order, the first that meet some conditions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from rnngen.errors import UsageError
from rnngen.sampling.copies import Copies
from rnngen.sampling.generator import TOGETHER, Generator
from rnngen.sampling.options import GIVE_UP, Sampling
from rnngen.sampling.writer import Sample


def choose_samples(
    generator: Generator, prompts: Iterable[str], number: int, conditions: Conditions, *, seed: int, **how: Any
) -> Iterator[Sample]:
    """Up to ``number`` samples of each prompt that are accepted; each keeps its number among all that were written.

    Args:
        generator: writes them.
        prompts: the texts that are continued, one after the other.
        number: how many are wanted of each.
        conditions: that they have to meet.
        seed: of the draws.
        how: see ``Generator.samples``.
    """
    written = 0
    for prompt in prompts:
        found, last = 0, written
        while found < number and written - last < GIVE_UP:
            together = min(TOGETHER, max(8, 2 * (number - found)))
            samples = list(generator.samples([prompt] * together, seed=seed, first=written, **how))
            conditions.look_up(samples)
            for sample in samples:
                if found < number and conditions.accept(sample):
                    found, last = found + 1, sample.number
                    yield sample
            written += together


def refuse_unreachable(generator: Generator, sampling: Sampling, min_length: int) -> None:
    """Refuse a minimum length in characters that the maximum length in tokens rules out.

    Raises:
        UsageError: it does: a token is at most one character.
    """
    most = generator.max_tokens(sampling)
    if generator.tokenizer.level in ("char", "byte") and min_length > most:
        raise UsageError(
            "`min_length` cannot be reached",
            expected=f"at most {most:,}: a text has no more tokens, and a token is at most one character",
            found=f"{min_length:,}",
            hint=f"For longer texts: `length={min_length}`.",
        )


class Conditions:
    """The conditions that the options ``unique``, ``novel`` and ``min_length`` set.

    Args:
        unique: no text twice, of one prompt.
        copies: no text that stands in the text that the model learned from; None: no matter.
        min_length: characters, at least.

    Attributes:
        too_short: how many samples were shorter.
    """

    def __init__(self, *, unique: bool, copies: Copies | None, min_length: int) -> None:
        self._unique, self._copies, self._min_length = unique, copies, min_length
        self._seen: set[tuple[str, str]] = set()
        self.too_short = 0

    def look_up(self, samples: Sequence[Sample]) -> None:
        """Get to know samples that may be accepted, all at once."""
        if self._copies is not None:
            self._copies.look_up([sample for sample in samples if len(sample.text) >= self._min_length])

    def accept(self, sample: Sample) -> bool:
        """Whether a sample meets them, given those that have met them before."""
        text = sample.prompt, sample.text
        if len(sample.text) < self._min_length:
            self.too_short += 1
            return False
        if self._unique and text in self._seen:
            return False
        if self._copies is not None and (not "".join(text).strip() or self._copies(sample)):
            return False  # an empty one is not new
        self._seen.add(text)
        return True
