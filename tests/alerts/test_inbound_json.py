"""mechexo's own JSON: what it says, and what is refused with the place of what is wrong."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mechexo.alerts.inbound import generic, keys
from mechexo.alerts.inbound.reading import BadPayloadError, read_json
from mechexo.alerts.values import Observation
from mechexo.errors import UsageError

NOW = datetime(2026, 3, 2, 14, 30, tzinfo=UTC)
WHOLE = {"source": "batch", "key": "eod", "severity": "high", "summary": "no end-of-day file"}


def said(document: object) -> tuple[Observation, ...]:
    return generic.observations(read_json(json.dumps(document).encode()), NOW)


def refusal(document: object) -> str:
    with pytest.raises(BadPayloadError) as caught:
        said(document)
    return str(caught.value)


def test_an_alert_fires_unless_it_says_otherwise() -> None:
    (one,) = said(WHOLE)
    assert (one.key, one.firing, one.severity, one.source) == ("batch/eod", True, "high", "batch")
    assert (one.name, one.summary) == ("eod", "no end-of-day file")
    assert one.observed_at is None


def test_everything_that_can_be_said_is_heard() -> None:
    more = {
        "name": "eod_missing",
        "details": "looked in /data",
        "labels": {"desk": "lon"},
        "runbook": "data-pipeline-failure",
        "ts": "2026-03-02T15:29:00+01:00",
    }
    (one,) = said(WHOLE | more)
    assert one.name == "eod_missing"
    assert one.summary == "no end-of-day file; looked in /data"
    assert one.labels == {"desk": "lon"}
    assert one.runbook == "data-pipeline-failure"
    assert one.observed_at == NOW - timedelta(minutes=1)


def test_a_resolution_needs_only_what_identifies_the_trouble() -> None:
    (one,) = said({"source": "batch", "key": "eod", "action": "resolve"})
    assert (one.key, one.firing, one.summary) == ("batch/eod", False, "resolved by batch")


def test_a_list_keeps_its_order() -> None:
    found = said([WHOLE | {"key": str(number)} for number in range(20)])
    assert [each.key for each in found] == [f"batch/{number}" for number in range(20)]


def test_the_words_never_decide_what_is_the_same_trouble() -> None:
    first, second = said([WHOLE, WHOLE | {"summary": "other words", "severity": "low"}])
    assert first.key == second.key


labels = st.dictionaries(
    st.text(min_size=1, max_size=6).filter(str.strip), st.text(max_size=6), min_size=1, max_size=4
)
sources = st.text("ab.", min_size=1, max_size=3).filter(lambda text: text[0] != ".")


@given(first=st.tuples(sources, labels), second=st.tuples(sources, labels))
def test_equal_labels_are_one_trouble_and_different_ones_never_merge(
    first: tuple[str, dict[str, str]], second: tuple[str, dict[str, str]]
) -> None:
    one, other = keys.label_key(*first), keys.label_key(*second)
    assert (one == other) is (first == second)
    turned = dict(reversed(first[1].items()))
    assert keys.label_key(first[0], turned) == one


@given(
    first=st.tuples(sources, st.text(min_size=1)),
    second=st.tuples(sources, st.text(min_size=1)),
    named=st.tuples(sources, labels),
)
def test_explicit_keys_are_apart_from_each_other_and_from_labels(
    first: tuple[str, str], second: tuple[str, str], named: tuple[str, dict[str, str]]
) -> None:
    one, other = keys.explicit_key(*first), keys.explicit_key(*second)
    assert (one == other) is (first == second)
    assert one != keys.label_key(*named)


@pytest.mark.parametrize("key", ["gateway", "probe:gateway", "a/b"])
def test_nobody_outside_speaks_for_a_probe(key: str) -> None:
    assert "probe is a source of mechexo's own" in refusal(
        {"source": "probe", "key": key, "action": "resolve"}
    )
    (one,) = said(WHOLE | {"key": key})
    assert not one.key.startswith(("probe:", "flow:", "tick:", "channel:", "costs:"))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"source": None}, "source is missing"),
        ({"source": "a/b"}, "source: a source has up to 64"),
        ({"source": 3}, "source: expected a text, not a number"),
        ({"key": None}, "key is missing: name the trouble by a key or by labels"),
        ({"key": ["x"]}, "key: expected a text, not a list"),
        ({"severity": None}, "severity is missing"),
        ({"severity": "urgent"}, "severity: expected one of critical, high, medium, low, info"),
        ({"severity": True}, "severity: expected a text, not true or false"),
        ({"summary": None}, "summary is missing"),
        ({"summary": "  "}, "summary has no words"),
        ({"summary": "a\0b"}, "summary has a NUL character in it"),
        ({"labels": {"a": "\0"}}, "labels has a NUL character in it"),
        ({"labels": []}, "labels: expected a table, not a list"),
        ({"action": 0}, "action: expected a text, not a number"),
        ({"labels": ["a"]}, "labels: expected a table, not a list"),
        ({"labels": {"a": 1}}, "labels.a: expected a text, not a number"),
        ({"labels": {" ": "x"}}, "labels has a name without letters"),
        ({"action": "stop"}, "action: expected fire or resolve"),
        ({"ts": "yesterday"}, 'ts: "yesterday" is not a time'),
        ({"ts": "2026-03-02T14:00:00"}, "has no zone"),
        ({"ts": 1e30}, "is not a time"),
        ({"ts": True}, "ts: expected a time (ISO 8601 with a zone, or seconds"),
        ({"sumary": "x"}, 'the key "sumary" is not known; did you mean summary'),
    ],
)
def test_what_is_wrong_is_said(change: dict[str, Any], words: str) -> None:
    assert words in refusal(WHOLE | change)


def test_in_a_list_the_place_is_said_and_nothing_of_it_is_taken() -> None:
    assert refusal([WHOLE, WHOLE | {"severity": 3}]).startswith("[1].severity: expected a text")
    assert refusal([WHOLE, "x"]) == "[1]: expected a table, not a text"
    assert refusal([]) == "the list is empty"
    assert refusal("x") == "the body: expected a table, not a text"


@pytest.mark.parametrize(
    ("ts", "seen_at"),
    [
        ("1970-01-01T00:00:00Z", datetime(1970, 1, 1, tzinfo=UTC)),
        (0, datetime(1970, 1, 1, tzinfo=UTC)),
        ("2026-03-02T14:30:59Z", NOW + timedelta(seconds=59)),
        ("2100-01-01T00:00:00Z", None),
        ("9999-12-31T23:59:59Z", None),
    ],
)
def test_a_wrong_clock_ahead_is_not_believed_and_loses_nothing(
    ts: object, seen_at: datetime | None
) -> None:
    (one,) = said(WHOLE | {"ts": ts})
    assert one.observed_at == seen_at


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "the body is not JSON: Expecting value (line 1, column 1)"),
        (b"{", "the body is not JSON"),
        (b'{"a": 1,}', "the body is not JSON"),
        (b"\xff\xfe", "the body is not UTF-8 (byte 0)"),
        (b'{"a": "\xc3"}', "the body is not UTF-8 (byte 7)"),
        (b'{"a": NaN}', "NaN is no number there"),
        (b'{"a": -Infinity}', "-Infinity is no number there"),
        (b'{"a": 1, "b": {"c": 1, "c": 2}}', 'the key "c" is there twice in one table'),
        (b'{"a": "x\x00y"}', "the body is not JSON: Invalid control character"),
        (b"[" * 100_000, "the body is nested too deeply"),
        (b'{"a":' * 100_000, "the body is nested too deeply"),
        (b"1" * 5_000, "the body is not JSON: Exceeds the limit"),
        (b'{"a": 1} {"b": 2}', "the body is not JSON: Extra data"),
    ],
    ids=range(13),
)
def test_a_body_that_is_no_json_is_refused_with_the_reason(body: bytes, words: str) -> None:
    with pytest.raises(BadPayloadError) as caught:
        read_json(body)
    assert words in str(caught.value)
    assert len(str(caught.value)) < 300


@given(st.binary(max_size=200))
def test_no_body_breaks_the_reader(body: bytes) -> None:
    with suppress(BadPayloadError):
        generic.observations(read_json(body), NOW)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(generic.KEYS), json_values))
def test_no_document_breaks_the_reader(document: dict[str, Any]) -> None:
    with suppress(UsageError):
        (one,) = generic.observations(WHOLE | document, NOW)
        assert one.key
        assert one.name


@given(text=st.text(min_size=1, max_size=300))
def test_any_text_is_safe_to_store_and_show(text: str) -> None:
    (one,) = generic.observations(WHOLE | {"summary": f"x{text}".replace("\0", "")}, NOW)
    assert "\x1b" not in one.summary
    assert "\n" not in one.summary
