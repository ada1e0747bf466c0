"""The paper desk runs for a minute, and what `status --json` says of it keeps the contract."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from mechexo.desk import Desk

MECHEXO = str(Path(sys.executable).with_name("mechexo"))
SCHEMA = Path(__file__).resolve().parents[1] / "data" / "status.schema.json"

pytestmark = pytest.mark.slow


def test_a_minute_of_the_paper_desk_ends_in_a_status_that_keeps_the_contract(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "desk"
    ran = subprocess.run(
        [MECHEXO, "demo", "--dir", folder, "--seed", "3", "--headless", "--for", "60s", "--json"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    # A fault may be under way when the minute ends, so both answers are right ones.
    assert ran.returncode in (0, 1), ran.stderr
    status = json.loads(ran.stdout)
    jsonschema.validate(status, json.loads(SCHEMA.read_text()))
    assert ran.returncode == (0 if status["ops_ok"] else 1)
    assert status["desk"] == {"name": "paper desk", "mode": "paper"}
    cards = {card["name"]: card for card in status["cards"]}
    assert {"system", "trading", "risk", "data", "flows", "ci", "capital"} <= cards.keys()
    assert all(card["probes"] for card in cards.values())
    # A channel is observed when it delivers, and this desk has had nothing for some of them.
    watched = [card for name, card in cards.items() if name != "paging"]
    assert all(probe["observed_at"] for card in watched for probe in card["probes"])

    desk = Desk.open(folder / "mechexo.toml")
    assert desk.verify_audit().problems == ()
    # Cron's part was played more than once in the minute, by the real tick.
    ticks = desk.state.row("SELECT count(*) FROM tick")
    assert ticks is not None
    assert ticks[0] >= 3
