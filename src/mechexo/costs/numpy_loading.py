"""Loading NumPy without its threads for linear algebra.

OpenBLAS starts them with the library, and they look for work by spinning: 80 ms of the processor
while the first days wait for it. Costs multiply no matrices of a size that needs them.
"""

from __future__ import annotations

import os
import sys

_THREADS = "OPENBLAS_NUM_THREADS"
_ASKED = (_THREADS, "OMP_NUM_THREADS", "GOTO_NUM_THREADS")


def load_numpy() -> None:
    """Loads NumPy with one thread for linear algebra, where nothing is loaded yet and the
    environment asks for no other number."""
    if "numpy" in sys.modules or any(name in os.environ for name in _ASKED):
        return
    os.environ[_THREADS] = "1"
    try:
        import numpy  # noqa: F401 - for those who import it after us
    finally:
        # Programs that this one starts choose for themselves.
        del os.environ[_THREADS]
