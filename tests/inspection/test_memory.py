"""Accuracy by distance: against predictions made one at a time, and intervals and bins against formulas."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rnngen.corpus.documents import BOUNDARY
from rnngen.corpus.planted.brackets import Brackets
from rnngen.corpus.planted.languages import LANGUAGES, planted_text
from rnngen.corpus.tokenizer.byte import ByteTokenizer
from rnngen.corpus.tokenizer.char import CharTokenizer
from rnngen.errors import CorpusError
from rnngen.inspection.memory import Bin, Planted, bin_edges, binned, planted_lines, recall, verdict
from rnngen.model.load import make_network
from rnngen.options.network import ModelConfig
from rnngen.options.planted import PlantedOptions


def text_in(name: str) -> Planted:
    language = LANGUAGES[name]
    lines = planted_text(language, PlantedOptions.of({"size": 30, "kinds": 3, "distance": "5-15"})).splitlines()
    return Planted(language, lines, 3)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize(("name", "is_list"), [("brackets", True), ("adding", False), ("copy", True)])
def test_a_network_is_right_where_its_most_likely_answer_is(name: str, bidirectional: bool, is_list: bool) -> None:
    text = text_in(name)
    end = BOUNDARY if is_list else "\n"
    tokenizer = CharTokenizer([*"".join(text.lines), end])
    ids = {c: int(tokenizer.encode(c)[0]) for c in ("".join(text.lines) + end)}
    config = ModelConfig(hidden_size=6, embedding_size=4, bidirectional=bidirectional)
    generator = torch.Generator().manual_seed(3)
    model = make_network(config, tokenizer.vocab_size, generator, ids[end] if is_list else None).eval()
    expected: dict[int, tuple[int, int]] = {}
    for line in text.lines:
        for position, distance in text.language.decisions(line) or []:
            before = torch.tensor([ids[c] for c in ("" if is_list else end) + line[:position]])
            after = torch.tensor([ids[c] for c in line[position + 1 :] + ("" if is_list else end)], dtype=torch.long)
            with torch.no_grad():
                logits = model.logits_between(before, after)
            best = max(text.language.answers(3), key=lambda answer: float(logits[ids[answer]]))
            right, n = expected.get(distance, (0, 0))
            expected[distance] = right + (best == line[position]), n + 1
    assert 0 < sum(right for right, _ in expected.values()) < sum(n for _, n in expected.values())
    assert recall(model, tokenizer, text) == dict(sorted(expected.items()))


def test_the_lines_are_read_from_the_tokens_of_a_part_that_begins_and_ends_anywhere() -> None:
    content = "".join(f"{line}\n" for line in text_in("copy").lines)
    tokenizer = ByteTokenizer()
    whole = np.array(tokenizer.encode(content))
    assert planted_lines(tokenizer, whole, "x", 100).lines == content.splitlines()
    assert planted_lines(tokenizer, whole, "x", 5).lines == content.splitlines()[:5]
    assert planted_lines(tokenizer, whole[2:-2], "x", 100).lines == content.splitlines()[1:-1]
    documents = CharTokenizer([*content.replace("\n", BOUNDARY)])
    tokens = np.array(documents.encode(content.replace("\n", BOUNDARY)))
    assert planted_lines(documents, tokens, "x", 100).lines == content.splitlines()


def test_other_texts_and_unknown_symbols_are_refused() -> None:
    tokenizer = ByteTokenizer()
    for content in ("", "some prose\nof two lines\n", "(())\n" * 30 + "prose\n" + "(())\n" * 30):
        with pytest.raises(CorpusError, match="no text whose long-term dependencies are known"):
            planted_lines(tokenizer, np.array(tokenizer.encode(content), np.int64), "x", 100)
    known = CharTokenizer("([)]\n")
    model = make_network(ModelConfig(hidden_size=4, embedding_size=2), known.vocab_size)
    with pytest.raises(CorpusError, match="the run does not know '}'"):
        recall(model, known, Planted(Brackets(), ["{}"], 3))


def test_bins_hold_every_decision_and_are_few() -> None:
    counts = {distance: (distance % 3, 3) for distance in range(4, 61)}
    edges = bin_edges(counts)
    assert edges == [(1, 10), (11, 20), (21, 30), (31, 40), (41, 50), (51, 60)]
    bins = binned(counts, edges)
    assert [(each.first, each.last) for each in bins][::5] == [(4, 10), (51, 60)]
    assert sum(each.n for each in bins) == 3 * 57
    assert sum(each.right for each in bins) == sum(right for right, _ in counts.values())
    assert bin_edges([1, 3, 5]) == [(1, 1), (3, 3), (5, 5)]
    assert len(bin_edges(range(7, 4000))) <= 8


def test_the_interval_is_wilsons() -> None:
    for right, n, low, high in ((81, 263, 0.2553, 0.3662), (0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0)):
        assert Bin(1, 1, right, n).interval == pytest.approx((low, high), abs=1e-4)  # Newcombe 1998, table I


@pytest.mark.parametrize(
    ("rights", "words"),
    [
        ([100, 99, 95], "remembers: 95% right at 3 symbols"),
        ([100, 60, 26], "forgets with distance: 100% right at 1, 26% right at 3 symbols, no better than chance; less "
         "than half of the way from chance to perfect from 2 symbols on"),
        ([99, 80, 70], "forgets with distance: 99% right at 1, 70% right at 3 symbols"),
        ([27, 20, 31], "has learned nothing that shows: 27% right at 1, 31% right at 3 symbols, where 25% are right by "
         "chance"),
        ([25, 25, 60], "remembers only a little that shows: 60% right at 3 symbols, where 25% are right by chance"),
        ([100, 89, 95], "remembers far back, but unevenly: 89% right at 2, 95% right at 3 symbols"),
        ([60, 61, 58], "remembers in part, far back as well as near: 60% right at 1, 58% right at 3 symbols"),
    ],
)  # fmt: skip
def test_what_is_said_follows_from_the_figures(rights: list[int], words: str) -> None:
    assert verdict([Bin(i, i, right, 100) for i, right in enumerate(rights, start=1)], 0.25) == words


def test_chance_and_few_examples_are_no_memory() -> None:
    bins = [Bin(4, 10, 21, 100), Bin(51, 60, 12, 100)]
    assert bins[0].interval[0] < 0.2
    assert verdict(bins, 0.2).startswith("has learned nothing that shows: 21% right at 4 to 10, 12% right at 51 to 60")
    assert verdict([Bin(1, 1, 300, 1000), Bin(2, 2, 290, 1000)], 0.25) == (
        "remembers hardly anything: 29% right at 2 symbols, and 25% without memory"
    )
    few = [Bin(1, 1, 1, 1), Bin(2, 2, 9, 9)]
    assert verdict(few, 0.25) == "cannot be judged: at no distance are there 10 examples"
    assert verdict([Bin(1, 1, 50, 50), *few[1:]], 0.25) == "remembers: 100% right at 1 symbols"


def test_a_text_with_one_kind_is_refused() -> None:
    tokenizer = ByteTokenizer()
    for content in ("()\n" * 40, "(())\n" * 40):
        with pytest.raises(CorpusError, match="has only one kind of what there are several of"):
            planted_lines(tokenizer, np.array(tokenizer.encode(content)), "x", 100)


def test_chance_is_told_as_the_table_tells_it() -> None:
    assert verdict([Bin(1, 1, 13, 100)], 1 / 8).endswith("where 12.5% are right by chance")
