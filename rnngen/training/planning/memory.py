"""Keeping freed memory for the next step.

A training step frees every activation and the next one asks for the same sizes again. The C library (glibc) gives
blocks this large back to the system each time, and the system then maps and clears them page by page: at 512 units and
64 streams that was a third of the whole step.
"""

from __future__ import annotations

import ctypes

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # names of mallopt(3)
_MOST, _MOST_OF_OLD = 2**31 - 1, 2**25  # glibc before 2.35 takes no more than half a heap


def keep_freed_memory() -> bool:
    """Tell glibc's malloc to keep what is freed, in this process from now on.

    Returns:
        Whether there was a glibc to tell; other systems' allocators keep large blocks by themselves.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
        trims = mallopt(_TRIM_THRESHOLD, _MOST)
        return bool(trims and (mallopt(_MMAP_THRESHOLD, _MOST) or mallopt(_MMAP_THRESHOLD, _MOST_OF_OLD)))
    except (OSError, TypeError, AttributeError):
        return False
