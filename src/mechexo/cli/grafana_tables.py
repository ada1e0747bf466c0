"""How Grafana's dashboards and our annotations look in tables and documents."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from mechexo.cli.render import Linked
from mechexo.grafana.words import dashboards_words

if TYPE_CHECKING:
    from mechexo.config import GrafanaSettings
    from mechexo.grafana.values import Dashboards

Columns = Sequence[str]
Rows = list[list[object]]


def dashboard_rows(found: Dashboards, *, written_out: bool) -> tuple[Columns, Rows]:
    """Dashboards for people; `written_out`: their addresses in a column instead of behind the
    titles."""
    columns = ["title", "folder", "?tags", "uid", *(["address"] if written_out else [])]
    rows: Rows = []
    for each in found.listed:
        title = each.title if written_out else Linked(each.title, each.link)
        row: list[object] = [title, each.folder or None, ", ".join(each.tags) or None, each.uid]
        rows.append([*row, *([each.link or None] if written_out else [])])
    return columns, rows


def dashboard_values(found: Dashboards) -> tuple[Columns, Rows]:
    """Dashboards for other programs."""
    columns = ("uid", "title", "folder", "folder_uid", "tags", "link")
    return columns, [
        [each.uid, each.title, each.folder, each.folder_uid, " ".join(each.tags), each.link]
        for each in found.listed
    ]


def dashboards_body(
    found: Dashboards, settings: GrafanaSettings, now: datetime
) -> dict[str, object]:
    """Dashboards as a document: the list, whether it is whole, and since when it is so."""
    return {
        **{"fresh": found.is_fresh(now, settings.every), "observed_at": found.good_at},
        **{"asked_at": found.asked_at, "error": found.why, "cut": found.cut},
        "breaker": {
            **{"standing": found.standing, "until": found.until},
            "failures": found.failures,
        },
        "dashboards": found.listed,
    }


def remark(found: Dashboards, settings: GrafanaSettings, now: datetime) -> str:
    """The line below the table: how far it can be believed."""
    mark = "● OK" if found.is_fresh(now, settings.every) else "? UNKNOWN"
    return f"{mark}  {dashboards_words(found, now)}"
