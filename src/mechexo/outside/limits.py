"""When a system outside asks not to be asked: rate limits and refusals, from headers. Pure.

GitHub: `x-ratelimit-remaining`, `x-ratelimit-reset` (Unix seconds), and for its secondary limits
`retry-after` or, without one, at least a minute. GitLab: `ratelimit-remaining`, `ratelimit-reset`,
`retry-after`. Sources: the REST documentation of both, "rate limits".
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

AT_LEAST = timedelta(minutes=1)
"""How long to wait after a 429 that does not say how long."""
_LONGEST_S = 7 * 86_400
_REFUSALS = frozenset({403, 429, 503})


def hold_until(status: int, headers: Mapping[str, str], now: datetime) -> datetime | None:
    """Until when the system must not be asked again; None when it may be. `headers` have names in
    lower case, as in `fetching.Answer`.

    A 403 without any such header is a plain refusal and holds nothing. A limit that was used up by
    a good answer holds as well.
    """
    if status in _REFUSALS and (wait := _retry_after(headers, now)) is not None:
        return now + wait
    if _number(headers, "remaining") == 0 and (reset := _number(headers, "reset")) is not None:
        # By the server's own clock, where it tells it: ours may be wrong.
        theirs = _moment(headers.get("date", "")) or now
        wait = timedelta(seconds=min(max(reset - theirs.timestamp(), 0.0), _LONGEST_S))
        return now + max(wait, timedelta(seconds=1))
    return now + AT_LEAST if status == 429 else None


def _retry_after(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    said = headers.get("retry-after", "").strip()
    if said.isascii() and said.isdigit():
        return timedelta(seconds=min(int(said[:9]), _LONGEST_S))
    if (at := _moment(said)) is None:
        return None
    wait = at - (_moment(headers.get("date", "")) or now)
    return min(max(wait, timedelta(0)), timedelta(seconds=_LONGEST_S))


def _number(headers: Mapping[str, str], name: str) -> int | None:
    said = headers.get(f"x-ratelimit-{name}", headers.get(f"ratelimit-{name}", "")).strip()
    return int(said) if said.isascii() and said.isdigit() and len(said) < 15 else None


def _moment(text: str) -> datetime | None:
    try:
        at = parsedate_to_datetime(text)
    except (TypeError, ValueError, IndexError):
        return None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at
