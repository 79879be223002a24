"""The data lake as tables that Athena can query: no crawler, since the keys say where each partition is."""

from collections.abc import Mapping, Sequence
from typing import Final, TypedDict

import polars as pl
import pulumi
import pulumi_aws as aws

from infra.naming import identifier
from mlops_core.features import BUCKETS, FeatureRecipe, channel_statistics, chosen_statistics
from mlops_core.lake import COMPACTED_PREFIX, FEATURES_PREFIX
from mlops_core.telemetry import READINGS, Channels

# Replayed history is older than the platform. Athena looks at every day from here on unless a query names its own.
_FIRST_DATE: Final = "2000-01-01"
_PARQUET: Final = "org.apache.hadoop.hive.ql.io.parquet"
_COLUMN_TYPES: Final[Mapping[type[pl.DataType], str]] = {
    pl.String: "string",
    pl.Int64: "bigint",
    pl.Float64: "double",
    pl.Datetime: "timestamp",
}
# A line of raw/ as mlops_core.lake writes it. Times stay text: Athena reads them with from_iso8601_timestamp.
_RAW_COLUMNS: Final = {
    "machine_id": "string",
    "channel": "string",
    "event_timestamp": "string",
    "value": "double",
    "received_at": "string",
    "replayed": "boolean",
    "extras": "string",
}


_READING_COLUMNS: Final = {name: _COLUMN_TYPES[kind.base_type()] for name, kind in READINGS.items()}


class LakeCatalogueArgs(TypedDict):
    """What the catalogue of a data lake is made of."""

    bucket_name: pulumi.Input[str]
    channels: Channels
    feature_lengths_hours: Sequence[int]
    feature_hop_minutes: int


class LakeCatalogue(pulumi.ComponentResource):
    """A Glue database with the tables `raw`, `readings` and `features`.

    `raw` holds readings as received, possibly twice; `readings` those of compacted hours, each once.

    Name the partitions in a query, or Athena looks into every hour since 2000:

        SELECT machine_id, window_end, vibration_mean_6h FROM features WHERE date >= '2026-11-01'

    Example:
        >>> catalogue = LakeCatalogue("catalogue", {
        ...     "bucket_name": "acme-lake", "channels": CHANNELS,
        ...     "feature_lengths_hours": [1, 6, 24], "feature_hop_minutes": 60,
        ... })
        >>> pulumi.export("glue_database_name", catalogue.database_name)

    """

    database_name: pulumi.Output[str]
    raw_table_name: pulumi.Output[str]
    readings_table_name: pulumi.Output[str]
    features_table_name: pulumi.Output[str]

    def __init__(self, name: str, args: LakeCatalogueArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlops:lake:LakeCatalogue", name, None, opts)
        self._database = aws.glue.CatalogDatabase(
            name,
            name=identifier(name),
            description="Readings and features of industrial machines",
            opts=pulumi.ResourceOptions(parent=self),
        )
        hours = {
            "projection.date.type": "date",
            "projection.date.format": "yyyy-MM-dd",
            "projection.date.range": f"{_FIRST_DATE},NOW+1DAYS",
            "projection.hour.type": "integer",
            "projection.hour.range": "0,23",
            "projection.hour.digits": "2",
        }
        # What compaction took in lies in the same form under a prefix of its own; the two together are all there is.
        places = {"projection.place.type": "enum", "projection.place.values": "raw,replaced"}
        parquet = (
            f"{_PARQUET}.MapredParquetInputFormat",
            f"{_PARQUET}.MapredParquetOutputFormat",
            f"{_PARQUET}.serde.ParquetHiveSerDe",
        )
        lake = pulumi.Output.concat("s3://", args["bucket_name"], "/")
        raw = self._table(
            f"{name}-raw",
            "raw",
            "Readings as received, at least once: remove duplicates by machine_id, channel, event_timestamp",
            columns=_RAW_COLUMNS,
            partitions=("place", "date", "hour"),
            projection={**hours, **places, "classification": "json"},
            location=lake,
            template="${place}/date=${date}/hour=${hour}",
            formats=(
                "org.apache.hadoop.mapred.TextInputFormat",
                "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
                "org.openx.data.jsonserde.JsonSerDe",
            ),
        )
        readings = self._table(
            f"{name}-readings",
            "readings",
            "Distinct readings of compacted hours; what is not compacted yet, or came late, is in raw alone",
            columns=_READING_COLUMNS,
            partitions=("date", "hour"),
            projection={**hours, "classification": "parquet"},
            location=pulumi.Output.concat(lake, COMPACTED_PREFIX),
            template="date=${date}/hour=${hour}",
            formats=parquet,
        )
        features = self._table(
            f"{name}-features",
            "features",
            "Windowed features, one row per machine and window end",
            columns=feature_columns(args),
            partitions=("date", "hour"),
            projection={**hours, "classification": "parquet"},
            location=pulumi.Output.concat(lake, FEATURES_PREFIX),
            template="date=${date}/hour=${hour}",
            formats=parquet,
        )
        self.database_name = self._database.name
        self.raw_table_name = raw.name
        self.readings_table_name = readings.name
        self.features_table_name = features.name
        self.register_outputs(
            {
                "database_name": self.database_name,
                "raw_table_name": self.raw_table_name,
                "readings_table_name": self.readings_table_name,
                "features_table_name": self.features_table_name,
            }
        )

    def _table(
        self,
        name: str,
        table: str,
        description: str,
        *,
        columns: Mapping[str, str],
        partitions: Sequence[str],
        projection: Mapping[str, str],
        location: pulumi.Output[str],
        template: str,
        formats: tuple[str, str, str],
    ) -> aws.glue.CatalogTable:
        reads, writes, serialisation = formats
        return aws.glue.CatalogTable(
            name,
            name=table,
            database_name=self._database.name,
            description=description,
            table_type="EXTERNAL_TABLE",
            parameters={
                "EXTERNAL": "TRUE",
                "projection.enabled": "true",
                "storage.location.template": pulumi.Output.concat(location, template),
                **projection,
            },
            partition_keys=[{"name": key, "type": "string"} for key in partitions],
            storage_descriptor={
                "location": location,
                "columns": [{"name": column, "type": kind} for column, kind in columns.items()],
                "input_format": reads,
                "output_format": writes,
                "ser_de_info": {"serialization_library": serialisation},
            },
            opts=pulumi.ResourceOptions(parent=self),
        )


def feature_columns(args: LakeCatalogueArgs) -> dict[str, str]:
    """Name and type of each column of the feature table: what the library makes of no readings at all."""
    recipe = FeatureRecipe(
        channels=tuple(args["channels"]),
        lengths=tuple(f"{hours}h" for hours in args["feature_lengths_hours"]),
        hop=f"{args['feature_hop_minutes']}m",
        statistics=chosen_statistics(args["channels"]),
        own_statistics=channel_statistics(args["channels"]),
    )
    columns = recipe.windows(BUCKETS.to_frame()).schema
    return {column: _COLUMN_TYPES[kind.base_type()] for column, kind in columns.items()}
