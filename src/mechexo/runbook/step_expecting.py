"""Whether what a step said is what it expects, with a limit: some patterns take for ever on some
texts, and the matcher would stop every thread of the console meanwhile."""

from __future__ import annotations

import json
import subprocess
import sys

LIMIT_S = 5.0
_PROGRAM = (
    "import json, re, sys; pattern, text = json.load(sys.stdin); "
    "sys.exit(0 if re.search(pattern, text, re.MULTILINE) else 9)"
)


def misfit(pattern: str, output: str, *, limit_s: float = LIMIT_S) -> str:
    """Why the output is not as expected; empty when it is. `^` and `$` stand for the ends of any
    line.

    Args:
        pattern: a regular expression; an empty one fits everything.
        output: the bounded end of what the command said.
        limit_s: how long matching may take.
    """
    if not pattern:
        return ""
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", _PROGRAM],
            input=json.dumps([pattern, output]),
            text=True,
            encoding="utf-8",
            capture_output=True,
            timeout=limit_s,
            check=False,
            start_new_session=True,
        )
    except subprocess.TimeoutExpired:
        return f"its expect took more than {limit_s:g} s to compare: {pattern}"
    except OSError as error:
        return f"its expect could not be compared: {error.strerror}"
    if done.returncode == 0:
        return ""
    if done.returncode == 9:
        return f"the output does not match {pattern}"
    return f"its expect could not be compared: {pattern}"
