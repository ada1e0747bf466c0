"""All formatting of numbers, ages and states; the only place that decides how they look."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from mechexo.times import format_duration, stamps_in_zone
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    from mechexo_tui.widgets.lines import Span


@dataclass(frozen=True, slots=True)
class Glyphs:
    """The signs beside the words. All are one cell wide."""

    ok: str = "●"
    warning: str = "▲"
    critical: str = "✖"
    unknown: str = "?"
    acknowledged: str = "✔"
    opened: str = "▾"
    closed: str = "▸"
    missing: str = "–"
    dot: str = "·"
    cut: str = "…"
    rule: str = "─"
    live: str = "◆"
    bars: str = "▁▂▃▄▅▆▇█"
    axis: str = "│"
    commission: str = "█"
    spread: str = "▒"
    beyond: str = "░"
    dashes: str = "┄"
    marks: str = "•+×○▪"
    """One for each series of a plot, so that they can be told apart without colour."""
    several: str = "&"
    """Where more than one series of a plot stands."""


UNICODE = Glyphs()
ASCII = Glyphs(
    ok="o",
    warning="!",
    critical="X",
    acknowledged="+",
    opened="v",
    closed=">",
    missing="-",
    dot="-",
    cut="~",
    rule="-",
    live="*",
    bars="_.:-=+*#",
    axis="|",
    commission="#",
    spread="=",
    beyond=".",
    dashes=".",
    marks="*+xo%",
)


@dataclass(frozen=True, slots=True)
class Look:
    """What a renderer needs to know about where and when its lines are shown."""

    width: int
    now: datetime
    zone: ZoneInfo
    glyphs: Glyphs = UNICODE

    def wide(self, width: int) -> Look:
        """The same look in another width."""
        return Look(width, self.now, self.zone, self.glyphs)


_STATUS_STYLE = {"ok": "ok", "warning": "warning", "unknown": "unknown", "critical": "critical"}
_SEVERITY_STYLE = {
    "critical": "critical",
    "high": "warning",
    "medium": "warning",
    "low": "accent",
    "info": "dim",
    "sev1": "critical",
    "sev2": "warning",
    "sev3": "accent",
}


def status(value: str, glyphs: Glyphs) -> Span:
    """A health status as glyph and word: `● OK`, `▲ WARNING`, `✖ CRITICAL`, `? UNKNOWN`."""
    if value == "ok":
        return f"{glyphs.ok} OK", "ok"
    sign = {"warning": glyphs.warning, "critical": glyphs.critical}.get(value, glyphs.unknown)
    return f"{sign} {value.upper()}", _STATUS_STYLE.get(value, "unknown")


def status_glyph(value: str, glyphs: Glyphs) -> Span:
    """A health status where there is no room for its word beside others that spell it."""
    text, style = status(value, glyphs)
    return text.split()[0], style


def severity(value: str, glyphs: Glyphs) -> Span:
    """An alert's (or a runbook entry's) severity as glyph and word."""
    style = _SEVERITY_STYLE.get(value.lower(), "dim")
    sign = {"critical": glyphs.critical, "warning": glyphs.warning}.get(style, glyphs.dot)
    return f"{sign} {value.upper()}", style


def run_state(value: str, glyphs: Glyphs) -> Span:
    """A flow run's state as glyph and word."""
    word = value.replace("_", " ").upper()
    if value == "completed":
        return f"{glyphs.ok} {word}", "ok"
    if value == "running":
        return f"{glyphs.closed} {word}", "accent"
    if value == "skipped":
        return f"{glyphs.missing} {word}", "dim"
    if value == "lost":
        return f"{glyphs.unknown} {word}", "unknown"
    return f"{glyphs.critical} {word}", "critical"


def verdict(ops_ok: bool, glyphs: Glyphs) -> Span:
    """Whether the desk as a whole is well."""
    return status("ok", glyphs) if ops_ok else (f"{glyphs.critical} NOT OK", "critical")


def check(holds: bool, glyphs: Glyphs) -> Span:
    """A condition that holds or fails."""
    return status("ok", glyphs) if holds else (f"{glyphs.critical} FAILS", "critical")


def rollback_state(value: str, glyphs: Glyphs) -> Span:
    """How the application of a plan stands, or how it ended, as glyph and word."""
    word = value.upper()
    match value:
        case "applied":
            return f"{glyphs.ok} {word}", "ok"
        case "under way":
            return f"{glyphs.closed} {word}", "accent"
        case "needs a person":
            return f"{glyphs.critical} {word}", "critical"
    return f"{glyphs.warning} {word}", "warning"


def number(value: float | None, glyphs: Glyphs, *, decimals: int = 0) -> str:
    """A plain number with thousands separated; a missing one is a dash, never a zero."""
    return glyphs.missing if value is None else f"{value:,.{decimals}f}"


def exact_number(
    value: Decimal | None, glyphs: Glyphs, *, signed: bool = False, trimmed: bool = False
) -> str:
    """An amount of money or of an instrument: whole from a thousand on, with cents below, and as
    many decimals as it takes below one; a missing one is a dash, never a zero. `trimmed`: no
    decimals that say nothing."""
    if value is None:
        return glyphs.missing
    size = abs(value)
    decimals = 0 if size >= 1000 else 2 if size >= 1 or not size else 6
    shown = f"{size:,.{decimals}f}"
    if "." in shown and (trimmed or size < 1):
        shown = shown.rstrip("0").rstrip(".")
    if shown == "0" and value:
        shown = f"{size:.1E}"
    sign = "-" if value < 0 else "+" if signed and value else ""
    return f"{sign}{shown}"


def measure(value: float | str | None, unit: str, glyphs: Glyphs) -> str:
    """A probe's value with its unit."""
    if value is None:
        return glyphs.missing
    if isinstance(value, str):
        return value
    shown = f"{value:,.0f}" if float(value).is_integer() or abs(value) >= 1000 else f"{value:,.3g}"
    return f"{shown} {unit}".strip() if unit != "%" else f"{shown}%"


def bps(value: float | None, glyphs: Glyphs, *, decimals: int = 1) -> str:
    """Basis points with their sign; positive hurts."""
    if value is None:
        return glyphs.missing
    rounded = round(value, decimals)
    return f"{rounded:+.{decimals}f}" if rounded else f"{0:.{decimals}f}"


def fine_bps(value: float | None, glyphs: Glyphs) -> str:
    """Basis points with as many decimals, up to two, as seven cells take."""
    size = abs(value or 0.0)
    return bps(value, glyphs, decimals=2 if size < 100 else 1 if size < 1000 else 0)


def percent(value: float | None, glyphs: Glyphs, *, decimals: int = 1) -> str:
    """A share in per cent."""
    return glyphs.missing if value is None else f"{value:.{decimals}f}%"


def duration(seconds: float | None, glyphs: Glyphs) -> str:
    """A length of time: `0.4s`, `4s`, `12m`, `3h20m`."""
    if seconds is None:
        return glyphs.missing
    return f"{seconds:.1f}s" if 0 <= seconds < 10 else format_duration(seconds)


def minutes(span: timedelta, *, up: bool = False) -> str:
    """A length of time in steps of a minute, so that it changes on screen once a minute."""
    whole = max(0, int((span.total_seconds() + (59.999 if up else 0)) // 60))
    return f"{whole}m" if whole < 60 else format_duration(timedelta(minutes=whole))


def countdown(span: timedelta) -> str:
    """How long it is until something: whole minutes, in the last one seconds, then `now`. So it
    changes once a minute until one should watch it."""
    left = span.total_seconds()
    if left < 1:
        return "now"
    return f"{int(left)}s" if left < 60 else minutes(span)


def age(at: datetime | None, look: Look) -> str:
    """How long ago something was, in whole minutes."""
    return look.glyphs.missing if at is None else minutes(look.now - at)


def moment(at: datetime | None, look: Look) -> str:
    """A moment in the desk's zone: the time today, else month, day and time."""
    if at is None:
        return look.glyphs.missing
    local = at.astimezone(look.zone)
    today = look.now.astimezone(look.zone).date()
    return f"{local:%H:%M}" if local.date() == today else f"{local:%m-%d %H:%M}"


def told(text: str, look: Look) -> str:
    """A recorded text as people of the desk read it: its UTC stamps in the desk's zone."""
    return stamps_in_zone(text, look.zone)


def exact(at: datetime | None, look: Look) -> str:
    """A moment to the second with its date, in the desk's zone."""
    if at is None:
        return look.glyphs.missing
    return f"{at.astimezone(look.zone):%Y-%m-%d %H:%M:%S}"


def plot(values: Sequence[float], width: int, glyphs: Glyphs) -> str:
    """The last `width` values as bars, from zero to the largest."""
    shown = list(values)[-width:]
    top = max(shown, default=0.0)
    if top <= 0:
        return glyphs.bars[0] * len(shown)
    last = len(glyphs.bars) - 1
    return "".join(glyphs.bars[max(0, min(last, round(value / top * last)))] for value in shown)


def bar(share: float | None, width: int, glyphs: Glyphs) -> str:
    """A share of one as a bar of `width` cells."""
    if share is None:
        return glyphs.missing.ljust(width)
    filled = max(0, min(width, round(share * width)))
    return glyphs.bars[-1] * filled + glyphs.dot * (width - filled)


def count(amount: int, one: str, many: str = "") -> str:
    """`1 alert`, `3 alerts`."""
    return f"{amount:,} {one if amount == 1 else many or one + 's'}"


def listed(words: Iterable[str], glyphs: Glyphs) -> str:
    """Words in a row, or a dash when there is none."""
    return ", ".join(words) or glyphs.missing
