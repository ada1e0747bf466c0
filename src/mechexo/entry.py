"""Where a run begins: small, so that an interrupt during the imports is an interrupt too."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from mechexo.garbage import collect_seldom


def main() -> None:
    """Runs the command line and exits with its code; 130 when it is interrupted."""
    try:
        collect_seldom()
        words = sys.argv[1:]
        code = _job(words) if "exec" in words[1:4] else None
        if code is None:
            from mechexo.cli import main as run

            run()
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)


def _job(words: Sequence[str]) -> int | None:
    """Runs `flows exec NAME -- COMMAND` without the command line, whose import costs a job more
    than all the rest; returns its exit code, None when the words are not plainly such ones."""
    from mechexo.errors import MechexoError
    from mechexo.streams import dependable_streams

    with dependable_streams():
        try:
            from mechexo.flows.exec_words import usual_words

            read = usual_words(words)
            if read is None:
                return None
            from mechexo.jobs import run_named

            return run_named(read.config, read.name, read.command, read.terms)
        except MechexoError as error:
            sys.stderr.write(f"mechexo: {error}\n")
            return error.exit_code
        except Exception as error:  # noqa: BLE001 - the last resort: told, and kept for a report
            from mechexo.crash import kept_report

            sys.stderr.write(f"mechexo: {kept_report(error, None)}\n")
            return 1
