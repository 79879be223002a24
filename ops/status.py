"""``mlops status``: what waits, what was refused, what is late or damaged, and who is silent."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ops.options import AsJson, OutputsFile, StackName

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, timedelta

    from ops.stack import Stack


def status(
    silent_after: Annotated[
        str | None,
        typer.Option("--silent-after", help="How long a channel may say nothing; by default, what the stack allows."),
    ] = None,
    stack: StackName = "local",
    outputs: OutputsFile = None,
    as_json: AsJson = False,
) -> None:
    """Show the queues, the dead letters, how far processing has come, and each machine's zone and silence."""
    from datetime import UTC, datetime

    from ops.console import print_json
    from ops.options import parse_length
    from ops.stack import load_stack

    after = None if silent_after is None else parse_length(silent_after, "--silent-after")
    report = _report(load_stack(stack, outputs), datetime.now(UTC), after)
    if as_json:
        print_json(report)
    else:
        _print(report)


def _report(stack: "Stack", now: "datetime", after: "timedelta | None") -> dict[str, object]:
    from ops.damage import Doctor
    from ops.fleet import read_fleet, silent_after
    from ops.quarantined import Quarantine, days_until

    quarantine, after = Quarantine(stack.lake), silent_after(stack) if after is None else after
    doctor = Doctor(stack, now)
    met: dict[str, str] = {}
    machines = read_fleet(stack, now, after, on_damaged=met.setdefault)
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
        "queues": {name: _depth(stack, url) for name, url in queues.items()},
        "processing": _processing(stack, now, damaged),
        "damaged": damaged,
        "quarantined_today": quarantine.reasons(days_until(now, 1)),
        "machines": [machine.as_report(now, after) for machine in machines],
    }


def _depth(stack: "Stack", url: str) -> dict[str, int]:
    """About how many messages wait in a queue, and how many are being handled."""
    attributes = stack.sqs.get_queue_attributes(
        QueueUrl=url,
        AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
    )["Attributes"]
    return {
        "waiting": int(attributes["ApproximateNumberOfMessages"]),
        "in_flight": int(attributes["ApproximateNumberOfMessagesNotVisible"]),
    }


def _processing(stack: "Stack", now: "datetime", damaged: dict[str, str]) -> dict[str, object] | None:
    """How far processing has come; None where no scheduled run has ended yet, or where the checkpoint is damaged."""
    from handlers.stores.checkpoint import checkpoint_object
    from mlops_core.errors import MalformedObjectError
    from mlops_core.lake import CHECKPOINT_KEY

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


def _print(report: "Mapping[str, Any]") -> None:
    from mlops_core.lake import CHECKPOINT_KEY
    from ops.console import print_line, print_table

    print_table(
        f"Queues of {report['stack']}",
        ["queue", "waiting", "in flight"],
        [[name, depth["waiting"], depth["in_flight"]] for name, depth in report["queues"].items()],
    )
    processing = report["processing"]
    for key, problem in report["damaged"].items():
        print_line(f"Damaged: {key}: {problem}. What can be done: mlops doctor --stack {report['stack']}")
    if processing is None and CHECKPOINT_KEY in report["damaged"]:
        print_line("Processing: its checkpoint is damaged; the next run takes an earlier one.")
    elif processing is None:
        print_line("Processing: no scheduled run has ended yet.")
    else:
        print_line(
            f"Processing: until {processing['processed_until']:%Y-%m-%d %H:%M} UTC,"
            f" {processing['lag_hours']:,.1f} h ago;"
            f" {processing['partitions_due']:,} partitions due again because of late data."
        )
    refused = report["quarantined_today"]
    reasons = ", ".join(f"{reason} {count:,}" for reason, count in refused.items())
    print_line(f"Quarantined today: {sum(refused.values()):,}{f' ({reasons})' if reasons else ''}.")
    print_table(
        "Machines",
        ["machine", "state", "zone", "features until (UTC)", "channel", "last reading (UTC)", "silent"],
        [
            [
                machine["machine_id"],
                machine["state"],
                machine["zone"],
                machine["window_end"],
                channel["channel"],
                channel["last_seen"] or _bound(channel["not_after"]),
                "yes" if channel["silent"] else "no",
            ]
            for machine in report["machines"]
            for channel in machine["channels"]
        ],
    )


def _bound(not_after: "datetime | None") -> str | None:
    return None if not_after is None else f"before {not_after:%Y-%m-%d %H:%M:%S}"
