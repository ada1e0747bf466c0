"""Reading `[probes.*]`: what fits, what does not, and kinds that other packages bring."""

from __future__ import annotations

import importlib
import sys
import threading
from pathlib import Path

import pytest

from mechexo.errors import ConfigError
from mechexo.health.operations import load_probes, probe_states, run_due
from mechexo.health.values import Status


def load(make_desk, toml: str):
    desk = make_desk(toml)
    return load_probes(desk.settings, desk.config_path)


def misfit(make_desk, toml: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(make_desk, toml)
    return str(caught.value)


def test_every_kind_is_configured_with_its_own_keys(make_desk):
    probes = load(
        make_desk,
        """
        [probes.gateway]
        kind = "http"
        card = "trading"
        severity = "critical"
        url = "http://127.0.0.1:8080/health"
        headers = { Authorization = "Bearer ${env:GATEWAY_TOKEN}" }
        json_path = "$.status"
        expect = "up"
        [probes.port]
        kind = "tcp"
        host = "127.0.0.1"
        port = 8080
        [probes.disk]
        kind = "host"
        metric = "disk_free_pct"
        warn_below = 20
        critical_below = 10
        [probes.feed]
        kind = "process"
        pid_file = "run/feed.pid"
        [probes.quotes]
        kind = "freshness"
        parquet = "quotes/*.parquet"
        column = "ts"
        max_age = "2m"
        warn_age = "1m"
        [probes.gross]
        kind = "sql"
        database = "postgresql://reader:${env:DB_PASSWORD}@db/desk"
        query = "SELECT gross FROM risk"
        critical_above = 1e6
        [probes.targets]
        kind = "prometheus"
        url = "http://127.0.0.1:9090"
        query = "up"
        critical_below = 1
        [probes.nightly]
        kind = "heartbeat"
        every_expected = "1d"
        [probes.halted]
        kind = "flag"
        database = "desk.sqlite"
        table = "flags"
        key = "halted"
        expect = false
        """,
    )
    assert [(probe.name, probe.kind.name) for probe in probes][:3] == [
        ("gateway", "http"),
        ("port", "tcp"),
        ("disk", "host"),
    ]
    assert len(probes) == 9


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ('kind = "htpp"', "[probes.x] kind: 'htpp' is no kind of probe; did you mean http "),
        ('kind = "zzz"', "known: flag, freshness, heartbeat,"),
        ('kind = "tcp"\nhost = "a"', "[probes.x] port is missing"),
        ('kind = "tcp"\nhost = "a"\nport = 0', "[probes.x] port = 0: expected "),
        ('kind = "tcp"\nhost = "a"\nprot = 1', "[probes.x] prot is unknown; did you mean port"),
        ('kind = "heartbeat"\nevery_expected = "soon"', "expected a duration like 90s"),
        *(
            (
                f'kind = "http"\nurl = "http://a/"\n{key}',
                "[probes.x] needs json_path beside expect, unit and the four limits",
            )
            for key in ("expect = true", 'unit = "ms"', "warn_below = 1", "critical_above = 0")
        ),
        (
            'kind = "http"\nurl = "http://a/"\ntls_warn_days = 30',
            "[probes.x] needs an https:// url beside tls_warn_days",
        ),
        (
            'kind = "process"\nunit = "a.service"\ncommand_contains = "--live"',
            "[probes.x] needs name or pid_file beside command_contains",
        ),
        ('kind = "process"\npid_file = "a.pid"\nat_least = 2', "needs name beside at_least"),
        (
            'kind = "host"\nmetric = "cpu_pct"\nwarn_above = 90\ncritical_above = 80',
            "[probes.x] critical_above = 80: expected a number not below warn_above (90)",
        ),
        (
            'kind = "host"\nmetric = "cpu_pct"\nwarn_below = 1\ncritical_below = 2',
            "expected a number not above warn_below (1)",
        ),
        ('kind = "host"\nmetric = "cpu_pct"\nwarn_above = nan', "[probes.x] warn_above = nan"),
        ('kind = "process"', "[probes.x] needs one of name, pid_file and unit"),
        ('kind = "freshness"\nmax_age = "1m"\nparquet = "*"', "[probes.x] needs column beside"),
        ('kind = "http"\nurl = "ftp://a"', "[probes.x] url = 'ftp://a'"),
        ('kind = "http"\nurl = "http://a"\njson_path = "$["', "expected a JSONPath like $.status"),
        ('kind = "http"\nurl = "http://a"\nexpect_status = "ok"', "[probes.x] expect_status"),
        ('kind = "sql"\ndatabase = "mysql://a"\nquery = "a"', "expected sqlite:///path or"),
    ],
)
def test_a_misfit_names_the_probe_the_key_and_what_was_expected(make_desk, keys, said):
    text = misfit(make_desk, f"[probes.x]\n{keys}\n")
    assert said in text
    assert "mechexo.toml" in text
    assert "\n" not in text


@pytest.mark.parametrize(
    "keys",
    [
        'kind = "http"\nurl = "http://me:hunter2@gateway/"',
        'kind = "http"\nurl = "http://gateway/"\nheaders = { Authorization = "Bearer hunter2" }',
        'kind = "sql"\ndatabase = "postgresql://me:hunter2@db/desk"\nquery = "SELECT 1"',
        'kind = "http"\nurl = "https://gateway/?api_key=hunter2"',
        'kind = "fix_session"\npassword = "hunter2"',
    ],
)
def test_a_secret_in_plain_text_is_refused_and_not_repeated(make_desk, keys):
    text = misfit(make_desk, f"[probes.x]\n{keys}\n")
    assert "in plain text" in text
    assert "hunter2" not in text


def test_a_secret_in_plain_text_is_kept_in_no_cache(make_desk, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    misfit(make_desk, '[probes.x]\nkind = "http"\nurl = "http://me:hunter2@gateway/"\n')
    assert list((tmp_path / "cache").rglob("*.json")) == []


def test_secrets_by_reference_are_no_plain_text(make_desk):
    load(
        make_desk,
        """
        [probes.x]
        kind = "http"
        url = "https://me:${env:A}@gateway/?token=${env:B}&q=1"
        headers = { Authorization = "Bearer ${env:C}" }
        """,
    )


@pytest.mark.parametrize(
    ("misfit", "why"),
    [
        ('kind = "htpp"', "[probes.x] kind: 'htpp' is no kind of probe"),
        ('kind = "tcp"\nhost = "a"', "[probes.x] port is missing"),
    ],
)
def test_a_probe_that_does_not_fit_is_unknown_and_the_others_look(make_desk, misfit, why):
    desk = make_desk(f'[probes.x]\n{misfit}\n[probes.m]\nkind="host"\nmetric="memory_pct"\n')
    misfitting, other = run_due(desk)
    assert misfitting.status == Status.UNKNOWN
    assert misfitting.detail.startswith(why)
    assert other.status == Status.OK
    assert probe_states(desk) == (misfitting, other)


@pytest.mark.parametrize(("timeout", "fits"), [("5s", True), ("5.1s", False), ("60s", False)])
def test_a_timeout_longer_than_a_tick_waits_is_refused(make_desk, timeout, fits):
    toml = f'[probes.m]\nkind="host"\nmetric="memory_pct"\ntimeout="{timeout}"\n'
    if fits:
        load(make_desk, toml)
    else:
        said = misfit(make_desk, toml)
        assert f"[probes.m] timeout = '{timeout}': expected a duration of at most 5s" in said


@pytest.mark.parametrize(
    ("keys", "halts"),
    [
        ('kind="flag"\ncard="trading"\nseverity="low"', False),
        ('kind="flag"\ncard="trading"\nseverity="low"\nhalts_trading=true', True),
        ('kind="flag"\ncard="risk"\nhalts_trading=true', True),
        ('kind="flag"\ncard="trading"\nseverity="critical"', True),
        ('kind="flag"\ncard="trading"\nseverity="critical"\nhalts_trading=false', False),
        ('kind="sql"\ncard="trading"\nseverity="critical"', False),
    ],
)
def test_a_flag_halts_trading_when_it_says_so_or_is_critical_on_that_card(make_desk, keys, halts):
    (state,) = probe_states(make_desk(f"[probes.x]\n{keys}\n"))
    assert state.halts_trading is halts


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Installs a small distribution, as pip leaves it, into a folder on the path."""

    def install(source: str) -> None:
        site = tmp_path / "site"
        info = site / "fix_probe-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: fix-probe\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(
            "[mechexo.probes]\nfix_session = fix_probe\ntcp = fix_probe\n"
        )
        (site / "fix_probe.py").write_text(source)
        monkeypatch.syspath_prepend(str(site))
        monkeypatch.delitem(sys.modules, "fix_probe", raising=False)
        importlib.invalidate_caches()

    yield install
    sys.modules.pop("fix_probe", None)


PLUG_IN = """
from pydantic import BaseModel
from mechexo.health.values import Outcome, Status

class Options(BaseModel, extra="forbid"):
    session: str

def run(options, context):
    return Outcome(Status.WARNING, f"{options.session} of {context.probe} is slow", 7, "s")
"""


def test_another_packages_kind_is_run_like_ours(make_desk, installed):
    installed(PLUG_IN)
    desk = make_desk('[probes.venue]\nkind = "fix_session"\nsession = "A"\n')
    (state,) = run_due(desk)
    assert (state.kind, state.status) == ("fix_session", Status.WARNING)
    assert (state.detail, state.value) == ("A of venue is slow", 7.0)


def test_its_keys_are_checked_and_its_name_is_offered(make_desk, installed):
    installed(PLUG_IN)
    keys = 'kind = "fix_session"\nsession = "A"\nsesion = "B"'
    assert "did you mean session?" in misfit(make_desk, f"[probes.x]\n{keys}\n")
    assert "did you mean fix_session?" in misfit(make_desk, '[probes.x]\nkind = "fix_sesion"\n')


def test_it_does_not_take_the_place_of_ours(make_desk, installed):
    installed(PLUG_IN)
    (probe,) = load(make_desk, '[probes.x]\nkind = "tcp"\nhost = "a"\nport = 1\n')
    assert probe.kind.run.__module__ == "mechexo.health.kinds.tcp"


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("raise RuntimeError('no licence')", "of fix-probe cannot be loaded (fix_probe): Runtime"),
        ("Options = int", "of fix-probe must have Options (a pydantic model) and run()"),
    ],
)
def test_a_broken_one_is_named(make_desk, installed, source, said):
    installed(source)
    assert said in misfit(make_desk, '[probes.x]\nkind = "fix_session"\n')


DEAF_TO_ITS_TIMEOUT = """
import time
from pydantic import BaseModel
from mechexo.health.values import Outcome, Status

class Options(BaseModel):
    pass

def run(options, context):
    while not (context.root / "go").exists():
        time.sleep(0.01)
    return Outcome(Status.OK, "late", 7)
"""


def test_a_look_that_ends_after_the_deadline_writes_nothing(make_desk, installed):
    installed(DEAF_TO_ITS_TIMEOUT)
    desk = make_desk('[probes.slow]\nkind = "fix_session"\n')
    (state,) = run_due(desk, deadline_s=0.7)
    assert (state.status, state.detail) == (Status.UNKNOWN, "no answer within 0.2 s")
    written = desk.state.data_version()
    (look,) = [each for each in threading.enumerate() if each.name.endswith(" slow")]
    (desk.root / "go").touch()
    look.join(20)
    assert not look.is_alive()
    assert desk.state.data_version() == written
    assert probe_states(desk) == (state,)
