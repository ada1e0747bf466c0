"""An HTTP endpoint: does it answer as it should, fast enough, with a certificate that lasts?"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BeforeValidator,
    Field,
    FiniteFloat,
    ValidationInfo,
    field_validator,
    model_validator,
)

from mechexo.fetching import Answer, NoAnswerError, fetch
from mechexo.health.context import Context
from mechexo.health.thresholds import Thresholds
from mechexo.health.values import Outcome, Status

NEEDS = ("httpx", "jsonpath")


def _listed(value: object) -> object:
    return [value] if isinstance(value, int) else value


class Options(Thresholds):
    """`kind = "http"`. The four limits apply to the number at `json_path`."""

    url: str = Field(pattern=r"^(https?://|\$\{)")
    """Secrets in it by reference."""
    method: Literal["GET", "HEAD", "POST"] = "GET"
    headers: dict[str, str] = Field(default={})
    """Sent along; secrets in them by reference."""
    expect_status: Annotated[tuple[int, ...], BeforeValidator(_listed)] = (200,)
    """One status code or a list; any other is a failure. Redirects are not followed."""
    warn_latency_ms: FiniteFloat | None = Field(default=None, gt=0)
    """A slower answer is a warning."""
    critical_latency_ms: FiniteFloat | None = Field(default=None, gt=0)
    """A slower answer is a failure."""
    json_path: str = ""
    """A JSONPath into the answer, like `$.checks[*].ok`; it must find something."""
    expect: Any = None
    """What everything at `json_path` must equal; limits are judged beside it."""
    unit: str = ""
    """The unit of the number at `json_path`."""
    tls_warn_days: FiniteFloat = Field(default=14, ge=0)
    """A certificate with fewer days left is a warning."""
    tls_critical_days: FiniteFloat = Field(default=3, ge=0)
    """A certificate with fewer days left is a failure."""
    ca_file: str = ""
    """Certificates to trust instead of the system's."""
    max_body_bytes: int = Field(default=1_000_000, ge=1, le=100_000_000)
    """A longer answer is not read to its end."""

    @field_validator("json_path")
    @classmethod
    def _readable(cls, value: str, info: ValidationInfo) -> str:
        import jsonpath

        if value:
            try:
                jsonpath.compile(value)
            except jsonpath.JSONPathError as error:
                why = str(error).splitlines()[0]
                raise ValueError(f"a JSONPath like $.status ({why})") from None
        return value

    @model_validator(mode="after")
    def _can_be_judged(self) -> Self:
        if not self.json_path and (self.expect is not None or self.has_limits or self.unit):
            raise ValueError("json_path beside expect, unit and the four limits")
        certificate = self.model_fields_set & {"tls_warn_days", "tls_critical_days"}
        if certificate and self.url.lower().startswith("http://"):
            raise ValueError(f"an https:// url beside {' and '.join(sorted(certificate))}")
        return self

    @property
    def is_judged(self) -> bool:
        """See `Thresholds`; an answer that is not a number is judged by being there."""
        return self.has_limits or self.expect is not None or not self.unit


def run(options: Options, context: Context) -> Outcome:
    """One request; the worst of what was asked of it."""
    try:
        answer = fetch(
            context.resolve_address(options.url),
            timeout_s=context.timeout_s,
            max_body_bytes=options.max_body_bytes,
            method=options.method,
            headers={name: context.resolve(value) for name, value in options.headers.items()},
            ca_file=str(context.path(options.ca_file)) if options.ca_file else "",
        )
    except NoAnswerError as error:
        return Outcome(Status.CRITICAL if error.is_theirs else Status.UNKNOWN, str(error))
    if answer.status_code not in options.expect_status:
        wanted = " or ".join(str(code) for code in options.expect_status)
        return Outcome(
            Status.CRITICAL,
            f"answered {answer.status_code}, expected {wanted}",
            answer.latency_ms,
            "ms",
        )
    content = _content(options, answer)
    found = [_latency(options, answer), _certificate(options, answer, context.now), content]
    worst = max((each for each in found if each), key=lambda each: each.status.rank)
    if worst.status == Status.OK and content:
        worst = content
    return worst


def _latency(options: Options, answer: Answer) -> Outcome:
    limits = Thresholds.of(
        warn_above=options.warn_latency_ms, critical_above=options.critical_latency_ms
    )
    return limits.judge(answer.latency_ms, "ms", f"answered {answer.status_code} in")


def _certificate(options: Options, answer: Answer, now: datetime) -> Outcome | None:
    if answer.certificate_expires_at is None:
        return None
    days = (answer.certificate_expires_at - now).total_seconds() / 86400.0
    limits = Thresholds.of(
        warn_below=options.tls_warn_days, critical_below=options.tls_critical_days
    )
    outcome = limits.judge(days, "days", "the certificate lasts")
    return None if outcome.status == Status.OK else outcome


def _content(options: Options, answer: Answer) -> Outcome | None:
    import jsonpath

    if not options.json_path:
        return None
    if answer.is_cut:
        return Outcome(
            Status.UNKNOWN, f"the answer is longer than max_body_bytes ({options.max_body_bytes:,})"
        )
    try:
        document = json.loads(answer.body)
    except (ValueError, RecursionError) as error:
        return Outcome(Status.CRITICAL, f"the answer is not JSON: {error}")
    found = jsonpath.findall(options.json_path, document)
    if not found:
        return Outcome(Status.CRITICAL, f"the answer has nothing at {options.json_path}")
    shown = json.dumps(found[0] if len(found) == 1 else found, ensure_ascii=False)
    judged = [Outcome(Status.OK, f"{options.json_path} is {shown}", _plain(found[0]), options.unit)]
    if options.has_limits:
        judged.insert(0, _worst_number(options, found))
    wrong = [value for value in found if not _same(value, options.expect)]
    if wrong and options.expect is not None:
        said = f"{options.json_path} is {shown}, expected {json.dumps(options.expect)}"
        judged.insert(0, Outcome(Status.CRITICAL, said, _plain(wrong[0]), options.unit))
    # Of several as bad as each other the first.
    return max(judged, key=lambda outcome: outcome.status.rank)


def _worst_number(options: Options, found: list[object]) -> Outcome:
    judged = [
        options.judge(float(value), options.unit, f"{options.json_path} is")
        if isinstance(value, int | float) and not isinstance(value, bool)
        else Outcome(Status.UNKNOWN, f"{options.json_path} is {json.dumps(value)}, not a number")
        for value in found
    ]
    return max(judged, key=lambda outcome: outcome.status.rank)


def _same(value: object, expected: object) -> bool:
    # In Python True equals 1; in JSON it does not.
    return isinstance(value, bool) == isinstance(expected, bool) and value == expected


def _plain(value: object) -> float | str | None:
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    return float(value) if isinstance(value, int | float) else str(value)
