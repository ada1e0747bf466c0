"""The values of YAML, TOML and JSON files that differ between two versions, by their path. Pure.

Reading is safe: no tag makes an object, an alias is not followed further than a file is long, and
what cannot be read says why instead of failing.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mechexo.config.secrets import HIDDEN
from mechexo.rollback.masking import masked
from mechexo.rollback.values import ChangedKey

MOST = 200
"""So many changed keys of a file are named; one more entry says how many there are besides."""
_LONGEST_VALUE = 120
_MOST_LEAVES = 50_000
_MISSING = object()
_NUMBER = re.compile(r"\[\d+\]")


def changed_keys(name: str, old: bytes | None, new: bytes | None) -> tuple[ChangedKey, ...]:
    """What would change in a file that its name says is YAML, TOML or JSON; nothing for others.

    `old` is what is there now, `new` what would be; None for no file. Values of secret keys are
    hidden, though that they change is said.
    """
    if Path(name).suffix.lower() not in (".yaml", ".yml", ".toml", ".json"):
        return ()
    sides = []
    for data in (old, new):
        try:
            sides.append(dict(_leaves(_read(name, data))) if data is not None else {})
        except (ValueError, RecursionError) as error:
            which = "now" if data is old else "then"
            return (
                ChangedKey(name, f"(not readable as it is {which}: {_line(error)})", None, None),
            )
    before, after = sides
    paths = [path for path in {**before, **after} if _differs(before, after, path)]
    found = [
        ChangedKey(name, path, _shown(path, before), _shown(path, after)) for path in paths[:MOST]
    ]
    if len(paths) > MOST:
        found.append(ChangedKey(name, f"(and {len(paths) - MOST} more)", None, None))
    return tuple(found)


def _read(name: str, data: bytes) -> Any:
    match Path(name).suffix.lower():
        case ".toml":
            return tomllib.loads(data.decode("utf-8"))
        case ".json":
            return json.loads(data, object_pairs_hook=_object)
        case _:
            return _read_yaml(data)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the key {next(n for n in names if names.count(n) > 1)!r} is there twice")
    return found


def _read_yaml(data: bytes) -> Any:
    import yaml

    try:
        documents = [
            _plain(node) for node in yaml.compose_all(data, Loader=yaml.CSafeLoader) if node
        ]
    except yaml.YAMLError as error:
        raise ValueError(_line(error)) from error
    return documents[0] if len(documents) == 1 else {f"#{n}": d for n, d in enumerate(documents)}


def _plain(root: Any) -> Any:
    """A YAML node as plain values. Scalars keep their type in what is shown; tags make nothing."""
    import yaml

    budget = [_MOST_LEAVES]

    def value(node: Any, above: tuple[int, ...]) -> Any:
        budget[0] -= 1
        if budget[0] < 0 or id(node) in above:
            raise ValueError("its aliases make it too large to compare")
        inside = (*above, id(node))
        if isinstance(node, yaml.MappingNode):
            found: dict[str, Any] = {}
            for key, item in node.value:
                name = key.value if isinstance(key, yaml.ScalarNode) else "?"
                if name in found and name != "<<":
                    raise ValueError(f"the key {name!r} is there twice")
                found[name] = value(item, inside)
            return found
        if isinstance(node, yaml.SequenceNode):
            return [value(item, inside) for item in node.value]
        return _Scalar(node.tag.rpartition(":")[2], node.value)

    return value(root, ())


class _Scalar(tuple[str, str]):
    """A YAML scalar: its type and its text."""

    __slots__ = ()

    def __new__(cls, kind: str, text: str) -> _Scalar:
        return super().__new__(cls, (kind, text))

    def __str__(self) -> str:
        kind, text = self
        return json.dumps(text, ensure_ascii=False) if kind == "str" else text or "null"


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Each value that holds no others, by its path; an empty object or list is one."""
    if isinstance(value, Mapping) and value:
        for name, item in value.items():
            yield from _leaves(item, f"{path}.{_step(name)}" if path else _step(name))
    elif isinstance(value, list) and value:
        for number, item in enumerate(value):
            yield from _leaves(item, f"{path}[{number}]")
    else:
        yield path or "(all)", value


def _step(name: str) -> str:
    plain = name and all(each.isalnum() or each in "_-#<" for each in name)
    return name if plain else json.dumps(name, ensure_ascii=False)


def _differs(before: Mapping[str, Any], after: Mapping[str, Any], path: str) -> bool:
    old, new = before.get(path, _MISSING), after.get(path, _MISSING)
    return type(old) is not type(new) or old != new


def _shown(path: str, side: Mapping[str, Any]) -> str | None:
    if path not in side:
        return None
    value = side[path]
    text = (
        str(value)
        if isinstance(value, _Scalar)
        else json.dumps(value, ensure_ascii=False, default=str)
    )
    lines = [f"{_NUMBER.sub('', step)}: {text}" for step in path.split(".")]
    if masked(lines) != lines:
        return HIDDEN
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}..."


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
