"""The paper desk's git history: two believable weeks of changes to its flows and configuration.

The template is the end of the history. Each change is a replacement of text; undoing them all,
newest first, gives the first commit, so that every commit in between is a file that really ran.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from mechexo.errors import MechexoError
from mechexo.paper.market import business_days
from mechexo.value_classes import dataclass

ZONE = ZoneInfo("America/New_York")
AUTHOR = "paper desk <paper-desk@localhost>"
BAD_CHANGE_AGE = timedelta(minutes=42)
"""How long before the desk's present the bad limit change was committed."""

RISK, STRATEGY = "config/risk.yaml", "config/strategy.yaml"
CANARY, UNIVERSE = "config/canary.yaml", "config/universe.yaml"
PIPELINE, INFERENCE = "flows/data_pipeline.py", "flows/ml_inference.py"
REWEIGHT, CANARY_FLOW = "flows/reweight.py", "flows/canary.py"


@dataclass(frozen=True, slots=True)
class Change:
    """One commit: business days before the desk's day (0 = shortly before now), time, edit."""

    days_back: int
    time: str
    message: str
    path: str
    before: str
    after: str


CHANGES: tuple[Change, ...] = (
    Change(9, "10:12", "Aim at 13 % volatility: the book has run below its budget for a month",
           RISK, "target_volatility_pct: 12.0", "target_volatility_pct: 13.0"),
    Change(9, "15:48", "Drop SNAP from the universe: borrow and spread no longer pay",
           UNIVERSE, "PLD, SNAP, UNH", "PLD, UNH"),
    Change(8, "09:05", "Reject quotes that are not finite: one NaN had poisoned a bar",
           PIPELINE, "usable = (bid > 0) & (ask > 0)",
           "usable = bid.is_finite() & ask.is_finite() & (bid > 0) & (ask > 0)"),
    Change(8, "11:31", "Give the scores a little more say",
           RISK, "score_tilt: 0.15  ", "score_tilt: 0.20  "),
    Change(8, "16:22", "Count fills of five days in the canary's verdict",
           CANARY, "window_days: 3", "window_days: 5"),
    Change(7, "09:40", "Measure volatility on 5-minute returns instead of 10",
           PIPELINE, "BAR_MINUTES = 10", "BAR_MINUTES = 5"),
    Change(7, "14:03", "Penalise the model's weights more: they swung from fit to fit",
           STRATEGY, "ridge: 1.0 ", "ridge: 2.0 "),
    Change(6, "10:55", "Allow 1.10 of gross exposure, as agreed in the risk meeting",
           RISK, "max_gross: 1.00", "max_gross: 1.10"),
    Change(6, "13:17", "Leave out days with less than one hour of quotes",
           REWEIGHT, 'pl.col("hours") >= 0.5', 'pl.col("hours") >= 1'),
    Change(6, "17:30", "Use the spread as a feature",
           INFERENCE, 'FEATURES = ("move", "range", "volatility")',
           'FEATURES = ("move", "range", "volatility", "spread")'),
    Change(5, "09:21", "Raise the average correlation to what the last quarter showed",
           RISK, "average_correlation: 0.30", "average_correlation: 0.35"),
    Change(5, "12:44", "Ask for 40 fills before judging the canary",
           CANARY, "min_fills: 25 ", "min_fills: 40 "),
    Change(5, "16:05", "Wait up to ten minutes for the mid after a fill",
           CANARY_FLOW, 'tolerance="5m"', 'tolerance="10m"'),
    Change(4, "10:02", "Aim at 14 % volatility",
           RISK, "target_volatility_pct: 13.0", "target_volatility_pct: 14.0"),
    Change(4, "11:50", "Take markouts after 30 minutes: 15 measured our own impact",
           STRATEGY, "horizon_minutes: 15", "horizon_minutes: 30"),
    Change(4, "15:15", "Say which file is damaged when the model cannot be read",
           INFERENCE, 'BadInput("the model is damaged; delete it to fit anew")',
           'BadInput("models/score_model.json is damaged; delete it to fit anew")'),
    Change(3, "09:33", "Cap a symbol at 0.12 of capital after the gap in ETSY",
           RISK, "max_symbol_weight: 0.15", "max_symbol_weight: 0.12"),
    Change(3, "10:10", "Tolerate 2 % of rejected quotes: the new feed repeats at the open",
           UNIVERSE, "max_rejected_pct: 1.0", "max_rejected_pct: 2.0"),
    Change(3, "14:26", "Refuse scores that are older than three days",
           REWEIGHT, "MAX_SCORE_AGE = timedelta(days=5)", "MAX_SCORE_AGE = timedelta(days=3)"),
    Change(2, "09:58", "Fit the model every five days",
           STRATEGY, "refit_after_days: 7", "refit_after_days: 5"),
    Change(2, "13:41", "Give the canary more room: its threshold sat inside the noise",
           CANARY, "threshold_bps: -5.0", "threshold_bps: -8.0"),
    Change(2, "16:47", "Let a score move a weight by a quarter",
           RISK, "score_tilt: 0.20  ", "score_tilt: 0.25  "),
    Change(1, "10:29", "Fit with 36 symbol-days, so that a new symbol does not stop the model",
           STRATEGY, "min_rows: 48 ", "min_rows: 36 "),
    Change(1, "15:36", "Keep the order of scores fixed when two are equal",
           INFERENCE, '.sort("value")', '.sort("value", "symbol")'),
    Change(0, "", "Loosen the cap per symbol: the weights keep running into it",
           RISK, "max_symbol_weight: 0.12", "max_symbol_weight: 0.45"),
)  # fmt: skip
FIRST_MESSAGE = "Flows and configuration of the desk, as taken over from the old server"


def versions(final: Mapping[str, str]) -> list[dict[str, str]]:
    """The files at every commit, oldest first; the last are `final`."""
    files = [dict(final)]
    for change in reversed(CHANGES):
        text = files[0][change.path]
        if text.count(change.after) != 1:
            raise ValueError(f"{change.path}: {change.after!r} must occur once for its history")
        files.insert(0, files[0] | {change.path: text.replace(change.after, change.before)})
    return files


def commit_times(now: datetime) -> list[datetime]:
    """When each commit was made, oldest first, in New York's office hours; the last near `now`."""
    today = now.astimezone(ZONE).date()
    days = business_days(today, 10)
    times = [_moment(days[0], "08:50")]
    for change in CHANGES:
        if change.days_back:
            times.append(_moment(days[-change.days_back], change.time))
        else:
            times.append(now.replace(microsecond=0) - BAD_CHANGE_AGE)
    return times


def _moment(day: date, clock_time: str) -> datetime:
    return datetime.combine(day, time.fromisoformat(clock_time), ZONE)


def commit_history(folder: Path, final: Mapping[str, str], now: datetime) -> str:
    """Makes the repository with its whole history and checks it out. Returns the newest commit."""
    _git(folder, "init", "--quiet", "--template=", "--object-format=sha1", "-b", "main")
    messages = [FIRST_MESSAGE, *(change.message for change in CHANGES)]
    stream = bytearray()
    before: Mapping[str, str] = {}
    for files, at, message in zip(versions(final), commit_times(now), messages, strict=True):
        # The zone of the committer's clock, as git itself would write it.
        when = f"{int(at.timestamp())} {at.astimezone(ZONE):%z}"
        stream += f"commit refs/heads/main\nauthor {AUTHOR} {when}\n".encode()
        stream += f"committer {AUTHOR} {when}\n".encode() + _data(message + "\n")
        for path in sorted(files):
            if before.get(path) != files[path]:
                stream += f"M 100644 inline {path}\n".encode() + _data(files[path])
        stream += b"\n"
        before = files
    _git(folder, "fast-import", "--quiet", feed=bytes(stream))
    _git(folder, "reset", "--quiet", "--hard", "refs/heads/main")
    return _git(folder, "rev-parse", "HEAD").strip()


def require_git(folder: Path) -> None:
    """Fails, before anything is made, when there is no git.

    Raises:
        MechexoError: git is not on the PATH or does not run.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _git(folder, "--version")


def _data(text: str) -> bytes:
    content = text.encode()
    return f"data {len(content)}\n".encode() + content + b"\n"


def _git(folder: Path, *arguments: str, feed: bytes = b"") -> str:
    # Nothing of the user's own git: no hooks, no signing, no templates, no other repository.
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(folder),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "LC_ALL": "C",
        "TZ": "UTC",
    }
    try:
        done = subprocess.run(
            ["git", *arguments],
            cwd=folder,
            env=environment,
            input=feed,
            capture_output=True,
            check=False,
        )
    except FileNotFoundError as error:
        raise MechexoError("the paper desk needs git, which is not on the PATH") from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise MechexoError(
            f"git {arguments[0]} failed in {folder}: {said[-1] if said else 'no reason'}"
        )
    return done.stdout.decode()
