"""Grafana: whether it is there, lets us look and annotate, draws panels; whether it is behind."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from mechexo.desk import Desk
from mechexo.doctor.findings import Finding, doubtful, well, wrong
from mechexo.errors import ConfigError, MechexoError

if TYPE_CHECKING:
    from mechexo.grafana.api import Api
    from mechexo.grafana.checking import Health

_OLDEST = 9
"""The oldest major version whose API we were written for."""


def grafana(desk: Desk) -> Iterator[Finding]:
    """Asks `[grafana]` for its version, and what our token may do there."""
    settings = desk.settings.grafana
    if not settings.url:
        return
    from mechexo.grafana import checking
    from mechexo.grafana.api import Api

    try:
        api = Api.of(settings, desk.root, desk.clock.now(), settings.timeout.total_seconds())
    except ConfigError as error:
        yield wrong("grafana", str(error), "correct [grafana]")
        return
    try:
        found = checking.health(api)
    except MechexoError as error:
        yield wrong("grafana", str(error), f"see [grafana] url in {desk.config_path}")
        return
    yield _of_version(found)
    try:
        checking.let_in(api)
    except MechexoError as error:
        mend = "give the service account's token the role viewer, or write a new one into its place"
        yield wrong("grafana token", f"it lets us see no dashboards: {error}", mend)
        return
    yield _of_rights(desk, checking.missing_rights(api))
    yield from _of_pictures(api)


def behind(desk: Desk) -> Iterator[Finding]:
    """Whether annotations could not be written. Asks nobody but the state file."""
    if not desk.settings.grafana.url:
        return
    from mechexo.grafana import annotating
    from mechexo.grafana.words import annotating_words

    found = annotating.standing(desk)
    said = annotating_words(found, desk.clock.now())
    if found.is_stuck:
        mend = "see why: mechexo grafana annotations; then: mechexo grafana annotations --send"
        yield doubtful("grafana annotations", said, mend)
    else:
        yield well("grafana annotations", said)


def _of_version(found: Health) -> Finding:
    said = f"Grafana {found.version or 'of a version that it does not tell'} answers"
    if not found.database_ok:
        mend = "look into its log; whoever runs it knows"
        return wrong("grafana", f"{said}, and says that its own database is not well", mend)
    major = found.version.partition(".")[0]
    if major.isdigit() and int(major) < _OLDEST:
        mend = f"mechexo speaks the API of version {_OLDEST} and later: look whether all is right"
        return doubtful("grafana", said, mend)
    return well("grafana", said)


def _of_rights(desk: Desk, missing: tuple[str, ...] | None) -> Finding:
    if not desk.settings.grafana.annotate:
        return well("grafana token", "it lets us see dashboards; nothing is to be annotated")
    if missing is None:
        return well("grafana token", "it lets us see dashboards; whether annotate, it does not say")
    if missing:
        mend = "give the service account the role editor, or write annotate = [] into [grafana]"
        said = f"it lets us see dashboards and not annotate: {', '.join(missing)} is missing"
        return wrong("grafana token", said, mend)
    return well("grafana token", "it lets us see dashboards and annotate")


def _of_pictures(api: Api) -> Iterator[Finding]:
    from mechexo.grafana.rendering import has_renderer

    if has_renderer(api) is False:
        mend = "where pictures of panels are wanted, install grafana-image-renderer beside it"
        yield doubtful("grafana pictures", "it has no image renderer", mend)
