"""Windowed features as the definitions read, window by window, in extended precision: what the library is held to."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

from mlops_core.telemetry import READINGS

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def independent_features(readings, *, lengths, hop, start=None, end=None):
    """{(machine_id, window_end): {feature: value}} for lengths {name: timedelta}."""
    winners = {}
    for machine, channel, at, value in readings.iter_rows():
        if value is not None:
            key = (machine, channel, at)
            winners[key] = max(value, winners.get(key, value))
    channels = sorted({channel for _, channel, _ in winners})
    table = {}
    for machine in sorted({machine for machine, _, _ in winners}):
        times = [at for m, _, at in winners if m == machine]
        window_end = EPOCH + ((min(times) - EPOCH) // hop + 1) * hop
        last = end if end is not None else EPOCH + ((max(times) - EPOCH) // hop + 1) * hop
        while window_end <= last:
            if start is None or window_end > start:
                row = {}
                for channel in channels:
                    for name, length in lengths.items():
                        inside = sorted(
                            (at, value)
                            for (m, c, at), value in winners.items()
                            if (m, c) == (machine, channel) and window_end - length <= at < window_end
                        )
                        for statistic, number in window_statistics(inside).items():
                            row[f"{channel}_{statistic}_{name}"] = number
                table[machine, window_end] = row
            window_end += hop
    return table


def window_statistics(inside):
    """The ten statistics of [(time, value), ...] in order of time."""
    n = len(inside)
    if n == 0:
        return dict.fromkeys(("mean", "std", "min", "max", "rms", "peak_to_peak", "slope", "kurtosis", "last")) | {
            "count": 0
        }
    origin = inside[0][0]
    t = np.array([(at - origin) / timedelta(microseconds=1) for at, _ in inside], dtype=np.longdouble) / 3_600_000_000
    x = np.array([value for _, value in inside], dtype=np.longdouble)
    mean = x.mean()
    d = x - mean
    constant = bool((x == x[0]).all())
    m2 = (d**2).mean()
    spread = ((t - t.mean()) ** 2).sum()
    return {
        "count": n,
        "mean": float(mean),
        "std": None if n < 2 else 0.0 if constant else float(np.sqrt((d**2).sum() / (n - 1))),
        "min": float(x.min()),
        "max": float(x.max()),
        "rms": float(np.sqrt((x**2).mean())),
        "peak_to_peak": float(x.max()) - float(x.min()),
        "slope": None if n < 2 else 0.0 if constant else float(((t - t.mean()) * d).sum() / spread),
        "kurtosis": None if constant else float((d**4).mean() / m2**2 - 3),
        "last": float(x[-1]),
    }


def assert_equal_features(features, table, *, tolerance=1e-9):
    """Every value of the frame equals the table's, relative to the values' own size."""
    rows = {(row["machine_id"], row["window_end"]): row for row in features.iter_rows(named=True)}
    assert list(rows) == list(table)
    for key, expected in table.items():
        found = {
            name: value for name, value in rows[key].items() if name not in ("machine_id", "window_end", "revision")
        }
        assert set(found) == set(expected)
        for name, value in expected.items():
            if value is None:
                assert found[name] is None, (key, name, found[name])
            else:
                assert found[name] is not None, (key, name, value)
                assert abs(found[name] - value) <= tolerance * max(1.0, abs(value)), (key, name, found[name], value)


def readings_of(*rows):
    """Readings from (machine_id, channel, minutes since the epoch day 2026-01-01, value)."""
    day = datetime(2026, 1, 1, tzinfo=UTC)
    return pl.DataFrame(
        [(machine, channel, day + timedelta(minutes=minute), value) for machine, channel, minute, value in rows],
        schema=READINGS,
        orient="row",
    )
