"""Dataclasses that are quick to make.

The standard library writes and compiles half a dozen methods for every class when it is defined:
half a millisecond, of which a command that starts has to make a hundred. Here the standard library
collects the fields, which takes a fifteenth of that; the methods are shared by all classes, but for
`__init__`, which is compiled when its class is first used. What comes of it is a dataclass to
`fields`, `replace`, `asdict`, `match`, pickle and the type checker.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable
from operator import attrgetter
from reprlib import recursive_repr
from typing import TYPE_CHECKING, Any

_MISSING = dataclasses.MISSING
_set = object.__setattr__

Values = Callable[[Any], tuple[Any, ...]]
"""Gives some fields of an instance."""


def quick_dataclass(
    *, frozen: bool = False, slots: bool = False, eq: bool = True, kw_only: bool = False
) -> Callable[[type[Any]], type[Any]]:
    """As `dataclasses.dataclass`, without `order`, `InitVar` and what else nobody here needs."""

    def made(cls: type[Any]) -> type[Any]:
        if not cls.__doc__:
            # Else the standard library takes its time to write the signature there.
            cls.__doc__ = cls.__name__
        own = cls.__dict__
        given = {name for name in own if name.startswith("__") and own[name] is not None}
        cls = dataclasses.dataclass(init=False, repr=False, eq=False, kw_only=kw_only, slots=slots)(
            cls
        )
        init = _Init(cls, frozen=frozen, slots=slots)
        for name, method in {"__init__": init, **_methods(cls, frozen, slots, eq)}.items():
            if name not in given:
                setattr(cls, name, method)
        return cls

    return made


if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
else:
    dataclass = quick_dataclass


def _methods(cls: type[Any], frozen: bool, slots: bool, eq: bool) -> dict[str, Any]:
    own = dataclasses.fields(cls)
    methods: dict[str, Any] = {"__repr__": _repr_of([each.name for each in own if each.repr])}
    if eq:
        methods["__eq__"] = _eq_of(_values_of([each.name for each in own if each.compare]))
        hashed = [each.name for each in own if (each.compare if each.hash is None else each.hash)]
        methods["__hash__"] = _hash_of(_values_of(hashed)) if frozen else None
    if frozen:
        names = frozenset(each.name for each in own)
        methods["__setattr__"] = _refusing_to_assign(cls, names)
        methods["__delattr__"] = _refusing_to_delete(cls, names)
        if slots:
            methods |= {"__getstate__": _state, "__setstate__": _with_state}
    return methods


class _Init:
    """Stands for the `__init__` of a class until somebody looks at it."""

    def __init__(self, cls: type[Any], *, frozen: bool, slots: bool) -> None:
        self._cls, self._frozen, self._slots = cls, frozen, slots

    def __get__(self, instance: object, owner: type[Any] | None = None) -> Any:
        init = self._cls.__dict__["__init__"]
        if init is self:  # Another thread may have been quicker.
            init = _init_of(self._cls, self._frozen, self._slots)
            self._cls.__init__ = init
        return init.__get__(instance, owner)


class _NotGiven:
    """What an argument is that has a factory and was not given."""

    def __repr__(self) -> str:
        return "<factory>"


def _init_of(cls: type[Any], frozen: bool, slots: bool) -> Any:
    """Written out and compiled, as the standard library does it, so that it is as fast."""
    known: dict[str, Any] = {"_set": _set, "_not_given": _NotGiven()}
    usual: list[str] = []
    named: list[str] = []
    body: list[str] = []
    for each in dataclasses.fields(cls):
        name, default = each.name, ""
        value: str | None = each.name
        if each.default is not _MISSING:
            known[f"_default_{name}"] = each.default
            default = f"=_default_{name}"
            if not each.init:
                # It stands on the class, unless a slot is in its place.
                value = f"_default_{name}" if slots else None
        elif each.default_factory is not _MISSING:
            known[f"_factory_{name}"] = each.default_factory
            default, value = "=_not_given", f"_factory_{name}()"
            if each.init:
                value = f"{value} if {name} is _not_given else {name}"
        elif not each.init:
            value = None
        if each.init:
            (named if each.kw_only else usual).append(name + default)
        if value is not None:
            body.append(f"_set(_self, {name!r}, {value})" if frozen else f"_self.{name} = {value}")
    if hasattr(cls, "__post_init__"):
        body.append("_self.__post_init__()")
    parameters = ", ".join(["_self", *usual, *(["*", *named] if named else [])])
    lines = [f"def _making({', '.join(known)}):", f" def __init__({parameters}):"]
    text = "\n".join([*lines, *(f"  {line}" for line in body or ["pass"]), " return __init__"])
    module = sys.modules.get(cls.__module__)
    found: dict[str, Any] = {}
    exec(text, {} if module is None else module.__dict__, found)  # noqa: S102
    init = found["_making"](**known)
    init.__qualname__ = f"{cls.__qualname__}.__init__"
    kinds = {each.name: each.type for each in dataclasses.fields(cls) if each.init}
    init.__annotations__ = {**kinds, "return": None}
    return init


def _values_of(names: list[str]) -> Values:
    if len(names) > 1:
        return attrgetter(*names)
    return lambda value: tuple(getattr(value, name) for name in names)


def _repr_of(names: list[str]) -> Callable[[Any], str]:
    @recursive_repr()
    def __repr__(self: Any) -> str:  # noqa: N807
        told = ", ".join(f"{name}={getattr(self, name)!r}" for name in names)
        return f"{self.__class__.__qualname__}({told})"

    return __repr__


def _eq_of(values: Values) -> Callable[[Any, Any], bool]:
    def __eq__(self: Any, other: Any) -> bool:  # noqa: N807
        if other.__class__ is not self.__class__:
            return NotImplemented
        return values(self) == values(other)

    return __eq__


def _hash_of(values: Values) -> Callable[[Any], int]:
    def __hash__(self: Any) -> int:  # noqa: N807
        return hash(values(self))

    return __hash__


def _refusing_to_assign(cls: type[Any], names: frozenset[str]) -> Callable[[Any, str, Any], None]:
    def __setattr__(self: Any, name: str, value: Any) -> None:  # noqa: N807
        if type(self) is cls or name in names:
            raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")
        super(cls, self).__setattr__(name, value)

    return __setattr__


def _refusing_to_delete(cls: type[Any], names: frozenset[str]) -> Callable[[Any, str], None]:
    def __delattr__(self: Any, name: str) -> None:  # noqa: N807
        if type(self) is cls or name in names:
            raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")
        super(cls, self).__delattr__(name)

    return __delattr__


def _state(self: Any) -> list[Any]:
    return [getattr(self, each.name) for each in dataclasses.fields(self)]


def _with_state(self: Any, state: list[Any]) -> None:
    for each, value in zip(dataclasses.fields(self), state, strict=True):
        _set(self, each.name, value)
