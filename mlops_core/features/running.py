"""When a machine runs: readings while it is off belong to no window of the running machine.

```
rule's channel   5.1 5.0 0.0 0.0 4.9      above: 0.5
others            a   b   c   d   e       c and d are left out: each belongs to the newest state before it
running           1   1   0   0   1       a channel of its own: its mean is the share of time that the machine ran
```
The state is looked for within the reading's own bucket only, backwards and then forwards, so that a bucket is a
function of its readings, whatever is known of its neighbours. Without a state in its bucket a reading counts as of a
machine that runs. Loads polars and numpy only where it computes: limits are judged without.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from mlops_core.errors import InvalidArgumentError
from mlops_core.telemetry import RunningRule

if TYPE_CHECKING:
    import polars as pl

RUNNING: Final = "running"
"""The channel that says whether a machine ran: 1 or 0 at each reading of its rule's channel."""

RUNNING_STATISTICS: Final = ("count", "mean", "last")


def is_off(features: Mapping[str, float | None]) -> bool:
    """Return whether a machine did not run, by the newest state in its feature row; False where none is known."""
    from mlops_core.features.names import parse_feature_name  # and with it numpy, which ingestion has not

    last = f"{RUNNING}_last_"
    known = {name: value for name, value in features.items() if name.startswith(last) and value is not None}
    by_length = {parts.seconds: value for name, value in known.items() if (parts := parse_feature_name(name))}
    return bool(by_length) and by_length[min(by_length)] <= 0


def while_running(
    readings: "pl.DataFrame", rules: Mapping[str, RunningRule], *, hop: timedelta
) -> "tuple[pl.DataFrame, pl.DataFrame]":
    """Return the readings of machines that ran, with the channel `running`, and those of machines that were off.

    Args:
        readings: schema READINGS without null values.
        rules: by machine; all readings of machines without one are kept.
        hop: width of a bucket.

    Raises:
        InvalidArgumentError: the readings have a channel `running` of their own.

    """
    import polars as pl

    concerned = pl.col("machine_id").is_in(list(rules))
    ruled = readings.filter(concerned)
    if ruled.is_empty():
        return readings, readings.clear()
    if (ruled["channel"] == RUNNING).any():
        raise InvalidArgumentError(
            "readings",
            RUNNING,
            "is the name of a channel",
            "Rename it: whether a machine runs is decided by its rule",
        )
    bucket = (pl.col("event_timestamp").to_physical() // (hop // timedelta(microseconds=1))).alias("_bucket")
    ruled = ruled.with_columns(bucket).with_row_index("_row")
    states = _states(ruled, rules)
    within = ["machine_id", "_bucket"]
    known = ruled.sort("event_timestamp").join_asof(states, on="event_timestamp", by=within, check_sortedness=False)
    ahead = states.rename({"_runs": "_ahead"})
    known = known.join_asof(ahead, on="event_timestamp", by=within, strategy="forward", check_sortedness=False)
    runs = pl.coalesce("_runs", "_ahead", pl.lit(value=True))
    running, off = known.filter(runs).sort("_row"), known.filter(~runs).sort("_row")
    marks = states.select(
        "machine_id", "event_timestamp", channel=pl.lit(RUNNING), value=pl.col("_runs").cast(pl.Float64)
    )
    kept = [readings.filter(~concerned), running.select(readings.columns), marks.select(readings.columns)]
    return pl.concat(kept), off.select(readings.columns)


def _states(ruled: "pl.DataFrame", rules: Mapping[str, RunningRule]) -> "pl.DataFrame":
    """Return whether machines run, at each reading of their rule's channel; of two values the larger counts."""
    import polars as pl

    table = pl.DataFrame(
        [(machine_id, rule.channel, rule.above, list(rule.states or ())) for machine_id, rule in rules.items()],
        schema={
            "machine_id": pl.String(), "channel": pl.String(), "_above": pl.Float64(), "_states": pl.List(pl.Float64)
        },
        orient="row",
    )  # fmt: skip
    by_rule = ruled.join(table, on=["machine_id", "channel"])
    newest = by_rule.group_by("machine_id", "_bucket", "event_timestamp").agg(
        pl.col("value").max(), pl.col("_above").first(), pl.col("_states").first()
    )
    is_above, is_state = pl.col("value") > pl.col("_above"), pl.col("value").is_in(pl.col("_states"))
    runs = pl.when(pl.col("_above").is_null()).then(is_state).otherwise(is_above)
    return newest.select("machine_id", "_bucket", "event_timestamp", _runs=runs).sort("event_timestamp")
