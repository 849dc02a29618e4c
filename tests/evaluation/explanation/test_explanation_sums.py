"""Sums over a text's tokens, against loops over its tokens and characters; blocks of any size give the same."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Callable

import numpy as np
import pytest

from rnngen.corpus.documents import BOUNDARY
from rnngen.corpus.tokenizer import Tokenizer, train_tokenizer
from rnngen.evaluation.blocks import Analysis, ScoredBlock, TokenScores
from rnngen.evaluation.explanation import lines as lines_module
from rnngen.evaluation.explanation.calibration import BINS, Calibration
from rnngen.evaluation.explanation.groups import Group, PerToken
from rnngen.evaluation.explanation.kinds import Kind, kind_of_character, kinds_of
from rnngen.evaluation.explanation.lines import LEAST, LINES, SurprisingLines
from rnngen.evaluation.explanation.positions import Positions
from rnngen.evaluation.explanation.sample import Sampled, sampled_positions
from rnngen.evaluation.line_ends import LineEnds

STREAM = (
    'The cat, 1 of 22, sat.\n\nКот "сидел" 3 раза!\n \t\n\u00a0\n猫が座った。\n'
    "A 2nd line\u00a0— with $ and \u0301\u200b\x07.\n"
) * 3 + "\n\nand an end without a line end"
DOCUMENTS = STREAM.replace("раза!\n", f"раза!{BOUNDARY}") + BOUNDARY + "one\n\ntwo" + BOUNDARY + " \n\nthree" + BOUNDARY
LEVELS = ["char", "byte", "word", "bpe", "words-closed"]


class Scored:
    """A text in tokens, with scores that were drawn."""

    def __init__(self, tokenizer: Tokenizer, text: str, boundary: bool) -> None:
        self.tokenizer = tokenizer
        self.tokens = tokenizer.encode(text)
        self.boundary = tokenizer.boundary_id if boundary else None
        n, draw = len(self.tokens), np.random.default_rng(5)
        ranks = draw.geometric(0.3, n).astype(np.int32) - 1
        self.scores = TokenScores(draw.exponential(2, n).astype(np.float32), ranks, draw.random(n, np.float32))

    def feed(self, analysis: Analysis, size: int) -> None:
        for start in range(0, len(self.tokens), size):
            here = slice(start, start + size)
            analysis.add(ScoredBlock(start, self.tokens[here], self.scores.part(here)))

    @property
    def contents(self) -> list[str]:
        """What each token spells, with a byte of a longer character as a letter."""
        table = [each.decode("utf-8", "replace") for each in self.tokenizer.token_bytes()]
        return [table[token] for token in self.tokens]


@pytest.fixture(params=[(level, text) for level in LEVELS for text in (STREAM, DOCUMENTS)], ids=lambda p: p[0])
def scored(request: pytest.FixtureRequest) -> Scored:
    level, text = request.param
    size = {"word": 300, "bpe": 330}.get(level)
    return Scored(train_tokenizer(level, [text], size), text, text is DOCUMENTS)


SIZES = [1, 50]


@pytest.mark.parametrize("size", SIZES)
def test_positions_are_those_of_a_loop_over_characters(scored: Scored, size: int) -> None:
    expected: dict[str, dict[int, list[float]]] = {
        what: defaultdict(list) for what in ("document", "line", "paragraph")
    }
    since = dict.fromkeys(expected, 0)
    ends, text_seen = 0, False
    for token, content, nats in zip(scored.tokens, scored.contents, scored.scores.nats, strict=True):
        for character in content:
            if character in ("\n", BOUNDARY):
                ends += 1
            elif not character.isspace():
                if ends >= 2 and text_seen and content.lstrip()[:1] == character:
                    since["paragraph"] = 0
                ends, text_seen = 0, True
        for what, by_position in expected.items():
            since[what] += 1
            by_position[since[what]].append(float(nats))
        if "\n" in content:
            since["line"] = 0
        if token == scored.boundary:
            since, text_seen = dict.fromkeys(expected, 0), False
    positions = Positions(LineEnds.of(scored.tokenizer), scored.boundary)
    scored.feed(positions, size)
    for what, by_position in expected.items():
        bins = positions.bins(what)
        assert sum(each.tokens for each in bins) == len(scored.tokens)
        for each in bins:
            inside = [nats for at, many in by_position.items() if each.first <= at <= each.last for nats in many]
            assert (each.tokens, each.nats) == (len(inside), pytest.approx(sum(inside)))
        assert [(each.first, each.last) for each in bins][:4] == [(1, 1), (2, 2), (3, 4), (5, 8)]


@pytest.mark.parametrize("size", SIZES)
def test_groups_are_those_of_a_loop_over_tokens(scored: Scored, size: int) -> None:
    per_token = PerToken(scored.tokenizer.vocab_size)
    scored.feed(per_token, size)
    kinds = kinds_of(scored.tokenizer)
    seen = np.random.default_rng(1).choice([0, 1, 2, 9, 10, 99, 100, 999, 1000], scored.tokenizer.vocab_size)
    names = {0: "0", 1: "1", 2: "2–9", 9: "2–9", 10: "10–99", 99: "10–99", 100: "100–999", 999: "100–999"}
    for groups, name_of in (
        (per_token.by_kind(kinds), lambda token: kinds[token].name),
        (per_token.by_frequency(seen), lambda token: names.get(int(seen[token]), "1,000–9,999")),
    ):
        assert {each.name: sums(each) for each in groups} == expected_sums(scored, name_of)
    scripts = next(each.parts for each in per_token.by_kind(kinds) if each.name == "letter")
    found = expected_sums(scored, lambda token: kinds[token].script)
    if scripts:
        assert {each.name: sums(each) for each in scripts} == {name: s for name, s in found.items() if name}
    assert per_token.all().tokens == len(scored.tokens)


def sums(group: Group) -> tuple[object, ...]:
    return group.tokens, pytest.approx(group.nats), group.first, group.within


def expected_sums(scored: Scored, name_of: Callable[[int], str | None]) -> dict[str | None, tuple[object, ...]]:
    found: dict[str | None, list[float]] = defaultdict(lambda: [0, 0.0, 0, 0])
    assert scored.scores.ranks is not None
    for token, nats, rank in zip(scored.tokens, scored.scores.nats, scored.scores.ranks, strict=True):
        row = found[name_of(int(token))]
        for column, value in enumerate((1, float(nats), rank == 0, rank < 5)):
            row[column] += value
    return {name: tuple(row) for name, row in found.items()}


def test_the_kind_of_a_character_is_that_of_its_category() -> None:
    kinds = {"L": "letter", "M": "letter", "N": "digit", "P": "punctuation", "S": "punctuation", "C": "other"}
    for character in (*map(chr, range(0x500)), *"猫か한ต\u0301٣½—€\u200b😀\ue000"):
        if character == "\n":
            expected = "line end"
        elif character.isspace():
            expected = "space"
        else:
            expected = kinds[unicodedata.category(character)[0]]
        assert kind_of_character(character).name == expected, repr(character)
    assert [kind_of_character(c).script for c in "aжλ猫3 "] == ["Latin", "Cyrillic", "Greek", "Han", None, None]


@pytest.mark.parametrize("level", LEVELS)
def test_the_kind_of_a_longer_token_is_that_of_its_first_character_that_is_not_white_space(level: str) -> None:
    tokenizer = train_tokenizer(level, [DOCUMENTS], {"word": 300, "bpe": 330}.get(level)).with_labels(["news"])
    kinds = kinds_of(tokenizer)
    for token, content in enumerate(tokenizer.token_bytes()):
        if token == tokenizer.unknown_id:
            expected = Kind("unknown")
        elif token in tokenizer.label_ids():
            expected = Kind("label")
        elif content.decode("utf-8", "ignore").encode() != content:
            expected = Kind("part of a character")
        elif content == b"\0":
            expected = Kind("end of document")
        elif content.decode().strip():
            expected = kind_of_character(content.decode().split()[0][0])
        else:
            expected = Kind("line end" if b"\n" in content else "space")
        assert kinds[token] == expected, content


@pytest.mark.parametrize("size", SIZES)
def test_calibration_is_the_definition(scored: Scored, size: int) -> None:
    """Confidences are eighths of a bin's width apart, so that rounding puts none of them into another bin."""
    ranks = scored.scores.ranks
    assert ranks is not None
    tops = (np.floor(np.random.default_rng(2).random(len(ranks)) * BINS) + 0.5) / BINS
    tops[:3] = 1.0
    scored.scores = TokenScores(scored.scores.nats, ranks, tops.astype(np.float32))
    calibration = Calibration()
    scored.feed(calibration, size)
    error, N = 0.0, len(ranks)
    for b in range(BINS):
        inside = [i for i in range(N) if b / BINS <= tops[i] < (b + 1) / BINS or (b == BINS - 1 and tops[i] == 1)]
        if inside:
            accuracy = sum(ranks[i] == 0 for i in inside) / len(inside)
            confidence = sum(tops[i] for i in inside) / len(inside)
            error += len(inside) / N * abs(accuracy - confidence)
            (found,) = [each for each in calibration.bins() if each.low == b / BINS]
            assert (found.tokens, found.accuracy) == (len(inside), pytest.approx(accuracy))
            assert found.confidence == pytest.approx(confidence, rel=1e-6)
    assert calibration.error == pytest.approx(error, rel=1e-5)
    assert calibration.accuracy == pytest.approx(np.mean(ranks == 0))
    assert calibration.confidence == pytest.approx(tops.mean(), rel=1e-6)


@pytest.mark.parametrize("size", SIZES)
def test_the_most_surprising_lines_are_those_of_a_loop_and_each_text_is_there_once(
    scored: Scored, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines_module, "LINES", 4)
    monkeypatch.setattr(lines_module, "LEAST", 5)
    monkeypatch.setattr(lines_module, "KEPT", 30)
    found = SurprisingLines(LineEnds.of(scored.tokenizer))
    scored.feed(found, size)
    number, begun, rows = 1, 1, []
    ids: list[int] = []
    nats: list[float] = []
    for token, content, each in zip(scored.tokens.tolist(), scored.contents, scored.scores.nats, strict=True):
        ids, nats = [*ids, token], [*nats, float(each)]
        number += content.count("\n") + content.count(BOUNDARY)
        if number > begun:
            rows.append((sum(nats) / len(nats), begun, len(ids), tuple(ids[:30])))
            ids, nats, begun = [], [], number
    rows.append((sum(nats) / max(1, len(nats)), begun, len(ids), tuple(ids[:30])))
    rows.sort(key=lambda row: (-row[0], row[1]))
    texts: set[object] = set()
    expected = [row for row in rows if row[2] >= 5 and not (row[2:] in texts or texts.add(row[2:]))][:4]
    lines = [(line.nats_per_token, line.line, line.tokens, line.ids) for line in found.lines()]
    assert lines == [(pytest.approx(mean), *rest) for mean, *rest in expected]
    assert LINES > 1 and LEAST > 1


def test_a_sample_has_the_nats_of_its_positions_and_is_spread_over_the_text(scored: Scored) -> None:
    at = sampled_positions(5, len(scored.tokens), 11)
    edges = 5 + (len(scored.tokens) - 5) * np.arange(12) / 11
    assert all(int(low) <= each < high for low, each, high in zip(edges, at, edges[1:], strict=False))
    sampled = Sampled(at)
    scored.feed(sampled, 13)
    np.testing.assert_array_equal(sampled.nats, scored.scores.nats[at])
    np.testing.assert_array_equal(sampled_positions(3, 9, 6), range(3, 9))
