"""Keeping freed memory for the next step.

A training step frees every activation and the next one asks for the same sizes again. The C library (glibc) gives
blocks this large back to the system each time, and the system then maps and clears them page by page: at 512 units and
64 streams that was a third of the whole step.
"""

from __future__ import annotations

import ctypes

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # names of mallopt(3)
_MOST = 2**31 - 1


def keep_freed_memory() -> bool:
    """Tell glibc's malloc to keep what is freed, in this process from now on.

    Returns:
        Whether there was a glibc to tell; other systems' allocators keep large blocks by themselves.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
        return bool(mallopt(_MMAP_THRESHOLD, _MOST)) and bool(mallopt(_TRIM_THRESHOLD, _MOST))
    except (OSError, TypeError, AttributeError):
        return False
