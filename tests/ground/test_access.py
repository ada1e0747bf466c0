"""What keeps a user from a file; who may what is proven by the doctor, run as somebody else."""

from __future__ import annotations

import glob
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mechexo.access import barrier, glob_start


@pytest.mark.parametrize(
    ("pattern", "start"),
    [
        ("/data/*.csv", "/data"),
        ("/data/2026-*/fills/*.csv", "/data"),
        ("/data/**/x.csv", "/data"),
        ("/data/fills.csv", "/data/fills.csv"),
        ("/data/[ab]/x.csv", "/data"),
        ("/*", "/"),
    ],
)
def test_a_glob_starts_where_its_first_wildcard_is(pattern: str, start: str) -> None:
    assert glob_start(pattern) == Path(start)


@given(st.lists(st.text("ab[]*?", min_size=1), min_size=1))
def test_a_folder_whose_name_is_like_a_wildcard_is_no_wildcard_when_escaped(
    names: list[str],
) -> None:
    folder = Path("/", *names)
    assert glob_start(f"{glob.escape(str(folder))}/*.csv") == folder


def test_nothing_is_in_the_way_of_what_is_not_there(tmp_path: Path) -> None:
    assert barrier(tmp_path / "no" / "file") is None
    assert barrier(tmp_path / "file", write=True) is None
    (tmp_path / "file").touch()
    assert barrier(tmp_path / "file" / "below", write=True) is None
