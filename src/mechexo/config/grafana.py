"""The shape of `[grafana]`: where it is, what is looked at there, what is written into it.

Each field's docstring is its documentation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import field
from datetime import timedelta
from typing import Annotated, Literal

from mechexo.config.fields import Duration, Table, at_most
from mechexo.config.plain_secrets import plain_secret
from mechexo.config.secrets import literal_secret
from mechexo.value_classes import dataclass

AnnotatedKind = Literal["incidents", "rollbacks"]
IncidentSeverity = Literal["SEV1", "SEV2", "SEV3"]
PANEL = re.compile(r"[A-Za-z0-9_-]{1,40}/\d{1,9}")
"""A dashboard's uid and the number of one of its panels."""
_UID = re.compile(r"[A-Za-z0-9_-]{1,40}")


@dataclass(frozen=True, kw_only=True)
class GrafanaSettings(Table):
    """`[grafana]`: the desk's Grafana."""

    url: str = ""
    """Its address, with its path where it has one. Empty: there is none."""
    browser_url: str = ""
    """The address at which an engineer's browser finds it, where that is another."""
    token: str = ""
    """Of a service account, by reference: a viewer's is enough to look, an editor's to annotate."""
    ca_file: str = ""
    """Certificates to trust instead of the system's."""
    every: Duration = timedelta(minutes=5)
    """How often its dashboards are listed."""
    timeout: Annotated[Duration, at_most("5s", "a tick looks no longer")] = timedelta(seconds=5)
    """How long listing them, or writing annotations, may take at a time."""
    render_timeout: Annotated[Duration, at_most("2m", "somebody waits for it")] = timedelta(
        seconds=30
    )
    """How long the picture of a panel may take."""
    folders: tuple[str, ...] = ()
    """Only dashboards in these folders, by title or uid; none: all."""
    tags: tuple[str, ...] = ()
    """Only dashboards with all of these tags."""
    panels: dict[str, str] = field(default_factory=dict)
    """Panels with a name of their own: `latency = "UID/4"`, the dashboard's uid and the panel's
    number."""
    annotate: tuple[AnnotatedKind, ...] = ("incidents", "rollbacks")
    """What is written into it as annotations; () for nothing."""
    severities: tuple[IncidentSeverity, ...] = ("SEV1", "SEV2", "SEV3")
    """Incidents of these severities are annotated."""
    annotate_on: str = ""
    """The uid of the only dashboard that is annotated; empty: all that show annotations by tag."""
    link: str = ""
    """The page of an incident or rollback, for the annotation's text; {kind} and {id} are filled
    in. Empty: the text names the command that shows it."""


def wrong_grafana(table: GrafanaSettings) -> Iterator[str]:
    """What is wrong with the table, a sentence each."""
    for key in ("url", "browser_url", "link"):
        address = str(getattr(table, key))
        if address and not address.lower().startswith(("https://", "http://", "${")):
            yield f"[grafana] {key} is no address: expected one like https://grafana.example.com"
        elif address and literal_secret(address):
            yield (
                f"[grafana] {key} holds a secret in plain text; write it as ${{env:NAME}} or "
                "${file:path} instead"
            )
    for key in ("browser_url", "link"):
        if "${" in str(getattr(table, key)):
            yield f"[grafana] {key} is shown to people, so it cannot be a secret"
    if found := plain_secret({"token": table.token}):
        yield f"[grafana] {found}; write it as ${{env:NAME}} or ${{file:path}} instead"
    if not table.url and table != GrafanaSettings():
        yield "[grafana] url is missing"
    if table.annotate_on and not _UID.fullmatch(table.annotate_on):
        yield "[grafana] annotate_on is no uid of a dashboard: the word after /d/ in its address"
    for name, panel in table.panels.items():
        if not PANEL.fullmatch(panel):
            yield f'[grafana] panels: {name} = {panel!r}: expected "UID/NUMBER"'
