"""A desk's own entry that extends a shipped one says only what is other at this desk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mechexo.desk import Desk
from mechexo.runbook import operations
from mechexo.runbook.values import SECTIONS, Entry

MakeDesk = Callable[..., Desk]
OWN = """---
id: disk-full
extends: shipped
alerts: [nas_full]
symptoms: [the NAS is red]
owner: storage
---
## Escalate

Call the storage people.

## Mitigation

1. Ask the NAS.

   ```sh {id=nas risk=read}
   df -h /nas
   ```

## Our own cupboard

The spare disks are on the left.
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    folder = tmp_path / "desk" / "ours"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def read(make_desk: MakeDesk, own: Path) -> Callable[[str], Entry]:
    desk = make_desk('[runbook]\nfolder = "ours"\n')

    def entry(text: str) -> Entry:
        (own / "disk-full.md").write_text(text)
        return operations.entry(desk, "disk-full")

    return entry


@pytest.fixture
def shipped(desk: Desk) -> Entry:
    return operations.entry(desk, "disk-full")


def test_its_sections_take_the_place_of_the_shipped_ones_and_the_others_stay(
    read: Callable[[str], Entry], shipped: Entry
) -> None:
    entry = read(OWN)
    assert entry.sections == (*SECTIONS, "Our own cupboard")
    assert "Call the storage people." in entry.body
    assert "whoever owns the host" not in entry.body
    assert "Never delete to win time" in entry.body
    assert entry.title == shipped.title
    assert entry.problems == ()


def test_its_steps_are_those_of_the_sections_that_are_shown(
    read: Callable[[str], Entry], shipped: Entry
) -> None:
    steps = read(OWN).steps
    mitigation = [step.id for step in steps if step.section == "Mitigation"]
    assert mitigation == ["nas"]
    assert "vacuum-journal" not in {step.id for step in steps}
    kept = [step.key for step in shipped.steps if step.section not in ("Mitigation", "Escalate")]
    assert [step.key for step in steps if step.id != "nas"] == kept


def test_alerts_and_symptoms_come_on_top_and_other_keys_stay(
    read: Callable[[str], Entry], shipped: Entry
) -> None:
    entry = read(OWN)
    assert entry.alerts == (*shipped.alerts, "nas_full")
    assert entry.symptoms[-1] == "the NAS is red"
    assert (entry.owner, entry.backup_owner) == ("storage", shipped.backup_owner)
    assert (entry.severity, entry.requires) == (shipped.severity, shipped.requires)
    assert entry.last_reviewed == shipped.last_reviewed


def test_a_standard_section_that_the_shipped_one_lacks_comes_at_its_place() -> None:
    from mechexo.runbook.extending import extended
    from mechexo.runbook.parse import parse

    below = parse("## Meaning\n\na\n\n## After\n\nz\n", name="x.md")
    own = parse("---\nextends: shipped\n---\n## Impact\n\ni\n", name="x.md")
    assert extended(own, below).sections == ("Meaning", "Impact", "After")


def test_what_it_extends_must_be_there_and_shipped(read: Callable[[str], Entry], own: Path) -> None:
    (own / "vpn.md").write_text("---\nextends: shipped\n---\nWords.\n")
    assert "extends can only be shipped" in read(OWN.replace("shipped", "disk-ful")).problems[0]
    assert "Our own cupboard" in read(OWN.replace("shipped", "disk-ful")).body


def test_an_entry_that_extends_nothing_says_so(make_desk: MakeDesk, own: Path) -> None:
    desk = make_desk('[runbook]\nfolder = "ours"\n')
    (own / "vpn.md").write_text("---\nextends: shipped\n---\nWords.\n")
    entry = operations.entry(desk, "vpn")
    assert "no shipped entry 'vpn'" in entry.problems[0]
    assert "Words." in entry.body
