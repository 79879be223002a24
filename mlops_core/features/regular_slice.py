"""Readings of regular sampling: buckets of equally many readings, which stand in order of time.

Their columns are cut into buckets by reshaping, without a copy; and where readings are equally far apart, sums over
times are those of the first bucket. That costs two thirds of what buckets of any sizes do, and gives the same bits.
"""

from typing import NamedTuple

import polars as pl

from mlops_core.features.series_order import continue_series, repeat, rise

# Expressions are made once: making them takes longer than evaluating them on a small frame. Adding 0.0 makes -0.0 and
# 0.0 one value.
_SUMS_OF_TIMES = (pl.col("u", "u2").arr.sum(),)
_SUMS = (
    (pl.col("value").arr.min() + 0.0).alias("minimum"),
    (pl.col("value").arr.max() + 0.0).alias("maximum"),
    pl.col("d", "d2", "d3", "d4", "ud").arr.sum(),
)


class RegularSlice(NamedTuple):
    """Whole buckets of `size` readings each, in the order of time; `heads` are their first rows.

    heads: machine_id, channel, bucket.
    times: microseconds since the epoch, of the rows that stay behind as well.
    firsts, lasts: the positions of each bucket's first and last reading.
    is_equidistant: whether all readings of a bucket are equally far apart, in each bucket the same.
    """

    heads: pl.DataFrame
    values: pl.Series
    times: pl.Series
    firsts: pl.Series
    lasts: pl.Series
    is_equidistant: bool

    @classmethod
    def cut(cls, rows: pl.DataFrame, hop_microseconds: int, *, is_last: bool) -> "RegularSlice | None":
        """The buckets that the rows begin with; None where these are not regular.

        Of rows that others follow, some stay behind: they show that the last bucket is whole.
        """
        times = rows["event_timestamp"].cast(pl.Int64)
        size = _first_size(times, hop_microseconds)
        buckets = (rows.height if is_last else rows.height - 1) // size if size else 0
        if not buckets:
            return None
        height = buckets * size
        begins = pl.int_range(0, rows.height, size, eager=True, dtype=pl.UInt32)
        firsts, lasts = begins.head(buckets), begins.head(buckets) + (size - 1)
        bucket = (times[begins] // hop_microseconds).alias("bucket")
        steps = times.slice(1, height - 1) - times.head(height - 1)
        if (bucket.head(buckets) != times[lasts] // hop_microseconds).any() or not _hold_inside(steps > 0, lasts):
            return None
        heads = pl.DataFrame([rows["machine_id"][begins], rows["channel"][begins], bucket])
        is_of_one_series = _hold_inside(continue_series(rows.head(height)).slice(1), lasts)
        if repeat(bucket, continue_series(heads)) or not is_of_one_series:
            return None
        is_equidistant = size == 1 or _hold_inside(steps == steps[0], lasts)
        return cls(heads.head(buckets), rows["value"].head(height), times, firsts, lasts, is_equidistant)

    @property
    def height(self) -> int:
        """Rows."""
        return self.values.len()

    @property
    def is_out_of_order(self) -> bool:
        """As `IrregularSlice.is_out_of_order`; that series come again is seen later, at little cost."""
        return False

    def reduce(self) -> pl.DataFrame:
        """A row a bucket, as `IrregularSlice.reduce`."""
        size = self.height // self.heads.height
        reference, last = self.values[self.firsts] + 0.0, self.times[self.lasts]
        time_reference = (self.times[self.firsts] + last) // 2
        u, sums_of_times = self._deviations_in_time(time_reference, size)
        values = self.values.reshape((-1, size))
        d = (values - reference).reshape((-1,))
        d2 = d * d
        products = {"d": d, "d2": d2, "d3": d2 * d, "d4": d2 * d2, "ud": u * d}
        sums = pl.DataFrame({"value": values, **_cells(products, size)}).select_seq(_SUMS)
        count = self._for_each(pl.Series([size]))
        more = {
            "revision": count,
            "count": count,
            "reference": reference,
            "last_value": self.values[self.lasts] + 0.0,
            "last_timestamp": last,
            "time_reference": time_reference,
        }
        return pl.concat([self.heads, pl.DataFrame(more), sums_of_times, sums], how="horizontal")

    def _deviations_in_time(self, reference: pl.Series, size: int) -> tuple[pl.Series, pl.DataFrame]:
        """Each row's time from its bucket's reference; and for each bucket the sums of these, and of their squares."""
        rows = size if self.is_equidistant else self.height
        u = (self.times.head(rows).reshape((-1, size)) - reference.head(rows // size)).reshape((-1,)).cast(pl.Float64)
        sums = pl.DataFrame(_cells({"u": u, "u2": u * u}, size)).select_seq(_SUMS_OF_TIMES)
        if self.is_equidistant:
            u = self._for_each(u.reshape((1, size))).reshape((-1,))
            sums = pl.DataFrame([self._for_each(column) for column in sums])
        return u, sums

    def _for_each(self, of_one: pl.Series) -> pl.Series:
        """What holds of one bucket, for all."""
        return of_one.new_from_index(0, self.heads.height)


def _first_size(times: pl.Series, hop_microseconds: int) -> int:
    """How many readings the first bucket has, as far as its first two tell where to look for the end; 0 where not."""
    step = times[1] - times[0] if times.len() > 1 else 0
    if step <= 0:
        return 0
    near = times.head(2 * hop_microseconds // step + 1)
    end = (times[0] // hop_microseconds + 1) * hop_microseconds
    begins = (~(rise(near) & (near < end))).arg_true()  # the first bucket, and what cannot be of it
    return begins[1] if begins.len() > 1 else near.len()


def _hold_inside(of_pairs: pl.Series, lasts: pl.Series) -> bool:
    """Whether something holds of each pair of neighbouring rows in one bucket; `lasts`: of each bucket's last row."""
    between = of_pairs[lasts.head(-1)]
    return (~of_pairs).sum() == (~between).sum()


def _cells(columns: dict[str, pl.Series], size: int) -> dict[str, pl.Series]:
    return {name: column.reshape((-1, size)) for name, column in columns.items()}
