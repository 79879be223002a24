"""The one numerical kernel of windowed features: readings to moments, moments to moments of longer windows.

Series are stored one after the other in flat arrays, and `starts` holds the first row of each group (a bucket, say), so
that a statistic of every group is one `ufunc.reduceat`. Numpy only: frames, sorting and joins are the callers'.

The mean is kept as `reference + mean_offset`, so that two means can be subtracted without cancellation, and moments are
central. Source: Pebay, Terriberry, Kolla, Bennett, "Numerically stable, scalable formulas for parallel and online
computation of higher-order multivariate central moments", Computational Statistics 31 (2016), equations 2.1 and 3.1.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from math import isqrt
from operator import itemgetter
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]

LARGEST_VALUE: Final = 1e70  # fourth powers of larger ones leave the range of a double
_TINY: Final = 1e-300  # added to a count: changes no positive one, and makes 0 / 0 a 0


@dataclass(frozen=True)
class Moments:
    """What is known of many sets of readings, one entry of each array per set; times in microseconds."""

    revision: Integers
    """Distinct raw rows, duplicates of an identity with other values included."""
    count: Integers
    reference: Floats
    """The value of one of the readings."""
    mean_offset: Floats
    """Mean minus reference."""
    moment_2: Floats
    """Sum of squared deviations from the mean; then of third and fourth powers."""
    moment_3: Floats
    moment_4: Floats
    time_offset: Floats
    """Mean time, since an origin that the sets share."""
    time_moment_2: Floats
    """Sum of squared deviations of time."""
    time_value_moment: Floats
    """Sum of products of deviations of time and value."""
    minimum: Floats
    maximum: Floats
    last_value: Floats
    """Value at the greatest timestamp."""
    last_timestamp: Integers
    """That timestamp, since the epoch."""

    def each(self, change: Callable[[Array], Array]) -> "Moments":
        """The moments with every array changed."""
        return Moments(*map(change, vars(self).values()))

    @classmethod
    def concatenate(cls, parts: Sequence["Moments"]) -> "Moments":
        """The sets of all parts, one after the other."""
        columns = zip(*(vars(part).values() for part in (empty_moments(0), *parts)), strict=True)
        return cls(*map(np.concatenate, columns))


def empty_moments(sets: int) -> Moments:
    """The moments of `sets` sets without readings."""
    zero, none = partial(np.zeros, sets), partial(np.full, sets, np.nan)
    integer = partial(zero, dtype=np.int64)
    return Moments(
        integer(), integer(), zero(), zero(), zero(), zero(), zero(), zero(), zero(), zero(), none(), none(), none(),
        integer(),
    )  # fmt: skip


def changes(*keys: Array) -> Booleans:
    """For each row, whether any key differs from the row before; the first row has no predecessor and counts."""
    differs = np.zeros(len(keys[0]), dtype=np.bool_)
    differs[:1] = True
    for key in keys:
        differs[1:] |= key[1:] != key[:-1]
    return differs


def reduce_buckets(values: Floats, times: Integers, starts: Integers, hop: int) -> Moments:
    """The moments of each bucket: rows `starts[i]` to `starts[i + 1]`, in order of time, one reading a timestamp.

    Deviations are from the bucket's first value and the middle of its times, so a bucket's numbers depend on its own
    readings alone, to the last bit. Times count from the start of the bucket, `hop` microseconds wide.
    """
    count = np.diff(starts, append=len(values))
    ends = starts + count - 1
    values = values + 0.0  # -0.0 and 0.0 are one value
    reference, middle = values[starts], (times[starts] + times[ends]) // 2
    d = values - np.repeat(reference, count)
    u = (times - np.repeat(middle, count)).astype(np.float64)
    dd = d * d
    d1, d2, d3, d4, u1, u2, ud = (np.add.reduceat(x, starts) for x in (d, dd, dd * d, dd * dd, u, u * u, u * d))
    mean, mean_time = d1 / count, u1 / count
    return Moments(
        revision=count,
        count=count,
        reference=reference,
        mean_offset=mean,
        moment_2=np.maximum(d2 - d1 * mean, 0.0),
        moment_3=d3 - mean * (3.0 * d2 - 2.0 * mean * d1),
        moment_4=d4 - mean * (4.0 * d3 - mean * (6.0 * d2 - 3.0 * mean * d1)),
        time_offset=mean_time + (middle - times[starts] // hop * hop),
        time_moment_2=u2 - u1 * mean_time,
        time_value_moment=ud - u1 * mean,
        minimum=np.minimum.reduceat(values, starts),
        maximum=np.maximum.reduceat(values, starts),
        last_value=values[ends],
        last_timestamp=times[ends],
    )


def merge(a: Moments, b: Moments, apart: float) -> Moments:
    """The moments of each union of a set of `a` with the same set of `b`, whose readings all come later.

    The origin of the times of `b` lies `apart` microseconds after that of `a`. An empty set needs no case of its own
    where its share, 0, is a factor.
    """
    total = a.count + b.count + _TINY
    p, q = a.count / total, b.count / total
    later = b.count > 0
    reference = np.where(later, b.reference, a.reference)
    d = (reference - a.reference) + (b.mean_offset - a.mean_offset)
    dt = b.time_offset - (a.time_offset - apart)
    weight = a.count * q
    wd = weight * d
    wdd = wd * d
    pm, qm = p * b.moment_2, q * a.moment_2
    third = wdd * (p - q) + 3.0 * (pm - qm)
    fourth = wdd * (1.0 - 3.0 * p * q) + 6.0 * (p * pm + q * qm)
    return Moments(
        revision=a.revision + b.revision,
        count=a.count + b.count,
        reference=reference,
        mean_offset=b.mean_offset - p * d,
        moment_2=b.moment_2 + a.moment_2 + wdd,
        moment_3=b.moment_3 + a.moment_3 + d * third,
        moment_4=b.moment_4 + a.moment_4 + d * (d * fourth + 4.0 * (p * b.moment_3 - q * a.moment_3)),
        time_offset=b.time_offset - p * dt,
        time_moment_2=b.time_moment_2 + a.time_moment_2 + dt * (weight * dt),
        time_value_moment=b.time_value_moment + a.time_value_moment + dt * wd,
        minimum=np.fmin(a.minimum, b.minimum),
        maximum=np.fmax(a.maximum, b.maximum),
        last_value=np.where(later, b.last_value, a.last_value),
        last_timestamp=np.where(later, b.last_timestamp, a.last_timestamp),
    )


def merge_groups(parts: Moments, starts: Integers) -> Moments:
    """The moments of the union of each group of disjoint parts, in any order in time, none empty, times of one origin.

    starts: the first part of each group.
    """
    size = np.diff(starts, append=len(parts.count))
    total = np.add.reduceat(parts.count, starts)
    sum_of, n = partial(np.add.reduceat, indices=starts), parts.count
    reference = parts.reference[starts]
    d = (parts.reference - np.repeat(reference, size)) + parts.mean_offset
    share = n / np.repeat(total, size)
    mean, mean_time = sum_of(share * d), sum_of(share * parts.time_offset)
    d, dt = d - np.repeat(mean, size), parts.time_offset - np.repeat(mean_time, size)
    m2, m3, nd = parts.moment_2, parts.moment_3, n * d
    last_timestamp = np.maximum.reduceat(parts.last_timestamp, starts)
    return Moments(
        revision=sum_of(parts.revision),
        count=total,
        reference=reference,
        mean_offset=mean,
        moment_2=sum_of(m2 + nd * d),
        moment_3=sum_of(m3 + d * (3.0 * m2 + nd * d)),
        moment_4=sum_of(parts.moment_4 + d * (4.0 * m3 + d * (6.0 * m2 + nd * d))),
        time_offset=mean_time,
        time_moment_2=sum_of(parts.time_moment_2 + n * dt * dt),
        time_value_moment=sum_of(parts.time_value_moment + nd * dt),
        minimum=np.minimum.reduceat(parts.minimum, starts),
        maximum=np.maximum.reduceat(parts.maximum, starts),
        last_value=parts.last_value[np.flatnonzero(parts.last_timestamp == np.repeat(last_timestamp, size))],
        last_timestamp=last_timestamp,
    )


def trailing_windows(buckets: Moments, hops: tuple[int, ...], hop: int) -> Iterator[Moments]:
    """For each number of hops, the moments of the window that ends with each row, from row `max(hops) - 1` on.

    buckets: one row per hop without a gap, times since the row's own bucket began; those of a window count from the
    start of its last bucket.

    Windows are merged pairwise along a fixed addition chain, so a value depends only on its own buckets: no running sum
    accumulates round-off, and results are bit-reproducible. The cost is logarithmic in the number of hops. Source of
    the chain: the factor method, Knuth, "The Art of Computer Programming" 2, 4.6.3.
    """
    windows = {1: buckets}
    for rows in _chain(hops):
        newest = _newest_part(rows)
        newer = windows[newest].each(itemgetter(slice(rows - newest, None)))
        older = windows[rows - newest].each(itemgetter(slice(len(newer.count))))
        windows[rows] = merge(older, newer, float(newest * hop))
    for rows in hops:
        yield windows[rows].each(itemgetter(slice(max(hops) - rows, None)))


def _chain(hops: Iterable[int]) -> list[int]:
    """The numbers of hops above 1 of the windows that those of `hops` are merged from, and theirs, ascending."""
    chain: set[int] = set()
    longer = {rows for rows in hops if rows > 1}
    while longer:
        chain |= longer
        parts = {part for rows in longer for part in (_newest_part(rows), rows - _newest_part(rows))}
        longer = {part for part in parts - chain if part > 1}
    return sorted(chain)


def _newest_part(rows: int) -> int:
    """The number of hops of the later of the two windows that one of `rows` is merged from."""
    return rows // next((factor for factor in range(2, isqrt(rows) + 1) if rows % factor == 0), rows)
