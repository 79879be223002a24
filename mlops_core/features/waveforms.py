"""Vibration bursts: one array of acceleration samples becomes one row of features in time and frequency.

A burst is what a vibration sensor records every few minutes: some thousand samples at a known rate. Spectra are plain
discrete Fourier transforms of the burst without its mean, so sums over bands are exact (Parseval) and a sine with whole
periods in the burst gives its closed form.
"""

from collections.abc import Iterator, Sequence
from typing import Final, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from mlops_core.errors import ColumnTypeError, ColumnValueError, InvalidArgumentError, require_columns
from mlops_core.features.bearings import BearingGeometry
from mlops_core.features.kernel import LARGEST_VALUE
from mlops_core.features.statistics import SMALLEST_SQUARE
from mlops_core.telemetry import READINGS, TIMESTAMP

BURSTS: Final = pl.Schema(
    {
        "machine_id": pl.String(),
        "channel": pl.String(),
        "event_timestamp": TIMESTAMP,
        "sampling_rate": pl.Float64(),
        "samples": pl.List(pl.Float64()),
    }
)
"""One row per burst: `samples` are accelerations at `sampling_rate` (Hz), the first at `event_timestamp`."""
WAVEFORM_FEATURES: Final = ("rms", "peak", "peak_to_peak", "crest_factor", "kurtosis", "velocity_rms")
"""The features that every burst has; see `waveform_features` for units and for those asked for."""
DEFECTS: Final = ("bpfo", "bpfi", "bsf", "ftf")

AccelerationUnit = Literal["m/s2", "g"]
Band = tuple[float, float]

VELOCITY_BAND: Final[Band] = (10.0, 1000.0)  # Hz, ISO 20816-1:2016, 4.3 (machines above 600 rpm)
ENERGY_BANDS: Final[tuple[Band, ...]] = ((10.0, 1000.0), (1000.0, 5000.0), (5000.0, 10000.0))
ENVELOPE_BAND: Final[Band] = (2000.0, 10000.0)

_METRES_PER_SECOND_SQUARED = {"m/s2": 1.0, "g": 9.80665}  # standard gravity, ISO 80000-3
_SAMPLES_AT_A_TIME = 1 << 21  # 16 MB

_Rows = NDArray[np.float64]


def waveform_features(
    bursts: pl.DataFrame,
    *,
    unit: AccelerationUnit = "m/s2",
    velocity_band: Band = VELOCITY_BAND,
    bands: Sequence[Band] = ENERGY_BANDS,
    bearing: BearingGeometry | None = None,
    shaft_frequency: float | str | None = None,
    envelope_band: Band = ENVELOPE_BAND,
    slip: float = 0.02,
) -> pl.DataFrame:
    """Return one row of features for each burst.

    Source of the envelope: R. B. Randall, J. Antoni, Mechanical Systems and Signal Processing 25 (2011), section 4.

    Args:
        bursts: machine_id, channel, event_timestamp, sampling_rate (Hz) and samples (a list of acceleration values), of
            any lengths and rates.
        unit: the samples' unit. rms, peak, peak_to_peak and band energies keep it.
        velocity_band: Hz, for `velocity_rms`, in mm/s.
        bands: Hz, half open; each gives `band_energy_{low}_{high}`, the mean square of the acceleration in the band.
            Bands that share out 0 Hz to half the sampling rate add up to the variance.
        bearing: gives `envelope_bpfo`, `envelope_bpfi`, `envelope_bsf` and `envelope_ftf`: the amplitude, in the
            samples' unit, of the envelope of the acceleration at each defect frequency.
        shaft_frequency: Hz, or the name of a column of `bursts` that holds it; needed with `bearing`.
        envelope_band: Hz, in which the envelope is taken.
        slip: fraction of a defect frequency within which the largest amplitude counts, one line at least.

    Returns:
        machine_id, channel, event_timestamp, then rms, peak (greatest absolute value), peak_to_peak, crest_factor
        (peak / rms), kurtosis (Fisher's excess, biased), velocity_rms and what else was asked for, in the order of
        `bursts`. Null where not defined: everything for a burst without samples; crest_factor where rms is 0; kurtosis
        of a constant; what needs frequencies that the burst does not show (at or above half its rate, or velocity below
        one period a burst).

    Raises:
        SchemaError: a column is missing or has another type; samples that are null, not finite or beyond 1e70; a rate
            that is not positive.
        InvalidArgumentError: a band that is empty, or a bearing without a shaft frequency.

    Example:
        >>> burst = {"machine_id": "PUMP-1", "channel": "de", "event_timestamp": datetime(2026, 1, 1, tzinfo=UTC)}
        >>> bursts = pl.DataFrame([{**burst, "sampling_rate": 1000.0, "samples": [1.0, -1.0, 1.0, -1.0]}])
        >>> mc.waveform_features(bursts)["rms"].to_list()
        [1.0]

    """
    checked = _checked(bursts)
    _check_bands(velocity_band=[velocity_band], envelope_band=[envelope_band], bands=bands)
    shaft = _shaft_frequencies(bursts, bearing, shaft_frequency)
    columns = [*WAVEFORM_FEATURES, *(f"band_energy_{low:g}_{high:g}" for low, high in bands)]
    columns += [f"envelope_{defect}" for defect in DEFECTS] if bearing else []
    values = np.full((checked.height, len(columns)), np.nan)
    for rows, rate, samples in _batches(checked):
        spectrum = np.fft.rfft(samples - samples.mean(axis=1, keepdims=True), axis=1)
        frequencies = _frequencies(samples.shape[1], rate)
        power = _power(spectrum, samples.shape[1])
        parts = [
            _time_domain(samples),
            _velocity_rms(power, frequencies, rate, velocity_band) * _METRES_PER_SECOND_SQUARED[unit] * 1000.0,
            *(_band_energy(power, frequencies, rate, band) for band in bands),
        ]
        if bearing is not None:
            parts.append(_envelope(spectrum, samples.shape[1], rate, envelope_band, bearing, shaft[rows], slip))
        values[rows] = np.column_stack(parts)
    features = pl.DataFrame(values, schema=columns, orient="row").with_columns(pl.all().fill_nan(None))
    return checked.select("machine_id", "channel", "event_timestamp").hstack(features)


def readings_from_waveforms(features: pl.DataFrame, names: Sequence[str] = WAVEFORM_FEATURES) -> pl.DataFrame:
    """Return waveform features as readings, so that they get windows and a model like any other channel.

    Args:
        features: what `waveform_features` gave.
        names: columns; each becomes the channel `{channel}_{name}`.

    Returns:
        Frame READINGS; nulls are left out.

    Raises:
        MissingColumnError: a column that is absent.

    Example:
        >>> burst = {"machine_id": "PUMP-1", "channel": "de", "event_timestamp": datetime(2026, 1, 1, tzinfo=UTC)}
        >>> bursts = pl.DataFrame([{**burst, "sampling_rate": 1000.0, "samples": [1.0, -1.0, 1.0, -1.0]}])
        >>> mc.readings_from_waveforms(mc.waveform_features(bursts), names=["rms"])["channel"].to_list()
        ['de_rms']

    """
    identity = ["machine_id", "channel", "event_timestamp"]
    require_columns("features", features.columns, *identity, *names)
    long = features.unpivot(list(names), index=identity, variable_name="name", value_name="value").drop_nulls("value")
    return long.select(
        "machine_id", pl.concat_str("channel", pl.lit("_"), "name").alias("channel"), "event_timestamp", "value"
    ).cast(READINGS)


def _checked(bursts: pl.DataFrame) -> pl.DataFrame:
    require_columns("bursts", bursts.columns, *BURSTS)
    kind = bursts.schema["samples"]
    if not isinstance(kind, pl.List | pl.Array):
        raise ColumnTypeError("bursts", "samples", str(kind), "a list of numbers", "Put each burst in a list")
    taken = bursts.select(BURSTS.names()).cast(BURSTS)
    sound = (pl.element().abs() <= LARGEST_VALUE).fill_null(value=False)  # NaN is not: it sorts above all numbers
    rate, samples = pl.col("sampling_rate"), pl.col("samples")
    refusals = {
        "samples": (
            ~samples.list.eval(sound).list.all().fill_null(value=False),
            f"holds null, NaN, infinity or a value beyond {LARGEST_VALUE:g}",
        ),
        "sampling_rate": (~(rate.is_finite() & (rate > 0)).fill_null(value=False), "is not positive"),
    }
    for column, (refused, problem) in refusals.items():
        if rows := taken.filter(refused).height:
            raise ColumnValueError("bursts", column, problem, rows, "Remove those bursts")
    return taken


def _check_bands(**bands: Sequence[Band]) -> None:
    for name, given in bands.items():
        for low, high in given:
            if not 0 <= low < high:
                raise InvalidArgumentError(name, (low, high), "is no band", "Give (low, high) in Hz, 0 <= low < high")


def _shaft_frequencies(
    bursts: pl.DataFrame, bearing: BearingGeometry | None, shaft_frequency: float | str | None
) -> _Rows:
    """The shaft's frequency at each burst; NaN where unknown."""
    if bearing is not None and shaft_frequency is None:
        raise InvalidArgumentError(
            "shaft_frequency", None, "is needed with a bearing", "Give it in Hz, or the column that holds it"
        )
    if isinstance(shaft_frequency, str):
        require_columns("bursts", bursts.columns, shaft_frequency)
        return bursts[shaft_frequency].cast(pl.Float64).fill_null(np.nan).to_numpy()
    return np.full(bursts.height, np.nan if shaft_frequency is None else shaft_frequency)


def _batches(bursts: pl.DataFrame) -> Iterator[tuple[NDArray[np.int64], float, _Rows]]:
    """Row numbers, sampling rate and samples (burst x time) of bursts of one length and rate, some at a time."""
    shapes = bursts.select("sampling_rate", length=pl.col("samples").list.len()).with_row_index("row")
    for (rate, length), group in shapes.group_by("sampling_rate", "length", maintain_order=True):
        if length == 0:
            continue
        rows = group["row"].to_numpy().astype(np.int64)
        at_a_time = max(1, _SAMPLES_AT_A_TIME // length)
        for start in range(0, len(rows), at_a_time):
            chosen = rows[start : start + at_a_time]
            yield chosen, rate, np.stack([bursts["samples"][int(row)].to_numpy() for row in chosen])


def _time_domain(samples: _Rows) -> _Rows:
    rms = np.sqrt(np.mean(samples**2, axis=1))
    peak = np.max(np.abs(samples), axis=1)
    extent = np.max(samples, axis=1) - np.min(samples, axis=1)
    d = samples - samples.mean(axis=1, keepdims=True)
    variance = np.mean(d**2, axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        crest = np.where(rms > 0, peak / rms, np.nan)
        kurtosis = np.where(
            (extent > 0) & (variance**2 > SMALLEST_SQUARE), np.mean(d**4, axis=1) / variance**2 - 3.0, np.nan
        )
    return np.column_stack([rms, peak, extent, crest, kurtosis])


def _frequencies(length: int, rate: float) -> _Rows:
    return np.arange(length // 2 + 1, dtype=np.float64) * rate / length


def _power(spectrum: NDArray[np.complex128], length: int) -> _Rows:
    """Mean square of each line: the lines of a row add up to the burst's variance."""
    power = 2.0 * np.abs(spectrum / length) ** 2
    power[:, 0] /= 2.0
    if length % 2 == 0:
        power[:, -1] /= 2.0
    return power


def _velocity_rms(power: _Rows, frequencies: _Rows, rate: float, band: Band) -> _Rows:
    """Velocity r.m.s. from acceleration: each line divided by 2 pi f, in the acceleration's unit times seconds."""
    low, high = band
    inside = (frequencies >= low) & (frequencies <= high) & (frequencies > 0)
    if high >= rate / 2 or len(frequencies) < 2 or frequencies[1] > low:
        return np.full(len(power), np.nan)
    integration = np.zeros_like(frequencies)
    integration[inside] = (2.0 * np.pi * frequencies[inside]) ** -2
    return np.sqrt(np.sum(power * integration, axis=1))


def _band_energy(power: _Rows, frequencies: _Rows, rate: float, band: Band) -> _Rows:
    low, high = band
    if low >= rate / 2:
        return np.full(len(power), np.nan)
    inside = (frequencies >= low) & ((frequencies < high) | ((frequencies == high) & (high == rate / 2)))
    return np.sum(power * inside, axis=1)


def _envelope(
    spectrum: NDArray[np.complex128],
    length: int,
    rate: float,
    band: Band,
    bearing: BearingGeometry,
    shaft: _Rows,
    slip: float,
) -> _Rows:
    """Amplitudes of the envelope's lines at the defect frequencies of each burst's shaft, a column for each defect."""
    frequencies = _frequencies(length, rate)
    if band[0] >= rate / 2:
        return np.full((len(spectrum), len(DEFECTS)), np.nan)
    # The analytic signal of the band: its positive frequencies, doubled, and nothing else.
    analytic = np.zeros((len(spectrum), length), dtype=np.complex128)
    inside = (frequencies >= band[0]) & (frequencies <= band[1]) & (frequencies > 0) & (frequencies < rate / 2)
    analytic[:, : len(frequencies)][:, inside] = 2.0 * spectrum[:, inside]
    envelope = np.abs(np.fft.ifft(analytic, axis=1))
    amplitudes = 2.0 / length * np.abs(np.fft.rfft(envelope - envelope.mean(axis=1, keepdims=True), axis=1))
    found = np.full((len(spectrum), len(DEFECTS)), np.nan)
    resolution = rate / length
    for row, turning in enumerate(shaft):
        if not np.isfinite(turning):
            continue
        defects = bearing.defect_frequencies(float(turning))
        for column, name in enumerate(DEFECTS):
            at = getattr(defects, name)
            near = np.abs(frequencies - at) <= max(slip * at, 0.5 * resolution)
            near[0] = False
            if at < rate / 2 and near.any():
                found[row, column] = amplitudes[row, near].max()
    return found
