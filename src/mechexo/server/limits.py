"""How many requests a token may make: a bucket that fills at a steady rate."""

from __future__ import annotations

import math

from mechexo.value_classes import dataclass

BURST_S = 10.0
"""A token that was quiet may make so many seconds' worth of requests at once."""

_ROUNDING = 1e-9
"""Whoever comes when told is let in, though the sums of small times are a little short."""


@dataclass(slots=True)
class _Bucket:
    left: float
    at_s: float


class RateLimit:
    """Requests per minute, for each token by itself."""

    def __init__(self, per_minute: int) -> None:
        self._per_s = per_minute / 60.0
        self._most = max(self._per_s * BURST_S, 1.0)
        self._buckets: dict[int, _Bucket] = {}

    def wait_s(self, token_id: int, now_s: float) -> int:
        """0 when the token may make a request now, which then counts; else the whole seconds until
        it may. `now_s` is monotonic."""
        bucket = self._buckets.setdefault(token_id, _Bucket(self._most, now_s))
        bucket.left = min(bucket.left + (now_s - bucket.at_s) * self._per_s, self._most)
        bucket.at_s = now_s
        if bucket.left >= 1.0 - _ROUNDING:
            bucket.left = max(bucket.left - 1.0, 0.0)
            return 0
        return max(math.ceil((1.0 - bucket.left) / self._per_s), 1)
