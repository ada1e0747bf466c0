"""Which rows of the outbox can be sent at a moment: conditions shared by all who ask it."""

from __future__ import annotations

from datetime import datetime, timedelta

from mechexo.alerts.retry import LONGEST_DELAY
from mechexo.times import iso_z

LEASE = timedelta(seconds=15)

LONGEST_NIGHT = timedelta(hours=36)
"""Nothing is kept back longer by quiet hours: 24 hours, a change of the clocks, and some more."""

# Due later than any retry, or any morning: the clock was set back since.
STRAY = (
    "((delivery.due_at > :far "
    "AND (delivery.kind NOT IN ('acknowledged', 'resolved') OR delivery.due_at > :far_night)) "
    "OR (delivery.kind NOT IN ('acknowledged', 'resolved') AND delivery.attempts = 0 "
    "AND delivery.first_due_at > :now))"
)
# So it was, too, when a lease ends later than a fresh one would.
# One call at a time: a telephone that rings is busy for the next one.
_NO_CALL = "delivery.channel NOT IN (SELECT channel FROM phone_call)"
# The first condition repeats that of the index, which would not be used without it.
CLAIMABLE = (
    "delivery.state IN ('due', 'sending') AND "
    f"((delivery.state = 'due' AND (delivery.due_at <= :now OR {STRAY})) "
    "OR (delivery.state = 'sending' "
    "AND (delivery.leased_until IS NULL OR delivery.leased_until <= :now "
    "OR delivery.leased_until > :fresh))) "
    f"AND {_NO_CALL}"
)


# SQLite lets nobody change a row that has something of another type anywhere in it.
CHANGEABLE = (
    "(typeof(delivery.channel) = 'text' AND typeof(delivery.kind) = 'text' "
    "AND typeof(delivery.first_due_at) = 'text' AND typeof(delivery.due_at) = 'text' "
    "AND typeof(delivery.detail) = 'text' AND typeof(delivery.page) = 'integer' "
    "AND typeof(delivery.level) = 'integer' AND typeof(delivery.attempts) = 'integer' "
    # What is missing here keeps no message from being sent.
    "AND typeof(delivery.reference) IN ('text', 'null') "
    "AND typeof(delivery.shown) IN ('text', 'null') "
    "AND typeof(delivery.leased_until) IN ('text', 'null') "
    "AND typeof(delivery.finished_at) IN ('text', 'null') "
    "AND typeof(delivery.resend) IN ('integer', 'null') "
    "AND typeof(delivery.together) IN ('integer', 'null'))"
)
# Of a message that does not say what it is there is nothing to send; `damage_records` tells of it.
SENDABLE = (
    f"delivery.kind IN ('page', 'reminder', 'acknowledged', 'resolved', 'notice') AND {CHANGEABLE}"
)
# That something is over waited for the morning, and by then the same is the matter again: whoever
# reads it would take what is open for over. The open alert, or NULL.
OPEN_AGAIN = (
    "(SELECT anew.id FROM alert AS anew WHERE delivery.kind = 'resolved' "
    "AND delivery.first_due_at > alert.resolved_at "
    "AND anew.key = alert.key AND anew.state <> 'resolved')"
)
# Of these it is known without a look at the alert that they are still worth sending
# (`attempt_records.pointless`); joined with it.
PLAINLY_WORTH = (
    "(delivery.kind = 'notice' "
    f"OR (delivery.kind = 'resolved' AND {OPEN_AGAIN} IS NULL) OR (delivery.kind = 'page' "
    "AND alert.state = 'firing' AND alert.silenced_until IS NULL AND alert.suppressed_by IS NULL "
    "AND delivery.page >= alert.pages))"
)


def moments(now: datetime) -> dict[str, str]:
    """The parameters of the conditions."""
    return {
        "now": iso_z(now),
        "fresh": iso_z(now + LEASE),
        "far": iso_z(now + LONGEST_DELAY),
        "far_night": iso_z(now + LONGEST_NIGHT),
    }
