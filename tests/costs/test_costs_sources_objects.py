"""Reading from object stores: against a server that speaks S3, signatures and errors included."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from mechexo.config.costs import CostSettings
from mechexo.costs.sources import read_quotes
from mechexo.costs.sources.protocol import Window
from mechexo.errors import ConfigError, UnreachableError
from support.s3_server import KEY_ID, PAGE, REGION, SECRET, Bucket, running_bucket

pytestmark = pytest.mark.slow

DAY = datetime(2026, 3, 2, tzinfo=UTC)
WINDOW = Window(DAY, DAY + timedelta(days=30))


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    monkeypatch.setenv("DESK_KEY_ID", KEY_ID)
    monkeypatch.setenv("DESK_SECRET", SECRET)
    with running_bucket() as running:
        yield running


def parquet(**columns: object) -> bytes:
    content = io.BytesIO()
    row = {"ts": [DAY + timedelta(hours=15)], "symbol": ["AAA"], "bid": [99.0], "ask": [101.0]}
    row.update(columns)  # type: ignore[arg-type]
    wanted = {name: values for name, values in row.items() if values is not None}
    pl.DataFrame(wanted).write_parquet(content)
    return content.getvalue()


def address(bucket: Bucket, glob: str, secret: str = "${env:DESK_SECRET}") -> str:
    return (
        f"s3://desk/{glob}?aws_endpoint_url={bucket.endpoint}&aws_region={REGION}"
        f"&aws_access_key_id=${{env:DESK_KEY_ID}}&aws_secret_access_key={secret}"
        "&aws_allow_http=true&max_retries=2"
    )


def read(text: str, window: Window = WINDOW) -> pl.DataFrame:
    return read_quotes(CostSettings(quotes=text), Path("/"), window).frame


def test_a_glob_finds_its_objects_over_all_pages_of_the_listing(bucket: Bucket) -> None:
    count = 2 * PAGE + 1
    for place in range(count):
        bucket.objects[f"q/{place}.parquet"] = parquet(bid=[float(place)])
    bucket.objects["other/1.parquet"] = parquet(bid=[-1.0])
    assert read(address(bucket, "q/*.parquet"))["bid"].to_list() == [float(n) for n in range(count)]
    assert all(status < 400 for _, _, status, _ in bucket.requests)


def test_hive_partitions_are_columns_and_stay_text(bucket: Bucket) -> None:
    for symbol in ("0700", "0005"):
        bucket.objects[f"q/day=2026-03-02/symbol={symbol}/1.parquet"] = parquet(symbol=None)
    for glob in ("q/day=*/symbol=*/*.parquet", "q/**/*.parquet"):
        assert sorted(read(address(bucket, glob))["symbol"].to_list()) == ["0005", "0700"]


def test_objects_of_symbols_that_are_not_wanted_are_not_read(bucket: Bucket) -> None:
    big = 200_000
    for symbol in ("AAA", "BBB"):
        bucket.objects[f"q/symbol={symbol}/1.parquet"] = parquet(
            symbol=None,
            ts=[DAY + timedelta(seconds=n) for n in range(big)],
            bid=[n * 1.1 for n in range(big)],
            ask=[n * 1.2 for n in range(big)],
        )
    wanted = Window(WINDOW.start, WINDOW.end, ("AAA",))
    assert len(read(address(bucket, "q/symbol=*/*.parquet"), wanted)) == big
    of_other, of_wanted = (
        sum(size for _, path, _, size in bucket.requests if symbol in path)
        for symbol in ("BBB", "AAA")
    )
    assert of_other < of_wanted / 4, bucket.requests


def test_objects_may_differ_in_the_unit_and_zone_of_their_times(bucket: Bucket) -> None:
    noon = pl.Series([DAY + timedelta(hours=12)])
    bucket.objects["q/1.parquet"] = parquet(ts=noon.dt.cast_time_unit("ms"))
    bucket.objects["q/2.parquet"] = parquet(
        ts=noon.dt.cast_time_unit("ns").dt.convert_time_zone("America/New_York")
    )
    assert read(address(bucket, "q/*.parquet"))["ts"].to_list() == [noon[0]] * 2


def test_csv_objects_are_read_like_csv_files(bucket: Bucket) -> None:
    bucket.objects["q/1.csv"] = b"ts,symbol,bid,ask\n2026-03-02T15:00:00Z,AAA,99,101\n"
    assert read(address(bucket, "q/*.csv")).rows() == [
        (DAY + timedelta(hours=15), "AAA", 99.0, 101.0)
    ]


def test_a_store_that_asks_to_slow_down_is_asked_again(bucket: Bucket) -> None:
    bucket.objects["q/1.parquet"] = parquet()
    bucket.slow_down = 1
    assert len(read(address(bucket, "q/*.parquet"))) == 1


@pytest.mark.slow
def test_a_store_that_stays_busy_is_said(bucket: Bucket) -> None:
    bucket.slow_down = 1000
    with pytest.raises(UnreachableError, match=r"SlowDown: Please reduce your request rate"):
        read(address(bucket, "busy/*.parquet"))


def test_a_glob_without_a_match_is_said(bucket: Bucket) -> None:
    for glob in ("none/*.parquet", "none/**/*.parquet"):
        with pytest.raises(UnreachableError, match=r"no object matches s3://desk/none/"):
            read(address(bucket, glob))


def test_a_missing_object_or_bucket_is_said(bucket: Bucket) -> None:
    with pytest.raises(UnreachableError, match=r"there is no object none/1.parquet"):
        read(address(bucket, "none/1.parquet"))
    text = address(bucket, "q/*.parquet").replace("s3://desk/", "s3://elsewhere/")
    with pytest.raises(UnreachableError, match="NoSuchBucket: The specified bucket does not exist"):
        read(text)


def test_a_wrong_secret_is_said_and_not_shown(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket.objects["q/1.parquet"] = parquet()
    monkeypatch.setenv("WRONG", "wrong-but-still-a-secret")
    with pytest.raises(UnreachableError, match="SignatureDoesNotMatch") as caught:
        read(address(bucket, "q/*.parquet", "${env:WRONG}"))
    assert "wrong-but-still" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_secret_in_plain_text_is_refused_and_not_shown(bucket: Bucket) -> None:
    with pytest.raises(ConfigError, match="aws_secret_access_key stands in plain text") as caught:
        read(address(bucket, "q/*.parquet", "hunter2hunter2"))
    assert "hunter2" not in str(caught.value)


def test_a_corrupted_object_is_said(bucket: Bucket) -> None:
    bucket.objects["q/1.parquet"] = b"rubbish " * 100
    with pytest.raises(UnreachableError, match=r"s3://desk/q/\*.parquet cannot be read: parquet"):
        read(address(bucket, "q/*.parquet"))


def test_objects_whose_columns_differ_are_not_read_half(bucket: Bucket) -> None:
    bucket.objects["q/1.parquet"] = parquet()
    bucket.objects["q/2.parquet"] = parquet(seq=[1])
    with pytest.raises(UnreachableError, match="seq"):
        read(address(bucket, "q/*.parquet"))


def test_a_store_that_is_not_there_is_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESK_KEY_ID", KEY_ID)
    monkeypatch.setenv("DESK_SECRET", SECRET)
    gone = Bucket("desk", "http://127.0.0.1:9")
    text = address(gone, "q/*.parquet").replace("max_retries=2", "max_retries=0")
    with pytest.raises(UnreachableError, match=r"s3://desk/q/\*.parquet cannot be read"):
        read(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("s3://desk/*.parquet?region=x", "'region' is unknown; known: aws_access_key_id"),
        ("s3://desk/*.parquet", "region is not known"),
        ("s3:///a.parquet", "s3://bucket/path"),
        ("gs://desk/", "gs://bucket/path"),
        ("az://box/fills.xlsx", "neither .parquet nor .csv"),
        ("s3://desk/*.parquet?aws_region=x&max_retries=often", "max_retries"),
        ("az://b/*.csv?azure_storage_account_key=k", "azure_storage_account_key stands in plain"),
    ],
)
def test_an_address_that_is_none_is_refused(
    text: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_REGION", raising=False)
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    with pytest.raises(ConfigError) as caught:
        read(text)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("scheme", "options"),
    [
        ("gs", "google_base_url={}&google_skip_signature=true&google_allow_http=true"),
        (
            "az",
            "azure_endpoint={}&azure_storage_account_name=desk&azure_skip_signature=true"
            "&azure_allow_http=true",
        ),
    ],
)
def test_the_other_clouds_are_read_alike(bucket: Bucket, scheme: str, options: str) -> None:
    bucket.public = True
    for place in range(PAGE + 1):
        bucket.objects[f"q/symbol=0{place}/{place}.parquet"] = parquet(symbol=None)
    text = f"{scheme}://desk/q/symbol=*/*.parquet?{options.format(bucket.endpoint)}&max_retries=1"
    assert read(text)["symbol"].to_list() == [f"0{place}" for place in range(PAGE + 1)]
    with pytest.raises(UnreachableError, match="no object matches"):
        read(text.replace("/q/", "/none/"))
