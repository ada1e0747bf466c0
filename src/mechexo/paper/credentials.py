"""The paper desk's credential at its broker, who does not exist: a key in a file, with an end."""

from __future__ import annotations

import json
import os
import random
from datetime import datetime, timedelta
from pathlib import Path

from mechexo.paper.trading import stamp

CREDENTIAL = Path("credentials/broker.json")
LASTS = timedelta(days=90)


def issue(folder: Path, draw: random.Random, now: datetime, lasts: timedelta = LASTS) -> None:
    """Puts a new key in place, whole, readable by its owner alone."""
    path = folder / CREDENTIAL
    path.parent.mkdir(mode=0o700, exist_ok=True)
    key = {
        "key_id": f"PAPER-{draw.getrandbits(16):04X}",
        "secret": f"{draw.getrandbits(128):032x}",
        "issued_at": stamp(now),
        "ends_at": stamp(now + lasts),
    }
    beside = path.with_name(f".{path.name}.part")
    beside.unlink(missing_ok=True)
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(json.dumps(key, indent=2) + "\n")
    beside.replace(path)


def ends_at(folder: Path) -> datetime:
    """When the key in place ends."""
    text = (folder / CREDENTIAL).read_text(encoding="utf-8")
    return datetime.fromisoformat(json.loads(text)["ends_at"])
