"""A dashboard's panels, and one of them as the picture that Grafana's image renderer draws.

A Grafana without a renderer does not refuse: it answers with a picture that says so. So it is asked
first whether it has one, as its own pages ask (`rendererAvailable`).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mechexo.errors import NotFoundError, UnreachableError
from mechexo.grafana.api import RefusedError
from mechexo.grafana.rules import milliseconds
from mechexo.grafana.values import DashboardPanels, Panel, Picture
from mechexo.outside import shaping
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    from mechexo.grafana.api import Api

LARGEST_PNG_BYTES = 20_000_000
MOST_PIXELS = 16_000_000
"""A picture with more is not taken: unpacked it would need hundreds of megabytes."""
MOST_PANELS = 500
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_END = b"IEND\xaeB`\x82"


@dataclass(frozen=True, slots=True)
class Frame:
    """How a panel is to be drawn: its size in pixels, from when to when, in which zone, how."""

    width: int
    height: int
    start: datetime
    end: datetime
    zone: str
    light: bool = False


def panels(api: Api, uid: str) -> DashboardPanels:
    """The panels of a dashboard, those in folded rows too.

    Raises:
        NotFoundError: it has no such dashboard, or does not show it to us.
        MechexoError: there is no good answer.
    """
    try:
        said = shaping.table(api.get(f"/api/dashboards/uid/{uid}"), "the answer")
    except RefusedError as error:
        if error.code == 404 and error.is_of_this_request:
            raise NotFoundError(
                f"Grafana has no dashboard {uid!r}, or the token may not see it; "
                "see: mechexo grafana dashboards --refresh"
            ) from None
        raise
    dashboard = shaping.table(said.get("dashboard"), "the dashboard")
    if "panels" not in dashboard and "elements" in dashboard:
        raise shaping.ShapeError(
            "this dashboard is of a newer shape, whose panels cannot be listed yet; "
            "name the panel by its number"
        )
    found = list(_panels(dashboard.get("panels"), api))[:MOST_PANELS]
    return DashboardPanels(uid, api.tidy(shaping.text(dashboard.get("title"))) or uid, tuple(found))


def _panels(listed: Any, api: Api, depth: int = 0) -> Iterator[Panel]:
    for each in shaping.rows([] if listed is None else listed, "the list of panels"):
        panel = shaping.table(each, "a panel")
        kind = shaping.text(panel.get("type"))
        if kind == "row":
            if depth == 0:
                yield from _panels(panel.get("panels"), api, depth + 1)
            continue
        number = shaping.number(panel.get("id"))
        if number is not None and number >= 0:
            title = api.tidy(shaping.text(panel.get("title"))) or f"panel {number}"
            yield Panel(number, title, kind)


def draw(api: Api, uid: str, panel_id: int, frame: Frame) -> Picture:
    """The panel as a picture: `GET /render/d-solo/UID/_`.

    Raises:
        MechexoError: there is none; the text says why, in plain words.
    """
    if has_renderer(api) is False:
        raise UnreachableError(
            "this Grafana has no image renderer, so it draws no panels: whoever runs it installs "
            "grafana-image-renderer"
        )
    query = {
        **{"panelId": panel_id, "width": frame.width, "height": frame.height},
        **{"from": milliseconds(frame.start), "to": milliseconds(frame.end), "tz": frame.zone},
        **{"theme": "light" if frame.light else "dark", "timeout": max(int(api.within_s), 1)},
    }
    try:
        answer = api.exchange(
            "GET",
            f"/render/d-solo/{uid}/_",
            query=query,
            largest_bytes=LARGEST_PNG_BYTES,
            accept="image/png",
        )
    except RefusedError as error:
        if error.code == 404:
            said = f"there is no dashboard {uid} with a panel {panel_id}, or the token may not see"
            raise NotFoundError(f"{said} it: {error}") from None
        if error.code >= 500:
            raise UnreachableError(f"Grafana's image renderer failed: {error}") from None
        raise
    if answer.is_cut:
        raise UnreachableError(f"the picture is larger than {LARGEST_PNG_BYTES:,} bytes")
    return picture(answer.body, answer.headers.get("content-type", ""))


def has_renderer(api: Api) -> bool | None:
    """Whether Grafana has an image renderer; None when it does not say.

    Raises:
        UnansweredError, HeldError: it does not answer at all.
    """
    try:
        said = api.get("/api/frontend/settings")
    except (RefusedError, shaping.ShapeError):
        return None
    available = said.get("rendererAvailable") if isinstance(said, dict) else None
    return available if isinstance(available, bool) else None


def picture(body: bytes, content_type: str) -> Picture:
    """The picture in an answer, if it is a whole PNG of reasonable size.

    Raises:
        UnreachableError: it is none.
    """
    if not body.startswith(_SIGNATURE) or body[12:16] != b"IHDR" or len(body) < 33:
        kind = shaping.text(content_type, longest=40) or "something"
        raise UnreachableError(
            f"Grafana answered with {kind} instead of a picture: a log-in page, or a proxy's"
        )
    width, height = struct.unpack(">II", body[16:24])
    if not width or not height or width * height > MOST_PIXELS:
        raise UnreachableError(f"the picture is {width} x {height} pixels, which is not shown")
    if not body.rstrip(b"\0").endswith(_END):
        raise UnreachableError("the picture is cut off")
    return Picture(body, width, height)
