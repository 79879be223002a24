"""``mlops status``: what waits, what was refused, what is late or damaged, and who is silent, on one screen."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from mlops_core.errors import MalformedObjectError
from mlops_core.lake import CHECKPOINT_KEY
from ops.console import print_json, print_line, print_table
from ops.options import AsJson, OutputsFile, StackName, open_stack, parse_length

if TYPE_CHECKING:
    from ops.stack import Stack

MOST_ROWS: Final = 10
"""Machines and damaged objects that are named without ``--all``: with them the report fits 24 lines of 80 columns."""
_WORST_FIRST: Final = ("FAILED", "SILENT", "IN_MAINTENANCE", "OFF", "NEW", "RUNNING", "RETIRED")
_AS_USUAL: Final = {"RUNNING", "RETIRED"}
_UNBROKEN: Final = ("machine", "state", "channel")


def status(
    silent_after: Annotated[
        str | None,
        typer.Option("--silent-after", help="How long a channel may say nothing; by default, what the stack allows."),
    ] = None,
    show_all: Annotated[
        bool, typer.Option("--all", help="Every channel of every machine, and all that is damaged.")
    ] = False,
    stack: StackName = "local",
    outputs: OutputsFile = None,
    as_json: AsJson = False,
) -> None:
    """Show the queues, the dead letters, how far processing has come, and the machines that do not run as usual."""
    after = None if silent_after is None else parse_length(silent_after, "--silent-after")
    report = _report(open_stack(stack, outputs), datetime.now(UTC), after)
    if as_json:
        print_json(report)
    else:
        _print(report, show_all=show_all)


def _report(stack: "Stack", now: datetime, after: timedelta | None) -> dict[str, object]:
    from handlers.stores import days_until, read_fleet
    from ops.arrivals import messages
    from ops.damage import Doctor

    after = stack.sources.silent_after if after is None else after
    doctor = Doctor(stack, now)
    met: dict[str, str] = {}
    machines = read_fleet(stack.sources, now, after, on_damaged=met.setdefault)
    damaged = {key: problem for key, problem in met.items() if not doctor.is_accepted(key)}
    damaged |= {each.damage.key: each.damage.problem for each in doctor.recorded()}
    queues = {
        "readings": stack.outputs.ingestion_queue_url,
        "failures": stack.outputs.label_queue_url,
        "dead letters": stack.outputs.dead_letter_queue_url,
    }
    return {
        "stack": stack.name,
        "at": now,
        "queues": {name: stack.depth(url)._asdict() for name, url in queues.items()},
        "processing": _processing(stack, now, damaged),
        "damaged": damaged,
        "arrived": _arrived(stack, now),
        "messages_in_a_day": messages(stack.metrics, stack.outputs.ingestion_queue_url, now),
        "quarantined_today": stack.quarantine.reasons(days_until(now, 1)),
        "machines": [machine.as_report(now, after) for machine in machines],
    }


def _processing(stack: "Stack", now: datetime, damaged: dict[str, str]) -> dict[str, object] | None:
    """How far processing has come; None where no scheduled run has ended yet, or where the checkpoint is damaged."""
    from handlers.stores import checkpoint_object

    try:
        stored = checkpoint_object(stack.lake).load()
    except MalformedObjectError as error:
        damaged[CHECKPOINT_KEY] = error.message
        return None
    if stored is None:
        return None
    checkpoint = stored.value
    lag = now - checkpoint.processed_until
    return {
        "processed_until": checkpoint.processed_until,
        "lag_hours": round(lag.total_seconds() / 3600, 3),
        "partitions_due": len(checkpoint.due),
    }


def _arrived(stack: "Stack", now: datetime) -> dict[str, object] | None:
    """What the newest windows count against what an estimate assumes; None where they hold nothing."""
    from ops.arrivals import arrivals

    lengths, fleet_size = stack.sources.feature_lengths, stack.outputs.fleet_size
    rows = stack.fleet.load_fleet(on_damaged=lambda _: None)  # the fleet's table names what is damaged
    arrived = arrivals(rows, list(stack.channels), lengths=lengths, now=now, fleet_size=fleet_size)
    return None if arrived is None else asdict(arrived)


def _print(report: Mapping[str, Any], *, show_all: bool) -> None:
    print_line(f"Stack {report['stack']} at {report['at']:%Y-%m-%d %H:%M} UTC")
    queues = (
        f"{name} {depth['waiting']:,} waiting, {depth['in_flight']:,} in flight"
        for name, depth in report["queues"].items()
    )
    print_line(f"Queues: {'; '.join(queues)}.")
    processing, damaged = report["processing"], report["damaged"]
    if processing is None and CHECKPOINT_KEY in damaged:
        print_line("Processing: its checkpoint is damaged; the next run takes an earlier one.")
    elif processing is None:
        print_line("Processing: no scheduled run has ended yet.")
    else:
        print_line(
            f"Processing: until {processing['processed_until']:%Y-%m-%d %H:%M} UTC,"
            f" {processing['lag_hours']:,.1f} h ago;"
            f" {processing['partitions_due']:,} partitions due again because of late data."
        )
    if arrived := report["arrived"]:
        fleet = f" of {arrived['assumed_machines']:,}" if arrived["assumed_machines"] else ""
        print_line(
            f"Readings a machine and day: {arrived['readings_a_machine_day']:,.0f} of {arrived['machines']:,};"
            f" estimated {arrived['assumed_readings_a_machine_day']:,.0f}{fleet}."
        )
    if arrived and (sent := report["messages_in_a_day"]):
        machines, readings = arrived["machines"], arrived["readings_a_machine_day"]
        each = machines * readings / sent
        print_line(f"Messages a machine and day: {sent / machines:,.0f}; {each:,.1f} readings each (--batch of cost).")
    refused = report["quarantined_today"]
    reasons = ", ".join(f"{reason} {count:,}" for reason, count in refused.items())
    print_line(f"Quarantined today: {sum(refused.values()):,}{f' ({reasons})' if reasons else ''}.")
    for key, problem in list(damaged.items())[: None if show_all else 3]:
        print_line(f"Damaged: {key}: {problem}. What can be done: mlops doctor --stack {report['stack']}")
    if not show_all and len(damaged) > 3:
        print_line(f"Damaged: {len(damaged) - 3:,} more: mlops status --all --stack {report['stack']}")
    _print_machines(report, show_all=show_all)


def _print_machines(report: Mapping[str, Any], *, show_all: bool) -> None:
    machines = sorted(report["machines"], key=_urgency)
    silent = sum(channel["silent"] for machine in machines for channel in machine["channels"])
    states = Counter(machine["state"] for machine in machines)
    counts = ", ".join(f"{states[state]:,} {state}" for state in _WORST_FIRST if states[state])
    of = sum(len(machine["channels"]) for machine in machines)
    print_line(f"Machines: {counts or 'none'}; {silent:,} of {of:,} channels silent.")
    if show_all:
        print_table("Machines", _CHANNEL_COLUMNS, _channel_rows(machines), unbroken=_UNBROKEN)
        return
    unusual = [machine for machine in machines if _urgency(machine)[0] < _CALM]
    shown = unusual[:MOST_ROWS]
    if shown:
        print_table("Not as usual, worst first", _COLUMNS, [_row(machine) for machine in shown], unbroken=_UNBROKEN)
    if len(shown) < len(unusual):
        print_line(f"{len(unusual) - len(shown):,} more: mlops status --all --stack {report['stack']}")


_CALM: Final = len(_WORST_FIRST)
_COLUMNS: Final = ("machine", "state", "zone", "silent channels", "last heard (UTC)")
_CHANNEL_COLUMNS: Final = (
    "machine", "state", "zone", "features until (UTC)", "channel", "last reading (UTC)", "silent",
)  # fmt: skip


def _urgency(machine: Mapping[str, Any]) -> tuple[int, str]:
    """Sort key, worst first; below `_CALM` for a machine that somebody should look at."""
    is_calm = machine["state"] in _AS_USUAL and not (machine["state"] == "RUNNING" and _silent(machine))
    return (_CALM if is_calm else 0) + _WORST_FIRST.index(machine["state"]), machine["machine_id"]


def _silent(machine: Mapping[str, Any]) -> list[str]:
    return [channel["channel"] for channel in machine["channels"] if channel["silent"]]


def _row(machine: Mapping[str, Any]) -> list[object]:
    silent, channels = _silent(machine), machine["channels"]
    last = max((each["last_seen"] for each in channels if each["last_seen"]), default=None)
    bounds = [each["not_after"] for each in channels if each["not_after"]]
    named = "all" if silent and len(silent) == len(channels) else ", ".join(silent[:3]) or None
    more = f" +{len(silent) - 3}" if named != "all" and len(silent) > 3 else ""
    seen = f"{last:%Y-%m-%d %H:%M}" if last else f"before {max(bounds):%Y-%m-%d %H:%M}" if bounds else None
    return [machine["machine_id"], machine["state"], machine["zone"], named and f"{named}{more}", seen]


def _channel_rows(machines: Sequence[Mapping[str, Any]]) -> list[list[object]]:
    return [
        [
            machine["machine_id"],
            machine["state"],
            machine["zone"],
            machine["window_end"],
            channel["channel"],
            channel["last_seen"] or _bound(channel["not_after"]),
            "yes" if channel["silent"] else "no",
        ]
        for machine in machines
        for channel in machine["channels"]
    ]


def _bound(not_after: datetime | None) -> str | None:
    return None if not_after is None else f"before {not_after:%Y-%m-%d %H:%M:%S}"
