"""Tables about alerts that name what does not exist, or leave out what they need."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mechexo.config import load_settings
from mechexo.errors import ConfigError

SOUND = """
[desk]
name = "test"
[channels.mail]
url = "mailtos://smtp.example.com/?from=a@example.com&to=a@example.com"
[channels.chat]
kind = "telegram"
token = "${env:TOKEN}"
to = "123"
[channels.call]
kind = "phone"
token = "${env:TOKEN}"
account = "AC1"
sender = "+15550001111"
to = "+15550002222"
[people.ada]
channels = ["mail", "chat"]
[people.grace]
channels = ["call"]
[oncall]
level1 = "primary"
[oncall.schedules.primary]
[[oncall.schedules.primary.layers]]
people = ["ada", "grace"]
since = "2026-01-05"
[escalation.trading]
[[escalation.trading.levels]]
tell = ["primary", "grace", "mail"]
[[escalation.trading.levels]]
after = "15m"
tell = ["call"]
[routes.trading]
match = { card = "trading" }
escalation = "trading"
[suppress.gateway]
cause = { name = "gateway" }
hides = { name = "no_fills" }
[maintenance.patches]
match = { card = "system" }
reason = "patching"
start = "10:00"
end = "12:00"
"""


def load(folder: Path, text: str) -> None:
    config = folder / "mechexo.toml"
    config.write_text(text)
    load_settings(config)


def refusal(folder: Path, *changes: tuple[str, str]) -> list[str]:
    """What is said of the sound configuration with these texts replaced: the misfits, without the
    file, which is named once before them."""
    text = SOUND
    for before, after in changes:
        assert before in text
        text = text.replace(before, after, 1)
    with pytest.raises(ConfigError) as refused:
        load(folder, text)
    file = f"{folder / 'mechexo.toml'}: "
    said = str(refused.value)
    assert said.startswith(file)
    return re.split(r"; (?=\[)", said.removeprefix(file))


def test_names_that_exist_are_well(tmp_path: Path) -> None:
    load(tmp_path, SOUND)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            ('["mail", "chat"]', '["male", "chat"]'),
            "[people.ada] channels: 'male' is no channel; did you mean mail or call?",
        ),
        (
            ('["ada", "grace"]', '["ada", "grce"]'),
            "[oncall.schedules.primary] layers: 'grce' is no person; did you mean grace?",
        ),
        (
            ('"primary", "grace", "mail"', '"primry"'),
            "[escalation.trading] level 1: 'primry' is no channel, person or schedule; "
            "did you mean primary?",
        ),
        (
            ('tell = ["call"]', 'tell = ["zzz"]'),
            "[escalation.trading] level 2: 'zzz' is no channel, person or schedule; "
            "known: ada, call, chat, grace, mail, primary",
        ),
        (
            ('escalation = "trading"', 'escalation = "trade"'),
            "[routes.trading] escalation: 'trade' is no [escalation] table; did you mean trading?",
        ),
    ],
)
def test_a_name_that_does_not_exist_is_told_with_table_key_and_close_names(
    tmp_path: Path, change: tuple[str, str], said: str
) -> None:
    assert refusal(tmp_path, change) == [said]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('token = "${env:TOKEN}"\nto = "123"', 'to = "123"'), "[channels.chat] token is missing"),
        (('\nto = "123"', ""), "[channels.chat] to is missing"),
        (('account = "AC1"\n', ""), "[channels.call] account is missing"),
        (('sender = "+15550001111"\n', ""), "[channels.call] sender is missing"),
        (
            ('kind = "telegram"', 'kind = "telegram"\nurl = "file://box.jsonl"'),
            '[channels.chat] url means nothing with kind = "telegram"',
        ),
        (
            ("[channels.chat]", 'to = "+15550002222"\n[channels.chat]'),
            "[channels.mail] to means nothing with an address",
        ),
        (
            ("[people.ada]", "[channels.none]\n[people.ada]"),
            "[channels.none] url is missing",
        ),
    ],
)  # fmt: skip
def test_a_channel_has_the_keys_of_its_kind_and_no_others(
    tmp_path: Path, change: tuple[str, str], said: str
) -> None:
    assert refusal(tmp_path, change) == [said]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("[people.mail]", "mail is the name of a channel and of a person"),
        ("[people.primary]", "primary is the name of a person and of a schedule"),
        (
            '[oncall.schedules.chat]\ncalendar = "c.ics"',
            "chat is the name of a channel and of a schedule",
        ),
    ],
)
def test_a_name_stands_for_one_thing(tmp_path: Path, more: str, said: str) -> None:
    assert refusal(tmp_path, ("[escalation.trading]", f"{more}\n[escalation.trading]")) == [
        f"{said}; each needs its own"
    ]


LAYERS = '[[oncall.schedules.primary.layers]]\npeople = ["ada", "grace"]\nsince = "2026-01-05"\n'
LEVELS = (
    '[[escalation.trading.levels]]\ntell = ["primary", "grace", "mail"]\n'
    '[[escalation.trading.levels]]\nafter = "15m"\ntell = ["call"]\n'
)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            (LAYERS, ""),
            "[oncall.schedules.primary] has neither layers nor a calendar: nobody is ever on call",
        ),
        (
            ('people = ["ada", "grace"]', "people = []"),
            "[oncall.schedules.primary] layers: a layer has no people",
        ),
        (
            ('since = "2026-01-05"', 'since = "2026-01-05"\nstart = "18:00"'),
            "[oncall.schedules.primary] layers: start and end go together",
        ),
        ((LEVELS, "levels = []\n"), "[escalation.trading] levels is empty: nobody is ever told"),
        (('tell = ["call"]', "tell = []"), "[escalation.trading] level 2 tells nobody"),
        (
            ("[[escalation.trading.levels]]\n", '[[escalation.trading.levels]]\nafter = "20m"\n'),
            "[escalation.trading] levels: each `after` must be at least that of the level before "
            "it",
        ),
        (
            ('match = { card = "trading" }\n', ""),
            "[routes.trading] matches every alert: give match or severities",
        ),
        (
            ('cause = { name = "gateway" }', "cause = {}"),
            "[suppress.gateway] cause is empty: it would match every alert",
        ),
        (
            ('hides = { name = "no_fills" }', "hides = {}"),
            "[suppress.gateway] hides is empty: it would match every alert",
        ),
        (
            ('match = { card = "system" }', "match = {}"),
            "[maintenance.patches] match is empty: it would match every alert",
        ),
        (('end = "12:00"\n', ""), "[maintenance.patches] start and end go together"),
        (
            ('start = "10:00"\nend = "12:00"\n', 'since = "2026-01-05"\n'),
            "[maintenance.patches] never ends: give start and end, or since and until",
        ),
        (
            ('end = "12:00"', 'end = "10:00"'),
            "[maintenance.patches] start and end are both 10:00 on every day: it would never end; "
            "give two times, or the days of whole days",
        ),
        (
            (LEVELS, f'{LEVELS}[quiet_hours]\nstart = "06:00"\n'),
            "[quiet_hours] start and end are both 06:00: give two times, or enabled = false when "
            "it is never quiet",
        ),
        (
            ('escalation = "trading"', 'escalation = "trading"\nquiet_hours = { end = "22:00" }'),
            "[routes.trading.quiet_hours] start and end are both 22:00: give two times, or "
            "enabled = false when it is never quiet",
        ),
    ],
)
def test_what_could_never_do_anything_or_would_do_it_always_is_refused(
    tmp_path: Path, change: tuple[str, str], said: str
) -> None:
    assert refusal(tmp_path, change) == [said]


@pytest.mark.parametrize("more", ['days = ["sat", "sun"]', 'until = "2026-02-01"'])
def test_whole_days_of_maintenance_may_begin_and_end_at_the_same_time(
    tmp_path: Path, more: str
) -> None:
    load(tmp_path, SOUND.replace('end = "12:00"', f'end = "10:00"\n{more}'))


def test_quiet_hours_that_are_off_may_have_any_times(tmp_path: Path) -> None:
    load(tmp_path, f'{SOUND}[quiet_hours]\nenabled = false\nstart = "06:00"\n')


def test_all_wrong_names_are_told_at_once(tmp_path: Path) -> None:
    said = refusal(
        tmp_path,
        ('["mail", "chat"]', '["male", "chat"]'),
        ('["ada", "grace"]', '["adda"]'),
        ('escalation = "trading"', 'escalation = "trade"'),
    )
    assert [each.partition("]")[0] for each in said] == [
        "[people.ada",
        "[oncall.schedules.primary",
        "[routes.trading",
    ]


def test_a_schedule_may_be_a_calendar_alone(tmp_path: Path) -> None:
    load(tmp_path, SOUND.replace(LAYERS, 'calendar = "oncall.ics"\n'))


@pytest.mark.parametrize(
    ("since", "said"),
    [
        ('"1066-10-14"', "the years 1970 to 2999"),
        ('"9999-12-31"', "the years 1970 to 2999"),
        ('"monday"', "expected a date in quotes"),
        ("2026-01-05T09:00:00", "expected a date in quotes"),
    ],
)
def test_a_layer_begins_on_a_date_of_this_age(tmp_path: Path, since: str, said: str) -> None:
    (refused,) = refusal(tmp_path, ('since = "2026-01-05"', f"since = {since}"))
    assert said in refused
    assert "since" in refused


def test_a_date_may_be_written_without_quotes(tmp_path: Path) -> None:
    load(tmp_path, SOUND.replace('since = "2026-01-05"', "since = 2026-01-05"))
