"""GitLab pipelines; of a GitLab of your own with `base_url = "https://HOST"`.

From the REST documentation, "List project pipelines"; tested against a server that replays that
shape, not against GitLab itself. The list has no durations: a pipeline is taken to last from its
creation to its last change, waiting included.
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

PUBLIC = "https://gitlab.com"
UNNAMED = "pipeline"
"""What a pipeline without a name is called: most have none."""

_STATES = {
    "created": CiState.WAITING,
    "waiting_for_resource": CiState.WAITING,
    "preparing": CiState.WAITING,
    "pending": CiState.WAITING,
    "scheduled": CiState.WAITING,
    "waiting_for_callback": CiState.WAITING,
    "running": CiState.RUNNING,
    "canceling": CiState.RUNNING,
    "success": CiState.PASSED,
    "failed": CiState.FAILED,
    "canceled": CiState.STOPPED,
    "skipped": CiState.STOPPED,
    "manual": CiState.STOPPED,
}
_ENDED = frozenset({"success", "failed", "canceled", "skipped"})


def look(settings: CiSettings, question: CiQuestion) -> CiAnswer:
    """The last pipelines of each branch, of the named ones only where there are names.

    Raises:
        HeldError: the rate limit is used up.
        MechexoError: there is no good answer.
    """
    api = Api.of(settings, question, public=PUBLIC, headers=_headers)
    most, wanted = runs_per_list(settings), settings.workflows
    pages: list[CiPage] = []
    for branch in settings.branches:
        pages += api.list_runs(
            _path(settings.repository, branch, min(most, 100)),
            lambda document: runs_of(document, question),
            most,
            keep=lambda run, branch=branch: (  # type: ignore[misc]
                run.branch == branch and (not wanted or run.workflow in wanted)
            ),
        )
    return CiAnswer(CiLook(tuple(pages)), api.hold_until)


def _headers(token: str) -> Mapping[str, str]:
    return {"PRIVATE-TOKEN": token} if token else {}


def _path(project: str, branch: str, per_page: int) -> str:
    query = urlencode({"ref": branch, "per_page": per_page, "order_by": "id", "sort": "desc"})
    return f"/api/v4/projects/{quote(project, safe='')}/pipelines?{query}"


def runs_of(document: Any, question: CiQuestion) -> list[CiRun]:
    """The pipelines of one page.

    Raises:
        ShapeError: the document is not of the documented shape.
    """
    listed = shaping.rows(document, "the answer")
    return [_run(shaping.table(each, "a pipeline"), question) for each in listed]


def _run(pipeline: Mapping[str, Any], question: CiQuestion) -> CiRun:
    status = shaping.needed(pipeline.get("status"), "the status of a pipeline")
    ended = status in _ENDED
    changed = pipeline.get("updated_at") or pipeline.get("created_at")
    return CiRun(
        id=shaping.needed(pipeline.get("id"), "the id of a pipeline"),
        workflow=question.tidy(shaping.text(pipeline.get("name")) or UNNAMED),
        branch=shaping.text(pipeline.get("ref"), longest=250),
        state=_STATES.get(status, CiState.UNKNOWN),
        status=status,
        conclusion=status if ended else None,
        commit=shaping.text(pipeline.get("sha")),
        title="",
        link=question.tidy(shaping.link(pipeline.get("web_url"))),
        event=shaping.text(pipeline.get("source")),
        number=shaping.number(pipeline.get("iid")),
        attempt=None,
        started_at=shaping.moment(pipeline.get("created_at"), "the creation of a pipeline"),
        ended_at=shaping.moment(changed, "the last change of a pipeline") if ended else None,
    )
