"""A plan as rows: how it stands, where it goes back to, its guards, flags and keys, the diff."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from mechexo.rollback.guards import OVERRIDES, SECOND_PERSON
from mechexo.times import format_duration
from mechexo.value_classes import dataclass
from mechexo_tui.panels.rollback_run import run_lines
from mechexo_tui.widgets import diff
from mechexo_tui.widgets import format as shown_as
from mechexo_tui.widgets.lines import BLANK, Line, Row, Span, cut, harmless, width_of, wrapped

if TYPE_CHECKING:
    from datetime import datetime

    from mechexo.rollback.values import ChangedKey, Guard, Plan, PlannedFlag, Run
    from mechexo_tui.widgets.format import Look

CONFIRMED_BY = 8
"""So many characters of the digest confirm a plan."""
LABELS = 13
MOST_KEYS = 200


@dataclass(frozen=True)
class Seen:
    """A plan with how it was applied, and its diff taken apart: made where nobody waits for it."""

    plan: Plan
    run: Run | None = None

    @cached_property
    def parts(self) -> tuple[tuple[diff.DiffLine, ...], ...]:
        """The diff by files."""
        return diff.parts(self.plan.diff)

    @cached_property
    def pairs(self) -> tuple[list[diff.Pair], ...]:
        """The diff by files, before and after beside each other."""
        return tuple(map(diff.paired, self.parts))


class PlanRows:
    """The rows of a plan: the lines of the diff, of which there may be many, are made when they
    come into view."""

    def __init__(
        self, front: Sequence[Line], seen: Seen, back: Sequence[Line], look: Look, *, beside: bool
    ) -> None:
        self._front, self._back, self._look, self._beside = front, back, look, beside
        files: Sequence[Sequence[diff.DiffLine | diff.Pair]] = seen.pairs if beside else seen.parts
        self._body = [each for part in files for each in part]
        self.starts: list[int] = []
        """The row at which each file begins."""
        at = len(front)
        for part in files:
            self.starts.append(at)
            at += len(part)

    def __len__(self) -> int:
        return len(self._front) + len(self._body) + len(self._back)

    def __getitem__(self, index: int, /) -> Row:
        at = index - len(self._front)
        if at < 0:
            return Row(self._front[index])
        if at >= len(self._body):
            return Row(self._back[at - len(self._body)])
        each = self._body[at]
        if isinstance(each, diff.DiffLine):
            return Row(diff.shown(each))
        return Row(diff.side_by_side(each, self._look.width, self._look.glyphs.axis))


def plan_rows(seen: Seen, trouble: str, look: Look, *, beside: bool) -> PlanRows:
    """All of a plan in this width. `trouble` says why it was not applied just now."""
    plan = seen.plan
    front = [*_outcome(seen, trouble, look), *_facts(seen, look), BLANK, *_guards_first(plan, look)]
    if plan.flags:
        front += [BLANK, _title("Flags", ""), *(_flag(each, look) for each in plan.flags)]
    if plan.keys:
        front += [BLANK, _title("Changed keys", ""), *_keys(plan.keys, look)]
    front += _files(plan, look)
    back = [BLANK, _title("Guards that hold", "")]
    back += [line for each in plan.guards if each.ok for line in guard_lines(each, look)]
    return PlanRows(front, seen, back, look, beside=beside)


def standing(seen: Seen, look: Look) -> Span:
    """How a plan stands, in a few words."""
    plan, glyphs = seen.plan, look.glyphs
    if seen.run is not None:
        return shown_as.rollback_state(seen.run.state, glyphs)
    if plan.expires_at is None or look.now > plan.expires_at:
        return f"{glyphs.warning} EXPIRED", "warning"
    if in_the_way(plan):
        failing = shown_as.count(len(in_the_way(plan)), "guard fails", "guards fail")
        return f"{glyphs.critical} {failing.upper()}", "critical"
    if plan.empty:
        return f"{glyphs.missing} NOTHING TO DO", "dim"
    if plan.held_back:
        return f"{glyphs.warning} NEEDS A SECOND PERSON", "warning"
    return f"{glyphs.ok} CAN BE APPLIED", "ok"


def can_be(plan: Plan, now: datetime) -> str:
    """The name, in the table of actions, of what a plan that was not applied can be."""
    if plan.expires_at is None or now > plan.expires_at:
        return "plan-spent"
    if in_the_way(plan):
        return "plan-held"
    return "plan-spent" if plan.empty else "plan"


def in_the_way(plan: Plan) -> tuple[Guard, ...]:
    """The guards that keep it from being applied, whoever approves."""
    return tuple(guard for guard in plan.held_back if guard.name != SECOND_PERSON)


def head_lines(seen: Seen, look: Look, *, file: int, places: int) -> list[Line]:
    """What stays in sight: which plan, how it stands, what confirms it, how long, which file."""
    plan, dot = seen.plan, f" {look.glyphs.dot} "
    sign, style = standing(seen, look)
    name = f"{harmless(plan.target)}{dot}plan {plan.id}"
    room = look.width - width_of(sign) - 4
    first: Line = ((" ", ""), (cut(name, max(8, room)), "title"), ("  ", ""), (sign, style))
    spans: list[Span] = [(" digest ", "dim"), (plan.digest[:CONFIRMED_BY], "key"), ("…", "dim")]
    if seen.run is None and plan.expires_at is not None and look.now <= plan.expires_at:
        left = shown_as.countdown(plan.expires_at - look.now)
        spans.append((f"{dot}{left} left to apply it", "dim"))
    if places > 1:
        spans.append((f"{dot}n p: file {file + 1} of {places}", "dim"))
    return [first, tuple(spans)]


def _outcome(seen: Seen, trouble: str, look: Look) -> list[Line]:
    lines: list[Line] = []
    if seen.run is not None:
        lines += [*run_lines(seen.run, look, trouble=trouble), BLANK]
    elif trouble:
        lines += [*sentence(f"{look.glyphs.warning} NOT APPLIED", "warning", trouble, look), BLANK]
    return lines


def _facts(seen: Seen, look: Look) -> list[Line]:
    plan, dot = seen.plan, f" {look.glyphs.dot} "
    utc = f"{plan.to:%Y-%m-%d %H:%M:%S} UTC"
    local = shown_as.exact(plan.to, look)
    zone = f"{plan.to.astimezone(look.zone):%Z}"
    ago = f"{format_duration(look.now - plan.to)} ago"
    when = (utc,) if zone == "UTC" else (f"{local} {zone}", utc)
    source = plan.source.removeprefix("the ")
    facts = [] if plan.undoes else [("back to", dot.join((*when, ago)))]
    if plan.commit:
        facts += [
            ("commit", f"{plan.commit[:12]}  {plan.commit_subject}"),
            ("", f"of {shown_as.exact(plan.commit_time, look)}, by the {source}"),
        ]
    else:
        facts.append(("by", f"the {source}"))
    if plan.undoes:
        facts.append(("takes back", f"rollback {plan.undoes}: to what it recorded, not to a time"))
    by = f" by {plan.made_by}" if plan.made_by else ""
    facts += [("plan made", f"{shown_as.exact(plan.made_at, look)}{by}"), ("digest", plan.digest)]
    lines: list[Line] = []
    for name, value in facts:
        for place, text in enumerate(wrapped(harmless(value), look.width - LABELS - 3)):
            lines.append(((f" {'' if place else name:<{LABELS}} ", "dim"), (text, "")))
    return lines


def _guards_first(plan: Plan, look: Look) -> list[Line]:
    """Those that do not hold, those set aside, and how many others hold."""
    failing = [each for each in plan.guards if not each.ok]
    aside = [each for each in plan.guards if each.ok and each.overridden]
    lines = [line for each in (*failing, *aside) for line in guard_lines(each, look)]
    holding = len(plan.guards) - len(failing) - len(aside)
    sign, style = shown_as.check(True, look.glyphs)
    held = shown_as.count(holding, "guard holds", "guards hold")
    lines.append(
        ((" ", ""), (f"{sign:<{LABELS}} ", style), (f"{held}; listed below the diff", "dim"))
    )
    names = [each.name for each in failing if each.name in OVERRIDES]
    if names:
        lines.append(
            (
                (" " * (LABELS + 2), ""),
                ("o", "key"),
                (f" sets aside, by name: {', '.join(names)}", ""),
            )
        )
    return lines


def guard_lines(guard: Guard, look: Look) -> list[Line]:
    """A guard with its verdict as glyph and word, and why."""
    sign, style = shown_as.check(guard.ok, look.glyphs)
    if guard.overridden and guard.ok:
        sign, style = f"{look.glyphs.warning} SET ASIDE", "warning"
    said = f"{guard.name}: {shown_as.told(guard.detail, look)}"
    return sentence(sign, style, said, look, bold=not guard.ok)


def sentence(sign: str, style: str, said: str, look: Look, *, bold: bool = False) -> list[Line]:
    """A status and what is to be said of it, in as many lines as that takes."""
    head = f"{sign:<{LABELS}} "
    first, *more = wrapped(harmless(said), look.width - width_of(head) - 2)
    indent = " " * (width_of(head) + 1)
    lines: list[Line] = [((" ", ""), (head, style), (first, "bold" if bold else ""))]
    return lines + [((indent, ""), (text, "")) for text in more]


def _flag(flag: PlannedFlag, look: Look) -> Line:
    glyphs = look.glyphs
    risk, style = {
        "up": (f"{glyphs.warning} ADDS RISK", "warning"),
        "down": (f"{glyphs.ok} LOWERS RISK", "ok"),
        "neutral": (f"{glyphs.dot} NEUTRAL", ""),
    }.get(flag.direction, (f"{glyphs.unknown} UNKNOWN", "unknown"))
    when = {
        "first": "set first, before any file",
        "after": "set with the files",
        "re-arm": "left as it is; mechexo rollback plan rearm sets it",
    }.get(flag.when, flag.when)
    change = f"{flag.name}: {_value(flag.old)} -> {_value(flag.new)}"
    return (
        (" ", ""),
        (f"{risk:<{LABELS}} ", style),
        (harmless(change), "bold"),
        (f"  {when}", "dim"),
    )


def _keys(keys: Sequence[ChangedKey], look: Look) -> list[Line]:
    lines: list[Line] = []
    several = len({each.file for each in keys}) > 1
    for each in keys[:MOST_KEYS]:
        name = f"{each.file}: {each.path}" if several else each.path
        lines.append(
            (
                (f"   {harmless(name)}  ", ""),
                (harmless(_value(each.old)), "removed"),
                (" -> ", "dim"),
                (harmless(_value(each.new)), "added"),
            )
        )
    if len(keys) > MOST_KEYS:
        lines.append(((f"   and {len(keys) - MOST_KEYS:,} more", "dim"),))
    return lines


def _value(value: str | None) -> str:
    return "nothing" if value is None else value


def _files(plan: Plan, look: Look) -> list[Line]:
    if not plan.changes:
        why = "" if plan.held_back or plan.flags else ": it is as it was then"
        return [BLANK, ((f" No file would change{why}.", ""),)]
    added = sum(each.added for each in plan.changes)
    removed = sum(each.removed for each in plan.changes)
    files = shown_as.count(len(plan.changes), "file")
    lines = [BLANK, _title("Diff", f"{files}, +{added} -{removed}; - is now, + is what would be")]
    if len(plan.changes) > 1:
        for each in plan.changes:
            counts = "binary" if each.binary else f"+{each.added} -{each.removed}"
            lines.append(
                (
                    (f"   {each.action:<8} ", "bold"),
                    (harmless(each.path), ""),
                    (f"  {counts}", "dim"),
                )
            )
        lines.append(BLANK)
    return lines


def _title(text: str, aside: str) -> Line:
    return (f" {text}", "title"), (f"  {aside}" if aside else "", "dim")
