"""The lines of a text that comes in pieces: how long they are, and how many are blank or repeated."""

from __future__ import annotations

import hashlib
from collections import Counter

_DIGEST_BYTES = 8
_MOST_HASHES = 1 << 18


class LineFacts:
    """Counts the lines of a text, however long each is.

    Repeated lines are counted exactly as long as there are at most 2^18 different ones. Of more, those are looked at
    whose hash ends in zeros, which is a fair sample of the different lines (Gibbons, "Distinct sampling for
    highly-accurate answers to distinct values queries and event reports", VLDB 2001): memory is bounded, and the share
    is an estimate. Lengths are kept as a histogram; a text of n characters has lines of at most sqrt(2n) lengths.

    Attributes:
        total: lines so far; the last counts even without a line end.
        blank: those without a character other than white space.
    """

    def __init__(self, most_hashes: int = _MOST_HASHES) -> None:
        self.total = self.blank = 0
        self._lengths: Counter[int] = Counter()  # characters without the line end
        self._seen: dict[int, int] = {}  # hash of a line that is not blank → how often
        self._zeros = 0  # the last bits of a hash that have to be zero to be looked at
        self._most = most_hashes
        self._begin()

    def _begin(self) -> None:
        self._length, self._is_blank = 0, True
        self._hash = hashlib.blake2b(digest_size=_DIGEST_BYTES)

    def add(self, piece: str) -> None:
        """Read one more piece."""
        first, *others = piece.split("\n")
        self._grow(first)
        for line in others:
            self._end()
            self._grow(line)

    def _grow(self, part: str) -> None:
        if part:
            self._length += len(part)
            self._is_blank = self._is_blank and not part.strip()
            self._hash.update(part.encode("utf-8", errors="surrogatepass"))

    def _end(self) -> None:
        self.total += 1
        self._lengths[self._length] += 1
        if self._is_blank:
            self.blank += 1
        else:
            self._look_at(int.from_bytes(self._hash.digest(), "big"))
        self._begin()

    def _look_at(self, value: int) -> None:
        if value & ((1 << self._zeros) - 1):
            return
        self._seen[value] = self._seen.get(value, 0) + 1
        while len(self._seen) > self._most:
            self._zeros += 1
            mask = (1 << self._zeros) - 1
            self._seen = {each: count for each, count in self._seen.items() if not each & mask}

    def finish(self) -> None:
        """Count the last line, if the text does not end with a line end."""
        if self._length:
            self._end()

    @property
    def repeated(self) -> float:
        """Share of the lines that are not blank which stood in the text before: 0 to 1."""
        looked_at = sum(self._seen.values())
        return (looked_at - len(self._seen)) / looked_at if looked_at else 0.0

    @property
    def repeated_is_estimated(self) -> bool:
        """Whether there were too many different lines to count all."""
        return self._zeros > 0

    def length(self, share: float) -> int:
        """The length in characters that a share of the lines does not exceed: 0.5 is the median, 1 the longest line."""
        needed, so_far = share * self.total, 0
        for length in sorted(self._lengths):
            so_far += self._lengths[length]
            if so_far >= needed:
                return length
        return 0
