"""A TCP port: does something accept connections there?"""

from __future__ import annotations

import errno
import socket
import time

from pydantic import Field, FiniteFloat

from mechexo.health.context import Context
from mechexo.health.options import ProbeOptions
from mechexo.health.thresholds import Thresholds
from mechexo.health.values import Outcome, Status


class Options(ProbeOptions):
    """`kind = "tcp"`."""

    host: str = Field(min_length=1)
    """A name or an address."""
    port: int = Field(ge=1, le=65535)
    warn_latency_ms: FiniteFloat | None = Field(default=None, gt=0)
    """A slower connection is a warning."""
    critical_latency_ms: FiniteFloat | None = Field(default=None, gt=0)
    """A slower connection is a failure."""


def run(options: Options, context: Context) -> Outcome:
    """Connects, and closes at once."""
    where = f"{options.host}:{options.port}"
    began = time.monotonic()
    try:
        addresses = socket.getaddrinfo(options.host, options.port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as error:
        reason = error.strerror if isinstance(error, socket.gaierror) else error
        return Outcome(Status.UNKNOWN, f"{options.host} cannot be resolved: {reason}")
    problem = Outcome(Status.UNKNOWN, f"{options.host} has no address")
    for family, kind, protocol, _, address in addresses:
        left_s = context.timeout_s - (time.monotonic() - began)
        if left_s <= 0:
            return _no_answer(where, context)
        tried = time.perf_counter()
        try:
            with socket.socket(family, kind, protocol) as connection:
                connection.settimeout(left_s)
                connection.connect(address)
        except TimeoutError:
            problem = _no_answer(where, context)
        except OSError as error:
            ours = error.errno == errno.ENETUNREACH
            status = Status.UNKNOWN if ours else Status.CRITICAL
            problem = Outcome(status, f"{where}: {(error.strerror or str(error)).lower()}")
        else:
            limits = Thresholds.of(
                warn_above=options.warn_latency_ms, critical_above=options.critical_latency_ms
            )
            taken_ms = (time.perf_counter() - tried) * 1000.0
            return limits.judge(taken_ms, "ms", f"{where} accepts connections, in")
    return problem


def _no_answer(where: str, context: Context) -> Outcome:
    return Outcome(Status.CRITICAL, f"{where}: no answer within {context.timeout_s:g} s")
