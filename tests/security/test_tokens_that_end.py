"""A token that somebody relies on does not end unnoticed: the doctor and the card say it before."""

from __future__ import annotations

from datetime import timedelta

import pytest

from conftest import MakeDesk
from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from mechexo.desk_status import read_status
from mechexo.doctor import token_checks
from mechexo.errors import NotFoundError
from mechexo.health.values import Status
from mechexo.security import operations as security
from mechexo.security.values import Scope, Token, TokenRefusedError, UnreadableTokenError
from mechexo.watch import tick

pytestmark = pytest.mark.slow

DAY = timedelta(days=1)


@pytest.fixture
def desk(make_desk: MakeDesk) -> Desk:
    return make_desk()


def made(desk: Desk, name: str = "am", *scopes: str, days: float = 365) -> Token:
    found = security.create_token(desk, name, scopes or ("alerts",), expires_in=days * DAY).token
    use(desk, found)
    return found


def use(desk: Desk, token: Token) -> None:
    security.note_used(desk, {token.id: desk.clock.now()})


def on_card(desk: Desk) -> list[tuple[str, Status, str]]:
    return [
        (probe.name, probe.status, probe.detail)
        for card in read_status(desk).cards
        if card.name == "paging"
        for probe in card.probes
        if probe.kind == "token"
    ]


def test_it_is_said_fourteen_days_before_and_not_earlier(desk: Desk, clock: VirtualClock) -> None:
    token = made(desk)
    clock.advance(350 * DAY)
    use(desk, token)
    assert [*token_checks.tokens(desk), *on_card(desk)] == []
    clock.advance(DAY)
    (found,) = token_checks.tokens(desk)
    assert (found.status, found.detail) == (
        Status.WARNING,
        "the token am (alerts) expires in 14d",
    )
    assert "access token create NEW --scope alerts" in found.mend
    assert on_card(desk) == [("token am", Status.WARNING, "expires in 14d; see: mechexo doctor")]


def test_one_that_was_in_use_to_its_end_is_wrong_until_it_is_revoked(
    desk: Desk, clock: VirtualClock
) -> None:
    made(desk, days=20)
    clock.advance(80 * DAY)
    (found,) = token_checks.tokens(desk)
    assert found.is_bad
    assert "expired 60d ago: what is sent with it is refused" in found.detail
    assert len(on_card(desk)) == 1
    security.revoke_token(desk, "am")
    assert [*token_checks.tokens(desk), *on_card(desk)] == []


def test_one_that_nobody_sends_with_may_end(desk: Desk, clock: VirtualClock) -> None:
    made(desk)
    security.create_token(desk, "never", ("alerts",), expires_in=DAY)
    clock.advance(360 * DAY)
    assert [*token_checks.tokens(desk), *on_card(desk)] == []


def test_one_that_only_reads_brings_no_alerts_and_is_not_on_their_card(desk: Desk) -> None:
    made(desk, "board", "read", days=3)
    assert [found.status for found in token_checks.tokens(desk)] == [Status.WARNING]
    assert on_card(desk) == []


DAMAGE = [
    ("expires_at", "'2026-02-99'"),
    ("expires_at", "'2026-03-01'"),
    ("created_at", "''"),
    ("last_used_at", "CAST(x'ff' AS TEXT)"),
    ("scopes", "'alerts more'"),
]


@pytest.mark.parametrize(("column", "value"), DAMAGE)
def test_one_that_cannot_be_read_stops_no_status_and_hides_no_other(
    desk: Desk, column: str, value: str
) -> None:
    made(desk, "hurt", days=3)
    made(desk, "whole", days=3)
    with desk.state.write() as transaction:
        transaction.execute(f"UPDATE api_token SET {column} = {value} WHERE name = 'hurt'")
    assert [(name, status) for name, status, _ in on_card(desk)] == [
        ("token 1", Status.UNKNOWN), ("token whole", Status.WARNING),
    ]  # fmt: skip
    hurt, whole = token_checks.tokens(desk)
    assert hurt.is_bad
    assert hurt.detail == "the token with the number 1 cannot be read, and opens nothing any more"
    assert whole.detail == "the token whole (alerts) expires in 3d"
    assert "record" not in [stage.name for stage in tick(desk).stages if not stage.ok]


@pytest.mark.parametrize(("column", "value"), [*DAMAGE, ("digest", "CAST(x'ff' AS TEXT)")])
def test_one_that_cannot_be_read_is_refused_in_words_and_lets_others_in(
    desk: Desk, column: str, value: str
) -> None:
    texts = [security.create_token(desk, name, ("alerts",)).text for name in ("hurt", "whole")]
    with desk.state.write() as transaction:
        transaction.execute(f"UPDATE api_token SET {column} = {value} WHERE name = 'hurt'")
    with pytest.raises(TokenRefusedError):
        security.authenticate(desk, texts[0], Scope.ALERTS)
    assert security.authenticate(desk, texts[1], Scope.ALERTS).name == "whole"


def test_one_that_cannot_be_read_is_revoked_by_its_number(desk: Desk) -> None:
    made(desk, "hurt", days=3)
    with desk.state.write() as transaction:
        transaction.execute("UPDATE api_token SET scopes = 'more' WHERE name = 'hurt'")
    with pytest.raises(UnreadableTokenError, match="mechexo access token revoke 1, and make anoth"):
        security.revoke_token(desk, "hurt")
    with pytest.raises(NotFoundError):
        security.revoke_unreadable_token(desk, 2)
    security.revoke_unreadable_token(desk, 1, reason="a bad disk")
    assert [*token_checks.tokens(desk), *on_card(desk)] == []
    assert security.create_token(desk, "hurt", ("alerts",)).token.id == 2
