# pyright: basic, reportMissingImports=false, reportMissingTypeStubs=false
# ruff: noqa: ANN401, C901 - compiled loops, in one function as the compiler wants them
"""The practical limit of windowed features: the same algorithm in compiled loops, one thread, no strings."""

from typing import Any

import numpy as np
import polars as pl

from benchmarks.feature_peers import HOUR, LENGTHS, agreed


def as_arrays(frame: pl.DataFrame) -> tuple[Any, Any, Any, Any]:
    """Integer series codes, times and values, in order: strings are left out of what the limit pays for."""
    codes = frame.select((pl.struct("machine_id", "channel").rle_id()).cast(pl.Int64)).to_series().to_numpy()
    is_vibration = frame.unique(["machine_id", "channel"], maintain_order=True)["channel"] == "vibration"
    return codes, frame["event_timestamp"].to_physical().to_numpy(), frame["value"].to_numpy(), is_vibration.to_numpy()


def numba_loops(arrays: tuple[Any, Any, Any, Any]) -> float:
    codes, times, values, is_vibration = arrays
    series, features = _compiled()(codes, times, values)
    vibration = is_vibration[series]
    return agreed(features[vibration, 0, 8], features[~vibration, 0, 2])


_CACHE: list[Any] = []


def _compiled() -> Any:
    """The same algorithm in plain loops: moments of each hour about its mean, merged into each window."""
    if _CACHE:
        return _CACHE[0]
    import numba

    lengths = np.array(LENGTHS)

    @numba.njit
    def loops(codes: Any, times: Any, values: Any) -> Any:
        size = len(values)
        buckets = 1
        for i in range(1, size):
            if codes[i] != codes[i - 1] or times[i] // HOUR != times[i - 1] // HOUR:
                buckets += 1
        series, index = np.empty(buckets, np.int64), np.empty(buckets, np.int64)
        moments = np.empty((buckets, 11))  # n, mean, m2, m3, m4, mean time, time m2, time-value, min, max, last
        start = 0
        for b in range(buckets):
            stop = start + 1
            while stop < size and codes[stop] == codes[start] and times[stop] // HOUR == times[start] // HOUR:
                stop += 1
            origin, n = times[start] // HOUR * HOUR, stop - start
            mean, mean_time = 0.0, 0.0
            least, greatest = values[start], values[start]
            for i in range(start, stop):
                mean += values[i]
                mean_time += times[i] - origin
                least, greatest = min(least, values[i]), max(greatest, values[i])
            mean, mean_time = mean / n, mean_time / n / HOUR
            m2, m3, m4, t2, tx = 0.0, 0.0, 0.0, 0.0, 0.0
            for i in range(start, stop):
                d, t = values[i] - mean, (times[i] - origin) / HOUR - mean_time
                m2 += d * d
                m3 += d * d * d
                m4 += d * d * d * d
                t2 += t * t
                tx += t * d
            series[b], index[b] = codes[start], times[start] // HOUR
            row = moments[b]
            row[0], row[1], row[2], row[3], row[4] = n, mean, m2, m3, m4
            row[5], row[6], row[7] = mean_time, t2, tx
            row[8], row[9], row[10] = least, greatest, values[stop - 1]
            start = stop
        features = np.empty((buckets, 3, 10))
        for b in range(buckets):
            for w in range(3):
                n, mean, m2, m3, m4 = moments[b, 0], moments[b, 1], moments[b, 2], moments[b, 3], moments[b, 4]
                mt, t2, tx, least, greatest = moments[b, 5], moments[b, 6], moments[b, 7], moments[b, 8], moments[b, 9]
                a = b - 1
                while a >= 0 and series[a] == series[b] and index[a] > index[b] - lengths[w]:
                    na, d = moments[a, 0], mean - moments[a, 1]
                    time_of_a = moments[a, 5] + index[a] - index[b]
                    dt = mt - time_of_a
                    total = n + na
                    p, q = na / total, n / total
                    weight = na * q
                    m4 += moments[a, 4] + d * (
                        d * (d * d * weight * (p * p - p * q + q * q) + 6 * (p * p * m2 + q * q * moments[a, 2]))
                        + 4 * (p * m3 - q * moments[a, 3])
                    )
                    m3 += moments[a, 3] + d * (d * d * weight * (p - q) + 3 * (p * m2 - q * moments[a, 2]))
                    m2 += moments[a, 2] + d * d * weight
                    t2 += moments[a, 6] + dt * dt * weight
                    tx += moments[a, 7] + d * dt * weight
                    mean, mt, n = mean - p * d, mt - p * dt, total
                    least, greatest = min(least, moments[a, 8]), max(greatest, moments[a, 9])
                    a -= 1
                out = features[b, w]
                out[0], out[1], out[2], out[3], out[4] = n, mean, np.sqrt(m2 / (n - 1)), least, greatest
                out[5], out[6], out[7] = np.sqrt(m2 / n + mean * mean), greatest - least, tx / t2
                out[8], out[9] = n * m4 / (m2 * m2) - 3, moments[b, 10]
        return series, features

    _CACHE.append(loops)
    return loops
