"""A sealed table is distinguished from one that was changed, and so is one that an earlier release sealed."""

from datetime import UTC, datetime
from io import BytesIO

import polars as pl
import pytest

from handlers.stores import decode_each, decode_parquet, encode_parquet
from mlops_core.errors import MalformedObjectError
from mlops_core.lake import is_as_sealed, sealed, values_problem

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
EARLIER = {"rows": "3", "content_sha256": "a7fa94a9646a2723f52709c6cb4b14be7a2ada3a7dce25234ce1dd1debcd2b91"}
"""What an earlier release wrote beside TABLE."""
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


def test_a_table_reads_as_it_was_written_whatever_else_its_metadata_say():
    for metadata in ({}, {"recipe": "{}", "a": "sha256"}):
        body = encode_parquet(TABLE, metadata)
        assert is_as_sealed(body)
        assert decode_parquet(body).equals(TABLE)
        assert metadata.items() <= pl.read_parquet_metadata(BytesIO(body)).items()


def test_equal_tables_give_equal_bytes():
    assert encode_parquet(pl.concat([TABLE.head(1), TABLE.tail(2)])) == encode_parquet(TABLE)


def test_any_other_byte_is_noticed():
    body = encode_parquet(TABLE)
    for place in range(len(body)):
        changed = body[:place] + bytes([body[place] ^ 1]) + body[place + 1 :]
        assert not is_as_sealed(changed)


@pytest.mark.parametrize("changed", CHANGES.values(), ids=CHANGES)
def test_a_table_that_was_changed_is_noticed(changed):
    sink = BytesIO()
    changed.write_parquet(sink, metadata=pl.read_parquet_metadata(BytesIO(encode_parquet(TABLE))))
    with pytest.raises(MalformedObjectError, match="holds other bytes than it was written with"):
        decode_parquet(sink.getvalue())


def test_among_objects_that_are_read_together_the_damaged_one_is_named():
    body = encode_parquet(TABLE)
    first, damaged, last = decode_each([body, body[:-1], body], pl.col("count") > 0)
    assert isinstance(damaged, MalformedObjectError)
    assert isinstance(first, pl.DataFrame)
    assert first["count"].to_list() == [3, 7]
    assert last.equals(first)


def test_a_file_without_a_blank_seal_cannot_be_sealed():
    with pytest.raises(MalformedObjectError, match="without a blank seal"):
        sealed(BytesIO(encode_parquet(TABLE)))


@pytest.mark.parametrize("changed", CHANGES.values(), ids=CHANGES)
def test_a_table_of_an_earlier_release_that_was_changed_is_noticed(changed):
    assert values_problem(changed, EARLIER)


def test_a_table_of_an_earlier_release_is_as_it_was_written():
    assert values_problem(TABLE.rechunk(), EARLIER) is None


def test_a_table_of_a_still_earlier_release_has_no_seal_and_passes():
    sink = BytesIO()
    TABLE.write_parquet(sink)
    assert values_problem(TABLE, {"ARROW:schema": "..."}) is None
    assert decode_parquet(sink.getvalue()).equals(TABLE)


def test_the_seal_of_an_earlier_release_is_read_by_every_release():
    known = pl.DataFrame({"machine_id": ["A", "B"], "value": [1.5, None]})
    digest = "a498a055d04e0181973486885b66af3f89a58d5bc18be386f1cf18765ebe25b9"
    assert values_problem(known, {"rows": "2", "content_sha256": digest}) is None
    moments = TABLE.with_columns(day=pl.col("at").dt.date(), took=pl.col("at") - pl.col("at").first())
    digest = "e5c859208b977702f2d449a66f46eb1f8de6f1bfa68247fe4b62798a9eb8b374"
    assert values_problem(moments, {"rows": "3", "content_sha256": digest}) is None
