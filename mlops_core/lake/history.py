"""A whole history of readings as objects of the lake, written column by column."""

import json
from datetime import datetime
from typing import Final

import polars as pl

from mlops_core.lake.json_lines import compressed_object
from mlops_core.lake.keys import RawObject, raw_key
from mlops_core.telemetry import Quality, check_machine_id, normalise_readings
from mlops_core.time import utc_text

# Within these magnitudes Python and polars write the same digits; beyond them they differ in how an exponent looks.
_PLAIN_FROM: Final = 1e-4
_PLAIN_BELOW: Final = 1e16


def encode_history(
    readings: pl.DataFrame,
    *,
    received_at: datetime,
    replayed: bool = True,
    corrected_at: datetime | None = None,
    keep_not_measured: bool = False,
) -> list[RawObject]:
    """Return the objects that hold a history: byte for byte those of `encode_readings`, about six times faster.

    Args:
        readings: schema READINGS, in any order; rows with a null value were not measured.
        received_at: when the history is taken to have arrived; with `replayed` no rule of lateness applies to it.
        replayed: whether the readings are marked as sent after the fact.
        corrected_at: where these readings correct others of the same identities: when the correction was made.
        keep_not_measured: whether what was not measured is stored with quality BAD, as of a message that says so; as a
            correction it withdraws every value of its identity. Left out otherwise.

    Raises:
        SchemaError: as `normalise_readings`.
        InvalidArgumentError: an illegal machine id, or `received_at` without time zone.

    """
    measured = normalise_readings(readings)
    if not keep_not_measured:
        measured = measured.drop_nulls("value")
    for machine_id in measured["machine_id"].unique():
        check_machine_id(machine_id)
    received = f',"received_at":"{utc_text(received_at)}"'
    corrected = "" if corrected_at is None else f',"corrected_at":"{utc_text(corrected_at)}"'
    end = f',"replayed":true{corrected}}}\n' if replayed else f"{corrected}}}\n"
    lines = (
        measured.lazy()
        .select(
            hour=pl.col("event_timestamp").dt.truncate("1h"),
            line=pl.concat_str(
                pl.lit('{"machine_id":'),
                _as_json("machine_id", measured),
                pl.lit(',"channel":'),
                _as_json("channel", measured),
                pl.lit(',"event_timestamp":"'),
                pl.col("event_timestamp").dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ"),
                pl.lit('","value":'),
                _digits().fill_null("null"),
                pl.lit(received),
                pl.when(pl.col("value").is_null()).then(pl.lit(f',"quality":"{Quality.BAD}"')).otherwise(pl.lit("")),
                pl.lit(end),
            ),
        )
        .unique()
        .sort("hour", "line")
        .group_by("hour", maintain_order=True)
        .agg(pl.col("line").str.join(""))
        .collect()
    )
    return sorted(compressed_object(raw_key, hour, content.encode()) for hour, content in lines.iter_rows())


def _as_json(column: str, readings: pl.DataFrame) -> pl.Expr:
    written = {text: json.dumps(text) for text in readings[column].unique()}
    return pl.col(column).replace_strict(written, return_dtype=pl.String)


def _digits() -> pl.Expr:
    value = pl.col("value")
    plain = (value == 0) | value.abs().is_between(_PLAIN_FROM, _PLAIN_BELOW, closed="left")
    rare = pl.when(~plain).then(value).map_elements(repr, return_dtype=pl.String, skip_nulls=True)
    return pl.when(plain).then(value.cast(pl.String)).otherwise(rare)
