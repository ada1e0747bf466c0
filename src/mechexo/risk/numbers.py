"""Reading a foreign value as an exact number. Pure."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation, localcontext

from mechexo.errors import UnreachableError

LARGEST = Decimal("1e24")
"""Nobody's money, in any currency: what is beyond is a mistake."""
MOST_DECIMALS = 18
_PRECISION = 60
"""Digits: enough for `LARGEST` with all its decimals."""


class NoNumberError(UnreachableError):
    """A value that had to be a number is none."""


def number(value: object, what: str) -> Decimal:
    """The value as an exact number; a float as it is written (0.1, not its binary neighbour).

    Raises:
        NoNumberError: it is missing, is none, or is beyond all reason. Zero is never made up.
    """
    if value is None or value == "":
        raise NoNumberError(f"{what} is missing")
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise NoNumberError(f"{what} is no number but {_named(value)}")
    if isinstance(value, int) and abs(value) > LARGEST:
        # Not written out: one of millions of digits would take long, and `str` refuses it.
        raise NoNumberError(f"{what} is beyond all reason: above {LARGEST:.0E}")
    try:
        found = value if isinstance(value, Decimal) else Decimal(str(value).strip())
    except (InvalidOperation, ValueError):
        raise NoNumberError(f"{what} is no number: {str(value)[:40]!r}") from None
    if not found.is_finite():
        raise NoNumberError(f"{what} is not finite: {found}")
    # As it is: what the usual context makes of 1e99999999 is no number but an error.
    if found.copy_abs() > LARGEST:
        raise NoNumberError(f"{what} is beyond all reason: above {LARGEST:.0E}")
    exponent = found.as_tuple().exponent
    if isinstance(exponent, int) and exponent < -MOST_DECIMALS:
        with localcontext(prec=_PRECISION):
            found = round(found, MOST_DECIMALS)
    return found


def optional(value: object, what: str) -> Decimal | None:
    """The same; None when nothing is there.

    Raises:
        NoNumberError: something is there, and it is no number.
    """
    return None if value is None or value == "" else number(value, what)


def _named(value: object) -> str:
    return {bool: "a truth value", dict: "an object", list: "a list", bytes: "bytes"}.get(
        type(value), type(value).__name__
    )
