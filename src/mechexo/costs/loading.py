"""Loading the libraries of frames and arrays as suits a process that computes costs."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

_NO_THREADS = {"OPENBLAS_NUM_THREADS": "1"}
_ASKED = frozenset({*_NO_THREADS, "OMP_NUM_THREADS", "GOTO_NUM_THREADS"})
_NO_HUGE_PAGES = {"NUMPY_MADVISE_HUGEPAGE": "0"}
_ALLOCATOR = "_RJEM_MALLOC_CONF"
_ONE_STORE = "narenas:1,dirty_decay_ms:1000,muzzy_decay_ms:1000"


def load_numpy() -> None:
    """Loads NumPy without what it does for larger and fewer arrays than ours, where it is not
    loaded yet and the environment asks for nothing else.

    OpenBLAS starts threads for linear algebra with the library, and they look for work by spinning:
    80 ms of the processor while the first days wait for it. NumPy asks for huge pages for arrays of
    4 MB; where the kernel has none ready it puts some together meanwhile, which takes 7 ms of a
    day's 130 when two threads do it.
    """
    if "numpy" in sys.modules:
        return
    threads = {} if _ASKED.intersection(os.environ) else _NO_THREADS
    pages = {} if _NO_HUGE_PAGES.keys() & os.environ.keys() else _NO_HUGE_PAGES
    with _said({**threads, **pages}):
        import numpy  # noqa: F401 - for those who import it after us


def load_polars() -> None:
    """Loads Polars so that its memory is used again, where it is not loaded yet.

    What the environment asks of its allocator comes last and so counts: also what Polars leaves
    there for programs that are started by one that has loaded it.

    The allocator keeps a store for each thread, and gives larger pieces back to the kernel at once.
    Days lie in one piece a column, and the next day needs as much: that from one store takes a
    twentieth off the processor's time of `mechexo costs`, and some of its memory too.
    """
    if "polars" in sys.modules:
        return
    asked = os.environ.get(_ALLOCATOR)
    with _said({_ALLOCATOR: f"{_ONE_STORE},{asked}" if asked else _ONE_STORE}):
        import polars  # noqa: F401 - likewise


@contextmanager
def _said(words: Mapping[str, str]) -> Iterator[None]:
    """Inside, the environment has these variables."""
    before = {name: os.environ.get(name) for name in words}
    os.environ.update(words)
    try:
        yield
    finally:
        # Programs that this one starts choose for themselves.
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
