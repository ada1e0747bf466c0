"""How things stand with Grafana, in words. Pure."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from html import unescape
from typing import TYPE_CHECKING

from mechexo.outside import Standing
from mechexo.times import format_duration

if TYPE_CHECKING:
    from mechexo.grafana.values import Annotating, Dashboards

_TAG = re.compile(r"<[^<>]*>")


def dashboards_words(found: Dashboards, now: datetime) -> str:
    """How many dashboards are known, since when, and what keeps us from knowing better."""
    known = ""
    if found.good_at is not None:
        age = format_duration(max(now - found.good_at, timedelta(0)))
        more = " (the first of more)" if found.cut else ""
        count = len(found.listed)
        known = f"{count} dashboard{'' if count == 1 else 's'}{more}, as of {age} ago"
    said = [found.why, _left_alone(found, now), known]
    return "; ".join(filter(None, said)) or "not asked yet"


def annotating_words(found: Annotating, now: datetime) -> str:
    """How many annotations stand in Grafana as they should, and what keeps the others."""
    count = sum(each.state == "written" for each in found.notes)
    said = [f"{count} written"]
    for state in ("waiting", "failing", "given up", "gone"):
        if number := sum(each.state == state for each in found.notes):
            said.append(f"{number} {state}")
    why = [found.why, _left_alone(found, now)] if found.behind else []
    return "; ".join(filter(None, [", ".join(said), *why]))


def plain_text(html: str) -> str:
    """An annotation's text on one line, without its markup."""
    return unescape(_TAG.sub("", html.replace("<br>", " | ")))


def _left_alone(found: Dashboards | Annotating, now: datetime) -> str:
    left = format_duration(max((found.until or now) - now, timedelta(0)))
    match found.standing:
        case Standing.OPEN:
            return f"left alone for {left} after {found.failures} failures in a row"
        case Standing.HELD:
            return f"asked again in {left}, as it wishes"
        case _:
            return ""
