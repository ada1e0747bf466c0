"""Which values of a configuration file differ, by their path, with secrets hidden."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from mechexo.rollback.changed_keys import LONGEST_BYTES, MOST, changed_keys
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
        "env:\n- name: DB_PASSWORD\n  value: {0}\n",
        "env:\n- value: {0}\n  key: api_token\n",
        "start: --password={0}\n",
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
    assert key.path.endswith("it has more than 50,000 values, aliases followed)")


def test_a_tag_makes_no_object() -> None:
    text = "a: !!python/object/apply:os.system ['true']\nb: !vault q\n"
    assert differences("a.yaml", text, text.replace("q", "r")) == [
        ("b", '!vault "q"', '!vault "r"')
    ]


@pytest.mark.parametrize("opened", ["[", "- ", "{a: "])
def test_what_is_nested_too_deep_is_refused_before_it_exhausts_the_stack(opened: str) -> None:
    [key] = changed_keys("a.yaml", (opened * 100_000).encode(), b"a: 1\n")
    assert key.path == "(not readable as it is now: it is nested more than 100 deep)"


@pytest.mark.parametrize("text", ["a: *a\n", "a: &a {b: *a}\n", "? &a [*a]\n: 1\n"])
def test_an_alias_that_names_nothing_or_holds_itself_is_said(text: str) -> None:
    [key] = changed_keys("a.yaml", text.encode(), b"a: 1\n")
    assert "the alias *a" in key.path


def test_what_an_alias_names_changes_wherever_it_is_named() -> None:
    text = "a: &a\n  m: 1\nb: *a\nc:\n  <<: *a\n"
    assert differences("a.yaml", text, text.replace("1", "2")) == [
        ("a.m", "1", "2"),
        ("b.m", "1", "2"),
        ("c.<<.m", "1", "2"),
    ]


def test_of_several_documents_the_further_ones_are_numbered() -> None:
    assert differences("a.yaml", "x: 1\n", "x: 2\n---\nx: 3\n") == [
        ("x", "1", "2"),
        ("#1.x", None, "3"),
    ]


@pytest.mark.parametrize("number", ["1", "on", "null", "1.5"])
def test_a_key_that_becomes_a_text_is_another_key(number: str) -> None:
    assert differences("a.yaml", f"{number}: a\n", f"'{number}': a\n") == [
        (number, '"a"', None),
        (f'"{number}"', None, '"a"'),
    ]


@pytest.mark.parametrize(
    ("old", "new", "shown"),
    [
        ("2026-01-01", '"2026-01-01"', ("2026-01-01", '"2026-01-01"')),
        ("1", "1.0", ("1", "1.0")),
        ("12:30:00", "12:31:00", ("12:30:00", "12:31:00")),
    ],
)
def test_a_type_that_changes_can_be_seen(old: str, new: str, shown: tuple[str, str]) -> None:
    assert differences("a.toml", f"x = {old}\n", f"x = {new}\n") == [("x", *shown)]


def test_not_a_number_does_not_change() -> None:
    assert differences("a.toml", "x = nan\ny = 1\n", "x = nan\ny = 2\n") == [("y", "1", "2")]


def test_of_a_long_value_that_part_is_shown_that_differs() -> None:
    old, new = "a" * 500 + "b" * 500, "a" * 500 + "c" + "b" * 500
    [(_, before, after)] = differences("a.json", json.dumps([old]), json.dumps([new]))
    assert before == f"...{'a' * 20}{'b' * 100}... (1,002 long)"
    assert after == f"...{'a' * 20}c{'b' * 99}... (1,003 long)"


def test_a_number_too_long_to_write_out_is_shown_as_far_as_others() -> None:
    [(_, old, new)] = differences("a.toml", "x = 1\n", f"x = 0x{'f' * 9000}\n")
    assert (old, new) == ("1", f"0x{'f' * 118}... (9,002 long)")


@pytest.mark.parametrize("sign", ["\\ud800", "\\u202e", "\\u0007", "\\u0085"])
def test_a_sign_that_a_terminal_would_obey_is_only_named(sign: str) -> None:
    [(path, _, value)] = differences("a.json", "{}", f'{{"k{sign}": "v{sign}"}}')
    for text in (path, str(value)):
        assert text.isprintable()
        assert text.encode("utf-8")


def test_a_file_too_large_to_compare_is_said() -> None:
    [key] = changed_keys("a.json", b"{}", b'{"a": "' + b"x" * LONGEST_BYTES + b'"}')
    assert key.path == "(not readable as it is then: it has more than 512 KiB)"


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


def leaves(value: Any, path: str = "") -> dict[str, str]:
    """The independent walk: each value that holds no others, as text, by its path as text."""
    if isinstance(value, dict) and value:
        steps = [(f'"{key}"' if key[1:] else key, item) for key, item in value.items()]
        inside = [(f"{path}.{step}".removeprefix("."), item) for step, item in steps]
    elif isinstance(value, list) and value:
        inside = [(f"{path}[{number}]", item) for number, item in enumerate(value)]
    else:
        return {path: json.dumps(value)} if path else {}
    return {name: text for below, item in inside for name, text in leaves(item, below).items()}


@given(old=objects, new=objects)
def test_the_changed_keys_make_the_old_values_the_new_ones(
    old: dict[str, Any], new: dict[str, Any]
) -> None:
    for name, text in (("a.json", json.dumps), ("a.yaml", yaml.safe_dump)):
        patched = leaves(old)
        for key in changed_keys(name, text(old).encode(), text(new).encode()):
            assert patched.pop(key.path, None) == key.old
            assert key.old != key.new
            if key.new is not None:
                patched[key.path] = key.new
        assert patched == leaves(new)


@given(value=objects, indent=st.integers(0, 4))
def test_the_same_values_in_another_layout_change_nothing(
    value: dict[str, Any], indent: int
) -> None:
    old, new = json.dumps(value), json.dumps(value, indent=indent, sort_keys=True)
    assert changed_keys("a.json", old.encode(), new.encode()) == ()
    assert changed_keys("a.yaml", old.encode(), yaml.safe_dump(value).encode()) == ()


@given(data=st.binary(max_size=60), name=st.sampled_from(["a.yaml", "a.toml", "a.json"]))
def test_whatever_stands_in_a_file_nothing_fails(data: bytes, name: str) -> None:
    for key in (*changed_keys(name, data, b""), *changed_keys(name, b"", data)):
        for text in (key.path, key.old or "", key.new or ""):
            assert "\n" not in text.encode("utf-8").decode()
