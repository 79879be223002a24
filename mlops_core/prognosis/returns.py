"""When a machine ran again after a failure whose record does not say so: what the caller lets us assume, and says.

```
readings  . . . . x . . [ gap: no readings ] . . . .      x  failure without returned_to_service_at
rows      1 2 3 4   d d                      5 6 7 8      d  dropped: the state of the machine is unknown
```
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, TypeAlias

import polars as pl

from mlops_core.time import parse_duration

Returns: TypeAlias = str | timedelta
"""What to assume of a failure without a return: "after_gap", "at_once", "recorded", or a duration."""

_COUNT: Final = re.compile(r".+_count_((?:\d+[wdhms])+)")


class ReturnsAssumedWarning(UserWarning):
    """Failures do not say when the machine returned to service, and rows were kept or dropped because of it.

    Attributes:
        failures: failures of unknown return that rows follow.
        assumed: those of them whose return was assumed.
        rows_kept: rows that are kept because of these assumptions.
        rows_dropped: rows after such failures that are not kept.

    """

    def __init__(self, *, failures: int, assumed: int, rows_kept: int, rows_dropped: int) -> None:
        super().__init__(
            f"Records of {failures:,} failure(s) do not say when the machine returned to service. It was assumed for"
            f" {assumed:,} of them, which keeps {rows_kept:,} rows; {rows_dropped:,} rows are dropped. Give"
            " returned_to_service_at (or repairs, as maintenance), or choose returns='after_gap', 'at_once', a duration"
            " such as '8h', or 'recorded', which assumes nothing"
        )
        self.failures = failures
        self.assumed = assumed
        self.rows_kept = rows_kept
        self.rows_dropped = rows_dropped


def assumed_returns(
    stops: Mapping[str, Sequence[datetime]], rows: pl.DataFrame, returns: Returns
) -> dict[tuple[str, datetime], datetime]:
    """Return when each machine is assumed to have run again after each stop; stops with no such moment are absent.

    Args:
        stops: by machine, the moments of its failures that have no recorded return.
        rows: feature rows, sorted by machine and `window_end`.
        returns: as `label_features` takes it.

    Raises:
        DurationError: `returns` is no duration and none of the named choices.

    """
    if returns == "recorded" or not stops:
        return {}
    if returns == "after_gap":
        return _after_gaps(stops, rows)
    outage = timedelta(0) if returns in {"at_once", timedelta(0)} else parse_duration(returns)
    return {(machine_id, at): at + outage for machine_id, moments in stops.items() for at in moments}


def _after_gaps(stops: Mapping[str, Sequence[datetime]], rows: pl.DataFrame) -> dict[tuple[str, datetime], datetime]:
    """A machine is back when its readings go on after the first gap that ends after the failure.

    A gap is a window without any reading, of the shortest length that `rows` count, or a row that is absent. What is
    shorter than that window cannot be seen.
    """
    hop = _hop(rows)
    measured = rows.filter(_has_readings(rows)).filter(pl.col("machine_id").is_in(list(stops)))
    found: dict[tuple[str, datetime], datetime] = {}
    for (machine_id,), own in (
        measured.select("machine_id", "window_end").partition_by("machine_id", as_dict=True).items()
    ):
        ends: list[datetime] = own["window_end"].to_list()
        resumed = [
            end for before, end in zip([None, *ends], ends, strict=False) if before is None or end - before > hop
        ]
        for at in stops[machine_id]:
            end = next((end for end in resumed if end > at), None)
            if end is not None:
                found[machine_id, at] = max(at, end - hop)
    return found


def _hop(rows: pl.DataFrame) -> timedelta:
    """The shortest step between two rows of one machine."""
    steps = rows.select(pl.col("window_end").diff().over("machine_id").alias("step"))["step"]
    shortest = steps.filter(steps > timedelta(0)).min()
    return shortest if isinstance(shortest, timedelta) else timedelta(0)


def _has_readings(rows: pl.DataFrame) -> pl.Expr:
    lengths = {name: parse_duration(match[1]) for name in rows.columns if (match := _COUNT.fullmatch(name)) is not None}
    if not lengths:
        return pl.lit(value=True)
    shortest = min(lengths.values())
    return pl.any_horizontal(pl.col(name) > 0 for name, length in lengths.items() if length == shortest)
