"""What is proposed for a crontab: the same jobs at the same times, behind the wrapper."""

from __future__ import annotations

import re
import shlex
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mechexo.config.loading import check_settings
from mechexo.flows.crontab import (
    CronLine,
    Kind,
    Wrapping,
    as_cron_runs_it,
    proposed,
    whole,
    zones_named,
)
from mechexo.flows.crontab_names import LONGEST, flow_name
from mechexo.flows.daylight_saving import clock_changes
from mechexo.flows.exec_words import usual_words
from mechexo.flows.importing import Table

NOW = datetime(2026, 3, 2, tzinfo=UTC)
NEVER = clock_changes(ZoneInfo("UTC"), "UTC", NOW)
BERLIN = clock_changes(ZoneInfo("Europe/Berlin"), "Europe/Berlin", NOW)
HOW = Wrapping(("mechexo",), NEVER)


def one(line: str, how: Wrapping = HOW) -> CronLine:
    [found] = proposed(f"{line}\n", how, {})
    return found


def command_of(line: str, *, system: bool = False) -> str:
    """What stands after the times (and the user)."""
    rest = re.split(r"[ \t]+", line.lstrip(), maxsplit=1 if line.lstrip()[0] == "@" else 5)[-1]
    return re.split(r"[ \t]+", rest, maxsplit=1)[1] if system else rest


def job_of(line: str) -> tuple[list[str], str | None]:
    """The words that a proposed line would run as the job, and its standard input."""
    command, stdin = as_cron_runs_it(command_of(line))
    words = shlex.split(command)
    return words[words.index("--") + 1 :], stdin


def test_a_plain_job_is_wrapped_word_for_word() -> None:
    found = one("15 2 * * *  /srv/bin/bars --day today")
    assert found.after == (
        "15 2 * * *  mechexo flows exec bars --expect-every 1d --grace 1h -- "
        "/srv/bin/bars --day today"
    )
    assert (found.kind, found.flow, found.expect_every) == (
        Kind.WRAPPED,
        "bars",
        timedelta(days=1),
    )


@pytest.mark.parametrize(
    "command",
    [
        "cd /srv && ./bars >> log 2>&1",
        "A=1 /srv/bars",
        "/srv/bars | sort",
        "/srv/bars 'two words'",
        "/srv/bars $HOME",
        "/srv/bars ~/x *.csv",
        "test -x /srv/bars",
        ". /etc/profile",
    ],
)
def test_what_needs_a_shell_keeps_its_shell(command: str) -> None:
    assert job_of(one(f"@daily {command}").after) == (["/bin/sh", "-c", command], None)


def test_the_shell_is_the_one_that_the_crontab_sets_before_the_line() -> None:
    text = "@daily a && b\nSHELL = '/bin/bash'\n@daily c && d\n"
    first, _, second = proposed(text, HOW, {})
    assert job_of(first.after)[0][0] == "/bin/sh"
    assert job_of(second.after)[0][0] == "/bin/bash"


@pytest.mark.parametrize(
    "line",
    ["", "   ", "# 15 2 * * * /srv/bars", "  #x", "A=b", ' "A B" = c', "MAILTO=", "PATH=/a:/b # c"],
)
def test_comments_settings_and_blank_lines_stay(line: str) -> None:
    assert one(line) == CronLine(1, line, line)


@pytest.mark.parametrize(
    "line",
    [
        "5 4 * * * mechexo flows exec bars --lock -- /srv/bars",
        "5 4 * * * /opt/x/mechexo --config /etc/m.toml flows exec bars -- /srv/bars",
        "* * * * * cd /srv && mech-exo tick",
        "* * * * * mechexo tick",
    ],
)
def test_what_is_wrapped_already_and_mechexo_itself_stay(line: str) -> None:
    found = one(line)
    assert (found.kind, found.after) == (Kind.OWN, line)


def test_a_program_with_a_like_name_is_no_part_of_mechexo() -> None:
    assert one("@daily /srv/mechexo-export --all").kind is Kind.WRAPPED


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("nonsense", "no line that cron would take"),
        ("61 * * * * x", "'61'"),
        ("* * * * x", "no line"),
        ("* * * * *", "no line"),
        ("* * * * * %in", "no command"),
        ("@sometimes x", "five fields"),
    ],
)
def test_what_is_not_understood_stays_and_is_said(line: str, word: str) -> None:
    found = one(line)
    assert (found.kind, found.after) == (Kind.UNCLEAR, line)
    assert word in found.notes[0]


def test_standard_input_after_a_percent_sign_stays_standard_input() -> None:
    found = one(r"@daily mail -s 'all 100\% fine' ops%Dear all,%%fine%")
    command = "mail -s 'all 100% fine' ops"
    assert job_of(found.after) == (["/bin/sh", "-c", command], "Dear all,\n\nfine\n")
    assert found.after.endswith("%Dear all,%%fine%")


def test_a_reboot_expects_nothing_and_a_random_time_neither() -> None:
    for line in ("@reboot /srv/router", "0~30 4 * * * /srv/random"):
        found = one(line)
        assert (found.kind, found.expect_every) == (Kind.WRAPPED, None)
        assert "--expect-every" not in found.after
        assert found.notes


@pytest.mark.parametrize(
    ("times", "grace"),
    [
        ("* * * * *", timedelta(minutes=5)),
        ("0 * * * *", timedelta(minutes=6)),
        ("@daily", timedelta(hours=1)),
    ],
)
def test_the_grace_is_a_tenth_of_the_gap_within_bounds(times: str, grace: timedelta) -> None:
    assert one(f"{times} /srv/x").grace == grace


def test_where_the_clocks_change_the_grace_has_room_for_the_longer_day() -> None:
    how = Wrapping(("mechexo",), BERLIN)
    daily, hourly = one("15 4 * * * x", how), one("15 * * * * x", how)
    assert daily.grace == timedelta(hours=2)
    assert "once a year a day is 1h longer in Europe/Berlin" in daily.notes[0]
    # Each hour comes after the other, whatever they are called.
    assert (hourly.grace, hourly.notes) == (timedelta(minutes=6), ())


def test_a_time_that_a_change_of_the_clocks_skips_or_doubles_is_named() -> None:
    how = Wrapping(("mechexo",), BERLIN)
    assert "does not come or comes twice" in one("15 2 * * * x", how).notes[1]
    assert len(one("15 3 * * * x", how).notes) == 1


def test_cron_tz_holds_for_the_lines_after_it() -> None:
    text = "0 4 * * * a\nCRON_TZ=Europe/Berlin\n0 4 * * * b\n"
    assert zones_named(text) == ("Europe/Berlin",)
    first, _, second = proposed(text, HOW, {"Europe/Berlin": BERLIN})
    assert (first.grace, second.grace) == (timedelta(hours=1), timedelta(hours=2))


def test_a_system_crontab_has_a_user_who_stays() -> None:
    how = Wrapping(("mechexo",), NEVER, system=True)
    found = one("17 *\t* * *\troot    cd / && run-parts --report /etc/cron.hourly", how)
    assert found.after.startswith("17 *\t* * *\troot    mechexo flows exec run-parts ")
    assert "runs as root" in found.notes[0]
    assert one("17 * * * * root", how).kind is Kind.UNCLEAR


def test_a_dash_that_keeps_cron_from_logging_stays() -> None:
    assert one("-*/5 * * * * /srv/x").after.startswith("-*/5 * * * * mechexo ")


def test_a_line_that_would_grow_too_long_for_cron_stays() -> None:
    found = one(f"@daily /srv/x {'a' * 980}")
    assert (found.kind, found.after) == (Kind.UNCLEAR, found.before)


def test_only_a_newline_ends_a_line() -> None:
    text = "@daily /srv/x a\x0cb\u2028c\x85d\n\n"
    found = proposed(text, HOW, {})
    assert [line.before for line in found] == [text[:-2], ""]
    assert whole(found).endswith("-- /bin/sh -c '/srv/x a\x0cb\u2028c\x85d'\n\n")
    assert proposed("", HOW, {}) == ()


def test_the_lock_is_proposed_when_it_is_asked_for() -> None:
    assert " exec x --lock " in one("@daily /srv/x", Wrapping(("mechexo",), NEVER, lock=True)).after


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("/srv/bin/bars.sh --all", "bars"),
        ("cd /srv && ./bin/Ticks.py", "ticks"),
        ("python3 -u /srv/report.py", "report"),
        ("/usr/bin/python3.11 -m desk.report", "desk-report"),
        ("TZ=UTC nice -n 5 ionice -c3 /srv/bars", "bars"),
        ("flock -n /run/x.lock timeout 5m /srv/bars", "bars"),
        ("bash -c 'cd /x; /srv/bars now'", "bars"),
        ("[ -x /srv/x ] && /srv/x", "x"),
        ("test -e /etc/y || /srv/y", "y"),
        ("echo hello", "job"),
        ("'unclosed", "unclosed"),
        ("/srv/цена", "job"),
        ("", "job"),
    ],
)
def test_a_flow_is_called_after_what_its_command_does(command: str, name: str) -> None:
    assert flow_name(command, ()) == name


def test_names_are_unique_by_the_words_that_tell_them_apart_then_by_number() -> None:
    text = "".join(
        f"@daily {command}\n"
        for command in ("/srv/bars daily", "/srv/bars weekly", "/srv/bars weekly", "/srv/bars")
    )
    names = [line.flow for line in proposed(text, HOW, {})]
    assert names == ["bars", "bars-weekly", "bars-2", "bars-3"]


def test_a_name_that_a_wrapped_line_has_is_not_given_again() -> None:
    text = "@daily /srv/bars\n@daily mechexo flows exec bars -- /old/bars\n"
    assert proposed(text, HOW, {})[0].flow == "bars-2"


COMMANDS = st.text("ab /.-=%\\'\"$&|;>*~#:\t", min_size=1, max_size=40)


@given(COMMANDS, st.sampled_from(["@daily", "*/5 1-3 * * mon", "0 0 1 1 *"]))
def test_any_command_runs_as_cron_would_have_run_it(command: str, times: str) -> None:
    before = f"{times} {command}"
    found = one(before)
    if found.kind is not Kind.WRAPPED:
        assert found.after == before
        return
    asked, stdin = as_cron_runs_it(re.sub(r"^[ \t]+", "", command))
    words, wrapped_stdin = job_of(found.after)
    assert wrapped_stdin == stdin
    assert words in (["/bin/sh", "-c", asked.strip()], asked.split())
    if words == asked.split():
        # A shell would have made the very same words of it.
        assert shlex.split(asked) == words
    # What is proposed is left alone when it is read again.
    assert one(found.after).after == found.after


@given(COMMANDS, st.lists(st.from_regex(r"[a-z0-9-]{1,6}", fullmatch=True), max_size=8))
def test_any_name_is_new_and_good_for_the_configuration(command: str, taken: list[str]) -> None:
    import tomllib

    name = flow_name(command, taken)
    assert name not in taken
    assert 0 < len(name) <= LONGEST
    table = Table(name, timedelta(days=1), timedelta(hours=2))
    settings = check_settings(
        tomllib.loads(f'[desk]\nname = "x"\n{table.text()}'), Path("mechexo.toml")
    )
    assert settings.flows[name].expect_every == timedelta(days=1)
    assert usual_words(["flows", "exec", name, "--", "true"]) is not None


@pytest.mark.slow
@pytest.mark.parametrize(
    "line",
    [
        r"@daily printf '\%s|' a 'b c' \\%ignored",
        "@daily cat%one%two\\%three",
        '@daily echo "it\'s $HOME" | tr a-z A-Z; exit 3',
        "@daily cat - /dev/null && false%x",
    ],
)
def test_a_proposed_line_does_in_a_real_shell_what_the_line_did(line: str, tmp_path: Path) -> None:
    # Stands for mechexo: it runs the words after `--`.
    program = tmp_path / "wrapper"
    program.write_text('#!/bin/sh\nwhile [ "$1" != -- ]; do shift; done\nshift\nexec "$@"\n')
    program.chmod(0o755)

    def run(shown: str) -> tuple[int, bytes]:
        command, stdin = as_cron_runs_it(command_of(shown))
        done = subprocess.run(
            ["/bin/sh", "-c", command],
            input=(stdin or "").encode(),
            capture_output=True,
            env={"HOME": "/", "PATH": "/usr/bin:/bin"},
        )
        return done.returncode, done.stdout

    found = one(line, Wrapping((str(program),), NEVER))
    assert found.kind is Kind.WRAPPED
    assert run(found.after) == run(line)
    assert whole([found]) == f"{found.after}\n"


@pytest.mark.parametrize(
    "command",
    [
        "/bin/x " + "\\%" * 490,  # Each takes two characters of the line.
        "/bin/x " + "é" * 470,  # And each of these two bytes.
        "/bin/x%" + "y" * 950,  # What the job reads is part of the line too.
    ],
)
def test_a_line_that_grew_too_long_for_cron_stays_as_it_is(command: str) -> None:
    line = f"5 2 * * * {command}"
    found = one(line)
    assert (found.kind, found.after) == (Kind.UNCLEAR, line)
    assert "longer than" in found.notes[0]


def test_a_job_with_a_carriage_return_stays_as_it_is() -> None:
    # Cron gives it to the shell: without it another command would run.
    line = "5 2 * * * /bin/x y\r"
    found = one(line)
    assert (found.kind, found.after) == (Kind.UNCLEAR, line)
    assert "carriage return" in found.notes[0]


@pytest.mark.parametrize("line", ["5 2 * * * /bin/x", "5 2 * * * mechexo tick"])
def test_a_last_job_that_cron_passes_over_for_want_of_a_newline_is_named(line: str) -> None:
    [found] = proposed(line, HOW, {})
    assert "has no newline" in found.notes[-1]
    assert one(line).notes == ()


@pytest.mark.parametrize("command", ["echo -e x", "let x=0", "declare -p", "pushd /"])
def test_what_the_shell_itself_does_stays_with_it(command: str) -> None:
    assert job_of(one(f"5 2 * * * {command}").after)[0] == ["/bin/sh", "-c", command]
