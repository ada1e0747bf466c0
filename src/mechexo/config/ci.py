"""`[ci.*]`: the repositories whose CI is looked at."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from mechexo.config.fields import Duration, Severity, Table, at_most, between, text
from mechexo.value_classes import dataclass


@dataclass(frozen=True, kw_only=True)
class CiSettings(Table):
    """`[ci.NAME]`: one repository."""

    repository: Annotated[str, text(200)]
    """`owner/name`; of GitLab the whole path, `group/subgroup/name`, or the project's number."""
    kind: str = "github"
    """github, gitlab, or a plug-in's."""
    branches: tuple[str, ...] = ("main",)
    """The branches that are looked at. The first is the default branch: when its last run failed an
    alert is raised."""
    workflows: tuple[str, ...] = ()
    """Only these: of GitHub the names of their files (`tests.yml`), of GitLab the names of the
    pipelines. With none listed all."""
    base_url: str = ""
    """Where its API is, when that is not the public service."""
    token: str = ""
    """By reference, such as `${env:CI_TOKEN}`. Reading rights are enough."""
    ca_file: str = ""
    """Certificates to trust instead of the system's."""
    every: Duration = timedelta(minutes=2)
    """How often it is asked."""
    timeout: Annotated[Duration, at_most("5s", "a tick looks no longer")] = timedelta(seconds=5)
    """How long all of one look may take."""
    runs: Annotated[int, between(1, 200)] = 20
    """How many of the last runs of each branch (or of each of its workflows) are kept."""
    severity: Severity = "high"
    """How bad it is when the default branch fails; `critical` also takes ops_ok away."""
    runbook: str = ""
    """The runbook entry of its alerts."""
    suspect: str = ""
    """The configured file or flow that a rollback of its alerts would start from."""
