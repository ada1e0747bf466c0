"""The shape of the tables about taking back: `[rollback]` and what belongs to it.

Each field's docstring is its documentation.
"""

from __future__ import annotations

from dataclasses import field
from datetime import timedelta
from typing import Annotated, Literal

from mechexo.config.fields import Duration, Table, between, text
from mechexo.value_classes import dataclass

Safer = Literal["off", "on", "lower", "higher", "neutral"]
"""Which value of a flag means less risk."""
Exceeded = Literal["limits", "rate", "market", "risk-up"]
"""What a second person can be asked for."""


@dataclass(frozen=True, kw_only=True)
class RollbackFlowSettings(Table):
    """`[rollback.flows.NAME]`: a flow deployment, what it is made of and how it is renewed."""

    paths: tuple[str, ...]
    """Globs, inside the repository, of the flow's files."""
    flags: tuple[str, ...] = ()
    """The flags that belong to the deployment and go back with it."""
    check: tuple[str, ...] = ()
    """The command that proves the flow in stub mode, word by word; run in the repository."""
    check_timeout: Duration = timedelta(seconds=60)
    """A check that takes longer has failed, and the rollback is undone."""
    redeploy: tuple[str, ...] = ()
    """The command that brings the files to the orchestrator, such as
    `["prefect", "deploy", "-n", "reweight"]`. `{to}` stands for the moment that was gone back to,
    `{plan}` for the rollback's id."""
    redeploy_timeout: Duration = timedelta(minutes=2)


@dataclass(frozen=True, kw_only=True)
class FlagSettings(Table):
    """`[rollback.flags]`: the desk's flags, rows of an SQL table."""

    database: str = ""
    """`sqlite:///path`, a path, or `postgresql://...`; secrets by reference."""
    table: Annotated[str, text(120)] = "flags"
    key_column: Annotated[str, text(120)] = "key"
    value_column: Annotated[str, text(120)] = "value"
    time_column: str = ""
    """The column that holds when a flag was set, where there is one; written in UTC."""
    safer: dict[str, Safer] = field(default_factory=dict)
    """By flag, which value means less risk: `off`, `on`, `lower`, `higher`; `neutral` when none
    does. A change towards more risk is never made by a rollback, nor one of a flag that is not
    listed."""


@dataclass(frozen=True, kw_only=True)
class RollbackLimits(Table):
    """`[rollback.limits]`: a rollback larger than this needs an override by name."""

    files: Annotated[int, between(1, 100_000)] = 25
    deletes: Annotated[int, between(0, 100_000)] = 5
    bytes: Annotated[int, between(1, 1 << 40)] = 2 * 1024 * 1024
    """Of what would be written, together."""
    commits: Annotated[int, between(1, 1_000_000)] = 50
    """On the deployed line since then."""
    age: Duration = timedelta(days=30)
    """How far back."""
    flags: Annotated[int, between(0, 100_000)] = 10
    rate: Annotated[int, between(1, 1000)] = 2
    """So many applied rollbacks within `rate_window` are calm; one more is flapping."""
    rate_window: Duration = timedelta(minutes=15)


@dataclass(frozen=True, kw_only=True)
class RollbackSettings(Table):
    """`[rollback]`: what can be taken back."""

    repository: str = ""
    """The git repository of flow code and configuration."""
    configs: tuple[str, ...] = ()
    """Globs, inside the repository, of the files that may be rolled back one by one."""
    never: tuple[str, ...] = ()
    """Globs of files that are never rolled back, beside those that never are anyway."""
    plan_lifetime: Duration = timedelta(minutes=15)
    """How long a plan can be applied; it can be looked at for ever."""
    second_person: tuple[Exceeded, ...] = ()
    """What also needs the approval of a second person: overrides of these guards; `risk-up` is
    every plan that sets flags again which add risk."""
    signers: str = ""
    """The file, in the format of OpenSSH's allowed signers, of the keys that may approve."""
    flows: dict[str, RollbackFlowSettings] = field(default_factory=dict)
    flags: FlagSettings = field(default_factory=FlagSettings)
    limits: RollbackLimits = field(default_factory=RollbackLimits)
