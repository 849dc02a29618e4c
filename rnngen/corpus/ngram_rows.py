"""The n-grams that end at each token of a text, as rows of a table: hashed, so that there is a table of any size.

A token is written as its id plus one, and 0 is no token: what stands before the beginning of a text, or a token that is
not known. The hash of an n-gram is that of the one a token shorter, from its last token to its first: with H_1 the last
token, H_k = (FACTOR · H_{k-1} + the token k - 1 places before it) mod PRIME. Different n-grams may share a row, and do
where there are more of them than rows (as in fastText: Bojanowski et al. 2017, section 3.2).

Row 0 stands for n-grams that are not whole: a part of them lies before the beginning of the text or in another
document.

The same code serves NumPy arrays and torch tensors of int64, and Python's integers.
"""

from __future__ import annotations

from typing import Any

FACTOR, PRIME = 1_103_515_245, 2**31 - 1


def extended(hashes: Any, earlier: Any) -> Any:
    """The hashes of the n-grams that begin one token earlier, with that token."""
    return (hashes * FACTOR + earlier) % PRIME


def row_of(hashes: Any, rows: int) -> Any:
    """Their rows in a table of ``rows`` rows, of which the first one is for other purposes."""
    return 1 + hashes % (rows - 1)


def ngram_rows(read: Any, history: int, rows: int, boundary: int | None) -> list[Any]:
    """The rows of the n-grams that end at each of T tokens.

    Args:
        read: ids plus one, 0 where there is no token, of shape (``history`` + T, …): T tokens and those before them.
        history: n - 1 of the longest n-grams.
        rows: of the table.
        boundary: id of the token between documents, beyond which no n-gram reaches; None: there is none.

    Returns:
        For n-grams of 2 to ``history`` + 1 tokens, their rows, (T, …).
    """
    hashes, found = read[history:], []
    whole = hashes > 0
    for k in range(1, history + 1):
        earlier = read[history - k : len(read) - k]
        whole = whole & (earlier > 0)
        if boundary is not None:
            whole = whole & (earlier != boundary + 1)
        hashes = extended(hashes, earlier)
        found.append(row_of(hashes, rows) * whole)
    return found
