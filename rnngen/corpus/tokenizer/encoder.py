"""Encoders of a text that comes in pieces; the documents of a text may begin with labels (see ``labels.py``)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnngen.corpus.documents import BOUNDARY
from rnngen.corpus.labels import label_number, without_labels

Ids = NDArray[np.integer[Any]]

_NONE = -1


class Encoder:
    """Encodes a normalised text that comes in pieces, if its tokens are characters or bytes.

    Args:
        encode: encodes a piece.
    """

    def __init__(self, encode: Callable[[str], Ids]) -> None:
        self._encode = encode

    def add(self, piece: str) -> Ids:
        """The ids that are settled after one more piece, shape (N,)."""
        return self._encode(piece)

    def finish(self) -> Ids:
        """The ids of what was held back, shape (N,)."""
        return self._encode("")


class LabelledEncoder(Encoder):
    """Puts the token of each document's label before the tokens of its text.

    Args:
        encoder: of the text without labels.
        boundary: the id of the boundary; None: there is none.
        first: the id of the first label.
        dtype: of the ids.
    """

    def __init__(self, encoder: Encoder, boundary: int | None, first: int, dtype: type[np.integer[Any]]) -> None:
        self._encoder, self._boundary, self._first, self._dtype = encoder, boundary, first, dtype
        self._begins = self._begins_output = True  # whether the next character, and the next id, begin a document
        self._waiting: deque[int] = deque()  # the ids of the labels of documents that begin in text that is held back

    def add(self, piece: str) -> Ids:
        """The ids that are settled after one more piece, shape (N,)."""
        if not piece:
            return self._with_labels(self._encoder.add(piece))
        documents = piece.split(BOUNDARY)
        for number, document in enumerate(documents):
            if document and (number or self._begins):
                label = label_number(document)
                self._waiting.append(_NONE if label is None else self._first + label)
        self._begins = piece[-1] == BOUNDARY
        return self._with_labels(self._encoder.add(without_labels(piece)))

    def finish(self) -> Ids:
        """The ids of what was held back, shape (N,)."""
        return self._with_labels(self._encoder.finish())

    def _with_labels(self, ids: Ids) -> Ids:
        ids = ids.astype(self._dtype, copy=False)
        if not len(ids):
            return ids
        ends = np.flatnonzero(ids == self._boundary)
        begins = np.concatenate([np.zeros(int(self._begins_output), np.int64), ends + 1])
        begins = begins[begins < len(ids)]
        self._begins_output = bool(ids[-1] == self._boundary)
        labels = np.array([self._waiting.popleft() for _ in begins], np.int64)
        has = labels != _NONE
        return np.insert(ids, begins[has], labels[has].astype(self._dtype))
