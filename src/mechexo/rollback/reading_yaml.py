"""Reading YAML that nobody vouches for. Pure.

From the parser's events, without recursion: a tag makes no object, an alias is not copied, and what
is nested too deep is refused before it can exhaust the stack (PyYAML's own loader crashes the whole
process on some such files).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

DEEPEST = 100
_NOT_A_NAME = "?"
_STANDARD = "tag:yaml.org,2002:"


@dataclass(frozen=True, slots=True)
class Scalar:
    """A single value: its type (`str`, `int`, `bool`, ..., or a tag of one's own) and its text."""

    kind: str
    text: str

    def __str__(self) -> str:
        if self.kind == "str":
            return json.dumps(self.text, ensure_ascii=False)
        if self.kind.startswith("!"):
            return f"{self.kind} {json.dumps(self.text, ensure_ascii=False)}"
        return self.text or self.kind


@dataclass(slots=True)
class _Open:
    """A mapping or sequence that is not at its end yet."""

    value: dict[str, Any] | list[Any]
    key: str | None = None
    """Of a mapping, the key that waits for its value."""


@dataclass(slots=True)
class _Reading:
    documents: list[Any] = field(default_factory=list)
    stack: list[_Open] = field(default_factory=list)
    anchors: dict[str, Any] = field(default_factory=dict)


def check(data: bytes) -> None:
    """Reads YAML for its form only: tags and names may be whatever they are.

    Raises:
        ValueError: it cannot be parsed, or is nested too deep; the text is one line.
    """
    for _ in _events(data):
        pass


def documents(data: bytes) -> list[Any]:
    """The documents as dictionaries, lists and `Scalar`s. What an alias names is there once, as one
    object.

    The keys are texts: a key that is text but reads as something else (`"1"`, `"on"`) is quoted.

    Raises:
        ValueError: it cannot be parsed, is nested too deep, has a key twice, or contains itself.
    """
    import yaml

    resolver, reading = yaml.resolver.Resolver(), _Reading()
    for event in _events(data):
        match event:
            case yaml.DocumentStartEvent():
                reading.anchors = {}
            case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                is_mapping = isinstance(event, yaml.MappingStartEvent)
                opened: dict[str, Any] | list[Any] = {} if is_mapping else []
                _add(reading, opened, _NOT_A_NAME)
                _anchor(reading, event.anchor, opened)
                reading.stack.append(_Open(opened))
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                reading.stack.pop()
            case yaml.ScalarEvent():
                kind = _kind(resolver, event)
                scalar = Scalar(kind, event.value)
                _anchor(reading, event.anchor, scalar)
                _add(reading, scalar, _key(resolver, scalar))
            case yaml.AliasEvent():
                named = _named(reading, event.anchor)
                is_scalar = isinstance(named, Scalar)
                _add(reading, named, _key(resolver, named) if is_scalar else _NOT_A_NAME)
            case _:
                pass
    return reading.documents


def _events(data: bytes) -> Iterator[Any]:
    import yaml

    deep = 0
    try:
        for event in yaml.parse(data, Loader=yaml.CSafeLoader):
            if isinstance(event, yaml.CollectionStartEvent):
                deep += 1
                if deep > DEEPEST:
                    raise ValueError(f"it is nested more than {DEEPEST} deep")
            elif isinstance(event, yaml.CollectionEndEvent):
                deep -= 1
            yield event
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from error


def _add(reading: _Reading, value: Any, as_key: str) -> None:
    """Puts a value where the next one belongs; in a mapping every other one is a key."""
    if not reading.stack:
        reading.documents.append(value)
        return
    top = reading.stack[-1]
    if isinstance(top.value, list):
        top.value.append(value)
    elif top.key is not None:
        top.value[top.key], top.key = value, None
    elif as_key in top.value:
        raise ValueError(f"the key {as_key} is there twice")
    else:
        top.key = as_key


def _anchor(reading: _Reading, name: str | None, value: Any) -> None:
    if name is not None:
        reading.anchors[name] = value


def _named(reading: _Reading, name: str | None) -> Any:
    if name is None or name not in reading.anchors:
        raise ValueError(f"the alias *{name} names nothing")
    value = reading.anchors[name]
    if any(each.value is value for each in reading.stack):
        raise ValueError(f"the alias *{name} lies inside of what it names")
    return value


def _kind(resolver: Any, event: Any) -> str:
    import yaml

    tag = event.tag
    if tag is None or tag == "!":
        tag = resolver.resolve(yaml.ScalarNode, event.value, event.implicit)
    return str(tag).removeprefix(_STANDARD)


def _key(resolver: Any, scalar: Scalar) -> str:
    import yaml

    if scalar.kind != "str":
        return scalar.text or scalar.kind
    plain = resolver.resolve(yaml.ScalarNode, scalar.text, (True, False))
    return step(scalar.text) if plain == f"{_STANDARD}str" else json.dumps(scalar.text)


def step(name: str) -> str:
    """A key as a step of a path: quoted when it could be mistaken for several, or for none."""
    plain = name and all(each.isalnum() or each in "_-" for each in name)
    return name if plain else json.dumps(name, ensure_ascii=False)
