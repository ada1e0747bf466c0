"""The desk's own switch for the person on call: halt, resume, gateway restart, reduce, and more.

Run by itself, from any folder: python3 tools/desk.py halt
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

DESK = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(DESK))
from tools.asking import ask  # noqa: E402

FLOWS = ("data_pipeline", "ml_inference", "reweight", "canary")
USAGE = """usage: desk.py ACTION
  halt | resume | cancel-all | flatten | reduce
  gateway status | gateway start | gateway stop | gateway restart
  writers stop | writers start | feed restart
  run data_pipeline | run ml_inference | run reweight | run canary
  credentials | renew-credential | kernel-log
  drill NAME: lets a fault happen that only its runbook entry mends"""


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


def trade(desk: Path, action: str, now: datetime) -> str:
    """Does what needs the trading database alone. Returns one line of result."""
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


def credentials(desk: Path, now: datetime) -> str:
    """When each key in place ends, named by its id: never the key itself."""
    lines = []
    for path in sorted((desk / "credentials").glob("*.json")):
        key = json.loads(path.read_text(encoding="utf-8"))
        left = (datetime.fromisoformat(key["ends_at"]) - now).total_seconds() / 86400
        mode = path.stat().st_mode & 0o777
        lines.append(f"{path.name}: {key['key_id']} ends in {left:.1f} days, mode {mode:o}")
    return "\n".join(lines) if lines else "there is no key here"


def kernel_log() -> str:
    """The end of the kernel's log, or why it cannot be read."""
    try:
        done = subprocess.run(["dmesg"], capture_output=True, text=True, errors="replace")
    except OSError as error:
        return f"the kernel's log cannot be read here: {error}"
    if done.returncode:
        return f"the kernel's log cannot be read here: {done.stderr.strip()}"
    return "\n".join(done.stdout.splitlines()[-100:]) or "the kernel's log is empty"


def run_flow(desk: Path, name: str) -> int:
    """Runs a flow on record, as the desk's own schedule does. Returns its exit code."""
    if name not in FLOWS:
        raise ValueError(f"no flow {name}; there are {', '.join(FLOWS)}")
    program = [sys.executable, str(desk / "flows" / f"{name}.py")]
    words = [sys.executable, "-P", "-m", "mechexo", "--config", str(desk / "mechexo.toml")]
    done = subprocess.run([*words, "flows", "exec", name, "--", *program], cwd=desk)
    return done.returncode


def run(desk: Path, words: list[str], now: datetime) -> tuple[int, str]:
    """Does one action. Returns its exit code and its text."""
    match words:
        case ["halt" | "resume" | "cancel-all" | "flatten"]:
            return 0, trade(desk, words[0], now)
        case ["credentials"]:
            return 0, credentials(desk, now)
        case ["kernel-log"]:
            return 0, kernel_log()
        case ["run", name]:
            return run_flow(desk, name), ""
        case ["gateway", "status"]:
            # As a service manager: 3 says that it does not run.
            runs, said = ask(desk, words)
            return (0 if runs else 3), said
        case (
            ["gateway", "start" | "stop" | "restart"]
            | ["writers", "start" | "stop"]
            | ["feed", "restart"]
            | ["drill", _]
            | ["reduce" | "renew-credential"]
        ):
            done, said = ask(desk, words)
            return (0 if done else 1), said
        case _:
            return 2, USAGE


def main() -> int:
    """The command line: exit code 1 and one clear line when it cannot be done."""
    try:
        code, said = run(DESK, sys.argv[1:], datetime.now(UTC))
    except (OSError, ValueError, KeyError, sqlite3.Error) as error:
        sys.stderr.write(f"desk: {' '.join(str(error).split())}\n")
        return 1
    if said:
        (sys.stderr if code == 2 else sys.stdout).write(f"{said}\n")
    return code


if __name__ == "__main__":
    # Nothing compiled is left in a folder that is looked at.
    os.environ.setdefault("PYTHONDONTWRITEBYTECODE", "1")
    sys.exit(main())
