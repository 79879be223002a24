"""Logs of failures and of events (errors, operators' actions, changes of state) out of CSV or Parquet, one row each."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple, Unpack

import polars as pl

from mlops_core.errors import QuarantineReason, UnreadableFileError
from mlops_core.files.instants import read_instants
from mlops_core.files.judge import bad_machine, first_broken, machine_ids, numbers, time_rules, trimmed
from mlops_core.files.layout import FileLayout, LayoutOptions
from mlops_core.files.report import FileReport, in_schema, rejects_of
from mlops_core.files.tables import ROW, Table, open_file
from mlops_core.telemetry import EVENT_KIND_PATTERN, EVENTS, FAILURES, LARGEST_EVENT_VALUE, is_event_code
from mlops_core.time import EARLIEST_EVENT

_FAILURE_ROLES: Final = ("time_column", "machine_column", "return_column", "code_column")
_EVENT_ROLES: Final = ("time_column", "machine_column", "kind_column", "code_column")
_NUMBERS: Final = ("measured_value", "threshold")
_READ: Final = pl.Schema({**EVENTS, **dict.fromkeys(_NUMBERS, pl.Float64())})


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
    table, found = open_file(path, FileLayout(**layout), roles=_FAILURE_ROLES)
    judged = _judged_failures(table.read([*found.columns().values()]), found, earliest, latest)
    accepted = judged.filter(pl.col("reason").is_null())
    failures = accepted.sort(
        "machine_id", "event_timestamp", "returned_to_service_at", "event_code", nulls_last=True
    ).unique(["machine_id", "event_timestamp"], keep="first", maintain_order=True)
    return FailuresFile(in_schema(failures, FAILURES), _log_report(table, found, judged, failures, {}))


def _judged_failures(
    frame: pl.DataFrame, layout: FileLayout, earliest: datetime, latest: datetime | None
) -> pl.DataFrame:
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
        is_written = column.to_frame().select(trimmed(pl.col(column.name)).fill_null("") != "").to_series()
        if column.count():
            returned = read_instants(column, layout).alias("returned_to_service_at")
    back = pl.col("returned_to_service_at")
    rules = {QuarantineReason.BAD_MACHINE_ID: bad_machine(), **time_rules(earliest, latest)}
    rules[QuarantineReason.BAD_TIMESTAMP] |= (back.is_null() & is_written) | (back < pl.col("event_timestamp"))
    return rows.with_columns(at, returned).with_columns(first_broken(rules))


class EventsFile(NamedTuple):
    """What a log of events gave: `EVENTS` with measured_value and threshold, in order of time, and what was refused."""

    events: pl.DataFrame
    report: FileReport


def read_events(
    path: str | Path,
    *,
    earliest: datetime = EARLIEST_EVENT,
    latest: datetime | None = None,
    **layout: Unpack[LayoutOptions],
) -> EventsFile:
    r"""Return the events of a CSV (`.gz` too) or Parquet file, and a report of what was refused.

    Machine, time, kind and code are needed; each row is accepted or refused by the rules of an event's message. Numbers
    are read from columns called `measured_value` and `threshold`, and may be empty. The same event twice counts once.

        events, report = read_events("errors.csv", kind="error", code_column="errorID", time_zone="UTC")

    Args:
        path: the file; what is not called `.parquet` or `.pq` is CSV with a header line.
        earliest: of event times (else TOO_LATE).
        latest: when the file is read; what lies five minutes behind it is FUTURE. None: no bound.
        layout: which column holds what, and how it is written: the arguments of `FileLayout`.

    Returns:
        `.events` (machine_id, event_timestamp, kind, event_code, measured_value, threshold) for `add_events`, and
        `.report`, as of `read_readings`; in its rejects `channel` is the kind and `value` the code.

    Raises:
        UnreadableFileError: it is no CSV or Parquet, or has no such columns; the message names those that it has.
        InvalidArgumentError: the layout contradicts itself, or does not say what is needed.

    Example:
        >>> _ = Path("errors.csv").write_text("asset,time,code\nPRESS-1,2026-01-02T00:00Z,E17\n")
        >>> events, report = mc.read_events("errors.csv", machine_column="asset", kind="error")
        >>> events.select("kind", "event_code").row(0)
        ('error', 'E17')

    """
    table, found = open_file(path, FileLayout(**layout), roles=_EVENT_ROLES)
    if found.code_column is None or (found.kind is None and found.kind_column is None):
        has, missing = f"It has: {', '.join(table.names)}", "codes" if found.code_column is None else "kinds"
        raise UnreadableFileError(
            str(path), f"has no column that is known to hold {missing} of events",
            f"{has}. Name it: code_column=" if missing == "codes" else f'{has}. Give kind="error", or kind_column=',
        )  # fmt: skip
    figures = {name: name for name in _NUMBERS if name in table.names}
    judged = _judged_events(table.read([*found.columns().values(), *figures]), found, earliest, latest)
    accepted = judged.filter(pl.col("reason").is_null())
    identity = ["event_timestamp", "machine_id", "kind", "event_code"]
    events = accepted.sort(*identity, *_NUMBERS, nulls_last=True).unique(identity, keep="first", maintain_order=True)
    report = _log_report(table, found, judged.with_columns(channel="kind", value="event_code"), events, figures)
    return EventsFile(in_schema(events, _READ), report)


def _judged_events(
    frame: pl.DataFrame, layout: FileLayout, earliest: datetime, latest: datetime | None
) -> pl.DataFrame:
    """One row an event, with the reason to refuse it where there is one."""
    kind = pl.lit(layout.kind) if layout.kind_column is None else trimmed(pl.col(layout.kind_column))
    written = [
        trimmed(pl.col(name) if name in frame.columns else pl.lit(None, pl.String)).fill_null("").alias(f"{name} text")
        for name in _NUMBERS
    ]
    rows = frame.select(
        pl.col(ROW).alias("row"),
        machine_ids(layout),
        pl.col(layout.time_column or "").alias("time"),
        kind.fill_null("").alias("kind"),
        trimmed(pl.col(layout.code_column or "")).fill_null("").alias("event_code"),
        *written,
    )
    rows = rows.with_columns(
        read_instants(rows["time"], layout).alias("event_timestamp"),
        *(numbers(rows[f"{name} text"], layout).alias(name) for name in _NUMBERS),
    )
    codes = [code for code in rows["event_code"].unique() if not is_event_code(code)]
    is_unread = [(pl.col(f"{name} text") != "") & pl.col(name).is_null() for name in _NUMBERS]
    rules = {
        QuarantineReason.BAD_MACHINE_ID: bad_machine(),
        QuarantineReason.MISSING_FIELD: (pl.col("kind") == "") | (pl.col("event_code") == ""),
        QuarantineReason.BAD_TOPIC: ~pl.col("kind").str.contains(f"^(?:{EVENT_KIND_PATTERN})$"),
        QuarantineReason.BAD_TYPE: pl.any_horizontal(pl.col("event_code").is_in(codes), *is_unread),
        QuarantineReason.NOT_FINITE: pl.any_horizontal(~pl.col(name).is_finite() for name in _NUMBERS),
        QuarantineReason.OUT_OF_RANGE: pl.any_horizontal(pl.col(name).abs() > LARGEST_EVENT_VALUE for name in _NUMBERS),
        **time_rules(earliest, latest),
    }
    return rows.with_columns(first_broken(rules))


def _log_report(
    table: Table, layout: FileLayout, judged: pl.DataFrame, distinct: pl.DataFrame, columns: Mapping[str, str]
) -> FileReport:
    """Return the report of a log.

    Args:
        table: the file.
        layout: which column holds what, and `columns` what is read beside it.
        judged: one row a record, with the reason to refuse it where there is one, and what REJECTS says of it.
        distinct: those that were accepted, each once.
        columns: by what they hold.

    """
    return replace(
        FileReport.of(table, layout, columns),
        values=judged.height,
        accepted=distinct.height,
        repeated=judged["reason"].null_count() - distinct.height,
        rejects=rejects_of(judged),
    )
