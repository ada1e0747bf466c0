"""Airflow 3 through its REST API v2, with a token or with a user and a password.

UNTESTED AGAINST A LIVE SERVER: written after the documented shape of the API and tried only against
answers written by hand after it.

A run's id here is `DAG/RUN`, for Airflow's own is unique within its DAG only. Airflow cancels no
run: one is ended by marking it failed.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from urllib.parse import quote

from mechexo.flows.orchestrators.exchange import Exchange, entering
from mechexo.flows.orchestrators.protocol import Access, MissingError
from mechexo.flows.orchestrators.reading import Fields, each
from mechexo.flows.orchestrators.values import (
    Accepted,
    Deployment,
    LogLine,
    OrchestratorRun,
    Phase,
    Runs,
    Schedule,
)
from mechexo.times import iso_z
from mechexo.value_classes import dataclass

PAGE = 100
"""The most that Airflow answers at once unless its own configuration says otherwise."""
_MOST_PAGES = 1000
_PHASES = {
    "queued": Phase.SCHEDULED,
    "running": Phase.RUNNING,
    "success": Phase.COMPLETED,
    "failed": Phase.FAILED,
}


def connect(access: Access) -> Airflow:
    """The Airflow at an address."""
    return Airflow(Exchange.of(access, entering(access) if access.token else {}))


@dataclass(frozen=True, slots=True)
class Airflow:
    """One Airflow API server."""

    exchange: Exchange

    def version(self) -> str:
        """The server's version."""
        door = self._entered()
        # Asked for what needs a right: the version alone may be told to anybody.
        door.read("GET", "/api/v2/dags", parameters={"limit": "1"})
        answer = door.read("GET", "/api/v2/version")
        return Fields.of(self.exchange, "a version", answer).text("version")

    def deployments(self, *, next_runs: bool) -> tuple[Deployment, ...]:
        """All DAGs; when each runs next comes with them."""
        door = self._entered()
        found = self._pages(door, "/dags", {"order_by": "dag_id"}, "dags")
        return tuple(_deployment(one) for one in found)

    def runs(self, *, since: datetime, until: datetime, deployment_id: str, limit: int) -> Runs:
        """The newest runs by the time after which they were to run."""
        door = self._entered()
        wanted = {
            "order_by": "-run_after",
            "run_after_gte": iso_z(since),
            "run_after_lte": iso_z(until),
        }
        dag = quote(deployment_id, safe="") if deployment_id else "~"
        found: list[OrchestratorRun] = []
        for one in self._pages(door, f"/dags/{dag}/dagRuns", wanted, "dag_runs"):
            if len(found) == limit:
                return Runs(tuple(found), True)
            found.append(_run(one))
        return Runs(tuple(found), False)

    def run(self, run_id: str) -> OrchestratorRun:
        """One run as it stands."""
        path = f"/api/v2{_run_path(run_id)}"
        answer = self._entered().read("GET", path, wanted=f"run {run_id}")
        return _run(Fields.of(self.exchange, "a DAG run", answer))

    def log_tail(self, run_id: str, lines: int) -> tuple[LogLine, ...]:
        """The end of the log of the run's failed task, or of the one that began last."""
        door, path = self._entered(), _run_path(run_id)
        tasks = [
            one
            for one in self._pages(door, f"{path}/taskInstances", {}, "task_instances")
            if (one.number("try_number") or 0) >= 1
        ]
        if not tasks:
            return ()
        task = max(tasks, key=lambda one: (one.text("state") == "failed", one.text("start_date")))
        parameters = {"full_content": "true"}
        if (mapped := task.number("map_index")) is not None:
            parameters["map_index"] = f"{mapped:.0f}"
        place = f"{quote(task.id('task_id'), safe='')}/logs/{task.number('try_number') or 1:.0f}"
        answer = door.read("GET", f"/api/v2{path}/taskInstances/{place}", parameters=parameters)
        content = Fields.of(self.exchange, "a task's log", answer).table.get("content")
        if isinstance(content, list) and all(isinstance(each, str) for each in content):
            texts = [self.exchange.hidden(each) for each in content]
            return tuple(LogLine(None, "", text) for text in texts[-lines:])
        found = [
            LogLine(one.moment("timestamp"), one.text("level").upper(), one.block("event"))
            for one in each(self.exchange, "log lines", content)
        ]
        return tuple(found[-lines:])

    def run_now(self, deployment_id: str, *, key: str) -> Accepted:
        """Triggers the DAG; the key is the run's id, so that a second one is refused."""
        body = {"dag_run_id": key, "logical_date": None}
        path = f"/api/v2/dags/{quote(deployment_id, safe='')}/dagRuns"
        _, answer = self._entered().change("POST", path, body)
        run = _run(Fields.of(self.exchange, "a DAG run", answer))
        return Accepted(run.id, run.state)

    def retry(self, run_id: str, *, why: str) -> Accepted:
        """Clears the tasks of the run that failed, so that they run again."""
        door, path = self._entered(), f"/api/v2{_run_path(run_id)}/clear"
        door.change("POST", path, {"dry_run": False, "only_failed": True})
        return Accepted(run_id, "cleared")

    def cancel(self, run_id: str, *, why: str) -> Accepted:
        """Marks the run failed, which ends its tasks; the reason becomes its note."""
        body = {"state": "failed", "note": why}
        _, answer = self._entered().change("PATCH", f"/api/v2{_run_path(run_id)}", body)
        run = _run(Fields.of(self.exchange, "a DAG run", answer))
        return Accepted(run.id, run.state)

    def pause(self, deployment_id: str) -> Accepted:
        """Pauses the DAG."""
        return self._set_paused(deployment_id, True)

    def resume(self, deployment_id: str) -> Accepted:
        """Lets the DAG run by its schedule again."""
        return self._set_paused(deployment_id, False)

    def _set_paused(self, deployment_id: str, paused: bool) -> Accepted:
        path = f"/api/v2/dags/{quote(deployment_id, safe='')}"
        _, answer = self._entered().change("PATCH", path, {"is_paused": paused})
        now = Fields.of(self.exchange, "a DAG", answer).flag("is_paused")
        if now is not paused:
            raise self.exchange.refused("left the DAG as it was")
        return Accepted("", "paused" if paused else "active")

    def _entered(self) -> Exchange:
        """The door with a token in hand: Airflow gives one for a user and a password."""
        access = self.exchange.access
        if access.token or not access.user:
            return self.exchange
        body = {"username": access.user, "password": access.password}
        answer = self.exchange.read("POST", "/auth/token", body)
        token = answer.get("access_token") if isinstance(answer, dict) else None
        if not isinstance(token, str) or not token:
            raise self.exchange.garbled("gave no access_token for the user and password")
        return Exchange.of(access, {"Authorization": f"Bearer {token}"})

    def _pages(
        self, door: Exchange, path: str, wanted: dict[str, str], key: str
    ) -> Iterator[Fields]:
        seen = 0
        for _ in range(_MOST_PAGES):
            parameters = {**wanted, "limit": str(PAGE), "offset": str(seen)}
            answer = door.read("GET", f"/api/v2{path}", parameters=parameters)
            page = Fields.of(self.exchange, f"a page of {key}", answer)
            if key not in page.table:
                raise self.exchange.garbled(f"answered a page without {key}")
            found = list(page.each(key, key))
            yield from found
            seen += len(found)
            total = page.number("total_entries")
            # A server of its own mind about the size of a page goes on all the same.
            if not found or (seen >= total if total is not None else len(found) < PAGE):
                return
        raise self.exchange.garbled(f"has more than {_MOST_PAGES * PAGE:,} {key}")


def _deployment(one: Fields) -> Deployment:
    rule = one.text("timetable_summary")
    return Deployment(
        id=one.id("dag_id"),
        name=one.id("dag_id"),
        paused=one.flag("is_paused"),
        schedules=(Schedule(rule, "", None),) if rule else (),
        status="import errors" if one.flag("has_import_errors") else "",
        next_run_at=one.moment("next_dagrun_run_after"),
        # A DAG that waits for data has a timetable and no next time.
        tells_next_run=False,
    )


def _run(one: Fields) -> OrchestratorRun:
    state = one.text("state")
    due = one.moment("run_after") or one.moment("logical_date")
    begun, ended = one.moment("start_date"), one.moment("end_date")
    took = (ended - begun).total_seconds() if begun and ended else None
    return OrchestratorRun(
        id=f"{one.id('dag_id')}/{one.id('dag_run_id')}",
        deployment_id=one.id("dag_id"),
        name=one.id("dag_run_id"),
        phase=_PHASES.get(state, Phase.UNKNOWN),
        state=state or "no state",
        due_at=due,
        started_at=begun,
        ended_at=ended,
        duration_s=took,
        late_s=max(0.0, (begun - due).total_seconds()) if begun and due else None,
        retries=None,
        reason=one.line("note"),
    )


def _run_path(run_id: str) -> str:
    dag, slash, run = run_id.partition("/")
    if not (dag and slash and run):
        raise MissingError(f"{run_id!r} is no id of a run; write DAG/RUN")
    return f"/dags/{quote(dag, safe='')}/dagRuns/{quote(run, safe='')}"
