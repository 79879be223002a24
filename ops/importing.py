"""``mlops import``: someone's own history through the platform: readings, failures, maintenance or events."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ops.errors import OptionError
from ops.options import AsJson, OutputsFile, StackName, parse_moment

if TYPE_CHECKING:
    from mlops_core.files import LayoutOptions


def import_history(
    file: Annotated[
        Path | None,
        typer.Argument(
            help="Readings: CSV with a header line (.gz allowed) or Parquet (*.parquet).",
        ),
    ] = None,
    form: Annotated[
        Literal["table", "lookout"],
        typer.Option("--format", help="table: one file. lookout: a folder as Amazon Lookout for Equipment had it."),
    ] = "table",
    failures: Annotated[
        Path | None, typer.Option("--failures", help="Failures in bulk: machine, time, return, code.", dir_okay=False)
    ] = None,
    maintenance: Annotated[
        Path | None,
        typer.Option("--maintenance", help="Repairs in bulk: machine, time, return; each renews.", dir_okay=False),
    ] = None,
    events: Annotated[
        Path | None,
        typer.Option(
            "--events", help="Events in bulk (errors, operators ...): machine, time, kind, code.", dir_okay=False
        ),
    ] = None,
    time_column: Annotated[
        str | None, typer.Option("--time-column", help="Column of times; found where it is called timestamp, time ...")
    ] = None,
    machine: Annotated[str | None, typer.Option("--machine", help="The one machine that the whole file is of.")] = None,
    machine_column: Annotated[str | None, typer.Option("--machine-column", help="Column of machine names.")] = None,
    machine_name: Annotated[
        list[str] | None, typer.Option("--machine-name", help="NAME=ID, where the file calls a machine NAME.")
    ] = None,
    channel: Annotated[
        list[str] | None,
        typer.Option("--channel", help="COLUMN=CHANNEL, once for each column of values; of long data NAME=CHANNEL."),
    ] = None,
    channel_column: Annotated[
        str | None, typer.Option("--channel-column", help="Column of channel names (long data).")
    ] = None,
    value_column: Annotated[str | None, typer.Option("--value-column", help="Column of values (long data).")] = None,
    quality_column: Annotated[
        str | None, typer.Option("--quality-column", help="GOOD, UNCERTAIN, BAD or a status code of OPC UA.")
    ] = None,
    return_column: Annotated[
        str | None, typer.Option("--return-column", help="When the machine ran again (failures, maintenance).")
    ] = None,
    code_column: Annotated[
        str | None, typer.Option("--code-column", help="What failed (failures), or the code (events).")
    ] = None,
    kind: Annotated[
        str | None, typer.Option("--kind", help="The one kind of all events of the file: error, operator ...")
    ] = None,
    kind_column: Annotated[str | None, typer.Option("--kind-column", help="Column of kinds (events).")] = None,
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
        typer.Option("--time-unit", help="What they count: s, ms, us, ns, filetime, excel, or a step such as 10m."),
    ] = None,
    separator: Annotated[
        str | None, typer.Option("--separator", help="Between the columns of a CSV file; found where not given.")
    ] = None,
    decimal_comma: Annotated[bool, typer.Option("--decimal-comma", help="Numbers are written 1,5.")] = False,
    encoding: Annotated[str | None, typer.Option("--encoding", help="cp1252, shift_jis ...; UTF is found.")] = None,
    skip_lines: Annotated[int, typer.Option("--skip-lines", min=0, help="Lines above the header of a CSV file.")] = 0,
    via: Annotated[
        Literal["live", "bulk"] | None,
        typer.Option("--via", help="live (default): published like a machine's messages. bulk: written into the lake."),
    ] = None,
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
    correct: Annotated[
        bool, typer.Option("--correct", help="Replace the values, or the records, that are stored; the latest counts.")
    ] = False,
    stack: StackName = "local",
    outputs: OutputsFile = None,
    as_json: AsJson = False,
) -> None:
    """Take a history of readings into the platform, live or in bulk; stop and start it as you like.

    Rows that are no valid readings are counted by reason and written beside the journal (build/replay); the rest is
    sent, marked as replayed, so that no rule about lateness applies. A second run goes on where the first stopped,
    and sends nothing twice once it is acknowledged. Events are written into the lake; failures and maintenance are
    recorded: the same again changes nothing.
    """
    from ops.event_import import import_events
    from ops.file_options import options_of, parse_pairs
    from ops.label_import import import_labels
    from ops.ranges import parse_chunk
    from ops.reading_import import import_readings

    layout: LayoutOptions = {
        "time_column": time_column, "machine": machine, "machine_column": machine_column,
        "machine_names": parse_pairs(machine_name or (), "--machine-name", "NAME=ID"),
        "channel_names": parse_pairs(channel or (), "--channel", "COLUMN=CHANNEL"),
        "channel_column": channel_column, "value_column": value_column, "quality_column": quality_column,
        "return_column": return_column, "code_column": code_column, "kind": kind, "kind_column": kind_column,
        "time_format": time_format, "time_zone": time_zone,
        "time_origin": None if time_origin is None else parse_moment(time_origin, "--time-origin"),
        "time_unit": time_unit, "separator": separator, "decimal_comma": decimal_comma, "encoding": encoding,
        "skip_lines": skip_lines,
    }  # fmt: skip
    if correct and via == "live":
        raise OptionError("A machine's messages cannot correct values.", "Corrections go in with --via bulk.")
    length = parse_chunk(chunk)
    given = [each for each in (file, failures, maintenance, events) if each is not None]
    if len(given) != 1:
        raise OptionError(
            "One file is imported at a time.", "Give a FILE of readings, --failures, --maintenance or --events."
        )
    if events is not None and (correct or via == "live"):
        raise OptionError("Events are written into the lake, and not corrected.", "Leave out --via live and --correct.")
    with options_of(layout):
        if file is not None:
            import_readings(
                file,
                layout,
                is_lookout=form == "lookout",
                via=via or ("bulk" if correct else "live"),
                correct=correct,
                rate=rate,
                wait=wait or process,
                process=process,
                patience=patience,
                chunk=length,
                dry_run=dry_run,
                stack=stack,
                outputs=outputs,
                as_json=as_json,
            )
            return
        if events is not None:
            import_events(events, layout, dry_run=dry_run, stack=stack, outputs=outputs, as_json=as_json)
            return
        import_labels(
            given[0],
            layout,
            is_failure=failures is not None,
            correct=correct,
            dry_run=dry_run,
            stack=stack,
            outputs=outputs,
            as_json=as_json,
        )
