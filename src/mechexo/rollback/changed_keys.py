"""The values of YAML, TOML and JSON files that differ between two versions, by their path. Pure.

What cannot be read, or is too large to compare, is said instead of failing.
"""

from __future__ import annotations

import datetime
import json
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from mechexo.config.secrets import HIDDEN
from mechexo.masking import masked
from mechexo.rollback import reading_yaml
from mechexo.rollback.diffing import harmless
from mechexo.rollback.reading_yaml import Scalar
from mechexo.rollback.values import ChangedKey
from mechexo.value_classes import dataclass

MOST = 200
"""So many changed keys of a file are named; one more entry says how many there are besides."""
LONGEST_BYTES = 512 * 1024
"""A file larger than this is not compared by its keys."""
_LONGEST_VALUE = 120
_BEFORE_DIFFERENCE = 20
_MOST_LEAVES = 50_000
_WHOLE = "(all)"
_NAMES = ("name", "key")


@dataclass(frozen=True, slots=True)
class _Leaf:
    """A value that holds no others. `secret_by` are the words that may make it a secret: the keys
    on the way to it, and the name in an entry of name and value."""

    value: Any
    secret_by: tuple[str, ...]


def changed_keys(name: str, old: bytes | None, new: bytes | None) -> tuple[ChangedKey, ...]:
    """What would change in a file that its name says is YAML, TOML or JSON; nothing for others.

    `old` is what is there now, `new` what would be; None for no file. Values of secret keys are
    hidden, though that they change is said.
    """
    suffix = Path(name).suffix.lower()
    if suffix not in (".yaml", ".yml", ".toml", ".json") or old == new:
        return ()
    before: dict[str, _Leaf] = {}
    after: dict[str, _Leaf] = {}
    for which, data, leaves in (("now", old, before), ("then", new, after)):
        try:
            leaves.update(_leaves(suffix, data) if data is not None else ())
        except (ValueError, RecursionError) as error:
            said = f"(not readable as it is {which}: {_line(error)})"
            return (ChangedKey(name, said, None, None),)
    paths = [path for path in {**before, **after} if _differs(before.get(path), after.get(path))]
    found = [
        ChangedKey(name, harmless(path), *_shown(before.get(path), after.get(path)))
        for path in paths[:MOST]
    ]
    if len(paths) > MOST:
        found.append(ChangedKey(name, f"(and {len(paths) - MOST} more)", None, None))
    return tuple(found)


def _leaves(suffix: str, data: bytes) -> Iterator[tuple[str, _Leaf]]:
    if len(data) > LONGEST_BYTES:
        raise ValueError(f"it has more than {LONGEST_BYTES // 1024} KiB")
    step: Callable[[str], str] = reading_yaml.step
    documents: list[Any]
    match suffix:
        case ".toml":
            documents = [tomllib.loads(data.decode("utf-8"))]
        case ".json":
            documents = [json.loads(data, object_pairs_hook=_object)]
        case _:
            # Its keys are steps already.
            documents, step = reading_yaml.documents(data), str
    number = 0
    for at, document in enumerate(documents):
        if document == {} or (isinstance(document, Scalar) and document.kind == "null"):
            # An empty file, document or object alike has no values.
            continue
        for path, leaf in _below(document, f"#{at}" if at else "", (), step):
            number += 1
            if number > _MOST_LEAVES:
                raise ValueError(f"it has more than {_MOST_LEAVES:,} values, aliases followed")
            yield path or _WHOLE, leaf


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        [(twice, _)] = Counter(name for name, _ in pairs).most_common(1)
        raise ValueError(f"the key {twice!r} is there twice")
    return found


def _below(
    value: Any, path: str, secret_by: tuple[str, ...], step: Callable[[str], str]
) -> Iterator[tuple[str, _Leaf]]:
    """Each value that holds no others, by its path; an empty object or list is one."""
    if len(secret_by) > 2 * reading_yaml.DEEPEST:
        raise ValueError(f"it is nested more than {2 * reading_yaml.DEEPEST} deep")
    if isinstance(value, Mapping) and value:
        entry = next((_text(value[name]) for name in _NAMES if name in value), "")
        for name, item in value.items():
            named = (*secret_by, name, entry) if name == "value" and entry else (*secret_by, name)
            at = f"{path}.{step(name)}" if path else step(name)
            yield from _below(item, at, named, step)
    elif isinstance(value, list) and value:
        for number, item in enumerate(value):
            yield from _below(item, f"{path}[{number}]", (*secret_by, ""), step)
    else:
        yield path, _Leaf(value, secret_by)


def _text(value: Any) -> str:
    """A text value; empty for any other."""
    return value.text if isinstance(value, Scalar) else value if isinstance(value, str) else ""


def _differs(old: _Leaf | None, new: _Leaf | None) -> bool:
    if old is None or new is None:
        return True
    before, after = old.value, new.value
    if type(before) is not type(after):
        return True
    # Not a number is not even equal to itself; as a setting it is the same.
    return bool(before != after and not (before != before and after != after))


def _shown(old: _Leaf | None, new: _Leaf | None) -> tuple[str | None, str | None]:
    """Both values, as they may be seen: harmless, short, without secrets."""
    texts = [None if leaf is None else _as_text(leaf.value) for leaf in (old, new)]
    start = _start_of_difference(*texts)
    first, second = (
        None if leaf is None or text is None else _hidden_or_short(leaf, text, start)
        for leaf, text in zip((old, new), texts, strict=True)
    )
    return first, second


def _hidden_or_short(leaf: _Leaf, text: str, start: int) -> str:
    lines = [f"{word}: {text}" for word in leaf.secret_by if word] or [text]
    # Each line alone: what one of them hides below itself is none of the others.
    if any(masked([line]) != [line] for line in lines):
        return HIDDEN
    if len(text) <= _LONGEST_VALUE:
        return harmless(text)
    begin = "..." if start else ""
    end = "..." if start + _LONGEST_VALUE < len(text) else ""
    return f"{begin}{harmless(text[start : start + _LONGEST_VALUE])}{end} ({len(text):,} long)"


def _start_of_difference(old: str | None, new: str | None) -> int:
    """From where long values are shown: from shortly before they differ."""
    if old is None or new is None or max(len(old), len(new)) <= _LONGEST_VALUE:
        return 0
    shortest = min(len(old), len(new))
    same = next((at for at in range(shortest) if old[at] != new[at]), shortest)
    return 0 if same < _LONGEST_VALUE else same - _BEFORE_DIFFERENCE


def _as_text(value: Any) -> str:
    if isinstance(value, Scalar):
        return str(value)
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    try:
        return json.dumps(value, ensure_ascii=False)
    except ValueError:
        # A number with more digits than Python would write out.
        return hex(value)


def _line(error: BaseException) -> str:
    return harmless(" ".join(str(error).split())[:200]) or type(error).__name__
