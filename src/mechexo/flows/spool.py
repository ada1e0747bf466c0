"""Runs whose end could not be written into the state file, kept beside it until it can be.

One small file per run, written whole or not at all, in `<state file>.flow-runs/`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mechexo.actor import Actor, Role
from mechexo.errors import UnreachableError
from mechexo.flows.auditing import Starter
from mechexo.flows.values import FlowRun, RunState
from mechexo.processes import Process
from mechexo.times import from_iso_z, iso_z


def folder_of(state_path: Path) -> Path:
    """Where the runs of a state file wait."""
    return state_path.with_name(state_path.name + ".flow-runs")


def keep(state_path: Path, run: FlowRun, wrapper: Process, by: Starter) -> Path:
    """Writes a run down; `run.id` is 0 when its start is not in the state file either.

    Raises:
        OSError: it cannot be written here either.
    """
    folder = folder_of(state_path)
    folder.mkdir(mode=0o700, exist_ok=True)
    _give_to_the_desk_s_user(folder, state_path)
    record = {
        **{"id": run.id, "flow": run.flow, "state": run.state.value},
        **{"started_at": iso_z(run.started_at), "ended_at": run.ended_at and iso_z(run.ended_at)},
        **{"duration_s": run.duration_s, "exit_code": run.exit_code, "tail": run.tail},
        "wrapper": [wrapper.pid, wrapper.boot_id, wrapper.started],
        "by": by.actor.as_record(),
        "role": by.role.name,
    }
    place = folder / f"{iso_z(run.started_at)}-{wrapper.pid}-{os.urandom(4).hex()}.json"
    fresh = place.with_suffix(".new")
    try:
        fresh.touch(mode=0o600, exist_ok=False)
        with fresh.open("w", encoding="utf-8") as file:
            json.dump(record, file)
            file.flush()
            os.fsync(file.fileno())
        _give_to_the_desk_s_user(fresh, state_path)
        fresh.replace(place)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise
    return place


def kept(
    state_path: Path, unread: list[UnreachableError]
) -> Iterator[tuple[Path, FlowRun, Process, Starter]]:
    """The runs that wait, oldest first, with who wrapped and who started each. What cannot be read
    keeps no other back: why is added to `unread`, with its place."""
    folder = folder_of(state_path)
    try:
        places = sorted(each for each in folder.iterdir() if each.suffix == ".json")
    except FileNotFoundError:
        return
    except OSError as error:
        unread.append(_unreadable(folder, error))
        return
    for place in places:
        try:
            record = json.loads(place.read_text(encoding="utf-8"))
            by = Starter(Actor(**record["by"]), Role[record["role"]])
            waiting = place, _run(record), Process(*record["wrapper"]), by
        except FileNotFoundError:
            continue  # Another process has just taken it over.
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            unread.append(_unreadable(place, error))
            continue
        yield waiting


def check_readable(state_path: Path) -> None:
    """Looks whether the runs that wait can be read.

    Raises:
        UnreachableError: one cannot; the text names it.
    """
    unread: list[UnreachableError] = []
    for _ in kept(state_path, unread):
        pass
    if unread:
        raise unread[0]


def _unreadable(place: Path, error: Exception) -> UnreachableError:
    return UnreachableError(
        f"{place}: this waiting flow run cannot be read ({error}); look at it and move it away"
    )


def _give_to_the_desk_s_user(place: Path, state_path: Path) -> None:
    """A job of root's must not leave what the desk's own user cannot read."""
    if os.geteuid() == 0 and (owner := state_path.stat()).st_uid:
        os.chown(place, owner.st_uid, owner.st_gid, follow_symlinks=False)


def _run(record: dict[str, Any]) -> FlowRun:
    return FlowRun(
        id=record["id"],
        flow=record["flow"],
        state=RunState(record["state"]),
        started_at=from_iso_z(record["started_at"]),
        ended_at=from_iso_z(record["ended_at"]) if record["ended_at"] else None,
        duration_s=record["duration_s"],
        exit_code=record["exit_code"],
        tail=record["tail"],
    )
