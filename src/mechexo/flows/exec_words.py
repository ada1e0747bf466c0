"""The words after `mechexo flows exec`: what they mean, and reading the usual ones without Typer.

Typer's import costs more than all the rest that the wrapper does before its job starts. Words that
are not plainly right (an option that is not known, a missing `--`, a request for help) are left to
it: it knows how to complain.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from mechexo.errors import UsageError
from mechexo.flows.executing import Terms
from mechexo.flows.values import Expectation
from mechexo.times import parse_duration
from mechexo.value_classes import dataclass

DEFAULT_GRACE = timedelta(0)

_TAKES_A_WORD = frozenset({"--timeout", "--lock-wait", "--expect-every", "--grace"})
_SWITCHES = frozenset({"--lock"})


@dataclass(frozen=True, slots=True)
class ExecWords:
    """One call of `mechexo flows exec`, read."""

    config: Path | None
    name: str
    command: tuple[str, ...]
    terms: Terms


def terms_of(
    *,
    timeout: str | None = None,
    lock: bool = False,
    lock_wait: str | None = None,
    expect_every: str | None = None,
    grace: str | None = None,
) -> Terms:
    """The terms that the options name.

    Raises:
        UsageError: an option is no duration, or says nothing without another one.
    """
    if lock_wait is not None and not lock:
        raise UsageError("--lock-wait says how long to wait for a lock: add --lock")
    if grace is not None and expect_every is None:
        raise UsageError("--grace says how much later than --expect-every it may end: add that too")
    expected = None
    if expect_every is not None:
        every = parse_duration(expect_every)
        if not every:
            raise UsageError(f"--expect-every {expect_every} is no time at all; write one like 1d")
        expected = Expectation(every, DEFAULT_GRACE if grace is None else parse_duration(grace))
    return Terms(
        timeout=(parse_duration(timeout) or None) if timeout else None,
        lock=lock,
        lock_wait=parse_duration(lock_wait) if lock_wait else timedelta(0),
        expected=expected,
    )


def usual_words(words: Sequence[str]) -> ExecWords | None:
    """Reads `[--config PATH] flows exec NAME [OPTIONS] -- COMMAND`, as `sys.argv[1:]` has it; None
    when the words are anything else.

    Raises:
        UsageError: an option's value is wrong.
    """
    if "--" not in words:
        return None
    end = words.index("--")
    before, command = list(words[:end]), tuple(words[end + 1 :])
    config = None
    if before and before[0].startswith("--config="):
        config = Path(before.pop(0).partition("=")[2])
    elif len(before) > 1 and before[0] == "--config":
        config = Path(before[1])
        del before[:2]
    if before[:2] != ["flows", "exec"] or not command:
        return None
    names: list[str] = []
    values: dict[str, str] = {}
    switches: set[str] = set()
    rest = iter(before[2:])
    for word in rest:
        option, equals, value = word.partition("=")
        if option in _TAKES_A_WORD:
            given = value if equals else next(rest, None)
            if given is None:
                return None
            values[option] = given
        elif word in _SWITCHES:
            switches.add(word)
        elif word.startswith("-"):
            return None
        else:
            names.append(word)
    if len(names) != 1:
        return None
    terms = terms_of(
        timeout=values.get("--timeout"),
        lock="--lock" in switches,
        lock_wait=values.get("--lock-wait"),
        expect_every=values.get("--expect-every"),
        grace=values.get("--grace"),
    )
    return ExecWords(config, names[0], command, terms)
