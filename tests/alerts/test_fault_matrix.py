"""Every way in which a service fails, against what happens to an alert meanwhile.

Whatever the fault: each attempt has one result with a reason in words, the next level is told, the
other channels lose nothing, and what somebody knows of, or what is over, pages nobody any more.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta

import pytest

from conftest import MakeDesk
from mechexo.alerts import operations as alerts
from mechexo.alerts.channels.process import Answer, Outgoing, SendingProcess
from mechexo.alerts.processes import Processes
from mechexo.alerts.values import Observation
from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from support.failing_servers import Server, failing_http, failing_mail

pytestmark = pytest.mark.slow

OPEN, KNOWN, OVER, BOTH = 1, 2, 3, 4
"""The alerts by what happens to them while their message is under way. `BOTH` is told on a good
channel, too."""

PASS = timedelta(seconds=10)
PATIENCE = timedelta(seconds=60)
LONGEST_S = 60.0

LADDERS = """
[channels.good]
url = "file://good.jsonl"
[channels.second]
url = "file://second.jsonl"
[escalation.default]
repeat = 0
levels = [{ tell = ["bad"] }, { after = "15m", tell = ["second"] }]
[escalation.both]
repeat = 0
levels = [{ tell = ["bad", "good"] }]
[routes.both]
match = { key = "4" }
escalation = "both"
"""


@dataclass(frozen=True)
class Case:
    """A fault, and what is to be said of it."""

    how: str
    outcome: str
    words: str
    hangs: bool = False


NETWORK = (
    Case("no such name", "refused", "name cannot be resolved"),
    Case("refused", "refused", "connection refused"),
    Case("connecting hangs", "unanswered", "no answer within", hangs=True),
    Case("reading hangs", "unanswered", "no answer within", hangs=True),
    Case("taken, then nothing", "unanswered", "no answer within", hangs=True),
)
HTTP = (
    *NETWORK,
    Case("400", "refused", "error=400"),
    Case("401", "rejected", "error=401"),
    Case("403", "rejected", "error=403"),
    Case("404", "rejected", "error=404"),
    Case("413", "refused", "error=413"),
    Case("429", "refused", "error=429"),
    Case("500", "refused", "error=500"),
    Case("reset in the answer", "unanswered", "connection was reset"),
    Case("half an answer", "unanswered", "half an answer"),
    Case("no TLS there", "refused", "no secure connection"),
)
MAIL = (
    *NETWORK,
    Case("reset in the mail", "unanswered", "hung up|connection was reset"),
    Case("421 at the door", "refused", "answered 421 too busy"),
    Case("450 for the reader", "refused", "answered 450 mailbox busy"),
    Case("452 for the mail", "refused", "answered 452 no room"),
    Case("550 for the reader", "rejected", "answered 550 no such user"),
    Case("554 for the mail", "rejected", "answered 554 refused by policy"),
    Case("no TLS there", "refused", "no secure connection"),
    Case("no STARTTLS", "rejected", "STARTTLS"),
)


@pytest.fixture
def processes() -> Iterator[Processes]:
    made = Processes()
    yield made
    made.end()


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> dict[int, Callable[[], object]]:
    """What happens, by alert, after its first message on the bad channel was leased and before
    anything of it left."""
    happens: dict[int, Callable[[], object]] = {}
    send = SendingProcess.send

    def sending(self: SendingProcess, message: Outgoing, until_s: float, **how: object) -> Answer:
        began_s = time.monotonic()
        if message.channel == "bad" and (act := happens.pop(message.alert_id or 0, None)):
            # Elsewhere: this thread's reader must not see its own desk change under it.
            thread = threading.Thread(target=act)
            thread.start()
            thread.join(LONGEST_S)
        return send(self, message, until_s + time.monotonic() - began_s, **how)

    monkeypatch.setattr(SendingProcess, "send", sending)
    return happens


@pytest.mark.parametrize("case", HTTP, ids=lambda case: case.how)
def test_a_web_service_that_fails(
    case: Case,
    make_desk: MakeDesk,
    clock: VirtualClock,
    processes: Processes,
    meanwhile: dict[int, Callable[[], object]],
) -> None:
    played(case, failing_http, make_desk, clock, processes, meanwhile)


@pytest.mark.parametrize("case", MAIL, ids=lambda case: case.how)
def test_a_mail_server_that_fails(
    case: Case,
    make_desk: MakeDesk,
    clock: VirtualClock,
    processes: Processes,
    meanwhile: dict[int, Callable[[], object]],
) -> None:
    played(case, failing_mail, make_desk, clock, processes, meanwhile)


def played(
    case: Case,
    failing: Callable[[str], AbstractContextManager[tuple[str, Server | None]]],
    make_desk: MakeDesk,
    clock: VirtualClock,
    processes: Processes,
    meanwhile: dict[int, Callable[[], object]],
) -> None:
    with failing(case.how) as (url, server):
        timeout = "0.5s" if case.hangs else "10s"
        desk = make_desk(f'[channels.bad]\nurl = "{url}"\ntimeout = "{timeout}"\n{LADDERS}')
        meanwhile[KNOWN] = lambda: alerts.acknowledge(desk, KNOWN)
        meanwhile[OVER] = lambda: alerts.observe(desk, [trouble(OVER, firing=False)])
        alerts.observe(desk, [trouble(each) for each in (OPEN, KNOWN, OVER, BOTH)])

        alerts.deliver_due(desk, deadline_s=LONGEST_S, processes=processes)
        assert told(desk, "good") == [BOTH]
        at_once = case.outcome == "rejected"
        assert (OPEN in told(desk, "second")) == at_once
        # A channel that hangs is tried once in a pass.
        for _ in range(4):
            clock.advance(PASS)
            alerts.deliver_due(desk, deadline_s=LONGEST_S, processes=processes)
        assert not meanwhile, "a message was never tried"
        assert (OPEN in told(desk, "second")) == at_once
        clock.advance(PATIENCE - 4 * PASS)
        alerts.keep_time(desk)
        alerts.deliver_due(desk, deadline_s=LONGEST_S, processes=processes)
        assert told(desk, "second").count(OPEN) == 1

        titles = list(server.titles) if server else []
    attempts_have_one_reason_each(desk, case)
    nobody_hears_of_what_is_known_or_over(desk, titles)
    assert told(desk, "good").count(BOTH) == 1
    what_may_have_gone_out_is_marked(titles, case)


def trouble(number: int, *, firing: bool = True) -> Observation:
    return Observation(str(number), firing, "critical", f"alert-{number}", "bad", "test")


def told(desk: Desk, channel: str) -> list[int | None]:
    path = desk.root / f"{channel}.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    return [json.loads(line)["alert_id"] for line in lines if '"kind":"page"' in line]


def attempts_have_one_reason_each(desk: Desk, case: Case) -> None:
    rows = desk.state.rows(
        "SELECT delivery.id, alert_id, kind, state, attempts, number, outcome, "
        "attempt.detail AS detail, finished_at "
        "FROM delivery LEFT JOIN delivery_attempt AS attempt ON attempt.delivery_id = delivery.id "
        "WHERE channel = 'bad' AND alert_id <= 4 ORDER BY delivery.id, number"
    )
    numbers: dict[int, list[int]] = {}
    for row in rows:
        assert row["state"] != "sending"
        assert (row["finished_at"] is None) == (row["state"] == "due")
        if row["number"] is not None:
            numbers.setdefault(row["id"], []).append(row["number"])
            assert row["outcome"] == case.outcome, row["detail"]
            assert re.search(case.words, row["detail"]), row["detail"]
            assert not re.search(r"Traceback|Error\(|<\w+ object|\\n", row["detail"])
    tried = {row["alert_id"] for row in rows if row["attempts"] and row["kind"] == "page"}
    assert tried == {OPEN, KNOWN, OVER, BOTH}
    for row in rows:
        assert numbers.get(row["id"], []) == list(range(1, row["attempts"] + 1))


def nobody_hears_of_what_is_known_or_over(desk: Desk, titles: list[str]) -> None:
    assert not {KNOWN, OVER} & {*told(desk, "second"), *told(desk, "good")}
    for number in (KNOWN, OVER):
        (page,) = [each for each in alerts.deliveries(desk, number) if each.kind == "page"]
        assert (page.state, page.attempts) == ("cancelled", 1)
        assert page.detail in ("tester knows", "resolved")
        assert len([t for t in titles if t.startswith(f"CRITICAL: alert-{number} ")]) <= 1


def what_may_have_gone_out_is_marked(titles: list[str], case: Case) -> None:
    pages = [title for title in titles if title.startswith("CRITICAL: alert-")]
    seen: set[str] = set()
    for title in pages:
        plain = title.removesuffix(" (resend)")
        again = plain in seen
        assert (plain != title) == (again and case.outcome == "unanswered"), titles
        seen.add(plain)


def test_a_service_that_fails_once_takes_the_message_at_the_second_try(
    make_desk: MakeDesk, clock: VirtualClock, processes: Processes
) -> None:
    with failing_http("500, then 200") as (url, server):
        desk = make_desk(f'[channels.bad]\nurl = "{url}"\ntimeout = "10s"\n{LADDERS}')
        alerts.observe(desk, [trouble(OPEN)])
        alerts.deliver_due(desk, deadline_s=LONGEST_S, processes=processes)
        clock.advance(PASS)
        alerts.deliver_due(desk, deadline_s=LONGEST_S, processes=processes)
        assert server is not None
        assert server.titles == ["CRITICAL: alert-1 on test (paper)"] * 2
    clock.advance(PATIENCE)
    alerts.keep_time(desk)
    (page,) = alerts.deliveries(desk, OPEN)
    assert (page.channel, page.state, page.attempts) == ("bad", "sent", 2)
    outcomes = desk.state.rows("SELECT outcome FROM delivery_attempt ORDER BY number")
    assert [row["outcome"] for row in outcomes] == ["refused", "sent"]


def test_mails_follow_each_other_without_a_pause_that_would_pass_for_a_hang(
    make_desk: MakeDesk, processes: Processes
) -> None:
    with failing_mail("takes all") as (url, server):
        desk = make_desk(f'[channels.bad]\nurl = "{url}"\ntimeout = "4s"\n{LADDERS}')
        alerts.observe(desk, [trouble(each) for each in (OPEN, KNOWN, OVER)])
        alerts.deliver_due(desk, deadline_s=LONGEST_S, processes=processes)
        assert server is not None
        assert len(server.titles) == 3
    assert {(each.state, each.attempts) for each in alerts.deliveries(desk)} == {("sent", 1)}
