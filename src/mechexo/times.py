"""Reading and writing moments and durations, the same way everywhere.

Inside, a moment is an aware `datetime` in UTC. In records and JSON it is ISO 8601 with `Z`.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

from mechexo.errors import UsageError
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

_UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)([smhd])", re.ASCII)
_ISO = re.compile(
    r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:?\d{2})?", re.ASCII
)

_STAMP = re.compile(
    r"(?<![\w/.:=-])\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,6})?Z(?![\w/=-]|\.\w)", re.ASCII
)


def parse_duration(text: str) -> timedelta:
    """Reads `90s`, `15m`, `2h`, `7d` and sums of them such as `1h30m`.

    Raises:
        UsageError: the text is no such duration.
    """
    compact = text.strip().lower()
    parts = _DURATION.findall(compact)
    if not parts or "".join(number + unit for number, unit in parts) != compact:
        raise UsageError(f"{text!r} is not a duration; write one like 90s, 15m, 2h or 7d")
    try:
        return timedelta(seconds=sum(float(number) * _UNIT_S[unit] for number, unit in parts))
    except OverflowError:
        raise UsageError(f"{text!r} is too long a duration") from None


def format_duration(duration: timedelta | float) -> str:
    """Writes a duration (or seconds) as its two largest units: `4s`, `12m`, `3h20m`, `5d2h`."""
    seconds = duration.total_seconds() if isinstance(duration, timedelta) else duration
    sign = "-" if seconds < 0 else ""
    whole = int(abs(seconds))
    for unit, below in (("d", "h"), ("h", "m"), ("m", "s")):
        size = _UNIT_S[unit]
        if whole >= size:
            rest = whole % size // _UNIT_S[below]
            # Seconds beside minutes matter only while they are few.
            shown = rest and not (unit == "m" and whole >= 600)
            return f"{sign}{whole // size}{unit}" + (f"{rest}{below}" if shown else "")
    return f"{sign}{whole}s"


def exact_duration(duration: timedelta) -> str:
    """Writes a duration so that `parse_duration` reads back the same seconds: `1d12h`, `1h15m`."""
    left_s, parts = round(duration.total_seconds(), 3), ""
    for unit in ("d", "h", "m"):
        count, left_s = divmod(left_s, _UNIT_S[unit])
        parts += f"{count:.0f}{unit}" if count else ""
    return parts + (f"{round(left_s, 3):g}s" if left_s or not parts else "")


def iso_z(moment: datetime) -> str:
    """Writes a moment as ISO 8601 in UTC with `Z` and microseconds, so that text order is time
    order."""
    return _written(moment if moment.tzinfo is UTC else moment.astimezone(UTC))


@lru_cache(256)
def _written(moment_utc: datetime) -> str:
    # One transaction writes the same moment many times. Only of UTC: in a zone the two hours of
    # a clock that is set back are equal.
    return f"{moment_utc.isoformat(timespec='microseconds')[:-6]}Z"


def from_iso_z(text: str) -> datetime:
    """Reads what `iso_z` wrote."""
    return datetime.fromisoformat(text)


def in_zone(moment: datetime, zone: ZoneInfo, *, named: bool = True) -> str:
    """A moment as people read it: to the second, in a zone, with the zone's short name.

    `named=False` leaves the name to the place around it, but not in the hour that the clocks go
    through twice.
    """
    local = moment.astimezone(zone)
    twice = local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()
    name = f"{local:%Z}"
    shown = f"UTC{name}" if name[:1] in "+-" else name
    return f"{local:%Y-%m-%d %H:%M:%S} {shown}" if named or twice else f"{local:%Y-%m-%d %H:%M:%S}"


def stamps_in_zone(text: str, zone: ZoneInfo) -> str:
    """The text with each stamp of the kind `iso_z` writes as a person in `zone` reads it.

    A stamp that is part of a name, a path or a `name=value` pair stays: it is no word of a
    sentence.
    """

    def shown(found: re.Match[str]) -> str:
        try:
            return in_zone(datetime.fromisoformat(found.group()), zone)
        except (ValueError, OverflowError):
            return found.group()

    return _STAMP.sub(shown, text)


@dataclass(frozen=True, slots=True)
class Instant:
    """A moment a user named: in UTC, with how it was read (for the answer to say so)."""

    at: datetime
    reading: str


def parse_instant(
    text: str, zone: ZoneInfo, now: datetime, *, first_of_two: bool = False
) -> Instant:
    """Reads a moment from the command line: ISO 8601 (naive means `zone`), `now`, or `-15m`.

    With `first_of_two` a local time that a change of daylight-saving time doubles means the first,
    and the reading says so.

    Raises:
        UsageError: the text is no moment, or its local time is skipped or doubled by a change
            of daylight-saving time.
    """
    wanted = text.strip()
    if wanted == "now":
        return Instant(now, "now")
    if wanted.startswith("-"):
        ago = parse_duration(wanted[1:])
        try:
            return Instant(now - ago, f"{format_duration(ago)} ago")
        except OverflowError:
            raise UsageError(f"{text!r} lies before the calendar begins") from None
    if not _ISO.fullmatch(wanted):
        raise UsageError(
            f"{text!r} is not a time; write 2026-03-08T14:30, 2026-03-08T14:30Z, now, or -15m"
        )
    try:
        moment = datetime.fromisoformat(wanted)
    except ValueError as error:
        raise UsageError(f"{text!r} is not a time: {error}") from None
    try:
        if moment.tzinfo is not None:
            return Instant(moment.astimezone(UTC), iso_z(moment))
        if first_of_two and _happens_twice(moment, zone):
            return Instant(moment.replace(tzinfo=zone).astimezone(UTC), _first_of_two(moment, zone))
        return Instant(_localised(moment, zone, text), f"{wanted} {zone.key}")
    except OverflowError:
        raise UsageError(f"{text!r} lies outside the calendar") from None


def _happens_twice(naive: datetime, zone: ZoneInfo) -> bool:
    first = naive.replace(tzinfo=zone, fold=0).astimezone(UTC)
    return first < naive.replace(tzinfo=zone, fold=1).astimezone(UTC)


def _first_of_two(naive: datetime, zone: ZoneInfo) -> str:
    first = naive.replace(tzinfo=zone, fold=0)
    second = iso_z(naive.replace(tzinfo=zone, fold=1))
    return f"{in_zone(first, zone)}, the first of two; the second is {second}"


def _localised(naive: datetime, zone: ZoneInfo, text: str) -> datetime:
    first = naive.replace(tzinfo=zone, fold=0).astimezone(UTC)
    second = naive.replace(tzinfo=zone, fold=1).astimezone(UTC)
    if first == second:
        return first
    exists = first.astimezone(zone).replace(tzinfo=None) == naive
    what = "happens twice" if exists else "does not exist"
    raise UsageError(
        f"{text!r} {what} in {zone.key} (the clocks change); "
        f"write {iso_z(min(first, second))} or {iso_z(max(first, second))}"
    )
