"""The shape of `[orchestrators.NAME]`: what else runs flows, and how it is asked.

Each field's docstring is its documentation.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import field
from datetime import timedelta
from typing import Annotated

from mechexo.config.fields import Duration, Severity, Table, at_most, between, text
from mechexo.config.plain_secrets import plain_secret
from mechexo.errors import close_names
from mechexo.value_classes import dataclass


@dataclass(frozen=True, kw_only=True)
class OrchestratorSettings(Table):
    """`[orchestrators.NAME]`: a Prefect, Airflow or Dagster that runs flows of the desk."""

    kind: Annotated[str, text(40)]
    """prefect, airflow, dagster, or a plug-in's."""
    url: Annotated[str, text()]
    """Of Prefect what PREFECT_API_URL is, with its `/api`; of the others the web server's."""
    token: str = ""
    """A bearer token (Prefect Cloud, Airflow) or Dagster's; by reference."""
    user: str = ""
    password: str = ""
    """With `user`, the password of a server that asks for one; by reference."""
    ca_file: str = ""
    """The certificates to trust instead of the system's."""
    timeout: Annotated[Duration, at_most("1m", "somebody waits for it")] = timedelta(seconds=5)
    """How long one exchange may take."""
    every: Duration = timedelta(minutes=1)
    """How often the tick asks it."""
    look_timeout: Annotated[Duration, at_most("5s", "a tick looks no longer")] = timedelta(
        seconds=5
    )
    """How long all the exchanges of a tick's look may take."""
    look_back: Annotated[Duration, at_most("90d", "every run of it is read")] = timedelta(days=7)
    """The runs of so long are read; they tell how long a flow usually takes."""
    most_runs: Annotated[int, between(1, 100_000)] = 2000
    """No more runs than this are read at once, the newest first."""
    late_after: Duration = timedelta(minutes=5)
    """A run that has not started so long after its time is late."""
    stuck_factor: Annotated[float, between(1, 1000)] = 3.0
    """A run older than so many times the p95 of its flow is stuck."""
    stuck_after: Duration = timedelta(hours=6)
    """A run of a flow whose usual duration is not known is stuck when older than this."""
    failing_after: Annotated[int, between(1, 100)] = 1
    """So many failures in a row are a flow that fails."""
    never_after: Duration = timedelta(days=1)
    """A scheduled deployment so old, of which no run ever started, never ran."""
    severity: Severity = "high"
    """How bad it is when a flow is late, stuck, failing and the like, unless its `[flows.NAME]`
    says; `critical` also takes ops_ok away."""
    runbook: str = ""
    """The runbook entry of its alerts, unless the flow's `[flows.NAME]` names one."""
    suspect: str = ""
    """The configured file or flow that a rollback of its alerts would start from."""
    flows: dict[str, str] = field(default_factory=dict)
    """Which deployment is which `[flows.NAME]`: `"tca-daily/prod" = "tca"`."""


def wrong_orchestrators(
    tables: Mapping[str, OrchestratorSettings], flows: Collection[str]
) -> Iterator[str]:
    """What is wrong between keys of these tables, a sentence each. `flows` are those configured."""
    for name, table in tables.items():
        where = f"[orchestrators.{name}]"
        if not table.url.lower().startswith(("http://", "https://", "${")):
            yield f"{where} url is no address: expected one like http://127.0.0.1:4200/api"
        held = {"url": table.url, "token": table.token, "password": table.password}
        if found := plain_secret(held):
            yield f"{where} {found}; write the secret as ${{env:NAME}} or ${{file:path}} instead"
        if bool(table.user) != bool(table.password):
            yield f"{where} user and password go together"
        if table.token and table.user:
            yield f"{where} has a token and a user; the orchestrator takes one of them"
        for deployment, flow in table.flows.items():
            if flow not in flows:
                hint = close_names(flow, sorted(flows)) if flows else "there is no [flows] table"
                yield f"{where} flows: {deployment!r} is {flow!r}, which is no flow; {hint}"
