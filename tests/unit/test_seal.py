"""A sealed table is told from one that was changed, whatever wrote the bytes."""

from datetime import UTC, datetime

import polars as pl
import pytest

from mlops_core.lake import seal_of, seal_problem

TABLE = pl.DataFrame(
    {
        "machine_id": ["A", None, "B"],
        "at": [datetime(2026, 11, 21, hour, tzinfo=UTC) for hour in range(3)],
        "value": [1.0, None, float("nan")],
        "count": [3, 0, 7],
        "is_held_out": [True, False, None],
        "names": [["a"], [], ["b", "c"]],
    }
)
CHANGES = {
    "a row less": TABLE.head(2),
    "a row more": pl.concat([TABLE, TABLE.head(1)]),
    "another value": TABLE.with_columns(count=pl.lit(3, pl.Int64)),
    "zero for null": TABLE.with_columns(pl.col("value").fill_null(0.0)),
    "another order": TABLE.reverse(),
    "another name": TABLE.rename({"count": "counts"}),
    "another type": TABLE.cast({"count": pl.Int32}),
    "text moved between rows": TABLE.with_columns(machine_id=pl.Series(["", "A", "B"])),
    "another list": TABLE.with_columns(names=pl.Series([["a"], [], ["b"]])),
}


def test_a_table_as_it_was_sealed_has_no_problem():
    assert seal_problem(TABLE.rechunk(), seal_of(pl.concat([TABLE.head(1), TABLE.tail(2)]))) is None


@pytest.mark.parametrize("changed", CHANGES.values(), ids=CHANGES)
def test_a_table_that_was_changed_is_noticed(changed):
    assert seal_problem(changed, seal_of(TABLE))


def test_a_table_of_an_earlier_release_has_no_seal_and_passes():
    assert seal_problem(TABLE, {"ARROW:schema": "..."}) is None


def test_the_seal_is_the_same_in_every_release():
    known = pl.DataFrame({"machine_id": ["A", "B"], "value": [1.5, None]})
    assert seal_of(known) == {
        "rows": "2",
        "content_sha256": "a498a055d04e0181973486885b66af3f89a58d5bc18be386f1cf18765ebe25b9",
    }


def test_the_seal_of_a_table_is_that_of_earlier_releases():
    moments = TABLE.with_columns(day=pl.col("at").dt.date(), took=pl.col("at") - pl.col("at").first())
    assert seal_of(moments)["content_sha256"] == "e5c859208b977702f2d449a66f46eb1f8de6f1bfa68247fe4b62798a9eb8b374"
