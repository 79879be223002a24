"""A user's own log of failures, out of CSV or Parquet: one row a failure."""

from datetime import datetime
from pathlib import Path
from typing import NamedTuple, Unpack

import polars as pl

from mlops_core.errors import QuarantineReason
from mlops_core.files.instants import read_instants
from mlops_core.files.judge import bad_machine, first_broken, time_rules, trimmed
from mlops_core.files.layout import FileLayout
from mlops_core.files.logs import log_report, machine_ids, open_log
from mlops_core.files.options import LayoutOptions
from mlops_core.files.report import FileReport, in_schema
from mlops_core.files.tables import ROW
from mlops_core.telemetry import FAILURES
from mlops_core.time import EARLIEST_EVENT

_ROLES = ("time_column", "machine_column", "return_column", "code_column")


class FailuresFile(NamedTuple):
    """What a log of failures gave: frame `FAILURES`, in order of machine and time, and what was refused."""

    failures: pl.DataFrame
    report: FileReport


def read_failures(
    path: str | Path,
    *,
    earliest: datetime = EARLIEST_EVENT,
    latest: datetime | None = None,
    **layout: Unpack[LayoutOptions],
) -> FailuresFile:
    r"""Return the failures of a CSV (`.gz` too) or Parquet file, and a report of what was refused.

    Machine and time are needed; the return to service and a code are read where columns of them are named or have
    usual names (`returned_to_service_at`, `event_code`, `failure` ...). An empty return is not known, and the same
    failure twice counts once. A return before its failure is refused as BAD_TIMESTAMP.

        failures, report = read_failures("failures.csv", machine_column="asset", time_zone="UTC")

    Args:
        path: the file; what is not called `.parquet` or `.pq` is CSV with a header line.
        earliest: of event times (else TOO_LATE).
        latest: when the file is read; what lies five minutes behind it is FUTURE. None: no bound.
        layout: which column holds what, and how it is written: the arguments of `FileLayout`.

    Returns:
        `.failures` (frame FAILURES) and `.report`, as of `read_readings`.

    Raises:
        UnreadableFileError: it is no CSV or Parquet, or has no such columns; the message names those that it has.
        InvalidArgumentError: the layout contradicts itself, or does not say what is needed.

    Example:
        >>> _ = Path("failures.csv").write_text("asset,time\nPRESS-1,2026-01-02T00:00Z\n")
        >>> failures, report = mc.read_failures("failures.csv", machine_column="asset")
        >>> failures["machine_id"].to_list()
        ['PRESS-1']

    """
    table, said = open_log(path, FileLayout(**layout), roles=_ROLES)
    judged = _judged(table.read([*said.columns().values()]), said, earliest, latest)
    accepted = judged.filter(pl.col("reason").is_null())
    failures = accepted.sort(
        "machine_id", "event_timestamp", "returned_to_service_at", "event_code", nulls_last=True
    ).unique(["machine_id", "event_timestamp"], keep="first", maintain_order=True)
    return FailuresFile(in_schema(failures, FAILURES), log_report(table, said, judged, failures, {}))


def _judged(frame: pl.DataFrame, layout: FileLayout, earliest: datetime, latest: datetime | None) -> pl.DataFrame:
    """One row a failure, with the reason to refuse it where there is one."""
    code = pl.lit(None, pl.String) if layout.code_column is None else trimmed(pl.col(layout.code_column))
    rows = frame.select(
        pl.col(ROW).alias("row"),
        machine_ids(layout),
        pl.col(layout.time_column or "").alias("time"),
        pl.when(code != "").then(code).alias("event_code"),
    )
    at = read_instants(rows["time"], layout).alias("event_timestamp")
    returned = pl.Series("returned_to_service_at", [None], dtype=at.dtype).new_from_index(0, rows.height)
    is_written = pl.lit(value=False)
    if layout.return_column is not None and rows.height:
        column = frame[layout.return_column]
        is_written = pl.Series("written", _text(column) != "")
        if column.count():
            returned = read_instants(column, layout).alias("returned_to_service_at")
    back = pl.col("returned_to_service_at")
    rules = {QuarantineReason.BAD_MACHINE_ID: bad_machine(), **time_rules("event_timestamp", earliest, latest)}
    rules[QuarantineReason.BAD_TIMESTAMP] |= (back.is_null() & is_written) | (back < pl.col("event_timestamp"))
    return rows.with_columns(at, returned).with_columns(first_broken(rules))


def _text(column: pl.Series) -> pl.Series:
    """The cells of a column as text, an absent one as empty."""
    return pl.DataFrame({"cell": column}).select(trimmed(pl.col("cell")).fill_null("")).to_series()
