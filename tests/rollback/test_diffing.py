"""The diff that a person reads: exact, harmless, and without secrets."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mechexo.masking import masked
from mechexo.rollback.diffing import file_diff, shown_path
from mechexo.rollback.worktree import Content, leads_outside

FILE = "100644"
texts = st.lists(st.sampled_from(["a", "b", "c", "", "+x", "-y", "\\ z"]), max_size=14).flatmap(
    lambda lines: st.sampled_from(["\n".join(lines), "\n".join([*lines, ""])])
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(now=texts, then=texts)
@example("a\na\na\na\na", "b\na\na\na\na")
@example("a\na\na\na\n", "b\na\na\na\n")
@example("c\n" * 9, "c\n" * 8 + "b\nc\n")
def test_the_diff_is_exact(tmp_path_factory: pytest.TempPathFactory, now: str, then: str) -> None:
    folder = tmp_path_factory.mktemp("apply")
    place = folder / "f"
    place.write_text(now)
    diff = file_diff("f", Content(FILE, now.encode()), Content(FILE, then.encode()))
    if now == then:
        assert (diff.added, diff.removed) == (0, 0)
        return
    applied = subprocess.run(
        ["git", "apply", "--whitespace=nowarn", "-"],
        cwd=folder,
        input=diff.text.encode(),
        capture_output=True,
        check=False,
    )
    assert applied.returncode == 0, (applied.stderr, diff.text)
    # git removes a file that becomes empty only when the diff says so; it stays here.
    assert place.read_text() == then


def test_a_long_stretch_of_differences_is_shown_as_replaced(tmp_path: object) -> None:
    now = "".join(f"{number}\n" for number in range(9000))
    then = "".join(f"{number}\n" if number in (0, 8999) else "x\n" for number in range(9000))
    diff = file_diff("f", Content(FILE, now.encode()), Content(FILE, then.encode()))
    assert (diff.added, diff.removed) == (8998, 8998)
    assert diff.text.splitlines()[3] == "@@ -1,9000 +1,9000 @@"


def test_a_missing_final_newline_is_marked() -> None:
    diff = file_diff("f", Content(FILE, b"a"), Content(FILE, b"a\n"))
    assert diff.text.endswith("-a\n\\ No newline at end of file\n+a\n")


def test_control_characters_are_shown_and_not_obeyed() -> None:
    evil = "\x1b[2J\r\x9b2J\u202e\n".encode()
    diff = file_diff("f\x1b[2J", Content(FILE, b""), Content(FILE, evil))
    assert not set(diff.text) & set("\x1b\r\x9b\u202e")
    assert "+␛[2J␍\\u009b2J\\u202e" in diff.text


def test_a_name_is_shown_on_one_line_and_always_storable() -> None:
    assert shown_path("a\nb\tc") == "a\\nb\\tc"
    shown_path(b"\xff".decode("utf-8", "surrogateescape")).encode()


@pytest.mark.parametrize(
    "line",
    [
        "password: hunter",
        "  db_password = 'hunter'",
        '"apiKey": "hunter",',
        "API_KEY=hunter",
        "export AWS_SECRET_ACCESS_KEY=hunter",
        "x-auth-token : hunter",
        "client.secret=hunter",
        "url: https://bob:hunter@example.org/x",
        "hook: https://example.org/x?token=hunter",
        '{"a": 1, "private_key": "hunter"}',
        "passphrase => hunter",
        "tokens: [hunter, hunter]",
        '{"k": "' + "y" * 3000 + '", "secret": "hunter"}',
    ],
)
def test_the_value_of_a_secret_key_is_hidden(line: str) -> None:
    [shown] = masked([line])
    assert "hunter" not in shown
    assert "***" in shown


@pytest.mark.parametrize(
    "block",
    [
        ["password: |", "  hunter", "  hunter", "", "  hunter", "other: 1"],
        ["password: hunter", "  hunter", "other: 1"],
        ["- password: hunter", "  other: 1"],
        ["tokens:", "  - hunter", "other: 1"],
        ["tokens:", "- hunter", "- hunter", "other: 1"],
        ["secret = [", '  "hunter",', "]", "other = 1"],
        ['secret = """', "hunter", '"""', "other = 1"],
        ["[db.credentials]", "user = 'hunter'", "key = 'hunter'", "[limits]", "other = 1"],
        ["-----BEGIN RSA PRIVATE KEY-----", "hunter", "-----END RSA PRIVATE KEY-----", "other: 1"],
    ],
)
def test_a_secret_of_several_lines_is_hidden_to_its_end(block: list[str]) -> None:
    shown = masked(block)
    assert len(shown) == len(block)
    assert "hunter" not in "\n".join(shown)
    assert shown[-1] == block[-1]


@pytest.mark.parametrize(
    "block",
    [
        ["env:", "- name: DB_PASSWORD", "  value: hunter", "other: 1"],
        ["env:", "- value: |", "    hunter", "    hunter", "  name: api_token", "other: 1"],
        ['{ name = "DB_PASSWORD", value = "hunter" },', "other = 1"],
        ['{"value": "hunter", "name": "DB_PASSWORD"},', "other"],
        ["{", '  "key": "db.password",', '  "note": "",', '  "value": "hunter"', "}"],
    ],
)
def test_the_value_of_an_entry_that_is_named_as_a_secret_is_hidden(block: list[str]) -> None:
    shown = masked([f"{line}\n" for line in block])
    assert "hunter" not in "".join(shown)
    assert "***" in "".join(shown)
    assert shown[-1] == f"{block[-1]}\n"


@pytest.mark.parametrize(
    "block",
    [
        ["- name: limit", "  value: 3", "- name: DB_PASSWORD", "  value: ${env:DB}"],
        ["name: password", "other:", "  value: 3"],
        ["- name: the password is elsewhere", "  value: 3"],
    ],
)
def test_the_values_of_other_entries_stay(block: list[str]) -> None:
    assert masked(block) == block


@pytest.mark.parametrize(
    "line",
    ["password: ${env:DB}", "token = '${file:t}'  # why", "author: Ann", "limit: 5", "password:"],
)
def test_references_and_ordinary_lines_stay(line: str) -> None:
    assert masked([line, "x: 1"]) == [line, "x: 1"]


_PIECES = (
    *(
        "password",
        "toKen: ",
        "pa\u017f\u017fword",
        "x",
        "  ",
        ": ",
        "= ",
        "|",
        '"""',
        "[db]",
        "[credentials]",
    ),
    *(
        "- ",
        "name: ",
        "value: ",
        "{",
        "}",
        "hello",
        "https://a:b@c",
        "pass=",
        "${env:X}",
        "y" * 2001,
    ),
    *("-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----", f"mechexo_{'0' * 8}_{'a' * 43}"),
)


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("cat: /etc/passwd: Permission denied", None),
        ("cp: /srv/secrets/token: No such file or directory", None),
        ("cat: /etc/passwd: hunter2", "cat: /etc/passwd: ***"),
        ("passwd: Permission denied, hunter2", "passwd: ***"),
    ],
)
def test_what_the_system_says_of_a_path_is_no_secret(line: str, shown: str | None) -> None:
    assert masked([line, "x: 1"]) == [shown or line, "x: 1"]


@given(st.lists(st.lists(st.sampled_from(_PIECES), max_size=5).map("".join), max_size=6))
def test_what_is_hidden_does_not_depend_on_the_rest_of_the_file(lines: list[str]) -> None:
    # A line that tells of a secret makes every line be looked at; without one few are.
    assert masked([*lines, "", "tokens are elsewhere"])[: len(lines)] == masked(lines)


@given(st.lists(st.text(max_size=40).filter(lambda line: "\n" not in line), max_size=10))
def test_masking_keeps_the_number_of_lines(lines: list[str]) -> None:
    assert len(masked(lines)) == len(lines)


@pytest.mark.parametrize(
    ("path", "target", "outside"),
    [
        ("a/b", b"c", False),
        ("a/b", b"../c", False),
        ("a/b", b"../../c", True),
        ("a", b"/etc/passwd", True),
        ("a", b"..", True),
        ("a", b".git/config", True),
        ("a/b", b"x/../../y", False),
    ],
)
def test_a_link_that_leads_outside_is_known(path: str, target: bytes, outside: bool) -> None:
    assert leads_outside(path, target) is outside
