"""What Grafana says of itself and of our token: for the doctor. Changes nothing there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mechexo.grafana.api import RefusedError
from mechexo.outside.shaping import ShapeError, rows, table, text
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    from mechexo.grafana.api import Api

TO_ANNOTATE = ("annotations:create", "annotations:write", "annotations:read")
"""What a token needs to write annotations, to change them, and to look for one."""


@dataclass(frozen=True, slots=True)
class Health:
    """A Grafana that answered."""

    version: str
    """"" when it does not tell."""
    database_ok: bool


def health(api: Api) -> Health:
    """Asks whether it is there, which version, and whether its own database is well.

    Raises:
        MechexoError: it is not there, or is no Grafana.
    """
    said = table(api.get("/api/health"), "the answer")
    if "database" not in said:
        raise ShapeError("what answers there is no Grafana: it says nothing of its database")
    return Health(text(said.get("version")), said.get("database") == "ok")


def let_in(api: Api) -> None:
    """Asks for one dashboard, as one who may look.

    Raises:
        MechexoError: it does not let us look; the text says why.
    """
    rows(api.get("/api/search", {"type": "dash-db", "limit": 1}), "the list of dashboards")


def missing_rights(api: Api) -> tuple[str, ...] | None:
    """The rights that the token lacks to write annotations; None when Grafana does not tell.

    Raises:
        UnansweredError, HeldError: it does not answer.
    """
    try:
        said = table(api.get("/api/access-control/user/permissions"), "the rights")
    except (RefusedError, ShapeError):
        return None
    return tuple(right for right in TO_ANNOTATE if right not in said)
