"""What the kernel knows about its own clock (`adjtimex(2)`, read only)."""

from __future__ import annotations

import ctypes
import os
import sys

from mechexo.value_classes import dataclass

_STA_UNSYNC = 0x0040
_STA_NANO = 0x2000
_TIME_ERROR = 5


@dataclass(frozen=True, slots=True)
class KernelClock:
    """The offset in milliseconds that the kernel is still to correct, or why none is known."""

    offset_ms: float = 0.0
    problem: str = ""


class _Timex(ctypes.Structure):
    """`struct timex` of <sys/timex.h>; only the first fields are named, the rest is room."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_long * 40),
    )


def read_kernel_clock() -> KernelClock:
    """Asks the kernel; `modes = 0` changes nothing and needs no rights."""
    if not sys.platform.startswith("linux"):
        return KernelClock(problem=f"the clock's offset cannot be read on {sys.platform}")
    library = ctypes.CDLL(None, use_errno=True)
    timex = _Timex(modes=0)
    state = library.adjtimex(ctypes.byref(timex))
    if state == -1:
        reason = os.strerror(ctypes.get_errno())
        return KernelClock(problem=f"the kernel does not tell the clock's offset: {reason}")
    return interpret(state, timex.status, timex.offset)


def interpret(state: int, status: int, offset: int) -> KernelClock:
    """Reads `adjtimex`'s answer: `offset` is in microseconds, or nanoseconds under STA_NANO."""
    if state == _TIME_ERROR or status & _STA_UNSYNC:
        return KernelClock(problem="the clock is not synchronised: nothing steers it (NTP)")
    return KernelClock(offset / (1e6 if status & _STA_NANO else 1e3))
