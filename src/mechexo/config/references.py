"""Whether tables name what exists: channels, people, schedules, ladders, flows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, get_args

from mechexo.config.alerting import Weekday
from mechexo.config.grafana import wrong_grafana
from mechexo.config.orchestrators import wrong_orchestrators
from mechexo.config.resources import wrong_resources
from mechexo.config.risk import wrong_risk
from mechexo.errors import close_names

if TYPE_CHECKING:
    from mechexo.config.alerting import QuietHoursSettings
    from mechexo.config.models import Settings


MOST_CI_LOOKS = 20
"""Lists of runs that one look at a repository may ask for: time and rate limit are small."""


def wrong_references(settings: Settings) -> Iterator[str]:
    """What is wrong, a sentence each: the table, the key, the name, and the names close to it."""
    yield from _channels(settings)
    yield from _people(settings)
    yield from _schedules(settings)
    yield from _ladders(settings)
    yield from _routes(settings)
    yield from _ci(settings)
    yield from wrong_orchestrators(settings.orchestrators, settings.flows)
    yield from wrong_risk(settings.risk, settings.probes)
    yield from wrong_resources(settings.resources, settings.prometheus)
    yield from wrong_grafana(settings.grafana)


def _channels(settings: Settings) -> Iterator[str]:
    for name, channel in settings.channels.items():
        where = f"[channels.{name}]"
        wanted: tuple[str, ...]
        unused: tuple[str, ...]
        match channel.kind:
            case "":
                wanted, unused = ("url",), ("token", "account", "sender", "to", "api", "actors")
            case "telegram":
                wanted, unused = ("token", "to"), ("url", "account", "sender")
            case _:
                wanted = ("account", "token", "sender", "to")
                unused = ("url",)
        yield from (f"{where} {key} is missing" for key in wanted if not getattr(channel, key))
        kind = f'kind = "{channel.kind}"' if channel.kind else "an address"
        yield from (
            f"{where} {key} means nothing with {kind}" for key in unused if getattr(channel, key)
        )


def _people(settings: Settings) -> Iterator[str]:
    for name, person in settings.people.items():
        yield from _unknown(
            f"[people.{name}] channels", person.channels, settings.channels, "channel"
        )
    kinds = {
        "channel": set(settings.channels),
        "person": set(settings.people),
        "schedule": set(settings.oncall.schedules),
    }
    for first, second in (("channel", "person"), ("channel", "schedule"), ("person", "schedule")):
        for name in sorted(kinds[first] & kinds[second]):
            yield f"{name} is the name of a {first} and of a {second}; each needs its own"


def _schedules(settings: Settings) -> Iterator[str]:
    for name, schedule in settings.oncall.schedules.items():
        where = f"[oncall.schedules.{name}]"
        if not schedule.layers and not schedule.calendar:
            yield f"{where} has neither layers nor a calendar: nobody is ever on call"
        for layer in schedule.layers:
            if not layer.people:
                yield f"{where} layers: a layer has no people"
            yield from _unknown(f"{where} layers", layer.people, settings.people, "person")
            if (layer.start is None) != (layer.end is None):
                yield f"{where} layers: start and end go together"


def _ladders(settings: Settings) -> Iterator[str]:
    known = {**settings.channels, **settings.people, **settings.oncall.schedules}
    for name, ladder in settings.escalation.items():
        where = f"[escalation.{name}]"
        if not ladder.levels:
            yield f"{where} levels is empty: nobody is ever told"
        waits = [level.after for level in ladder.levels]
        if waits != sorted(waits):
            yield f"{where} levels: each `after` must be at least that of the level before it"
        for number, level in enumerate(ladder.levels, 1):
            if not level.tell:
                yield f"{where} level {number} tells nobody"
            yield from _unknown(
                f"{where} level {number}", level.tell, known, "channel, person or schedule"
            )


def _routes(settings: Settings) -> Iterator[str]:
    for name, route in settings.routes.items():
        if route.escalation != "default":
            yield from _unknown(
                f"[routes.{name}] escalation",
                [route.escalation],
                settings.escalation,
                "[escalation] table",
            )
        if not route.match and not route.severities:
            yield f"[routes.{name}] matches every alert: give match or severities"
    yield from _quiet_hours("[quiet_hours]", settings.quiet_hours)
    for name, route in settings.routes.items():
        if route.quiet_hours is not None:
            yield from _quiet_hours(f"[routes.{name}.quiet_hours]", route.quiet_hours)
    for name, rule in settings.suppress.items():
        for key in ("cause", "hides"):
            if not getattr(rule, key):
                yield f"[suppress.{name}] {key} is empty: it would match every alert"
    for name, window in settings.maintenance.items():
        where = f"[maintenance.{name}]"
        if not window.match:
            yield f"{where} match is empty: it would match every alert"
        if (window.start is None) != (window.end is None):
            yield f"{where} start and end go together"
        daily = not window.days or set(window.days) == set(get_args(Weekday))
        bounded = window.until or not daily
        if not bounded and window.start is not None and window.start == window.end:
            # It lasts until the next one begins, and so for ever.
            yield (
                f"{where} start and end are both {window.start:%H:%M} on every day: it would never "
                "end; give two times, or the days of whole days"
            )
        if window.start is None and not (window.since and window.until):
            yield f"{where} never ends: give start and end, or since and until"


def _quiet_hours(where: str, quiet: QuietHoursSettings) -> Iterator[str]:
    if quiet.enabled and quiet.start == quiet.end:
        yield (
            f"{where} start and end are both {quiet.start:%H:%M}: give two times, or "
            "enabled = false when it is never quiet"
        )


def _ci(settings: Settings) -> Iterator[str]:
    for name, ci in settings.ci.items():
        if not ci.branches:
            yield f"[ci.{name}] branches is empty: nothing would be looked at"
        if not all(ci.branches) or not all(ci.workflows):
            yield f"[ci.{name}] has a branch or workflow without a name"
        if ci.base_url and not ci.base_url.lower().startswith(("https://", "http://", "${")):
            yield f"[ci.{name}] base_url is no address: expected one like https://ci.example.com"
        looks = len(ci.branches) * max(len(ci.workflows), 1)
        if looks > MOST_CI_LOOKS:
            yield (
                f"[ci.{name}] asks for {looks} lists of runs at a time; at most {MOST_CI_LOOKS} "
                "(branches times workflows)"
            )


def _unknown(where: str, names: Iterable[str], known: Iterable[str], what: str) -> Iterator[str]:
    for name in names:
        if name not in known:
            yield f"{where}: {name!r} is no {what}; {close_names(name, sorted(known))}"
