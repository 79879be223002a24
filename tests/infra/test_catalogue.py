"""The tables that Athena sees are what the library writes."""

import re
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from mlops_core.features import compute_features
from mlops_core.lake import compacted_key, features_key, raw_key, replaced_key
from mlops_core.telemetry import READINGS
from tests.infra.evaluation import CHANGED, evaluate_stack

HOUR = datetime(2026, 11, 21, 7, tzinfo=UTC)
READ = pl.DataFrame(
    {
        "machine_id": ["M1", "M1"],
        "channel": ["temperature", "vibration"],
        "event_timestamp": [HOUR, HOUR + timedelta(minutes=1)],
        "value": [20.0, 1.0],
    },
    schema=READINGS,
)


def columns_of(table):
    return {column["name"]: column["type"] for column in table.inputs["storageDescriptor"]["columns"]}


@pytest.mark.parametrize(("config", "lengths", "hop"), [({}, [1, 6, 24], 60), (CHANGED, [2], 30)], ids=["", "changed"])
def test_the_feature_table_has_the_columns_that_the_library_computes(config, lengths, hop):
    table = evaluate_stack(config=config).of("CatalogTable")["processing-catalogue-features"]
    computed = compute_features(READ, lengths=[f"{length}h" for length in lengths], hop=f"{hop}m")
    declared = columns_of(table)
    assert declared.pop("revision") == "bigint"
    assert set(declared) == set(computed.columns)
    kinds = {"bigint": pl.Int64, "double": pl.Float64, "string": pl.String, "timestamp": pl.Datetime}
    for column, kind in declared.items():
        assert computed.schema[column].base_type() is kinds[kind], column


def test_the_raw_table_has_a_column_for_each_field_of_a_line(evaluated):
    table = evaluated("dev").of("CatalogTable")["processing-catalogue-raw"]
    assert list(columns_of(table)) == [
        "machine_id", "channel", "event_timestamp", "value", "received_at", "replayed", "extras",
    ]  # fmt: skip


def located(table, **partition):
    """Where Athena looks for a partition."""
    template = table.inputs["parameters"]["storage.location.template"]
    return re.sub(r"\$\{(\w+)\}", lambda match: partition[match[1]], template)


def test_partitions_lie_where_the_library_puts_them(evaluated):
    tables = evaluated("dev").of("CatalogTable")
    bucket = "s3://data-lake-0a1b2c/"
    for place, key in (("raw", raw_key(HOUR, "0" * 64)), ("replaced", replaced_key(HOUR, "0" * 64))):
        found = located(tables["processing-catalogue-raw"], place=place, date="2026-11-21", hour="07")
        assert found == bucket + key.rpartition("/")[0]
    readings = located(tables["processing-catalogue-readings"], date="2026-11-21", hour="07")
    assert readings == bucket + compacted_key(HOUR).rpartition("/")[0]
    features = located(tables["processing-catalogue-features"], date="2026-11-21", hour="07")
    assert features == bucket + features_key(HOUR, 3).rpartition("/")[0]


@pytest.mark.parametrize("config", [{}, CHANGED], ids=["one shard", "twelve shards"])
def test_projection_covers_every_partition_and_needs_no_crawler(config):
    tables = evaluate_stack(config=config).of("CatalogTable")
    for table in tables.values():
        parameters = table.inputs["parameters"]
        assert parameters["projection.enabled"] == "true"
        assert parameters["projection.hour.range"] == "0,23"
        assert parameters["projection.hour.digits"] == "2"
        assert parameters["projection.date.format"] == "yyyy-MM-dd"
        # An hour that is being written may belong to tomorrow: clocks run ahead by minutes.
        assert parameters["projection.date.range"].endswith(",NOW+1DAYS")
        assert parameters["projection.date.range"][:10] <= "2003-10-22", "replayed history reaches back that far"
        projected = {key.split(".")[1] for key in parameters if key.startswith("projection.") and key.count(".") == 2}
        assert projected == {key["name"] for key in table.inputs["partitionKeys"]}
    assert tables["processing-catalogue-raw"].inputs["parameters"]["projection.place.values"] == "raw,replaced"


def test_the_table_of_readings_has_their_columns(evaluated):
    table = evaluated("dev").of("CatalogTable")["processing-catalogue-readings"]
    assert columns_of(table) == {
        "machine_id": "string",
        "channel": "string",
        "event_timestamp": "timestamp",
        "value": "double",
    }
