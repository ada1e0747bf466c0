"""What a job's wrapper needs of a desk, and the quick way to it.

The shape of all settings costs a wrapper more than the rest of its work, so the few facts that it
needs of a configuration are kept in the user's cache folder, under the digest of the
configuration's bytes, its path and the version. Any change of one of them misses, as does a file
that is not the user's own or cannot be read back: then the desk is opened as always.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from mechexo import __version__
from mechexo.actor import Actor, Role, current_actor, role_of
from mechexo.clock import Clock, SystemClock
from mechexo.config.finding import find_config
from mechexo.state import State
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    from mechexo.config import Settings
    from mechexo.desk import Desk

_SHAPE = 1
"""Counts up when `JobFacts` means something else."""
_KEPT_AT_MOST = 20
_NAME = "job-facts"


class JobDesk(Protocol):
    """A desk, as far as a job's wrapper needs one."""

    @property
    def config_path(self) -> Path:
        """The configuration."""
        ...

    @property
    def state(self) -> State:
        """The state file."""
        ...

    @property
    def clock(self) -> Clock:
        """The time."""
        ...

    @property
    def actor(self) -> Actor:
        """Who acts."""
        ...

    @property
    def role(self) -> Role:
        """What they may do."""
        ...


@dataclass(frozen=True, slots=True)
class JobFacts:
    """What a job's wrapper needs of a configuration. Plain values, as JSON has them."""

    state: str
    expected: dict[str, tuple[float | None, float | None]]
    """Of each flow of `[flows]` how often it is due and its grace, in seconds."""
    jobs: tuple[str, ...]
    """Those that the heartbeat probes expect."""
    rolled_back: tuple[str, ...]
    """The flows that a rollback may change: their runs wait for it."""
    roles: dict[str, tuple[str, ...]]
    owner_is_admin: bool
    others: str


@dataclass(frozen=True, slots=True)
class QuickDesk:
    """A desk of the kept facts of its configuration."""

    config_path: Path
    state: State
    clock: Clock
    actor: Actor
    facts: JobFacts

    @property
    def role(self) -> Role:
        """The acting person's role, as `Desk.role`."""
        return role_of(
            self.actor,
            self._listed,
            owner=(lambda: self.config_path.stat().st_uid) if self.facts.owner_is_admin else None,
            others=Role[self.facts.others.upper()],
        )

    def _listed(self, role: Role) -> Collection[str]:
        return self.facts.roles.get(role.label, ())


def facts_of(settings: Settings) -> JobFacts:
    """The facts of a configuration."""
    probes = settings.probes.items()
    return JobFacts(
        state=settings.desk.state,
        expected={
            name: (
                flow.expect_every.total_seconds() if flow.expect_every else None,
                None if flow.grace is None else flow.grace.total_seconds(),
            )
            for name, flow in settings.flows.items()
        },
        jobs=tuple(str(p.options.get("job") or n) for n, p in probes if p.kind == "heartbeat"),
        rolled_back=tuple(settings.rollback.flows),
        roles={role.label: tuple(sorted(settings.access.names(role))) for role in Role},
        owner_is_admin=settings.access.owner_is_admin,
        others=settings.access.others,
    )


def open_quickly(config: Path | None) -> QuickDesk | None:
    """The desk of a configuration, or of the usual one, from the facts that were kept; None when
    there are none.

    Raises:
        ConfigError: there is no configuration.
        StateError, BusyError, NewerStateError: as `State.open`.
    """
    path = find_config(config)
    facts = _recalled(path)
    if facts is None:
        return None
    state = (path.parent / Path(facts.state).expanduser()).resolve()
    return QuickDesk(path, State.open(state), SystemClock(), current_actor(), facts)


def keep_facts(desk: Desk) -> JobFacts:
    """The facts of a desk's configuration, kept for the next run where the cache can be written."""
    facts = facts_of(desk.settings)
    record = {name: getattr(facts, name) for name in JobFacts.__slots__}
    from mechexo.config import validated
    from mechexo.config.keeping import keep

    try:
        source = desk.config_path.read_bytes()
        # It may have been changed since the desk was opened: facts of other bytes are not these's.
        known = validated.recall(desk.config_path, source)
        if known is None or facts_of(known) != facts:
            return facts
        place = _place(desk.config_path, source)
        keep(place, json.dumps(record))
        others = place.parent.glob(f"{_NAME}-*.json")
        for old in sorted(others, key=lambda each: each.stat().st_mtime)[:-_KEPT_AT_MOST]:
            old.unlink(missing_ok=True)
    except (OSError, RuntimeError):
        return facts  # The next run reads the configuration anew.
    return facts


def _recalled(path: Path) -> JobFacts | None:
    try:
        with _place(path, path.read_bytes()).open("rb") as file:
            if os.fstat(file.fileno()).st_uid != os.getuid():
                return None
            kept: dict[str, Any] = json.load(file)
        return JobFacts(
            state=str(kept["state"]),
            expected={name: (every, grace) for name, (every, grace) in kept["expected"].items()},
            jobs=tuple(kept["jobs"]),
            rolled_back=tuple(kept["rolled_back"]),
            roles={role: tuple(names) for role, names in kept["roles"].items()},
            owner_is_admin=bool(kept["owner_is_admin"]),
            others=Role[str(kept["others"]).upper()].label,
        )
    except (OSError, RuntimeError, ValueError, TypeError, KeyError, AttributeError):
        return None


def _place(path: Path, source: bytes) -> Path:
    """Where the facts of a configuration of these bytes are kept.

    Raises:
        RuntimeError: there is no home folder.
    """
    digest = hashlib.sha256(f"{__version__}\0{_SHAPE}\0{path}\0".encode() + source)
    base = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    return base / "mechexo" / f"{_NAME}-{digest.hexdigest()[:32]}.json"
