"""Loading NumPy without what it does for larger and fewer arrays than ours.

OpenBLAS starts threads for linear algebra with the library, and they look for work by spinning:
80 ms of the processor while the first days wait for it. NumPy asks for huge pages for arrays of
4 MB; where the kernel has none ready it puts some together meanwhile, which takes 7 ms of a day's
130 when two threads do it.
"""

from __future__ import annotations

import os
import sys

_THREADS = "OPENBLAS_NUM_THREADS"
_ASKED = (_THREADS, "OMP_NUM_THREADS", "GOTO_NUM_THREADS")
_HUGE_PAGES = "NUMPY_MADVISE_HUGEPAGE"


def load_numpy() -> None:
    """Loads NumPy with one thread for linear algebra and with pages of the usual size, where
    nothing is loaded yet and the environment asks for nothing else."""
    if "numpy" in sys.modules:
        return
    ours = {} if any(name in os.environ for name in _ASKED) else {_THREADS: "1"}
    if _HUGE_PAGES not in os.environ:
        ours[_HUGE_PAGES] = "0"
    os.environ.update(ours)
    try:
        import numpy  # noqa: F401 - for those who import it after us
    finally:
        # Programs that this one starts choose for themselves.
        for name in ours:
            del os.environ[name]
