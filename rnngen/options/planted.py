"""The options of texts in a planted language."""

from __future__ import annotations

from rnngen.errors import UsageError
from rnngen.options.declare import Options, option

LONGEST, LAST_DISTANCE = 10_000, 60


class PlantedOptions(Options):
    """What a text in a planted language holds."""

    distance: str | None = option(
        None,
        "Symbols from the one that decides to the one that it decides, or a range, of which short ones are drawn more "
        "often.",
        panel="",
        pattern=r"[0-9]{1,5}(-[0-9]{1,5})?",
        expected="a number or a range, such as 40 or 4-60",
        metavar="N[-M]",
        default_text=f"from the shortest to {LAST_DISTANCE}",
    )
    size: int = option(40_000, "Number of lines.", panel="", minimum=1, maximum=10_000_000)
    kinds: int | None = option(
        None,
        "Kinds of brackets (up to 4), letters (up to 26), or numbers (up to 5).",
        panel="",
        minimum=2,
        maximum=26,
        default_text="4, 8, 5",
    )
    seed: int = option(0, "Seed of the lines.", panel="", minimum=0)

    def check(self) -> None:
        """Refuse a range that is empty or too long.

        Raises:
            UsageError: it is.
        """
        first, last = self.range(1)
        if not 1 <= first <= last <= LONGEST:
            raise UsageError(
                "invalid value for `distance`", expected=f"1 to {LONGEST:,}, the smaller first", found=self.distance
            )

    def range(self, least: int) -> tuple[int, int]:
        """The first and the last distance."""
        if self.distance is None:
            return least, LAST_DISTANCE
        first, _, last = self.distance.partition("-")
        return int(first), int(last or first)


class BracketsOptions(PlantedOptions):
    """Those of brackets alone."""

    kinds: int | None = option(None, "Kinds of brackets.", panel="", minimum=2, maximum=4, default_text="4")


class CopyOptions(PlantedOptions):
    """Those of copying alone."""

    kinds: int | None = option(
        None, "Letters that words are made of.", panel="", minimum=2, maximum=26, default_text="8"
    )


class AddingOptions(PlantedOptions):
    """Those of adding alone."""

    kinds: int | None = option(None, "Numbers, from 0.", panel="", minimum=2, maximum=5, default_text="5")


OF_LANGUAGE: dict[str, type[PlantedOptions]] = {
    "brackets": BracketsOptions,
    "copy": CopyOptions,
    "adding": AddingOptions,
}
"""Name of a language → its options, in its own words."""
