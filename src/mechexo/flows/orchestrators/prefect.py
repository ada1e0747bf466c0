"""Prefect 3 through its REST API: a server of one's own (open, or with a user and a password, as
PREFECT_SERVER_API_AUTH_STRING has them) or Prefect Cloud (with an API key as token).

Tried with real answers of Prefect server 3.8.8, and with such a server itself. Prefect Cloud speaks
the same API under an address with account and workspace; it was not tried.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from mechexo.flows.orchestrators.exchange import Exchange, entering
from mechexo.flows.orchestrators.protocol import Access, MissingError
from mechexo.flows.orchestrators.reading import Fields, each
from mechexo.flows.orchestrators.values import (
    UNDER_WAY,
    Accepted,
    Deployment,
    LogLine,
    OrchestratorRun,
    Phase,
    Runs,
    Schedule,
)
from mechexo.flows.orchestrators.versions import Definition
from mechexo.times import format_duration
from mechexo.value_classes import dataclass

PAGE = 200
"""Prefect answers no more at once; asked for more it answers 422."""
_MOST_PAGES = 500
DEFINING = (
    *("version", "description", "tags", "parameters", "parameter_openapi_schema"),
    *("enforce_parameter_schema", "entrypoint", "path", "pull_steps", "job_variables"),
    *("work_pool_name", "work_queue_name", "concurrency_options"),
    *("storage_document_id", "infrastructure_document_id"),
)
"""What a deployment is defined by, as both an answer and a PATCH call it. Its schedules and whether
it is paused are not among them: those a person may have set since."""
_LEVELS = ((50, "CRITICAL"), (40, "ERROR"), (30, "WARNING"), (20, "INFO"), (0, "DEBUG"))
_PHASES = {
    "SCHEDULED": Phase.SCHEDULED,
    "PENDING": Phase.PENDING,
    "RUNNING": Phase.RUNNING,
    "COMPLETED": Phase.COMPLETED,
    "FAILED": Phase.FAILED,
    "CANCELLED": Phase.CANCELLED,
    "CRASHED": Phase.CRASHED,
    "PAUSED": Phase.PAUSED,
    "CANCELLING": Phase.CANCELLING,
}


def connect(access: Access) -> Prefect:
    """The Prefect at an address."""
    return Prefect(Exchange.of(access, entering(access)))


@dataclass(frozen=True, slots=True)
class Prefect:
    """One Prefect API."""

    exchange: Exchange

    def version(self) -> str:
        """The server's version; of Cloud, which tells none, ""."""
        # Asked for what needs a right: the version alone may be told to anybody.
        self.exchange.read("POST", "/deployments/filter", {"limit": 1})
        try:
            answer = self.exchange.read("GET", "/admin/version", wanted="version")
        except MissingError:
            return ""
        if not isinstance(answer, str):
            raise self.exchange.garbled("answered no text as its version")
        return " ".join(self.exchange.hidden(answer).split())

    def deployments(self, *, next_runs: bool) -> tuple[Deployment, ...]:
        """All deployments, named `flow/deployment` as Prefect's own commands name them."""
        found = list(self._pages("/deployments/filter", {"sort": "NAME_ASC"}, "deployment"))
        flows = self._flow_names({one.id("flow_id") for one in found})
        scheduled = [one.id("id") for one in found if _has_schedule(one)]
        planned = self._next_runs(scheduled) if next_runs else None
        return tuple(
            sorted(
                (_deployment(one, flows, planned) for one in found),
                key=lambda each: (each.name, each.id),
            )
        )

    def runs(self, *, since: datetime, until: datetime, deployment_id: str, limit: int) -> Runs:
        """The newest runs by the time that they were due."""
        wanted: dict[str, Any] = {
            "sort": "EXPECTED_START_TIME_DESC",
            "flow_runs": {
                "expected_start_time": {"after_": _stamp(since), "before_": _stamp(until)}
            },
        }
        if deployment_id:
            wanted["deployments"] = {"id": {"any_": [deployment_id]}}
        found: list[OrchestratorRun] = []
        for one in self._pages("/flow_runs/filter", wanted, "flow run"):
            if len(found) == limit:
                return Runs(tuple(found), True)
            found.append(_run(one))
        return Runs(tuple(found), False)

    def runs_by_ids(self, ids: Sequence[str]) -> tuple[OrchestratorRun, ...]:
        """Those of these runs that there are, newest first."""
        wanted = {
            "sort": "EXPECTED_START_TIME_DESC",
            "flow_runs": {"id": {"any_": [_path(one) for one in ids]}},
        }
        return tuple(_run(one) for one in self._pages("/flow_runs/filter", wanted, "flow run"))

    def run(self, run_id: str) -> OrchestratorRun:
        """One run as it stands."""
        path = f"/flow_runs/{_path(run_id)}"
        answer = self.exchange.read("GET", path, wanted=f"run {run_id}")
        return _run(Fields.of(self.exchange, "a flow run", answer))

    def log_tail(self, run_id: str, lines: int) -> tuple[LogLine, ...]:
        """The last messages that the run and its tasks logged, oldest first."""
        wanted = {
            "logs": {"flow_run_id": {"any_": [_path(run_id)]}},
            "sort": "TIMESTAMP_DESC",
            "limit": min(lines, PAGE),
        }
        answer = self.exchange.read("POST", "/logs/filter", wanted)
        newest_first = [_log_line(one) for one in each(self.exchange, "log lines", answer)]
        return tuple(reversed(newest_first))

    def run_now(self, deployment_id: str, *, key: str) -> Accepted:
        """Creates a run that is due now; with the same key Prefect answers with the same run."""
        body = {"state": {"type": "SCHEDULED"}, "idempotency_key": key}
        path = f"/deployments/{_path(deployment_id)}/create_flow_run"
        # With its key asking again begins no second run.
        _, answer = self.exchange.change("POST", path, body, repeatable=True)
        fields = Fields.of(self.exchange, "a flow run", answer)
        return Accepted(fields.id("id"), fields.text("state_name"))

    def retry(self, run_id: str, *, why: str) -> Accepted:
        """Schedules a run that has ended once more, as `AwaitingRetry`."""
        return self._set_state(run_id, "SCHEDULED", "AwaitingRetry", why, {Phase.SCHEDULED})

    def cancel(self, run_id: str, *, why: str) -> Accepted:
        """Asks the run's worker to end it. Prefect cancels a run that has no process at once."""
        done = {Phase.CANCELLING, Phase.CANCELLED}
        return self._set_state(run_id, "CANCELLING", "Cancelling", why, done)

    def pause(self, deployment_id: str) -> Accepted:
        """Pauses the deployment: its schedules begin nothing."""
        path = f"/deployments/{_path(deployment_id)}/pause_deployment"
        self.exchange.change("POST", path, repeatable=True)
        return Accepted("", "paused")

    def resume(self, deployment_id: str) -> Accepted:
        """Resumes the deployment; a schedule that is off itself stays off."""
        path = f"/deployments/{_path(deployment_id)}/resume_deployment"
        self.exchange.change("POST", path, repeatable=True)
        return Accepted("", "active")

    def definitions(self) -> tuple[Definition, ...]:
        """How each deployment is defined now: what can be put back by `redefine`."""
        found = self._pages("/deployments/filter", {"sort": "NAME_ASC"}, "deployment")
        return tuple(map(_definition, found))

    def definition(self, deployment_id: str) -> Definition:
        """How one deployment is defined now."""
        path = f"/deployments/{_path(deployment_id)}"
        answer = self.exchange.read("GET", path, wanted=f"deployment {deployment_id}")
        return _definition(Fields.of(self.exchange, "a deployment", answer))

    def redefine(self, deployment_id: str, fields: Mapping[str, Any]) -> None:
        """Sets these fields of a deployment; its schedules, and whether it is paused, stay."""
        path = f"/deployments/{_path(deployment_id)}"
        self.exchange.change("PATCH", path, dict(fields), repeatable=True)

    def _set_state(self, run_id: str, kind: str, name: str, why: str, done: set[Phase]) -> Accepted:
        body = {"state": {"type": kind, "name": name, "message": why}, "force": False}
        _, answer = self.exchange.change("POST", f"/flow_runs/{_path(run_id)}/set_state", body)
        fields = Fields.of(self.exchange, "an answer to a change of state", answer)
        state = fields.inner("state", "a state")
        phase, said = _phase(state.text("type"), state.text("name")), state.text("name")
        # A run without a process is not left Cancelling: Prefect rejects that for Cancelled.
        if fields.text("status") != "ACCEPT" and not (
            kind == "CANCELLING" and phase is Phase.CANCELLED
        ):
            reason = fields.inner("details", "details").line("reason")
            told = f": {reason}" if reason else ""
            raise self.exchange.refused(
                f"answered {fields.text('status') or 'nothing known'}{told}; the run is "
                f"{said or 'as it was'}"
            )
        if phase not in done:
            raise self.exchange.refused(f"made the run {said or 'something else'} instead")
        return Accepted(run_id, said)

    def _flow_names(self, ids: set[str]) -> dict[str, str]:
        names: dict[str, str] = {}
        wanted = sorted(ids)
        for start in range(0, len(wanted), PAGE):
            chosen = {"flows": {"id": {"any_": wanted[start : start + PAGE]}}}
            for flow in self._pages("/flows/filter", chosen, "flow"):
                names[flow.id("id")] = flow.id("name")
        return names

    def _next_runs(self, ids: Sequence[str]) -> dict[str, datetime]:
        """When the next run of each is planned: Prefect's own scheduler plans ahead, and where it
        has stopped there is none, though `/health` says that all is well."""
        found: dict[str, datetime] = {}
        left = list(ids)
        while left:
            wanted = {
                "sort": "NEXT_SCHEDULED_START_TIME_ASC",
                "limit": PAGE,
                "deployments": {"id": {"any_": left[:PAGE]}},
                "flow_runs": {"state": {"name": {"any_": ["Scheduled"]}}},
            }
            answer = self.exchange.read("POST", "/flow_runs/filter", wanted)
            runs = list(each(self.exchange, "flow runs", answer))
            asked = set(left[:PAGE])
            for run in runs:
                due = run.moment("next_scheduled_start_time")
                if due is not None:
                    found.setdefault(run.text("deployment_id"), due)
            # A full page may be one deployment's: the others are asked for again without it.
            answered = asked & found.keys() if len(runs) == PAGE else asked
            if not answered:
                raise self.exchange.garbled("answered planned runs of other deployments")
            left = [one for one in left if one not in answered]
        return found

    def _pages(self, path: str, wanted: dict[str, Any], what: str) -> Iterator[Fields]:
        """What a filter finds, page after page; what moves to another page meanwhile is told once.

        Raises:
            SourceError: there is no end to it.
        """
        seen: set[str] = set()
        for page in range(_MOST_PAGES):
            body = {**wanted, "limit": PAGE, "offset": page * PAGE}
            found = list(each(self.exchange, f"{what}s", self.exchange.read("POST", path, body)))
            known = len(seen)
            for one in found:
                if (key := one.id("id")) not in seen:
                    seen.add(key)
                    yield one
            if len(found) < PAGE:
                return
            if len(seen) == known:
                raise self.exchange.garbled(f"answers the same page of {what}s again and again")
        raise self.exchange.garbled(f"has more than {_MOST_PAGES * PAGE:,} {what}s")


def _definition(one: Fields) -> Definition:
    kept = {name: one.table[name] for name in DEFINING if name in one.table}
    return Definition.of(one.id("id"), one.text("version"), kept)


def _has_schedule(one: Fields) -> bool:
    active = any(each.flag("active") is not False for each in one.each("schedules", "a schedule"))
    return active and not one.flag("paused")


def _deployment(
    one: Fields, flows: dict[str, str], planned: dict[str, datetime] | None
) -> Deployment:
    flow = flows.get(one.id("flow_id"), one.id("flow_id"))
    return Deployment(
        id=one.id("id"),
        name=f"{flow}/{one.id('name')}",
        paused=one.flag("paused"),
        schedules=tuple(map(_schedule, one.each("schedules", "a schedule"))),
        status=one.text("status"),
        version=one.text("version"),
        created_at=one.moment("created"),
        next_run_at=(planned or {}).get(one.id("id")),
        tells_next_run=planned is not None,
    )


def _schedule(one: Fields) -> Schedule:
    rule = one.inner("schedule", "a schedule's rule")
    if interval := rule.number("interval"):
        text = f"every {format_duration(interval)}"
    else:
        text = rule.text("cron") or rule.text("rrule") or "by a rule of another kind"
    return Schedule(text, rule.text("timezone"), one.flag("active"))


def _run(one: Fields) -> OrchestratorRun:
    state = one.inner("state", "a state")
    kind, name = one.text("state_type"), one.text("state_name")
    phase = _phase(kind, name)
    began, tried = one.moment("start_time"), one.number("run_count")
    estimated = one.number("estimated_run_time" if phase in UNDER_WAY else "total_run_time")
    # Once more due after a failure, a run's first time is long past.
    due = one.moment("next_scheduled_start_time") or one.moment("expected_start_time")
    return OrchestratorRun(
        id=one.id("id"),
        deployment_id=one.text("deployment_id"),
        name=one.text("name"),
        phase=phase,
        state=name or kind or "no state",
        due_at=due,
        started_at=began,
        ended_at=one.moment("end_time"),
        duration_s=estimated if began else None,
        late_s=one.number("estimated_start_time_delta"),
        retries=None if tried is None else max(0, int(tried) - 1),
        reason=state.line("message"),
    )


def _phase(kind: str, name: str) -> Phase:
    if kind == "SCHEDULED" and name == "Late":
        return Phase.LATE
    return _PHASES.get(kind, Phase.UNKNOWN)


def _log_line(one: Fields) -> LogLine:
    level = one.number("level")
    word = "" if level is None else next((said for low, said in _LEVELS if level >= low), "")
    return LogLine(one.moment("timestamp"), word, one.block("message"))


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()


def _path(found: str) -> str:
    """An id as part of a path: a UUID and nothing else.

    Raises:
        MissingError: it is none, so that there is nothing of that id.
    """
    from uuid import UUID

    try:
        return str(UUID(found))
    except ValueError:
        raise MissingError(f"{found!r} is no id of Prefect's; write the whole UUID") from None
