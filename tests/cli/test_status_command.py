"""`mechexo status` for people, scripts and monitoring plug-ins."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mechexo.alerts import operations as alerts
from mechexo.clock import SystemClock
from mechexo.desk import Desk
from mechexo.watch import tick
from support.program import mechexo, on_terminal, one_line, validated

pytestmark = pytest.mark.slow

WELL = """
[probes.folder]
kind = "host"
metric = "disk_free_bytes"
card = "data"
severity = "critical"
critical_below = 0
"""
BROKEN = WELL.replace("critical_below = 0", "fail_after = 1\ncritical_below = 1e30")
MILDER = BROKEN.replace('severity = "critical"', 'severity = "medium"')
WARNING = WELL.replace("critical_below = 0", "warn_below = 1e30")
BLIND = WELL.replace('metric = "disk_free_bytes"', 'metric = "disk_free_bytes"\npath = "gone"')


@pytest.fixture
def ticked(make_desk: Callable[..., Desk]) -> Callable[[str], Path]:
    """Makes a desk that has just been looked at."""

    def make(toml: str) -> Path:
        desk = replace(make_desk(toml), clock=SystemClock())
        assert tick(desk).failed == ()
        desk.state.close()
        return desk.config_path

    return make


def test_a_desk_that_is_well_says_so_and_exits_0(ticked: Callable[[str], Path]) -> None:
    done = mechexo("status", config=ticked(WELL))
    assert done.returncode == 0
    assert "test  PAPER  UTC" in done.stdout
    assert "data     ● OK" in done.stdout
    assert "ops_ok  ● OK        yes · 6 cards unknown\n" in done.stdout
    assert re.search(
        r"uptime  100\.000 % \(known for \ds of 30d, since [-0-9]{10} [0-9:]{5}\); "
        r"objective 99\.5 % over 30 days: error budget 3h36m, 0s spent, 3h36m left\n"
        r"        24h 100\.000 %, 7d 100\.000 %; burn over 1h not known yet "
        r"\(only \ds of 1h is known\), over 6h not known yet \(only \ds of 6h is known\)\n",
        done.stdout,
    )
    assert "alerts  none open" in done.stdout
    assert done.stderr == ""


def test_a_desk_that_is_not_well_says_why_and_exits_1(ticked: Callable[[str], Path]) -> None:
    done = mechexo("status", config=ticked(BROKEN))
    assert done.returncode == 1
    assert "data     ✖ CRITICAL" in done.stdout
    assert "ops_ok  ✖ CRITICAL  no · 1 card critical, 6 unknown\n" in done.stdout
    assert "- folder (data) is critical" in done.stdout
    assert "1 open (1 critical), 1 unacknowledged" in done.stdout


def test_ops_ok_stands_beside_the_cards_that_are_not(ticked: Callable[[str], Path]) -> None:
    lesser = BROKEN.replace('severity = "critical"', 'severity = "low"')
    shown = '[cards]\nshow = ["data"]\n'
    done = mechexo("status", config=ticked(lesser + shown))
    assert done.returncode == 0
    assert "ops_ok  ● OK        yes · 1 card critical\n" in done.stdout


def test_a_desk_that_is_new_and_well_has_a_well_card_of_its_uptime(
    ticked: Callable[[str], Path],
) -> None:
    shown = ticked(WELL + '[cards]\nshow = ["data", "uptime"]\n')
    done = mechexo("status", config=shown)
    assert "uptime  ● OK        3 uptime windows ok" in done.stdout
    assert "ops_ok  ● OK        yes\n" in done.stdout
    found = validated(mechexo("status", "--json", config=shown), "status")
    windows = found["cards"][1]["probes"]
    assert [(each["name"], each["value"], each["unit"]) for each in windows] == [
        ("24h", 100.0, "%"), ("7d", 100.0, "%"), ("30d", 100.0, "%"),
    ]  # fmt: skip
    assert windows[0]["detail"].startswith("0s of 7m12s spent, 7m12s left; ")


def test_the_json_document_has_the_uptime_of_each_window_and_the_burns(
    ticked: Callable[[str], Path],
) -> None:
    uptime = validated(mechexo("status", "--json", config=ticked(WELL)), "status")["uptime"]
    assert [each.get("hours", each.get("days")) for each in uptime["windows"]] == [24, 7, 30]
    assert [each["achieved"] for each in uptime["windows"]] == [100.0] * 3
    assert [each["budget_left_s"] for each in uptime["windows"]] == pytest.approx(
        [432.0, 3024.0, 12960.0]
    )
    assert uptime["burn"] == {"fast": None, "slow": None}


def test_a_card_that_nothing_watches_is_unknown(ticked: Callable[[str], Path]) -> None:
    assert "risk     ? UNKNOWN" in mechexo("status", config=ticked(WELL)).stdout


@pytest.mark.parametrize("toml", ["", WELL, BROKEN, WARNING, BLIND])
def test_the_json_document_is_the_contract_s(ticked: Callable[[str], Path], toml: str) -> None:
    done = mechexo("status", "--json", config=ticked(toml))
    found = validated(done, "status")
    assert done.returncode == (0 if found["ops_ok"] else 1)
    assert bool(found["reasons"]) is not found["ops_ok"]


def test_a_desk_that_was_never_looked_at_is_not_well(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(WELL)
    found = validated(done := mechexo("status", "--json", config=desk.config_path), "status")
    assert done.returncode == 1
    assert found["reasons"] == [
        "folder (data) is unknown: not looked at yet",
        "no tick has run yet: nothing has been looked at",
    ]
    assert found["uptime"]["achieved"] is None


@pytest.mark.parametrize(
    ("toml", "code", "word"),
    [
        (WELL, 0, "MECHEXO OK - test: all is well |"),
        (WARNING, 1, "MECHEXO WARNING - test: data is warning"),
        (BROKEN, 2, "MECHEXO CRITICAL - test: folder (data) is critical"),
        (MILDER, 2, "MECHEXO CRITICAL - test: data is critical: folder: "),
        (BLIND, 3, "MECHEXO UNKNOWN - test: folder (data) is unknown"),
    ],
)
def test_a_plug_in_gets_one_line_a_code_and_figures(
    ticked: Callable[[str], Path], toml: str, code: int, word: str
) -> None:
    done = mechexo("status", "--nagios", config=ticked(toml))
    assert done.returncode == code
    assert done.stdout.startswith(word)
    assert done.stdout.count("\n") == 1
    assert done.stdout.count("|") == 1
    figures = dict(each.split("=") for each in done.stdout.partition("|")[2].split())
    assert figures["alerts_open"] == ("0" if toml in (WELL, BLIND) else "1")
    assert figures["tick_age"].endswith("s")


def test_a_plug_in_is_told_unknown_when_nothing_can_be_read(tmp_path: Path) -> None:
    done = mechexo("status", "--nagios", config=tmp_path / "none.toml")
    assert done.returncode == 3
    assert done.stdout.startswith("MECHEXO UNKNOWN - ")
    assert done.stderr == ""


def test_a_last_look_long_ago_is_not_well(
    ticked: Callable[[str], Path], make_desk: Callable[..., Desk]
) -> None:
    config = ticked(WELL)
    text = config.read_text()
    config.write_text(text + '[refresh]\ntick = "1s"\n')
    desk = Desk.open(config)
    with desk.state.write() as writing:
        writing.execute("UPDATE tick SET at = '2026-01-01T00:00:00.000000Z'")
    done = mechexo("status", config=config)
    assert done.returncode == 1
    assert "the last tick was" in done.stdout


def test_codes_that_steer_a_terminal_do_not_reach_it(desk: Desk) -> None:
    desk = replace(desk, clock=SystemClock())
    with desk.state.write() as writing:
        writing.execute(
            "INSERT INTO tick (at, duration_s, ops_ok, reasons, stages) VALUES (?, 1, 0, '[]', ?)",
            (
                "2020-01-01T00:00:00.000000Z",
                '[{"name": "probes", "ok": false, "detail": "\\u001b]0;owned", "duration_s": 1}]',
            ),
        )
    assert "\x1b" not in mechexo("status", config=desk.config_path).stdout


def test_a_terminal_gets_colour_unless_it_wants_none(ticked: Callable[[str], Path]) -> None:
    config = ticked(WELL)
    assert "\x1b[32m● OK" in on_terminal("status", config=config)
    assert "\x1b" not in on_terminal("status", config=config, env={"NO_COLOR": "1"})


def test_acknowledging_is_counted(ticked: Callable[[str], Path]) -> None:
    config = ticked(BROKEN)
    desk = replace(Desk.open(config), clock=SystemClock())
    (alert,) = alerts.list_alerts(desk)
    alerts.acknowledge(desk, alert.id)
    found = validated(mechexo("status", "--json", config=config), "status")
    assert found["alerts"]["open"] == 1
    assert found["alerts"]["unacknowledged"] == 0
    assert found["alerts"]["oldest_s"] >= 0


def test_an_unknown_option_is_a_usage_error(desk: Desk) -> None:
    assert mechexo("status", "--nonsense", config=desk.config_path).returncode == 2


def test_a_missing_configuration_is_one_line(tmp_path: Path) -> None:
    done = mechexo("status", config=tmp_path / "none.toml")
    assert done.returncode == 2
    one_line(done, "no such configuration file", "mechexo init")


def test_what_reads_systems_that_the_desk_does_not_name_is_not_loaded(
    ticked: Callable[[str], Path],
) -> None:
    code = (
        "import sys; sys.argv = ['mechexo', '--config', sys.argv[1], 'status']\n"
        "from mechexo.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(sorted(each for each in sys.modules if 'mechexo.outside' in each"
        " or each.startswith(('mechexo.flows.ci', 'mechexo.flows.orch', 'mechexo.risk'))))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(ticked(""))], capture_output=True, text=True, check=True
    )
    assert "ops_ok" in done.stdout
    assert done.stdout.endswith("[]\n")
