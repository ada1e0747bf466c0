"""The table of API tokens."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from sqlite3 import Row
from typing import Any

from mechexo.security.values import Scope, Token, UnreadableTokenError
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
    """The token with this handle, and its digest.

    Raises:
        UnreadableTokenError: its row cannot be read.
    """
    row = state.row(f"{_SELECT} WHERE handle = ?", (handle,))
    return (_token(row), row["digest"].decode("utf-8", "replace")) if row else None


def named(source: State | Transaction, name: str) -> Token | None:
    """The token of this name that is not revoked.

    Raises:
        UnreadableTokenError: its row cannot be read.
    """
    sql = f"{_SELECT} WHERE name = ? AND revoked_at IS NULL"
    if isinstance(source, State):
        row = source.row(sql, (name,))
    else:
        row = source.execute(sql, (name,)).fetchone()
    return _token(row) if row else None


def every(state: State) -> tuple[Token, ...]:
    """All tokens that can be read, the revoked ones too, oldest first."""
    return _readable(state.rows(f"{_SELECT} ORDER BY id"))[0]


def standing(state: State) -> tuple[tuple[Token, ...], tuple[int, ...]]:
    """The tokens that are not revoked, oldest first; and the ids of those whose row cannot be
    read."""
    return _readable(state.rows(f"{_SELECT} WHERE revoked_at IS NULL ORDER BY id"))


def _readable(rows: Iterable[Row]) -> tuple[tuple[Token, ...], tuple[int, ...]]:
    found, unreadable = [], []
    for row in rows:
        try:
            found.append(_token(row))
        except UnreadableTokenError:
            unreadable.append(row["id"])
    return tuple(found), tuple(unreadable)


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


_TEXTS = (
    *("name", "scopes", "created_at", "created_by"),
    *("expires_at", "last_used_at", "revoked_at", "revoked_by"),
)
_NEEDED = 4
"""So many of them every token has."""
# A file that a disk has damaged may have anything in any cell: no UTF-8, too.
_SELECT = "SELECT id, {} FROM api_token".format(  # noqa: S608
    ", ".join(f"CAST({name} AS BLOB) AS {name}" for name in (*_TEXTS, "digest"))
)


def _token(row: Row) -> Token:
    """The token of a row.

    Raises:
        UnreadableTokenError: a cell is not what it should be.
    """
    try:
        texts = [_decoded(row[name]) for name in _TEXTS]
        if None in texts[:_NEEDED]:
            raise ValueError("a text is missing that every token has")
        token = _token_of(row["id"], *texts)
        moments = (token.created_at, token.expires_at, token.last_used_at)
        if any(each is not None and each.tzinfo is None for each in moments):
            raise ValueError("a moment without its zone")
    except ValueError as error:
        raise UnreadableTokenError(row["id"]) from error
    return token


def _decoded(cell: bytes | None) -> Any:
    return None if cell is None else cell.decode()


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
