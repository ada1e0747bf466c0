"""Our quick dataclasses behave as those of the standard library."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
import sys
from collections.abc import Callable
from dataclasses import field
from typing import Any, Generic, TypeVar, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mechexo.value_classes import quick_dataclass

Maker = Callable[..., Callable[[type[Any]], type[Any]]]
Item = TypeVar("Item")


def _classes(dataclass: Maker) -> dict[str, type[Any]]:
    """Classes of every kind that we have, made by one of the two."""

    @dataclass(frozen=True, slots=True)
    class Order:
        """With defaults and a factory."""

        symbol: str
        quantity: float = 1.0
        tags: dict[str, int] = field(default_factory=dict)
        note: str = field(default="", compare=False, repr=False)

        @property
        def notional(self) -> float:
            return self.quantity * 2

    @dataclass(frozen=True, kw_only=True)
    class Settings:
        """Only by name, without slots."""

        first: int
        second: int = 2

    @dataclass(slots=True)
    class Counter:
        """That changes."""

        name: str
        count: int = field(default=3, init=False)
        seen: list[str] = field(default_factory=list, init=False)
        later: object = field(default=None, init=False)

    @dataclass()
    class Loose:
        """Without slots, with a default that stands on the class."""

        name: str
        count: int = field(default=3, init=False)

    @dataclass(frozen=True, slots=True)
    class Checked:
        """Looks at what it is given."""

        size: int

        def __post_init__(self) -> None:
            if self.size < 0:
                raise ValueError("below zero")

    @dataclass(frozen=True, slots=True, eq=False)
    class Alone:
        """Equal to nothing else."""

        size: int

    @dataclass(frozen=True, slots=True)
    class Named:
        """With its own words and equality."""

        name: str
        number: int = 0

        def __repr__(self) -> str:
            return f"<{self.name}>"

        def __eq__(self, other: object) -> bool:
            return isinstance(other, Named) and other.name == self.name

        def __hash__(self) -> int:
            return hash(self.name)

    @dataclass(frozen=True, slots=True)
    class Empty:
        """Nothing."""

    @dataclass(frozen=True)
    class Base:
        """To be derived from."""

        first: int
        last: int = 9

    @dataclass(frozen=True)
    class Derived(Base):
        """With a default of its own for what it has from its base."""

        last: int = 8
        more: str = "more"

    @dataclass(frozen=True, slots=True)
    class Box(Generic[Item]):
        """Of anything."""

        item: Item

    return {
        kind.__name__: kind
        for kind in (
            *(Order, Settings, Counter, Loose, Checked, Alone, Named, Empty, Base, Derived),
            Box,
        )
    }


OURS, THEIRS = _classes(quick_dataclass), _classes(dataclasses.dataclass)
# So that pickle finds ours by their names.
for _name, _kind in OURS.items():
    _kind.__qualname__ = _name
    setattr(sys.modules[__name__], _name, _kind)
for _name, _kind in THEIRS.items():
    _kind.__qualname__ = _name

ARGUMENTS: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
    "Order": (("ESZ6",), {"note": "x"}),
    "Settings": ((), {"first": 1}),
    "Counter": (("a",), {}),
    "Loose": (("a",), {}),
    "Checked": ((4,), {}),
    "Alone": ((4,), {}),
    "Named": (("a",), {"number": 4}),
    "Empty": ((), {}),
    "Base": ((1,), {}),
    "Derived": ((1,), {}),
    "Box": (("x",), {}),
}


@pytest.fixture(params=list(OURS))
def pair(request: pytest.FixtureRequest) -> tuple[type[Any], type[Any]]:
    return OURS[request.param], THEIRS[request.param]


def _made(kind: type[Any]) -> Any:
    words, named = ARGUMENTS[kind.__name__]
    return kind(*words, **named)


def test_an_instance_reads_as_the_standard_librarys(pair: tuple[type[Any], type[Any]]) -> None:
    ours, theirs = map(_made, pair)
    assert repr(ours) == repr(theirs)


def test_fields_and_their_order_are_the_same(pair: tuple[type[Any], type[Any]]) -> None:
    ours, theirs = pair
    assert [each.name for each in dataclasses.fields(ours)] == [
        each.name for each in dataclasses.fields(theirs)
    ]
    assert ours.__match_args__ == theirs.__match_args__
    assert getattr(ours, "__slots__", None) == getattr(theirs, "__slots__", None)


def test_the_signature_and_the_types_are_the_same(pair: tuple[type[Any], type[Any]]) -> None:
    ours, theirs = pair
    assert str(inspect.signature(ours)) == str(inspect.signature(theirs))
    if ours.__name__ != "Box":  # whose type variable has no name outside of this module's function
        assert get_type_hints(ours.__init__) == get_type_hints(theirs.__init__)


def test_what_cannot_be_made_is_refused_alike(pair: tuple[type[Any], type[Any]]) -> None:
    for words, named in (((1, 2, 3, 4, 5, 6), {}), ((), {"unknown": 1})):
        for kind in pair:
            with pytest.raises(TypeError):
                kind(*words, **named)


def test_instances_are_equal_where_the_standard_librarys_are(
    pair: tuple[type[Any], type[Any]],
) -> None:
    ours, theirs = ((_made(kind) == _made(kind), _made(kind) == 4) for kind in pair)
    assert ours == theirs


def test_hashes_are_the_same_or_refused(pair: tuple[type[Any], type[Any]]) -> None:
    if pair[0].__name__ == "Alone":
        assert pair[0].__hash__ is object.__hash__
        return
    found: list[object] = []
    for kind in pair:
        try:
            found.append(hash(_made(kind)))
        except TypeError as error:
            found.append(str(error))
    assert found[0] == found[1]


def test_a_frozen_one_takes_no_assignment_and_loses_nothing(
    pair: tuple[type[Any], type[Any]],
) -> None:
    if pair[0].__name__ == "Empty":  # where the standard library fails with another error
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(_made(pair[0]), "anything", 5)  # noqa: B010
        return
    name = dataclasses.fields(pair[0])[0].name
    outcomes = []
    for kind in pair:
        for change in (lambda it: setattr(it, name, 5), lambda it: delattr(it, name)):
            try:
                change(_made(kind))
                outcomes.append("done")
            except AttributeError as error:
                outcomes.append(f"{type(error).__name__}: {error}")
    assert outcomes[:2] == outcomes[2:]


def test_pickle_and_copy_give_the_same_back() -> None:
    for name in OURS:
        value = _made(OURS[name])
        for again in (pickle.loads(pickle.dumps(value)), copy.copy(value)):
            assert type(again) is type(value)
            assert repr(again) == repr(value)


def test_replace_asdict_and_match_take_ours_for_dataclasses() -> None:
    order: Any = _made(OURS["Order"])
    assert dataclasses.replace(order, quantity=3.0).notional == 6.0
    assert dataclasses.asdict(order) == {
        "symbol": "ESZ6",
        "quantity": 1.0,
        "tags": {},
        "note": "x",
    }
    match order:
        case object(symbol="ESZ6", quantity=quantity):
            assert quantity == 1.0
        case _:
            pytest.fail("no match")


def test_each_instance_has_what_its_factory_makes() -> None:
    kind = OURS["Order"]
    assert kind("a").tags is not kind("a").tags


def test_the_check_after_making_is_called() -> None:
    with pytest.raises(ValueError, match="below zero"):
        OURS["Checked"](-1)


def test_nothing_is_compiled_before_a_class_is_used() -> None:
    @quick_dataclass(frozen=True)
    class Unused:
        """Not yet."""

        name: str

    assert not inspect.isfunction(Unused.__dict__["__init__"])
    assert Unused("a").name == "a"
    assert inspect.isfunction(Unused.__dict__["__init__"])


def test_a_value_that_holds_itself_can_be_told() -> None:
    counter = OURS["Counter"]("a")
    counter.later = counter
    assert repr(counter) == "Counter(name='a', count=3, seen=[], later=...)"


@given(st.lists(st.tuples(st.text(), st.floats(allow_nan=False)), min_size=2, max_size=6))
def test_equality_and_hashes_agree_with_the_standard_librarys(
    values: list[tuple[str, float]],
) -> None:
    kind, theirs = OURS["Order"], THEIRS["Order"]
    for one in values:
        for other in values:
            assert (kind(*one) == kind(*other)) == (theirs(*one) == theirs(*other))
            assert (kind(*one, note="x") == kind(*other)) == (one == other)
