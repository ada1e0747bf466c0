"""The kinds of orchestrator: one module each, and those that other packages add."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from mechexo.config.addresses import fill_address
from mechexo.config.secrets import resolve_references
from mechexo.errors import ConfigError, NotFoundError, close_names
from mechexo.flows.orchestrators.protocol import Access, Orchestrator
from mechexo.plug_ins import Kinds

if TYPE_CHECKING:
    from mechexo.desk import Desk

KINDS = Kinds(
    "orchestrator",
    "mechexo.orchestrators",
    {name: f"{__package__}.{name}" for name in ("airflow", "dagster", "prefect")},
)

Connect = Callable[[Access], Orchestrator]


def connect(desk: Desk, name: str, *, within_s: float | None = None) -> Orchestrator:
    """The orchestrator that the configuration calls `name`; nothing is asked of it yet. `within_s`:
    in so many seconds from now it is to be asked nothing more.

    Raises:
        NotFoundError: the configuration has none of that name.
        ConfigError: its kind is unknown or broken, or a secret cannot be read.
    """
    tables = desk.settings.orchestrators
    if name not in tables:
        known = close_names(name, sorted(tables)) if tables else "there is no such table at all"
        raise NotFoundError(f"{desk.config_path}: no [orchestrators.{name}]; {known}")
    table = tables[name]
    try:
        begin = find_kind(table.kind)
        access = Access(
            name=name,
            url=fill_address(table.url, desk.root).rstrip("/"),
            timeout=table.timeout,
            token=resolve_references(table.token, desk.root),
            user=table.user,
            password=resolve_references(table.password, desk.root),
            ca_file=desk.path(table.ca_file) if table.ca_file else None,
            ends_at_s=None if within_s is None else time.monotonic() + within_s,
        )
    except ConfigError as error:
        raise ConfigError(f"{desk.config_path}: [orchestrators.{name}]: {error}") from error
    return begin(access)


def find_kind(name: str) -> Connect:
    """How an orchestrator of this kind is connected to; our own come first.

    Raises:
        ConfigError: there is none (the text lists close names), or a package's kind is broken.
    """
    found = KINDS.find(name)
    return cast(Connect, getattr(found.with_function("connect"), "connect"))  # noqa: B009
