"""What a step says comes out harmless, whole lines at a time, and bounded."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mechexo.output_tail import LONGEST_BYTES
from mechexo.runbook.step_output import LONGEST_SHOWN_BYTES, StepOutput, known_secrets

OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u200b]")
PIECES = st.sampled_from(
    (
        *(b"\x1b[31m", b"\x1b]8;;http://x\x07", b"\x1b]0;title\x1b\\", b"\x1b", b"[2J", b"\x9b"),
        *(b"\n", b"\r", b"\xff", "é".encode(), "\u202e".encode(), b"plain", b"\x00", b"\x07"),
    )
)
CHUNKS = st.lists(st.one_of(PIECES, st.binary(max_size=20)), max_size=30)


def shown(chunks: list[bytes], secrets: tuple[str, ...] = ()) -> tuple[str, StepOutput]:
    """All that was shown of these chunks, a pulse after each."""
    said: list[str] = []
    output = StepOutput(said.append, secrets)
    for chunk in chunks:
        output.add(chunk)
        output.pulse()
    output.close()
    return "".join(said), output


@given(CHUNKS)
@example([b"\x1b", b"]52;c;aGk=", b"\x07"])
@example([b"\xc2", b"\x9b31m"])
def test_nothing_that_a_terminal_would_obey_comes_through_however_it_is_cut(
    chunks: list[bytes],
) -> None:
    said, output = shown(chunks)
    assert not OBEYED.search(said)
    assert not OBEYED.search(output.text())


@given(st.text(alphabet="abc é\n", max_size=200), st.data())
def test_plain_text_is_shown_as_it_is_wherever_the_chunks_end(
    text: str, data: st.DataObject
) -> None:
    whole = text.encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=6)))
    parts = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    assert shown(parts)[0] == text


def test_a_sequence_cut_in_two_leaves_nothing_of_itself() -> None:
    said, _ = shown([b"a \x1b]8;;http://ev", b"il\x07link\x1b]8;;\x07 b\n"])
    assert said == "a link b\n"


SECRET = "canary-4f1c9a77e2"


@given(st.integers(0, 60), st.integers(0, 60))
def test_a_secret_is_hidden_wherever_the_chunks_cut_it(first: int, second: int) -> None:
    text = f"before token={SECRET} and {SECRET} after\nnext\n".encode()
    low, high = sorted((first, second))
    said, output = shown([text[:low], text[low:high], text[high:]], (SECRET,))
    assert SECRET not in said + output.text()
    assert said.endswith("next\n")


def test_a_private_key_is_hidden_line_by_line() -> None:
    begin, end = "-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----"
    lines = [begin, "MIIcanary", "AAAAcanary", end, "over"]
    said, output = shown([f"{line}\n".encode() for line in lines])
    assert "canary" not in said + output.text()
    assert said.endswith("over\n")


def test_a_flood_is_shown_in_part_says_so_and_is_kept_to_its_end() -> None:
    said: list[str] = []
    output = StepOutput(said.append)
    line = b"x" * 99 + b"\n"
    for _ in range(5000):
        output.add(line * 10)
    output.add(b"the end\n")
    output.pulse()
    output.close()
    assert len("".join(said)) <= 2 * LONGEST_SHOWN_BYTES + 200
    assert re.match("… [0-9,]+ bytes not shown …\n", said[0])
    assert "".join(said).endswith("the end\n")
    assert len(output.text()) <= LONGEST_BYTES
    assert output.text().endswith("the end")


def test_a_line_without_an_end_is_not_kept_in_memory() -> None:
    said: list[str] = []
    output = StepOutput(said.append)
    for _ in range(1000):
        output.add(b"y" * 65536)
        output.pulse()
    output.close()
    assert len("".join(said)) < 3 * LONGEST_SHOWN_BYTES


def test_what_the_configuration_refers_to_and_what_is_named_like_a_secret_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "key").write_text("from-the-file\n")
    config = tmp_path / "mechexo.toml"
    config.write_text('a = "${env:HOOK}"\nb = "${file:key}"\nc = "${env:NOT_THERE}"\n')
    monkeypatch.setenv("HOOK", "https://host/hook/8f2a91c0")
    found = known_secrets(config, {"BROKER_PASSWORD": "hunter2hunter", "EDITOR": "not-a-secret"})
    assert {"from-the-file", "https://host/hook/8f2a91c0", "hunter2hunter"} <= set(found)
    assert not {"not-a-secret", "hook", "host"} & set(found)
