"""The list of dashboards, as a system outside that can be asked, and as the text that is kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from mechexo.documents import plain
from mechexo.errors import MechexoError, UnreachableError
from mechexo.grafana.values import Dashboard
from mechexo.outside import Answer, HeldError, Question, Source, shaping
from mechexo.outside.values import LONGEST_VALUE
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    from mechexo.config import GrafanaSettings
    from mechexo.grafana.api import Api

NAME = "grafana-dashboards:list"
"""What its state is kept under."""
VERSION = 1
PAGE = 500
MOST = 2000
"""So many dashboards are kept at most, and of very long ones as many as fit."""
LONGEST_UID = 40
_MOST_TAGS = 10


@dataclass(frozen=True, slots=True)
class DashboardSource:
    """The list of dashboards of one Grafana."""

    settings: GrafanaSettings
    root: Path

    @property
    def source(self) -> Source:
        """It, as `ask_all` takes it."""
        return Source(
            NAME,
            self.settings.every,
            self.settings.timeout,
            self.ask,
            budget=budget_of(self.settings),
        )

    def ask(self, question: Question) -> Answer:
        """Lists the dashboards.

        Raises:
            HeldError: it is not to be asked before a moment.
            MechexoError: there is no good answer; the text holds no secret.
        """
        from mechexo.grafana.api import Api

        api = Api.of(self.settings, self.root, question.now, question.within_s)
        try:
            found, cut = dashboards(api, self.settings)
        except (HeldError, MechexoError):
            raise
        except Exception as error:  # noqa: BLE001 - told as its reason; it may hold what was sent
            raise UnreachableError(api.tidy(f"{type(error).__name__}: {error}")) from None
        text = to_text(self.settings, found, cut=cut)
        while len(text) > LONGEST_VALUE and found:
            # Long titles and tags: fewer of them fit.
            found = found[: len(found) * LONGEST_VALUE // len(text)]
            text = to_text(self.settings, found, cut=True)
        return Answer(text)


def budget_of(settings: GrafanaSettings) -> str:
    """The same token at the same place shares one limit. The references, no secret."""
    return f"grafana {settings.url} {settings.token}"


def dashboards(api: Api, settings: GrafanaSettings) -> tuple[list[Dashboard], bool]:
    """The dashboards that the table asks for, by folder and title; and whether there are more.

    `GET /api/search?type=dash-db`, page by page until one is not full.

    Raises:
        MechexoError: there is no good answer.
    """
    found: dict[str, Dashboard] = {}
    page = 0
    while True:
        page += 1
        query = {"type": "dash-db", "limit": PAGE, "page": page, "tag": list(settings.tags)}
        listed = shaping.rows(api.get("/api/search", query), "the list of dashboards")
        read = [_dashboard(shaping.table(each, "a dashboard"), api, settings) for each in listed]
        known = len(found)
        found |= {each.uid: each for each in read}
        # One that answers every page alike would never come to an end.
        is_last = len(listed) < PAGE or len(found) == known
        if is_last or len(found) > 5 * MOST:
            break
    chosen = [each for each in found.values() if _is_chosen(each, settings)]
    chosen.sort(key=lambda each: (each.folder.casefold(), each.title.casefold(), each.uid))
    return chosen[:MOST], len(chosen) > MOST or not is_last


def _is_chosen(each: Dashboard, settings: GrafanaSettings) -> bool:
    in_folder = not settings.folders or bool({each.folder, each.folder_uid} & {*settings.folders})
    return in_folder and {*settings.tags} <= {*each.tags}


def _dashboard(row: Any, api: Api, settings: GrafanaSettings) -> Dashboard:
    uid = shaping.text(row.get("uid"))
    if not is_uid(uid):
        raise shaping.ShapeError(f"the uid of a dashboard is none: {uid!r}")
    tags, link = row.get("tags"), link_to(settings, api.base_url, row.get("url"), uid)
    said = [shaping.text(tag) for tag in tags] if isinstance(tags, list) else []
    return Dashboard(
        uid=uid,
        title=api.tidy(shaping.text(row.get("title"))) or uid,
        folder=api.tidy(shaping.text(row.get("folderTitle"))),
        folder_uid=shaping.text(row.get("folderUid")),
        tags=tuple(api.tidy(tag) for tag in said if tag)[:_MOST_TAGS],
        # What is configured by reference is not shown: then a link takes `browser_url`.
        link=link if api.tidy(link) == link else "",
    )


def is_uid(text: str) -> bool:
    """Whether a text may be a dashboard's uid: safe as a part of a path."""
    bare = text.replace("-", "").replace("_", "")
    return bool(bare) and bare.isalnum() and text.isascii() and len(text) <= LONGEST_UID


def link_to(settings: GrafanaSettings, base_url: str, path: object, uid: str) -> str:
    """A dashboard's address for a browser, without credentials; "" when there is no safe one.

    Grafana names the path with the one it is served under, where it knows of that.
    """
    place = settings.browser_url or base_url
    parts = urlsplit(place)
    host = parts.netloc.rpartition("@")[2]
    under = parts.path.rstrip("/")
    said = path if isinstance(path, str) else ""
    if not said.startswith("/") or said.startswith("//"):
        said = f"/d/{quote(uid)}"
    if not under or not said.startswith(f"{under}/"):
        said = under + said
    return shaping.link(f"{parts.scheme}://{host}{said}")


def to_text(settings: GrafanaSettings, found: list[Dashboard], *, cut: bool) -> str:
    """The list with what was asked for, as the state file keeps it."""
    document = {"version": VERSION, "of": _identity(settings), "cut": cut, "rows": plain(found)}
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def from_text(settings: GrafanaSettings, kept: str | None) -> tuple[list[Dashboard], bool] | None:
    """The list and whether it was cut; None when it cannot be read, or is of another table."""
    try:
        document = json.loads(kept or "")
        if document["version"] != VERSION or document["of"] != _identity(settings):
            return None
        rows = [Dashboard(**{**each, "tags": tuple(each["tags"])}) for each in document["rows"]]
        return rows, bool(document["cut"])
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def _identity(settings: GrafanaSettings) -> list[Any]:
    """What makes a list another one. References only, never a secret."""
    own = (settings.url, settings.browser_url, settings.token)
    return [*own, list(settings.folders), list(settings.tags)]
