"""Dagster through its GraphQL API: a webserver of one's own, or Dagster+ with a token.

UNTESTED AGAINST A LIVE SERVER: written after the documented shape of the API and tried only against
answers written by hand after it.

A deployment is a job, named `LOCATION/REPOSITORY/JOB`; it is paused when all its schedules are
stopped. Dagster's list of runs has no reason for a failure: the log of the run has it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from mechexo.flows.orchestrators.exchange import Exchange, entering
from mechexo.flows.orchestrators.protocol import (
    Access,
    MissingError,
    OutcomeUnknownError,
)
from mechexo.flows.orchestrators.reading import Fields
from mechexo.flows.orchestrators.values import (
    Accepted,
    Deployment,
    LogLine,
    OrchestratorRun,
    Phase,
    Runs,
    Schedule,
)
from mechexo.value_classes import dataclass

PAGE = 100
_MOST_PAGES = 1000
_PHASES = {
    "QUEUED": Phase.SCHEDULED,
    "NOT_STARTED": Phase.PENDING,
    "MANAGED": Phase.PENDING,
    "STARTING": Phase.PENDING,
    "STARTED": Phase.RUNNING,
    "SUCCESS": Phase.COMPLETED,
    "FAILURE": Phase.FAILED,
    "CANCELING": Phase.CANCELLING,
    "CANCELED": Phase.CANCELLED,
}
_RUN = (
    "runId jobName status creationTime startTime endTime "
    "repositoryOrigin { repositoryName repositoryLocationName }"
)
_JOBS = """query { repositoriesOrError { __typename
  ... on RepositoryConnection { nodes { name location { name } jobs { name }
    schedules { id name pipelineName cronSchedule executionTimezone
      scheduleState { id status } futureTicks(limit: 1) { results { timestamp } } } } }
  ... on PythonError { message } } }"""
_RUNS = f"""query($filter: RunsFilter, $cursor: String, $limit: Int) {{
  runsOrError(filter: $filter, cursor: $cursor, limit: $limit) {{ __typename
  ... on Runs {{ results {{ {_RUN} }} }} ... on PythonError {{ message }}
  ... on InvalidPipelineRunsFilterError {{ message }} }} }}"""
_ONE_RUN = f"""query($runId: ID!) {{ runOrError(runId: $runId) {{ __typename
  ... on Run {{ {_RUN} }} ... on RunNotFoundError {{ message }}
  ... on PythonError {{ message }} }} }}"""
_LOG = """query($runId: ID!, $cursor: String) {
  logsForRun(runId: $runId, afterCursor: $cursor, limit: 1000) { __typename
  ... on EventConnection { cursor hasMore
    events { ... on MessageEvent { message timestamp level } } }
  ... on RunNotFoundError { message } ... on PythonError { message } } }"""
_LAUNCH = """mutation($params: ExecutionParams!) { launchRun(executionParams: $params) { __typename
  ... on LaunchRunSuccess { run { runId status } }
  ... on PythonError { message } ... on UnauthorizedError { message } } }"""
_AGAIN = """mutation($params: ReexecutionParams!) {
  launchRunReexecution(reexecutionParams: $params) { __typename
  ... on LaunchRunSuccess { run { runId status } }
  ... on PythonError { message } ... on UnauthorizedError { message } } }"""
_TERMINATE = """mutation($runId: String!) { terminateRun(runId: $runId) { __typename
  ... on TerminateRunSuccess { run { runId status } } ... on TerminateRunFailure { message }
  ... on RunNotFoundError { message } ... on PythonError { message }
  ... on UnauthorizedError { message } } }"""
_START = """mutation($selector: ScheduleSelector!) {
  startSchedule(scheduleSelector: $selector) { __typename
  ... on ScheduleStateResult { scheduleState { status } } ... on PythonError { message }
  ... on UnauthorizedError { message } } }"""
_STOP = """mutation($id: String!) { stopRunningSchedule(id: $id) { __typename
  ... on ScheduleStateResult { scheduleState { status } } ... on PythonError { message }
  ... on UnauthorizedError { message } } }"""


def connect(access: Access) -> Dagster:
    """The Dagster at an address."""
    return Dagster(Exchange.of(access, entering(access, token_header="Dagster-Cloud-Api-Token")))


@dataclass(frozen=True, slots=True)
class Dagster:
    """One Dagster webserver."""

    exchange: Exchange

    def version(self) -> str:
        """The webserver's version."""
        data, said = self._data(self.exchange.read("POST", "/graphql", {"query": "{ version }"}))
        if data is None:
            raise self.exchange.garbled(f"answers with an error: {said}")
        return data.text("version")

    def deployments(self, *, next_runs: bool) -> tuple[Deployment, ...]:
        """All jobs with their schedules; when each runs next comes with them."""
        found = [
            _deployment(where, job, schedules)
            for where, job, schedules in self._jobs()
            # Dagster's own, which holds whatever assets are not in another job.
            if not job.startswith("__")
        ]
        return tuple(sorted(found, key=lambda one: one.name))

    def runs(self, *, since: datetime, until: datetime, deployment_id: str, limit: int) -> Runs:
        """The newest runs by the time that they were created."""
        wanted: dict[str, Any] = {
            "createdAfter": since.timestamp(),
            "createdBefore": until.timestamp(),
        }
        if deployment_id:
            wanted["pipelineName"] = deployment_id.rpartition("/")[2]
        found: list[OrchestratorRun] = []
        for run in self._pages(wanted):
            # A job of that name may be in another repository too.
            if deployment_id and run.deployment_id != deployment_id:
                continue
            if len(found) == limit:
                return Runs(tuple(found), True)
            found.append(run)
        return Runs(tuple(found), False)

    def run(self, run_id: str) -> OrchestratorRun:
        """One run as it stands."""
        return _run(self._ask(_ONE_RUN, {"runId": run_id}, "runOrError", "Run"))

    def log_tail(self, run_id: str, lines: int) -> tuple[LogLine, ...]:
        """The last events of a run, oldest first."""
        found: list[LogLine] = []
        cursor: str | None = None
        for _ in range(_MOST_PAGES):
            variables = {"runId": run_id, "cursor": cursor}
            page = self._ask(_LOG, variables, "logsForRun", "EventConnection")
            for one in page.each("events", "an event"):
                if one.table:
                    found.append(
                        LogLine(_milliseconds(one), one.text("level"), one.block("message"))
                    )
            del found[:-lines]
            cursor = page.text("cursor")
            if not page.flag("hasMore"):
                break
        return tuple(found)

    def run_now(self, deployment_id: str, *, key: str) -> Accepted:
        """Launches the job; Dagster knows no keys, so the run is tagged with it."""
        location, repository, job = _parts(deployment_id)
        params = {
            "selector": {
                "repositoryLocationName": location,
                "repositoryName": repository,
                "jobName": job,
            },
            "runConfigData": {},
            "executionMetadata": {"tags": [{"key": "mechexo/key", "value": key}]},
        }
        return self._launched(_LAUNCH, {"params": params}, "launchRun", "LaunchRunSuccess")

    def retry(self, run_id: str, *, why: str) -> Accepted:
        """Launches the run again from where it failed: a new run."""
        params = {"parentRunId": run_id, "strategy": "FROM_FAILURE"}
        return self._launched(
            _AGAIN, {"params": params}, "launchRunReexecution", "LaunchRunSuccess"
        )

    def cancel(self, run_id: str, *, why: str) -> Accepted:
        """Terminates the run."""
        return self._launched(_TERMINATE, {"runId": run_id}, "terminateRun", "TerminateRunSuccess")

    def pause(self, deployment_id: str) -> Accepted:
        """Stops each schedule of the job that is running."""
        changes = [
            (_STOP, {"id": one.inner("scheduleState", "a state").id("id")}, "stopRunningSchedule")
            for one in self._schedules(deployment_id, "RUNNING")
        ]
        return self._all(changes, "paused")

    def resume(self, deployment_id: str) -> Accepted:
        """Starts each schedule of the job that is stopped."""
        location, repository, _ = _parts(deployment_id)
        changes = []
        for one in self._schedules(deployment_id, "STOPPED"):
            selector = {
                "repositoryLocationName": location,
                "repositoryName": repository,
                "scheduleName": one.id("name"),
            }
            changes.append((_START, {"selector": selector}, "startSchedule"))
        return self._all(changes, "active")

    def _all(self, changes: list[tuple[str, dict[str, Any], str]], state: str) -> Accepted:
        if not changes:
            raise self.exchange.refused("has no schedule of that job to change")
        for number, (words, variables, key) in enumerate(changes):
            try:
                self._change(words, variables, key, "ScheduleStateResult")
            except Exception as error:
                if not number:
                    raise
                raise OutcomeUnknownError(
                    f"{number} of {len(changes)} schedules are {state}, then: {error}"
                ) from error
        return Accepted("", state)

    def _launched(self, words: str, variables: dict[str, Any], key: str, good: str) -> Accepted:
        run = self._change(words, variables, key, good).inner("run", "a run")
        return Accepted(run.id("runId"), run.text("status"))

    def _jobs(self) -> Iterator[tuple[str, str, list[Fields]]]:
        answer = self._ask(_JOBS, {}, "repositoriesOrError", "RepositoryConnection")
        for repository in answer.each("nodes", "a repository"):
            place = repository.inner("location", "a location").id("name")
            where = f"{place}/{repository.id('name')}"
            schedules = list(repository.each("schedules", "a schedule"))
            for job in repository.each("jobs", "a job"):
                name = job.id("name")
                own = [one for one in schedules if one.text("pipelineName") == name]
                yield where, name, own

    def _schedules(self, deployment_id: str, status: str) -> list[Fields]:
        for where, job, schedules in self._jobs():
            if f"{where}/{job}" == deployment_id:
                return [one for one in schedules if _status(one) == status]
        raise MissingError(f"Dagster has no job {deployment_id}")

    def _pages(self, wanted: dict[str, Any]) -> Iterator[OrchestratorRun]:
        cursor: str | None = None
        for _ in range(_MOST_PAGES):
            variables = {"filter": wanted, "cursor": cursor, "limit": PAGE}
            page = self._ask(_RUNS, variables, "runsOrError", "Runs")
            found = [_run(one) for one in page.each("results", "a run")]
            yield from found
            if len(found) < PAGE:
                return
            cursor = found[-1].id
        raise self.exchange.garbled(f"has more than {_MOST_PAGES * PAGE:,} runs")

    def _ask(self, words: str, variables: dict[str, Any], key: str, good: str) -> Fields:
        body = {"query": words, "variables": variables}
        data, said = self._data(self.exchange.read("POST", "/graphql", body))
        if data is None:
            raise self.exchange.garbled(f"answers with an error: {said}")
        result = data.inner(key, f"the answer {key}")
        kind = result.text("__typename")
        if kind == "RunNotFoundError":
            raise MissingError(f"Dagster has no such run: {result.line('message')}")
        if kind != good:
            raise self.exchange.garbled(
                f"answered {kind or 'nothing'} for {good}: {result.line('message')}"
            )
        return result

    def _change(self, words: str, variables: dict[str, Any], key: str, good: str) -> Fields:
        body = {"query": words, "variables": variables}
        _, answer = self.exchange.change("POST", "/graphql", body)
        data, said = self._data(answer)
        if data is None:
            # An error in the middle of the work is told so too.
            raise self.exchange.garbled(f"answers with an error: {said}")
        result = data.inner(key, f"the answer {key}")
        kind = result.text("__typename")
        if not kind or kind == "PythonError":
            raise self.exchange.garbled(f"answers with an error: {result.line('message')}")
        if kind != good:
            told = result.line("message")
            raise self.exchange.refused(f"answered {kind}{': ' if told else ''}{told}")
        return result

    def _data(self, answer: Any) -> tuple[Fields | None, str]:
        whole = Fields.of(self.exchange, "an answer of GraphQL", answer)
        errors = [one.line("message") for one in whole.each("errors", "an error")]
        if errors or not whole.table.get("data"):
            return None, "; ".join(errors[:3]) or "no data"
        return whole.inner("data", "data"), ""


def _deployment(where: str, job: str, schedules: list[Fields]) -> Deployment:
    running = [one for one in schedules if _status(one) == "RUNNING"]
    known = {_status(one) for one in schedules} <= {"RUNNING", "STOPPED"}
    ticks = [
        tick.epoch("timestamp")
        for one in running
        for tick in one.inner("futureTicks", "ticks").each("results", "a tick")
    ]
    return Deployment(
        id=f"{where}/{job}",
        name=f"{where}/{job}",
        paused=(bool(schedules) and not running) if known else None,
        schedules=tuple(map(_schedule, schedules)),
        next_run_at=min((tick for tick in ticks if tick is not None), default=None),
        # Its ticks follow from the schedule alone, whether or not a daemon is there to run them.
        tells_next_run=False,
    )


def _schedule(one: Fields) -> Schedule:
    rule = one.table.get("cronSchedule")
    text = rule if isinstance(rule, str) else "several rules"
    active = {"RUNNING": True, "STOPPED": False}.get(_status(one))
    return Schedule(one.exchange.hidden(text), one.text("executionTimezone"), active)


def _status(schedule: Fields) -> str:
    return schedule.inner("scheduleState", "a schedule's state").text("status")


def _run(one: Fields) -> OrchestratorRun:
    origin = one.inner("repositoryOrigin", "an origin")
    place = f"{origin.text('repositoryLocationName')}/{origin.text('repositoryName')}"
    status = one.text("status")
    due, begun, ended = (one.epoch(key) for key in ("creationTime", "startTime", "endTime"))
    return OrchestratorRun(
        id=one.id("runId"),
        deployment_id=f"{place}/{one.id('jobName')}",
        name="",
        phase=_PHASES.get(status, Phase.UNKNOWN),
        state=status or "no state",
        due_at=due,
        started_at=begun,
        ended_at=ended,
        duration_s=(ended - begun).total_seconds() if begun and ended else None,
        late_s=max(0.0, (begun - due).total_seconds()) if begun and due else None,
        retries=None,
    )


def _milliseconds(event: Fields) -> datetime | None:
    """An event's time, which Dagster gives as text of milliseconds since 1970."""
    text = event.text("timestamp")
    if not text:
        return None
    try:
        seconds = float(text) / 1000.0
    except ValueError:
        raise event.exchange.garbled("an event's timestamp is no number") from None
    return Fields(event.exchange, "an event", {"timestamp": seconds}).epoch("timestamp")


def _parts(deployment_id: str) -> tuple[str, str, str]:
    parts = deployment_id.rsplit("/", 2)
    if len(parts) != 3:
        raise MissingError(f"{deployment_id!r} is no job; write LOCATION/REPOSITORY/JOB")
    return parts[0], parts[1], parts[2]
