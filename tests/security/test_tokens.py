"""API tokens: made once, kept as a digest, refused when they should be."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mechexo.actor import Actor, Role
from mechexo.clock import VirtualClock
from mechexo.config import redact
from mechexo.desk import Desk
from mechexo.errors import ConflictError, NotAllowedError, NotFoundError, UsageError
from mechexo.security import operations, tokens
from mechexo.security.values import Scope, TokenRefusedError

pytestmark = pytest.mark.slow

MakeDesk = Callable[..., Desk]


def made(desk: Desk, *scopes: str, name: str = "am", **more: object) -> str:
    return operations.create_token(desk, name, scopes or ("alerts",), **more).text  # type: ignore[arg-type]


def everything_in(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())


def test_a_token_lets_its_bearer_in(desk: Desk) -> None:
    token = operations.authenticate(desk, made(desk), Scope.ALERTS)
    assert (token.name, token.scopes) == ("am", (Scope.ALERTS,))


def test_two_tokens_are_never_alike(desk: Desk) -> None:
    texts = {made(desk, name=f"t{number}") for number in range(10)}
    assert len(texts) == 10


def test_no_file_of_the_desk_holds_the_token(desk: Desk) -> None:
    text = made(desk)
    operations.authenticate(desk, text, Scope.ALERTS)
    kept = everything_in(desk.root)
    assert text.encode() not in kept
    assert text.split("_", 2)[2].encode() not in kept
    assert tokens.digest(text).encode() in kept


def test_its_representation_does_not_show_it(desk: Desk) -> None:
    found = operations.create_token(desk, "am", ("alerts",))
    assert found.text not in repr(found)


def test_a_token_in_any_text_is_hidden(desk: Desk) -> None:
    text = made(desk)
    shown = redact(f"curl -H 'Authorization: Bearer {text}' failed")
    assert text.split("_", 2)[2] not in shown
    assert shown.endswith("_***' failed")


def test_a_token_without_the_scope_is_not_allowed(desk: Desk) -> None:
    text = made(desk, "read", "ping")
    with pytest.raises(NotAllowedError, match=r"needs the scope alerts; the token am has read, p"):
        operations.authenticate(desk, text, Scope.ALERTS)


def test_what_is_no_token_is_refused(desk: Desk) -> None:
    made(desk)
    for shown in ("", "secret", "mechexo_00000000_" + "a" * 43, "mechexo_x_y"):
        with pytest.raises(TokenRefusedError, match="not known"):
            operations.authenticate(desk, shown, Scope.ALERTS)


@given(at=st.integers(0, 59), letter=st.sampled_from("0123456789abcdefABC_-"))
def test_a_token_with_one_letter_changed_is_another(at: int, letter: str) -> None:
    text = tokens.compose("0123abcd", "k" * 43)
    other = text[:at] + letter + text[at + 1 :]
    assert tokens.is_same(other, tokens.digest(text)) is (other == text)


def test_the_right_handle_with_a_wrong_secret_is_refused(desk: Desk) -> None:
    text = made(desk)
    wrong = text[:-1] + ("a" if text[-1] != "a" else "b")
    with pytest.raises(TokenRefusedError, match="not known"):
        operations.authenticate(desk, wrong, Scope.ALERTS)


def test_a_token_counts_until_its_end_and_not_longer(desk: Desk, clock: VirtualClock) -> None:
    text = made(desk, expires_in=timedelta(days=90))
    clock.advance(timedelta(days=90) - timedelta(microseconds=1))
    operations.authenticate(desk, text, Scope.ALERTS)
    clock.advance(timedelta(microseconds=1))
    with pytest.raises(TokenRefusedError, match="am expired at 2026-05-31"):
        operations.authenticate(desk, text, Scope.ALERTS)
    assert operations.in_use(desk) == ()


def test_a_revoked_token_is_refused_at_once(desk: Desk) -> None:
    text = made(desk)
    gone = operations.revoke_token(desk, "am")
    assert (gone.revoked_at, gone.revoked_by) == (desk.clock.now(), "tester")
    with pytest.raises(TokenRefusedError, match="am was revoked at"):
        operations.authenticate(desk, text, Scope.ALERTS)


def test_a_name_is_free_again_once_its_token_is_revoked(desk: Desk) -> None:
    first = made(desk)
    with pytest.raises(ConflictError, match="there is a token am already"):
        made(desk)
    operations.revoke_token(desk, "am")
    second = made(desk)
    operations.authenticate(desk, second, Scope.ALERTS)
    with pytest.raises(TokenRefusedError):
        operations.authenticate(desk, first, Scope.ALERTS)


def test_revoking_what_is_not_there_names_what_is(desk: Desk) -> None:
    made(desk, name="alertmanager")
    with pytest.raises(NotFoundError, match="did you mean alertmanager"):
        operations.revoke_token(desk, "alertmanger")


def test_revoking_twice_says_who_did_it_and_when(desk: Desk) -> None:
    made(desk, name="am")
    operations.revoke_token(desk, "am")
    said = "there is no token am any more: tester revoked it at 2026-03-02 14:30:00 UTC"
    with pytest.raises(NotFoundError, match=said):
        operations.revoke_token(desk, "am")


@pytest.mark.parametrize("name", ["", "A", "a b", "ümlaut", "-a", "a" * 41, "a\x00"])
def test_a_name_that_cannot_be_typed_is_refused(desk: Desk, name: str) -> None:
    with pytest.raises(UsageError, match="is no name for a token"):
        made(desk, name=name)


def test_scopes_that_do_not_exist_are_refused(desk: Desk) -> None:
    with pytest.raises(UsageError, match="'write' is not a scope; use one or more of: read, al"):
        made(desk, "read", "write")
    with pytest.raises(UsageError, match="needs at least one scope"):
        operations.create_token(desk, "am", ())


def test_making_and_revoking_are_on_the_record_without_the_secret(desk: Desk) -> None:
    text = made(desk, "alerts", "read")
    operations.revoke_token(desk, "am", reason="leaked")
    entries = desk.audit_entries()
    assert [(e.action, e.target, e.who, e.outcome) for e in entries] == [
        ("access.token.create", "am", "tester", "done"),
        ("access.token.revoke", "am", "tester", "done"),
    ]
    assert entries[1].reason == "leaked"
    assert tokens.digest(text) not in "".join(e.payload for e in entries)
    assert desk.verify_audit().problems == ()


def test_only_an_admin_makes_and_revokes(make_desk: MakeDesk) -> None:
    desk = make_desk('[access]\noperator = ["tester"]\nowner_is_admin = false')
    with pytest.raises(NotAllowedError, match="needs the role admin"):
        made(desk)
    with pytest.raises(NotAllowedError, match="needs the role admin"):
        operations.revoke_token(desk, "am")
    assert {entry.outcome for entry in desk.audit_entries()} == {"refused"}


def test_a_live_desk_wants_a_reason(make_desk: MakeDesk) -> None:
    desk = make_desk(mode="live")
    with pytest.raises(UsageError, match="needs a reason"):
        made(desk)
    made(desk, reason="for the new Alertmanager")


@pytest.mark.parametrize(
    ("scope", "role"),
    [(Scope.READ, Role.VIEWER), (Scope.ALERTS, Role.RESPONDER), (Scope.PING, Role.RESPONDER)],
)
def test_a_request_acts_as_its_token_in_the_role_of_the_scope(
    desk: Desk, scope: Scope, role: Role
) -> None:
    token = operations.authenticate(desk, made(desk, scope), scope)
    acting = operations.acting_as(desk, token, scope)
    assert (acting.actor.name, acting.role) == ("token:am", role)


@pytest.mark.parametrize("granted", list(Role))
def test_nothing_lifts_a_token_above_responder(make_desk: MakeDesk, granted: Role) -> None:
    desk = make_desk('[access]\nadmin = ["token:am"]\nothers = "admin"')
    acting = desk.acting_as(Actor(desk.actor.uid, "token:am", granted=granted))
    assert acting.role is min(granted, Role.RESPONDER)


def test_the_last_use_is_noted_and_never_goes_back(desk: Desk, clock: VirtualClock) -> None:
    made(desk)
    token = operations.list_tokens(desk)[0]
    assert token.last_used_at is None
    late, early = clock.now() + timedelta(minutes=5), clock.now()
    operations.note_used(desk, {token.id: late})
    operations.note_used(desk, {token.id: early})
    assert operations.list_tokens(desk)[0].last_used_at == late
