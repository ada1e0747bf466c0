"""One probe in full."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mechexo_tui.widgets import format as shown_as
from mechexo_tui.widgets.lines import wrapped

if TYPE_CHECKING:
    from mechexo.health.values import ProbeState
    from mechexo_tui.widgets.format import Look
    from mechexo_tui.widgets.lines import Line


def probe_lines(probe: ProbeState, history: Sequence[float], look: Look) -> list[Line]:
    """A probe's facts, one per line."""
    glyphs = look.glyphs
    facts = [
        ("kind", probe.kind),
        ("card", probe.card),
        ("severity", probe.severity),
        ("value", shown_as.measure(probe.value, probe.unit, glyphs)),
        ("lately", shown_as.plot(history, 40, glyphs) or glyphs.missing),
        ("looked at", shown_as.exact(probe.observed_at, look)),
        ("so since", shown_as.exact(probe.since, look)),
        ("failed in a row", str(probe.failures)),
        ("flapping", "yes" if probe.flapping else "no"),
        ("runbook", probe.runbook or glyphs.missing),
        ("suspect", probe.suspect or glyphs.missing),
    ]
    lines: list[Line] = [
        ((" ", ""), shown_as.status(probe.status.value, glyphs), ("  ", ""), (probe.name, "title"))
    ]
    lines += [
        ((f"   {text}", ""),) for text in wrapped(shown_as.told(probe.detail, look), look.width - 6)
    ]
    lines.append(())
    return lines + [((f"   {name:<16}", "dim"), (value, "")) for name, value in facts]
