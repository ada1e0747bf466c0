"""`mechexo access token`: made, shown once, listed, revoked."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from mechexo.desk import Desk
from mechexo.security import operations
from mechexo.security.values import Scope
from support.program import document, mechexo, one_line

pytestmark = pytest.mark.slow


def test_stdout_is_the_token_and_nothing_else(desk: Desk) -> None:
    done = mechexo("access", "token", "create", "am", "--scope", "alerts", config=desk.config_path)
    assert done.returncode == 0
    assert re.fullmatch(r"mechexo_[0-9a-f]{8}_[\w-]{43}\n", done.stdout)
    assert "token am (alerts) counts until it is revoked; it is not shown again" in done.stderr
    assert operations.authenticate(desk, done.stdout.strip(), Scope.ALERTS).name == "am"


def test_the_document_has_it_too(desk: Desk) -> None:
    words = ("create", "cron", "--scope", "ping", "--scope", "read", "--expires", "90d", "--json")
    found = document(mechexo("access", "token", *words, config=desk.config_path))
    assert found["schema"] == "mechexo.token/1"
    assert found["token"]["scopes"] == ["read", "ping"]
    assert operations.authenticate(desk, found["token"]["text"], Scope.PING).name == "cron"


def test_the_list_says_which_count_and_shows_no_secret(desk: Desk) -> None:
    text = operations.create_token(desk, "am", ("alerts",)).text
    operations.create_token(desk, "old", ("read",))
    operations.revoke_token(desk, "old")
    shown = mechexo("access", "token", "list", config=desk.config_path).stdout
    assert re.search(r"^am +alerts .* yes *$", shown, flags=re.MULTILINE)
    assert re.search(r"^old +read .* no *$", shown, flags=re.MULTILINE)
    as_json = mechexo("access", "token", "list", "--json", config=desk.config_path).stdout
    as_csv = mechexo("access", "token", "list", "--csv", config=desk.config_path).stdout
    assert as_csv.startswith("name,scopes,created_at,created_by,expires_at,last_used_at,revoked_at")
    for said in (shown, as_json, as_csv):
        assert text.split("_", 2)[2] not in said


def test_revoking_says_so_and_what_is_not_there_is_exit_2(desk: Desk) -> None:
    operations.create_token(desk, "am", ("alerts",))
    done = mechexo("access", "token", "revoke", "am", config=desk.config_path)
    assert (done.returncode, done.stdout) == (0, "token am counts no more\n")
    again = mechexo("access", "token", "revoke", "am", config=desk.config_path)
    assert again.returncode == 2
    one_line(again, "there is no token am")


def test_one_that_cannot_be_read_is_said_and_revoked_by_its_number(desk: Desk) -> None:
    for name in ("hurt", "whole"):
        operations.create_token(desk, name, ("alerts",))
    with desk.state.write() as transaction:
        transaction.execute("UPDATE api_token SET created_at = 'long ago' WHERE name = 'hurt'")
    listed = mechexo("access", "token", "list", config=desk.config_path)
    assert (listed.returncode, "hurt" in listed.stdout, "whole" in listed.stdout) == (
        5,
        False,
        True,
    )
    assert listed.stderr.startswith(
        "✖ the token with the number 1 cannot be read in the state file"
    )
    done = mechexo("access", "token", "revoke", "1", config=desk.config_path)
    assert (done.returncode, done.stdout) == (0, "the token with the number 1 counts no more\n")
    again = mechexo("access", "token", "list", config=desk.config_path)
    assert (again.returncode, again.stderr) == (0, "")


def test_a_viewer_makes_none(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk("[access]\nowner_is_admin = false")
    done = mechexo("access", "token", "create", "am", "--scope", "read", config=desk.config_path)
    assert done.returncode == 3
    one_line(done, "needs the role admin")


def test_a_scope_that_does_not_exist_is_exit_2(desk: Desk) -> None:
    done = mechexo("access", "token", "create", "am", "--scope", "all", config=desk.config_path)
    assert done.returncode == 2
    one_line(done, "'all' is not a scope")
