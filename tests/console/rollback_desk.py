"""A desk whose repository has a flow, two configurations and a change that went wrong."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from mechexo.clock import VirtualClock
from mechexo.desk import Desk
from rollback.histories import History

TOML = """
[rollback]
repository = "repo"
configs = ["config/*.yaml"]
[rollback.limits]
age = "30d"
[rollback.flows.reweight]
paths = ["flows/reweight.py", "config/weights.yaml"]
"""

GOOD_WEIGHTS = "strategy:\n  max_gross: 1.0\n  api_token: abc\n  weights:\n" + "".join(
    f"    S{number:02}: 0.{number:02}\n" for number in range(1, 21)
)
BAD_WEIGHTS = GOOD_WEIGHTS.replace("max_gross: 1.0", "max_gross: 10.0").replace(
    "    S20: 0.20\n", ""
)
GOOD_FLOW = "def weights(rows):\n    return normalised(rows)\n"
BAD_FLOW = "def weights(rows):\n    # faster\n    return rows\n"


def rollback_desk(
    make_desk: Callable[..., Desk],
    folder: Path,
    clock: VirtualClock,
    *,
    toml: str = TOML,
    **how: str,
) -> tuple[Desk, History]:
    """A good state of four days ago, another file two days ago, and the bad one of 12 minutes
    ago."""
    now = clock.now()
    history = History.begin(folder / "repo")
    history.commit(
        {
            "flows/reweight.py": GOOD_FLOW,
            "config/weights.yaml": GOOD_WEIGHTS,
            "config/risk.yaml": "limits:\n  gross_pct: 100\n",
            "README": "the desk\n",
        },
        now - timedelta(days=4),
        "Set up the desk",
    )
    history.commit(
        {"config/risk.yaml": "limits:\n  gross_pct: 120\n"},
        now - timedelta(days=2),
        "Allow more gross",
    )
    history.commit(
        {"flows/reweight.py": BAD_FLOW, "config/weights.yaml": BAD_WEIGHTS},
        now - timedelta(minutes=12),
        "Make reweighting faster",
    )
    return make_desk(toml, **how), history
