"""Which values of a configuration file differ, by their path, with secrets hidden."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from mechexo.rollback.changed_keys import MOST, changed_keys
from mechexo.rollback.values import ChangedKey


def differences(name: str, old: str, new: str) -> list[tuple[str, str | None, str | None]]:
    found = changed_keys(name, old.encode(), new.encode())
    return [(key.path, key.old, key.new) for key in found]


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("a.yaml", "w:\n  - max: 2\n    s: AAPL\nx: 1\n", "w:\n  - max: 3\n    s: AAPL\ny: 1\n"),
        ("a.toml", 'x = 1\n[[w]]\nmax = 2\ns = "AAPL"\n', 'y = 1\n[[w]]\nmax = 3\ns = "AAPL"\n'),
        ("a.json", '{"w":[{"max":2,"s":"AAPL"}],"x":1}', '{"w":[{"max":3,"s":"AAPL"}],"y":1}'),
    ],
)
def test_changed_added_and_removed_values_have_their_path(name: str, old: str, new: str) -> None:
    assert sorted(differences(name, old, new)) == [
        ("w[0].max", "2", "3"),
        ("x", "1", None),
        ("y", None, "1"),
    ]


def test_a_number_that_becomes_a_text_is_a_change() -> None:
    assert differences("a.yml", "x: 1\n", "x: '1'\n") == [("x", "1", '"1"')]
    assert differences("a.json", '{"x": 1}', '{"x": true}') == [("x", "1", "true")]


def test_comments_order_and_layout_are_none() -> None:
    assert differences("a.yaml", "# old\na: 1\nb: [1, 2]\n", "b:\n- 1\n- 2\na: 1 # new\n") == []


def test_a_file_that_comes_or_goes_has_all_its_values() -> None:
    assert changed_keys("a.toml", None, b"x = 1\n") == (ChangedKey("a.toml", "x", None, "1"),)
    assert changed_keys("a.toml", b"x = 1\n", None) == (ChangedKey("a.toml", "x", "1", None),)


@pytest.mark.parametrize(
    "text",
    [
        "db:\n  password: {0}\n",
        "api_tokens:\n- {0}\n",
        "credentials:\n  user: {0}\n",
        "url: postgresql://me:{0}@host/db\n",
    ],
)
def test_a_secret_changes_unseen(text: str) -> None:
    [(path, old, new)] = differences("a.yaml", text.format("hunter2"), text.format("hunter3"))
    assert path
    assert "hunter" not in f"{old}{new}"


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("a.yaml", "a: [1\n"),
        ("a.yaml", "a: 1\na: 2\n"),
        ("a.json", "{"),
        ("a.json", '{"a":1,"a":2}'),
        ("a.toml", "a = \n"),
        ("a.toml", "a = 1\na = 2\n"),
        ("a.json", "[" * 100_000),
    ],
)
def test_what_cannot_be_read_is_said(name: str, bad: str) -> None:
    [key] = (
        changed_keys(name, b"", bad.encode())
        if name != "a.json"
        else changed_keys(name, b"{}", bad.encode())
    )
    assert key.path.startswith("(not readable as it is then: ")


def test_aliases_that_multiply_do_not_eat_the_memory() -> None:
    bomb = "a0: &a0 [x, x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12)
    )
    [key] = changed_keys("a.yaml", b"a: 1\n", bomb.encode())
    assert "too large to compare" in key.path


def test_a_tag_makes_no_object() -> None:
    text = "a: !!python/object/apply:os.system ['true']\nb: !vault x\n"
    assert differences("a.yaml", text, text.replace("x", "y")) == [("b", "x", "y")]


def test_of_very_many_the_first_are_named_and_the_rest_counted() -> None:
    old = "".join(f"k{n}: 1\n" for n in range(MOST + 5))
    found = changed_keys("a.yaml", old.encode(), old.replace("1\n", "2\n").encode())
    assert len(found) == MOST + 1
    assert found[-1].path == "(and 5 more)"


def test_other_files_have_no_keys() -> None:
    assert changed_keys("a.py", b"x = 1\n", b"x = 2\n") == ()


values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(["", "a", "b c", "1"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["k", "l", "m.n", "o p"]), inner, max_size=3)
    ),
    max_leaves=12,
)
objects = st.dictionaries(st.sampled_from(["a", "b", "c"]), values, max_size=3)


def leaves(value: Any, path: tuple[object, ...] = ()) -> dict[tuple[object, ...], Any]:
    """The independent walk: each value that holds no others."""
    items: list[tuple[object, Any]] = []
    if isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, list):
        items = list(enumerate(value))
    if not items:
        return {path: (type(value), str(value))}
    found = {}
    for step, item in items:
        found |= leaves(item, (*path, step))
    return found


@given(old=objects, new=objects)
def test_as_many_keys_change_as_an_independent_walk_finds(
    old: dict[str, Any], new: dict[str, Any]
) -> None:
    before, after = leaves(old), leaves(new)
    changed = {path for path in before | after if before.get(path) != after.get(path)}
    for name, text in (("a.json", json.dumps), ("a.yaml", yaml.safe_dump)):
        found = changed_keys(name, text(old).encode(), text(new).encode())
        assert len(found) == len(changed)
    assert not changed_keys("a.json", json.dumps(old).encode(), json.dumps(old).encode())
