"""The filler: what it refuses, and whole texts with their gaps filled."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rnngen.corpus.tokenizer import ByteTokenizer, Level
from rnngen.errors import UsageError
from rnngen.infilling.gapped_text import parse_gaps, unseen
from rnngen.model.cloze import ClozeLM
from rnngen.options.network import ModelConfig
from tests.infilling.formulas import TOKENIZER, V, filler_of, judged, network, of_subwords
from tests.rounding import rounding_bound


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("no gap", "no gap"),
        ("a[0]b", "no tokens"),
        ("a[1][2]", "nothing"),
        ("a[9999]b", "too long"),
        (f"a[{'9' * 5000}]b", "too long"),
        ("a[०]b", "no gap"),  # a digit, but not one of ours
        ("ab ___", "nothing follows"),
    ],
)
def test_texts_that_cannot_be_filled_are_refused(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        filler_of(network()).best(text)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"num_fills": 10**6}, "`num_fills`"),
        ({"beam": 5000}, "`beam`"),
        ({"longest": 5000}, "`longest`"),
        ({"beam": 1024, "longest": 1000}, "too many candidates"),
    ],
)
def test_searches_that_would_not_end_are_refused(how: dict[str, int], message: str) -> None:
    filler = filler_of(network())
    filler.readers.left.vocab_size = 10_000 if "candidates" in message else V
    with pytest.raises(UsageError, match=message):
        filler.best("a___b", **how)


@pytest.mark.parametrize("level", ["word", pytest.param("bpe", marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    ("known", "held"),
    [
        ("the ", " "),
        ("the ca", " ca"),
        ("", ""),
        *(pytest.param(*p, marks=pytest.mark.slow) for p in (("the cat", " cat"), ("ca", "ca"), ("the qz", ""))),
    ],
)
def test_a_fill_goes_on_from_the_text_before_the_gap_or_from_its_last_token(
    level: Level, known: str, held: str
) -> None:
    """Against every token in the gap that goes on from what is held back, and every one after the known text's own."""
    model, tokenizer, filler = of_subwords(level)
    table = tokenizer.token_bytes()
    if not any(content.startswith(held.encode()) and content != held.encode() for content in table):
        held = ""  # the vocabularies differ
    ids = tokenizer.encode(known).tolist()
    own = tokenizer.encode(held).tolist()
    before, after = ids[: len(ids) - len(own)], tokenizer.encode(" on").tolist()
    fills = [(*own, token) for token in range(len(table)) if token != tokenizer.boundary_id]
    if held:
        longer = (t for t, content in enumerate(table) if content.startswith(held.encode()) and t != own[0])
        fills += [(token,) for token in longer]
    expected: dict[str, list[float]] = {}
    for fill in fills:
        text = tokenizer.decode(fill, skip=len(held.encode()))
        expected.setdefault(text, []).append(-judged(model, [before, list(fill), after]))
    bound = rounding_bound(lambda m: judged(m, [before, list(fills[-1]), after]), model)
    bound += rounding_bound(lambda m: judged(m, [before, list(fills[0]), after]), model)
    found = filler.best(f"{known}[1] on", num_fills=1000, beam=300)
    every = {each.fills[0]: each for each in found}
    assert every.keys() == {text for text in expected if not {"\ufffd", "\0"} & set(text)}
    for text, each in every.items():
        assert each.text == f"{known}{text} on"
        assert each.nats == pytest.approx(min(expected[text]), rel=0, abs=bound)
    total = sum(np.exp(-nats) for text in every for nats in expected[text])
    for text, each in every.items():
        assert each.share == pytest.approx(sum(np.exp(-nats) for nats in expected[text]) / total, rel=4 * bound)
    assert [each.nats for each in found] == sorted(each.nats for each in found)


@pytest.mark.parametrize("level", ["word", "bpe"])
def test_no_character_before_a_gap_is_lost_or_doubled(level: Level) -> None:
    _, _, filler = of_subwords(level)
    for text in ("the ___ sat", "the ca___ sat", "th[2] c[1] ___at", "a[1] [2]\n", "the cat [1] ran", "on  ___ the"):
        for each in [
            *filler.best(text, num_fills=30, longest=2),
            *filler.draw(text, num_fills=10, gibbs=2, seed=1, longest=2),
        ]:
            fills = iter(each.fills)
            assert each.text == "".join(p if isinstance(p, str) else next(fills) for p in parse_gaps(text))


def test_what_the_model_has_never_seen_is_left_out_of_what_it_reads() -> None:
    filler = filler_of(network())
    with_it, without = filler.best("aXb[2]cY a", num_fills=5), filler.best("ab[2]c a", num_fills=5)
    assert [f.fills for f in with_it] == [f.fills for f in without]
    assert [f.nats for f in with_it] == [f.nats for f in without]
    assert unseen("aXb[2]cY a", TOKENIZER) == "XY"


def test_fills_of_bytes_are_text_where_there_is_text_of_that_length() -> None:
    tokenizer = ByteTokenizer()
    config = ModelConfig(**{"hidden_size": 8, "embedding_size": 4, "bidirectional": True})
    model = ClozeLM(config, tokenizer.vocab_size, torch.Generator().manual_seed(2))
    filler = filler_of(model, tokenizer)
    fills = [each.fills[0] for each in filler.best("a___b", num_fills=100, longest=2)]
    assert len(fills) > 10
    assert not any("\ufffd" in fill for fill in fills)
