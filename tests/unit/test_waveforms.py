from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from mlops_core.errors import ColumnValueError, InvalidArgumentError, MissingColumnError
from mlops_core.features import (
    BURSTS,
    WAVEFORM_FEATURES,
    BearingGeometry,
    compute_features,
    readings_from_waveforms,
    waveform_features,
)

START = datetime(2026, 1, 1, tzinfo=UTC)
RATE, LENGTH = 20_000.0, 20_000  # one second
TIME = np.arange(LENGTH) / RATE
BEARING = BearingGeometry(
    rolling_elements=16, element_diameter=0.331, pitch_diameter=2.815, contact_angle_degrees=15.17
)


def bursts_of(*samples, rate=RATE):
    return pl.DataFrame(
        {
            "machine_id": ["A"] * len(samples),
            "channel": ["bearing"] * len(samples),
            "event_timestamp": [START + timedelta(minutes=10 * number) for number in range(len(samples))],
            "sampling_rate": [rate] * len(samples),
            "samples": [list(map(float, burst)) for burst in samples],
        },
        schema=BURSTS,
    )


def features_of(samples, *, rate=RATE, **options):
    return waveform_features(bursts_of(samples, rate=rate), **options).row(0, named=True)


def sine(amplitude, frequency, phase=0.3):
    return amplitude * np.sin(2 * np.pi * frequency * TIME + phase)


def recorded_burst(seed=0, shaft=2000 / 60, defect=236.4, length=20_480):
    """What a rig records: shaft and harmonic, impacts of a defect that ring at 5 kHz, noise, a sensor's offset."""
    rng = np.random.default_rng(seed)
    time = np.arange(length) / RATE
    ringing = np.exp(-900 * time[:200]) * np.sin(2 * np.pi * 5000 * time[:200])
    impacts = np.zeros(length)
    impacts[(np.arange(0, time[-1], 1 / defect) * RATE).astype(int)] = 1 + 0.1 * rng.standard_normal()
    struck = np.convolve(impacts, ringing)[:length]
    return (
        0.02 + 0.1 * np.sin(2 * np.pi * shaft * time) + 0.03 * np.sin(4 * np.pi * shaft * time) + 0.4 * struck
        + 0.05 * rng.standard_normal(length)
    )  # fmt: skip


def test_a_sine_has_its_closed_forms():
    found = features_of(sine(3.0, 100.0))
    assert found["rms"] == pytest.approx(3 / np.sqrt(2), rel=1e-12)
    assert found["peak_to_peak"] == pytest.approx(6.0, rel=2e-4)  # samples do not fall exactly on the crests
    assert found["crest_factor"] == pytest.approx(np.sqrt(2), rel=2e-4)
    assert found["kurtosis"] == pytest.approx(-1.5, abs=1e-12)
    assert found["velocity_rms"] == pytest.approx(3 / (2 * np.pi * 100) / np.sqrt(2) * 1000, rel=1e-12)


def test_velocity_is_in_millimetres_a_second_whether_acceleration_is_in_g_or_in_si():
    in_g = features_of(sine(0.5, 50.0), unit="g")
    in_si = features_of(sine(0.5 * 9.80665, 50.0), unit="m/s2")
    assert in_g["velocity_rms"] == pytest.approx(in_si["velocity_rms"], rel=1e-12)
    assert in_g["velocity_rms"] == pytest.approx(0.5 * 9.80665 / (2 * np.pi * 50) / np.sqrt(2) * 1000, rel=1e-12)
    assert in_g["rms"] == pytest.approx(0.5 / np.sqrt(2), rel=1e-12)


#   5 Hz   [10 ............ 1000]   2000 Hz       only what lies in the band counts; both edges belong to it
@pytest.mark.parametrize(("frequency", "counts"), [(5, False), (10, True), (1000, True), (1001, False), (2000, False)])
def test_velocity_is_taken_over_the_band_of_the_standard(frequency, counts):
    found = features_of(sine(1.0, frequency) + 7.0)["velocity_rms"]
    assert found == pytest.approx(1000 / (2 * np.pi * frequency) / np.sqrt(2) if counts else 0.0, abs=1e-9)


def test_an_impulse_train_has_its_closed_forms():
    every = 400
    train = np.zeros(LENGTH)
    train[::every] = 2.0
    found = features_of(train)
    share = 1 / every
    assert found["rms"] == pytest.approx(2 * np.sqrt(share), rel=1e-12)
    assert found["crest_factor"] == pytest.approx(np.sqrt(every), rel=1e-12)
    assert found["kurtosis"] == pytest.approx((1 - 6 * share * (1 - share)) / (share * (1 - share)), rel=1e-9)


def test_energies_of_bands_are_those_of_the_sines_in_them():
    found = features_of(
        sine(2.0, 500) + sine(1.0, 3000) + sine(0.5, 7000), bands=((0, 1000), (1000, 5000), (5000, 10_000))
    )
    energies = [found[f"band_energy_{band}"] for band in ("0_1000", "1000_5000", "5000_10000")]
    assert energies == pytest.approx([2.0, 0.5, 0.125], rel=1e-9)


@pytest.mark.parametrize("length", [20_480, 20_481, 64, 63, 2])
def test_bands_that_share_out_all_frequencies_add_up_to_the_variance(length):
    samples = recorded_burst(length=20_481)[:length]
    found = features_of(samples, bands=((0, 3000), (3000, 10_000)))
    assert found["band_energy_0_3000"] + found["band_energy_3000_10000"] == pytest.approx(np.var(samples), rel=1e-9)


def test_the_envelope_of_a_modulated_carrier_shows_the_depth_of_its_modulation():
    shaft = 25.0
    defects = BEARING.defect_frequencies(shaft)
    outer, inner = round(defects.bpfo), round(defects.bpfi)  # whole periods in a second; within slip of the defects
    samples = (
        3.0 * (1 + 0.4 * np.cos(2 * np.pi * outer * TIME) + 0.1 * np.cos(2 * np.pi * inner * TIME)) * sine(1.0, 5000)
    )
    found = features_of(samples, bearing=BEARING, shaft_frequency=shaft)
    amplitudes = [found[f"envelope_{defect}"] for defect in ("bpfo", "bpfi", "bsf", "ftf")]
    assert amplitudes == pytest.approx([1.2, 0.3, 0.0, 0.0], rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("defect", ["bpfo", "bpfi", "bsf"])
def test_impacts_at_a_defect_frequency_stand_out_at_that_defect(defect):
    shaft = 2000 / 60
    struck = recorded_burst(defect=getattr(BEARING.defect_frequencies(shaft), defect))
    found = features_of(struck, bearing=BEARING, shaft_frequency=shaft)
    others = {"bpfo", "bpfi", "bsf"} - {defect}
    assert found[f"envelope_{defect}"] > 3 * max(found[f"envelope_{name}"] for name in others)


@pytest.mark.verify
def test_a_recorded_burst_agrees_with_an_independent_computation():
    samples = recorded_burst()
    found = features_of(samples, unit="g", bearing=BEARING, shaft_frequency=2000 / 60, envelope_band=(2000, 9000))
    n, duration = len(samples), len(samples) / RATE
    time = np.arange(n) / RATE
    centred = samples - np.mean(samples)

    def line(signal, k):  # one line of the Fourier series, by its definition
        turn = np.exp(-2j * np.pi * (np.arange(n) * k % n) / n)
        return (signal * turn).sum() / n

    velocity = np.zeros(n)
    for k in range(11, 1025):  # 10.74 Hz to 1000 Hz: the lines at 20 kHz / 20480 inside the band
        coefficient = line(centred, k) / (2j * np.pi * k / duration)
        velocity += 2 * np.real(coefficient * np.exp(2j * np.pi * k * time / duration))
    assert found["velocity_rms"] == pytest.approx(np.sqrt(np.mean(velocity**2)) * 9806.65, rel=1e-9)

    band = np.zeros(n)
    quadrature = np.zeros(n)
    first, last = int(np.ceil(2000 * duration)), int(np.floor(9000 * duration))
    spectrum = np.fft.fft(centred) / n
    for k in range(first, last + 1):  # the band and its quadrature, line by line
        angle = 2 * np.pi * (np.arange(n) * k % n) / n
        band += 2 * (spectrum[k].real * np.cos(angle) - spectrum[k].imag * np.sin(angle))
        quadrature += 2 * (spectrum[k].real * np.sin(angle) + spectrum[k].imag * np.cos(angle))
    envelope = np.hypot(band, quadrature)
    lines = [k for k in range(1, n // 2) if abs(k / duration - 236.4035) <= 0.02 * 236.4035]
    expected = max(2 * abs(line(envelope - envelope.mean(), k)) for k in lines)
    assert found["envelope_bpfo"] == pytest.approx(expected, rel=1e-9)

    x = samples.astype(np.longdouble)
    d = x - x.mean()
    assert found["rms"] == pytest.approx(float(np.sqrt((x**2).mean())), rel=1e-12)
    assert found["crest_factor"] == pytest.approx(float(np.abs(x).max() / np.sqrt((x**2).mean())), rel=1e-12)
    assert found["kurtosis"] == pytest.approx(float((d**4).mean() / (d**2).mean() ** 2 - 3), rel=1e-9)


def test_bursts_of_different_lengths_and_rates_keep_their_order_and_their_values():
    frames = [bursts_of(recorded_burst(seed, length=length), rate=rate) for seed, (length, rate) in enumerate(
        [(512, 20_000.0), (2048, 5000.0), (512, 20_000.0), (2048, 20_000.0), (512, 5000.0)]
    )]  # fmt: skip
    together = waveform_features(pl.concat(frames))
    assert together.equals(pl.concat([waveform_features(frame) for frame in frames]))


def test_the_shaft_frequency_may_change_from_burst_to_burst():
    samples = [recorded_burst(defect=BEARING.defect_frequencies(shaft).bpfo) for shaft in (20.0, 30.0)]
    bursts = bursts_of(*samples, recorded_burst()).with_columns(turning=pl.Series([20.0, 30.0, None]))
    found = waveform_features(bursts, bearing=BEARING, shaft_frequency="turning")["envelope_bpfo"]
    for row, shaft in enumerate((20.0, 30.0)):
        assert found[row] == features_of(samples[row], bearing=BEARING, shaft_frequency=shaft)["envelope_bpfo"]
    assert found[2] is None


def test_a_constant_burst_has_no_kurtosis_and_a_silent_one_no_crest():
    constant = features_of(np.full(LENGTH, 0.1))
    assert (constant["crest_factor"], constant["kurtosis"]) == (pytest.approx(1.0), None)
    assert constant["velocity_rms"] == pytest.approx(0.0, abs=1e-12)
    assert features_of(np.zeros(1000))["crest_factor"] is None


def test_a_burst_without_samples_gives_nulls_and_one_sample_no_frequencies():
    assert all(features_of([])[name] is None for name in WAVEFORM_FEATURES)
    single = features_of([2.0])
    assert (single["rms"], single["kurtosis"], single["velocity_rms"]) == (2.0, None, None)


def test_what_a_burst_cannot_show_is_null():
    slow = features_of(
        sine(1.0, 100.0)[:2000], rate=2000.0, bands=((10, 500), (1000, 5000)), bearing=BEARING, shaft_frequency=25.0
    )
    assert slow["velocity_rms"] is None  # the band reaches half the rate
    assert slow["band_energy_10_500"] is not None
    assert slow["band_energy_1000_5000"] is None
    assert slow["envelope_bpfo"] is None
    assert features_of(sine(1.0, 100.0)[:1000])["velocity_rms"] is None  # 50 ms hold no period of 10 Hz


def test_nothing_is_ever_nan_or_infinite():
    rng = np.random.default_rng(1)
    samples = [rng.standard_normal(500) * scale for scale in (0.0, 5e-324, 1e-200, 1e-80, 1.0, 1e69)]
    features = waveform_features(bursts_of(*samples), bearing=BEARING, shaft_frequency=25.0)
    assert features.select(pl.selectors.float().is_finite().all()).row(0) == (True,) * (len(features.columns) - 3)


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1.1e70])
def test_samples_that_no_sensor_gives_are_refused_with_the_number_of_bursts(bad):
    with pytest.raises(ColumnValueError, match="in 2 rows"):
        waveform_features(bursts_of([1.0, bad], [1.0, 2.0], [bad]))


GOOD = bursts_of([1.0, 2.0])


@pytest.mark.parametrize(
    ("bursts", "options", "error", "problem"),
    [
        (GOOD.drop("sampling_rate"), {}, MissingColumnError, "sampling_rate"),
        (GOOD.with_columns(sampling_rate=pl.lit(0.0)), {}, ColumnValueError, "not positive"),
        (GOOD, {"bands": ((100, 10),)}, InvalidArgumentError, "band"),
        (GOOD, {"bearing": BEARING}, InvalidArgumentError, "shaft_frequency"),
        (GOOD, {"bearing": BEARING, "shaft_frequency": "turning"}, MissingColumnError, "turning"),
    ],
)
def test_bursts_and_options_that_cannot_work_are_refused(bursts, options, error, problem):
    with pytest.raises(error, match=problem):
        waveform_features(bursts, **options)


def test_features_of_bursts_become_readings_with_windows_of_their_own():
    features = waveform_features(bursts_of(*(recorded_burst(seed, length=2048) for seed in range(9))), unit="g")
    readings = readings_from_waveforms(features, names=("velocity_rms", "kurtosis"))
    windows = compute_features(readings, lengths=("1h",), statistics=("count", "mean"))
    assert windows["bearing_velocity_rms_count_1h"].to_list() == [6, 3]
    assert windows["bearing_kurtosis_mean_1h"][0] == pytest.approx(features["kurtosis"][:6].mean())


def test_waveform_features_without_a_column_that_is_asked_for_are_refused_by_its_name():
    features = waveform_features(bursts_of([1.0, -1.0]))
    with pytest.raises(MissingColumnError, match="envelope_bpfo"):
        readings_from_waveforms(features, names=("rms", "envelope_bpfo"))
