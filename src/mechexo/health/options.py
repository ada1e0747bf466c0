"""What the options of every probe kind have in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class ProbeOptions(BaseModel):
    """The keys of one kind in `[probes.NAME]`: frozen, and no key that it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)
