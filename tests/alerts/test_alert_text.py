"""Text from outside is harmless before it is stored."""

from __future__ import annotations

import time
import unicodedata
from dataclasses import fields
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mechexo.alerts import message
from mechexo.alerts.text import SUMMARY_LIMIT, clean, clean_key, clean_observation
from mechexo.alerts.values import Alert, AlertState, Observation
from mechexo.errors import UsageError

ANYTHING = (
    st.text(st.characters(codec=None), max_size=200)
    | st.text(st.sampled_from("\x00\x1b[31m\x9b\u202e\ud800 \n\t<>&aé\U0001f4a5"), max_size=60)
    | st.lists(st.sampled_from(["pwd", "=", "x", "&", " ", "://", ":", "@", "*", "…", "\x00"])).map(
        "".join
    )
)


@given(ANYTHING)
def test_clean_text_has_no_control_characters_and_can_be_stored(text: str) -> None:
    cleaned = clean(text)
    assert not [c for c in cleaned if unicodedata.category(c) in ("Cc", "Cs")]
    cleaned.encode()
    assert clean(cleaned) == cleaned


@given(ANYTHING)
def test_a_mark_that_is_dropped_changes_nothing_else(text: str) -> None:
    """Text that has nothing to drop takes a short way; with the mark it takes the long one."""
    assert clean(text) == clean(f"\u200e{text}")


@given(ANYTHING, st.integers(8, 30))
def test_a_cut_text_is_clean_too(text: str, limit: int) -> None:
    cleaned = clean(text, limit)
    assert len(cleaned) <= limit
    assert clean(cleaned, limit) == cleaned


@pytest.mark.parametrize(
    "text",
    [
        "login with password=hunter2 failed",
        "pass\x00word=hunter2",
        "postgresql://desk:hunter2@db/fills is down",
        "postgresql://:hunter2@db/fills is down",
        "x" * (SUMMARY_LIMIT - 12) + " token=hunter2",
    ],
)
def test_what_looks_like_a_secret_is_hidden_in_every_field(text: str) -> None:
    observation = Observation(text, True, "high", text, text, text, {text: text}, text)
    said = repr(clean_observation(observation))
    assert "hunter2" not in said
    assert "hunt" not in said


def test_a_label_that_is_named_a_secret_shows_none() -> None:
    observation = Observation("k", True, "high", "n", "s", "s", {"password": "hunter2", "a": "b"})
    assert clean_observation(observation).labels == {"password": "***", "a": "b"}


@pytest.mark.parametrize("pattern", ["://" + ":" * 99, "://:", "pwd=", ":" * 99 + "@", "\x1b]"])
def test_hiding_secrets_takes_work_in_proportion_to_the_text(pattern: str) -> None:
    def work_s(characters: int) -> float:
        text = "://" + pattern * (characters // len(pattern))
        began = time.process_time()
        clean(text)
        return time.process_time() - began

    # Were a pattern tried from everywhere to everywhere, ten times the text were a hundred times
    # the work.
    short, long = (min(work_s(characters) for _ in range(3)) for characters in (5_000, 50_000))
    assert long < 40 * short


def test_escape_sequences_vanish_whole() -> None:
    assert clean("a\x1b[31;1mred\x1b[0m \x1b]0;title\x07b\x00\u202e") == "ared b"


def test_markup_stays_as_it_is() -> None:
    assert clean("NAV breach <5%> & rising") == "NAV breach <5%> & rising"


def test_a_text_that_is_too_long_says_that_it_was_cut() -> None:
    cut = clean("x" * (SUMMARY_LIMIT + 1))
    assert (len(cut), cut[-1]) == (SUMMARY_LIMIT, "…")


@given(ANYTHING.filter(str.strip), ANYTHING.filter(str.strip))
def test_cleaning_never_makes_two_keys_one(first: str, second: str) -> None:
    assert (clean_key(first) == clean_key(second)) is (first == second)


def test_long_keys_that_differ_only_at_their_end_stay_apart() -> None:
    assert clean_key("k" * 900 + "a") != clean_key("k" * 900 + "b")


@pytest.mark.parametrize(
    "bad",
    [
        Observation("k", True, "urgent", "n", "s", "t"),
        Observation(" ", True, "high", "n", "s", "t"),
        Observation("k", True, "high", "\x00", "s", "t"),
    ],
)
def test_an_observation_that_cannot_be_an_alert_is_refused(bad: Observation) -> None:
    with pytest.raises(UsageError):
        clean_observation(bad)


def test_the_mark_of_a_resend_is_never_cut_off() -> None:
    now = datetime(2026, 3, 2, tzinfo=UTC)
    alert = Alert(
        1, "k", "high", AlertState.FIRING, "n" * 500, "s" * 10_000, "t",
        {f"label{i}": "v" * 500 for i in range(50)}, "entry", 2, now, now,
    )  # fmt: skip
    title = message.title(alert, "page", "desk", "live", resend=True)
    assert title.endswith("(resend)")
    assert len(title) <= message.TITLE_LIMIT
    body = message.body(alert, "page", ZoneInfo("America/New_York"))
    assert len(body) <= message.BODY_LIMIT
    assert body.endswith("mechexo alerts ack 1")


def test_a_page_speaks_of_times_in_the_desk_s_zone_and_names_it() -> None:
    began = datetime(2026, 3, 2, 14, 30, 5, 123456, tzinfo=UTC)
    said = "silence 1 by root until 2026-03-08T18:38:55.123456Z: drill"
    alert = Alert(
        1, "k", "high", AlertState.FIRING, "name", said, "manual", {}, "", 1, began, began
    )  # fmt: skip
    body = message.body(alert, "page", ZoneInfo("America/New_York"))
    assert "silence 1 by root until 2026-03-08 14:38:55 EDT: drill" in body
    assert "since 2026-03-02 09:30:05 EST, seen once" in body
    assert "Z" not in body


def test_cleaning_keeps_every_field_of_an_observation() -> None:
    at = datetime(2026, 3, 2, tzinfo=UTC)
    said = Observation("k", True, "high", "n", "s", "o", {"a": "b"}, "r", at, at)
    assert clean_observation(said) == said
    assert all(getattr(said, each.name) for each in fields(Observation))
