"""What entries name is held to what the desk's configuration has."""

from __future__ import annotations

from pathlib import Path

import pytest

from mechexo.cli.runbook import command_tree
from mechexo.config.loading import load_settings
from mechexo.desk_names import desk_names
from mechexo.runbook.coverage import check_names
from mechexo.runbook.parse import parse
from mechexo.runbook.values import DeskNames, Entry, Finding
from runbook.entries import step, whole

TREE = command_tree()
NAMES = DeskNames(
    alerts=frozenset({"sample_alert", "tick_*", "GatewayDown"}),
    flows=frozenset({"bars"}),
    deployments=frozenset({"bars"}),
    flags=frozenset({"canary_enabled"}),
)


def own(text: str, origin: str = "ours/sample.md") -> Entry:
    return parse(text, name="sample.md", origin=origin, path=Path("sample.md"))


def found(entry: Entry, names: DeskNames = NAMES, shipped: tuple[Entry, ...] = ()) -> list[Finding]:
    return list(check_names([entry], names, root=TREE, shipped=shipped))


def listing(alerts: str) -> str:
    return whole().replace("[sample_alert]", alerts)


@pytest.mark.parametrize(
    "alert",
    ["sample_alert", "SampleAlert", "tick_probes", "'tick_*'", "gateway_down", "'sample_*'"],
)
def test_an_alert_that_something_raises_is_well(alert: str) -> None:
    assert found(own(listing(f"[{alert}]"))) == []


def test_an_alert_that_nothing_raises_is_an_error_in_an_own_entry() -> None:
    (finding,) = found(own(listing("[sample_alert, lonely]")))
    assert (finding.level, finding.line) == ("error", 8)
    assert "nothing raises the alert lonely" in finding.message


def test_in_a_shipped_entry_it_is_a_warning_and_one_for_all_of_them() -> None:
    (some,) = found(own(listing("[sample_alert, lonely, alone]"), "shipped"))
    assert (some.level, some.message) == ("warning", "nothing at this desk raises lonely, alone")
    (none,) = found(own(listing("[lonely, alone]"), "shipped"))
    assert none.level == "warning"
    assert "any of the alerts" in none.message


def test_an_own_entry_may_list_what_the_shipped_one_lists() -> None:
    shipped = own(listing("[lonely]"), "shipped")
    (finding,) = found(own(listing("[sample_alert, lonely]") + "\nours\n"), shipped=(shipped,))
    assert finding.level == "warning"


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("mechexo flags set nothing on", "the flag nothing is neither in [rollback.flags]"),
        ("mech-exo flags history nothing", "the flag nothing"),
        ("mechexo flows exec nothing -- true", "the flow nothing has no table"),
        ("mechexo flows runs --flow nothing", "[flows.nothing]"),
        ("mechexo flows runs --flow=nothing", "[flows.nothing]"),
        ("mechexo status; mechexo flows ping nothing", "[flows.nothing]"),
        ("mechexo rollback plan flow nothing --to -1h", "[rollback.flows.nothing]"),
    ],
)
def test_a_name_in_a_command_that_the_desk_does_not_have_is_told(command: str, told: str) -> None:
    text = whole(Diagnosis=step(command))
    (finding,) = found(own(text))
    assert told in finding.message
    assert finding.level == "error"
    assert command in text.split("\n")[finding.line - 1]
    (prose,) = found(own(whole(Impact=f"Type `{command}`.")))
    assert told in prose.message
    assert {each.level for each in found(own(text, "shipped"))} == {"warning"}
    assert {each.level for each in found(own(text), shipped=(own(text, "shipped"),))} == {"warning"}


def test_a_command_over_several_lines_is_one_and_is_told_at_its_first() -> None:
    text = whole(Diagnosis=step("true\n   mechexo flows runs \\\n     --flow nothing"))
    (finding,) = found(own(text))
    assert "[flows.nothing]" in finding.message
    assert text.split("\n")[finding.line - 1].strip() == "mechexo flows runs \\"


@pytest.mark.parametrize(
    "command",
    [
        "mechexo flags set canary_enabled off",
        "mechexo flows exec bars -- true",
        "mechexo flows runs --flow bars --limit 3",
        "mechexo rollback plan flow bars --to -1h",
        "mechexo flows runs --flow $FLOW",
        "mechexo flows exec NAME -- COMMAND",
        "mechexo flows exec <flow> -- true",
        "mechexo flags history",
        "mechexo status",
        "other flags set nothing on",
        "echo 'open",
    ],
)
def test_names_that_exist_and_words_that_stand_for_one_are_well(command: str) -> None:
    assert found(own(whole(Diagnosis=step(command)))) == []


def test_an_owner_must_be_one_of_those_that_the_desk_lists_if_it_does() -> None:
    names = DeskNames(alerts=NAMES.alerts, owners=frozenset({"operations"}))
    (finding,) = found(own(whole()), names)
    assert "backup_owner 'engineering' is none of [runbook] owners: operations" in finding.message
    assert finding.line == 7
    assert found(own(whole())) == []


def test_the_desks_names_come_from_every_table_that_has_some(tmp_path: Path) -> None:
    config = tmp_path / "mechexo.toml"
    config.write_text(
        """
[desk]
name = "t"
[runbook]
owners = ["risk"]
alerts_from_outside = ["Kube*"]
[flows.bars]
[probes.canary]
kind = "flag"
database = "x.sqlite"
key = "canary_enabled"
expect = true
[probes.nightly]
kind = "heartbeat"
job = "report"
every_expected = "1d"
[costs.alerts]
total_bps = 5.0
[rollback]
repository = "."
[rollback.flows.reweight]
paths = ["flows/*"]
[rollback.flags.safer]
trading_enabled = "off"
"""
    )
    names = desk_names(load_settings(config))
    wanted = {"canary", "nightly", "bars_failed", "bars_overdue", "Kube*", "cost_total_high"}
    assert wanted <= names.alerts
    assert "cost_unpriced_high" not in names.alerts
    assert names.flows == {"bars", "reweight", "report"}
    assert names.deployments == {"reweight"}
    assert names.flags == {"trading_enabled", "canary_enabled"}
    assert names.owners == {"risk"}


def test_the_names_are_those_that_the_tick_gives_its_alerts() -> None:
    """Held to the code that raises them, which the wings keep to themselves."""
    root = Path(__file__).parents[2] / "src" / "mechexo"
    costs = (root / "costs" / "judging.py").read_text()
    for name in (
        "cost_total_high",
        "cost_slippage_high",
        "cost_total_unusual",
        "cost_unpriced_high",
    ):
        assert f'"{name}"' in costs
    observing = (root / "observing.py").read_text()
    for form in ('f"uptime_{speed}_burn"', 'f"tick_{stage.name}"', 'f"{standing.flow}_{trouble}"'):
        assert form in observing
    assert '"channel_failing"' in (root / "alerts" / "failing_channels.py").read_text()
