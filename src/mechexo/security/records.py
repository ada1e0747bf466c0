"""The table of API tokens."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from sqlite3 import Row

from mechexo.security.values import Scope, Token
from mechexo.state import State, Transaction
from mechexo.times import from_iso_z, iso_z


def insert(
    transaction: Transaction,
    *,
    handle: str,
    digest: str,
    name: str,
    scopes: tuple[Scope, ...],
    at: datetime,
    by: str,
    expires_at: datetime | None,
) -> Token:
    """Stores a new token."""
    cursor = transaction.execute(
        "INSERT INTO api_token (handle, digest, name, scopes, created_at, created_by, expires_at)"
        " VALUES (?,?,?,?,?,?,?)",
        (handle, digest, name, " ".join(scopes), iso_z(at), by, _text(expires_at)),
    )
    return Token(int(cursor.lastrowid or 0), name, scopes, at, by, expires_at)


def by_handle(state: State, handle: str) -> tuple[Token, str] | None:
    """The token with this handle, and its digest."""
    row = state.row("SELECT * FROM api_token WHERE handle = ?", (handle,))
    return (_token(row), row["digest"]) if row else None


def named(source: State | Transaction, name: str) -> Token | None:
    """The token of this name that is not revoked."""
    sql = "SELECT * FROM api_token WHERE name = ? AND revoked_at IS NULL"
    if isinstance(source, State):
        row = source.row(sql, (name,))
    else:
        row = source.execute(sql, (name,)).fetchone()
    return _token(row) if row else None


def every(state: State) -> tuple[Token, ...]:
    """All tokens, the revoked ones too, oldest first."""
    return tuple(map(_token, state.rows("SELECT * FROM api_token ORDER BY id")))


def standing(state: State) -> tuple[tuple[Token, ...], tuple[int, ...]]:
    """The tokens that are not revoked, oldest first; and the ids of those whose row cannot be read:
    a file that a disk has damaged may have anything in any cell."""
    texts = ", ".join(f"CAST({name} AS BLOB) AS {name}" for name in _CELLS if name != "id")
    found, unreadable = [], []
    sql = f"SELECT id, {texts} FROM api_token WHERE revoked_at IS NULL ORDER BY id"  # noqa: S608
    for row in state.rows(sql):
        try:
            found.append(_whole_token(row))
        except (ValueError, AttributeError):
            unreadable.append(row["id"])
    return tuple(found), tuple(unreadable)


def _whole_token(row: Row) -> Token:
    """The token of a row that has its texts as bytes.

    Raises:
        ValueError: one of them is not what stands there.
        AttributeError: one that every token has is missing.
    """
    optional = ("expires_at", "last_used_at", "revoked_at", "revoked_by")
    texts = {name: row[name].decode() for name in _CELLS[1:5]}
    texts |= {name: None if row[name] is None else row[name].decode() for name in optional}
    token = _token_of(row["id"], *texts.values())
    moments = (token.created_at, token.expires_at, token.last_used_at)
    if any(each is not None and each.tzinfo is None for each in moments):
        raise ValueError("a moment without its zone")
    return token


def revoke(transaction: Transaction, token_id: int, at: datetime, by: str) -> None:
    """Marks a token as revoked."""
    transaction.execute(
        "UPDATE api_token SET revoked_at = ?, revoked_by = ? WHERE id = ?",
        (iso_z(at), by, token_id),
    )


def note_used(transaction: Transaction, used: Mapping[int, datetime]) -> None:
    """Stores when tokens were used last."""
    transaction.connection.executemany(
        "UPDATE api_token SET last_used_at = MAX(COALESCE(last_used_at, ''), ?) WHERE id = ?",
        [(iso_z(at), token_id) for token_id, at in used.items()],
    )


def _token(row: Row) -> Token:
    return _token_of(*(row[name] for name in _CELLS))


_CELLS = (
    *("id", "name", "scopes", "created_at", "created_by"),
    *("expires_at", "last_used_at", "revoked_at", "revoked_by"),
)


# The same cells are read for each request, and mean the same each time.
@lru_cache(maxsize=64)
def _token_of(
    number: int,
    name: str,
    scopes: str,
    created_at: str,
    created_by: str,
    expires_at: str | None,
    last_used_at: str | None,
    revoked_at: str | None,
    revoked_by: str | None,
) -> Token:
    return Token(
        id=number,
        name=name,
        scopes=tuple(Scope(each) for each in scopes.split()),
        created_at=from_iso_z(created_at),
        created_by=created_by,
        expires_at=_moment(expires_at),
        last_used_at=_moment(last_used_at),
        revoked_at=_moment(revoked_at),
        revoked_by=revoked_by,
    )


def _moment(text: str | None) -> datetime | None:
    return None if text is None else from_iso_z(text)


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else iso_z(moment)
