"""The sign of life to somebody outside: given only while mechexo itself does its work.

A dead man's switch: a service elsewhere (healthchecks.io and its like) alerts when the sign stays
out. It says nothing about the desk: a desk in flames whose watcher works still gives it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from mechexo.desk_status import DELIVERY_DUE_LIMIT_S
from mechexo.errors import UnreachableError
from mechexo.times import format_duration

if TYPE_CHECKING:
    from datetime import timedelta

    from mechexo.desk import Desk
    from mechexo.tick_log import Stage

_BODY_BYTES = 2_000


def audit(
    failed_stages: Iterable[Stage], oldest_due: timedelta | None, undelivered: Iterable[str]
) -> tuple[str, ...]:
    """Why mechexo cannot be said to do its work; nothing when it can. Pure."""
    found = [f"could not do its {stage.name}: {stage.detail}" for stage in failed_stages]
    if oldest_due is not None and oldest_due.total_seconds() > DELIVERY_DUE_LIMIT_S:
        found.append(f"a message has been due for {format_duration(oldest_due)}")
    return (*found, *undelivered)


def audit_of(desk: Desk, failed_stages: Iterable[Stage]) -> tuple[str, ...]:
    """The audit of a desk at this moment, given which stages of the present tick failed."""
    from datetime import timedelta

    from mechexo.alerts import reading as alerts

    oldest_s = alerts.oldest_due_s(desk)
    oldest = None if oldest_s is None else timedelta(seconds=oldest_s)
    return audit(failed_stages, oldest, alerts.undelivered(desk))


def give_sign(desk: Desk, *, timeout_s: float) -> None:
    """Asks for the address of `[watchdog]`: the sign of life.

    Raises:
        UnreachableError: it did not arrive. The address, which is a secret, is not in the words.
        ConfigError: a reference in the address cannot be resolved.
    """
    from mechexo.config.addresses import fill_address, forms, secrets_of_references
    from mechexo.config.secrets import redact
    from mechexo.fetching import NoAnswerError, fetch

    configured = desk.settings.watchdog.url
    address = fill_address(configured, desk.root)
    secrets = tuple(forms([*secrets_of_references(configured, desk.root), address]))
    try:
        answer = fetch(address, timeout_s=timeout_s, max_body_bytes=_BODY_BYTES)
    except NoAnswerError as error:
        raise UnreachableError(f"[watchdog] url: {redact(str(error), secrets)}") from None
    if not 200 <= answer.status_code < 300:
        raise UnreachableError(f"[watchdog] url answered {answer.status_code}")
