"""What `runbook check` holds entries to: pure functions from entries to findings."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from itertools import pairwise

from mechexo.runbook.commands import OURS, command_problems, tools_missing
from mechexo.runbook.front_matter import KNOWN_KEYS, FrontMatter, read_front_matter
from mechexo.runbook.links import link_problems
from mechexo.runbook.outline import Fence, Outline, outline
from mechexo.runbook.parse import RISKS, SHELLS, STEP_ID, exit_codes
from mechexo.runbook.text_places import PLACEHOLDER, inline_code, line_of
from mechexo.runbook.values import SECTIONS, Entry, Finding, KnownCommand
from mechexo.runbook.variables import fill

SEVERITIES = ("SEV1", "SEV2", "SEV3")
ROLES = ("viewer", "responder", "operator", "admin")
_REQUIRED = ("title", "severity", "owner", "backup_owner", "symptoms", "last_reviewed")
_ATTRIBUTES = frozenset(
    {"id", "risk", "confirm", "expect", "timeout", "undo", "exits", "background"}
)

Which = Callable[[str], object]


def check_entries(
    entries: Sequence[Entry],
    *,
    today: date,
    root: KnownCommand | None,
    variables: Mapping[str, str] | None = None,
    on_path: Which | None = None,
) -> tuple[Finding, ...]:
    """Every finding about the entries and what they are to each other, in order of file and line.

    Args:
        entries: as read.
        today: for the dates of review.
        root: mechexo's command tree; None leaves its commands unchecked.
        variables: `[runbook.variables]`; None leaves unset ones unmentioned.
        on_path: says whether a program is there; PATH decides unless given.
    """
    findings: list[Finding] = []
    for entry in entries:
        findings += _Check(entry, today, root, variables, on_path).run()
    findings += _among(entries)
    return tuple(sorted(findings, key=lambda each: (each.path, each.line)))


class _Check:
    def __init__(
        self,
        entry: Entry,
        today: date,
        root: KnownCommand | None,
        variables: Mapping[str, str] | None,
        on_path: Which | None,
    ) -> None:
        self.entry = entry
        self.today = today
        self.root = root
        self.variables = variables
        self.on_path = {} if on_path is None else {"on_path": on_path}
        self.lines = entry.source.split("\n")
        self.head: FrontMatter = read_front_matter(self.lines)
        self.outline: Outline = outline(self.lines[self.head.lines :], self.head.lines + 1)

    def run(self) -> Iterator[Finding]:
        for problem in self.entry.problems:
            yield self._finding(self._key_line(problem.partition(":")[0]), problem)
        yield from self._front_matter()
        yield from self._review()
        yield from self._sections()
        for fence in self.outline.fences:
            yield from self._fence(fence)
        yield from self._prose()
        yield from self._unset()
        yield from self._tools()

    def _finding(self, line: int, message: str, level: str = "error") -> Finding:
        return Finding(str(self.entry.path or self.entry.id), max(line, 1), message, level)

    def _key_line(self, key: str) -> int:
        return line_of("\n".join(self.lines[: self.head.lines]), f"{key}:")

    def _front_matter(self) -> Iterator[Finding]:
        entry = self.entry
        if not self.head.lines:
            yield self._finding(
                1,
                "there is no front matter; see README.md of the shipped entries",
            )
            return
        for key in self.head.values.keys() - KNOWN_KEYS:
            yield self._finding(self._key_line(key), f"{key} is not a key of the front matter")
        for key in () if entry.extends else _REQUIRED:
            if not self.head.values.get(key):
                yield self._finding(1, f"{key} is missing in the front matter")
        if entry.schema != 1:
            yield self._finding(self._key_line("schema"), "schema must be 1")
        if entry.path is not None and entry.id != entry.path.stem:
            message = f"id {entry.id!r} is not the name of the file ({entry.path.stem})"
            yield self._finding(self._key_line("id"), message)
        if STEP_ID.fullmatch(entry.id) is None:
            yield self._finding(self._key_line("id"), "id must be words joined by hyphens")
        if entry.severity and entry.severity not in SEVERITIES:
            message = f"severity {entry.severity!r} is none of {', '.join(SEVERITIES)}"
            yield self._finding(self._key_line("severity"), message)
        if entry.requires and entry.requires not in ROLES:
            message = f"requires {entry.requires!r} is none of {', '.join(ROLES)}"
            yield self._finding(self._key_line("requires"), message)

    def _review(self) -> Iterator[Finding]:
        reviewed, every = self.entry.last_reviewed, self.entry.review_every_days
        line = self._key_line("last_reviewed")
        if every is None:
            yield self._finding(line, "review_every (days) is missing in the front matter")
        if reviewed is None or every is None:
            return
        if reviewed > self.today:
            yield self._finding(line, f"last_reviewed {reviewed} lies in the future")
        late = (self.today - reviewed - timedelta(days=every)).days
        if late > 0:
            yield self._finding(line, f"its review is {late} day(s) overdue")

    def _sections(self) -> Iterator[Finding]:
        found = [each for each in self.outline.headings if each.level == 2]
        names = [each.text for each in found]
        # What extends a shipped entry has the others from there.
        for name in SECTIONS:
            if name not in (self.entry.sections if self.entry.extends else names):
                yield self._finding(len(self.lines), f"the section {name!r} is missing")
        known = [each for each in found if each.text in SECTIONS]
        for before, after in pairwise(known):
            if SECTIONS.index(after.text) <= SECTIONS.index(before.text):
                message = f"the section {after.text!r} may not follow {before.text!r}"
                yield self._finding(after.line, message)
        ends = [each.line for each in found[1:]] + [len(self.lines) + 1]
        for heading, end in zip(found, ends, strict=False):
            if not any(heading.line < line < end for line in self.outline.content_lines):
                yield self._finding(heading.line, f"the section {heading.text!r} is empty")

    def _fence(self, fence: Fence) -> Iterator[Finding]:
        if not fence.closed:
            yield self._finding(fence.line, "this fence is never closed")
            return
        if fence.attributes is None:
            yield self._finding(fence.line, "the braces of this fence cannot be read")
            return
        content = "\n".join(fence.content)
        if fence.attributes:
            for message in self._attributes(fence, fence.attributes):
                yield self._finding(fence.line, message)
            if PLACEHOLDER.search(content):
                yield self._finding(fence.line, "a runnable step may not hold a <placeholder>")
        if fence.language in SHELLS:
            # A placeholder of a block for reading only stands for some word.
            for message in command_problems(
                PLACEHOLDER.sub("placeholder", content), self.root, **self.on_path
            ):
                yield self._finding(fence.line + 1, message)

    def _attributes(self, fence: Fence, attributes: Mapping[str, str]) -> Iterator[str]:
        for key in attributes.keys() - _ATTRIBUTES:
            yield f"{key} is not an attribute of a step ({', '.join(sorted(_ATTRIBUTES))})"
        wanted = attributes.get("id", "")
        ids = [f.attributes.get("id") for f in self.outline.fences if f.attributes]
        if STEP_ID.fullmatch(wanted) is None:
            yield f"id {wanted!r} must be words joined by hyphens"
        elif ids.count(wanted) > 1:
            yield f"the step id {wanted!r} is used {ids.count(wanted)} times"
        if fence.language not in SHELLS:
            yield f"only sh blocks can be steps, not {fence.language or 'plain ones'}"
        if not fence.of_item:
            yield "a runnable step must be inside an item of a numbered list"
        risk = attributes.get("risk", "read")
        if risk not in RISKS:
            yield f"risk {risk!r} is none of {', '.join(RISKS)}"
        if risk == "danger" and not (attributes.get("undo") and attributes.get("confirm")):
            yield "a danger step needs confirm=typed and undo=STEP"
        if attributes.get("confirm", "typed") != "typed":
            yield "confirm can only be typed"
        steps = {*ids, *(step.id for step in self.entry.steps)}
        if attributes.get("undo") and attributes["undo"] not in steps:
            yield f"undo names no step of this entry: {attributes['undo']}"
        if not re.fullmatch(r"[1-9][0-9]{0,4}", attributes.get("timeout", "1")):
            yield "timeout must be whole seconds from 1"
        if exit_codes(attributes.get("exits", "0")) is None:
            yield "exits must be exit codes from 0 to 255, such as 0,1"
        if attributes.get("background", "end") not in ("end", "keep"):
            yield "background is end or keep"
        elif attributes.get("background") == "keep" and risk == "read":
            yield "a step that only looks leaves nothing behind: background=keep is for changes"
        try:
            re.compile(attributes.get("expect", ""))
        except re.error as error:
            yield f"expect is no regular expression: {error}"

    def _prose(self) -> Iterator[Finding]:
        """Commands of ours that stand in the text: a reader types those too."""
        for number in self.outline.content_lines:
            for span in inline_code(self.lines[number - 1]):
                words = span.split()
                if words[:1] and words[0] in OURS and not span.endswith("…"):
                    # Names in capitals stand for a value; the number of them is not held to it.
                    for message in command_problems(PLACEHOLDER.sub("x", span), self.root):
                        yield self._finding(number, message)

    def _tools(self) -> Iterator[Finding]:
        """Usual tools that this very host lacks: an entry may name them, but they will not run."""
        if self.variables is None:
            return
        for fence in self.outline.fences:
            if fence.language in SHELLS and fence.closed:
                content = PLACEHOLDER.sub("placeholder", "\n".join(fence.content))
                for name in tools_missing(content, **self.on_path):
                    message = f"{name} is not found on PATH of this host"
                    yield self._finding(fence.line + 1, message, "warning")

    def _unset(self) -> Iterator[Finding]:
        if self.variables is None:
            return
        told: set[str] = set()
        for number, line in enumerate(self.lines[self.head.lines :], self.head.lines + 1):
            for name in fill(line, self.variables)[1]:
                if name in self.entry.unset and name not in told:
                    told.add(name)
                    message = f"${name} is not set in [runbook.variables]"
                    yield self._finding(number, message, "warning")


def _among(entries: Sequence[Entry]) -> Iterator[Finding]:
    """What holds between entries: one entry for an alert, and links that lead somewhere."""
    by_id = {entry.id: entry for entry in entries}
    first: dict[str, str] = {}
    for entry in entries:
        path = str(entry.path or entry.id)
        for alert in entry.alerts:
            other = first.setdefault(alert, entry.id)
            if other != entry.id:
                line = line_of(entry.source, alert)
                yield Finding(path, line, f"the alert {alert} already leads to {other}")
        for number, message in link_problems(entry, by_id):
            yield Finding(path, number, message)
