"""People with real SSH keys, and the file that says who of them may approve."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Approvers:
    """Keys in a folder, one a person; the signers' file of the desk."""

    folder: Path
    signers: Path

    @classmethod
    def begin(cls, folder: Path, signers: Path) -> Approvers:
        if not shutil.which("ssh-keygen"):
            pytest.skip("needs ssh-keygen")
        folder.mkdir()
        signers.parent.mkdir(exist_ok=True)
        signers.write_text("")
        signers.chmod(0o644)
        return cls(folder, signers)

    def key(self, person: str, *, passphrase: str = "") -> Path:
        """A person's private key; made when it is asked for first."""
        place = self.folder / person
        if not place.exists():
            subprocess.run(
                ["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-C", "", "-f", place],
                check=True,
            )
        return place

    def public(self, person: str) -> str:
        return self.key(person).with_suffix(".pub").read_text().strip()

    def allow(self, person: str, *, called: str = "", options: str = "") -> None:
        """Adds a person's key to the signers' file, under their name or another."""
        words = [called or person, *([options] if options else []), self.public(person)]
        with self.signers.open("a") as file:
            file.write(" ".join(words) + "\n")

    def forget(self, person: str) -> None:
        """Takes a person's key out of the signers' file."""
        kept = [
            line
            for line in self.signers.read_text().splitlines()
            if self.public(person) not in line
        ]
        self.signers.write_text("".join(f"{line}\n" for line in kept))

    def signed(self, person: str, message: bytes, *, namespace: str = "mechexo-rollback") -> str:
        """What `ssh-keygen` itself makes of a message."""
        done = subprocess.run(
            ["ssh-keygen", "-Y", "sign", "-f", self.key(person), "-n", namespace],
            input=message,
            capture_output=True,
            check=True,
        )
        return done.stdout.decode()
