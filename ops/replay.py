"""``mlops replay``: send someone's own history through the platform."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ops.errors import LakeAbsentError, NoReadingsError, OpsError, ReadingsMissingError
from ops.options import AsJson, OutputsFile, StackName

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    import polars as pl

    from ops.delivery import Way
    from ops.journal import Journal
    from ops.stack import Stack


def replay(
    file: Annotated[
        Path, typer.Argument(help="CSV with a header line (.gz allowed) or Parquet (*.parquet).", dir_okay=False)
    ],
    time_column: Annotated[str, typer.Option("--time-column", help="Column of the time of each reading.")],
    machine: Annotated[str | None, typer.Option("--machine", help="The one machine that the whole file is of.")] = None,
    machine_column: Annotated[str | None, typer.Option("--machine-column", help="Column of machine names.")] = None,
    channel: Annotated[
        list[str] | None, typer.Option("--channel", help="COLUMN=CHANNEL, once for each column of values (wide data).")
    ] = None,
    channel_column: Annotated[
        str | None, typer.Option("--channel-column", help="Column of channel names (long data).")
    ] = None,
    value_column: Annotated[str | None, typer.Option("--value-column", help="Column of values (long data).")] = None,
    time_format: Annotated[
        str | None, typer.Option("--time-format", help="strptime format of the times; ISO 8601 without it.")
    ] = None,
    time_zone: Annotated[
        str | None, typer.Option("--time-zone", help="Zone of times without an offset: UTC, America/Sao_Paulo ...")
    ] = None,
    time_origin: Annotated[
        str | None, typer.Option("--time-origin", help="Times are numbers that count from this ISO 8601 moment.")
    ] = None,
    time_unit: Annotated[
        str | None,
        typer.Option("--time-unit", help="What they count: ns, 100ns, us, ms, s, m, h, d, or a step such as 10m."),
    ] = None,
    separator: Annotated[str, typer.Option("--separator", help="Between the columns of a CSV file.")] = ",",
    decimal_comma: Annotated[bool, typer.Option("--decimal-comma", help="Numbers are written 1,5.")] = False,
    via: Annotated[
        Literal["live", "bulk"],
        typer.Option("--via", help="live: published like a machine's own messages. bulk: written into the lake."),
    ] = "live",
    rate: Annotated[
        float | None, typer.Option("--rate", min=0.001, help="At most so many messages a second (live).")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Return when every reading is found in the lake.")] = False,
    process: Annotated[
        bool, typer.Option("--process", help="Then compute the features of its range; implies --wait.")
    ] = False,
    patience: Annotated[
        float, typer.Option("--patience", help="Seconds without any arrival after which --wait gives up.")
    ] = 300,
    chunk: Annotated[str, typer.Option("--chunk", help="How much time one invocation of --process takes.")] = "7d",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Read and check the file, say what would be sent, send nothing.")
    ] = False,
    stack: StackName = "local",
    outputs: OutputsFile = None,
    as_json: AsJson = False,
) -> None:
    """Send a history of readings through the live path, or in bulk into the lake; stop and start it as you like.

    Rows that are no valid readings are counted by reason and written beside the journal (build/replay); the rest is
    sent, marked as replayed, so that no rule about lateness applies. A second run goes on where the first stopped,
    and sends nothing twice once it is acknowledged.
    """
    from datetime import UTC, datetime

    from botocore.exceptions import BotoCoreError, ClientError

    from mlops_core.telemetry import CHANNELS
    from ops.console import print_json
    from ops.history import content_digest, read_history
    from ops.journal import FOLDER, open_journal
    from ops.mapping import HistoryMapping, parse_channel, parse_moment
    from ops.ranges import parse_chunk
    from ops.replay_report import contents, print_report, write_rejects
    from ops.stack import load_stack

    mapping = HistoryMapping(
        time_column=time_column,
        machine=machine,
        machine_column=machine_column,
        channels=tuple(parse_channel(option) for option in channel or ()),
        channel_column=channel_column,
        value_column=value_column,
        time_format=time_format,
        time_zone=time_zone,
        time_origin=None if time_origin is None else parse_moment(time_origin, "--time-origin"),
        time_unit=time_unit,
        separator=separator,
        decimal_comma=decimal_comma,
    )
    length = parse_chunk(chunk)
    now = datetime.now(UTC)
    try:
        loaded = load_stack(stack, outputs)
        channels = loaded.channels
    except (OpsError, BotoCoreError, ClientError):
        if not dry_run:
            raise
        loaded, channels = None, CHANNELS  # a file can be looked at before there is a stack
    source = mapping.digest(content_digest(file), channels)
    history = read_history(file, mapping, now=now, channels=channels)
    if history.readings.is_empty():
        raise NoReadingsError(file, history.reasons())
    report = {
        "file": str(file),
        "stack": stack,
        "via": via,
        **contents(history),
        "rejects_file": write_rejects(history, FOLDER / f"{source[:24]}.rejects.csv"),
    }
    if loaded is not None and not dry_run:
        journal = open_journal(FOLDER, source=source, lake=_lake_identity(loaded), via=via, now=now)
        report |= _send(history.readings, loaded, journal, rate, quiet=as_json)
        if wait or process:
            report |= _find(history.readings, loaded, patience, quiet=as_json)
        if process:
            report |= _process(history.readings, loaded, length, now=now, quiet=as_json)
    if as_json:
        print_json(report)
    else:
        print_report(report)


def _lake_identity(stack: "Stack") -> str:
    """The lake and when it was made: a journal is of no use for another that later has the same name."""
    bucket = stack.outputs.data_lake_bucket
    for page in stack.s3.get_paginator("list_buckets").paginate(Prefix=bucket):
        for found in page.get("Buckets", ()):
            if found.get("Name") == bucket:
                return f"{bucket} {found.get('CreationDate')}"
    raise LakeAbsentError(bucket)


def _way(stack: "Stack", journal: "Journal", rate: float | None) -> "Way":
    from handlers.stores.publisher import Publisher
    from ops.delivery import BulkWriting, LivePublishing

    if journal.entry.via == "live":
        return LivePublishing(
            Publisher(stack.iot_data), topic_prefix=stack.topic_prefix, channels=stack.channels, rate=rate
        )
    return BulkWriting(stack.lake, received_at=journal.entry.received_at)


def _send(
    readings: "pl.DataFrame", stack: "Stack", journal: "Journal", rate: float | None, *, quiet: bool
) -> dict[str, object]:
    import time

    from ops.console import progress_bar
    from ops.delivery import deliver

    acknowledged = min(journal.acknowledged, readings.height)
    began = time.monotonic()
    with progress_bar("Sending", readings.height - acknowledged, unit="readings", quiet=quiet) as advance:
        sent = deliver(readings, journal, _way(stack, journal, rate), advance)
    seconds = time.monotonic() - began
    return {
        "journal": str(journal.file),
        "acknowledged_before": acknowledged,
        "sent": sent,
        "send_seconds": round(seconds, 3),
    }


def _find(readings: "pl.DataFrame", stack: "Stack", patience: float, *, quiet: bool) -> dict[str, object]:
    import time

    from ops.console import progress_bar
    from ops.reconciliation import Reconciliation

    began = time.monotonic()
    reconciliation = Reconciliation(stack.lake, readings)
    with progress_bar("Finding in the lake", readings.height, unit="readings", quiet=quiet) as advance:
        complete = reconciliation.wait(advance, patience_seconds=patience)
    if not complete:
        raise ReadingsMissingError(reconciliation.missing.height, readings.height, patience)
    return {"in_lake": readings.height, "wait_seconds": round(time.monotonic() - began, 3)}


def _process(
    readings: "pl.DataFrame", stack: "Stack", length: "timedelta", *, now: "datetime", quiet: bool
) -> dict[str, object]:
    import time
    from dataclasses import asdict
    from datetime import timedelta

    from ops.ranges import process_range, reach

    times: list[datetime] = readings["event_timestamp"].to_list()
    longest = timedelta(hours=max(stack.outputs.feature_lengths_hours))
    start, end = reach(times[0], times[-1], longest, now=now)
    began = time.monotonic()
    done = process_range(stack, start, end, length, quiet=quiet)
    return {"processed": {"start": start, "end": end, **asdict(done), "seconds": round(time.monotonic() - began, 3)}}
