"""Reports as Nautilus Trader 1.221 saves them: the columns and the spellings of one that a backtest
of EMA crosses on GBP/USD wrote with pandas 2.3, with numbers of our own."""

from __future__ import annotations

from pathlib import Path

POSITIONS = (
    "position_id,trader_id,strategy_id,instrument_id,account_id,opening_order_id,"
    "closing_order_id,entry,side,quantity,peak_qty,ts_init,ts_opened,ts_last,ts_closed,"
    "duration_ns,avg_px_open,avg_px_close,commissions,realized_return,realized_pnl,is_snapshot\n"
)
ACCOUNT = (
    ",total,locked,free,currency,account_id,account_type,base_currency,margins,reported,info\n"
)


def closed_row(at: str, pnl: str, *, instrument: str = "GBP/USD.SIM") -> str:
    """A position that closed, kept as a snapshot of a netted one."""
    return (
        f"{instrument}-S-000-7d15,T-001,S-000,{instrument},SIM-001,O-1,O-2,SELL,FLAT,0,100000,"
        f"1764231600000000000,2026-02-01 08:20:00+00:00,1764231960000000000,{at},360000000000.0,"
        f"1.24958,1.25109,['5.00 USD'],-0.00121,{pnl},True\n"
    )


def open_row(
    side: str, quantity: str, price: str, *, instrument: str = "GBP/USD.SIM", currency: str = "USD"
) -> str:
    """A position that is held."""
    return (
        f"{instrument}-S-000,T-001,S-000,{instrument},SIM-001,O-3,,BUY,{side},{quantity},{quantity},"
        f"1764249300000000000,2026-03-02 13:15:00+00:00,1764249300000000000,,,{price},,"
        f"['2.49 {currency}'],0.0,-2.49 {currency},False\n"
    )


def account_row(at: str, total: str, locked: str, *, currency: str = "USD") -> str:
    """The state of an account at a moment."""
    return (
        f"{at},{total},{locked},0.00,{currency},SIM-001,MARGIN,USD,\"[{{'type': 'MarginBalance', "
        "'initial': '0.00'}]\",False,{}\n"
    )


def save(folder: Path, name: str, text: str) -> Path:
    """Saves a report."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(text)
    return path
