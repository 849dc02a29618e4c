"""Keeping freed memory for the next step.

A training step frees every activation, and the next one asks for the same sizes again. By default the C library (glibc)
returns blocks this large to the system each time, which then maps and clears them page by page: with 512 units and a
batch size of 64 that took a third of the whole step.
"""

from __future__ import annotations

import ctypes

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # names of mallopt(3)
_MAX, _MAX_OF_OLD = 2**31 - 1, 2**25  # glibc before 2.35 accepts at most half a heap


def keep_freed_memory() -> bool:
    """Make glibc's malloc keep freed memory, in this process from now on.

    Returns:
        Whether the process uses glibc; the allocators of other systems keep large blocks by themselves.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
        trims = mallopt(_TRIM_THRESHOLD, _MAX)
        return bool(trims and (mallopt(_MMAP_THRESHOLD, _MAX) or mallopt(_MMAP_THRESHOLD, _MAX_OF_OLD)))
    except (OSError, TypeError, AttributeError):
        return False
