"""Risk, trading and capital."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mechexo_tui.panels import probes
from mechexo_tui.screens.resources import ProbesScreen

if TYPE_CHECKING:
    from mechexo.health.values import ProbeState


class RiskScreen(ProbesScreen):
    """The probes of the cards risk, trading and capital."""

    title_id = "risk"
    heading = "Risk and trading"

    def chosen(self, found: Sequence[ProbeState]) -> list[ProbeState]:
        """Risk first."""
        return probes.risk_probes(found)
