"""Signatures by SSH keys, made and checked by OpenSSH's own `ssh-keygen`. No shell is involved.

Whoever may sign is a line of a file in the format of OpenSSH's allowed signers. A signature is
bound to one namespace, so that none made for git, mail or a log-in passes here.
"""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from mechexo.errors import ConfigError, NotAllowedError, UnreachableError, UsageError

NAMESPACE = "mechexo-rollback"
LONGEST_SIGNATURE_BYTES = 64 * 1024

_HEADER = "-----BEGIN SSH SIGNATURE-----"
_VERIFY_WITHIN_S = 20.0
# A person types a passphrase or touches a security key meanwhile.
_SIGN_WITHIN_S = 180.0
_AGENT_WITHIN_S = 5.0
# The agent and what asks for a passphrase; nothing else of the person's session.
_KEPT = ("PATH", "HOME", "SSH_AUTH_SOCK", "SSH_ASKPASS", "DISPLAY", "WAYLAND_DISPLAY", "TERM")
_OWN_KEYS = ("id_ed25519", "id_ed25519_sk", "id_ecdsa", "id_ecdsa_sk", "id_rsa")


def sign(message: bytes, key: Path) -> str:
    """The armoured signature of `message` by a private key, or by the agent that holds the private
    part of a public one. A passphrase is asked for on the terminal by `ssh-keygen` itself.

    Raises:
        NotAllowedError: the key does not sign, such as for a wrong passphrase.
        UsageError: there is no such key.
        UnreachableError: OpenSSH is not installed, or nobody answered it in time.
    """
    if not key.is_file():
        raise UsageError(f"--key {key}: there is no such file")
    words = ("-Y", "sign", "-f", os.fspath(key), "-n", NAMESPACE)
    status, said, complaint = _ssh_keygen(words, message, _SIGN_WITHIN_S)
    if status != 0 or not said.startswith(_HEADER):
        raise NotAllowedError(f"the key {key} did not sign: {_last_line(complaint)}")
    return said


def read(text: str) -> str:
    """A signature that was made elsewhere, as it is kept.

    Raises:
        UsageError: it is none.
    """
    # A mail or a chat may have changed how the lines end.
    found = "\n".join(line.strip() for line in text.strip().splitlines())
    if not found.startswith(_HEADER) or len(found) > LONGEST_SIGNATURE_BYTES:
        raise UsageError(f"this is no SSH signature: one begins with {_HEADER}")
    return found + "\n"


def principals(signature: str, signers: Path, at: datetime) -> tuple[str, ...]:
    """The names under which the signers' file has the key of a signature; empty when it has not.

    Whether the signature is good is not looked at.

    Raises:
        UnreachableError: OpenSSH is not installed or does not answer.
    """
    with _written(signature) as place:
        words = ("-Y", "find-principals", "-s", place, "-f", os.fspath(signers), *_moment(at))
        status, said, _ = _ssh_keygen(words, b"", _VERIFY_WITHIN_S)
    if status != 0:
        return ()
    names = (name.strip() for line in said.splitlines() for name in line.split(","))
    return tuple(name for name in names if name)


def verify(signature: str, message: bytes, principal: str, signers: Path, at: datetime) -> bool:
    """Whether a signature is `principal`'s, of just this message, in our namespace, by a key that
    the signers' file allows at that moment.

    Raises:
        UnreachableError: OpenSSH is not installed or does not answer.
    """
    with _written(signature) as place:
        words = (
            *("-Y", "verify", "-f", os.fspath(signers), "-I", principal),
            *("-n", NAMESPACE, "-s", place, *_moment(at)),
        )
        status, _, _ = _ssh_keygen(words, message, _VERIFY_WITHIN_S)
    return status == 0


def people(signers: Path) -> tuple[str, ...]:
    """The names in a signers' file, one a line of it, in the order of the lines.

    Raises:
        ConfigError: it cannot be read.
    """
    try:
        text = signers.read_text("utf-8", "replace")
    except OSError as error:
        raise ConfigError(
            f"[rollback] signers: {signers} cannot be read: {error.strerror}"
        ) from error
    lines = (line.strip() for line in text.splitlines())
    return tuple(line.split()[0].strip('"') for line in lines if line and not line.startswith("#"))


def installed() -> bool:
    """Whether there is an OpenSSH to sign and verify with."""
    return shutil.which("ssh-keygen") is not None


def refuse_open_to_others(signers: Path) -> None:
    """Refuses a signers' file that is not there, or that others may write: they could add a key.

    Raises:
        ConfigError: so it is; the text says how to mend it.
    """
    where = "[rollback] signers"
    try:
        found = signers.stat()
    except OSError as error:
        raise ConfigError(f"{where}: {signers} cannot be read: {error.strerror}") from error
    if not stat.S_ISREG(found.st_mode):
        raise ConfigError(f"{where}: {signers} is no file")
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise ConfigError(
            f"{where}: others may write {signers}, and so add a key; mend it with: "
            f"chmod go-w {signers}"
        )


@contextmanager
def own_key(signers: Path) -> Iterator[Path]:
    """A key of the acting person: one that their agent holds and the signers' file names, else the
    first of OpenSSH's usual ones.

    Raises:
        UsageError: there is none.
    """
    allowed = frozenset(signers.read_text("utf-8", "replace").split())
    held = next((line for line in _agent_keys() if _blob(line) in allowed), None)
    if held is not None:
        with tempfile.NamedTemporaryFile("w", suffix=".pub", prefix="mechexo-") as public:
            public.write(held + "\n")
            public.flush()
            yield Path(public.name)
        return
    folder = Path("~/.ssh").expanduser()
    key = next((folder / name for name in _OWN_KEYS if (folder / name).is_file()), None)
    if key is None:
        raise UsageError(
            f"no key to sign with: the agent holds none that {signers} names, and {folder} has "
            "none; name one with --key"
        )
    yield key


def _agent_keys() -> tuple[str, ...]:
    """The public keys that the person's agent holds; none without an agent."""
    if not os.environ.get("SSH_AUTH_SOCK"):
        return ()
    try:
        status, said, _ = _run(("ssh-add", "-L"), b"", _AGENT_WITHIN_S)
    except UnreachableError:
        # The agent is one of two ways to a key: where it is gone the other one is tried.
        return ()
    return tuple(line for line in said.splitlines() if _blob(line)) if status == 0 else ()


def _blob(line: str) -> str:
    """The key itself, in a line of type, key and comment."""
    words = line.split()
    return words[1] if len(words) > 1 else ""


@contextmanager
def _written(signature: str) -> Iterator[str]:
    with tempfile.NamedTemporaryFile("w", suffix=".sig", prefix="mechexo-") as file:
        file.write(signature)
        file.flush()
        yield file.name


def _moment(at: datetime) -> tuple[str, str]:
    """The moment at which a key has to be allowed; older versions read it in the zone of `TZ`."""
    return "-O", f"verify-time={at.astimezone(UTC):%Y%m%d%H%M%S}"


def _ssh_keygen(words: Sequence[str], message: bytes, within_s: float) -> tuple[int, str, str]:
    return _run(("ssh-keygen", *words), message, within_s)


def _run(words: Sequence[str], message: bytes, within_s: float) -> tuple[int, str, str]:
    given = {name: os.environ[name] for name in _KEPT if name in os.environ}
    try:
        done = subprocess.run(
            words,
            input=message,
            capture_output=True,
            check=False,
            timeout=within_s,
            env={**given, "LC_ALL": "C", "TZ": "UTC"},
        )
    except FileNotFoundError as error:
        raise UnreachableError(
            f"{words[0]} is not installed, or not in PATH; approvals need OpenSSH"
        ) from error
    except OSError as error:
        raise UnreachableError(f"{words[0]} cannot be run: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise UnreachableError(f"{words[0]} did not end within {within_s:.0f} s") from error
    return (
        done.returncode,
        done.stdout.decode("utf-8", "replace"),
        done.stderr.decode("utf-8", "replace"),
    )


def _last_line(complaint: str) -> str:
    lines = [line.strip() for line in complaint.splitlines() if line.strip()]
    return "".join(each for each in (lines or ["it gave no reason"])[-1] if each.isprintable())
