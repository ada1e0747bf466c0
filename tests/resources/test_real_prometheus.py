"""Plots of a real Prometheus that scrapes a real node exporter and itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from conftest import MakeDesk
from mechexo.clock import SystemClock
from mechexo.desk import Desk
from mechexo.outside import Standing
from mechexo.resources import plot_operations
from mechexo.resources.plot_values import PlotStanding
from support.program import mechexo
from support.prometheus_server import INSTALLED, Monitored

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not INSTALLED, reason="prometheus and prometheus-node-exporter are not installed"
    ),
]
PATIENCE_S = 30.0
Ask = Callable[..., PlotStanding]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Monitored]:
    found = Monitored(tmp_path_factory.mktemp("prometheus"))
    try:
        found.start()
        yield found
    finally:
        found.stop()


@pytest.fixture
def asked(make_desk: MakeDesk, server: Monitored) -> Ask:
    """Asks a query of the server as a plot of the last five minutes, a second apart."""
    server.start()
    return lambda query, more="": look(plotting(make_desk, server.url, query, more))


def plotting(
    make_desk: MakeDesk, url: str, query: str, more: str = "", *, span: str = "5m"
) -> Desk:
    made = make_desk(
        f"[prometheus]\nurl = '{url}'\n[resources.plots.plot]\nquery = '{query}'\n"
        f"range = '{span}'\nstep = '1s'\n{more}"
    )
    # Its moments are the machine's, so the desk's must be too.
    return Desk(made.settings, made.config_path, made.state, SystemClock(), made.actor)


def look(desk: Desk) -> PlotStanding:
    (found,) = plot_operations.look(desk, deadline_s=PATIENCE_S, force=True)
    return found


def test_the_machines_load_is_plotted_with_its_gaps(asked: Ask) -> None:
    found = asked("node_load1", 'legend = "load of {{job}}"\n')
    assert (found.why, found.standing, found.outdated) == ("", Standing.CLOSED, False)
    assert found.names == ("load of node",)
    assert found.look is not None
    (one,) = found.look.series
    known = [value for value in one.values if value is not None]
    assert known
    assert all(value >= 0 for value in known)
    assert len(one.values) == found.look.grid.count == 301
    # Nobody scraped before the test began: there is nothing, not zero.
    assert one.values[0] is None


def test_several_series_are_told_apart(asked: Ask) -> None:
    found = asked("up", 'legend = "{{job}}"\n')
    assert sorted(found.names) == ["itself", "node"]


def test_thresholds_come_with_the_plot(asked: Ask) -> None:
    found = asked("node_load1", 'thresholds = [{ value = 90.5, severity = "critical" }]\n')
    assert [(each.value, each.severity, each.below) for each in found.lines] == [
        (90.5, "critical", False)
    ]


def test_a_query_that_finds_nothing_has_no_series_and_no_error(asked: Ask) -> None:
    found = asked("nothing_like_this")
    assert (found.why, found.look.series) == ("", ())


def test_what_is_not_a_number_is_a_gap(asked: Ask) -> None:
    found = asked("vector(0) / 0")
    assert found.why == ""
    assert set(found.look.series[0].values) == {None}


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("up{", "Prometheus refused the query (400): bad_data: "),
        ("sum by (le) (1", "parse error"),
        ("up[5m]", 'invalid expression type "range vector"'),
        ('node_load1 + on(job) {__name__=~"scrape_.*", job="node"}', "many-to-many"),
    ],
)
def test_a_query_that_is_refused_is_told_in_the_words_of_prometheus(
    asked: Ask, query: str, said: str
) -> None:
    found = asked(query)
    assert said in found.why
    assert found.look is None


def test_a_server_that_ends_leaves_the_last_plot_with_its_age_and_is_asked_again_when_it_is_back(
    make_desk: MakeDesk, server: Monitored
) -> None:
    server.start()
    desk = plotting(make_desk, server.url, "node_load1")
    before = look(desk)
    assert before.why == ""
    server.stop_prometheus()
    try:
        for _ in range(3):
            down = look(desk)
        assert down.why == "connection refused"
        assert (down.look, down.good_at) == (before.look, before.good_at)
        assert down.standing is Standing.OPEN
        # Left alone: a tick asks no fourth time.
        (left,) = plot_operations.look(desk, deadline_s=PATIENCE_S)
        assert left.failures == 3
    finally:
        server.start()
    found = look(desk)
    assert (found.why, found.standing, found.failures) == ("", Standing.CLOSED, 0)
    assert found.good_at > before.good_at


def test_a_node_exporter_that_was_gone_for_a_while_leaves_a_gap(
    make_desk: MakeDesk, server: Monitored
) -> None:
    server.start()
    server.stop_node()
    try:
        # The scrapes of four seconds found nobody.
        server.wait_for('max_over_time(up{job="node"}[4s]) == 0')
    finally:
        server.start()
    # It has been back for some scrapes.
    server.wait_for('min_over_time(up{job="node"}[4s]) == 1')
    # Told by `up`: a server that was restarted itself goes on with the last load for five minutes.
    found = look(plotting(make_desk, server.url, 'node_load1 and on(job) (up{job="node"} == 1)'))
    assert found.look is not None
    (one,) = found.look.series
    known = [place for place, value in enumerate(one.values) if value is not None]
    between = one.values[known[0] : known[-1]]
    assert None in between


def test_the_command_line_draws_what_the_real_server_says(
    make_desk: MakeDesk, server: Monitored
) -> None:
    server.start()
    desk = plotting(make_desk, server.url, "up", 'legend = "{{job}}"\n')
    told = mechexo("resources", "plot", "--refresh", config=desk.config_path)
    assert told.returncode == 0, told.stderr
    for word in ("a  ", "b  ", "itself: 1, from", "node: 1, from"):
        assert word in told.stdout


def test_the_most_points_there_may_be_are_given(make_desk: MakeDesk, server: Monitored) -> None:
    server.start()
    found = look(plotting(make_desk, server.url, "vector(1)", span="10999s"))
    assert found.why == ""
    assert found.look is not None
    assert [len(each.values) for each in found.look.series] == [11_000]
    assert found.look.series[0].values[-1] == 1.0


def test_a_range_without_a_step_is_asked_as_coarsely_as_it_is_shown(
    make_desk: MakeDesk, server: Monitored
) -> None:
    server.start()
    made = make_desk(
        f"[prometheus]\nurl = '{server.url}'\n[resources.plots.p]\nquery = 'up'\nrange = '366d'\n"
    )
    found = look(Desk(made.settings, made.config_path, made.state, SystemClock(), made.actor))
    assert found.why == ""
    assert found.look is not None
    assert found.look.grid.count <= 241
