"""The alerts about the channels themselves: one that does not deliver, and one that is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mechexo.alerts import records
from mechexo.alerts.text import clean
from mechexo.alerts.values import Observation

if TYPE_CHECKING:
    from mechexo.desk import Desk
    from mechexo.state import Transaction


def observation(channel: str, trouble: str | None) -> Observation:
    """That a channel does not deliver, and why; without trouble that it does again."""
    said = f"{channel} does not deliver: {trouble}" if trouble is not None else "delivers"
    return _about(channel, clean(said), firing=trouble is not None, labels={"channel": channel})


def gone(desk: Desk, transaction: Transaction) -> list[Observation]:
    """Resolves the alerts about channels that are not in the configuration any more."""
    return [
        _about(name, f"{name} is not in the configuration any more", firing=False, labels={})
        for name in records.failing_channels(transaction.connection)
        if name not in desk.settings.channels
    ]


def _about(channel: str, summary: str, *, firing: bool, labels: dict[str, str]) -> Observation:
    return Observation(
        key=f"channel:{channel}",
        firing=firing,
        severity="high",
        name="channel_failing",
        summary=summary,
        source="outbox",
        labels=labels,
    )
