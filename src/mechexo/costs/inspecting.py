"""What a person or a screen can ask when a figure needs looking into: comparisons, exceptions."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from mechexo.actor import Role
from mechexo.config import redact
from mechexo.costs import records
from mechexo.costs.dimensions import check_dimensions
from mechexo.costs.findings import Comparison, ExceptionList, Resampling
from mechexo.costs.running import grouping, price_period
from mechexo.costs.saved import Acknowledgement
from mechexo.desk import Desk
from mechexo.errors import NotFoundError, UsageError
from mechexo.times import iso_z

if TYPE_CHECKING:
    import polars as pl

Period = tuple[datetime, datetime]
"""start <= time < end."""

NOTE_LIMIT = 500
"""Characters of a note."""


def compare_periods(
    desk: Desk,
    first: Period,
    second: Period,
    *,
    labels: tuple[str, str],
    resampling: Resampling = Resampling(),
) -> Comparison:
    """The fills of the second period against those of the first.

    Raises:
        UsageError: a period is empty, the periods share fills, or the numbers for the intervals
            are out of range.
        ConfigError: no source is configured, or it does not fit its mapping.
        UnreachableError: a source cannot be read.
    """
    _check(resampling)
    if first[0] < second[1] and second[0] < first[1]:
        raise UsageError(
            "the two periods overlap: fills on both sides would make them look more alike than "
            "they are"
        )
    from mechexo.costs.compare import compare

    one, other = price_period(desk, *first), price_period(desk, *second)
    return compare(
        one.priced,
        other.priced,
        labels=labels,
        grouping=grouping(desk),
        currency=desk.settings.costs.currency,
        quote_rule=str(one.rule),
        resampling=resampling,
    )


def compare_values(
    desk: Desk,
    period: Period,
    dimension: str,
    values: tuple[str, str],
    *,
    resampling: Resampling = Resampling(),
) -> Comparison:
    """The fills with the second value of a dimension against those with the first.

    Raises:
        UsageError: the dimension or a value of it is unknown, or as `compare_periods`.
        ConfigError, UnreachableError: as `compare_periods`.
    """
    check_dimensions([dimension], desk.settings.costs.tags)
    if values[0] == values[1]:
        raise UsageError(f"a comparison needs two values of {dimension}, not {values[0]} twice")
    _check(resampling)
    from mechexo.costs.aggregate import with_keys
    from mechexo.costs.compare import compare

    rules = grouping(desk)
    run = price_period(desk, *period)
    keyed = with_keys(run.priced, [dimension], rules)
    sides = [_with_value(keyed, dimension, value) for value in values]
    return compare(
        sides[0],
        sides[1],
        labels=values,
        grouping=rules,
        currency=desk.settings.costs.currency,
        quote_rule=str(run.rule),
        resampling=resampling,
    )


def exceptions(desk: Desk, period: Period) -> ExceptionList:
    """The period's fills and rejected rows that somebody should look at, open ones first.

    Raises:
        UsageError: the period is empty or reversed.
        ConfigError: no source is configured, or it does not fit its mapping.
        UnreachableError: a source cannot be read.
    """
    from mechexo.costs.exceptions import find_exceptions

    run = price_period(desk, *period)
    found = find_exceptions(
        run.priced, run.fills.rejected, acknowledged=records.acknowledgements(desk.state)
    )
    return ExceptionList(
        start=period[0],
        end=period[1],
        currency=desk.settings.costs.currency,
        quote_rule=str(run.rule),
        fills=len(run.priced),
        rejected=len(run.fills.rejected),
        exceptions=found.rows,
        by_kind=found.by_kind,
        acknowledged=found.acknowledged,
    )


def exceptions_of(desk: Desk, period: Period, fill_id: str) -> tuple[str, ...]:
    """The kinds of exception that one fill of the period is.

    Raises:
        NotFoundError: it is none, or there is no such fill.
        UsageError, ConfigError, UnreachableError: as `exceptions`.
    """
    listed = exceptions(desk, period).exceptions
    kinds = tuple(each.kind for each in listed if each.fill_id == fill_id)
    if not kinds or not fill_id:
        raise NotFoundError(
            f"fill {fill_id!r} is no exception from {iso_z(period[0])} to {iso_z(period[1])}; "
            "mechexo costs exceptions lists them, --from and --to say when"
        )
    return kinds


def acknowledge_exception(
    desk: Desk, fill_id: str, kinds: Sequence[str], *, note: str = ""
) -> tuple[Acknowledgement, ...]:
    """Says that somebody has looked at a fill's exceptions of these kinds.

    A new note takes the place of an earlier one; without one, what is acknowledged stays as it is
    and leaves no entry in the audit log.

    Raises:
        NotAllowedError: the role is below responder.
        UsageError: there is no fill id or no kind to acknowledge.
    """
    if not fill_id.strip() or not kinds:
        raise UsageError("a row without a fill id cannot be acknowledged; mend it at its source")
    words, now = _clean(note), desk.clock.now()
    done = tuple(
        Acknowledgement(fill_id, kind, now, desk.actor.name, words) for kind in dict.fromkeys(kinds)
    )
    # An acknowledgement is its own reason: nobody shall have to find words at night.
    with desk.operation(
        "costs.acknowledge", fill_id, needs=Role.RESPONDER, reason=words or "acknowledged"
    ) as operation:
        known = records.acknowledgements(desk.state)
        earlier = {kind: each for (other, kind), each in known.items() if other == fill_id}
        fresh = [each for each in done if _says_more(each, earlier.get(each.kind))]
        for each in fresh:
            records.acknowledge(operation.transaction, each)
        operation.unchanged = not fresh
        operation.before = {kind: each.note for kind, each in earlier.items()}
        operation.after = {each.kind: each.note for each in fresh}
    return tuple(each if each in fresh else earlier[each.kind] for each in done)


def withdraw_acknowledgement(
    desk: Desk, fill_id: str, kinds: Sequence[str], *, reason: str = ""
) -> tuple[str, ...]:
    """Takes acknowledgements back; returns the kinds that had one.

    Raises:
        NotAllowedError: the role is below responder.
        UsageError: a live desk was given no reason.
    """
    with desk.operation(
        "costs.withdraw_acknowledgement", fill_id, needs=Role.RESPONDER, reason=_clean(reason)
    ) as operation:
        taken = [kind for kind in kinds if records.withdraw(operation.transaction, fill_id, kind)]
        operation.unchanged = not taken
        operation.before = {"kinds": taken}
    return tuple(taken)


def _says_more(new: Acknowledgement, earlier: Acknowledgement | None) -> bool:
    return earlier is None or new.note not in ("", earlier.note)


def _clean(note: str) -> str:
    """One line without control characters or secrets."""
    plain = "".join(each if each.isprintable() else " " for each in note)
    return redact(" ".join(plain.split()))[:NOTE_LIMIT]


def _check(how: Resampling) -> None:
    if not 0.5 <= how.confidence < 1:
        raise UsageError(
            f"the confidence is a share from 0.5 to below 1, like 0.95, not {how.confidence}"
        )
    if not 100 <= how.resamples <= 100_000:
        raise UsageError(f"the resamples are a number from 100 to 100000, not {how.resamples}")


def _with_value(keyed: pl.DataFrame, dimension: str, value: str) -> pl.DataFrame:
    column = keyed[f"key_{dimension}"]
    found = keyed.filter(column == value)
    if found.is_empty():
        known = column.unique().sort().to_list()
        near = difflib.get_close_matches(value, known, n=1)
        hint = f"did you mean {near[0]}?" if near else "there are: " + ", ".join(known[:10])
        hint = hint if known else "there are no fills"
        raise UsageError(f"no fill of the period has the {dimension} {value!r}; {hint}")
    return found
