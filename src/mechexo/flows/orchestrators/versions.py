"""What a deployment was defined as, each time that it changed.

Prefect's own server keeps no versions: the tick keeps what it sees, so that it can be put back.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mechexo.errors import NotFoundError, UsageError, close_names
from mechexo.times import iso_z
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    from mechexo.desk import Desk

LONGEST = 200_000
"""Characters of a definition that is kept."""


@dataclass(frozen=True, slots=True)
class Definition:
    """What a deployment is defined as now: the fields that can be put back."""

    deployment_id: str
    told: str
    """What it calls its version itself; empty when it does not."""
    text: str
    """A JSON object, always written the same way. It may hold secrets that the deployment has."""

    @classmethod
    def of(cls, deployment_id: str, told: str, fields: Mapping[str, Any]) -> Definition:
        """The definition of these fields."""
        text = json.dumps(fields, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return cls(deployment_id, told, text)

    @property
    def digest(self) -> str:
        """SHA-256 of all its fields."""
        return digest_of(self.text)

    @property
    def fields(self) -> dict[str, Any]:
        """Its fields."""
        return fields_of(self.text)


@dataclass(frozen=True, slots=True)
class Version:
    """What a deployment was defined as from a moment on."""

    source: str
    deployment_id: str
    deployment: str
    """Its name then."""
    number: int
    """Counted from 1 for each deployment."""
    seen_at: datetime
    """When it was seen so first."""
    told: str
    definition: str
    """As `Definition.text`."""

    @property
    def digest(self) -> str:
        """SHA-256 of its definition."""
        return digest_of(self.definition)

    @property
    def fields(self) -> dict[str, Any]:
        """Its fields."""
        return fields_of(self.definition)


def digest_of(text: str) -> str:
    """SHA-256 of a definition's text."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def fields_of(text: str) -> dict[str, Any]:
    """The fields of a definition's text."""
    found: dict[str, Any] = json.loads(text)
    return found


def changed_fields(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, ...]:
    """The fields that `after` has and that are otherwise in `before`, by name."""
    return tuple(
        sorted(name for name in after if name not in before or before[name] != after[name])
    )


def what_changed(version: Version, older: Version | None) -> tuple[str, ...] | None:
    """The fields in which a version differs from the one before it; None when none is kept."""
    if older is None:
        return None
    gone = older.fields.keys() - version.fields.keys()
    return tuple(sorted({*changed_fields(older.fields, version.fields), *gone}))


def keep(
    desk: Desk,
    source: str,
    definitions: Sequence[Definition],
    names: Mapping[str, str],
    *,
    seen_at: datetime,
) -> None:
    """Keeps the definitions that are not the newest of their deployment already, as seen at a
    moment; one that is too long is not kept. `names` are the deployments' by id.

    Raises:
        BusyError, StateError: they could not be kept.
    """
    from mechexo.flows.orchestrators import records

    fitting = [each for each in definitions if len(each.text) <= LONGEST]

    now = desk.clock.now()

    def is_old(known: tuple[str, datetime] | None, each: Definition) -> bool:
        # What was seen after we asked, by a redeployment of our own, is newer than our answer.
        return known is not None and (known[0] == each.digest or seen_at < known[1] <= now)

    def fresh(known: Mapping[str, tuple[str, datetime]]) -> list[Version]:
        return [
            version_of(source, names.get(each.deployment_id, each.deployment_id), each, seen_at)
            for each in fitting
            if not is_old(known.get(each.deployment_id), each)
        ]

    if fresh(records.newest(desk.state, source)):
        with desk.state.write() as transaction:
            # Another process may have kept them meanwhile.
            records.add(transaction, fresh(records.newest(transaction, source)))


def version_of(source: str, deployment: str, definition: Definition, at: datetime) -> Version:
    """A version that is not kept yet, and has no number."""
    one = definition
    return Version(source, one.deployment_id, deployment, 0, at, one.told, one.text)


def too_long(definitions: Sequence[Definition], names: Mapping[str, str]) -> str:
    """Which definitions cannot be kept, in words; "" when all can."""
    found = [
        names.get(each.deployment_id, each.deployment_id)
        for each in definitions
        if len(each.text) > LONGEST
    ]
    more = f" and {len(found) - 3} more" if len(found) > 3 else ""
    return f"too long to keep: the definition of {', '.join(found[:3])}{more}" if found else ""


def versions(desk: Desk, source: str, deployment: str) -> tuple[Version, ...]:
    """What a deployment was defined as, newest first; by its name, its id, or the flow that it is.

    Raises:
        NotFoundError: no such orchestrator, or nothing is kept of such a deployment.
        UsageError: several are meant.
    """
    from mechexo.flows.orchestrators import records

    tables = desk.settings.orchestrators
    if source not in tables:
        known = close_names(source, sorted(tables)) if tables else "there is no such table at all"
        raise NotFoundError(f"{desk.config_path}: no [orchestrators.{source}]; {known}")
    kept = records.versions_of(desk.state, source)
    flows = tables[source].flows
    for found in (
        [one for one in kept if one.deployment_id == deployment],
        [one for one in kept if one.deployment == deployment],
        [
            one
            for one in kept
            if deployment in (flows.get(one.deployment), flows.get(one.deployment_id))
        ],
    ):
        ids = sorted({one.deployment_id for one in found})
        if len(ids) > 1:
            named = ", ".join(ids)
            raise UsageError(f"{deployment!r} is more than one deployment of {source}: {named}")
        if found:
            return tuple(found)
    names = sorted({one.deployment for one in kept})
    hint = close_names(deployment, names) if names else "a tick keeps them as it sees them"
    raise NotFoundError(f"no version of {deployment!r} of {source} is kept; {hint}")


def chosen(
    kept: Sequence[Version], *, number: int | None = None, as_of: datetime | None = None
) -> Version:
    """The version of that number, or the one that stood at a moment; `kept` is newest first.

    Raises:
        UsageError: neither or both are given.
        NotFoundError: there is none.
    """
    if (number is None) == (as_of is None):
        raise UsageError("say which version: --to NUMBER, or --as-of TIME")
    if as_of is not None:
        found = [one for one in kept if one.seen_at <= as_of]
        if found:
            return found[0]
        first = iso_z(kept[-1].seen_at)
        raise NotFoundError(
            f"no version of {kept[-1].deployment} is known as of {iso_z(as_of)}: the oldest that "
            f"is kept was seen first at {first}"
        )
    for one in kept:
        if one.number == number:
            return one
    numbers = ", ".join(str(one.number) for one in kept)
    raise NotFoundError(f"{kept[0].deployment} has no version {number}; kept: {numbers}")
