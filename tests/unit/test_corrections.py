"""A correction replaces a value whichever is larger; the latest counts, in any order and after any compaction."""

import gzip
import random
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from mlops_core.features import FeatureRecipe, bucket_readings, learn_normaliser
from mlops_core.lake import decode_readings, distinct_readings, encode_history
from mlops_core.telemetry import CORRECTED_AT, READINGS, split_corrected, union_readings

START = datetime(2026, 1, 31, 6, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def frame(values: list[float], *, corrected: int | None = None, first: int = 0) -> pl.DataFrame:
    rows = [("A", "temperature", START + (first + place) * MINUTE, value) for place, value in enumerate(values)]
    readings = pl.DataFrame(rows, schema=READINGS, orient="row")
    return (
        readings if corrected is None else readings.with_columns(pl.lit(START + corrected * MINUTE).alias(CORRECTED_AT))
    )


SPIKE = frame([20.0, 480.0, 21.0])
FIRST = frame([48.0], corrected=100, first=1)
SECOND = frame([47.0], corrected=200, first=1)


def moments(readings: pl.DataFrame) -> pl.DataFrame:
    buckets = bucket_readings(readings, hop="1h")
    return buckets.drop("revision")


@pytest.mark.parametrize(
    ("frames", "value", "revision"),
    [([SPIKE], 480.0, 3), ([SPIKE, FIRST], 48.0, 4), ([SPIKE, FIRST, SECOND], 47.0, 5), ([SPIKE, SECOND], 47.0, 4)],
)
def test_the_latest_correction_counts_and_the_revision_rises(
    frames: list[pl.DataFrame], value: float, revision: int
) -> None:
    buckets = bucket_readings(union_readings(frames), hop="1h")
    assert buckets["revision"].to_list() == [revision]
    assert moments(union_readings(frames)).equals(moments(frame([20.0, value, 21.0])))


@pytest.mark.parametrize("setting", [None, "speed"], ids=["as measured", "normalised"])
def test_a_recipe_computes_what_corrections_left(setting: str | None) -> None:
    speed = frame([1.0, 1.0, 1.0]).with_columns(channel=pl.lit("speed"))
    whole, left = union_readings([speed, SPIKE, FIRST, SECOND]), union_readings([speed, frame([20.0, 47.0, 21.0])])
    recipe = FeatureRecipe(normaliser=learn_normaliser(left, settings=[setting]) if setting else None)
    assert recipe.compute(whole, ranges={}).equals(recipe.compute(left, ranges={}))


def test_order_repetition_and_compaction_change_nothing() -> None:
    whole = union_readings([SPIKE, FIRST, SECOND, SPIKE, FIRST])
    expected = bucket_readings(whole, hop="1h")
    shuffled = whole.sample(fraction=1.0, shuffle=True, seed=3)
    assert bucket_readings(shuffled, hop="1h").equals(expected)
    assert bucket_readings(distinct_readings([SECOND, distinct_readings([FIRST, SPIKE])]), hop="1h").equals(expected)


def test_of_two_corrections_at_one_moment_the_larger_counts() -> None:
    counted, replaced = split_corrected(union_readings([SPIKE, FIRST, frame([50.0], corrected=100, first=1)]))
    assert bucket_readings(counted, hop="1h")["revision"].to_list() == [4]
    assert moments(counted).equals(moments(frame([20.0, 50.0, 21.0])))
    assert replaced["value"].to_list() == [480.0]


def test_a_correction_of_what_was_never_said_is_a_reading() -> None:
    assert moments(FIRST).equals(moments(frame([48.0], first=1)))


NONE = frame([None], corrected=300, first=1)


@pytest.mark.parametrize("frames", [[SPIKE, NONE], [NONE, SPIKE, FIRST, SECOND], [SECOND, NONE, NONE, SPIKE]])
def test_a_later_correction_withdraws_a_value_and_the_revision_rises(frames: list[pl.DataFrame]) -> None:
    whole = union_readings(frames)
    kept = pl.concat([frame([20.0]), frame([21.0], first=2)])
    assert moments(whole).equals(moments(kept))
    without = bucket_readings(union_readings([each for each in frames if each is not NONE]), hop="1h")
    assert bucket_readings(whole, hop="1h")["revision"].item() > without["revision"].item()
    shuffled = distinct_readings([whole.sample(fraction=1.0, shuffle=True, seed=5)])
    assert bucket_readings(shuffled, hop="1h").equals(bucket_readings(whole, hop="1h"))


def test_a_value_corrects_a_withdrawal_and_counts_beside_one_of_the_same_moment() -> None:
    later = frame([46.0], corrected=400, first=1)
    assert moments(union_readings([SPIKE, NONE, later])).equals(moments(frame([20.0, 46.0, 21.0])))
    beside = frame([45.0], corrected=300, first=1)
    assert moments(union_readings([NONE, beside, SPIKE])).equals(moments(frame([20.0, 45.0, 21.0])))


def test_a_withdrawal_survives_the_lake() -> None:
    plain = encode_history(SPIKE, received_at=START)
    at = START + 300 * MINUTE
    marked = encode_history(NONE.select(READINGS.names()), received_at=at, corrected_at=at, keep_not_measured=True)
    together = decode_readings([plain[0].body, marked[0].body])
    assert together.drop_nulls(CORRECTED_AT).rows() == NONE.rows()
    assert moments(together)["count"].to_list() == [2]


def test_corrections_are_marked_in_the_lake_and_others_keep_their_bytes() -> None:
    plain = encode_history(SPIKE, received_at=START)
    marked = encode_history(FIRST.select(READINGS.names()), received_at=START, corrected_at=START + 100 * MINUTE)
    assert decode_readings([plain[0].body]).columns == READINGS.names()
    bodies = [plain[0].body, marked[0].body]
    random.Random(1).shuffle(bodies)  # noqa: S311 - a test's order
    together = decode_readings(bodies)
    assert together.drop_nulls(CORRECTED_AT).rows() == FIRST.rows()
    assert moments(together).equals(moments(frame([20.0, 48.0, 21.0])))


def test_a_malformed_line_beside_a_correction_costs_itself() -> None:
    marked = encode_history(FIRST.select(READINGS.names()), received_at=START, corrected_at=START + 100 * MINUTE)
    left_out: list[object] = []
    damaged = gzip.compress(gzip.decompress(marked[0].body) + b"{}\n")
    assert decode_readings([damaged], on_malformed=left_out.append).rows() == FIRST.rows()
    assert len(left_out) == 1
