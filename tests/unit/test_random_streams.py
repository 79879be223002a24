"""Draws that are functions of their name and counter."""

import numpy as np
import pytest

from mlops_core.simulation.random_streams import (
    LANE_LEVELS,
    centred,
    lane,
    random_words,
    smooth_noise,
    smooth_noise_variance,
    standard_normals,
    stream_key,
    uniforms,
)

KEY = stream_key(7, "PUMP-A01", "noise")
COUNTERS = np.arange(200_000, dtype=np.uint64)


def test_words_are_those_of_splitmix64():
    # The reference implementation's first three outputs for seed 1234567, which adds GAMMA before it finalises.
    assert random_words(1234567, np.array([1, 2, 3], dtype=np.uint64)).tolist() == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
    ]


def test_smooth_noise_is_a_straight_line_between_random_knots():
    hours = np.arange(490_000, 490_100, dtype=np.uint64)
    knots = centred(random_words(KEY, np.arange(16_333, 16_338, dtype=np.uint64)), 1)
    expected = np.interp(hours, np.arange(16_333, 16_338) * 30, knots)
    assert smooth_noise(KEY, hours, 30, 1) == pytest.approx(expected, abs=1e-14)


def test_any_part_of_a_stream_is_drawn_without_the_rest():
    hours = np.arange(490_000, 490_100, dtype=np.uint64)
    assert smooth_noise(KEY, hours, 30, 1)[37:].tolist() == smooth_noise(KEY, hours[37:], 30, 1).tolist()
    assert uniforms(KEY, 0, 9)[4:6] == uniforms(KEY, 4, 2)


def test_keys_tell_names_apart_however_they_are_joined():
    assert len({stream_key("a", "bc"), stream_key("ab", "c"), stream_key("abc"), stream_key("a", "b", "c")}) == 4


@pytest.mark.parametrize("number", range(5))
def test_every_lane_is_uniform_and_no_lane_follows_its_neighbour(number):
    words = random_words(KEY, COUNTERS)
    counts = np.bincount(lane(words, number).astype(int), minlength=LANE_LEVELS)
    expected = len(COUNTERS) / LANE_LEVELS
    chi_square = ((counts - expected) ** 2 / expected).sum()
    assert abs(chi_square - LANE_LEVELS) < 4 * np.sqrt(2 * LANE_LEVELS)  # its standard deviation
    values = centred(words, number)
    assert abs(np.corrcoef(values[1:], values[:-1])[0, 1]) < 4 / np.sqrt(len(values))
    assert abs(np.corrcoef(values, centred(words, (number + 1) % 5))[0, 1]) < 4 / np.sqrt(len(values))


def test_normal_levels_have_the_moments_that_are_stated():
    normal = standard_normals()
    assert abs(normal.mean()) < 1e-9
    assert normal.std() == pytest.approx(0.9998, abs=5e-5)
    assert normal.max() == pytest.approx(3.67, abs=0.005)


def test_uniform_draws_stay_inside_the_open_interval():
    drawn = np.array(uniforms(KEY, 0, 20_000))
    assert 0 < drawn.min() < drawn.max() < 1
    assert drawn.mean() == pytest.approx(0.5, abs=4 / np.sqrt(12 * 20_000))


@pytest.mark.parametrize("period", [8, 30, 72])
def test_smooth_noise_has_the_variance_that_is_stated(period):
    values = smooth_noise(KEY, np.arange(period * 20_000, dtype=np.uint64), period, 0)
    assert values.var() == pytest.approx(smooth_noise_variance(period), rel=0.03)
    assert np.abs(np.diff(values)).max() <= 2 / period
