"""An instant query of a Prometheus server, against limits."""

from __future__ import annotations

import json
from typing import Any

from pydantic import Field

from mechexo.fetching import Answer, NoAnswerError, fetch
from mechexo.health.context import Context
from mechexo.health.thresholds import Thresholds, amount
from mechexo.health.values import Outcome, Status

_LONGEST_ANSWER_BYTES = 8_000_000

NEEDS = ("httpx",)


class Options(Thresholds):
    """`kind = "prometheus"`. Of several series the worst counts."""

    url: str = Field(pattern=r"^(https?://|\$\{)")
    """Where the server is, up to `/api`; secrets in it by reference."""
    query: str = Field(min_length=1)
    """PromQL whose answer is a scalar or an instant vector."""
    headers: dict[str, str] = Field(default={})
    """Sent along; secrets in them by reference."""
    unit: str = ""
    ca_file: str = ""
    """Certificates to trust instead of the system's."""


class _UnusableError(Exception):
    """The server answered, but not with a number."""


def run(options: Options, context: Context) -> Outcome:
    """Asks the server; whatever keeps it from giving a number is unknown."""
    try:
        answer = fetch(
            context.resolve_address(options.url).rstrip("/") + "/api/v1/query",
            timeout_s=context.timeout_s,
            max_body_bytes=_LONGEST_ANSWER_BYTES,
            headers={name: context.resolve(value) for name, value in options.headers.items()},
            parameters={"query": options.query, "timeout": f"{context.timeout_s * 1000:.0f}ms"},
            ca_file=str(context.path(options.ca_file)) if options.ca_file else "",
        )
        return _worst(options, _series(answer))
    except NoAnswerError as error:
        return Outcome(Status.UNKNOWN, f"Prometheus: {error}")
    except _UnusableError as error:
        return Outcome(Status.UNKNOWN, str(error))


def _series(answer: Answer) -> list[tuple[str, float]]:
    """Each series' labels, as Prometheus writes them, and its value."""
    if answer.is_cut:
        raise _UnusableError("Prometheus answered too many series; aggregate in the query")
    try:
        document = json.loads(answer.body)
    except (ValueError, RecursionError):
        start = answer.body[:120].decode("utf-8", "replace")
        raise _UnusableError(
            f"Prometheus answered {answer.status_code}, not JSON: {start}"
        ) from None
    if not isinstance(document, dict) or document.get("status") != "success":
        said = document.get("error", document) if isinstance(document, dict) else document
        raise _UnusableError(f"Prometheus refused the query ({answer.status_code}): {said}")
    try:
        data = document["data"]
        match data["resultType"]:
            case "scalar":
                return [("", float(data["result"][1]))]
            case "vector":
                return [(_labels(each), float(each["value"][1])) for each in data["result"]]
            case other:
                raise _UnusableError(f"the query's answer is a {other}; ask for an instant vector")
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise _UnusableError(f"Prometheus gave an answer of another shape: {error!r}") from error


def _labels(series: Any) -> str:
    if "value" not in series:
        raise _UnusableError("the query's answer is a histogram; ask for a number of it")
    labels = dict(series["metric"])
    name = labels.pop("__name__", "")
    inside = ",".join(f'{key}="{value}"' for key, value in sorted(labels.items()))
    return f"{name}{{{inside}}}" if inside else str(name)


def _worst(options: Options, series: list[tuple[str, float]]) -> Outcome:
    if not series:
        return Outcome(Status.UNKNOWN, "the query found no series")
    judged = [(options.verdict(value), labels, value) for labels, value in series]
    # Among equals the one nearest to (or furthest past) its limit.
    upward = options.warn_above is not None or options.critical_above is not None
    (status, limit), labels, value = max(
        judged, key=lambda each: (each[0][0].rank, each[2] if upward else -each[2])
    )
    words = [f"{labels} is {amount(value, options.unit)}".removeprefix(" is ")]
    if limit:
        words = [f"{labels} {limit}".strip()] if value != value else [*words, limit]
    if len(series) > 1:
        alike = sum(1 for each in judged if each[0][0] == status)
        words.append(f"{alike} of {len(series)} series {status}")
    number = None if value != value else value
    return Outcome(status, ", ".join(words), number, options.unit)
