"""Events as features: how many there were in a window, and how long ago the last was, by a point-in-time join.

```
events           x      x   y               window [8 h, 12 h) of the row at 12 h
-----------------|---[--|---|---------)-->  in_4h: 2   hours_since: of the event at y; one at 12 h is still ahead
                 2   8  9   11        12
```
A kind of events (`error`) has columns, and so has one code of it (`error/E1`).
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import polars as pl

from mlops_core.errors import require_columns
from mlops_core.features.names import EVENT_LENGTHS, check_event_names, event_columns
from mlops_core.features.windows import length_name
from mlops_core.telemetry import normalise_events
from mlops_core.time import parse_duration

_MOST_CODES: Final = 20


def event_names(events: pl.DataFrame, *, most_codes: int = _MOST_CODES) -> tuple[str, ...]:
    """Return the kinds of events, and `kind/code` for each code of a kind that has several and not too many.

    Call it with the events of the training data, and keep the names in the recipe: later codes are no new columns.

    Args:
        events: frame EVENTS, or FAILURES, whose kind is `failure`.
        most_codes: a kind with 2 to so many codes has a name for each of them.

    Returns:
        The names in order, for `add_events`.

    Raises:
        MissingColumnError, ColumnTypeError, ColumnValueError: a frame that does not fit.

    Example:
        >>> mc.event_names(history.failures)[0]
        'failure'

    """
    found: list[str] = []
    kind: str
    codes: list[str]
    known = normalise_events(events).group_by("kind").agg(pl.col("event_code").drop_nulls().unique().sort())
    for kind, codes in known.sort("kind").iter_rows():
        found.append(kind)
        if 1 < len(codes) <= most_codes:
            found += [f"{kind}/{code}" for code in codes]
    return tuple(found)


def last_events(events: pl.DataFrame, before: datetime) -> pl.DataFrame:
    """Return of each machine, kind and code the last event before a moment.

    Beside the events from then on they give the same features as all events, for windows that begin at `before` or
    later: an older event counts in no such window, and is nobody's last.
    """
    known = events.filter(pl.col("event_timestamp") < before)
    return known.group_by("machine_id", "kind", "event_code").agg(pl.col("event_timestamp").max())


def add_events(
    features: pl.DataFrame,
    events: pl.DataFrame,
    *,
    names: Sequence[str] | None = None,
    lengths: Sequence[timedelta | str] = EVENT_LENGTHS,
) -> pl.DataFrame:
    """Add how many events lie in the windows before each row, and the hours since the last one before it.

    Args:
        features: with machine_id and window_end; other columns pass through.
        events: frame EVENTS; FAILURES counts as events of kind `failure`. An event that was stored twice counts once.
        names: kinds (`error`) and codes of kinds (`error/E1`), by default those that `event_names` gives.
        lengths: of the half-open windows `[window_end - length, window_end)`.

    Returns:
        The rows in their order, with `event/{name}_in_{length}` (a number, 0 without events) and
        `event/{name}_hours_since` (null before the first event) for each name.

    Raises:
        MissingColumnError, ColumnTypeError, ColumnValueError: a frame that does not fit.
        InvalidArgumentError: a name that is none.

    Example:
        >>> rows = mc.add_events(features, history.failures, lengths=["24h"])
        >>> rows.columns[-2:]
        ['event/failure/OVERHEATING_in_24h', 'event/failure/OVERHEATING_hours_since']

    """
    require_columns("features", features.columns, "machine_id", "window_end")
    known = normalise_events(events)
    chosen = event_names(known) if names is None else tuple(names)
    check_event_names(chosen)
    totals = _totals(known, chosen)
    rows = features.select("machine_id", "window_end").with_row_index("_row")
    at_end = _as_of(rows, totals, timedelta(0))
    found: dict[str, pl.Series] = {}
    windows = {length_name(length): parse_duration(length) for length in lengths}
    before = {name: _as_of(rows, totals, length) for name, length in windows.items()}
    for index, name in enumerate(chosen):
        counted, since = event_columns(name, windows)
        for column, earlier in zip(counted, before.values(), strict=True):
            found[column] = at_end[f"n{index}"] - earlier[f"n{index}"]
        microseconds = (at_end["window_end"] - at_end[f"t{index}"]).dt.total_microseconds()
        found[since] = microseconds / 3.6e9
    return features.with_columns(**found)


def _totals(events: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """Return at each moment of a machine's events how many there have been of each name, `n`, and the latest, `t`."""
    keys = ["machine_id", "event_timestamp"]
    is_of: list[pl.Expr] = []
    for name in names:
        kind, has_code, code = name.partition("/")
        is_kind = pl.col("kind") == kind
        is_of.append((is_kind & (pl.col("event_code") == code).fill_null(value=False)) if has_code else is_kind)
    counted = events.unique().group_by(keys).agg(
        each.sum().cast(pl.Int64).alias(f"n{index}") for index, each in enumerate(is_of)
    )  # fmt: skip
    indexes = range(len(names))
    latest = [
        pl.when(pl.col(f"n{index}") > 0).then("event_timestamp").forward_fill().over("machine_id").alias(f"t{index}")
        for index in indexes
    ]
    so_far = [pl.col(f"n{index}").cum_sum().over("machine_id") for index in indexes]
    return counted.sort("event_timestamp", "machine_id").with_columns(*latest, *so_far)


def _as_of(rows: pl.DataFrame, totals: pl.DataFrame, length: timedelta) -> pl.DataFrame:
    """Return the totals of what lies before `window_end - length`, for each row in its order."""
    at = rows.with_columns(_at=pl.col("window_end") - length).sort("_at")
    joined = at.join_asof(
        totals, left_on="_at", right_on="event_timestamp", by="machine_id", allow_exact_matches=False,
        check_sortedness=False,
    )  # fmt: skip
    return joined.sort("_row").with_columns(pl.col("^n\\d+$").fill_null(0))
