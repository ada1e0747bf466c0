"""The four limits that every numeric probe shares."""

from __future__ import annotations

import math
from typing import Self

from pydantic import FiniteFloat, ValidationInfo, field_validator

from mechexo.health.options import ProbeOptions
from mechexo.health.values import Outcome, Status

_PREFIXES = (("T", 1e12), ("G", 1e9), ("M", 1e6))


class Thresholds(ProbeOptions):
    """Limits of a number. A value at a limit is still within it."""

    warn_above: FiniteFloat | None = None
    """A value above this is a warning."""
    critical_above: FiniteFloat | None = None
    """A value above this is a failure."""
    warn_below: FiniteFloat | None = None
    """A value below this is a warning."""
    critical_below: FiniteFloat | None = None
    """A value below this is a failure."""

    @field_validator("critical_above")
    @classmethod
    def _above_its_warning(cls, value: float | None, info: ValidationInfo) -> float | None:
        warn = info.data.get("warn_above")
        if value is not None and warn is not None and value < warn:
            raise ValueError(f"a number not below warn_above ({warn:g})")
        return value

    @field_validator("critical_below")
    @classmethod
    def _below_its_warning(cls, value: float | None, info: ValidationInfo) -> float | None:
        warn = info.data.get("warn_below")
        if value is not None and warn is not None and value > warn:
            raise ValueError(f"a number not above warn_below ({warn:g})")
        return value

    @classmethod
    def of(cls, **limits: float | None) -> Self:
        """Limits that are not read from a configuration."""
        return cls.model_validate(limits)

    @property
    def has_limits(self) -> bool:
        """Whether any of the four is set."""
        limits = (self.warn_above, self.critical_above, self.warn_below, self.critical_below)
        return any(limit is not None for limit in limits)

    @property
    def is_judged(self) -> bool:
        """Whether what is found can be anything but OK."""
        return self.has_limits

    def verdict(self, value: float) -> tuple[Status, str]:
        """How the value is, and the broken limit in words (empty when none is broken)."""
        if math.isnan(value):
            return Status.UNKNOWN, "is not a number"
        for status, above, below in (
            (Status.CRITICAL, self.critical_above, self.critical_below),
            (Status.WARNING, self.warn_above, self.warn_below),
        ):
            if above is not None and value > above:
                return status, f"above {above:g}"
            if below is not None and value < below:
                return status, f"below {below:g}"
        return Status.OK, ""

    def judge(self, value: float, unit: str = "", what: str = "") -> Outcome:
        """The outcome for a value: `what` is what was measured, in words."""
        status, limit = self.verdict(value)
        number = None if math.isnan(value) else value
        shown = f"{what} {amount(value, unit)}".strip()
        return Outcome(status, f"{shown}, {limit}" if limit else shown, number, unit)


def amount(value: float, unit: str) -> str:
    """A number as a person reads it, with its unit: `93.5 %`, `1,250,000`, `85.0 GB`."""
    if unit == "bytes" and abs(value) >= 1e6 and math.isfinite(value):
        prefix, size = next(each for each in _PREFIXES if abs(value) >= each[1])
        return f"{value / size:,.1f} {prefix}B"
    if value and (abs(value) < 0.01 or abs(value) >= 1e15) and math.isfinite(value):
        number = f"{value:.3g}"
    else:
        decimals = 2 if abs(value) >= 1 else 4
        number = f"{value:,.{decimals}f}" if math.isfinite(value) else str(value)
        number = number.rstrip("0").rstrip(".") if "." in number else number
    return f"{number} {unit}".rstrip()
