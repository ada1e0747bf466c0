"""Which observations arrive after a newer one that they would undo. Pure.

What a source says is ordered by when it looked, not by when it arrives: one that is older than what
is known already is written into the timeline as late, and changes nothing. Of two ways to be wrong
the one that tells somebody is chosen:

- A source that says when its trouble began (`startsAt` of Alertmanager and Grafana) is late with an
  end that lies before the beginning of what is open now: it ended an earlier trouble. With a firing
  it is never late. Alertmanager closes what it has not heard of for a while and tells it as firing
  again, with the old beginning, when it hears of it: a beginning before a known end proves nothing.
- Any other is late with what it saw before the last look that is known, or, when nothing is open,
  before the look that saw the last one end. A person's closing is no look.
- What is known may lie ahead of the clock only because that was set back: nothing is late then.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from mechexo.times import iso_z

if TYPE_CHECKING:
    from mechexo.alerts.effects import Recent
    from mechexo.alerts.values import Alert, Observation


def newer_known(
    observation: Observation, alert: Alert | None, recent: Recent, now: datetime
) -> datetime | None:
    """The moment of the newer thing that is known of the observation's key; None when it is not
    late.

    `alert` is the open one of its key; `recent` tells when nothing is open.
    """
    seen_at = observation.observed_at
    if seen_at is None:
        return None
    if alert is None:
        known_at = recent.over_seen_at if observation.firing else None
    elif alert.began_at is not None and not observation.firing:
        known_at = alert.began_at
    else:
        known_at = alert.last_seen_at
    return known_at if known_at is not None and seen_at < known_at <= now else None


def words(observation: Observation, known_at: datetime, *, is_open: bool) -> str:
    """What the timeline says of a late one."""
    what = f"{observation.severity}: {observation.summary}" if observation.firing else "its end"
    assert observation.observed_at is not None
    known = "it was seen, or began anew," if is_open else "its end was seen"
    return (
        f"{what}, seen at {iso_z(observation.observed_at)}, came after {known} at "
        f"{iso_z(known_at)}: it changes nothing"
    )
