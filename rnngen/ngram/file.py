"""``ngram.safetensors``: a mixture on disk, next to the weights it was fitted to; its content is checked when read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnngen.errors import CheckpointError, UsageError
from rnngen.ngram.counts import Order
from rnngen.ngram.interpolated import MIN_DISCOUNT, NGram
from rnngen.ngram.mixture import Mixture
from rnngen.platforms import quote_argument
from rnngen.runs.layout import MODEL, NGRAM
from rnngen.runs.run import Run
from rnngen.runs.tensors import parse_safetensors

Arrays = dict[str, NDArray[Any]]
_ORDER = ("offsets", "tokens", "counts", "dropped")


def to_bytes(mixture: Mixture) -> bytes:
    """The file's content."""
    from safetensors.numpy import save

    arrays: Arrays = {"discounts": mixture.ngram.discounts, "shares": mixture.shares}
    for k, order in enumerate(mixture.ngram.orders, start=1):
        arrays |= {f"{k}.{name}": _narrow(getattr(order, name)) for name in _ORDER}
    return save({name: np.ascontiguousarray(array) for name, array in arrays.items()})


def _narrow(array: NDArray[Any]) -> NDArray[Any]:
    """In the smallest unsigned type that holds all of it."""
    return array.astype(np.min_scalar_type(array.max(initial=0)))


def load_mixture(run: Run) -> Mixture:
    """The mixture of a run.

    Raises:
        UsageError: the run is bidirectional.
        CheckpointError: it has no mixture, or a damaged one, or one for a different vocabulary.
    """
    where = run.path / NGRAM
    if run.model_config().bidirectional:
        raise UsageError(
            "`ngram` needs a left-to-right model to mix it into", where=run.path, found="a bidirectional one"
        )
    if NGRAM not in run.manifest:
        train = run.config.get("train")
        asked = isinstance(train, dict) and train.get("ngram")
        raise CheckpointError(
            "has no n-gram model",
            where=run.path,
            hint=f"It is made when training ends: rnngen train --resume {quote_argument(str(run.path))}."
            if asked
            else "Make a run with one: rnngen train FILE --ngram 5.",
        )
    run.hold(MODEL, NGRAM)  # it was fitted to these weights
    return parse_mixture(run.read(NGRAM), run.tokenizer().vocab_size, where, run.boundary)


def parse_mixture(content: bytes, vocab_size: int, where: Path, boundary: int | None = None) -> Mixture:
    """Read the file's content; every number is checked before it is used as an index or a probability.

    Raises:
        CheckpointError: it is not a mixture over V tokens.
    """
    arrays = parse_safetensors(content, where)
    D, shares = arrays.get("discounts"), arrays.get("shares")
    n = min(len(shares), len(arrays)) if shares is not None and shares.ndim == 1 else 0  # each order has arrays
    names = {f"{k}.{name}" for k in range(1, n + 1) for name in _ORDER}
    if odd := (names | {"discounts", "shares"}) ^ arrays.keys():
        found = f"{min(odd)} unexpected or missing"
        raise CheckpointError("does not have the tensors of an n-gram model", where=where, found=found)
    assert D is not None and shares is not None
    sized = D.dtype == shares.dtype == np.float64 and D.shape == (n, 3) and n > 0
    _check(sized, "3 discounts and a share per order, in float64", where)
    _check(bool(np.all((D >= MIN_DISCOUNT) & (D <= [1, 2, 3]))), "discounts from 0.01 to 1, 2 and 3", where)
    _check(bool(np.all((shares >= 0) & (shares <= 1))), "shares from 0 to 1", where)
    orders: list[Order] = []
    contexts = 1
    for k in range(1, n + 1):
        order = _order({name: arrays[f"{k}.{name}"] for name in _ORDER}, contexts, vocab_size, f"order {k}", where)
        _check(k > 1 or np.array_equal(order.tokens, np.arange(vocab_size)), f"a vocabulary of {vocab_size}", where)
        orders.append(order)
        contexts = len(order.tokens)
    return Mixture(NGram(orders, D, boundary), shares.astype(np.float64))


def _order(arrays: Arrays, contexts: int, V: int, what: str, where: Path) -> Order:
    whole = all(a.dtype in (np.uint8, np.uint16, np.uint32) and a.ndim == 1 for a in arrays.values())
    _check(whole, f"{what} in unsigned integers", where)
    offsets, tokens, counts, dropped = (arrays[name].astype(np.int64) for name in _ORDER)
    _check(len(offsets) == contexts + 1 and len(dropped) == contexts, f"{what} over {contexts} contexts", where)
    _check(len(counts) == len(tokens) > 0, f"{what}: a count per n-gram", where)
    rising = offsets[0] == 0 and offsets[-1] == len(tokens) and bool(np.all(np.diff(offsets) >= 0))
    _check(rising, f"{what}: rising offsets", where)
    same = np.ones(len(tokens) + 1, bool)  # whether a token follows the same context as the one before it
    same[offsets] = False
    sorted_ = bool(np.all(np.diff(tokens)[same[1:-1]] > 0)) and bool(np.all(tokens < V))
    _check(sorted_, f"{what}: sorted tokens below {V}", where)
    return Order.compact(offsets, tokens, counts, dropped)


def _check(ok: bool | np.bool_, expected: str, where: Path) -> None:
    if not ok:
        raise CheckpointError("is not a sound n-gram model of this run", where=where, expected=expected)
