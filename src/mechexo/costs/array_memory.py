"""Memory for arrays that is used again.

Left to itself the C library gives the memory of a larger array back to the kernel when the array
goes, and asks for it anew for the next one, whose pages are then cleared and found one by one, and
each time the other core is interrupted; and every thread keeps what it leaves to itself. To keep
and share it takes a tenth off the processor's time of `mechexo costs`, and some of its memory too.
"""

from __future__ import annotations

import ctypes
import sys

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -2, -3, -8
"""Their numbers in the C library's malloc.h."""
_KEPT = {_TRIM_THRESHOLD: 2**26, _TOP_PAD: 2**22, _MMAP_THRESHOLD: 2**24, _ARENA_MAX: 1}


def keep_array_memory() -> None:
    """For a process that computes and ends: keeps for the next array what one leaves, up to 64 MB
    beyond what is used. To be called before Polars is loaded, which starts threads."""
    if sys.platform != "linux":
        return
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt"):  # Another C library than GNU's has its own ways.
        for name, value in _KEPT.items():
            library.mallopt(name, value)
