"""Where a run begins: small, so that an interrupt during the imports is an interrupt too."""

from __future__ import annotations

import sys


def main() -> None:
    """Runs the command line and exits with its code; 130 when it is interrupted."""
    try:
        from mechexo.cli import main as run

        run()
    except KeyboardInterrupt:
        sys.exit(130)
