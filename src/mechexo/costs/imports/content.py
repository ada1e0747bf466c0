"""A broker's file as it lies there, and what can be told of it at a glance."""

from __future__ import annotations

import csv
import io
import json
from decimal import Decimal
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

from mechexo.errors import UnreachableError, UsageError
from mechexo.value_classes import dataclass

_GLANCE = 64 * 1024
_SEPARATORS = ",;\t"


@dataclass(frozen=True)
class Content:
    """The bytes of one file."""

    path: Path
    data: bytes

    @classmethod
    def of(cls, path: Path) -> Content:
        """Reads a file whole, so that what is recognised, digested and imported is one thing.

        Raises:
            UsageError: it is empty, or no file.
            UnreachableError: it cannot be read.
        """
        try:
            data = path.read_bytes()
        except IsADirectoryError:
            raise UsageError(f"{path} is a folder; name the files in it") from None
        except OSError as error:
            raise UnreachableError(f"{path} cannot be read: {error.strerror}") from error
        if not data.strip():
            raise UsageError(f"{path} is empty")
        return cls(path, data)

    @cached_property
    def digest(self) -> str:
        """SHA-256, in hexadecimal."""
        return sha256(self.data).hexdigest()

    @property
    def glance(self) -> bytes:
        """The beginning."""
        return self.data[:_GLANCE].removeprefix(b"\xef\xbb\xbf").lstrip()

    @property
    def is_parquet(self) -> bool:
        """Whether it begins as Parquet does."""
        return self.data[:4] == b"PAR1"

    @cached_property
    def text(self) -> str:
        """The file as text."""
        if self.data[:2] in _UTF16:
            return self.data.decode("utf-16", "replace")
        try:
            return self.data.decode("utf-8-sig")
        except UnicodeDecodeError:
            # Western brokers' exports: every byte is a letter there, numbers stay what they are.
            return self.data.decode("latin-1")

    @property
    def looks_like_json(self) -> bool:
        """Whether it begins as JSON does."""
        return self.glance[:1] in (b"{", b"[")

    @cached_property
    def json(self) -> Any:
        """The file as JSON, numbers with a fraction exactly as they are written.

        Raises:
            UsageError: it is no JSON, or torn.
        """
        try:
            return json.loads(self.text, parse_float=Decimal)
        except (ValueError, RecursionError) as error:
            raise UsageError(f"{self.path} is no whole JSON document: {error}") from None

    def json_rows(self, *keys: str) -> list[Any]:
        """The list in a JSON document: the document itself, or what `keys` lead to in it.

        Raises:
            UsageError: it is no JSON, or there is no such list.
        """
        found = self.json
        for key in keys:
            if isinstance(found, list):
                break
            found = found.get(key) if isinstance(found, dict) else None
        if not isinstance(found, list):
            raise UsageError(f"{self.path} has no list {' / '.join(keys)} as this format has it")
        return found

    @cached_property
    def separator(self) -> str:
        """What parts the cells of a CSV file's first line."""
        first = self.text.lstrip().partition("\n")[0]
        return max(_SEPARATORS, key=first.count)

    @cached_property
    def header(self) -> tuple[str, ...]:
        """The cells of a CSV file's first line; none for what is no text."""
        if self.is_parquet or b"\0" in self.glance or self.glance[:1] in (b"{", b"[", b"<"):
            return ()
        first = io.StringIO(self.text.lstrip().partition("\n")[0])
        cells = next(csv.reader(first, delimiter=self.separator), [])
        return tuple(cell.strip() for cell in cells)

    def csv_rows(self) -> list[list[str]]:
        """All lines of a CSV file, the first one too.

        Raises:
            UsageError: a quote is not closed, or a cell is longer than any cell is.
        """
        try:
            return list(
                csv.reader(
                    io.StringIO(self.text, newline=""), delimiter=self.separator, strict=True
                )
            )
        except csv.Error as error:
            raise UsageError(f"{self.path} is no whole CSV file: {error}") from None


_UTF16 = (b"\xff\xfe", b"\xfe\xff")
