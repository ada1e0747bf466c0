"""What crypto exchanges have in common: pairs written without a dash, and fees in any coin."""

from __future__ import annotations

from decimal import Decimal

from mechexo.costs.imports.values import RowError

QUOTES = ("USDT", "USDC", "FDUSD", "TUSD", "BUSD", "DAI", "ZUSD", "ZEUR", "ZGBP", "ZJPY", "ZCAD",
          "USD", "EUR", "GBP", "JPY", "CHF", "CAD", "AUD", "TRY", "BRL", "XXBT", "XETH", "XBT",
          "BTC", "ETH", "BNB")  # fmt: skip
"""Coins and currencies that others are priced in, the longer before those that they end in."""

_OWN_NAMES = {"ZUSD": "USD", "ZEUR": "EUR", "ZGBP": "GBP", "ZJPY": "JPY", "ZCAD": "CAD",
              "XXBT": "BTC", "XBT": "BTC", "XETH": "ETH"}  # fmt: skip


def quote_of(pair: str) -> str | None:
    """The coin that a pair like BTCUSDT is priced in; None when nobody can tell."""
    found = next((coin for coin in QUOTES if pair.endswith(coin) and pair != coin), None)
    return _OWN_NAMES.get(found, found) if found else None


def known(quote: str | None) -> str:
    """What a pair is priced in, when anybody can tell.

    Raises:
        RowError: nobody can, so what the fill cost is not known in any currency.
    """
    if quote is None:
        raise RowError("what the pair is priced in is not known")
    return quote


def fee_in(
    fee: Decimal | None, coin: str | None, pair: str, quote: str | None, price: Decimal
) -> tuple[Decimal | None, str | None]:
    """A fee and its currency: one that was taken in the coin that was traded is worth what was
    paid for that coin, exactly; one in a third coin stays in it."""
    if fee is None:
        return None, None
    if coin is None or coin == quote:
        return fee, quote
    if quote is not None and pair.startswith(coin) and len(pair) > len(coin):
        return fee * price, quote
    return fee, coin
