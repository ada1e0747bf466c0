"""The references of a configuration resolved for one look outside, and hidden in all it says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import field
from pathlib import Path

from mechexo.config.addresses import fill_address, forms, secrets_of_references
from mechexo.config.secrets import redact, resolve_references
from mechexo.errors import MechexoError, UnreachableError
from mechexo.outside.values import HeldError
from mechexo.value_classes import dataclass


@dataclass(frozen=True, slots=True)
class Resolving:
    """What one look resolves, and hides from then on."""

    root: Path
    """The desk's folder: relative paths start here."""
    _secrets: set[str] = field(default_factory=set, kw_only=True)

    def resolve(self, written: str, *, whole: bool = False) -> str:
        """The text with its secret references replaced; `tidy` hides them from then on.

        `whole`: hides them as wholes only. It is for paths, whose parts are everyday words.

        Raises:
            ConfigError: a reference cannot be resolved.
        """
        secrets = secrets_of_references(written, self.root)
        self._secrets.update(secrets if whole else forms(secrets))
        return resolve_references(written, self.root)

    def resolve_address(self, written: str) -> str:
        """The address with its secrets filled in at their places; `tidy` hides them from then on.

        Raises:
            ConfigError: a reference cannot be resolved.
        """
        self._secrets.update(forms(secrets_of_references(written, self.root)))
        return fill_address(written, self.root)

    def file(self, configured: str) -> Path:
        """A configured path, from the desk's folder when it is relative."""
        return self.root / Path(configured).expanduser()

    def tidy(self, said: str) -> str:
        """The text without the secrets that were resolved, and without what looks like one."""
        return redact(said, tuple(self._secrets))

    @contextmanager
    def tidied(self) -> Iterator[None]:
        """Whatever fails within is told without secrets, and never as a traceback: a kind may be
        anybody's code, and its error may hold what was sent.

        Raises:
            HeldError: it is not to be asked before a moment.
            UnreachableError: there is no good answer; the text says why.
        """
        try:
            yield
        except HeldError as error:
            raise HeldError(self.tidy(str(error)), error.until) from None
        except MechexoError as error:
            raise UnreachableError(self.tidy(str(error))) from None
        except Exception as error:  # noqa: BLE001 - told as its reason
            raise UnreachableError(self.tidy(f"{type(error).__name__}: {error}")) from None
