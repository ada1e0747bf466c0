"""What a call says: valid XML within the service's limit, whatever the alert says."""

from __future__ import annotations

from datetime import timedelta
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import START
from mechexo.alerts.channels import phone
from mechexo.alerts.redialling import FINAL, REDIAL_AFTER, by_text, judge, next_call

HARD = [
    "<Response>&amp;]]>",
    "a\0b\x1b[31m",
    "\u202eevil",
    "&" * 10_000,
    "漢\U0001f4a5" * 5000,
    "\ufffe",
]


def document(title: str, body: str) -> ElementTree.Element:
    text = phone.call_document(phone.spoken(title, body), "en-GB")
    assert len(text) <= phone.DOCUMENT_LIMIT
    return ElementTree.fromstring(text)


@given(st.text(max_size=300), st.text(max_size=3000))
def test_any_words_make_a_document(title: str, body: str) -> None:
    gather = document(title, body).find("Gather")
    assert gather is not None
    assert [each.tag for each in gather] == ["Say", "Pause", "Say", "Pause"]


@pytest.mark.parametrize("words", HARD)
def test_hard_words_make_a_document(words: str) -> None:
    document(words, words)


def test_what_is_said_is_what_stands_there() -> None:
    gather = document("CRITICAL: nav_breach", "5 < 6 & rising\n\nAlert 1").find("Gather")
    assert gather is not None
    assert gather[0].text == "CRITICAL: nav breach. 5 < 6 & rising Press 1 to acknowledge."


@given(st.sampled_from(sorted(FINAL)), st.sampled_from(["", "human", "unknown"]))
def test_a_call_that_is_over_is_heard_or_not(status: str, by: str) -> None:
    assert judge(status, by, pressed=True).outcome == "sent"
    assert judge(status, by, pressed=False).outcome == "unheard"


@given(st.sampled_from(["queued", "initiated", "ringing", "in-progress", "anything new"]))
def test_a_call_that_goes_on_is_not_judged(status: str) -> None:
    assert judge(status, "", pressed=False).outcome == ""


@given(st.sampled_from(["machine_start", "machine_end_beep", "machine_end_other", "fax"]))
def test_a_machine_hears_nothing(by: str) -> None:
    assert judge("completed", by, pressed=True).outcome == "unheard"


def test_two_redials_and_then_a_text_message() -> None:
    assert [by_text(unheard) for unheard in range(5)] == [False, False, False, True, True]
    waits = [next_call(unheard, START) - START for unheard in (1, 2, 3)]
    assert waits == [REDIAL_AFTER, REDIAL_AFTER, timedelta(0)]
