"""What `runbook check` finds, and that it finds nothing in a whole entry."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from mechexo.runbook.checking import check_entries
from mechexo.runbook.commands import command_problems
from mechexo.runbook.coverage import check_probes
from mechexo.runbook.display import as_shown
from mechexo.runbook.extending import extended
from mechexo.runbook.parse import parse
from mechexo.runbook.values import Finding, KnownCommand
from runbook.entries import HEAD, REVIEWED, step, whole

TREE = KnownCommand(
    {"--config": True},
    {
        "status": KnownCommand({"--json": False, "--nagios": False}),
        "costs": KnownCommand(
            {"--from": True}, {"trades": KnownCommand({"--csv": False})}, needs_subcommand=False
        ),
        "alerts": KnownCommand(
            {},
            {"ack": KnownCommand({"--note": True}, {}, 1, 1)},
            needs_subcommand=True,
        ),
        "flows": KnownCommand({}, {"exec": KnownCommand({}, {}, 2, None)}, needs_subcommand=True),
    },
)


def findings(text: str, today: date = REVIEWED, **options: object) -> tuple[Finding, ...]:
    entry = parse(text, name="sample.md", path=Path("sample.md"))
    return check_entries(
        [entry], today=today, root=TREE, on_path=lambda name: name == "there", **options
    )


def messages(text: str, today: date = REVIEWED) -> str:
    return "\n".join(map(str, findings(text, today)))


def test_a_whole_entry_has_no_findings() -> None:
    assert messages(whole(Diagnosis=step("mechexo status --json"))) == ""


def test_a_finding_names_file_and_line() -> None:
    (finding,) = findings(whole(Diagnosis=step("mechexo stauts")))
    lines = whole(Diagnosis=step("mechexo stauts")).split("\n")
    assert lines[finding.line - 1].strip() == "mechexo stauts"
    assert str(finding).startswith(f"sample.md:{finding.line}: ")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (whole().replace("schema: 1\n", ""), "schema must be 1"),
        (whole().replace("id: sample", "id: other"), "is not the name of the file"),
        (whole().replace("SEV2", "bad"), "severity 'bad'"),
        (whole().replace("owner: operations\n", "", 1), "owner is missing"),
        (whole().replace("requires: responder", "requires: root"), "requires 'root'"),
        (whole().replace("schema: 1", "schema: 1\ncolour: red"), "colour is not a key"),
        (whole().replace("review_every: 180\n", ""), "review_every"),
        (whole().replace("2026-03-01", "soon"), "is not a date"),
        (whole().removeprefix(HEAD), "no front matter"),
        (whole().replace("## Impact\n", ""), "'Impact' is missing"),
        (whole().replace("## Impact", "## Meaning "), "may not follow"),
        (whole(Impact=""), "'Impact' is empty"),
        (whole(After="```text\nnever closed"), "never closed"),
        (whole(Diagnosis=step("there <host>")), "placeholder"),
        (whole(Diagnosis=step("there", "id=look colour=red")), "colour is not an attribute"),
        (whole(Diagnosis=step("there", "id=look risk=high")), "risk 'high'"),
        (whole(Diagnosis=step("there", "id=look risk=danger")), "needs confirm=typed and undo"),
        (whole(Diagnosis=step("there", "id=look undo=other")), "undo names no step"),
        (whole(Diagnosis=step("there", "id=look timeout=soon")), "timeout"),
        (whole(Diagnosis=step("there", "id=look confirm=yes")), "confirm can only be typed"),
        (whole(Diagnosis=step("there", 'id=look expect="("')), "no regular expression"),
        (whole(Diagnosis=step("there", 'id=look exits="0,256"')), "exit codes from 0 to 255"),
        (whole(Diagnosis=step("there", "id=look background=stay")), "background is end or keep"),
        (whole(Diagnosis=step("there", "id=look background=keep")), "leaves nothing behind"),
        (whole(Diagnosis=step("there", "id=look")[3:]), "inside an item"),
        (whole(Diagnosis=step("there", "id=")), "cannot be read"),
        (whole(Impact=step("there"), Diagnosis=step("there")), "is used 2 times"),
        (whole(Diagnosis=step("nowhere --x")), "'nowhere' is neither"),
        (whole(Impact="See [that](not-there.md)."), "leads nowhere"),
        (whole(Impact="Type `mechexo statsu`."), "`mechexo statsu` is not a command"),
    ],
)
def test_what_is_found(text: str, told: str) -> None:
    assert told in messages(text)


def test_a_review_that_is_due_is_found_on_the_day_after() -> None:
    due = REVIEWED + timedelta(days=180)
    assert messages(whole(), due) == ""
    assert "1 day(s) overdue" in messages(whole(), due + timedelta(days=1))


def test_a_review_in_the_future_is_found() -> None:
    assert "in the future" in messages(whole(), REVIEWED - timedelta(days=1))


def test_an_alert_may_lead_to_one_entry_only() -> None:
    entries = [
        parse(whole(), name="sample.md"),
        parse(whole().replace("id: sample", "id: second"), name="second.md"),
    ]
    found = check_entries(entries, today=REVIEWED, root=TREE)
    assert "sample_alert already leads to sample" in "\n".join(map(str, found))


def test_an_unset_variable_is_a_warning_and_only_when_a_desk_is_known() -> None:
    text = whole(Diagnosis=step("$HALT_COMMAND"))
    assert findings(text) == ()
    entry = parse(text, name="sample.md")
    (finding,) = check_entries([as_shown(entry, {})], today=REVIEWED, root=TREE, variables={})
    assert (finding.level, "HALT_COMMAND" in finding.message) == ("warning", True)


@pytest.mark.parametrize(
    "command",
    [
        "mechexo status",
        "mechexo --config x.toml status --nagios",
        "mechexo costs --from -1d",
        "mechexo costs --from=-1d",
        "mechexo costs trades --csv",
        "mechexo alerts ack 7 --note 'two words'",
        "mechexo flows exec pipeline -- any --thing at all",
        "mechexo status | grep -c OK && there > /tmp/x 2>&1",
        "A=1 there; for n in 1 2; do sleep 1; done",
        "if ! there; then mechexo status; fi",
        'there "$(mechexo anything)" < /dev/null',
        "$HALT_COMMAND --now",
        "there \\\n  --more",
        "# a remark",
    ],
)
def test_commands_that_exist(command: str) -> None:
    assert command_problems(command, TREE, lambda name: name == "there") == []


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("mechexo nothing", "is not a command"),
        ("mech-exo status --jsno", "has no option --jsno"),
        ("mechexo status -x", "has no option -x"),
        ("mechexo status extra", "takes 0"),
        ("mechexo alerts", "needs one of its commands"),
        ("mechexo alerts ack", "needs 1 argument"),
        ("mechexo alerts ack 1 2", "takes 1"),
        ("mechexo costs --from", "needs a value"),
        ("df -h | nowhere", "'nowhere'"),
        ("true && mechexo nope", "`mechexo nope`"),
        ("echo 'open", "cannot read"),
        ("./local-script", "'./local-script'"),
    ],
)
def test_commands_that_do_not_exist(command: str, told: str) -> None:
    assert told in "\n".join(command_problems(command, TREE, lambda name: None))


def test_a_usual_tool_that_this_host_lacks_is_a_remark_when_the_desk_is_known() -> None:
    text = whole(Diagnosis=step("df -h | there"))
    (finding,) = findings(text, variables={})
    assert (finding.level, finding.message) == ("warning", "df is not found on PATH of this host")
    assert findings(text) == ()


def test_an_entry_that_extends_needs_only_what_is_other() -> None:
    below = parse(whole(Mitigation=step("there", "id=stop")), name="sample.md")
    text = (
        "---\nid: sample\nextends: shipped\n---\n## Diagnosis\n\n"
        "1. Do it.\n\n   ```sh {id=own undo=stop}\n   there\n   ```\n"
    )
    own = extended(parse(text, name="sample.md", path=Path("sample.md")), below)
    found = check_entries([own], today=REVIEWED, root=TREE, on_path=lambda name: True)
    assert found == ()
    gone = extended(parse(text.replace("undo=stop", "undo=gone"), name="sample.md"), below)
    (finding,) = check_entries([gone], today=REVIEWED, root=TREE, on_path=lambda name: True)
    assert "undo names no step" in finding.message


def test_a_probe_without_an_entry_is_found_in_the_configuration() -> None:
    entries = [parse(whole(), name="sample.md")]
    source = "[desk]\n\n[probes.sample_alert]\n\n[probes.lonely]\n\n[probes.wrong]\n"
    probes = {"sample_alert": "", "lonely": "", "wrong": "nothing"}
    found = check_probes(entries, probes, "mechexo.toml", source)
    assert [(each.line, each.message.split(":")[0].split()[0]) for each in found] == [
        (5, "[probes.lonely]"),
        (7, "[probes.wrong]"),
    ]
