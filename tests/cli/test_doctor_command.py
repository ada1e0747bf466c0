"""`mechexo doctor`: what is wrong with a set-up, and how to mend it."""

from __future__ import annotations

import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from mechexo.desk import Desk
from mechexo.doctor import Finding, examine
from mechexo.doctor.machine_checks import sqlite_version
from mechexo.doctor.state_checks import file_system
from mechexo.health.values import Status
from mechexo.init_desk import init_desk
from support.program import document, mechexo, on_terminal

pytestmark = pytest.mark.slow


def findings(desk: Desk, check: str) -> list[Finding]:
    """What the doctor says about one thing."""
    desk.state.close()
    return [each for each in examine(desk.config_path) if each.check == check]


def only(desk: Desk, check: str) -> Finding:
    (finding,) = findings(desk, check)
    return finding


def test_a_new_desk_has_nothing_wrong_only_things_to_configure(tmp_path: Path) -> None:
    init_desk(tmp_path / "desk")
    done = mechexo("doctor", config=tmp_path / "desk" / "mechexo.toml")
    assert done.returncode == 0, done.stdout
    assert "● OK        configuration" in done.stdout
    assert "▲ WARNING   channels" in done.stdout
    assert done.stderr == ""


FLAG = '[probes.x]\nkind="flag"\ncard="risk"\ndatabase="d"\ntable="t"\nkey="k"\nexpect=true\n'


@pytest.mark.parametrize(
    ("mode", "keys", "status"),
    [
        ("live", "", Status.WARNING),
        ("live", "halts_trading=true\n", Status.OK),
        ("paper", "", None),
    ],
)
def test_a_live_desk_wants_a_flag_that_tells_of_a_halt(
    desk: Desk, mode: str, keys: str, status: Status | None
) -> None:
    desk.config_path.write_text(f'[desk]\nname="test"\nmode="{mode}"\n{FLAG}{keys}')
    found = [each.status for each in examine(desk.config_path) if each.check == "trading halt"]
    assert found == ([] if status is None else [status])


def test_one_probe_that_does_not_fit_keeps_no_other_from_being_asked(
    make_desk: Callable[..., Desk],
) -> None:
    desk = make_desk('[probes.odd]\nkind="hots"\n[probes.m]\nkind="host"\nmetric="memory_pct"\n')
    every = examine(desk.config_path)
    assert [each.status for each in every if each.check == "probe options"] == [Status.CRITICAL]
    assert [each.status for each in every if each.check == "probe m"] == [Status.OK]


@pytest.mark.parametrize(
    ("keys", "can_fail"),
    [
        ('kind="sql"\ndatabase="sqlite:///d"\nquery="SELECT 1"', False),
        ('kind="sql"\ndatabase="sqlite:///d"\nquery="SELECT 1"\nwarn_below=1', True),
        ('kind="prometheus"\nurl="http://127.0.0.1:1"\nquery="up"', False),
        ('kind="host"\nmetric="load_per_core"', False),
        ('kind="http"\nurl="http://127.0.0.1:1"\njson_path="$.a"\nunit="s"', False),
        ('kind="http"\nurl="http://127.0.0.1:1"\njson_path="$.a"\nunit="s"\nexpect=1', True),
        ('kind="http"\nurl="http://127.0.0.1:1"\njson_path="$.a"', True),
        ('kind="tcp"\nhost="127.0.0.1"\nport=1', True),
    ],
)
def test_a_probe_of_a_number_that_has_no_limit_is_doubtful(
    make_desk: Callable[..., Desk], keys: str, can_fail: bool
) -> None:
    desk = make_desk(f"[probes.x]\n{keys}\n")
    found = findings(desk, "probe limits")
    assert [each.status for each in found] == ([] if can_fail else [Status.WARNING])
    assert can_fail or "[probes.x] has no limit: whatever number" in found[0].detail
    assert only(desk, "probe options").status is Status.OK


def test_without_a_terminal_no_encoding_is_spoken_of(desk: Desk) -> None:
    assert "stdout is not a terminal" in mechexo("doctor", config=desk.config_path).stdout


def test_whatever_is_amiss_comes_with_how_to_mend_it(
    make_desk: Callable[..., Desk],
) -> None:
    desk = make_desk(
        '[probes.gone]\nkind="freshness"\ndatabase="none.sqlite"\ntable="t"\ncolumn="c"\n'
        'max_age="1h"\nrunbook="no-such-entry"\n'
        '[probes.odd]\nkind="hots"\n'
        '[channels.a]\nurl="${env:NO_SUCH_SECRET}"\n[channels.b]\nurl="${env:HOME}nonsense"\n'
        '[rollback]\nrepository="none"\n[costs]\nfills="none/*.parquet"\n'
        '[runbook]\nfolder="none"\n'
    )
    every = examine(desk.config_path)
    amiss = [each for each in every if each.status is not Status.OK]
    assert {each.check for each in amiss} >= {
        "probe options",
        "secrets",
        "channels",
        "rollback",
        "costs",
        "runbook",
    }
    assert all(each.mend for each in amiss)


def test_the_document_says_the_same(desk: Desk) -> None:
    desk.config_path.write_text('[desk]\nname = "test"\n[rollback]\nrepository = "none"\n')
    done = mechexo("doctor", "--json", config=desk.config_path)
    found = document(done)
    assert done.returncode == 1
    assert found["schema"] == "mechexo.doctor/1"
    assert found["ok"] is False
    assert {"check": "rollback", "status": "critical"}.items() <= next(
        each for each in found["findings"] if each["check"] == "rollback"
    ).items()


@pytest.mark.parametrize("text", ["[desk", "[desk]\nname = 5\n", None])
def test_a_configuration_that_does_not_fit_is_a_finding_not_an_end(
    tmp_path: Path, text: str | None
) -> None:
    config = tmp_path / "mechexo.toml"
    if text is not None:
        config.write_text(text)
    done = mechexo("doctor", config=config)
    assert done.returncode == 1
    assert "✖ CRITICAL  configuration" in done.stdout
    assert "mend: " in done.stdout
    assert "SQLite" in done.stdout
    assert done.stderr == ""


def test_a_damaged_state_file_is_a_finding(desk: Desk) -> None:
    desk.state.close()
    desk.state.path.write_bytes(b"x" * 5000)
    for file in desk.state.path.parent.glob("*-*"):
        file.unlink()
    found = only(desk, "state file")
    assert found.status is Status.CRITICAL
    assert "damaged" in found.detail


def test_a_changed_audit_entry_is_found(desk: Desk) -> None:
    from mechexo.actor import Role

    with desk.operation("test.do", "it", needs=Role.VIEWER):
        pass
    connection = sqlite3.connect(desk.state.path)
    connection.execute("DROP TRIGGER audit_is_never_changed")
    connection.execute("UPDATE audit SET target = 'other'")
    connection.commit()
    connection.close()
    found = only(desk, "audit log")
    assert found.status is Status.CRITICAL
    assert "entry 1 was changed" in found.detail


def test_secrets_are_looked_for_everywhere_and_never_shown(
    make_desk: Callable[..., Desk], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HAVE", "hunter2")
    loose = tmp_path / "desk" / "loose"
    loose.parent.mkdir()
    loose.write_text("hunter3")
    loose.chmod(0o644)
    desk = make_desk(
        '[probes.p]\nkind="http"\nurl="http://127.0.0.1:9/"\n'
        'headers={Authorization="Bearer ${env:HAVE_NOT}"}\n'
        '[channels.a]\nurl="json://${env:HAVE}@127.0.0.1/${file:loose}"\n'
    )
    every = examine(desk.config_path)
    secrets = [each for each in every if each.check == "secrets"]
    assert any("HAVE_NOT" in each.detail for each in secrets if each.is_bad)
    assert any("others may read it" in each.detail for each in secrets)
    assert "hunter" not in repr(every)


@pytest.mark.slow
def test_a_refused_channel_does_not_show_its_secret(
    make_desk: Callable[..., Desk], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", "hunter2")
    desk = make_desk('[channels.a]\nurl="nonsense://${env:SECRET}"\n')
    done = mechexo("doctor", config=desk.config_path)
    assert done.returncode == 1
    assert "no address that Apprise can send to" in done.stdout
    assert "hunter2" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("url", "status"),
    [
        ("file:///tmp/mailbox", Status.OK),
        ("file:///etc/passwd/mailbox", Status.CRITICAL),
        ("file:///etc", Status.CRITICAL),
        ("file:///var/tmp/no-such-folder/mailbox", Status.CRITICAL),
        ("file://new/mailbox.jsonl", Status.OK),
        ("json://127.0.0.1:1/", Status.OK),
        ("mailto://127.0.0.1:25/?to=a@example.org&from=b@example.org", Status.OK),
    ],
)
def test_a_channel_is_judged_by_its_address(
    make_desk: Callable[..., Desk], url: str, status: Status
) -> None:
    desk = make_desk(f'[channels.a]\nurl="{url}"\n')
    assert only(desk, "channels").status is status


@pytest.mark.parametrize(
    ("version", "status"),
    [
        ((3, 6, 23), Status.OK),
        ((3, 7, 0), Status.WARNING),
        ((3, 40, 1), Status.WARNING),
        ((3, 44, 5), Status.WARNING),
        ((3, 44, 6), Status.OK),
        ((3, 50, 6), Status.WARNING),
        ((3, 50, 7), Status.OK),
        ((3, 51, 2), Status.WARNING),
        ((3, 51, 3), Status.OK),
        ((3, 53, 0), Status.OK),
    ],
)
def test_sqlite_is_judged_by_its_version(version: tuple[int, int, int], status: Status) -> None:
    (found,) = sqlite_version(version)
    assert found.status is status


def test_the_file_system_is_that_of_the_nearest_mount() -> None:
    mounts = [
        SimpleNamespace(mountpoint="/", fstype="ext4"),
        SimpleNamespace(mountpoint="/srv", fstype="nfs4"),
        SimpleNamespace(mountpoint="/srv/fast", fstype="xfs"),
        SimpleNamespace(mountpoint="/srv/fast", fstype="tmpfs"),
    ]
    assert file_system(Path("/var/x"), mounts) == "ext4"
    assert file_system(Path("/srv/x"), mounts) == "nfs4"
    assert file_system(Path("/srv/fast/x"), mounts) == "tmpfs"
    assert file_system(Path("/srvx/x"), mounts) == "ext4"


def test_others_who_may_write_the_configuration_are_named(desk: Desk) -> None:
    desk.config_path.chmod(0o646)
    found = only(desk, "permissions")
    assert found.status is Status.CRITICAL
    assert found.mend == f"chmod o-w {desk.config_path}"


def test_others_who_may_read_the_state_file_are_named(desk: Desk) -> None:
    desk.state.path.chmod(0o644)
    assert only(desk, "state file").status is Status.WARNING


def test_the_repository_and_its_configured_files_are_looked_for(
    make_desk: Callable[..., Desk],
) -> None:
    desk = make_desk('[rollback]\nrepository="repo"\nconfigs=["config/*.yaml", "lost/*.toml"]\n')
    config = desk.root / "repo" / "config" / "limits.yaml"
    config.parent.mkdir(parents=True)
    config.write_text("a: 1\n")
    git = ["git", "-C", str(desk.root / "repo")]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "add", "."], check=True)
    who = ["-c", "user.name=tester", "-c", "user.email=tester@desk.invalid"]
    subprocess.run([*git, *who, "commit", "-q", "-m", "limits"], check=True)
    found = only(desk, "rollback")
    assert found.status is Status.CRITICAL
    assert "'lost/*.toml' matches no file" in found.detail


def test_a_probe_that_cannot_look_is_wrong_and_one_that_finds_trouble_is_not(
    make_desk: Callable[..., Desk],
) -> None:
    desk = make_desk(
        '[probes.blind]\nkind="sql"\ndatabase="sqlite:///none.sqlite"\nquery="SELECT 1"\n'
        '[probes.troubled]\nkind="host"\nmetric="memory_pct"\ncritical_above=-1\n'
        '[probes.beat]\nkind="heartbeat"\nevery_expected="1h"\n'
    )
    assert only(desk, "probe blind").status is Status.UNKNOWN
    assert only(desk, "probe troubled").status is Status.WARNING
    assert findings(desk, "probe beat") == []


def test_looking_stores_nothing(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk('[probes.m]\nkind="host"\nmetric="memory_pct"\n')
    before = "\n".join(sqlite3.connect(desk.state.path).iterdump())
    examine(desk.config_path)
    assert "\n".join(sqlite3.connect(desk.state.path).iterdump()) == before


def test_a_check_that_fails_itself_is_a_finding_and_the_others_follow(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mechexo.doctor import machine_checks

    def surprise() -> None:
        raise KeyError("clock")

    monkeypatch.setattr(machine_checks, "clock", surprise)
    found = only(desk, "clock")
    assert found.status is Status.UNKNOWN
    assert found.is_bad
    assert only(desk, "role").status is Status.OK


def test_the_last_tick_is_judged(desk: Desk) -> None:
    mend = only(desk, "tick").mend
    assert mend.startswith("add to the crontab: * * * * * ")
    assert mend.endswith(f"mechexo --config {desk.config_path} tick")
    assert mechexo("tick", config=desk.config_path).returncode == 0
    assert only(desk, "tick").status is Status.OK
    with desk.state.write() as writing:
        writing.execute(
            "UPDATE tick SET at = '2026-01-01T00:00:00.000000Z', stages = ?",
            ('[{"name": "probes", "ok": false, "detail": "no", "duration_s": 1}]',),
        )
    old, failed = findings(desk, "tick")
    assert old.status is Status.CRITICAL
    assert "could not do its probes: no" in failed.detail


@pytest.mark.slow
def test_a_state_file_that_cannot_be_written_is_named(desk: Desk) -> None:
    connection = sqlite3.connect(desk.state.path)
    connection.execute("BEGIN IMMEDIATE")
    found = [each for each in findings(desk, "state file") if each.is_bad]
    connection.close()
    assert "locked" in found[0].detail


@pytest.mark.parametrize(
    ("state", "status"),
    [((0, 0x2001, 500_000), Status.OK), ((5, 0x40, 0), Status.WARNING)],
)
def test_the_clock_is_judged_by_what_the_kernel_says(
    monkeypatch: pytest.MonkeyPatch, state: tuple[int, int, int], status: Status
) -> None:
    from mechexo import kernel_clock
    from mechexo.doctor import machine_checks

    said = kernel_clock.interpret(*state)
    monkeypatch.setattr(kernel_clock, "read_kernel_clock", lambda: said)
    (found,) = machine_checks.clock()
    assert found.status is status


@pytest.mark.parametrize(
    ("size", "env", "words"),
    [
        ((24, 80), {"TERM": "xterm-256color"}, "terminal       xterm-256color, 80x24, utf-8"),
        ((24, 80), {"TERM": "dumb"}, "TERM is dumb: no console"),
        ((5, 20), {"TERM": "xterm"}, "20x5 is small"),
        ((24, 80), {"TERM": "xterm", "PYTHONIOENCODING": "latin-1:replace"}, "not UTF-8"),
    ],
)
def test_the_terminal_is_judged(
    desk: Desk, size: tuple[int, int], env: dict[str, str], words: str
) -> None:
    assert words in on_terminal("doctor", config=desk.config_path, size=size, env=env)


def test_a_configuration_that_is_not_there_is_to_be_made_not_corrected(tmp_path: Path) -> None:
    done = mechexo("doctor", config=tmp_path / "none.toml")
    assert done.returncode == 1
    assert "no such configuration file" in done.stdout
    assert "correct it" not in done.stdout
    assert "mend: `mechexo init DIR` writes one" in done.stdout
