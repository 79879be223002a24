"""``mlops backfill``: compute the features of a range of time again."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer

from ops.console import print_answer
from ops.errors import OptionError
from ops.options import AsJson, OutputsFile, StackName, open_stack, parse_moment


def backfill(
    start: Annotated[
        str,
        typer.Option(
            "--start", help="First moment of the range, ISO 8601: 2024-01-31 (midnight UTC) or 2024-01-31T06:00Z"
        ),
    ],
    end: Annotated[str, typer.Option("--end", help="The moment behind its last; both are widened to whole hours.")],
    chunk: Annotated[
        str, typer.Option("--chunk", help="How much one invocation takes; halved where the function runs out of time.")
    ] = "7d",
    distributed: Annotated[
        bool | None,
        typer.Option(
            "--distributed/--one-by-one",
            help="Hours and shards side by side by Step Functions, or one run after the other;"
            " by default as the stack's fleetSize and distributedFromMachines say.",
        ),
    ] = None,
    stack: StackName = "local",
    outputs: OutputsFile = None,
    as_json: AsJson = False,
) -> None:
    """Compute the features of a range from its readings: both stores, the checkpoint untouched.

    The range names hours of event time. A window ends up to the longest length after a reading: let --end lie that
    much behind new data. Running it twice gives what once gives. Side by side, a command that was interrupted or failed
    goes on with what is left when it is given again.
    """
    from ops.ranges import hour_of, parse_chunk, process_range, read_part, whole_hours
    from ops.side_by_side import process_side_by_side

    first, last = whole_hours(parse_moment(start, "--start"), parse_moment(end, "--end"))
    if first >= last:
        raise OptionError(f"The range from {start} to {end} holds nothing.", "--start comes before --end.")
    loaded = open_stack(stack, outputs)
    least = loaded.outputs.distributed_from_machines
    if distributed or (distributed is None and least is not None and loaded.outputs.fleet_size >= least):
        first, last = read_part(loaded, first, min(last, hour_of(datetime.now(UTC))))
        done = process_side_by_side(loaded, first, last, quiet=as_json)
    else:
        done = process_range(loaded, first, last, parse_chunk(chunk), quiet=as_json)
    print_answer(
        {"start": first, "end": last, **asdict(done)},
        f"{done.feature_rows:,} feature rows of {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC computed;"
        f" the online store took {done.online_written:,} newer ones.",
        as_json=as_json,
    )
