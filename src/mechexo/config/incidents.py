"""The shape of `[incidents]`."""

from __future__ import annotations

from dataclasses import field
from typing import Literal

from mechexo.config.fields import Severity, Table
from mechexo.value_classes import dataclass

IncidentSeverity = Literal["SEV1", "SEV2", "SEV3"]


def _severities() -> dict[Severity, IncidentSeverity]:
    return {"critical": "SEV1", "high": "SEV2"}


@dataclass(frozen=True, kw_only=True)
class IncidentSettings(Table):
    """`[incidents]`: which alerts open one by themselves."""

    open_on: tuple[Severity, ...] = ()
    """An alert of one of these severities opens an incident."""
    severity: dict[Severity, IncidentSeverity] = field(default_factory=_severities)
    """How bad an incident is, by the severity of its alert; one that is not named makes SEV3."""
