"""Filling gaps: what stands between a text that is known and a text that is known.

A bidirectional model (``model/cloze.py``) is two readers whose logits are added. The one from the right reads what
follows a gap and then, for every token that is not known yet, a masked token; so its logits do not depend on what
is put there, and are computed once. What is left is a left-to-right model with logits added at each place.

Proposals come from a beam search over p(token | all to its left, all to the right of the gap). They are ranked by the
probability of the gap and the next m known tokens together, given what is before and what is beyond them: that looks at
how the fill and what follows it go together, token by token, and so it compares fills of different lengths too, for a
wrong one makes what follows improbable. With nothing read from the right, this is how a left-to-right model fills gaps.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnngen.corpus.tokenizer import Tokenizer
from rnngen.errors import UsageError
from rnngen.generation import filters
from rnngen.generation.context import log_softmax, not_finite
from rnngen.generation.filters import Array
from rnngen.generation.options import check_count, draw_seed
from rnngen.generation.recurrence import Recurrence
from rnngen.run import Run, open_run
from rnngen.shapes import DIRECTIONS

BEAM = 32
FOLLOWING = 12
"""Known tokens after a gap by which its fills are ranked."""
LONGEST = {"char": 12, "byte": 12, "bpe": 5, "word": 2}
"""Tokens that a gap of unknown length has at most."""
MOST_TOKENS, MOST_CANDIDATES = 1000, 1024
"""The longest gap, and the widest beam."""
GUESSED = 5
"""Tokens that a gap of unknown length is taken for, while another gap before it is filled."""


_GAP = r"_{3,}|\[\d+\]"
_ESCAPED = rf"\\(?:{_GAP})"


class Gap(NamedTuple):
    """A place to fill.

    Attributes:
        length: in tokens; None: nobody knows.
    """

    length: int | None


@dataclass(frozen=True)
class Filled:
    """A text whose gaps are filled.

    Attributes:
        text: the whole.
        fills: what stands in the gaps, in order.
        nats: -ln p of the fills and of the known tokens next to them (``FOLLOWING``), given the rest.
        share: e^-nats over the sum of all candidates'; None where the fills were drawn.
    """

    text: str
    fills: tuple[str, ...]
    nats: float
    share: float | None


def parse_gaps(text: str) -> list[str | Gap]:
    r"""The known parts of a text and its gaps: ``___`` is one of unknown length, ``[5]`` one of five tokens.

    A backslash before them, ``\[5]``, makes them text.

    Raises:
        UsageError: there is no gap, or one of no tokens, or two without text between them.
    """
    parts: list[str | Gap] = [""]
    for piece in re.split(rf"(\\?(?:{_GAP}))", text):
        if re.fullmatch(_GAP, piece):
            digits = piece[1:-1].lstrip("0") if piece[0] == "[" else None
            if digits == "":
                raise UsageError("a gap has no tokens", found=piece, expected="a length above 0, such as [5]")
            if digits and (len(digits) > 6 or int(digits) > MOST_TOKENS):
                raise UsageError("a gap is too long", found=f"{piece[:12]}", expected=f"at most {MOST_TOKENS} tokens")
            gap = Gap(int(digits) if digits else None)
            parts += [gap, ""]
        else:
            parts[-1] = f"{parts[-1]}{piece[1:] if re.fullmatch(_ESCAPED, piece) else piece}"
    if len(parts) == 1:
        raise UsageError("the text has no gap", expected="___ for a gap, or [5] for one of five tokens")
    if "" in parts[2:-1]:
        raise UsageError("two gaps have nothing between them", expected="one gap, or text between the two")
    return parts


class Place(NamedTuple):
    """A gap in a text of ids.

    Attributes:
        lengths: that it may have, in tokens.
        after: the known tokens up to the next gap, or to the end.
        first: which tokens it may begin with, (V,); None: all.
    """

    lengths: Sequence[int]
    after: Sequence[int]
    first: NDArray[np.bool_] | None = None


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
    """

    def __init__(self, left: Recurrence, right: Recurrence | None, tokenizer: Tokenizer, name: str = "a model") -> None:
        self.left, self.right, self.tokenizer, self.name = left, right, tokenizer, name
        unknown = tokenizer.unknown_id
        self._banned = [] if unknown is None else [unknown]

    @property
    def bidirectional(self) -> bool:
        """Whether it reads from both ends."""
        return self.right is not None

    def best(self, text: str, count: int = 5, *, beam: int = BEAM, longest: int | None = None) -> list[Filled]:
        """The likeliest fills that are found by keeping the ``beam`` likeliest at every step.

        Args:
            text: with gaps, see ``parse_gaps``.
            count: how many, at most.
            beam: candidates of each length.
            longest: tokens that a gap of unknown length has at most; ``LONGEST`` by default.

        Raises:
            UsageError: an option out of range, or no gap.
        """
        check_count("num-fills", count, least=1)
        check_count("beam", beam, least=1)
        if beam > MOST_CANDIDATES:
            raise UsageError("--beam is out of range", expected=f"at most {MOST_CANDIDATES}", found=beam)
        parts, before, places = self._read(text, longest)
        hypotheses = self.search(before, places, max(beam, count))
        total = np.logaddexp.reduce([h.score for h in hypotheses])
        return [
            self._filled(parts, h.fills, -h.score, float(np.exp(h.score - total))) for h in hypotheses[:count]
        ]  # fmt: skip

    def draw(
        self, text: str, count: int = 1, *, temperature: float = 1.0, sweeps: int = 50, seed: int | None = None,
        longest: int | None = None, on_sweep: Callable[[int], object] | None = None,
    ) -> list[Filled]:  # fmt: skip
        """Fills drawn from the model by Gibbs sampling (Geman & Geman 1984).

        Each token is drawn given all that is left of it and the right of its gap. Then, again and again, every token
        of every gap is drawn anew given all the others. A length that is not given is that of the likeliest fill.

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
                "drawing fills needs a model that reads from both ends", found=self.name,
                hint="Train one with --bidirectional, or search instead.",
            )  # fmt: skip
        check_count("num-fills", count, least=1)
        check_count("gibbs", sweeps)
        if not 0 <= temperature < float("inf"):
            raise UsageError("--temperature is out of range", expected="a number ≥ 0 (0 is greedy)", found=temperature)
        parts, before, places = self._read(text, longest)
        if any(len(place.lengths) > 1 for place in places):
            likeliest = self.search(before, places, BEAM)[0].fills
            places = [p._replace(lengths=[len(fill)]) for p, fill in zip(places, likeliest, strict=True)]
        chains = _Chains(
            self, before, places, count, temperature, np.random.default_rng(draw_seed() if seed is None else seed)
        )
        for sweep in range(sweeps):
            chains.sweep()
            if on_sweep is not None:
                on_sweep(sweep + 1)
        drawn = [chains.fills(chain) for chain in range(count)]
        return [self._filled(parts, fills, self.nats(before, places, fills), None) for fills in drawn]

    def search(self, before: Sequence[int], places: Sequence[Place], beam: int) -> list[Hypothesis]:
        """The likeliest fills of all gaps, the best first."""
        found = [Hypothesis((), 0.0)]
        left = self._start(self.left, before)
        for number, place in enumerate(places):
            state = left.state
            candidates = self._candidates(state, found, places[number:], beam)
            kept = sorted(candidates, key=lambda pair: -pair[1].score)[:beam]
            found = [hypothesis for _, hypothesis in kept]
            left.state = state[:, :, [row for row, _ in kept]]
            _read_rows(left, [[*h.fills[-1], *place.after] for h in found])
        return found

    def nats(
        self, before: Sequence[int], places: Sequence[Place], fills: Sequence[Sequence[int]], following: int = FOLLOWING
    ) -> float:
        """-ln p of fills and of the next known tokens after each, given the rest, the lengths of the gaps included.

        Args:
            before: ids.
            places: the gaps; their lengths are those of the fills.
            fills: ids for each.
            following: how many of the tokens after a gap; with 0 it is the nats of the fills alone.
        """
        left = self._start(self.left, before)
        total = 0.0
        for number, (place, fill) in enumerate(zip(places, fills, strict=True)):
            total -= float(self._followed(left.state, [fill], places[number:], following)[0])
            _read_rows(left, [[*fill, *place.after]])
        return total

    def candidates(self, before: Sequence[int], place: Place, beam: int) -> list[tuple[tuple[int, ...], float]]:
        """Fills of one gap, of all its lengths, each with its score, ln p: ``beam`` of each length."""
        state = self._start(self.left, before).state
        return [(h.fills[0], h.score) for _, h in self._candidates(state, [Hypothesis((), 0.0)], [place], beam)]

    def log_p(self, before: Sequence[int], place: Place, fills: Sequence[Sequence[int]]) -> NDArray[np.float64]:
        """The scores of fills of one gap, those that ``candidates`` gives, (fills,)."""
        state = self._start(self.left, before).state.repeat(len(fills), axis=2)
        return self._followed(state, fills, [place], FOLLOWING)

    def _candidates(
        self, state: Array, origins: Sequence[Hypothesis], places: Sequence[Place], beam: int
    ) -> list[tuple[int, Hypothesis]]:
        """Fills of the first of these gaps, each with the row of what it goes on from."""
        found = self._beams(state, [h.score for h in origins], places, beam)
        rows = [row for row, _ in found]
        scores = self._followed(state[:, :, rows], [ids for _, ids in found], places, FOLLOWING)
        return [
            (row, Hypothesis((*origins[row].fills, ids), origins[row].score + float(score)))
            for (row, ids), score in zip(found, scores, strict=True)
        ]

    def _followed(
        self, state: Array, fills: Sequence[Sequence[int]], places: Sequence[Place], following: int
    ) -> NDArray[np.float64]:
        """Ln p of fills of a gap and of the tokens after it, each from its column of a state, (rows,)."""
        after = list(places[0].after[:following])
        offsets = self._offsets(places, len(after), max(map(len, fills)) + len(after))
        return self._scores(state, [[*fill, *after] for fill in fills], offsets)

    def _beams(
        self, state: Array, scores: Sequence[float], places: Sequence[Place], beam: int
    ) -> list[tuple[int, tuple[int, ...]]]:
        """For each length, the likeliest fills by the product of their tokens' probabilities: row and ids."""
        place, left = places[0], self.left.fork()
        offsets = self._offsets(places, 0, max(place.lengths))
        live: list[tuple[int, int, tuple[int, ...], float]] = [
            (n, row, (), score) for n in place.lengths for row, score in enumerate(scores)
        ]
        left.state = state[:, :, [row for _, row, _, _ in live]]
        done: list[tuple[int, tuple[int, ...]]] = []
        for k in range(max(place.lengths)):
            added = offsets[[n - 1 - k for n, *_ in live]]
            log_p = filters.ban(log_softmax(left.logits + added), self._banned)
            if k == 0 and place.first is not None:
                log_p = np.where(place.first, log_p, -np.inf)
            grown = log_p + np.array([score for *_, score in live])[:, None]
            going: list[tuple[int, int, int, float]] = []  # index into live, token, length, score
            for n in dict.fromkeys(n for n, *_ in live):
                rows = [i for i, entry in enumerate(live) if entry[0] == n]
                block = grown[rows]
                best = np.argsort(-block, axis=None, kind="stable")[:beam]
                for i, token in zip(*np.unravel_index(best, block.shape), strict=True):
                    if block[i, token] > -np.inf:
                        going.append((rows[i], int(token), n, float(block[i, token])))
            before = live
            live, kept, tokens = [], [], []
            for index, token, n, score in going:
                _, row, ids, _ = before[index]
                if n == k + 1:
                    done.append((row, (*ids, token)))
                else:
                    live.append((n, row, (*ids, token), score))
                    kept.append(index)
                    tokens.append(token)
            if not live:
                break
            left.state = left.state[:, :, kept]
            left.step(tokens)
        return done

    def _scores(self, state: Array, sequences: Sequence[Sequence[int]], offsets: Array) -> NDArray[np.float64]:
        """Ln p of token sequences, each from its column of a state; the last token of each has offsets[0] added."""
        left = self.left.fork()
        left.state = state
        lengths = np.array([len(sequence) for sequence in sequences])
        padded = np.zeros((len(sequences), lengths.max()), np.int64)
        for row, sequence in zip(padded, sequences, strict=True):
            row[: len(sequence)] = sequence
        total = np.zeros(len(sequences))
        for k, tokens in enumerate(padded.T):
            inside = k < lengths
            logits = left.logits + offsets[np.maximum(lengths - 1 - k, 0)]
            log_p = log_softmax(logits)[np.arange(len(tokens)), tokens]
            total += np.where(inside, log_p, 0.0)
            if k + 1 < padded.shape[1]:
                left.step(tokens.tolist())
        return total

    def _offsets(self, places: Sequence[Place], following: int, most: int) -> Array:
        """What the right adds to the logits of a gap, by how many unknown tokens lie between: (most, V).

        Args:
            places: the gap and those after it.
            following: how many of the known tokens after the gap count as unknown.
            most: up to how many unknown tokens.
        """
        V = self.left.vocab_size
        if self.right is None:
            return np.zeros((most, V), np.float32)
        right = self._start(self.right, self._beyond(places)[following:][::-1])
        rows = [right.logits[0].copy()]
        rows += [right.step([V])[0].copy() for _ in range(most - 1)]
        return np.array(rows)

    def _beyond(self, places: Sequence[Place]) -> list[int]:
        """What follows a gap, the gaps in it masked."""
        V = self.left.vocab_size
        tokens = list(places[0].after)
        for place in places[1:]:
            tokens += [V] * (place.lengths[0] if len(place.lengths) == 1 else GUESSED)
            tokens += place.after
        return tokens

    @staticmethod
    def _start(reader: Recurrence, tokens: Sequence[int]) -> Recurrence:
        twin = reader.fork()
        for token in tokens:
            twin.step([token])
        return twin

    def _read(self, text: str, longest: int | None) -> tuple[list[str | Gap], list[int], list[Place]]:
        """The parts of a text, the ids before its first gap, and the gaps."""
        level = self.tokenizer.level
        longest = LONGEST[level] if longest is None else longest
        check_count("longest", longest, least=1)
        if longest > MOST_TOKENS:
            raise UsageError("--longest is out of range", expected=f"at most {MOST_TOKENS}", found=longest)
        parts = parse_gaps(text)
        spaced = [False] * len(parts)
        if level in ("bpe", "word"):  # there the space before a word is the beginning of its token
            for i, part in enumerate(parts[:-1]):
                if isinstance(part, str) and part.endswith(" "):
                    parts[i], spaced[i + 1] = part[:-1], True
        known = [self._encode(part) if isinstance(part, str) else [] for part in parts]
        begins = self._begin_with_space() if any(spaced) else None
        places = []
        for i, part in enumerate(parts):
            if isinstance(part, Gap):
                lengths = range(1, longest + 1) if part.length is None else [part.length]
                places.append(Place(list(lengths), known[i + 1], begins if spaced[i] else None))
        return parts, known[0], places

    def unseen(self, text: str) -> str:
        """The characters of a text with gaps that the model has never seen; they are left out of what it reads."""
        known = "".join(part for part in parse_gaps(text) if isinstance(part, str))
        ids = self.tokenizer.encode(known).tolist()
        return "".join(dict.fromkeys(c for c, i in zip(known, ids, strict=False) if i in self._banned))

    def _encode(self, text: str) -> list[int]:
        """Ids of what the model can read of a text."""
        ids: list[int] = [i for i in self.tokenizer.encode(text).tolist() if i not in self._banned]
        return ids

    def _begin_with_space(self) -> NDArray[np.bool_]:
        return np.array([token.startswith(b" ") for token in self.tokenizer.token_bytes()])

    def _filled(
        self, parts: Sequence[str | Gap], fills: Sequence[Sequence[int]], nats: float, share: float | None
    ) -> Filled:
        texts = tuple(self.tokenizer.decode(fill) for fill in fills)
        remaining = iter(texts)
        whole = "".join(part if isinstance(part, str) else next(remaining) for part in parts)
        return Filled(whole, texts, nats, share)


class _Chains:
    """Several texts whose gaps are drawn anew, token by token: one Markov chain a row.

    Both ends of the text are read once; a sweep reads from the first gap to the last and back.
    """

    def __init__(
        self, filler: Filler, before: Sequence[int], places: Sequence[Place], count: int, temperature: float,
        rng: np.random.Generator,
    ) -> None:  # fmt: skip
        assert filler.right is not None
        self._banned, self._temperature, self._rng = filler._banned, temperature, rng
        self._count, self._places = count, places
        self._left, self._right = (
            filler._start(filler.left, before),
            filler._start(filler.right, places[-1].after[::-1]),
        )
        self._ends = self._left.state.repeat(count, axis=2), self._right.state.repeat(count, axis=2)
        self._first: dict[int, NDArray[np.bool_]] = {}
        self._gaps: list[range] = []
        columns: list[int] = []  # tokens from the first gap to the last
        for place in places:
            begin = len(columns)
            if place.first is not None:
                self._first[begin] = place.first
            columns += [0] * place.lengths[0]
            self._gaps.append(range(begin, len(columns)))
            columns += place.after if place is not places[-1] else []
        self._tokens = np.tile(np.array(columns), (count, 1))  # (count, N)
        self._open = {column for gap in self._gaps for column in gap}
        self._begin(filler)

    def fills(self, chain: int) -> list[list[int]]:
        """The gaps' tokens in one chain."""
        row = self._tokens[chain].tolist()
        return [[row[column] for column in gap] for gap in self._gaps]

    def _begin(self, filler: Filler) -> None:
        """Draw every token given its left and what is to the right of its gap."""
        added: dict[int, Array] = {}
        for number, gap in enumerate(self._gaps):
            offsets = filler._offsets(self._places[number:], 0, len(gap))
            added |= {column: offsets[gap.stop - 1 - column][None] for column in gap}
        self._draw(added)

    def sweep(self) -> None:
        """Draw every token anew, from the first to the last, each given all others."""
        right = self._right
        right.state = self._ends[1]
        added: dict[int, Array] = {}
        for column in reversed(range(self._tokens.shape[1])):
            if column in self._open:
                added[column] = right.logits.copy()
            right.step(self._tokens[:, column].tolist())
        self._draw(added)

    def _draw(self, added: dict[int, Array]) -> None:
        left = self._left
        left.state = self._ends[0]
        for column in range(self._tokens.shape[1]):
            if column in self._open:
                logits = filters.ban(left.logits + added[column], self._banned)
                if column in self._first:
                    logits = np.where(self._first[column], logits, -np.inf)
                weights = filters.weights(logits, self._temperature)
                try:
                    self._tokens[:, column] = filters.draw(weights, self._rng.random(self._count).tolist())
                except FloatingPointError as error:
                    raise not_finite() from error
            left.step(self._tokens[:, column].tolist())


def _read_rows(reader: Recurrence, rows: Sequence[Sequence[int]]) -> None:
    """Read texts of different lengths, one a stream."""
    states = reader.state
    for k in range(max(map(len, rows), default=0)):
        reader.step([row[k] if k < len(row) else 0 for row in rows])
        ending = [i for i, row in enumerate(rows) if k + 1 == len(row)]
        if ending:
            states[:, :, ending] = reader.state[:, :, ending]
    reader.state = states


def load_filler(path: str | Path | Run | None = None) -> Filler:
    """Open a run for filling gaps: by path, or the newest complete one.

    Raises:
        CheckpointError: no such run, or one that is damaged.
    """
    run = path if isinstance(path, Run) else open_run(path)
    return make_filler(run.model_config(), run.weights(), run.tokenizer(), str(run.path))


def make_filler(
    config: Mapping[str, Any], weights: Mapping[str, Array], tokenizer: Tokenizer, name: str = "a model"
) -> Filler:
    """A filler with a network's weights.

    Args:
        config: the ``model`` part of config.json.
        weights: arrays by name, as in model.safetensors.
        tokenizer: of the run.
        name: what to call it.
    """
    if not config["bidirectional"]:
        return Filler(Recurrence(config, weights), None, tokenizer, name)
    left, right = (
        Recurrence(
            config, {name.removeprefix(f"{direction}."): w for name, w in weights.items() if name.startswith(direction)}
        )
        for direction in DIRECTIONS
    )
    return Filler(left, right, tokenizer, name)
