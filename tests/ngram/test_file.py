"""A mixture on disk: read back as it was, and refused when it is not one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load, save

from rnngen.errors import CheckpointError
from rnngen.ngram.file import load_mixture, parse_mixture, to_bytes
from rnngen.ngram.mixture import fit_mixture
from rnngen.runs.finding import open_run
from rnngen.runs.layout import NGRAM
from tests.ngram.naive import text_of

V = 6
MIXTURE = fit_mixture(text_of(300, V), text_of(80, V, seed=2), np.full(80, 1.5), order=3, vocab_size=V)
CONTENT = to_bytes(MIXTURE)
WHERE = Path("run") / NGRAM
Arrays = dict[str, Any]


def test_the_broken_files_are_broken_in_nothing_else() -> None:
    wide = {n: a.astype(np.uint32) if a.dtype.kind == "u" else a for n, a in load(CONTENT).items()}
    parse_mixture(save(wide), V, WHERE)


def test_what_was_written_is_read_back() -> None:
    again = parse_mixture(CONTENT, V, WHERE)
    text, nats = text_of(50, V, seed=5), np.full(50, 2.0)
    for one, other in zip(again.nats(text, nats), MIXTURE.nats(text, nats), strict=True):
        np.testing.assert_array_equal(one, other)
    assert to_bytes(again) == CONTENT


def put(name: str, place: Any, value: Any) -> Callable[[Arrays], None]:
    def change(arrays: Arrays) -> None:
        if arrays[name].dtype.kind == "u":
            arrays[name] = arrays[name].astype(np.uint32)  # whatever size it is written in
        arrays[name][place] = value

    return change


BROKEN: dict[str, Callable[[Arrays], Any]] = {
    "no shares": lambda a: a.pop("shares"),
    "no discounts": lambda a: a.pop("discounts"),
    "no order": lambda a: a.pop("2.tokens"),
    "one tensor more": lambda a: a.update(extra=np.zeros(1)),
    "fewer shares than orders": lambda a: a.update(shares=a["shares"][:2], discounts=a["discounts"][:2]),
    "shares of another shape": lambda a: a.update(shares=a["shares"][:, None]),
    "rounder shares": lambda a: a.update(shares=a["shares"].astype(np.float32)),
    "a share above 1": put("shares", 0, 1.5),
    "a share that is no number": put("shares", 1, np.nan),
    "a discount of 0": put("discounts", (0, 0), 0),
    "a discount above its count": put("discounts", (2, 1), 2.5),
    "a discount that is no number": put("discounts", (1, 1), np.nan),
    "a discount too few": lambda a: a.update(discounts=a["discounts"][:, :2].copy()),
    "a token beyond the vocabulary": put("3.tokens", -1, 2**31),
    "tokens out of order": lambda a: a.update({"2.tokens": a["2.tokens"][::-1].copy()}),
    "a token twice": lambda a: a.update({"3.tokens": np.zeros_like(a["3.tokens"])}),
    "offsets that fall": put("2.offsets", 1, 2**32 - 1),
    "offsets beyond the end": put("2.offsets", -1, 2**31),
    "offsets that begin late": put("2.offsets", 0, 1),
    "a context too few": lambda a: a.update({"3.offsets": a["3.offsets"][1:].copy()}),
    "a dropped too many": lambda a: a.update({"3.dropped": np.zeros(10**4, np.uint32)}),
    "a count too few": lambda a: a.update({"2.counts": a["2.counts"][1:].copy()}),
    "signed counts": lambda a: a.update({"2.counts": a["2.counts"].astype(np.int64)}),
    "an order of nothing": lambda a: a.update(
        {f"3.{name}": np.zeros(0, np.uint32) for name in ("tokens", "counts")}
        | {"3.offsets": np.zeros_like(a["3.offsets"])}
    ),
    "nothing at all": lambda a: a.clear(),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_file_that_is_not_a_mixture_is_a_clear_error(what: str) -> None:
    arrays = {name: array.copy() for name, array in load(CONTENT).items()}
    BROKEN[what](arrays)
    with pytest.raises(CheckpointError, match=r"^run/ngram\.safetensors: "):
        parse_mixture(save(arrays), V, WHERE)


@pytest.mark.parametrize("vocab_size", [V - 1, V + 1])
def test_a_file_of_another_vocabulary_is_refused(vocab_size: int) -> None:
    with pytest.raises(CheckpointError, match=r"^run/ngram\.safetensors: .* expected "):
        parse_mixture(CONTENT, vocab_size, WHERE)


def test_a_file_cut_short_anywhere_is_a_clear_error() -> None:
    for length in range(0, len(CONTENT), 37):
        with pytest.raises(CheckpointError, match=r"^run/ngram\.safetensors: is not a sound safetensors file"):
            parse_mixture(CONTENT[:length], V, WHERE)


def test_a_file_that_is_not_what_the_manifest_says_is_refused(mixed: Path) -> None:
    content = bytearray((mixed / NGRAM).read_bytes())
    content[-1] ^= 1
    (mixed / NGRAM).write_bytes(content)
    with pytest.raises(CheckpointError, match=r"ngram\.safetensors: is damaged"):
        load_mixture(open_run(mixed))


def test_a_run_without_an_ngram_model_says_how_to_get_one(trained: Path) -> None:
    with pytest.raises(
        CheckpointError, match=r"tiny: has no n-gram model\. Make a run with one: rnngen train FILE --ngram 5"
    ):
        load_mixture(open_run(trained))
