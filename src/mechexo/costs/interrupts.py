"""Ctrl-C while Polars works.

Polars answers an interrupt inside a computation by itself. One that reaches Python code called
from Rust makes Rust panic instead, which is no fault of the data that was being read.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from polars.exceptions import PanicException


@contextmanager
def interrupts_kept() -> Iterator[None]:
    """Keeps the interrupt key back until the end of a short block, where Rust calls Python."""
    if (
        threading.current_thread() is not threading.main_thread()
        or signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    ):
        yield
        return
    kept: list[int] = []

    def keep(number: int, _frame: FrameType | None) -> None:
        kept.append(number)

    signal.signal(signal.SIGINT, keep)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if kept:
            raise KeyboardInterrupt


@contextmanager
def interrupts_told() -> Iterator[None]:
    """Raises the interrupt that a panic of Polars was.

    Raises:
        KeyboardInterrupt: the block ended in such a panic.
    """
    try:
        yield
    except PanicException as panic:
        if KeyboardInterrupt.__name__ in str(panic):
            raise KeyboardInterrupt from panic
        raise
