"""The program that watches over one command, so that nothing of it outlives its time.

Run by its path with the bare interpreter (`-I -S`): it imports nothing of mechexo and starts in
20 ms. Standard input is a socket to the caller: a request comes in as one line of JSON, then
perhaps a `c` to cancel; one line goes back. Standard output is the pipe that the command writes to.

It is a child subreaper: what the command forks away, in whatever session, becomes its child, and
is ended with the rest. When the caller dies it ends everything too.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import signal
import sys
import time
from typing import Any, NoReturn

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_CALLER = 0
_SETTLE_S = 0.1
"""How long what the command left behind may take to end by itself before it counts as left."""
_BURST = 200
_RESTLESS = "what forks and exits all the time"
KILL_S = 5.0
"""How long processes may take to be gone after SIGKILL."""
_HEEDED = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def main() -> None:
    request = json.loads(_line())
    caller = os.pidfd_open(int(request["caller"]))
    if os.getppid() != request["caller"]:
        return  # It died before we could watch it, and its number may be another's.
    adopts = _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    woken, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    for number in _HEEDED:
        signal.signal(number, lambda *_: None)
    began_s = time.monotonic()
    child = os.fork()
    if child == 0:
        _become(request["command"])
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    watch = _Watch(child, woken, caller, adopts=adopts)
    how = watch.until_ended(began_s + request["timeout_s"])
    took_s = time.monotonic() - began_s
    left = watch.left_behind() if how == "ended" else []
    stuck = [] if how == "ended" and request["keep"] else watch.end_all(request["grace_s"])
    code = watch.code if how == "ended" else None
    report = {"how": how, "code": code, "took_s": took_s, "left": left, "stuck": stuck}
    try:
        os.write(_CALLER, json.dumps(report).encode() + b"\n")
    except OSError:
        return  # The caller is gone.


class _Watch:
    def __init__(self, child: int, woken: int, caller: int, *, adopts: bool) -> None:
        self.child = child
        self._adopts = adopts
        self.code: int | None = None
        self._woken = woken
        self._poll = select.poll()
        for descriptor in (woken, caller, _CALLER):
            self._poll.register(descriptor, select.POLLIN)
        self._asked = False

    def until_ended(self, until_s: float) -> str:
        """Waits for the command; returns how the wait ended."""
        while True:
            self._reap()
            if self.code is not None:
                return "ended"
            left_s = until_s - time.monotonic()
            if left_s <= 0:
                return "timed_out"
            self._wait(left_s)
            if self._asked:
                return "cancelled"

    def left_behind(self) -> list[str]:
        """What the command left running, after a moment to end by itself."""
        until_s = time.monotonic() + _SETTLE_S
        while not self._all_gone():
            if time.monotonic() > until_s:
                return sorted(self._living().values()) or [_RESTLESS]
            time.sleep(0.01)
        return []

    def end_all(self, grace_s: float) -> list[str]:
        """SIGTERM, then SIGKILL to every process; returns what could not be ended."""
        for pid in self._living():
            _send(pid, signal.SIGTERM)
            _send(pid, signal.SIGCONT)
        until_s = time.monotonic() + grace_s
        while not self._all_gone() and time.monotonic() < until_s:
            time.sleep(0.01)
        until_s = time.monotonic() + KILL_S
        while not self._all_gone():
            for pid in self._living():
                _send(pid, signal.SIGKILL)
            # One that forks and exits all the time is gone before a look at all processes ends.
            for _ in range(_BURST):
                for pid in _children():
                    _send(pid, signal.SIGKILL)
            if time.monotonic() > until_s:
                return sorted(self._living().values()) or [_RESTLESS]
            time.sleep(0.005)
        return []

    def _all_gone(self) -> bool:
        """Whether nothing is left. A look at all processes can miss one that comes and goes; that
        we have no child any more is certain, for whatever loses its parent becomes ours."""
        self._reap()
        if not self._adopts:
            return not self._living()
        try:
            os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return True
        return False

    def _wait(self, left_s: float) -> None:
        for descriptor, _ in self._poll.poll(min(left_s * 1000 + 1, 60_000)):
            if descriptor == self._woken:
                told = os.read(self._woken, 4096)
                self._asked |= any(number != signal.SIGCHLD for number in told)
            else:
                # A word from the caller, or its end: either way it wants no more of this.
                self._asked = True

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self.child:
                code = os.waitstatus_to_exitcode(status)
                self.code = code if code >= 0 else 128 - code

    def _living(self) -> dict[int, str]:
        """Every process below this one that has not ended; where the kernel lets us adopt none,
        those of the command's session as well."""
        children: dict[int, list[int]] = {}
        names: dict[int, str] = {}
        session = []
        for entry in os.listdir("/proc"):  # noqa: PTH208
            if not entry.isdecimal():
                continue
            try:
                with open(f"/proc/{entry}/stat", "rb") as file:  # noqa: PTH123
                    stat = file.read().decode(errors="replace")
            except OSError:
                continue
            name = stat.partition("(")[2].rpartition(")")[0]
            state, parent, _, its_session = stat.rpartition(")")[2].split()[:4]
            pid = int(entry)
            children.setdefault(int(parent), []).append(pid)
            if state not in "ZX":
                names[pid] = f"{name} ({pid})"
            if not self._adopts and int(its_session) == self.child:
                session.append(pid)
        found: dict[int, str] = {}
        seen: set[int] = set()
        waiting = [*children.get(os.getpid(), []), *session]
        while waiting:
            pid = waiting.pop()
            if pid in seen:
                continue
            seen.add(pid)
            waiting += children.get(pid, [])
            if pid in names:
                found[pid] = names[pid]
        return found


def _become(command: str) -> NoReturn:
    """Turns this new process into the command: a session of its own, no terminal, no input."""
    try:
        os.setsid()
        # Should this program be killed, at least the shell goes too; the caller sees to the rest.
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        for number in (*_HEEDED, signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.execv("/bin/sh", ["sh", "-c", command])
    except (OSError, ValueError) as error:
        os.write(2, f"cannot be started: {error}\n".encode())
    finally:
        os._exit(126)


def _children() -> list[int]:
    """Our children as they are now; none where the kernel does not list them."""
    me = os.getpid()
    try:
        with open(f"/proc/{me}/task/{me}/children", "rb") as file:  # noqa: PTH123
            return [int(pid) for pid in file.read().split()]
    except OSError:
        return []


def _send(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        return  # It has ended, or is somebody else's (sudo): then it is told of as stuck.


def _prctl(option: int, value: int) -> bool:
    library: Any = ctypes.CDLL(None, use_errno=True)
    return bool(library.prctl(option, value, 0, 0, 0) == 0)


def _line() -> bytes:
    data = b""
    while not data.endswith(b"\n"):
        more = os.read(_CALLER, 65536)
        if not more:
            sys.exit(0)
        data += more
    return data


if __name__ == "__main__":
    main()
