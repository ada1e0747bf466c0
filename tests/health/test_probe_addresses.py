"""A password of any signs reaches its server, and reaches nobody else: no text holds a piece."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mechexo.alerts import operations as alerts
from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from mechexo.doctor import examine
from mechexo.errors import ConfigError
from mechexo.health import operations as health
from mechexo.health.values import Outcome, Status
from mechexo.watch import tick
from support.program import mechexo

PASSWORD = "Tr4de@wind9/sp1t#l4st?one4"
PIECES = ("Tr4de", "wind9", "sp1t", "l4st", "one4")
Look = Callable[..., Outcome]


@pytest.mark.parametrize(
    ("kind", "path", "more"),
    [
        ("http", "/?token=${env:WORD}", {}),
        ("prometheus", "", {"query": "up", "critical_below": 1}),
    ],
)
def test_the_server_hears_the_whole_password(
    look_with: Look,
    serve: Any,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    path: str,
    more: dict[str, Any],
) -> None:
    monkeypatch.setenv("WORD", PASSWORD)
    answer = {"status": "success", "data": {"resultType": "scalar", "result": [0, "1"]}}
    host = serve(json.dumps(answer)).removeprefix("http://")
    outcome = look_with(kind, url=f"http://reader:${{env:WORD}}@{host}{path}", **more)
    assert outcome.status is Status.OK, outcome.detail
    ((asked, headers),) = serve.requests
    word = headers["Authorization"].removeprefix("Basic ")
    assert b64decode(word).decode() == f"reader:{PASSWORD}"
    assert kind != "http" or asked == "/?token=Tr4de%40wind9%2Fsp1t%23l4st%3Fone4"


@pytest.mark.parametrize(
    ("kind", "keys"),
    [
        ("http", {"url": "http://reader:${env:WORD}@127.0.0.1:1/"}),
        ("http", {"url": "${env:HOOK}"}),
        ("prometheus", {"url": "http://reader:${env:WORD}@127.0.0.1:1", "query": "up"}),
        ("prometheus", {"url": "${env:HOOK}", "query": "up"}),
        ("sql", {"database": "postgresql://r:${env:WORD}@127.0.0.1:1/db", "query": "SELECT 1"}),
        ("sql", {"database": "${env:DSN}", "query": "SELECT 1"}),
        ("flag", {"database": "${env:DSN}", "table": "t", "key": "k", "expect": True}),
        ("freshness", {"database": "${env:DSN}", "table": "t", "column": "c", "max_age": "1h"}),
    ],
)
def test_no_piece_of_a_password_is_in_what_a_look_says(
    look_with: Look, monkeypatch: pytest.MonkeyPatch, kind: str, keys: dict[str, Any]
) -> None:
    monkeypatch.setenv("WORD", PASSWORD)
    # As many write them: the password bare, so that what follows its signs is taken for the rest.
    monkeypatch.setenv("DSN", f"postgresql://reader:{PASSWORD}@127.0.0.1:1/db")
    monkeypatch.setenv("HOOK", f"http://reader:{PASSWORD}@127.0.0.1:1/")
    outcome = look_with(kind, **keys)
    assert outcome.status is not Status.OK
    assert outcome.detail
    assert not any(piece in outcome.detail for piece in PIECES), outcome.detail
    if "${env:WORD}" in str(keys):
        assert "refused" in outcome.detail.lower()  # it did find the server's address


@pytest.mark.parametrize(
    ("kind", "keys"),
    [
        ("flag", 'table = "t"\nkey = "k"\nexpect = true'),
        ("freshness", 'table = "t"\ncolumn = "c"\nmax_age = "1h"'),
    ],
)
def test_a_kind_that_reads_files_only_refuses_another_address_and_does_not_repeat_it(
    make_desk: Callable[..., Desk], monkeypatch: pytest.MonkeyPatch, kind: str, keys: str
) -> None:
    monkeypatch.setenv("WORD", PASSWORD)
    address = "postgresql://reader:${env:WORD}@db.example.com/x"
    desk = make_desk(f'[probes.p]\nkind = "{kind}"\ndatabase = "{address}"\n{keys}\n')
    with pytest.raises(ConfigError) as refused:
        health.load_probes(desk.settings, desk.config_path)
    said = str(refused.value)
    assert "[probes.p] needs database as sqlite:///path or a path; postgresql:// is for" in said
    assert "db.example.com" not in said
    monkeypatch.setenv("DSN", f"postgresql://reader:{PASSWORD}@127.0.0.1:1/db")
    desk = make_desk(f'[probes.p]\nkind = "{kind}"\ndatabase = "${{env:DSN}}"\n{keys}\n')
    (state,) = health.run_due(desk)
    assert (
        state.detail
        == "database is not sqlite:///path or a path; postgresql:// is for the kind sql"
    )


def test_the_file_of_a_probe_may_lie_in_a_folder_named_by_reference(
    look_with: Look, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FOLDER", f"{tmp_path}/data 100%")
    outcome = look_with("sql", database="sqlite:///${env:FOLDER}/desk.sqlite", query="SELECT 1")
    assert outcome.detail == "there is no database ***/desk.sqlite"


def test_no_piece_of_a_password_is_stored_sent_or_shown(
    make_desk: Callable[..., Desk], clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DSN", f"postgresql://reader:{PASSWORD}@127.0.0.1:1/db")
    desk = make_desk(
        '[probes.book]\nkind = "sql"\ncard = "risk"\ndatabase = "${env:DSN}"\n'
        'query = "SELECT 1"\nevery = "1s"\nfail_after = 1\nseverity = "critical"\n'
        '[channels.box]\nurl = "file://box.jsonl"\n'
    )
    tick(desk)
    clock.advance(timedelta(seconds=2))
    tick(desk)
    assert [alert.name for alert in alerts.list_alerts(desk)] == ["book"]
    told = (desk.root / "box.jsonl").read_text()
    assert "book" in told
    shown = mechexo("status", config=desk.config_path).stdout
    stored = b"".join(file.read_bytes() for file in desk.state.path.parent.iterdir())
    findings = repr(examine(desk.config_path))
    for piece in PIECES:
        assert piece not in told + shown + findings
        assert piece.encode() not in stored
