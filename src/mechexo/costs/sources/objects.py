"""Parquet and CSV objects in S3, Google Cloud Storage and Azure, by glob.

`s3://bucket/quotes/**/*.parquet?aws_region=eu-west-1&aws_access_key_id=${env:KEY_ID}&…`: what
follows the `?` are Polars' storage options. Without credentials there, the ones of the environment
are used (`AWS_ACCESS_KEY_ID`, an instance's role and so on).

The objects of one glob are read together and have the same columns. One that is replaced while it
is read is read as a broken file as a rule; the stores offer no way of holding on to the old one.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import polars as pl
from polars.exceptions import PolarsError

from mechexo.config.secrets import redact
from mechexo.costs.interrupts import interrupts_told
from mechexo.costs.sources.addresses import Address, parse_address
from mechexo.costs.sources.files import KINDS, partitions
from mechexo.costs.sources.protocol import RawTable, Window
from mechexo.costs.sources.telling import unreadable
from mechexo.errors import ConfigError
from mechexo.value_classes import dataclass

_COMMON = ("connect_timeout", "max_retries", "timeout")
_OPTIONS = {
    "s3": (
        "aws_access_key_id",
        "aws_allow_http",
        "aws_endpoint_url",
        "aws_region",
        "aws_request_payer",
        "aws_secret_access_key",
        "aws_session_token",
        "aws_skip_signature",
        "aws_virtual_hosted_style_request",
    ),
    "gs": (
        "google_allow_http",
        "google_application_credentials",
        "google_base_url",
        "google_bearer_token",
        "google_service_account",
        "google_service_account_key",
        "google_skip_signature",
    ),
    "az": (
        "azure_allow_http",
        "azure_client_id",
        "azure_client_secret",
        "azure_endpoint",
        "azure_skip_signature",
        "azure_storage_account_key",
        "azure_storage_account_name",
        "azure_storage_sas_token",
        "azure_tenant_id",
        "azure_storage_use_emulator",
    ),
}
_CREDENTIALS = ("access_key_id", "account_key", "sas_token", "client_secret", "service_account",
                "service_account_key", "application_credentials", "bearer_token",
                "skip_signature")  # fmt: skip
_PATH = "path of the object"
_CASTS = pl.ScanCastOptions(
    integer_cast=["upcast", "allow-float"],
    float_cast="upcast",
    datetime_cast=["nanosecond-downcast", "upcast", "convert-timezone"],
    categorical_to_string="allow",
)


@dataclass(frozen=True, slots=True)
class ObjectSource:
    """All objects of a glob."""

    address: Address
    root: Path

    @classmethod
    def parse(cls, text: str, setting: str, root: Path) -> ObjectSource:
        """The source of an `s3://`, `gs://` or `az://` glob.

        Raises:
            ConfigError: the text is no such address, a secret stands in it, or an option is
                unknown.
        """
        address = parse_address(text, setting)
        address.refuse_unknown((*_OPTIONS[address.scheme], *_COMMON))
        if not address.host or not address.path or address.query:
            raise address.wrong(f"{address.scheme}://bucket/path/*.parquet?option=value")
        if PurePosixPath(address.path).suffix.lower() not in KINDS:
            raise ConfigError(
                f"{address.where}: {address.host}/{address.path} ends in neither .parquet nor .csv"
            )
        return cls(address, root)

    @property
    def pattern(self) -> str:
        """The address without its options."""
        return f"{self.address.scheme}://{self.address.host}/{self.address.path}"

    def batches(
        self, window: Window, time_column: str | None
    ) -> Generator[Sequence[RawTable], None, None]:
        """See `Source.batches`: all objects are one table, its hive partitions columns of text."""
        options = self._options()
        if KINDS[PurePosixPath(self.pattern).suffix.lower()] == "csv":
            yield [RawTable(self.pattern, pl.scan_csv(self.pattern, infer_schema=False, **options))]
            return
        frame = pl.scan_parquet(
            self.pattern,
            hive_schema=dict.fromkeys(self._partition_names(options), pl.String()) or None,
            hive_partitioning=True,
            missing_columns="insert",
            cast_options=_CASTS,
            **options,
        )
        yield [RawTable(self.pattern, frame)]

    def _partition_names(self, options: dict[str, Any]) -> list[str]:
        """The names of the hive partitions, so that their values stay text: 0700 is no number."""
        folders = self.address.path.split("/")[:-1]
        if all("=" in folder or "*" not in folder for folder in folders):
            return list(partitions(self.address.path))
        paths = pl.scan_parquet(
            self.pattern, hive_partitioning=False, include_file_paths=_PATH, **options
        )
        try:
            with interrupts_told():
                first = paths.select(_PATH).head(1).collect()
        except (PolarsError, OSError) as error:
            raise unreadable(self.pattern, error) from error
        return list(partitions(str(first.item()))) if len(first) else []

    def _options(self) -> dict[str, Any]:
        resolved = {
            name: self.address.resolved(value, self.root)
            for name, value in self.address.parameters.items()
        }
        if self.address.scheme == "s3":
            self._require_region(resolved)
        retries = resolved.pop("max_retries", "2")
        if not retries.isdecimal():
            raise ConfigError(f"{self.address.where}: max_retries = {redact(retries)!r}: a number")
        storage = {"connect_timeout": "5s", "timeout": "60s", **resolved}
        own = any(name.endswith(_CREDENTIALS) for name in resolved)
        return {
            "storage_options": {**storage, "max_retries": int(retries)},
            "credential_provider": None if own else "auto",
        }

    def _require_region(self, options: dict[str, Any]) -> None:
        # Without one, Polars asks the network for it and warns.
        if "aws_region" not in options and not any(
            os.environ.get(name) for name in ("AWS_REGION", "AWS_DEFAULT_REGION")
        ):
            raise ConfigError(
                f"{self.address.where}: the bucket's region is not known; "
                "write ?aws_region=... or set AWS_REGION"
            )
