"""Finding the entry for an alert or for some words. Every result says why it was found."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Generic, NamedTuple, Protocol, TypeVar

from mechexo.runbook.values import Entry, Found
from mechexo.value_classes import dataclass

_WORD = re.compile(r"[^\W_]+")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_COMMON = (
    "a an and are at be but by for from has have i in is it my no not of on or our so that the "
    "there this to was we what when where why with"
)
_TOO_COMMON = frozenset(_COMMON.split())
CLOSE_WORD = 0.75
CLOSE_WORD_OF_TEXT = 0.85
CLOSE_ALERT = 0.85
LEAST_SCORE = 0.15


class Named(Protocol):
    """What an alert can lead to: an entry, or its card."""

    @property
    def id(self) -> str: ...
    @property
    def alerts(self) -> tuple[str, ...]: ...


N = TypeVar("N", bound=Named)


class Hit(NamedTuple, Generic[N]):
    """What was found, how well it fits (0 to 1), and why."""

    found: N
    score: float
    why: str


@dataclass(frozen=True, slots=True)
class Card:
    """An entry's words, by the place where they stand: ` one two `, so that a whole word or the
    beginning of one is found as a piece of text."""

    id: str
    title: str
    alerts: tuple[str, ...]
    symptoms: tuple[str, ...]
    names: str
    symptom_words: str
    text: str


def words_of(text: str) -> list[str]:
    """A text's words in lower case, `snake_case` and `CamelCase` taken apart."""
    return [word.lower() for word in _WORD.findall(_CAMEL.sub(" ", text))]


@lru_cache(maxsize=8192)
def card_of(entry: Entry) -> Card:
    """The words of an entry."""
    return Card(
        id=entry.id,
        title=entry.title,
        alerts=entry.alerts,
        symptoms=entry.symptoms,
        names=_spaced(" ".join((entry.id, entry.title, *entry.alerts))),
        symptom_words=_spaced(" ".join(entry.symptoms)),
        text=_spaced(entry.body),
    )


def _spaced(text: str) -> str:
    return f" {' '.join(dict.fromkeys(words_of(text)))} "


def search_entries(entries: Sequence[Entry], query: str) -> tuple[Found, ...]:
    """Entries that fit the words of `query`, best first; see `search_cards`."""
    by_id = {entry.id: entry for entry in entries}
    found = search_cards([card_of(entry) for entry in entries], query)
    return tuple(Found(by_id[hit.found.id], hit.score, hit.why) for hit in found)


def search_cards(cards: Sequence[Card], query: str) -> list[Hit[Card]]:
    """Cards that fit the words of `query`, best first.

    The order of looking: exact id, alert name, words of id, alerts and title, words of the
    symptoms, the full text; a word found nowhere is read as its closest neighbour.
    """
    plain = query.strip().lower()
    wanted = list(dict.fromkeys(words_of(query)))
    wanted = [word for word in wanted if word not in _TOO_COMMON] or wanted
    if not wanted:
        return []
    readings = {word: _reading(word, cards) for word in wanted}
    found = []
    for card in cards:
        hit = _exact(card, plain) or _by_words(card, readings)
        if hit is not None and hit.score >= LEAST_SCORE:
            found.append(hit)
    return sorted(found, key=lambda hit: (-hit.score, hit.found.id))


def match_entry(entries: Sequence[Entry], alert_name: str, runbook_id: str = "") -> Found | None:
    """The entry for an alert; see `match`."""
    hit = match(entries, alert_name, runbook_id)
    return Found(*hit) if hit is not None else None


def match(known: Sequence[N], alert_name: str, runbook_id: str = "") -> Hit[N] | None:
    """What is for an alert: by the id the alert carries, by its name, by a pattern, or nearly.

    Only near-certain matches: a wrong page at night costs more than none.
    """
    named = runbook_id.strip().rstrip("/").rpartition("/")[2].removesuffix(".md").lower()
    for each in known:
        if named and each.id.lower() == named:
            return Hit(each, 1.0, f"the alert names the entry {named}")
    return next(iter(all_for(known, alert_name)), None)


def entries_for(entries: Sequence[Entry], alert_name: str) -> tuple[Found, ...]:
    """The entries for an alert by its name; see `all_for`."""
    return tuple(Found(*hit) for hit in all_for(entries, alert_name))


def all_for(known: Sequence[N], alert_name: str) -> tuple[Hit[N], ...]:
    """What is for an alert by its name, the best first: of all ways of finding, those of the surest
    that finds any. Several say that the name alone does not tell."""
    wanted = one_form(alert_name)
    if not wanted:
        return ()
    forms = [(each, alert, one_form(alert)) for each in known for alert in each.alerts]
    ways: tuple[Iterator[Hit[N]], ...] = (
        (Hit(each, 1.0, f"alert name {alert}") for each, alert, form in forms if form == wanted),
        (
            Hit(each, 0.95, f"the alert is called like the entry {each.id}")
            for each in known
            if one_form(each.id) == wanted
        ),
        (
            Hit(each, 0.9, f"alert pattern {alert}")
            for each, alert, _ in forms
            if "*" in alert and fnmatchcase(alert_name.lower(), alert.lower())
        ),
        _nearly(wanted, forms),
    )
    for way in ways:
        found: dict[str, Hit[N]] = {}
        for hit in way:
            found.setdefault(hit.found.id, hit)
        if found:
            return tuple(found.values())
    return ()


def _nearly(wanted: str, forms: Sequence[tuple[N, str, str]]) -> Iterator[Hit[N]]:
    from rapidfuzz import fuzz, process

    names = list(dict.fromkeys(form for _, _, form in forms))
    close = process.extract(
        wanted, names, scorer=fuzz.ratio, limit=None, score_cutoff=100 * CLOSE_ALERT
    )
    likeness = {name: ratio / 100 for name, ratio, _ in close}
    near = [(likeness[form], each, alert) for each, alert, form in forms if form in likeness]
    for ratio, each, alert in sorted(near, key=lambda one: (one[0], one[1].id), reverse=True):
        yield Hit(each, round(0.9 * ratio, 3), f"closest alert name {alert}")


def name_of_key(key: str) -> str:
    """The name of the alert that a key such as `probe:NAME` stands for; other text as it is."""
    match key.strip().split(":"):
        case ["probe", name] | ["probe", name, "warning"]:
            return name
        case ["flow", name, "overdue" | "failed" as trouble]:
            return f"{name}_{trouble}"
        case ["ci", name, "failed" | "unknown" as trouble]:
            return f"{name}_ci_{trouble}"
        case ["tick", stage]:
            return f"tick_{stage}"
    return key


@lru_cache(maxsize=8192)
def one_form(name: str) -> str:
    """A name as it is compared: `GatewayLatency` and `gateway-latency` are one."""
    return "_".join(words_of(name))


def _exact(card: Card, plain: str) -> Hit[Card] | None:
    if plain == card.id.lower():
        return Hit(card, 1.0, "exact id")
    for alert in card.alerts:
        if plain == alert.lower():
            return Hit(card, 0.97, f"alert name {alert}")
    for symptom in card.symptoms:
        if plain == symptom.lower():
            return Hit(card, 0.95, f"symptom “{symptom}”")
    return None


def _reading(word: str, cards: Sequence[Card]) -> tuple[str, float]:
    """The word itself, or its closest neighbour when no entry has it, and how sure that is."""
    if any(_weight(word, card)[0] for card in cards):
        return word, 1.0
    from rapidfuzz import fuzz, process

    of_names = {w for card in cards for w in (card.names + card.symptom_words).split()}
    of_text = (w for card in cards for w in card.text.split())
    for words, cutoff in ((of_names, CLOSE_WORD), (of_text, CLOSE_WORD_OF_TEXT)):
        near = process.extractOne(
            word, sorted(set(words)), scorer=fuzz.ratio, score_cutoff=100 * cutoff
        )
        if near is not None:
            return near[0], near[1] / 100
    return word, 0.0


def _weight(word: str, card: Card) -> tuple[float, str]:
    """How much a word says for an entry, and where it was found."""
    whole, beginning = f" {word} ", f" {word}"
    if whole in card.names:
        return 0.9, "name"
    if whole in card.symptom_words:
        return 0.8, "symptom"
    if len(word) >= 3:
        if beginning in card.names:
            return 0.7, "name"
        if beginning in card.symptom_words:
            return 0.6, "symptom"
    if whole in card.text:
        return 0.35, "text"
    return 0.0, ""


def _by_words(card: Card, readings: dict[str, tuple[str, float]]) -> Hit[Card] | None:
    total = 0.0
    places: dict[str, list[str]] = {"name": [], "symptom": [], "text": []}
    guesses = []
    for word, (read_as, sureness) in readings.items():
        weight, place = _weight(read_as, card)
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
    return Hit(card, round(total / len(readings), 3), why)
