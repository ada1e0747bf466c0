"""The table of plans."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mechexo.rollback.values import ChangedKey, Guard, Plan, PlannedChange, PlannedFlag
from mechexo.state.audit import canonical
from mechexo.times import from_iso_z, iso_z

if TYPE_CHECKING:
    from mechexo.state import State, Transaction


def insert(
    transaction: Transaction, plan: Plan, assumed: dict[str, object], *, made_by: str
) -> None:
    """Stores a plan for ever."""
    document = {
        name: iso_z(value) if isinstance(value, datetime) else value
        for name, value in asdict(plan).items()
    }
    transaction.execute(
        "INSERT INTO rollback_plan (id, digest, target, made_at, made_by, assumed, plan)"
        " VALUES (?,?,?,?,?,?,?)",
        (
            *(plan.id, plan.digest, plan.target, iso_z(plan.made_at), made_by),
            *(canonical(assumed), canonical(document)),
        ),
    )


def with_id(state: State, beginning: str) -> tuple[Plan, ...]:
    """The plans whose id begins so; at most two, which is enough to see an ambiguity."""
    found = state.rows(
        "SELECT plan FROM rollback_plan WHERE substr(id, 1, ?) = ? LIMIT 2",
        (len(beginning), beginning),
    )
    return tuple(_plan(row["plan"]) for row in found)


def newest(state: State, limit: int) -> tuple[Plan, ...]:
    """The newest plans, newest first."""
    found = state.rows(
        "SELECT plan FROM rollback_plan ORDER BY made_at DESC, rowid DESC LIMIT ?", (limit,)
    )
    return tuple(_plan(row["plan"]) for row in found)


def assumed_by(state: State, plan_id: str) -> dict[str, Any]:
    """Everything that a plan was made on."""
    [row] = state.rows("SELECT assumed FROM rollback_plan WHERE id = ?", (plan_id,))
    document: dict[str, Any] = json.loads(row["assumed"])
    return document


def _plan(text: str) -> Plan:
    document: dict[str, Any] = json.loads(text)
    expires_at = document.get("expires_at")
    return Plan(
        **{
            **document,
            **{name: from_iso_z(document[name]) for name in ("to", "commit_time", "made_at")},
            "expires_at": from_iso_z(expires_at) if expires_at else None,
            "changes": tuple(PlannedChange(**change) for change in document["changes"]),
            "guards": tuple(Guard(**guard) for guard in document["guards"]),
            "keys": tuple(ChangedKey(**key) for key in document.get("keys", ())),
            "flags": tuple(PlannedFlag(**flag) for flag in document.get("flags", ())),
        }
    )
