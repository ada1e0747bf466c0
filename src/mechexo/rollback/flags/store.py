"""Where the desk's flags are kept: what every such place can do, and opening the configured one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from mechexo.config.addresses import fill_address, forms, secrets_of_references
from mechexo.config.secrets import resolve_references
from mechexo.errors import ConfigError
from mechexo.rollback.flags.values import FlagChange, FlagEvent, FlagsThen, FlagValue

if TYPE_CHECKING:
    from mechexo.desk import Desk

SCHEME = "sqlite:///"
POSTGRESQL = ("postgresql://", "postgres://")


class FlagStore(Protocol):
    """The flags of one database. Every method may raise `UnreachableError`: the database, or its
    table, cannot be read or written; the text names it and says why."""

    def read(self) -> tuple[FlagValue, ...]:
        """All flags as they are now, by key."""
        ...

    def at(self, moment: datetime) -> FlagsThen:
        """All flags as they were at a moment, changes at just that moment included.

        Raises:
            UsageError: the moment lies before tracking began or in a gap of it, flags are not
                tracked, or the clock of the history was set back around it.
        """
        ...

    def change(self, changes: Sequence[FlagChange], *, actor: str) -> None:
        """Makes all changes in one transaction, or none.

        Raises:
            ConflictError: a flag has not the old value, type or version of its change.
        """
        ...

    def replace_now(
        self, key: str, choose: Callable[[FlagValue], FlagChange], *, actor: str
    ) -> tuple[FlagChange, ...]:
        """Sets a flag whatever stands there, in one transaction: makes the change that `choose`
        answers, of each row of the key (there should be one). What `choose` raises ends it, with
        nothing written; where nothing would change nothing is written either.

        Raises:
            NotFoundError: there is no such flag.
        """
        ...

    def history(
        self,
        key: str = "",
        limit: int | None = None,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> tuple[FlagEvent, ...]:
        """The newest `limit` rows of the history, newest first; of one flag, or within two moments
        (both included). Empty when nothing was ever tracked."""
        ...

    def track(self) -> bool:
        """Keeps a history from now on, also of changes made by hand; begins it with the values of
        now. Does nothing, and answers False, while a history is kept already.

        Raises:
            ConfigError: the table is one whose changes cannot be followed; the text says why.
        """
        ...

    def tracked(self) -> datetime | None:
        """Since when a history is kept without a gap; None while none is, or not of every kind of
        change."""
        ...

    def untrack(self) -> bool:
        """Keeps no history any more; what there is stays. Answers whether one was kept."""
        ...


def open_store(desk: Desk) -> FlagStore:
    """The store of the desk's `[rollback.flags]`. Nothing is opened or written yet.

    Raises:
        ConfigError: no database is configured, or its address is of no kind that is known.
    """
    settings = desk.settings.rollback.flags
    if not settings.database:
        raise ConfigError(f"{desk.config_path}: [rollback.flags] database is not set")
    address = resolve_references(settings.database, desk.root)
    if address.startswith(POSTGRESQL):
        from mechexo.rollback.flags.postgres_store import PostgresStore

        secrets = forms(secrets_of_references(settings.database, desk.root))
        return PostgresStore(fill_address(settings.database, desk.root), settings, tuple(secrets))
    if "://" in address and not address.startswith(SCHEME):
        raise ConfigError(
            f"{desk.config_path}: [rollback.flags] database is neither sqlite:///path, nor a path, "
            "nor postgresql://..."
        )
    from mechexo.rollback.flags.sqlite_store import SqliteStore

    return SqliteStore(desk.path(address.removeprefix(SCHEME)), settings, desk.clock)
