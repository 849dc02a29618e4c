"""The filler: text with gaps → text without, the best fills that a search finds or fills drawn from the model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from rnngen.corpus.tokenizer import Tokenizer
from rnngen.engine.probabilities import normalized
from rnngen.errors import UsageError
from rnngen.infilling.gapped_text import EncodedGap, GappedText, unreadable
from rnngen.infilling.gibbs import draw_fills
from rnngen.infilling.options import BestFills, BestFillsOf, DrawnFills, DrawnFillsOf
from rnngen.infilling.readers import Readers
from rnngen.infilling.search import Candidate, search, search_one
from rnngen.options.checked import checked
from rnngen.options.keywords import method_takes

MAX_CANDIDATE_TOKENS = 1 << 26
"""The maximum of candidates of all lengths and beginnings, times the vocabulary."""


@dataclass(frozen=True)
class Filled:
    """A text whose gaps are filled.

    Attributes:
        text: the whole text.
        fills: the text in the gaps, in order, without the known text before each gap.
        nats: the rank, -``Readers.log_p``.
        share: e^-nats over the sum of all candidates'; None if the fills were drawn.
    """

    text: str
    fills: tuple[str, ...]
    nats: float
    share: float | None

    def as_dict(self) -> dict[str, Any]:
        """What ``rnngen fill --json`` prints of it, without the options."""
        return {**vars(self), "fills": list(self.fills)}


class Filler:
    """A trained model that fills gaps.

    Args:
        readers: of the model.
        tokenizer: of the model.
        name: of the model, for messages.

    Attributes:
        banned: ids that are never put into a gap.
        on_text: called with every text that is to be filled; None: nobody is told.
    """

    def __init__(self, readers: Readers, tokenizer: Tokenizer, name: str = "a model") -> None:
        self.readers, self.tokenizer, self.name = readers, tokenizer, name
        self.banned = unreadable(tokenizer)
        self.on_text: Callable[[str], object] | None = None

    def __repr__(self) -> str:
        reads = "from both sides" if self.bidirectional else "from left to right"
        tokens = f"{self.tokenizer.level}, vocabulary {self.tokenizer.vocab_size:,}"
        return f"Filler({self.name!r}: {tokens}, reads gaps {reads})"

    @property
    def bidirectional(self) -> bool:
        """Whether the model reads from both ends."""
        return self.readers.right is not None

    def search(self, before: Sequence[int], gaps: Sequence[EncodedGap], beam: int) -> list[Candidate]:
        """Fills of all gaps of an encoded text, the best first; see ``search.search``."""
        return search(self.readers, self.tokenizer, before, gaps, beam)

    def candidates(self, before: Sequence[int], gap: EncodedGap, beam: int) -> list[tuple[tuple[int, ...], float]]:
        """Fills of a single gap of an encoded text, each with its rank; see ``search.search_one``."""
        return search_one(self.readers, self.tokenizer, before, gap, beam)

    @method_takes(BestFillsOf)
    @checked
    def best(self, text: str, **options: Any) -> list[Filled]:
        """Search for the best fills, keeping the ``beam`` most likely at every step.

        Args:
            text: with gaps, see ``parse_gaps``.
            options: of searching, as listed below.

        Raises:
            UsageError: an option is out of range, or the text has no gap.
        """
        searching = BestFills.of(options)
        beam = searching.beam
        gapped = self._read(text, searching.longest)
        shapes = max(len(gap.lengths) * len(gap.beginnings) for gap in gapped.gaps)
        if beam * shapes * self.readers.left.vocab_size > MAX_CANDIDATE_TOKENS:
            raise UsageError(
                "there are too many candidates", expected="a lower `beam` or `longest`", found=f"`beam={beam}`"
            )
        candidates = self.search(gapped.before, gapped.gaps, beam)
        shares = np.exp(normalized(np.array([candidate.score for candidate in candidates])))
        found: dict[tuple[str, ...], Filled] = {}
        for candidate, share in zip(candidates, shares.tolist(), strict=True):
            filled = self._filled(gapped, candidate.fills, -candidate.score, share)
            same = found.get(filled.fills)  # the same text in other tokens
            found[filled.fills] = replace(same, share=(same.share or 0) + share) if same else filled
        return list(found.values())[: searching.num_fills]

    @method_takes(DrawnFillsOf)
    @checked
    def draw(self, text: str, *, on_sweep: Callable[[int], object] | None = None, **options: Any) -> list[Filled]:
        """Draw fills from the model by Gibbs sampling (Geman & Geman 1984).

        Each token is drawn given all to its left and all to the right of its gap. Then, in each of ``gibbs`` sweeps (50
        by default), each token of each gap is drawn again given all the others. The length of a gap, if unknown, is
        drawn first, by the shares of the fills that ``best`` finds.

        Args:
            text: with gaps, see ``parse_gaps``.
            on_sweep: called with the number of sweeps done so far.
            options: of drawing, as listed below.

        Raises:
            UsageError: an option is out of range, the text has no gap, or the model reads only from the left.
        """
        if not self.bidirectional:
            raise UsageError(
                "drawing fills needs a model that reads from both ends",
                found=self.name,
                hint="Train one with `bidirectional`, or search instead.",
            )
        sampling = DrawnFills.of(options)
        gapped = self._read(text, sampling.longest)
        drawn = draw_fills(self.readers, self.tokenizer, gapped, sampling, on_sweep)
        scores = self.readers.log_p(gapped.before, gapped.gaps, drawn)
        return [self._filled(gapped, fills, -float(s), None) for fills, s in zip(drawn, scores, strict=True)]

    def _read(self, text: str, longest: int | None) -> GappedText:
        gapped = GappedText.read(text, self.tokenizer, longest)
        if self.on_text is not None:
            self.on_text(text)
        return gapped

    def _filled(self, gapped: GappedText, fills: Sequence[Sequence[int]], nats: float, share: float | None) -> Filled:
        texts = tuple(
            self.tokenizer.decode(fill, skip=len(gap.held)) for fill, gap in zip(fills, gapped.gaps, strict=True)
        )
        return Filled(self.tokenizer.join(gapped.filled(texts)), texts, nats, share)
