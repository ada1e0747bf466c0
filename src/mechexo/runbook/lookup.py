"""Finding the entry for an alert or for some words. Every result says why it was found."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache

from mechexo.runbook.values import Entry, Found

_WORD = re.compile(r"[^\W_]+")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_COMMON = (
    "a an and are at be but by for from has have i in is it my no not of on or our so that the "
    "there this to was we what when where why with"
)
_TOO_COMMON = frozenset(_COMMON.split())
CLOSE_WORD = 0.75
CLOSE_ALERT = 0.85
LEAST_SCORE = 0.15


@dataclass(frozen=True, slots=True)
class _Index:
    """An entry's words, by the place where they stand."""

    entry: Entry
    names: frozenset[str]
    symptoms: frozenset[str]
    text: frozenset[str]


def words_of(text: str) -> list[str]:
    """A text's words in lower case, `snake_case` and `CamelCase` taken apart."""
    return [word.lower() for word in _WORD.findall(_CAMEL.sub(" ", text))]


def search_entries(entries: Sequence[Entry], query: str) -> tuple[Found, ...]:
    """Entries that fit the words of `query`, best first.

    The order of looking: exact id, alert name, words of id, alerts and title, words of the
    symptoms, the full text; a word found nowhere is read as its closest neighbour.
    """
    plain = query.strip().lower()
    wanted = list(dict.fromkeys(words_of(query)))
    wanted = [word for word in wanted if word not in _TOO_COMMON] or wanted
    if not wanted:
        return ()
    indexes = [_index(entry) for entry in entries]
    vocabulary = sorted({w for each in indexes for w in each.names | each.symptoms})
    readings = {word: _reading(word, indexes, vocabulary) for word in wanted}
    found = []
    for each in indexes:
        result = _exact(each.entry, plain) or _by_words(each, readings)
        if result is not None and result.score >= LEAST_SCORE:
            found.append(result)
    return tuple(sorted(found, key=lambda result: (-result.score, result.entry.id)))


def match_entry(entries: Sequence[Entry], alert_name: str, runbook_id: str = "") -> Found | None:
    """The entry for an alert: by the id the alert carries, by its name, by a pattern, or nearly.

    Only near-certain matches: a wrong page at night costs more than none.
    """
    named = runbook_id.strip().rstrip("/").rpartition("/")[2].removesuffix(".md").lower()
    for entry in entries:
        if named and entry.id.lower() == named:
            return Found(entry, 1.0, f"the alert names the entry {named}")
    return next(iter(entries_for(entries, alert_name)), None)


def entries_for(entries: Sequence[Entry], alert_name: str) -> tuple[Found, ...]:
    """The entries for an alert by its name, the best first: of all ways of finding one, those of
    the surest that finds any. Several say that the name alone does not tell."""
    wanted = _one_form(alert_name)
    if not wanted:
        return ()
    forms = [(entry, alert, _one_form(alert)) for entry in entries for alert in entry.alerts]
    ways = (
        (
            Found(entry, 1.0, f"alert name {alert}")
            for entry, alert, form in forms
            if form == wanted
        ),
        (
            Found(entry, 0.95, f"the alert is called like the entry {entry.id}")
            for entry in entries
            if _one_form(entry.id) == wanted
        ),
        (
            Found(entry, 0.9, f"alert pattern {alert}")
            for entry, alert, _ in forms
            if "*" in alert and fnmatchcase(alert_name.lower(), alert.lower())
        ),
        _nearly(wanted, forms),
    )
    for way in ways:
        found: dict[str, Found] = {}
        for each in way:
            found.setdefault(each.entry.id, each)
        if found:
            return tuple(found.values())
    return ()


def _nearly(wanted: str, forms: Sequence[tuple[Entry, str, str]]) -> Iterator[Found]:
    near = [
        (ratio, entry, alert)
        for entry, alert, form in forms
        if (ratio := _likeness(wanted, form)) >= CLOSE_ALERT
    ]
    for ratio, entry, alert in sorted(near, key=lambda each: (each[0], each[1].id), reverse=True):
        yield Found(entry, round(0.9 * ratio, 3), f"closest alert name {alert}")


def _likeness(wanted: str, form: str) -> float:
    """How alike two names are; 0 when that is seen to be below `CLOSE_ALERT` without comparing
    them letter by letter, which takes a storm of alerts too long."""
    shorter, longer = sorted((len(wanted), len(form)))
    if 2 * shorter < CLOSE_ALERT * (shorter + longer):
        return 0.0
    matcher = difflib.SequenceMatcher(None, wanted, form)
    return matcher.ratio() if matcher.quick_ratio() >= CLOSE_ALERT else 0.0


def name_of_key(key: str) -> str:
    """The name of the alert that a key such as `probe:NAME` stands for; other text as it is."""
    match key.strip().split(":"):
        case ["probe", name] | ["probe", name, "warning"]:
            return name
        case ["flow", name, "overdue" | "failed" as trouble]:
            return f"{name}_{trouble}"
        case ["tick", stage]:
            return f"tick_{stage}"
    return key


@lru_cache(maxsize=1024)
def _one_form(name: str) -> str:
    return "_".join(words_of(name))


def _index(entry: Entry) -> _Index:
    names = words_of(" ".join((entry.id, entry.title, *entry.alerts)))
    symptoms = words_of(" ".join(entry.symptoms))
    return _Index(entry, frozenset(names), frozenset(symptoms), frozenset(words_of(entry.body)))


def _exact(entry: Entry, plain: str) -> Found | None:
    if plain == entry.id.lower():
        return Found(entry, 1.0, "exact id")
    for alert in entry.alerts:
        if plain == alert.lower():
            return Found(entry, 0.97, f"alert name {alert}")
    for symptom in entry.symptoms:
        if plain == symptom.lower():
            return Found(entry, 0.95, f"symptom “{symptom}”")
    return None


def _reading(word: str, indexes: Sequence[_Index], vocabulary: list[str]) -> tuple[str, float]:
    """The word itself, or its closest neighbour when no entry has it, and how sure that is."""
    if any(_weight(word, each)[0] for each in indexes):
        return word, 1.0
    close = difflib.get_close_matches(word, vocabulary, n=1, cutoff=CLOSE_WORD)
    if not close:
        return word, 0.0
    return close[0], difflib.SequenceMatcher(None, word, close[0]).ratio()


def _weight(word: str, index: _Index) -> tuple[float, str]:
    """How much a word says for an entry, and where it was found."""
    if word in index.names:
        return 0.9, "name"
    if word in index.symptoms:
        return 0.8, "symptom"
    if len(word) >= 3:
        if any(each.startswith(word) for each in index.names):
            return 0.7, "name"
        if any(each.startswith(word) for each in index.symptoms):
            return 0.6, "symptom"
    if word in index.text:
        return 0.35, "text"
    return 0.0, ""


def _by_words(index: _Index, readings: dict[str, tuple[str, float]]) -> Found | None:
    total = 0.0
    places: dict[str, list[str]] = {"name": [], "symptom": [], "text": []}
    guesses = []
    for word, (read_as, sureness) in readings.items():
        weight, place = _weight(read_as, index)
        if not weight:
            continue
        total += weight * sureness
        places[place].append(read_as)
        if read_as != word:
            guesses.append(f"“{word}” read as “{read_as}”")
    if not total:
        return None
    parts = [
        f"{label} {', '.join(words)}"
        for label, words in (
            ("in its name or alerts:", places["name"]),
            ("among its symptoms:", places["symptom"]),
            ("in its text:", places["text"]),
        )
        if words
    ]
    why = "; ".join((*parts, *guesses))
    return Found(index.entry, round(total / len(readings), 3), why)
