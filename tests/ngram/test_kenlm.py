"""Against kenlm (Heafield 2011, 2013), where it is installed.

``pip install kenlm`` brings the module that reads models. ``lmplz``, which estimates them, is built from the sources of
that package (``pip download --no-binary kenlm kenlm``) with Boost, by ``cmake`` and ``make lmplz``, and is to be on the
PATH. kenlm computes in float32: version 0.3.0 agrees within 2e-6, for its own estimates of orders 2 to 6 too.
"""

from __future__ import annotations

import math
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnngen.ngram.counts import count_ngrams, count_orders
from rnngen.ngram.interpolated import NGram
from tests.ngram.naive import Gram, text_of

kenlm = pytest.importorskip("kenlm", reason="kenlm is not installed")

V, BOUNDARY, ORDER = 20, 0, 5
TRAIN = np.append(text_of(6_000, V), BOUNDARY)
TEXT = np.append(text_of(400, V, seed=1), BOUNDARY)


def sentences(tokens: np.ndarray) -> list[np.ndarray]:
    return [part[:-1] for part in np.split(tokens, np.flatnonzero(tokens == BOUNDARY) + 1) if len(part)]


def spelled(tokens: np.ndarray) -> str:
    return " ".join(f"t{token}" for token in tokens.tolist())


def names_of(ngram: NGram) -> Iterator[list[Gram]]:
    """The n-grams of each order, in the order of their numbers."""
    names: list[Gram] = [()]
    for order in ngram.orders:
        contexts = np.repeat(np.arange(len(order.dropped)), np.diff(order.offsets))
        names = [(*names[c], int(t)) for c, t in zip(contexts, order.tokens, strict=True)]
        yield names


def write_arpa(ngram: NGram, path: Path) -> None:
    """A model as kenlm reads it: log10 of each n-gram's probability and of its weight as a context, γ."""
    backoffs = [*ngram._backoffs[1:], np.ones(len(ngram.orders[-1].tokens))]
    lines, sizes = [], []
    for k, (names, weights) in enumerate(zip(names_of(ngram), backoffs, strict=True), start=1):
        lines.append(f"\n\\{k}-grams:")
        for name, weight in zip(names, weights.tolist(), strict=True):
            numbers = ngram.read(np.array(name[:-1], np.int64))
            p = ngram.distribution(numbers)[0, name[-1]]
            known = "" if k == ngram.order else f"\t{math.log10(weight) if weight else 0:.9f}"
            lines.append(f"{math.log10(p):.9f}\t{spelled(np.array(name))}{known}")
        sizes.append(len(names))
        if k == 1:
            lines += [f"-99\t{symbol}\t0" for symbol in ("<s>", "</s>", "<unk>")]
            sizes[0] += 3
    head = ["\\data\\", *(f"ngram {k}={size}" for k, size in enumerate(sizes, start=1))]
    path.write_text("\n".join([*head, *lines, "\n\\end\\\n"]))


@pytest.mark.parametrize("order", range(2, 7))
def test_kenlm_reads_the_same_probabilities_from_the_same_model(order: int, tmp_path: Path) -> None:
    ngram = NGram(count_orders(TRAIN, 6, V).model(order))
    write_arpa(ngram, tmp_path / "model.arpa")
    model = kenlm.Model(str(tmp_path / "model.arpa"))
    found = [10**log_p for log_p, *_ in model.full_scores(spelled(TEXT), bos=False, eos=False)]
    expected, matched = ngram.probabilities(TEXT)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert len(set(matched.tolist())) > 1  # contexts of several lengths are backed off from


def passages(count: int, seed: int) -> np.ndarray:
    """Passages of a text of Zipf's words, so that each order has n-grams of every count; all end with a boundary."""
    rng = np.random.default_rng(7)
    zipf = 1 / np.arange(1, 3000)
    text = rng.choice(np.arange(1, 3000), p=zipf / zipf.sum(), size=10_000)
    for i in np.flatnonzero(rng.random(len(text)) < 0.5)[1:]:
        text[i] = 1 + (text[i - 1] * 7 + rng.integers(8) ** 2) % 2999
    begins = np.random.default_rng(seed).integers(len(text) - 30, size=(count, 1))
    lengths = np.random.default_rng(seed + 1).integers(3, 30, size=count)
    return np.concatenate([np.append(text[b : b + n], BOUNDARY) for (b,), n in zip(begins, lengths, strict=True)])


@pytest.mark.parametrize("order", range(2, 7))
def test_lmplz_estimates_the_same_model_from_the_same_text(order: int, tmp_path: Path) -> None:
    lmplz = shutil.which("lmplz")
    if lmplz is None:
        pytest.skip("lmplz is not installed")
    train, text = passages(3000, seed=5), passages(100, seed=3)
    text = text[np.isin(text, train)]
    lines = "".join(f"{spelled(sentence)}\n" for sentence in sentences(train))
    how: dict[str, Any] = {"input": lines.encode(), "capture_output": True, "check": True}
    arpa = subprocess.run([lmplz, "-o", str(order), "-S", "256M", "-T", str(tmp_path / "t")], **how).stdout
    (tmp_path / "model.arpa").write_bytes(arpa)
    model = kenlm.Model(str(tmp_path / "model.arpa"))
    scored = (model.full_scores(spelled(sentence)) for sentence in sentences(text))
    found = [10**log_p for sentence in scored for log_p, *_ in sentence]
    # If no n-gram has a count of 4, kenlm's third discount is 3, which leaves nothing of a count of 3; here it is less.
    # V is that of kenlm: all words, </s>, which is the boundary, and the unknown word, which never occurs.
    # The first sentence begins after a boundary too.
    words, ids = np.unique(train, return_inverse=True)
    counted = count_ngrams(np.append(BOUNDARY, ids), order, len(words) + 1, boundary=BOUNDARY)
    assert all((each.counts == 4).any() for each in counted)
    expected, _ = NGram(counted, boundary=BOUNDARY).probabilities(np.searchsorted(words, text))
    np.testing.assert_allclose(found, expected, rtol=1e-5)
