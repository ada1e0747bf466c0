"""The desk's own switch for the person on call: halt, resume, cancel all, flatten.

Run by itself, from any folder: python3 tools/desk.py halt
"""

from __future__ import annotations

import argparse
import sqlite3
import sys
from datetime import UTC, datetime
from pathlib import Path

DESK = Path(__file__).resolve().parents[1]
ACTIONS = ("halt", "resume", "cancel-all", "flatten")


def set_trading(connection: sqlite3.Connection, value: str, now: datetime) -> None:
    """Gives the flag trading_enabled a value."""
    connection.execute(
        "UPDATE flags SET value = ?, updated_at = ? WHERE key = 'trading_enabled'",
        (value, now.isoformat()),
    )


def flatten(connection: sqlite3.Connection, now: datetime) -> int:
    """Closes every position at its last mark and books the result. Returns how many there were."""
    count, result = connection.execute(
        "SELECT COUNT(*), COALESCE(SUM(quantity * (market_price - average_price)), 0) "
        "FROM positions WHERE quantity <> 0"
    ).fetchone()
    connection.execute(
        "UPDATE pnl SET realised = realised + ? WHERE day = (SELECT MAX(day) FROM pnl)", (result,)
    )
    connection.execute(
        "UPDATE positions SET quantity = 0, unrealised = 0, updated_at = ?", (now.isoformat(),)
    )
    return int(count)


def run(desk: Path, action: str, now: datetime) -> str:
    """Does one action. Returns one line of result."""
    database = desk / "trading.sqlite"
    if not database.is_file():
        raise FileNotFoundError(f"there is no {database}")
    connection = sqlite3.connect(database, timeout=5)
    try:
        with connection:
            match action:
                case "halt":
                    set_trading(connection, "false", now)
                    return "trading is halted"
                case "resume":
                    set_trading(connection, "true", now)
                    return "trading goes on"
                case "cancel-all":
                    return "no order is working: on paper every order fills at once"
                case _:
                    # Halted first, or the next trades would open the book again.
                    set_trading(connection, "false", now)
                    return f"trading is halted, {flatten(connection, now)} positions are closed"
    finally:
        connection.close()


def main() -> int:
    """The command line: exit code 1 and one clear line when it cannot be done."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("action", choices=ACTIONS)
    try:
        sys.stdout.write(f"{run(DESK, parser.parse_args().action, datetime.now(UTC))}\n")
    except (OSError, sqlite3.Error) as error:
        sys.stderr.write(f"desk: {' '.join(str(error).split())}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
