"""What a broker's file holds, before and after it is checked and kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from mechexo.errors import UsageError
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    import polars as pl

LISTED = 1000
"""How many rejected rows are listed; the counts are always whole."""


class RowError(Exception):
    """A row that cannot be taken; its text is the reason, the same for all rows of a kind."""


class ZoneNeededError(UsageError):
    """The file's times are local and nothing says where."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"{what} carry no zone: say which with --zone, like --zone America/New_York "
            "(or in [costs] naive_zone)"
        )


@dataclass(frozen=True, slots=True)
class Options:
    """What the desk says about a file that the file does not say itself."""

    zone: ZoneInfo | None = None
    """The zone of local times."""
    currency: str = "USD"
    """The desk's base currency."""
    mapping: Mapping[str, str] = field(default_factory=dict)
    """`[costs.fill_columns]`."""
    tags: tuple[str, ...] = ()
    """The desk's own tags: a field of the same name fills them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedFill:
    """One fill as a broker reports it. Amounts are exact; costs are positive, a rebate received
    is a negative commission."""

    fill_id: str
    at: datetime
    symbol: str
    side: str
    quantity: Decimal
    price: Decimal
    commission: Decimal | None = None
    fees: Decimal | None = None
    taxes: Decimal | None = None
    commission_currency: str | None = None
    multiplier: Decimal = Decimal(1)
    fx: Decimal | None = None
    currency: str | None = None
    strategy: str | None = None
    venue: str | None = None
    broker: str | None = None
    order_id: str | None = None
    order_type: str | None = None
    liquidity: str | None = None
    replaces: str | None = None
    """The id of the fill that this one corrects."""
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TakenBack:
    """A row that takes a fill back."""

    fill_id: str


@dataclass(frozen=True, slots=True)
class NoFill:
    """A row that is about something else; nothing is lost without it."""

    what: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that should be a fill and cannot be taken."""

    row: str
    """Where it is in the file, or its id."""
    reason: str


@dataclass(frozen=True, slots=True)
class Parsed:
    """A file's rows under our names."""

    rows: int
    """All rows of the file, whatever they are; of a Flex report all of its trades' sections."""
    frame: pl.DataFrame
    """The fills, unchecked: the columns of `imports.rows.schema`."""
    taken_back: tuple[str, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    no_fills: Mapping[str, int] = field(default_factory=dict)
    """Rows about something else, by what they are."""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Changes:
    """What an import does to the imported fills."""

    added: int = 0
    replaced: int = 0
    """Fills that were there with other content."""
    reused: int = 0
    """Of these, plain fills that were of another moment or order: an id may be used again."""
    unchanged: int = 0
    """Fills that were there just so."""
    removed: int = 0
    """Fills that were there and are taken back, or corrected under another id."""
    left_out: int = 0
    """Fills of this file that are taken back or corrected, by this file or an earlier one."""
    unmatched: int = 0
    """Fills taken back that are not here; should they still come, they are left out."""
    days: tuple[date, ...] = ()
    """The UTC days whose fills are others now."""


@dataclass(frozen=True, slots=True)
class FileImport:
    """What was understood of one file, what it lacks, and what it changed."""

    path: Path
    format: str
    title: str
    digest: str
    """SHA-256 of the file."""
    rows: int
    """All rows of the file. Each is in one of `fills`, `taken_back`, `repeated`, `corrected`,
    `no_fills` and `reasons`: these add up to it."""
    fills: int
    """Rows accepted as fills."""
    taken_back: int
    """Rows that take a fill back."""
    first_at: datetime | None
    last_at: datetime | None
    symbols: tuple[str, ...]
    currencies: tuple[str, ...]
    filled: Mapping[str, int]
    """Our optional columns and how many fills have them."""
    lacking: tuple[str, ...]
    """Our optional columns that no fill has."""
    no_fills: Mapping[str, int]
    """Rows about something else, by what they are."""
    reasons: Mapping[str, int]
    """Rejected rows by reason."""
    rejected: tuple[Rejected, ...]
    """The first `LISTED` of them."""
    repeated: int
    """Rows that say the same as one before."""
    corrected: int
    """Rows in whose place another of the file stands, which has the same id."""
    notes: tuple[str, ...]
    changes: Changes
    dry_run: bool
