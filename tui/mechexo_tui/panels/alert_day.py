"""The last 24 hours of alerts as a plot, and what became of today's messages, per channel."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import TYPE_CHECKING

from mechexo.alerts.values import SEVERITIES, ChannelDay, HourOfAlerts
from mechexo_tui.panels.titles import title, trouble
from mechexo_tui.widgets import charts
from mechexo_tui.widgets import format as shown_as
from mechexo_tui.widgets.lines import Line, Span, beside, cropped, cut, fitted
from mechexo_tui.widgets.table import Column, Table, natural

if TYPE_CHECKING:
    from mechexo_tui.sources import Part
    from mechexo_tui.widgets.format import Look

LABEL = 10
"""Cells of a severity with its sign, in front of its row of the plot."""

BEFORE_PLOT = LABEL + 3
SIDE_BY_SIDE = 110
"""From this width on the plot and the channels stand beside each other."""

TALL = 50
"""From this height on all alerts together have columns of their own above the severities."""

LOW = 36
"""Below this height each of the two has one line."""

MOST_CHANNELS = 8
COLUMNS = (
    Column("channel", 24),
    Column("sent", 6, right=True),
    Column("failed", 8, right=True),
    Column("due", 6, right=True),
    Column("cancelled", 9, right=True, drop=2),
    Column("last failure", 12, grows=True, drop=1),
)

Hours = Sequence[HourOfAlerts]
Channels = Sequence[ChannelDay]


def day_lines(
    hours: Part[tuple[HourOfAlerts, ...]],
    channels: Part[tuple[ChannelDay, ...]],
    look: Look,
    height: int,
) -> list[Line]:
    """Both parts as the screen's size allows."""
    if height < LOW:
        plot = _strip(hours.value, look) if hours.value is not None else []
        told = _channel_strip(channels.value, look) if channels.value is not None else []
    else:
        both = look.width >= SIDE_BY_SIDE
        half = look.wide(look.width // 2 - 1) if both else look
        plot = _plot(hours.value, half, tall=height >= TALL) if hours.value is not None else []
        told = _table(channels.value, half) if channels.value is not None else []
        plot += [row.line for row in trouble(hours, "the last 24 hours", half)]
        told += [row.line for row in trouble(channels, "today's messages", half)]
        return beside(plot, told, half.width, 2) if both else [*plot, *told]
    plot += [row.line for row in trouble(hours, "the last 24 hours", look)]
    return [*plot, *told, *(row.line for row in trouble(channels, "today's messages", look))]


def _in_words(hours: Hours) -> str:
    """How many started, and how many of each severity."""
    total = sum(hour.total for hour in hours)
    if not total:
        return "no alert started"
    each = [(name, sum(hour.by_severity.get(name, 0) for hour in hours)) for name in SEVERITIES]
    parts = ", ".join(f"{amount:,} {name}" for name, amount in each if amount)
    return f"{total:,} started: {parts}"


def _strip(hours: Hours, look: Look) -> list[Line]:
    bars = _bars([hour.total for hour in hours], max(hour.total for hour in hours), look)
    plot = "".join(bars).replace(" ", look.glyphs.dot)
    words = cut(_in_words(hours), look.width - len(plot) - 12, mark=look.glyphs.cut)
    return [(("  24 h   ", "dim"), (plot, "accent"), (f"  {words}", ""))]


def _bars(amounts: Sequence[int], top: int, look: Look) -> list[str]:
    """A sign for each amount, from zero to `top`; the smallest above zero is still to be seen."""
    signs = look.glyphs.bars
    return [signs[ceil(each / top * len(signs)) - 1] if each else " " for each in amounts]


def _plot(hours: Hours, look: Look, *, tall: bool) -> list[Line]:
    lines = [title("Last 24 hours", look, aside=_in_words(hours))]
    top = max(hour.total for hour in hours)
    room = look.width - BEFORE_PLOT - 6
    width, gap = charts.column_width(len(hours), room)
    if tall and top:
        totals = [float(hour.total) for hour in hours]
        label = fitted(f"{top:,}", LABEL, right=True)
        lines += charts.columns(totals, 4, room, look.glyphs, top=label)
    for name in SEVERITIES:
        amounts = [hour.by_severity.get(name, 0) for hour in hours]
        if any(amounts):
            sign, style = shown_as.severity(name, look.glyphs)
            row = "".join(bar * width + " " * gap for bar in _bars(amounts, top, look))
            lines.append(
                (
                    ("  ", ""),
                    (fitted(sign, LABEL), style),
                    (" ", ""),
                    (row, style),
                    (f" {sum(amounts):,}", ""),
                )
            )
    lines.append(((" " * BEFORE_PLOT + _clock(hours, width + gap, look), "dim"),))
    return lines


def _clock(hours: Hours, each: int, look: Look) -> str:
    """The hours' names below their columns: as many as there is room for."""
    step = max(1, ceil(3 / each))
    text = "".join(
        f"{hour.starts_at.astimezone(look.zone):%H}".ljust(step * each) for hour in hours[::step]
    )
    return text[: each * len(hours) + 2].rstrip()


def _troubled_first(channels: Channels) -> list[ChannelDay]:
    return sorted(channels, key=lambda each: (not each.failed, not each.last_failure))


def _name(channel: ChannelDay) -> str:
    return channel.channel if channel.configured else f"{channel.channel} (gone)"


def _channel_strip(channels: Channels, look: Look) -> list[Line]:
    if not channels:
        return [
            ((cut("  today  no channel is configured: see [channels]", look.width), "warning"),)
        ]
    glyphs = look.glyphs
    spans: list[Span] = [("  today  ", "dim")]
    ordered = _troubled_first(channels)
    for place, channel in enumerate(ordered):
        spans.append((f" {glyphs.dot} " if place else "", "dim"))
        said = [
            f"{amount:,} {word}"
            for amount, word in (
                (channel.failed, "failed"), (channel.sent, "sent"), (channel.due, "due"),
                (channel.cancelled, "cancelled"),
            )
            if amount
        ]  # fmt: skip
        bad = bool(channel.failed or channel.last_failure)
        sign = f"{glyphs.critical} " if channel.failed else f"{glyphs.warning} " if bad else ""
        style = "critical" if channel.failed else "warning" if bad else ""
        spans.append((f"{sign}{_name(channel)} {', '.join(said) or 'nothing'}", style))
    lines = [cropped(tuple(spans), look.width - 1)]
    if ordered[0].last_failure:
        lines.append(((cut(f"         {_failure(ordered[0], look)}", look.width - 1), "dim"),))
    return lines


def _failure(channel: ChannelDay, look: Look, *, named: bool = True) -> str:
    if channel.last_failure_at is None:
        return ""
    at = shown_as.moment(channel.last_failure_at, look)
    said = shown_as.told(channel.last_failure, look) or "no word why"
    return f"{channel.channel} at {at}: {said}" if named else f"{at} {said}"


def _table(channels: Channels, look: Look) -> list[Line]:
    lines = [title("Messages today", look)]
    if not channels:
        return [*lines, (("  no channel is configured: see [channels]", "warning"),)]
    glyphs = look.glyphs
    ordered = _troubled_first(channels)
    cells = [
        (
            _name(channel),
            f"{channel.sent:,}",
            (f"{glyphs.critical} {channel.failed:,}", "critical") if channel.failed else "0",
            f"{channel.due:,}",
            f"{channel.cancelled:,}",
            (_failure(channel, look, named=False) or glyphs.missing, "dim"),
        )
        for channel in ordered[:MOST_CHANNELS]
    ]
    measured = natural(COLUMNS, cells)
    measured[-1] = COLUMNS[-1]
    table = Table.fitting(measured, look.width - 1)
    lines += [table.head(), *map(table.row, cells)]
    if (more := len(ordered) - MOST_CHANNELS) > 0:
        lines.append(((f"  and {shown_as.count(more, 'channel')} more", "dim"),))
    return lines
