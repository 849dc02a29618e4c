"""The line ends in each token of a vocabulary: what divides a text of tokens into lines."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rnngen.corpus.documents import BOUNDARY
from rnngen.corpus.tokenizer import Tokenizer


@dataclass(frozen=True)
class LineEnds:
    """Where the line ends of each token of a vocabulary are; each array (V,).

    Attributes:
        before: line ends before its first character that is not white space; all of them if it has none.
        after: those after its last character that is not white space; as ``before`` if it has none.
        within: all of them. The end of a document is one.
        blank: whether it is white space only.
    """

    before: NDArray[np.int64]
    after: NDArray[np.int64]
    within: NDArray[np.int64]
    blank: NDArray[np.bool_]

    @classmethod
    def of(cls, tokenizer: Tokenizer) -> LineEnds:
        """Of a vocabulary."""
        contents = [each.decode("utf-8", "replace").replace(BOUNDARY, "\n") for each in tokenizer.token_bytes()]
        counts = [
            (each[: len(each) - len(each.lstrip())].count("\n"), each[len(each.rstrip()) :].count("\n"))
            if each.strip()
            else (each.count("\n"), each.count("\n"))
            for each in contents
        ]
        within = np.array([each.count("\n") for each in contents], np.int64)
        before, after = np.array(counts, np.int64).reshape(-1, 2).T
        return cls(before, after, within, np.array([not each.strip() for each in contents], bool))
