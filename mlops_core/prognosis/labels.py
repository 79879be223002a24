"""What happened to a machine after each feature row: the labels that a model learns from.

```
          run 1                 outage        run 2
|--------------------------x---------------|-----------------> known_until
rows: rul_hours falls to 0 ^ failure       ^ returned to service: rows after this instant
```
A row at `window_end` has seen readings before `window_end` only, and its label speaks of what came at or after it. A
failure exactly at `window_end` is therefore still ahead of that row: it has `rul_hours` 0. Rows after a failure, up to
and including the moment of return, belong to no run and are left out.
"""

import warnings
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

import polars as pl

from mlops_core.errors import ColumnTypeError, InvalidArgumentError, require_columns
from mlops_core.prognosis.returns import Returns, ReturnsAssumedWarning, assumed_returns
from mlops_core.prognosis.verdicts import faults, judged_rows, known_verdicts, without_refuted
from mlops_core.telemetry import TIMESTAMP, by_machines, normalise_failures, renewals
from mlops_core.time import in_utc, parse_duration

LABELS: Final = pl.Schema(
    {
        "run_id": pl.String(),
        "rul_hours": pl.Float64(),
        "fails_within_horizon": pl.Boolean(),
        "is_censored": pl.Boolean(),
    }
)
"""What `label_features` adds to a feature row; see there."""

_HOUR: Final = timedelta(hours=1)


@dataclass(frozen=True)
class _Outage:
    """The end of a run: a failure, or work that renewed the machine before it failed."""

    machine_id: str
    stopped_at: datetime
    returned_at: datetime | None
    failed: bool
    is_assumed: bool = False
    """No record gives `returned_at`: it is assumed, or None."""


def label_features(
    features: pl.DataFrame | pl.LazyFrame,
    failures: pl.DataFrame,
    *,
    horizon: timedelta | str = "24h",
    returns: Returns = "after_gap",
    maintenance: pl.DataFrame | None = None,
    verdicts: pl.DataFrame | None = None,
    known_until: datetime | None = None,
) -> pl.DataFrame:
    """Join each feature row with the fate of its machine.

    Args:
        features: one row per `machine_id` and `window_end` (a timestamp in UTC); other columns pass through. A
            LazyFrame is taken some machines at a time.
        failures: frame `FAILURES`; a second failure before the return to service belongs to the same outage. Machine
            and moment are enough.
        horizon: how far ahead `fails_within_horizon` looks.
        returns: what to assume where neither `returned_to_service_at` nor `maintenance` says when a machine ran again:
            "after_gap", when its readings go on after a gap; "at_once"; a duration such as "8h" after the failure; or
            "recorded", nothing: the machine stays out of service until a later record says otherwise.
        maintenance: frame `MAINTENANCE`, the repairs and replacements that telemetry does not announce. One before a
            failure ends the run unfailed; one after a failure gives the return to service that its record lacks.
        verdicts: frame `VERDICTS`, findings about alarms. A fault that was found ends the run as a failure: at
            the stop that was made for it, or else at the verdict. Where no fault was found, rows of the episode whose
            answer was not observed did not fail. Rows of an episode of a faulty sensor are left out. A failure that a
            sensor announced and an inspection did not confirm is none.
        known_until: the labels are those that were known at this moment: later rows are left out and later events
            ignored. Default: each machine is known to its last row, and all events are used.

    Returns:
        The rows that belong to a run, in order of machine and time, with
        `run_id` (`{machine_id}#{n}`, n = 0 for the machine's first run in these records),
        `rul_hours` (hours to the run's failure, >= 0; null where that was not observed),
        `fails_within_horizon` (`rul_hours <= horizon`; null where observation ended before the answer was known),
        `is_censored` (whether the run's failure was not observed).

    Warns:
        ReturnsAssumedWarning: rows were kept or dropped because returns are not recorded; it counts them.

    Raises:
        MissingColumnError, ColumnTypeError, ColumnValueError: a frame that does not fit.
        InvalidArgumentError, NaiveTimeError: `features` is labelled already; `known_until` has no time zone.
        DurationError: the horizon cannot be read or is not positive, or `returns` is neither a choice nor a duration.

    Example:
        >>> labelled = mc.label_features(features, history.failures, horizon="24h")
        >>> labelled.columns[-4:]
        ['run_id', 'rul_hours', 'fails_within_horizon', 'is_censored']

    """
    ahead = parse_duration(horizon)
    known_until = None if known_until is None else in_utc("known_until", known_until)
    failed = normalise_failures(failures)
    return by_machines(
        features, lambda rows: _of_frame(rows, failed, ahead, returns, maintenance, verdicts, known_until)
    )


def _of_frame(
    features: pl.DataFrame,
    failures: pl.DataFrame,
    ahead: timedelta,
    returns: Returns,
    maintenance: pl.DataFrame | None,
    verdicts: pl.DataFrame | None,
    known_until: datetime | None,
) -> pl.DataFrame:
    rows = _rows(features, known_until)
    found = known_verdicts(verdicts, known_until)
    stops = _outages(without_refuted(failures, found), maintenance, known_until)
    stops = _with_faults(stops, found)
    outages = _outage_frame(_merged(_with_assumed_returns(stops, rows, returns)))
    after_stops = _after_stops(rows, outages)
    _warn_of_assumptions(after_stops, _after_stops(rows, _outage_frame(_merged(stops))))
    upcoming = outages.select("machine_id", ends_at="stopped_at", ends_in_failure="failed")
    in_runs = after_stops.filter("in_run").join_asof(
        upcoming, left_on="window_end", right_on="ends_at", by="machine_id", strategy="forward", check_sortedness=False
    )
    return judged_rows(_labelled(in_runs, ahead), found).select(*features.columns, *LABELS)


def _after_stops(rows: pl.DataFrame, outages: pl.DataFrame) -> pl.DataFrame:
    """Add to each row its machine's last stop before it (null: none), and `in_run`, whether it was back by then."""
    previous = outages.select("machine_id", "stopped_at", "returned_at", "is_assumed", "number")
    return rows.join_asof(
        previous, left_on="window_end", right_on="stopped_at", by="machine_id", strategy="backward",
        allow_exact_matches=False, check_sortedness=False,
    ).with_columns(
        in_run=pl.col("stopped_at").is_null() | (pl.col("window_end") > pl.col("returned_at")).fill_null(value=False)
    )  # fmt: skip


def _with_assumed_returns(stops: list[_Outage], rows: pl.DataFrame, returns: Returns) -> list[_Outage]:
    unknown: defaultdict[str, list[datetime]] = defaultdict(list)
    for stop in stops:
        if stop.returned_at is None:
            unknown[stop.machine_id].append(stop.stopped_at)
    assumed = assumed_returns(unknown, rows, returns)
    return [
        replace(stop, returned_at=assumed.get((stop.machine_id, stop.stopped_at))) if stop.returned_at is None else stop
        for stop in stops
    ]


def _warn_of_assumptions(rows: pl.DataFrame, as_recorded: pl.DataFrame) -> None:
    """Count what follows failures of unknown return; `as_recorded` are the same rows with nothing assumed."""
    unsure = rows.filter(pl.col("is_assumed"))
    stops = unsure.select("machine_id", "stopped_at", "returned_at").unique()
    kept = int(rows["in_run"].sum()) - int(as_recorded["in_run"].sum())
    dropped = int((~unsure["in_run"]).sum())
    if kept or dropped:
        warnings.warn(
            ReturnsAssumedWarning(
                failures=stops.height,
                assumed=stops.height - stops["returned_at"].null_count(),
                rows_kept=kept,
                rows_dropped=dropped,
            ),
            stacklevel=6,
        )


def _rows(features: pl.DataFrame, known_until: datetime | None) -> pl.DataFrame:
    require_columns("features", features.columns, "machine_id", "window_end")
    if features.schema["window_end"] != TIMESTAMP:
        raise ColumnTypeError(
            "features", "window_end", str(features.schema["window_end"]), str(TIMESTAMP), "compute_features gives it so"
        )
    for column in LABELS:
        if column in features.columns:
            raise InvalidArgumentError("features", column, "is a label", "Label a frame once, from its features")
    if isinstance(features.schema["machine_id"], pl.Categorical | pl.Enum):
        features = features.with_columns(pl.col("machine_id").cast(pl.String))
    known = features if known_until is None else features.filter(pl.col("window_end") <= known_until)
    return known.sort("machine_id", "window_end").with_columns(
        last_row_at=pl.col("window_end").max().over("machine_id")
    )


def _labelled(in_runs: pl.DataFrame, horizon: timedelta) -> pl.DataFrame:
    failed = pl.col("ends_in_failure").fill_null(value=False)
    remaining = pl.when(failed).then(pl.col("ends_at") - pl.col("window_end"))
    # Without a failure, the machine is known to have run until it was taken out of service, or to its last row.
    seen_running = pl.col("ends_at").fill_null(pl.col("last_row_at")) - pl.col("window_end")
    return in_runs.with_columns(
        run_id=pl.format("{}#{}", "machine_id", pl.col("number").fill_null(0)),
        rul_hours=remaining / _HOUR,
        fails_within_horizon=pl.when(failed)
        .then(remaining <= horizon)
        .when(seen_running > horizon)
        .then(statement=False),
        is_censored=~failed,
    )


def _outages(failures: pl.DataFrame, maintenance: pl.DataFrame | None, known_until: datetime | None) -> list[_Outage]:
    stops = [
        _Outage(machine_id, stopped_at, returned_at, failed=True, is_assumed=returned_at is None)
        for machine_id, stopped_at, returned_at in failures.select(
            "machine_id", "event_timestamp", "returned_to_service_at"
        ).iter_rows()
    ]
    if maintenance is not None:
        stops += [
            _Outage(machine_id, stopped_at, returned_at or stopped_at, failed=False)
            for machine_id, stopped_at, returned_at in renewals(maintenance).iter_rows()
        ]
    if known_until is None:
        return stops
    return [
        stop
        if stop.returned_at and stop.returned_at <= known_until
        else replace(stop, returned_at=None, is_assumed=True)
        for stop in stops
        if stop.stopped_at <= known_until
    ]


def _with_faults(stops: list[_Outage], verdicts: pl.DataFrame) -> list[_Outage]:
    """Let a fault that was found be a failure: of the stop that was made for it, or of the moment of the verdict."""
    after = sorted(stops, key=lambda stop: stop.stopped_at)
    for machine_id, opened, decided_at in faults(verdicts):
        made = (i for i, s in enumerate(after) if s.machine_id == machine_id and opened <= s.stopped_at <= decided_at)
        index = next(made, None)
        if index is None:
            after.append(_Outage(machine_id, decided_at, None, failed=True, is_assumed=True))
        else:
            after[index] = replace(after[index], failed=True)
    return after


def _merged(stops: Iterable[_Outage]) -> list[_Outage]:
    """Join stops that fall into one outage: what first took the machine out of service says how the run ended."""
    outages: list[_Outage] = []
    for stop in sorted(stops, key=lambda stop: (stop.machine_id, stop.stopped_at, not stop.failed)):
        current = outages[-1] if outages else None
        if current is None or current.machine_id != stop.machine_id or _is_back(current, stop.stopped_at):
            outages.append(stop)
        elif stop.returned_at is not None and _says_more(stop, current):
            outages[-1] = replace(current, returned_at=stop.returned_at, is_assumed=stop.is_assumed)
    return outages


def _says_more(stop: _Outage, current: _Outage) -> bool:
    """Whether another record is better evidence of the return: recorded beats assumed, else the later counts."""
    if current.returned_at is None or stop.is_assumed != current.is_assumed:
        return current.is_assumed
    return stop.returned_at is not None and stop.returned_at > current.returned_at


def _is_back(outage: _Outage, at: datetime) -> bool:
    return outage.returned_at is not None and outage.returned_at < at


def _outage_frame(outages: list[_Outage]) -> pl.DataFrame:
    schema = {
        "machine_id": pl.String,
        "stopped_at": TIMESTAMP,
        "returned_at": TIMESTAMP,
        "failed": pl.Boolean,
        "is_assumed": pl.Boolean,
    }
    return pl.DataFrame(outages, schema=schema).with_columns(
        number=pl.int_range(1, pl.len() + 1, dtype=pl.Int64).over("machine_id")
    )
