"""The ladders that alerts climb, as configured; and the one that stands when none is. Pure."""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING

from mechexo.config import EscalationSettings, LevelSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mechexo.config import ChannelSettings, Settings

DEFAULT = "default"

FIRST_AFTER = timedelta(0)
MAIL_AFTER = timedelta(minutes=15)
PHONE_AFTER = timedelta(minutes=30)

_MAIL = frozenset({"mailto", "mailtos", "ses", "sendgrid", "mailgun", "smtp2go", "sparkpost"})


def kind_of(channel: ChannelSettings) -> str:
    """What a channel is: `telegram`, `phone`, `file`, or else its address's scheme."""
    if channel.kind:
        return channel.kind
    scheme = channel.url.partition("://")[0].lower()
    if scheme in ("tgram", "telegram"):
        return "telegram"
    if scheme == "twilio" and "method=call" in channel.url.lower():
        return "phone"
    return scheme


def ladders(settings: Settings) -> dict[str, EscalationSettings]:
    """Every ladder by its name, `default` always among them."""
    found = dict(settings.escalation)
    if DEFAULT not in found:
        found[DEFAULT] = _by_kind(settings.channels)
    return found


def mark(settings: Settings) -> str:
    """Another one whenever another level, channel or person may be told of some alert."""
    severities = [(name, each.severities) for name, each in settings.channels.items()]
    said = (ladders(settings), settings.routes, settings.people, severities)
    return sha256(repr(said).encode(errors="backslashreplace")).hexdigest()


def _by_kind(channels: Mapping[str, ChannelSettings]) -> EscalationSettings:
    """Chat, and all that is neither mail nor phone, at once; then mail; then the phone."""
    mail = tuple(name for name, each in channels.items() if kind_of(each) in _MAIL)
    phone = tuple(name for name, each in channels.items() if kind_of(each) == "phone")
    first = tuple(name for name in channels if name not in (*mail, *phone))
    rungs = ((FIRST_AFTER, first), (MAIL_AFTER, mail), (PHONE_AFTER, phone))
    return EscalationSettings(
        levels=tuple(LevelSettings(after=after, tell=tell) for after, tell in rungs if tell)
    )
