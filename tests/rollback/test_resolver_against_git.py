"""The resolver against `git log --first-parent`, on generated histories in real repositories:
skewed clocks, side branches, foxtrot merges, moved branches."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from mechexo.errors import UsageError
from mechexo.rollback.git import Repository
from mechexo.rollback.ledger import Deployment
from mechexo.rollback.resolving import SAME_EVENT_S, Resolved, resolve
from rollback.histories import History, at

pytestmark = pytest.mark.slow

START = int(at(1).timestamp())
HOUR = 3600
NOW = datetime.fromtimestamp(START + 100 * HOUR, UTC)
MOVES = 7


@dataclass(frozen=True)
class Move:
    """Something that a person does in the checkout of `main`."""

    what: str
    skew_s: int
    """How wrong the clock of the commit's maker is; of the checkout's own it never is."""


CLOCKS = st.sampled_from([0, 0, 0, 0, 0, 20, -5 * HOUR, 5 * HOUR, -24 * 365 * HOUR])
WHATS = st.sampled_from(["commit", "commit", "merge", "foxtrot", "pull", "reset"])
STORIES = st.lists(st.builds(Move, WHATS, CLOCKS), min_size=1, max_size=MOVES)
MOMENTS = st.lists(
    st.integers(-1, MOVES * 2 + 2).flatmap(
        lambda half: st.sampled_from([half * HOUR // 2 + off for off in (-1, 0, 1, 900)])
    ),
    min_size=1,
    max_size=8,
)


@dataclass
class Told:
    """What an onlooker wrote down: which commit the checkout was at from when on."""

    history: History
    seen: list[tuple[int, str]]

    def move(self, number: int, move: Move) -> None:
        now_s = START + number * HOUR
        made = datetime.fromtimestamp(now_s + move.skew_s, UTC)
        git, seen_at = self.history.git, datetime.fromtimestamp(now_s, UTC)
        name = f"move-{number}"
        if move.what == "commit":
            self._commit(f"refs/heads/{name}", "main", made)
        elif move.what == "reset":
            if len(self._line("main")) < 2:
                return
            git("branch", name, "main~1")
        elif move.what == "pull":
            # Made elsewhere half an hour before; it comes here now.
            self._commit(f"refs/heads/{name}", "main", made - timedelta(minutes=30))
        else:
            self._commit(f"refs/heads/{name}-side", "main", made - timedelta(minutes=20))
            self._commit(f"refs/heads/{name}-main", "main", made - timedelta(minutes=10))
            parents = [f"{name}-main", f"{name}-side"]
            if move.what == "foxtrot":
                parents.reverse()
            self._commit(f"refs/heads/{name}", parents[0], made, merged=parents[1])
        oid = git("rev-parse", name)
        git("update-ref", "-m", move.what, "refs/heads/main", oid, when=seen_at)
        self.seen.append((now_s, oid))

    def _commit(self, ref: str, parent: str, when: datetime, merged: str = "") -> None:
        tree = self.history.git("rev-parse", f"{parent}^{{tree}}")
        parents = [word for each in (parent, merged) if each for word in ("-p", each)]
        words = ("commit-tree", tree, *parents, "-m", f"{ref} {when}")
        self.history.git("update-ref", ref, self.history.git(*words, when=when))

    def _line(self, ref: str) -> list[str]:
        return self.history.git("log", "--first-parent", "--format=%H", ref).splitlines()

    def at(self, epoch_s: int) -> str | None:
        """By the onlooker, who is never wrong."""
        return next((oid for when, oid in reversed(self.seen) if when <= epoch_s), None)

    def by_commit_times(self, epoch_s: int) -> str | None:
        """By git's own first-parent line; None when its times do not tell."""
        shown = self.history.git("log", "--first-parent", "--format=%H %ct", "main").splitlines()
        line = [(oid, int(when)) for oid, when in map(str.split, reversed(shown))]
        older = [(oid, when) for oid, when in line if when <= epoch_s]
        newer = [when for _, when in line if when > epoch_s]
        times = [when for _, when in line]
        if not older or line[: len(older)] != older or max(times) > NOW.timestamp():
            return None
        # Told only when every commit around the moment is dated as the line runs.
        if newer != sorted(newer) or older[-1][1] != max(when for _, when in older):
            return None
        return older[-1][0]


def played(folder: Path, story: list[Move]) -> Told:
    history = History.begin(folder / "repo")
    first = history.commit({"a": "a\n"}, at(1))
    told = Told(history, [(START, first)])
    for number, move in enumerate(story, start=1):
        told.move(number, move)
    return told


def answer(told: Told, epoch_s: int, *, reflog: bool, ledger: bool) -> Resolved | None:
    repository = Repository.open(told.history.root)
    head = repository.head()
    assert head is not None
    rows = [
        Deployment(
            *(number, datetime.fromtimestamp(when, UTC), str(repository.root), head.ref),
            *(oid, "", "hook", "onlooker", ""),
        )
        for number, (when, oid) in enumerate(told.seen)
    ]
    try:
        return resolve(
            repository.chain(head.oid),
            repository.reflog(head.ref) if reflog else (),
            datetime.fromtimestamp(epoch_s, UTC),
            now=NOW,
            shallow=False,
            ledger=rows if ledger else (),
        )
    except UsageError:
        return None


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(STORIES, MOMENTS)
def test_whoever_speaks_says_what_was_live_or_stops(
    tmp_path_factory: pytest.TempPathFactory, story: list[Move], moments: list[int]
) -> None:
    told = played(tmp_path_factory.mktemp("story"), story)
    for moment in moments:
        epoch_s = START + moment
        live, dated = told.at(epoch_s), told.by_commit_times(epoch_s)

        plain = answer(told, epoch_s, reflog=False, ledger=False)
        event(f"commit times tell: {plain is not None}")
        assert (plain.oid if plain else None) == dated
        assert plain is None or (plain.source, plain.disagreement) == ("commit times", "")

        for source in ("deployment ledger", "reflog"):
            ledger = source == "deployment ledger"
            found = answer(told, epoch_s, reflog=not ledger, ledger=ledger)
            if live is None:
                assert (found.oid if found else None) == dated
                continue
            assert found is not None
            assert (found.oid, found.source) == (live, source)
            event(f"{source} stands alone: {bool(found.disagreement)}")
            # A difference to git's own line is always said, unless both may mean one event.
            if dated is None:
                assert "commit times" in found.disagreement
            elif dated == live:
                assert found.disagreement == ""
            else:
                near = {told.by_commit_times(epoch_s + off) for off in _around()}
                assert bool(found.disagreement) == (live not in near)


def _around() -> range:
    return range(-SAME_EVENT_S, SAME_EVENT_S + 1, 5)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(STORIES, MOMENTS)
def test_the_ledger_and_the_reflog_of_one_checkout_never_contradict_each_other(
    tmp_path_factory: pytest.TempPathFactory, story: list[Move], moments: list[int]
) -> None:
    told = played(tmp_path_factory.mktemp("story"), story)
    for moment in moments:
        alone = answer(told, START + moment, reflog=False, ledger=True)
        both = answer(told, START + moment, reflog=True, ledger=True)
        assert (alone and alone.oid) == (both and both.oid)
        assert both is None or "the reflog" not in both.disagreement
