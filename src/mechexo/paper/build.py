"""Making a paper desk: a folder that a live desk could have left behind, from a seed and a time.

The same seed and time give the same files byte for byte (less the port of the gateway, which is
free on the machine that builds) and the same commits.
"""

from __future__ import annotations

import json
import random
import re
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, time, timedelta
from pathlib import Path

from mechexo.errors import ConflictError, MechexoError
from mechexo.paper import credentials, files, trading
from mechexo.paper.backups import BACKUPS, MODEL, MODEL_BACKUP
from mechexo.paper.gateway_service import LOG as GATEWAY_LOG
from mechexo.paper.history import ZONE, commit_history, require_git, versions
from mechexo.paper.market import (
    SESSION_S,
    UNIVERSE,
    Session,
    business_days,
    overnight,
    simulate_session,
)
from mechexo.paper.orders import orders_of

TEMPLATE = Path(__file__).parent / "template"
MARKER = "paper.json"
DAYS = 10
TODAY_SO_FAR = timedelta(hours=2)
"""How much of today's session is there when the desk is made: its market never closes."""


def is_paper_desk(folder: Path) -> bool:
    """Whether `build` made this folder."""
    return (folder / MARKER).is_file()


def build(
    folder: Path, seed: int, now: datetime, *, say: Callable[[str], None] = lambda _: None
) -> Path:
    """Makes the desk in `folder`, whole or not at all. Returns its configuration file.

    Raises:
        ConflictError: the folder exists and is not empty.
        MechexoError: git is missing or failed, or a flow of the desk did.
        OSError: the folder cannot be written.
    """
    folder = folder.absolute()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConflictError(f"{folder} exists and is not empty; name another folder with --dir")
    require_git(folder.parent)
    # Made elsewhere and moved into place: whole, or not there.
    beside = folder.with_name(f".{folder.name}.building")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)
    try:
        _build(beside, seed, now, say)
        write_config(beside, free_port(), folder)
        if folder.exists():
            folder.rmdir()
        beside.rename(folder)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise
    return folder / "mechexo.toml"


def _build(folder: Path, seed: int, now: datetime, say: Callable[[str], None]) -> None:
    tracked = template_files()
    say(f"paper desk: {DAYS} days of quotes and fills (seed {seed})")
    mids, paid = _market(folder, seed, now)
    say("paper desk: trading database, bars, model, weights")
    trading.create(folder, now)
    # The book was built before the bad change of limits, so under the configuration before it.
    _write(folder, versions(tracked)[-2])
    _compute(folder, now)
    quantities = trading.target_quantities(folder, mids)
    trading.open_book(folder, quantities, mids, now)
    _ledger(folder, seed, paid, mids, now)
    say("paper desk: git history of two weeks")
    commit_history(folder, tracked, now)
    _run_flow(folder, "reweight", now)
    credentials.issue(folder, random.Random(f"{seed} credential"), now)
    write_ci_run(folder, now)
    marker = {"seed": seed, "built_at": trading.stamp(now)}
    (folder / MARKER).write_text(json.dumps(marker) + "\n")


def template_files() -> dict[str, str]:
    """The files under version control, by their path in the desk."""
    paths = [
        *TEMPLATE.glob("config/*.yaml"),
        *TEMPLATE.glob("flows/*.py"),
        *TEMPLATE.glob("tools/*.py"),
        TEMPLATE / "README.md",
    ]
    names = {
        path.relative_to(TEMPLATE).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted(paths)
    }
    # Under its own name it would rule over the template's folder in mechexo's repository too.
    return names | {".gitignore": (TEMPLATE / "gitignore").read_text(encoding="utf-8")}


def _write(folder: Path, contents: dict[str, str]) -> None:
    for name, text in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _market(
    folder: Path, seed: int, now: datetime
) -> tuple[dict[str, float], list[tuple[str, float]]]:
    """Writes every day's quotes, fills and orders; the last mids, and each day's commission."""
    today = now.astimezone(ZONE).date()
    mids = {instrument.symbol: instrument.price for instrument in UNIVERSE}
    paid = []
    for day in business_days(today, DAYS):
        start = datetime.combine(day, time(9, 30), ZONE)
        session = simulate_session(f"{seed} {day}", mids)
        _write_session(folder, session, start, SESSION_S, f"{seed} {day}")
        paid.append((day.isoformat(), sum(fill.commission for fill in session.fills)))
        mids = overnight(session.closing_mids, f"{seed} {day}")
    midnight = datetime.combine(today, time(0), ZONE)
    start = max(midnight, now - TODAY_SO_FAR)
    length_s = (now - start).total_seconds()
    session = simulate_session(
        f"{seed} {today}",
        mids,
        length_s=length_s,
        fills_per_symbol=int(length_s / 600),
        flawed=False,
    )
    _write_session(folder, session, start, length_s, f"{seed} {today}")
    paid.append((today.isoformat(), sum(fill.commission for fill in session.fills)))
    return dict(session.closing_mids), paid


def _write_session(
    folder: Path, session: Session, start: datetime, length_s: float, seed: str
) -> None:
    day = start.astimezone(ZONE).date()
    if session.quotes:
        quotes = files.quotes_frame(session.quotes, start)
        files.replace_parquet(quotes, files.day_file(folder, files.QUOTES, day))
    if session.fills:
        draw = random.Random(f"{seed} orders")
        placed, orders = orders_of(session.fills, length_s, draw)
        for kind, frame in (
            (files.FILLS, files.fills_frame(placed, start, day)),
            (files.ORDERS, files.orders_frame(orders, start)),
        ):
            files.replace_parquet(frame, files.day_file(folder, kind, day))


def _compute(folder: Path, now: datetime) -> None:
    """Runs the desk's own flows once: bars, model, scores, weights, verdict."""
    for name in ("data_pipeline", "ml_inference", "reweight", "canary"):
        _run_flow(folder, name, now)


def _run_flow(folder: Path, name: str, now: datetime) -> None:
    """Runs a flow as cron would: it is a program of the desk, not a part of mechexo."""
    done = subprocess.run(
        # -B: no compiled files, which are not the same from build to build.
        [sys.executable, "-B", f"flows/{name}.py", "--at", now.isoformat()],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise MechexoError(said[-1] if said else f"flows/{name}.py ended with {done.returncode}")


def _ledger(
    folder: Path,
    seed: int,
    paid: list[tuple[str, float]],
    mids: dict[str, float],
    now: datetime,
) -> None:
    """P&L of the closed days, orders of the last hour, and the book marked at the last mids."""
    draw = random.Random(f"{seed} ledger")
    closed = [(day, round(draw.gauss(1_500, 6_000), 2), round(cost, 2)) for day, cost in paid[:-1]]
    trading.past_pnl(folder, closed)
    for minute in range(60, 0, -1):
        moment = now - timedelta(minutes=minute)
        with trading.trading(folder) as connection:
            connection.execute(
                "INSERT INTO order_counts VALUES (?, ?, ?)",
                (moment.strftime("%Y-%m-%dT%H:%M"), draw.randint(4, 16), int(draw.random() < 0.06)),
            )
    trading.book(folder, day=paid[-1][0], fills=(), mids=mids, now=now)


def write_ci_run(folder: Path, now: datetime) -> None:
    """Notes a passed CI run of the desk's own code, as a pipeline's last step would."""
    path = folder / "ci" / "last_run.json"
    path.parent.mkdir(exist_ok=True)
    run = {"pipeline": "desk-flows", "branch": "main", "result": "passed"}
    path.write_text(json.dumps(run | {"finished_at": trading.stamp(now)}) + "\n")


def free_port() -> int:
    """A port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def write_config(folder: Path, port: int, home: Path | None = None) -> None:
    """Writes mechexo.toml for a gateway on `port`; `home` is where the desk will lie."""
    text = (TEMPLATE / "mechexo.toml").read_text(encoding="utf-8")
    for name, value in {
        "@PORT@": str(port),
        "@PYTHON@": _toml(sys.executable),
        **_places(home or folder),
    }.items():
        text = text.replace(name, value)
    _replace_config(folder, text)


def _places(home: Path) -> dict[str, str]:
    """What the configuration says of the place where the desk lies: whole paths, so that a
    runbook's command can be pasted in any folder."""
    tool = shlex.join([sys.executable, str(home / "tools" / "desk.py")])
    return {
        "@FOLDER@": _toml(str(home)),
        "@DATABASE@": _toml(str(home / trading.DATABASE)),
        "@BACKUPS@": _toml(str(home / BACKUPS)),
        "@MODEL@": _toml(str(home / MODEL)),
        "@MODEL_BACKUP@": _toml(str(home / MODEL_BACKUP)),
        "@ARCHIVE@": _toml(str(home / "archive")),
        "@GATEWAY_LOG@": _toml(f"tail -n 200 {shlex.quote(str(home / GATEWAY_LOG))}"),
        "@SCHEDULER_LOG@": _toml(f"tail -n 40 {shlex.quote(str(home / 'paper.log'))}"),
        "@TOOL@": _begun(f"{tool} "),
        "@RUN@": _begun(f"{tool} run "),
    }


def _begun(text: str) -> str:
    """A TOML string without its last quote: the configuration goes on with it."""
    return _toml(text).removesuffix('"')


def follow_move(folder: Path, old: Path) -> bool:
    """Writes a moved desk's new place into mechexo.toml; what a person changed in it stays.

    Returns whether it did: places that a person wrote there are left alone.
    """
    text = (folder / "mechexo.toml").read_text(encoding="utf-8")
    before = _places(old)
    if not all(place in text for place in before.values()):
        return False
    for name, now in _places(folder).items():
        text = text.replace(before[name], now)
    _replace_config(folder, text)
    return True


def move_gateway(folder: Path, old: int, new: int) -> None:
    """Writes another port into mechexo.toml; what a person changed in it stays."""
    text = (folder / "mechexo.toml").read_text(encoding="utf-8")
    _replace_config(folder, re.sub(rf"(127\.0\.0\.1:|port = ){old}\b", rf"\g<1>{new}", text))


def _toml(text: str) -> str:
    """A TOML string of a text, its quotes included."""
    # JSON escapes all that TOML wants escaped but the delete character.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _replace_config(folder: Path, text: str) -> None:
    beside = folder / ".mechexo.toml.part"
    beside.write_text(text, encoding="utf-8")
    beside.replace(folder / "mechexo.toml")
