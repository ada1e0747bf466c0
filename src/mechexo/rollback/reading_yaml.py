"""Reading YAML that nobody vouches for. Pure.

From the parser's events, without recursion: a tag makes no object, an alias is not copied, and what
is nested too deep is refused before it can exhaust the stack (PyYAML's own loader crashes the whole
process on some such files).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import field
from typing import Any

from mechexo.value_classes import dataclass

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


class _Kinds:
    """What scalars are, each text looked up once."""

    def __init__(self) -> None:
        import yaml

        self._resolver: Any = yaml.resolver.Resolver()
        self._node = yaml.ScalarNode
        self._known: dict[tuple[str, tuple[bool, bool]], str] = {}

    def of(self, tag: str | None, text: str, implicit: tuple[bool, bool]) -> str:
        """The type of a scalar: by its tag, else by what it looks like and whether it is quoted."""
        if tag is not None and tag != "!":
            return tag.removeprefix(_STANDARD)
        known = self._known.get((text, implicit))
        if known is None:
            found = self._resolver.resolve(self._node, text, implicit)
            known = self._known[text, implicit] = str(found).removeprefix(_STANDARD)
        return known

    def as_key(self, scalar: Scalar) -> str:
        """A scalar as a step of a path; text that reads as something else is quoted."""
        if scalar.kind != "str":
            return scalar.text or scalar.kind
        if self.of(None, scalar.text, (True, False)) != "str":
            return json.dumps(scalar.text)
        return step(scalar.text)


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

    kinds, reading = _Kinds(), _Reading()
    for event in _events(data):
        match event:
            case yaml.ScalarEvent():
                scalar = Scalar(kinds.of(event.tag, event.value, event.implicit), event.value)
                _anchor(reading, event.anchor, scalar)
                _add(reading, scalar, kinds)
            case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                is_mapping = isinstance(event, yaml.MappingStartEvent)
                opened: dict[str, Any] | list[Any] = {} if is_mapping else []
                _add(reading, opened, kinds)
                _anchor(reading, event.anchor, opened)
                reading.stack.append(_Open(opened))
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                reading.stack.pop()
            case yaml.AliasEvent():
                _add(reading, _named(reading, event.anchor), kinds)
            case yaml.DocumentStartEvent():
                reading.anchors = {}
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


def _add(reading: _Reading, value: Any, kinds: _Kinds) -> None:
    """Puts a value where the next one belongs; in a mapping every other one is a key."""
    if not reading.stack:
        reading.documents.append(value)
        return
    top = reading.stack[-1]
    if isinstance(top.value, list):
        top.value.append(value)
    elif top.key is not None:
        top.value[top.key], top.key = value, None
    else:
        key = kinds.as_key(value) if isinstance(value, Scalar) else _NOT_A_NAME
        if key in top.value:
            raise ValueError(f"the key {key} is there twice")
        top.key = key


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


def step(name: str) -> str:
    """A key as a step of a path: quoted when it could be mistaken for several, or for none."""
    plain = name and all(each.isalnum() or each in "_-" for each in name)
    return name if plain else json.dumps(name, ensure_ascii=False)
