"""Many requests in one transaction: each answered with its own alerts, in order, or refused."""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mechexo.alerts import operations as alerts
from mechexo.alerts.values import AlertState, Observation
from mechexo.desk import Desk
from mechexo.errors import BusyError, UsageError
from mechexo.server.answers import RequestError
from mechexo.server.ingest import Ingest, IngestLimits, observe
from support.serving import until

pytestmark = pytest.mark.slow

MakeDesk = Callable[..., Desk]


def said(key: str, *, firing: bool = True, severity: str = "high") -> Observation:
    return Observation(f"test/{key}", firing, severity, key, f"about {key}", "test")


@contextmanager
def held(desk: Desk) -> Iterator[None]:
    """Somebody else writes: nobody's turn comes."""
    with Path(f"{desk.state.path}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def running(ingest: Ingest) -> Iterator[Ingest]:
    thread = Thread(target=ingest.run)
    thread.start()
    try:
        yield ingest
    finally:
        ingest.end()
        thread.join()


def test_what_waits_together_is_one_transaction_in_the_order_of_arrival(desk: Desk) -> None:
    commits: list[int] = []
    ingest = Ingest(desk, committed=lambda: commits.append(1))
    answers = [ingest.submit([said(str(number))]) for number in range(200)]
    with running(ingest):
        ids = [answer.result(30)[0].alert_id for answer in answers]
    assert ids == sorted(ids)
    assert len(set(ids)) == 200
    assert len(commits) == 1


def test_what_comes_at_one_moment_of_a_loop_is_one_transaction(desk: Desk) -> None:
    commits: list[int] = []
    calls: list[Callable[[], None]] = []
    ingest = Ingest(desk, committed=lambda: commits.append(1))
    with running(ingest):
        answers = [ingest.submit([said(str(number))], soon=calls.append) for number in range(8)]
        (wake,) = calls
        wake()
        assert all(answer.result(30)[0].alert_id for answer in answers)
        again = ingest.submit([said("again")], soon=calls.append)
        calls[-1]()
        assert again.result(30)[0].alert_id
    assert (len(calls), len(commits)) == (2, 2)


def test_what_is_in_a_transaction_waits_until_that_is_on_disk(desk: Desk) -> None:
    ingest = Ingest(desk)
    with running(ingest):
        with held(desk):
            answers = [ingest.submit([said(str(number))]) for number in range(8)]
            until(answers[0].running, "the transaction")
            assert ingest.waiting == 8
        assert all(answer.result(30)[0].alert_id for answer in answers)
    assert ingest.waiting == 0


def test_what_no_loop_wakes_the_writer_for_is_taken_in_at_the_end(desk: Desk) -> None:
    ingest = Ingest(desk)
    with running(ingest):
        answer = ingest.submit([said("a")], soon=lambda wake: None)
    assert answer.result(30)[0].alert_id == 1


def test_each_request_gets_its_own_alerts_also_when_they_merge(desk: Desk) -> None:
    ingest = Ingest(desk)
    first = ingest.submit([said("a"), said("b")])
    second = ingest.submit([said("b"), said("c")])
    with running(ingest):
        one, other = first.result(30), second.result(30)
    assert [each.key for each in one] == ["test/a", "test/b"]
    assert one[1].alert_id == other[0].alert_id
    assert other[0].count == 2


def test_one_request_that_cannot_be_taken_spoils_no_other(desk: Desk) -> None:
    ingest = Ingest(desk)
    good = ingest.submit([said("a")])
    bad = ingest.submit([said("b"), said("c", severity="urgent")])
    also = ingest.submit([said("d")])
    with running(ingest):
        assert good.result(30)[0].alert_id
        assert also.result(30)[0].alert_id
        with pytest.raises(UsageError, match="'urgent' is not a severity"):
            bad.result(30)
    stored = alerts.list_alerts(desk, states=tuple(AlertState))
    assert sorted(each.key for each in stored) == ["test/a", "test/d"]


def test_a_large_backlog_goes_in_portions_and_a_request_is_never_split(desk: Desk) -> None:
    commits: list[int] = []
    ingest = Ingest(desk, limits=IngestLimits(per_commit=10), committed=lambda: commits.append(1))
    answers = [ingest.submit([said(f"{n}.{m}") for m in range(4)]) for n in range(10)]
    with running(ingest):
        found = [answer.result(30) for answer in answers]
    assert all(len(each) == 4 for each in found)
    assert len(commits) == 4


def test_more_than_may_wait_is_refused_with_when_to_come(desk: Desk) -> None:
    ingest = Ingest(desk, limits=IngestLimits(requests=2, observations=100))
    kept = [ingest.submit([said("a")]), ingest.submit([said("b")])]
    with pytest.raises(RequestError, match="2 requests wait for the disk") as refused:
        ingest.submit([said("c")])
    assert (refused.value.status, refused.value.retry_after_s) == (429, 2)
    with running(ingest):
        assert all(answer.result(30)[0].alert_id for answer in kept)


def test_so_is_more_than_may_wait_of_alerts(desk: Desk) -> None:
    ingest = Ingest(desk, limits=IngestLimits(observations=5))
    with pytest.raises(RequestError):
        ingest.submit([said(str(number)) for number in range(6)])


def test_what_waited_too_long_is_refused_and_not_taken(desk: Desk) -> None:
    ingest = Ingest(desk, limits=IngestLimits(oldest_s=0.0))
    answer = ingest.submit([said("a")])
    with running(ingest), pytest.raises(RequestError) as refused:
        answer.result(30)
    assert refused.value.status == 503
    assert alerts.list_alerts(desk) == ()


def test_a_client_that_went_away_before_its_turn_leaves_nothing(desk: Desk) -> None:
    ingest = Ingest(desk)
    gone, stays = ingest.submit([said("a")]), ingest.submit([said("b")])
    assert gone.cancel()
    with running(ingest):
        assert stays.result(30)[0].alert_id
    assert [each.key for each in alerts.list_alerts(desk)] == ["test/b"]


def test_the_end_answers_all_that_waits_and_takes_nothing_more(desk: Desk) -> None:
    ingest = Ingest(desk)
    answers = [ingest.submit([said(str(number))]) for number in range(20)]
    ingest.end()
    with pytest.raises(RequestError) as refused:
        ingest.submit([said("late")])
    assert refused.value.status == 503
    with running(ingest):
        assert all(answer.result(30)[0].alert_id for answer in answers)


@pytest.mark.slow
def test_a_file_that_others_hold_is_a_failure_for_those_who_waited_and_no_end(desk: Desk) -> None:
    ingest = Ingest(desk)
    with running(ingest):
        with held(desk):
            answer = ingest.submit([said("a")])
            with pytest.raises(BusyError, match="another process has been writing"):
                answer.result(60)
        assert ingest.submit([said("b")]).result(30)[0].alert_id


@pytest.mark.slow
@settings(max_examples=30, deadline=None)
@given(
    steps=st.lists(
        st.tuples(st.sampled_from("abc"), st.booleans(), st.booleans()), min_size=1, max_size=14
    )
)
def test_together_gives_the_same_alerts_as_one_by_one(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, bool, bool]]
) -> None:
    """The slow way: each observation in a transaction of its own, asked for what it led to."""
    folder = tmp_path_factory.mktemp("desks")

    def desk(name: str) -> Desk:
        config = folder / name / "mechexo.toml"
        config.parent.mkdir()
        config.write_text('[desk]\nname = "test"\n[alerts]\nflapping_openings = 100\n')
        return Desk.open(config)

    together, apart = desk("together"), desk("apart")
    for key, _, _ in steps[:3]:
        for each in (together, apart):
            alerts.observe(each, [said(key)])
    observations = [said(key, firing=firing) for key, firing, _ in steps]
    found = [each.alert_id for each in observe(together, observations)]
    expected = []
    for each in observations:
        before = {a.key: a.id for a in alerts.list_alerts(apart)}
        alerts.observe(apart, [each])
        after = {a.key: a.id for a in alerts.list_alerts(apart)}
        expected.append((after if each.firing else before).get(each.key))
    assert found == expected
