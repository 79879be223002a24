"""Microsoft's Azure predictive-maintenance set: 100 machines, hourly telemetry of one year, four components that fail.

Source: "Predictive Maintenance Modelling Guide", Azure AI Gallery, 2016. Files `PdM_telemetry.csv`, `PdM_failures.csv`,
`PdM_maint.csv`, `PdM_errors.csv`, `PdM_machines.csv`; older copies lack the prefix. Times are local to no stated place
and are taken as UTC.
"""

from pathlib import Path
from typing import Final, NamedTuple

import polars as pl

from mlops_core.adapters.source_files import SourceFormatError, find_file
from mlops_core.telemetry import MAINTENANCE, READINGS, TIMESTAMP, normalise_failures

CHANNELS: Final = ("volt", "rotate", "pressure", "vibration")

_WHERE_FROM: Final = "the Azure AI Gallery's predictive maintenance guide, or one of its copies"
_TIME_FORMATS: Final = ("%Y-%m-%d %H:%M:%S", "%m/%d/%Y %I:%M:%S %p", "%m/%d/%Y %H:%M")


class AzurePdmSet(NamedTuple):
    """Machines `machine-001` to `machine-100`.

    readings: READINGS, channels volt, rotate, pressure, vibration (hourly means, units not stated).
    failures: FAILURES; `event_code` names the component (`comp1`), components that failed in one hour joined by `+`.
        The component was replaced within the hour, so the machine is back in service at once.
    maintenance: MAINTENANCE and `component`, the replacements that no failure caused; they renew the machine.
    errors: machine_id, event_timestamp, error_code: errors that did not stop the machine.
    machines: machine_id, model, age_years.
    """

    readings: pl.DataFrame
    failures: pl.DataFrame
    maintenance: pl.DataFrame
    errors: pl.DataFrame
    machines: pl.DataFrame


def read_azure_pdm(folder: Path | str) -> AzurePdmSet:
    """Read the five files.

    Raises:
        SourceFileError: a file is absent.
        SourceFormatError: a file has other columns, or times of another format.

    """
    telemetry = _events(folder, "telemetry", CHANNELS).cast(dict.fromkeys(CHANNELS, pl.Float64()))
    readings = telemetry.unpivot(
        list(CHANNELS), index=["machine_id", "event_timestamp"], variable_name="channel", value_name="value"
    )
    failed = _events(folder, "failures", ("failure",))
    replaced = _events(folder, "maint", ("comp",)).rename({"comp": "component"})
    planned = replaced.join(
        failed, left_on=["machine_id", "event_timestamp", "component"],
        right_on=["machine_id", "event_timestamp", "failure"], how="anti",
    )  # fmt: skip
    machines = _table(folder, "machines", ("machineID", "model", "age"))
    return AzurePdmSet(
        readings=readings.select(*READINGS).sort("machine_id", "channel", "event_timestamp"),
        failures=normalise_failures(
            failed.group_by("machine_id", "event_timestamp")
            .agg(pl.col("failure").sort().str.join("+").alias("event_code"))
            .with_columns(returned_to_service_at="event_timestamp")
            .sort("machine_id", "event_timestamp")
        ),
        maintenance=planned.with_columns(returned_to_service_at="event_timestamp", renews=pl.lit(value=True)).select(
            *MAINTENANCE, "component"
        ),
        errors=_events(folder, "errors", ("errorID",)).rename({"errorID": "error_code"}),
        machines=machines.select(_machine_id(), "model", age_years=pl.col("age").cast(pl.Float64)),
    )


def _events(folder: Path | str, name: str, columns: tuple[str, ...]) -> pl.DataFrame:
    table = _table(folder, name, ("datetime", "machineID", *columns))
    attempts = [
        pl.col("datetime").str.to_datetime(text, time_unit="us", time_zone="UTC", strict=False)
        for text in _TIME_FORMATS
    ]
    events = table.select(_machine_id(), pl.coalesce(attempts).cast(TIMESTAMP).alias("event_timestamp"), *columns)
    if events["event_timestamp"].null_count():
        unread = table.filter(events["event_timestamp"].is_null())["datetime"][0]
        raise SourceFormatError(_path(folder, name), f"has a time of another format: {unread!r}")
    return events.sort("machine_id", "event_timestamp", maintain_order=True)


def _table(folder: Path | str, name: str, columns: tuple[str, ...]) -> pl.DataFrame:
    path = _path(folder, name)
    table = pl.read_csv(path, infer_schema=False)
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise SourceFormatError(path, f"lacks {', '.join(missing)}; it has {', '.join(table.columns)}")
    return table


def _path(folder: Path | str, name: str) -> Path:
    return find_file(folder, f"PdM_{name}.csv", f"{name}.csv", where_from=_WHERE_FROM)


def _machine_id() -> pl.Expr:
    return pl.format("machine-{}", pl.col("machineID").str.zfill(3)).alias("machine_id")
