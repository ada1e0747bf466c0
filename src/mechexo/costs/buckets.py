"""Buckets of values in basis points: counted, they say in which one each rank lies.

The exponent and the first bits of the mantissa, as they stand in a float of 32 bits: a bucket is as
wide as its values are large, whatever the data's range, and there are no bounds to agree upon.
Larger values never have a smaller bucket.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FINE, COARSE = 128, 32
"""How many buckets an octave has: a bucket is at most this part of its values wide."""
FINEST = 2.0**-10
"""Values nearer to zero than this share a bucket."""

_MANTISSA = 23
_ROUNDING = 2.0**-24
_MANY = frozenset({"symbol", "order_id"})
"""Dimensions with many values, whose groups have few fills each."""


def fineness(by: tuple[str, ...], tags: tuple[str, ...] = ()) -> int:
    """How many buckets an octave has in a grouping: fewer where there are many groups."""
    return COARSE if len(by) > 1 or _MANY.intersection(by) or set(by) & set(tags) else FINE


def bucket(value: pl.Expr, per_octave: int) -> pl.Expr:
    """The bucket (Int32) of a value."""
    short = value.cast(pl.Float32)
    least = pl.lit(FINEST, dtype=pl.Float32)
    size = pl.when(short.abs() > least).then(short.abs()).otherwise(least)
    number = size.reinterpret(dtype=pl.Int32) // (1 << _bits(per_octave)) - _offset(per_octave)
    return pl.when(value.is_not_null()).then(pl.when(short < 0).then(-number).otherwise(number))


def coarser(bucket: pl.Expr, per_octave: int) -> pl.Expr:
    """The wider bucket in which a fine one lies."""
    factor = FINE // per_octave
    return bucket.sign() * (bucket.abs() // factor)


def bucket_numbers(values: NDArray[np.float64], per_octave: int) -> NDArray[np.int32]:
    """As `bucket`, of an array without nulls."""
    short = values.astype("f4")
    size = abs(short).clip(min=short.dtype.type(FINEST)).view("i4")
    size >>= _bits(per_octave)
    size -= _offset(per_octave)
    # The sign of a float is that of its bits, as an integer has them: -1 or 0.
    sign = short.view("i4") >> 31
    size ^= sign
    size -= sign
    return size


def coarser_numbers(buckets: NDArray[np.int32], per_octave: int) -> NDArray[np.int32]:
    """As `coarser`, of an array."""
    factor = FINE // per_octave
    # A shift rounds down: negative ones are put forward, so that they too go towards zero.
    ahead = (buckets < 0) * buckets.dtype.type(factor - 1)
    ahead += buckets
    ahead >>= factor.bit_length() - 1
    return ahead


def bucket_width(bucket: pl.Expr, per_octave: int) -> pl.Expr:
    """How wide a bucket is at most, in the unit of its values."""
    size = bucket.abs()
    start = FINEST * pl.lit(2.0).pow((size // per_octave).cast(pl.Float64))
    at_zero = 2 * FINEST * (1 + 1 / per_octave)
    width = pl.when(size == 0).then(pl.lit(at_zero)).otherwise(start / per_octave)
    # A value at the edge may have been rounded into the next bucket.
    return width + 2 * start * _ROUNDING


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
    return int.from_bytes(struct.pack(">f", FINEST), "big") >> _bits(per_octave)
