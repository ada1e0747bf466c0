"""GitHub Actions, and GitHub Enterprise Server with `base_url = "https://HOST/api/v3"`.

From the REST documentation, "List workflow runs for a repository" and "for a workflow"; tested
against a server that replays those shapes, not against GitHub itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from mechexo.flows.ci.paged import Api, runs_per_list
from mechexo.flows.ci.systems import CiAnswer
from mechexo.flows.ci.values import CiLook, CiPage, CiRun, CiState
from mechexo.outside import shaping

if TYPE_CHECKING:
    from mechexo.config import CiSettings
    from mechexo.flows.ci.systems import CiQuestion

PUBLIC = "https://api.github.com"
API_VERSION = "2022-11-28"

_STATUS = {
    "queued": CiState.WAITING,
    "waiting": CiState.WAITING,
    "requested": CiState.WAITING,
    "pending": CiState.WAITING,
    "in_progress": CiState.RUNNING,
}
_CONCLUSION = {
    "success": CiState.PASSED,
    "failure": CiState.FAILED,
    "timed_out": CiState.FAILED,
    "startup_failure": CiState.FAILED,
    "cancelled": CiState.STOPPED,
    "skipped": CiState.STOPPED,
    "stale": CiState.STOPPED,
    "neutral": CiState.STOPPED,
    "action_required": CiState.STOPPED,
}


def look(settings: CiSettings, question: CiQuestion) -> CiAnswer:
    """The last runs of each branch, or of each named workflow of each branch.

    Raises:
        HeldError: the rate limit is used up.
        MechexoError: there is no good answer.
    """
    api = Api.of(settings, question, public=PUBLIC, headers=_headers)
    most = runs_per_list(settings)
    pages: list[CiPage] = []
    for branch in settings.branches:
        for workflow in settings.workflows or ("",):
            pages += api.list_runs(
                _path(settings.repository, branch, workflow, min(most, 100)),
                lambda document: runs_of(document, question),
                most,
                keep=lambda run, branch=branch: run.branch == branch,  # type: ignore[misc]
            )
    return CiAnswer(CiLook(tuple(pages)), api.hold_until)


def _headers(token: str) -> Mapping[str, str]:
    asked = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": API_VERSION}
    return {**asked, "Authorization": f"Bearer {token}"} if token else asked


def _path(repository: str, branch: str, workflow: str, per_page: int) -> str:
    of = f"/workflows/{quote(workflow, safe='')}" if workflow else ""
    query = urlencode({"branch": branch, "per_page": per_page})
    return f"/repos/{quote(repository, safe='/')}/actions{of}/runs?{query}"


def runs_of(document: Any, question: CiQuestion) -> list[CiRun]:
    """The runs of one page. A pull request from a fork is left out: its branch may be called
    `main` and is another.

    Raises:
        ShapeError: the document is not of the documented shape.
    """
    listed = shaping.rows(shaping.table(document, "the answer").get("workflow_runs"), "its runs")
    tables = [shaping.table(each, "a run") for each in listed]
    return [_run(each, question) for each in tables if not _of_a_fork(each)]


def _of_a_fork(run: Mapping[str, Any]) -> bool:
    own, head = run.get("repository"), run.get("head_repository")
    if head is None and "head_repository" in run:
        # The fork is gone by now.
        return shaping.text(run.get("event")).startswith("pull_request")
    if not isinstance(own, dict) or not isinstance(head, dict):
        return False
    ours, theirs = own.get("full_name"), head.get("full_name")
    return isinstance(ours, str) and isinstance(theirs, str) and ours.lower() != theirs.lower()


def _run(run: Mapping[str, Any], question: CiQuestion) -> CiRun:
    status = shaping.needed(run.get("status"), "the status of a run")
    conclusion = shaping.text(run.get("conclusion")) or None
    began = run.get("run_started_at") or run.get("created_at")
    state = state_of(status, conclusion)
    ended = status == "completed"
    return CiRun(
        id=shaping.needed(run.get("id"), "the id of a run"),
        workflow=question.tidy(shaping.text(run.get("name")) or shaping.text(run.get("path"))),
        branch=shaping.text(run.get("head_branch"), longest=250),
        state=state,
        status=status,
        conclusion=conclusion,
        commit=shaping.text(run.get("head_sha")),
        title=question.tidy(shaping.text(run.get("display_title"))),
        link=question.tidy(shaping.link(run.get("html_url"))),
        event=shaping.text(run.get("event")),
        number=shaping.number(run.get("run_number")),
        attempt=shaping.number(run.get("run_attempt")),
        started_at=shaping.moment(began, "the start of a run"),
        ended_at=shaping.moment(run.get("updated_at"), "the end of a run") if ended else None,
        file=_file(run),
    )


def _file(run: Mapping[str, Any]) -> str:
    """What defines its workflow. Names repeat (two files may both say `name: CI`), change, and
    those of Dependabot are another each time."""
    path = shaping.text(run.get("path"), longest=250).partition("@")[0]
    return path or shaping.text(run.get("workflow_id"))


def state_of(status: str, conclusion: str | None) -> CiState:
    """What GitHub's two words mean; `unknown` for a word that we do not know."""
    if status == "completed":
        return _CONCLUSION.get(conclusion or "", CiState.UNKNOWN)
    return _STATUS.get(status, CiState.UNKNOWN)
