"""When Python looks for garbage that refers to itself.

A command lives for a moment and makes many objects that live as long as it: it would look through
them again and again while it starts, and once more on its way out, which takes 15 ms of
`mechexo --help` and 45 ms of `mechexo costs`.
"""

from __future__ import annotations

import atexit
import gc

_USUAL = gc.get_threshold()
_SELDOM = (50_000, *_USUAL[1:])
"""After so many more objects made than let go of."""


def collect_seldom() -> None:
    """For a process that soon ends: looks seldom, and not when it ends."""
    gc.set_threshold(*_SELDOM)
    atexit.register(gc.freeze)


def collect_as_usual() -> None:
    """For one that stays after all."""
    gc.set_threshold(*_USUAL)


def leave_alone_what_is_there() -> None:
    """For one that has loaded what it needs, and stays: what lives now is not looked through again
    and again. With half a million objects of modules each such look holds up all threads for tens
    of milliseconds."""
    gc.collect()
    gc.freeze()
