"""What makes one file of the report: its own scripts and drawings, and nothing from elsewhere."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from pathlib import Path
from typing import Any

from mechexo.costs.report_html.charts import STATIC_WIDTH, with_width
from mechexo.costs.report_html.markup import Html, el, json_in_script
from mechexo.errors import ConfigError

VEGA_LITE = "6.4"
"""The Vega-Lite that draws, in the page and without scripts."""

_HERE = Path(__file__).parent


def require_charts() -> None:
    """Refuses to begin without the libraries that draw.

    Raises:
        ConfigError: the extra `report` is not installed.
    """
    try:
        import altair  # noqa: F401
        import vl_convert  # noqa: F401
    except ImportError:
        raise ConfigError(
            'the HTML report needs the extra "report": pip install "mechexo[report]"'
        ) from None


def style() -> Html:
    """The style sheet."""
    return el("style", Html(_text("style.css")))


def scripts() -> tuple[Html, ...]:
    """The scripts: Vega with all that it needs, and the page's own."""
    return tuple(el("script", Html(source)) for source in _sources())


def policy() -> Html:
    """Forbids the page every request, and every script but its own, whatever its data holds."""
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()}'"
        for source in _sources()
    )
    rules = (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    return el("meta", http_equiv="Content-Security-Policy", content=rules)


def chart(name: str, spec: dict[str, Any], said: str) -> Html:
    """A chart: the place where scripts draw it, its specification, and a drawing without them."""
    place = el(
        "div", class_="chart needs-script", data_chart=f"chart-{name}", role="img", aria_label=said
    )
    data = el("script", json_in_script(spec), type="application/json", id=f"chart-{name}")
    return Html(place + data + el("noscript", el("div", _drawn(name, spec), class_="chart")))


def _drawn(name: str, spec: dict[str, Any]) -> Html:
    import vl_convert

    fixed = with_width(spec, STATIC_WIDTH)
    drawing: str = vl_convert.vegalite_to_svg(fixed, vl_version=VEGA_LITE, allowed_base_urls=[])
    # Ids of a drawing are its own: several stand in one page.
    drawing = re.sub(r'(\bid="|url\(#)', rf"\g<1>{name}-", drawing)
    return Html(drawing)


@cache
def _sources() -> tuple[str, ...]:
    import vl_convert

    bundle: str = vl_convert.javascript_bundle(
        "window.vegaEmbed = vegaEmbed;", vl_version=VEGA_LITE
    )
    return tuple(_harmless(source) for source in (bundle, _text("page.js")))


def _harmless(source: str) -> str:
    """A script that does not end the element it stands in."""
    return re.sub(r"</(?=script)", r"<\\/", source, flags=re.IGNORECASE).replace("<!--", "<\\!--")


def _text(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")
