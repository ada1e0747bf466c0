"""The desk that an operation works on: its settings, state, clock and the acting person."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import field, replace
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from mechexo.actor import Actor, Role, current_actor, role_of
from mechexo.clock import Clock, SystemClock
from mechexo.config import Settings, find_config, load_settings
from mechexo.errors import NotAllowedError, UsageError
from mechexo.state import AuditEntry, AuditVerdict, State, Transaction
from mechexo.state import audit as audit_log
from mechexo.value_classes import dataclass


@dataclass(slots=True)
class Operation:
    """One mutating operation under way: its transaction and what the audit entry will say."""

    transaction: Transaction
    before: object = None
    after: object = None
    details: dict[str, object] = field(default_factory=dict)
    unchanged: bool = False
    """Set when everything stands already as it was asked for: nothing is written, and there is
    nothing to tell of."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What every operation is given. Holds no other global state."""

    settings: Settings
    config_path: Path
    state: State
    clock: Clock
    actor: Actor

    @classmethod
    def open(
        cls,
        config_path: Path | None = None,
        *,
        clock: Clock | None = None,
        actor: Actor | None = None,
    ) -> Desk:
        """Reads the configuration and opens the state file it names.

        Raises:
            ConfigError: the configuration is missing or wrong.
            StateError: the state file cannot be used.
        """
        desk = cls.unopened(config_path, clock=clock, actor=actor)
        return replace(desk, state=State.open(desk.state.path))

    @classmethod
    def unopened(
        cls,
        config_path: Path | None = None,
        *,
        clock: Clock | None = None,
        actor: Actor | None = None,
    ) -> Desk:
        """Reads the configuration only: for what is to be answered also when the state file
        cannot be used.

        Raises:
            ConfigError: the configuration is missing or wrong.
        """
        path = find_config(config_path)
        settings = load_settings(path)
        state = State((path.parent / Path(settings.desk.state).expanduser()).resolve())
        return cls(settings, path, state, clock or SystemClock(), actor or current_actor())

    @property
    def root(self) -> Path:
        """The folder of the configuration; relative paths in it start here."""
        return self.config_path.parent

    @property
    def zone(self) -> ZoneInfo:
        """The desk's own time zone, for screens."""
        return ZoneInfo(self.settings.desk.zone)

    @property
    def is_live(self) -> bool:
        """Whether real money is at stake."""
        return self.settings.desk.mode == "live"

    @property
    def role(self) -> Role:
        """The acting person's role, from `[access]`; of a token the one it grants, and never more
        than responder."""
        access = self.settings.access
        return role_of(
            self.actor,
            access.names,
            owner=(lambda: self.config_path.stat().st_uid) if access.owner_is_admin else None,
            others=Role[access.others.upper()],
        )

    def path(self, configured: str) -> Path:
        """A configured path, taken from the desk's folder when it is relative."""
        return self.root / Path(configured).expanduser()

    def acting_as(self, actor: Actor) -> Desk:
        """The same desk with another actor."""
        return replace(self, actor=actor)

    @contextmanager
    def operation(
        self, action: str, target: str, *, needs: Role, reason: str = ""
    ) -> Iterator[Operation]:
        """Runs one mutating operation: role check, transaction, audit entry, all or nothing.

        One that finds its work done already sets `unchanged` and leaves no entry.

        Raises:
            NotAllowedError: the role is too low; the refusal itself is in the audit log.
            UsageError: a live desk was given no reason.
        """
        self.require(action, target, needs)
        if self.is_live and not reason.strip():
            raise UsageError(f"{action} on a live desk needs a reason: add --reason TEXT")
        with self.state.write() as transaction:
            operation = Operation(transaction)
            written = transaction.connection.total_changes
            yield operation
            if operation.unchanged:
                if transaction.connection.total_changes != written:
                    raise RuntimeError(f"{action} changed something and said that it did not")
                return
            self._append(
                transaction,
                action,
                target,
                "done",
                {
                    "before": operation.before,
                    "after": operation.after,
                    "reason": reason,
                    "role": self.role.label,
                    **operation.details,
                },
            )

    def require(self, action: str, target: str, needs: Role) -> None:
        """Refuses, with an audit entry, an actor whose role is below `needs`."""
        role = self.role
        if role >= needs:
            return
        with self.state.write() as transaction:
            payload: dict[str, object] = {"role": role.label, "needs": needs.label}
            self._append(transaction, action, target, "refused", payload)
        raise NotAllowedError(
            f"{action} needs the role {needs.label}; {self.actor.name} is {role.label} "
            f"({self.config_path}, [access])"
        )

    def audit_entries(
        self, limit: int | None = None, *, only: Sequence[str] = (), without: Sequence[str] = ()
    ) -> tuple[AuditEntry, ...]:
        """The newest audit entries, oldest first; `only` and `without` are patterns of actions."""
        with self.state.explained():
            return audit_log.entries(self.state.reader(), limit, only=only, without=without)

    def audit_counts(self, action: str, since: datetime) -> tuple[tuple[str, str, int], ...]:
        """How often one action ended how since a moment: target, outcome, number; by target."""
        with self.state.explained():
            return audit_log.counted(self.state.reader(), action, since)

    def verify_audit(self) -> AuditVerdict:
        """Checks the audit chain from its first entry to its last."""
        with self.state.explained():
            return audit_log.verify(self.state.reader())

    def _append(
        self,
        transaction: Transaction,
        action: str,
        target: str,
        outcome: str,
        payload: dict[str, object],
    ) -> None:
        audit_log.append(
            transaction.connection,
            at=self.clock.now(),
            actor=self.actor,
            action=action,
            target=target,
            outcome=outcome,
            payload=payload,
        )
