"""Which format a file is of: told by its content, not by its name."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from mechexo.costs.imports.content import Content
from mechexo.costs.imports.values import Options
from mechexo.costs.sources.columns import closest
from mechexo.errors import UsageError, close_names

FORMATS = (
    "ib_flex",
    "ib_csv",
    "alpaca",
    "fix",
    "binance",
    "coinbase",
    "kraken",
    "bybit",
)
"""The modules here that each know one format, in the order in which they are asked; what none of
them knows may be a file that the desk itself has mapped."""


def names() -> dict[str, str]:
    """What each format is called, and what it is."""
    return {module.NAME: module.TITLE for module in (*_modules(), _mapped())}


def recognised(content: Content, options: Options, forced: str | None = None) -> ModuleType:
    """The module that reads a file; `forced` names it whatever the file looks like.

    Raises:
        UsageError: no format is like it, or the forced one does not exist.
    """
    mapped = _mapped()
    if forced is not None:
        known = {module.NAME: module for module in (*_modules(), mapped)}
        if forced not in known:
            raise UsageError(f"{forced!r} is no format; {close_names(forced, known)}")
        return known[forced]
    for module in _modules():
        if module.recognises(content):
            return module
    if mapped.recognises(content, options):
        return mapped
    raise UsageError(f"{content.path} is of no format that I know; {_hint(content, options)}")


def _hint(content: Content, options: Options) -> str:
    columns = _mapped().columns_of(content)
    if not columns:
        if content.looks_like_json:
            _ = content.json  # a torn document says so itself
        return f"known: {', '.join(names())}"
    from mechexo.costs.sources.columns import FILL_COLUMNS

    for ours in FILL_COLUMNS.needed:
        theirs = options.mapping.get(ours, ours)
        if theirs not in columns:
            return (
                f"as a table of your own it lacks {theirs!r}; {closest(theirs, columns)} "
                f"(name it in [costs.fill_columns] {ours})"
            )
    return f"known: {', '.join(names())}"


def _modules() -> tuple[ModuleType, ...]:
    return tuple(import_module(f"mechexo.costs.imports.{name}") for name in FORMATS)


def _mapped() -> ModuleType:
    return import_module("mechexo.costs.imports.mapped")
