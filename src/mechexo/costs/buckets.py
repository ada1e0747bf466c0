"""Buckets of values in basis points: counted, they say in which one each rank lies.

The exponent and the first bits of the mantissa, as they stand in a float: a bucket is as wide as
its values are large, whatever the data's range, and there are no bounds to agree upon. Larger
values never have a smaller bucket.
"""

from __future__ import annotations

import struct

import polars as pl

FINE, COARSE = 512, 32
"""How many buckets an octave has: a bucket is at most this part of its values wide."""
FINEST = 2.0**-10
"""Values nearer to zero than this share a bucket."""

_MANTISSA = 52
_MANY = frozenset({"symbol", "order_id"})
"""Dimensions with many values, whose groups have few fills each."""


def fineness(by: tuple[str, ...], tags: tuple[str, ...] = ()) -> int:
    """How many buckets an octave has in a grouping: fewer where there are many groups."""
    return COARSE if len(by) > 1 or _MANY.intersection(by) or set(by) & set(tags) else FINE


def bucket(value: pl.Expr, per_octave: int) -> pl.Expr:
    """The bucket (Int32) of a value."""
    size = value.abs().clip(lower_bound=FINEST).reinterpret(dtype=pl.Int64) // (
        1 << _bits(per_octave)
    )
    size = (size - _offset(per_octave)).cast(pl.Int32)
    return pl.when(value < 0).then(-size).otherwise(size)


def coarser(bucket: pl.Expr, per_octave: int) -> pl.Expr:
    """The wider bucket in which a fine one lies."""
    factor = FINE // per_octave
    return bucket.sign() * (bucket.abs() // factor)


def bucket_width(bucket: pl.Expr, per_octave: int) -> pl.Expr:
    """How wide a bucket is, in the unit of its values."""
    size = bucket.abs()
    start = FINEST * pl.lit(2.0).pow((size // per_octave).cast(pl.Float64))
    at_zero = 2 * FINEST * (1 + 1 / per_octave)
    return pl.when(size == 0).then(pl.lit(at_zero)).otherwise(start / per_octave)


def bucket_middle(bucket: pl.Expr, per_octave: int) -> pl.Expr:
    """The middle of a bucket."""
    size = bucket.abs()
    start = FINEST * pl.lit(2.0).pow((size // per_octave).cast(pl.Float64))
    part = ((size % per_octave).cast(pl.Float64) + 0.5) / per_octave
    return pl.when(size == 0).then(pl.lit(0.0)).otherwise(bucket.sign() * start * (1 + part))


def _bits(per_octave: int) -> int:
    """How many bits of the mantissa do not matter."""
    return _MANTISSA - per_octave.bit_length() + 1


def _offset(per_octave: int) -> int:
    """What the bits of the finest value are, so that its bucket is 0."""
    return int.from_bytes(struct.pack(">d", FINEST), "big") >> _bits(per_octave)
