"""Texts are cut between grapheme clusters only, wherever rnngen cuts them."""

from __future__ import annotations

import io
from itertools import accumulate, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wcwidth import iter_graphemes

from rnngen.cli.console import Console
from rnngen.cli.session_layout import ISOLATES, one_line
from rnngen.corpus.tokenizer import StreamDecoder, train_tokenizer
from rnngen.errors import RnngenError, shortened
from rnngen.formats import visible
from rnngen.graphemes import LONGEST, boundary_after, boundary_before, finished, in_whole_clusters
from rnngen.plaintext.widths import folded, width

CLUSTERS = {
    "emoji with a skin tone": "👩🏽\u200d💻",
    "family": "👨\u200d👩\u200d👧\u200d👦",
    "flag": "🇩🇪",
    "flag of a region": "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
    "heart": "❤\ufe0f",
    "keycap": "1\ufe0f\u20e3",
    "hindi": "क्षि",
    "tamil": "நி",
    "thai": "กำ",
    "accent": "e\u0301",
    "two accents": "e\u0302\u0301",
    "korean": "\u1100\u1161\u11a8",
    "line end": "\r\n",
}
mixed = st.lists(st.sampled_from([*CLUSTERS.values(), "a", " ", "\n", "é", "語", "\0"]), max_size=12).map("".join)
quick = settings(deadline=None, max_examples=80)


def boundaries(text: str) -> set[int]:
    """All places where a text may be cut, by the rules of Unicode."""
    return {0, *accumulate(map(len, iter_graphemes(text)))}


@pytest.mark.parametrize("cluster", CLUSTERS.values(), ids=CLUSTERS.keys())
def test_each_of_these_is_one_cluster(cluster: str) -> None:
    text = f"x{cluster}{cluster}y"
    inside = range(1, len(text))
    found = {at for at in inside if boundary_before(text, at) == at}
    assert found == {1, 1 + len(cluster), 1 + 2 * len(cluster)}
    ends = [finished(text[: 1 + size]) for size in range(1, len(cluster) + 1)]
    assert ends == ([1, 3] if cluster == "\r\n" else [1] * len(cluster))  # nothing joins a line end
    assert finished("") == 0


@quick
@given(text=mixed, at=st.integers(-2, 60))
def test_the_nearest_places_to_cut_are_those_of_unicode(text: str, at: int) -> None:
    places = boundaries(text)
    assert boundary_before(text, at) == max((place for place in places if place <= at), default=0)
    assert boundary_after(text, at) == min((place for place in places if place >= at), default=len(text))


@quick
@given(text=mixed, more=mixed)
def test_what_is_finished_stays_whole_whatever_follows(text: str, more: str) -> None:
    assert finished(text) in boundaries(text + more)
    assert len(text) - finished(text) <= max(map(len, CLUSTERS.values())) * 12


@quick
@given(
    pieces=st.lists(mixed | st.sampled_from(["\u200d", "\u0301", "🇩", "क", "\u094d", "👩", "\u1161", ""]), max_size=9)
)
def test_pieces_are_cut_between_clusters_and_marked_by_where_a_cluster_begins(pieces: list[str]) -> None:
    text = "".join(pieces)
    marks = [number for number, piece in enumerate(pieces) for _ in piece]
    found = list(in_whole_clusters(zip(pieces, range(len(pieces)), strict=True)))
    assert "".join(piece for piece, _ in found) == text
    starts = [0, *accumulate(len(piece) for piece, _ in found)]
    if all(b - a <= LONGEST for a, b in pairwise(sorted(boundaries(text)))):
        assert set(starts) <= boundaries(text)
        clusters = sorted(boundaries(text))
        expected = [marks[start] for start, end in pairwise(clusters) for _ in range(end - start)]
        assert [mark for piece, mark in found for _ in piece] == expected


def test_an_endless_cluster_is_cut() -> None:
    endless = "e" + "\u0301" * 10_000
    assert finished(endless) == len(endless)
    assert boundary_before(endless, 5_000) == 5_000
    assert boundary_after(endless, 5_000) <= 5_000 + LONGEST
    pieces = list(in_whole_clusters((character, None) for character in endless))
    assert "".join(piece for piece, _ in pieces) == endless
    assert max(len(piece) for piece, _ in pieces) <= LONGEST + 1


class Flushed(io.StringIO):
    """A terminal that keeps what each write puts on it."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[str] = []

    def write(self, text: str) -> int:
        self.writes.append(text)
        return len(text)

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("level", ["char", "byte", "bpe"])
@pytest.mark.parametrize("name", [name for name in CLUSTERS if name not in ("flag of a region", "line end")])
def test_no_write_to_a_terminal_ends_within_a_cluster(level: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = CLUSTERS[name]
    monkeypatch.setattr("rnngen.cli.console.FLUSH_SECONDS", 0.0)  # every piece is written as soon as it can be
    text = f"So: {cluster}{cluster} {cluster}x\n{cluster}"
    tokenizer = train_tokenizer(level, [text * 2], 300 if level == "bpe" else None)  # type: ignore[arg-type]
    decoder, out = StreamDecoder(tokenizer), Flushed()
    pieces = [decoder.push(int(token)) for token in tokenizer.encode(text)]
    assert not Console(out, None).write_pieces(["", *pieces], lambda: None)
    assert "".join(out.writes) == text
    ends = set(accumulate(map(len, out.writes)))
    assert ends <= boundaries(text)
    assert len(out.writes) > 4


def test_an_interrupted_text_is_written_to_its_end() -> None:
    def pieces() -> io.Iterator[str]:  # type: ignore[name-defined]
        yield from ("The ", "e", "\u0301", "क")
        raise KeyboardInterrupt

    out = Flushed()
    with pytest.raises(KeyboardInterrupt):
        Console(out, None).write_pieces(pieces(), lambda: None)
    assert "".join(out.writes) == "The e\u0301क"


@pytest.mark.parametrize("cluster", CLUSTERS.values(), ids=CLUSTERS.keys())
def test_shortened_texts_keep_clusters_whole(cluster: str) -> None:
    for before in range(8):
        text = "x" * before + cluster * 600
        for short in (shortened(text), shortened(text, 17), str(RnngenError(text))):
            assert short.endswith("…")
            assert len(short) - 1 in boundaries(text)
        if "\n" not in cluster:
            left, _, right = (part.strip("".join(ISOLATES)) for part in one_line(text).partition(" … "))
            whole = visible(text)
            assert len(left) in boundaries(whole)
            assert whole.endswith(right)
            assert len(whole) - len(right) in boundaries(whole)


@pytest.mark.parametrize("cluster", [*CLUSTERS.values()][:-1], ids=[*CLUSTERS.keys()][:-1])
@pytest.mark.parametrize("cells", [5, 10, 11])
def test_a_long_word_is_broken_between_clusters_and_short_ones_stay(cluster: str, cells: int) -> None:
    text = f"a bc {cluster * 40}\n  {cluster}"
    lines = folded(text, cells)
    assert lines.replace("\n", "") == text.replace("\n", "")
    assert lines.startswith("a bc ")
    for line in lines.split("\n"):
        assert all(width(word) <= cells for word in line.split(" "))
        assert cluster_parts(line, cluster) == []
    assert folded("short words stay\n", cells + 2) == "short words stay\n"


def cluster_parts(line: str, cluster: str) -> list[str]:
    """What is left of a line without the clusters that are whole, and without what else is in the text."""
    return [part for part in line.replace(cluster, "").split() if part not in ("a", "bc")]
