"""Filling gaps: what stands between a text that is known and a text that is known.

A bidirectional model (``model/cloze.py``) is two readers whose logits are added. The one from the right reads what
follows a gap and then, for every token that is not known yet, a masked token; so its logits do not depend on what
is put there, and are computed once. What is left is a left-to-right model with logits added at each place.

Proposals come from a beam search over p(token | all to its left, all to the right of the gap). Then each reader judges
them alone, the other knowing nothing: by the probability of the fill and of the next m known tokens, as it comes to
them. A wrong fill makes what follows improbable, so this compares fills of different lengths too. They are ranked by
the geometric mean of the two. A left-to-right model proposes from the left, and is the only one to judge.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnngen.corpus.tokenizer import Tokenizer
from rnngen.engine.probabilities import Array
from rnngen.engine.recurrence import Recurrence
from rnngen.errors import UsageError
from rnngen.infilling.gapped_text import GappedText, Place, unreadable
from rnngen.infilling.gibbs import Chains
from rnngen.infilling.proposals import propose, readable
from rnngen.infilling.rescoring import having_read, judge, read_rows, sequence_log_p
from rnngen.options.declare import check, check_count, declared
from rnngen.options.network import DIRECTIONS, ModelConfig
from rnngen.runs.finding import open_run
from rnngen.runs.run import Run
from rnngen.sampling import filters
from rnngen.sampling.options import Sampling, draw_seed

BEAM = 32
MOST_CANDIDATES = 1024
"""The widest beam."""
MOST_FILLS = 10_000
MOST_NUMBERS = 1 << 26
"""Candidates of all lengths and beginnings times the vocabulary."""
GUESSED = 5
"""Tokens that a gap of unknown length is taken for, while another gap before it is filled."""


@dataclass(frozen=True)
class Filled:
    """A text whose gaps are filled.

    Attributes:
        text: the whole.
        fills: what stands in the gaps, in order; what belongs to the text before a gap is not in it.
        nats: what they are ranked by, see ``Filler.log_p``.
        share: e^-nats over the sum of all candidates'; None where the fills were drawn.
    """

    text: str
    fills: tuple[str, ...]
    nats: float
    share: float | None


class Hypothesis(NamedTuple):
    """Fills of the gaps so far, and what they are ranked by: ln p."""

    fills: tuple[tuple[int, ...], ...]
    score: float


class Filler:
    """A trained model that fills gaps.

    Args:
        left: reads from the left.
        right: reads from the right; None for a left-to-right model.
        tokenizer: of the run.
        name: what to call it.

    Attributes:
        banned: ids that are never put into a gap.
    """

    def __init__(self, left: Recurrence, right: Recurrence | None, tokenizer: Tokenizer, name: str = "a model") -> None:
        self.left, self.right, self.tokenizer, self.name = left, right, tokenizer, name
        knows_nothing = np.zeros_like(left.logits) if right is None else right.fork().logits
        # each reader with what the other adds to its logits where it has read nothing
        self._alone = [(left, knows_nothing)] if right is None else [(left, knows_nothing), (right, left.fork().logits)]
        self.banned = unreadable(tokenizer)

    @property
    def bidirectional(self) -> bool:
        """Whether it reads from both ends."""
        return self.right is not None

    def best(self, text: str, count: int = 5, *, beam: int = BEAM, longest: int | None = None) -> list[Filled]:
        """The likeliest fills that are found by keeping the ``beam`` likeliest at every step.

        Args:
            text: with gaps, see ``parse_gaps``.
            count: how many of those that are found, at most.
            beam: candidates of each length.
            longest: tokens that a gap of unknown length has at most; ``LONGEST`` by default.

        Raises:
            UsageError: an option out of range, or no gap.
        """
        check_count("num_fills", count, least=1, most=MOST_FILLS)
        check_count("beam", beam, least=1, most=MOST_CANDIDATES)
        gapped = GappedText.read(text, self.tokenizer, longest)
        before, places = gapped.before, gapped.places
        shapes = max(len(place.lengths) * len(place.beginnings) for place in places)
        if beam * shapes * self.left.vocab_size > MOST_NUMBERS:
            raise UsageError(
                "there are too many candidates", expected="a lower `beam` or `longest`", found=f"`beam={beam}`"
            )
        hypotheses = self.search(before, places, beam)
        scores = np.array([h.score for h in hypotheses])
        shares = np.exp(scores - np.logaddexp.reduce(scores))
        found: dict[tuple[str, ...], Filled] = {}
        for h, share in zip(hypotheses, shares.tolist(), strict=True):  # the same text may be other tokens
            filled = self._filled(gapped, h.fills, -h.score, share)
            before_it = found.get(filled.fills)
            found[filled.fills] = replace(before_it, share=(before_it.share or 0) + share) if before_it else filled
        return list(found.values())[:count]

    def draw(
        self,
        text: str,
        count: int = 1,
        *,
        temperature: float = 1.0,
        sweeps: int = 50,
        seed: int | None = None,
        longest: int | None = None,
        on_sweep: Callable[[int], object] | None = None,
    ) -> list[Filled]:
        """Fills drawn from the model by Gibbs sampling (Geman & Geman 1984).

        Each token is drawn given all that is left of it and the right of its gap. Then, again and again, every token
        of every gap is drawn anew given all the others. A length that is not given is drawn first, by the shares of
        the fills that ``best`` finds.

        Args:
            text: with gaps.
            count: how many chains, each of which gives one fill.
            temperature: divides the logits; 0 takes the likeliest each time.
            sweeps: how often all tokens are drawn anew.
            seed: of the draws.
            longest: as in ``best``.
            on_sweep: told how many sweeps are done.

        Raises:
            UsageError: an option out of range, no gap, or a model that reads from the left alone.
        """
        if self.right is None:
            raise UsageError(
                "drawing fills needs a model that reads from both ends",
                found=self.name,
                hint="Train one with `bidirectional`, or search instead.",
            )
        check_count("num_fills", count, least=1, most=MOST_FILLS)
        check_count("gibbs", sweeps)
        check(declared(Sampling)["temperature"], temperature)
        gapped = GappedText.read(text, self.tokenizer, longest)
        before, places = gapped.before, gapped.places
        rng = np.random.default_rng(draw_seed() if seed is None else seed)
        shapes = self._draw_shapes(before, places, count, temperature, rng)
        groups = [Chains(self, before, given, many, temperature, rng) for given, many in shapes]
        for sweep in range(sweeps):
            for chains in groups:
                chains.sweep()
            if on_sweep is not None:
                on_sweep(sweep + 1)
        drawn = [fills for chains in groups for fills in chains.fills()]
        scores = self.log_p(before, places, drawn)
        return [self._filled(gapped, fills, -float(s), None) for fills, s in zip(drawn, scores, strict=True)]

    def _draw_shapes(
        self, before: Sequence[int], places: Sequence[Place], count: int, temperature: float, rng: np.random.Generator
    ) -> list[tuple[list[Place], int]]:
        """The gaps with one length and one beginning each, and how many of ``count`` fillings have these."""
        if all(len(place.lengths) == len(place.beginnings) == 1 for place in places):
            return [(list(places), count)]
        found = self.search(before, places, BEAM)
        weights = filters.weights(np.array([[h.score for h in found]]), temperature).repeat(count, axis=0)
        shapes: dict[tuple[object, ...], list[list[Place]]] = {}
        for i in filters.draw(weights, rng.random(count).tolist()):
            given = [place.of_shape(fill) for place, fill in zip(places, found[i].fills, strict=True)]
            shape = tuple((place.lengths[0], place.beginnings[0].ids) for place in given)
            shapes.setdefault(shape, []).append(given)
        return [(alike[0], len(alike)) for alike in shapes.values()]

    def search(self, before: Sequence[int], places: Sequence[Place], beam: int) -> list[Hypothesis]:
        """Fills of all gaps, the likeliest first: of the last gap ``beam`` of each length."""
        found = [Hypothesis((), 0.0)]
        left, known = having_read(self.left, before), before
        beyond = self.states_beyond(places)
        for number, place in enumerate(places):
            state = left.state
            candidates = self._candidates(state, known, found, place, beyond[number], beam)
            candidates.sort(key=lambda pair: -pair[1].score)
            last = number == len(places) - 1
            kept = candidates if last else candidates[:beam]
            found = [hypothesis for _, hypothesis in kept]
            if not last:
                left.state, known = state[:, :, [row for row, _ in kept]], place.after
                read_rows(left, [[*h.fills[-1], *place.after] for h in found])
        if len(places) > 1:  # gaps further on were unknown to the right when one was judged
            scores = self.log_p(before, places, [h.fills for h in found])
            found = [h._replace(score=float(score)) for h, score in zip(found, scores, strict=True)]
            found.sort(key=lambda h: -h.score)
        return found

    def candidates(self, before: Sequence[int], place: Place, beam: int) -> list[tuple[tuple[int, ...], float]]:
        """Fills of one gap, of all its lengths, each with its score, ln p: ``beam`` of each length."""
        state, (beyond,) = having_read(self.left, before).state, self.states_beyond([place])
        found = self._candidates(state, before, [Hypothesis((), 0.0)], place, beyond, beam)
        return [(h.fills[0], h.score) for _, h in found]

    def log_p(
        self, before: Sequence[int], places: Sequence[Place], rows: Sequence[Sequence[Sequence[int]]]
    ) -> NDArray[np.float64]:
        """What fills are ranked by: the mean, over the readers, of ln p(fills and the next tokens beyond each).

        A reader predicts every fill, and the next known tokens, from all that it has read before them; the other has
        read nothing.

        Args:
            before: ids before the first gap.
            places: the gaps; their lengths are those of the fills.
            rows: several fillings, each with the ids of every gap.

        Returns:
            One of each row, (rows,).
        """
        known = [before, *(place.after for place in places)]
        judged = []
        for (reader, added), towards in zip(self._alone, (1, -1), strict=False):
            first, *others = [part[::towards] for part in known[::towards]]
            fills = [[fill[::towards] for fill in row[::towards]] for row in rows]
            judged.append(judge(reader, added, having_read(reader, first).state, others, fills))
        return _mean(judged)

    def nats(self, before: Sequence[int], place: Place, fill: Sequence[int]) -> float:
        """-ln p(fill | all to its left, all to the right of the gap, its length): exact, of a bidirectional model."""
        offsets = self.added_by_right(self.states_beyond([place])[0], len(fill))
        return -float(sequence_log_p(self.left, having_read(self.left, before).state, [fill], offsets)[0])

    def _candidates(
        self, state: Array, before: Sequence[int], origins: Sequence[Hypothesis], place: Place, beyond: Array, beam: int
    ) -> list[tuple[int, Hypothesis]]:
        """Fills of a gap, each with the row of what it goes on from.

        Args:
            state: of the left-to-right reader, of each origin.
            before: the known tokens before the gap.
            origins: the fills so far.
            place: the gap.
            beyond: what the right-to-left reader has read, see ``states_beyond``.
            beam: of each length.
        """
        offsets = self.added_by_right(beyond, place.most)
        proposed = propose(self.left, state, [h.score for h in origins], offsets, place, beam, self.banned)
        found = readable(proposed, self.tokenizer)
        rows, fills = [row for row, _ in found], [[ids] for _, ids in found]
        (left, added), *others = self._alone
        judged = [judge(left, added, state[:, :, rows], [place.after], fills)]
        for right, added in others:
            judged.append(judge(right, added, beyond, [before[::-1]], [[ids[::-1]] for (ids,) in fills]))
        return [
            (row, Hypothesis((*origins[row].fills, ids), origins[row].score + float(score)))
            for (row, ids), score in zip(found, _mean(judged), strict=True)
        ]

    def added_by_right(self, beyond: Array, most: int) -> Array:
        """What the right adds to the logits of a gap, by how many unknown tokens lie between: (most, V).

        Args:
            beyond: what it has read, see ``states_beyond``.
            most: up to how many unknown tokens.
        """
        V = self.left.vocab_size
        if self.right is None:
            return np.zeros((most, V), np.float32)
        right = self.right.fork()
        right.state = beyond
        rows = [right.logits[0].copy()]
        rows += [right.step([V])[0].copy() for _ in range(most - 1)]
        return np.array(rows)

    def states_beyond(self, places: Sequence[Place]) -> list[Array]:
        """The right-to-left reader's state when it has read all that follows each gap; later gaps are masked.

        Of a left-to-right model, nothing.
        """
        if self.right is None:
            return [np.empty(0)] * len(places)
        right, masked = self.right.fork(), self.left.vocab_size
        states = []
        for place in reversed(places):
            for token in reversed(place.after):
                right.step([token])
            states.append(right.state)
            for _ in range(place.most if len(place.lengths) == 1 else GUESSED):
                right.step([masked])
        return states[::-1]

    def _filled(self, gapped: GappedText, fills: Sequence[Sequence[int]], nats: float, share: float | None) -> Filled:
        texts = tuple(
            self.tokenizer.decode(fill, skip=len(place.held)) for fill, place in zip(fills, gapped.places, strict=True)
        )
        return Filled(gapped.filled(texts), texts, nats, share)


def load_filler(path: str | Path | Run | None = None) -> Filler:
    """Open a run for filling gaps: by path, or the newest complete one.

    Raises:
        CheckpointError: no such run, or one that is damaged.
    """
    run = path if isinstance(path, Run) else open_run(path)
    return make_filler(run.model_config(), run.weights(), run.tokenizer(), str(run.path))


def make_filler(
    config: ModelConfig, weights: Mapping[str, Array], tokenizer: Tokenizer, name: str = "a model"
) -> Filler:
    """A filler with a network's weights.

    Args:
        config: cell, sizes, and whether there are two directions.
        weights: arrays by name, as in model.safetensors.
        tokenizer: of the run.
        name: what to call it.
    """
    if not config.bidirectional:
        return Filler(Recurrence(config, weights), None, tokenizer, name)
    left, right = (
        Recurrence(
            config, {name.removeprefix(f"{direction}."): w for name, w in weights.items() if name.startswith(direction)}
        )
        for direction in DIRECTIONS
    )
    return Filler(left, right, tokenizer, name)


def _mean(judged: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """The mean of what each reader says, (rows,)."""
    mean: NDArray[np.float64] = np.mean(judged, axis=0)
    return mean
