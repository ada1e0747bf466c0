"""What a probe kind is given, and what it must offer."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mechexo.config import ProbeSettings, redact, resolve_references
from mechexo.config.addresses import fill_address, forms, secrets_of_references
from mechexo.health.values import CheckIn, Outcome
from mechexo.value_classes import dataclass

if TYPE_CHECKING:
    from pydantic import BaseModel

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")
_LONGEST_DETAIL = 400


@dataclass(slots=True)
class Context:
    """One look of one probe: where it starts from, when it is, how long it may take.

    A look never touches the state file: what it needs from there is in `check_ins` and
    `starts`.
    """

    probe: str
    """The probe's name."""
    root: Path
    """The desk's folder: relative paths start here."""
    now: datetime
    timeout_s: float
    """After this many seconds nobody waits for the answer any more."""
    first_seen_at: datetime
    """When this probe was first looked at."""
    check_ins: Mapping[str, CheckIn] = field(default_factory=dict)
    """The last check-in of each job."""
    starts: Mapping[str, datetime] = field(default_factory=dict)
    """When each job said last that it began."""
    _secrets: set[str] = field(default_factory=set)

    def path(self, configured: str) -> Path:
        """A configured path, from the desk's folder when it is relative."""
        return self.root / Path(configured).expanduser()

    def resolve(self, text: str, *, whole: bool = False) -> str:
        """The text with its secret references replaced; `tidy` hides them from then on.

        `whole`: hides them as wholes only. It is for paths, whose parts are everyday words.

        Raises:
            ConfigError: a reference cannot be resolved.
        """
        secrets = secrets_of_references(text, self.root)
        self._secrets |= set(secrets) if whole else forms(secrets)
        return resolve_references(text, self.root)

    def resolve_address(self, text: str) -> str:
        """The address with its secrets filled in so that they stay in their places; `tidy` hides
        them, and the pieces that a mangled address would be told in, from then on.

        Raises:
            ConfigError: a reference cannot be resolved.
        """
        self._secrets |= forms(secrets_of_references(text, self.root))
        return fill_address(text, self.root)

    def tidy(self, text: str) -> str:
        """The text as one short line that shows no secret and cannot steer a terminal."""
        hidden = redact(text, tuple(self._secrets))
        line = " ".join(_CONTROL.sub(" ", hidden).split())
        return line if len(line) <= _LONGEST_DETAIL else line[: _LONGEST_DETAIL - 1] + "…"


@dataclass(frozen=True, slots=True)
class ProbeKind:
    """A kind of probe: the model of its options and how it looks."""

    name: str
    options_model: type[BaseModel]
    run: Callable[[Any, Context], Outcome]
    needs: tuple[str, ...] = ()
    """Modules to import before looks begin: an import beside a look would slow what it times."""


@dataclass(frozen=True, slots=True)
class ConfiguredProbe:
    """A probe of the configuration with its kind and its checked options."""

    name: str
    settings: ProbeSettings
    kind: ProbeKind
    options: BaseModel
