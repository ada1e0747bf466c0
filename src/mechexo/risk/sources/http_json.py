"""The desk's own HTTP endpoints: a JSONPath into a document for each part.

The source is the address of one document. A part may be of another on the same host: its address
there, then the path: `read.positions = "/v1/positions $.items"`.
"""

from __future__ import annotations

import json
import time
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from mechexo.errors import MechexoError, UnreachableError
from mechexo.fetching import NoAnswerError, fetch
from mechexo.risk.assembling import VALUE, Read, Row, assembled, by_our_names
from mechexo.risk.values import FALLBACK, RiskLook

if TYPE_CHECKING:
    from mechexo.config import RiskSettings
    from mechexo.risk.systems import RiskQuestion

LARGEST_BYTES = 4_000_000
MOST_DOCUMENTS = 8


def look(settings: RiskSettings, question: RiskQuestion) -> RiskLook:
    """What the documents say. One that does not come takes only its own parts with it.

    Raises:
        ConfigError: a reference cannot be resolved.
        UnreachableError: not one document came.
    """
    ends_at_s = time.monotonic() + question.within_s
    base = question.resolve_address(settings.source)
    headers = {name: question.resolve(value) for name, value in settings.headers.items()}
    ca_file = str(question.file(settings.ca_file)) if settings.ca_file else ""
    wanted = {part: _split(written) for part, written in settings.read.items()}
    addresses = sorted({address for address, _ in wanted.values()})
    if len(addresses) > MOST_DOCUMENTS:
        raise UnreachableError(f"read asks for {len(addresses)} documents; at most 8")
    documents: dict[str, Any] = {}
    for address in addresses:
        left_s = ends_at_s - time.monotonic()
        try:
            if left_s <= 0:
                raise UnreachableError(f"no complete answer within {question.within_s:.3g} s")
            documents[address] = _document(_at(base, address), left_s, headers, ca_file)
        except MechexoError as error:
            documents[address] = error
    failed = [each for each in documents.values() if isinstance(each, MechexoError)]
    if failed and len(failed) == len(documents):
        raise UnreachableError(str(failed[0]))
    return assembled(
        {
            part: _read(documents[where], path, part, settings)
            for part, (where, path) in wanted.items()
        },
        day=question.day.day,
        currency=settings.currency or FALLBACK,
        multipliers=settings.multipliers,
        capital=settings.capital,
    )


def _split(written: str) -> tuple[str, str]:
    """The document's own address ("" for that of the source) and the path into it."""
    if not written.startswith("/"):
        return "", written
    address, _, path = written.partition(" ")
    return address, path.strip() or "$"


def _at(base: str, address: str) -> str:
    if not address:
        return base
    parts = urlsplit(base)
    return f"{parts.scheme}://{parts.netloc}{address}"


def _document(url: str, left_s: float, headers: dict[str, str], ca_file: str) -> Any:
    try:
        answer = fetch(
            url,
            timeout_s=left_s,
            max_body_bytes=LARGEST_BYTES,
            headers={"Accept": "application/json", **headers},
            ca_file=ca_file,
        )
    except NoAnswerError as error:
        raise UnreachableError(str(error)) from None
    if answer.status_code != 200:
        raise UnreachableError(f"answered {answer.status_code}")
    if answer.is_cut:
        raise UnreachableError(f"the answer is longer than {LARGEST_BYTES:,} bytes")
    try:
        # Numbers as they are written: 0.1 is a tenth.
        return json.loads(answer.body, parse_float=Decimal)
    except (ValueError, RecursionError, ArithmeticError):
        raise UnreachableError("the answer is not JSON") from None


def _read(document: Any, path: str, part: str, settings: RiskSettings) -> Read:
    if isinstance(document, MechexoError):
        return document
    try:
        found = _found_at(document, path)
    except MechexoError as error:
        return error
    if part == "rates" and isinstance(found, dict) and "rate" not in found:
        return [{"currency": name, "rate": rate} for name, rate in found.items()]
    if isinstance(found, list):
        return [_row(each, settings) for each in found]
    if part in ("positions", "limits", "rates"):
        if isinstance(found, dict) and all(isinstance(each, dict) for each in found.values()):
            # By symbol or name: { "AAPL": { "quantity": 10 } }.
            key = {"positions": "symbol", "limits": "name"}.get(part, "currency")
            return [{key: name, **_row(each, settings)} for name, each in found.items()]
        return UnreachableError(f"{path}: it is no list")
    return [_row(found, settings)]


def _row(found: Any, settings: RiskSettings) -> Row:
    if not isinstance(found, dict):
        return {VALUE: found}
    return by_our_names(found, settings.fields)


def _found_at(document: Any, path: str) -> Any:
    """What stands at a JSONPath; a list of what stands there when it names several places.

    Raises:
        UnreachableError: it is no JSONPath, or finds nothing.
    """
    import jsonpath

    try:
        compiled = jsonpath.compile(path)
        found = compiled.findall(document)
        is_one = isinstance(compiled, jsonpath.JSONPath) and compiled.singular_query()
    except jsonpath.JSONPathError as error:
        why = str(error).splitlines()[0]
        raise UnreachableError(f"{path!r} is no JSONPath like $.account.equity ({why})") from None
    if not found:
        raise UnreachableError(f"nothing is at {path}")
    return found[0] if is_one else found
