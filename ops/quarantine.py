"""``mlops quarantine``: refused messages and dead letters, from what there is to getting them in."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from mlops_core.errors import QuarantineReason
from ops.console import print_answer, print_error, print_json, print_line, print_table
from ops.errors import OptionError
from ops.options import AsJson, OutputsFile, StackName, open_stack

if TYPE_CHECKING:
    from mlops_core.lake import QuarantineRecord

app = typer.Typer(
    no_args_is_help=True, help="Refused messages and dead letters: see them, and let them in after a fix."
)

Date = Annotated[str | None, typer.Option("--date", help="Only what was received on this UTC day, YYYY-MM-DD.")]
Days = Annotated[
    int, typer.Option("--days", min=1, max=3660, help="What was received today and on the days before, so many.")
]
Reason = Annotated[str | None, typer.Option("--reason", help="Only what was refused for this reason: TOO_LATE, say.")]
Machine = Annotated[str | None, typer.Option("--machine", help="Only what was published on this machine's topics.")]


@app.command("list")
def list_reasons(
    date: Date = None, days: Days = 7, stack: StackName = "local", outputs: OutputsFile = None, as_json: AsJson = False
) -> None:
    """Count what was refused, by day and reason, and the dead letters."""
    loaded = open_stack(stack, outputs)
    counts = {day.isoformat(): loaded.quarantine.reasons([day]) for day in _chosen(date, days)}
    letters = loaded.depth(loaded.outputs.dead_letter_queue_url).waiting
    if as_json:
        print_json({"stack": stack, "quarantined": counts, "dead_letters": letters})
        return
    rows = [[day, reason, count] for day, reasons in counts.items() for reason, count in reasons.items()]
    print_table(f"Quarantine of {stack}", ["received on", "reason", "messages"], rows)
    print_line(f"Dead letters: {letters:,}")


@app.command("show")
def show(
    reason: Reason = None,
    machine: Machine = None,
    date: Date = None,
    days: Days = 7,
    count: Annotated[int, typer.Option("--count", min=1, help="How many examples.")] = 1,
    stack: StackName = "local",
    outputs: OutputsFile = None,
    as_json: AsJson = False,
) -> None:
    """Show the newest refused messages: why, when, topic and payload."""
    from ops.quarantined import payload_text

    loaded, wanted = open_stack(stack, outputs), _wanted(reason, machine)
    reports = [
        {
            "key": key,
            "reason": str(record.reason),
            "detail": record.detail,
            "topic": record.topic,
            "received_at": record.received_at,
            "message_id": record.message_id,
            "payload_bytes": len(record.payload),
            **payload_text(record.payload),
        }
        for key, record in loaded.quarantine.newest(_chosen(date, days), count, wanted)
    ]
    if as_json:
        print_json({"stack": stack, "examples": reports})
        return
    if not reports:
        print_line("Nothing like that is in quarantine.")
    for report in reports:
        for name, value in report.items():
            print_line(f"{name:>13}  {value}")
        print_line("")


@app.command("replay")
def replay(
    reason: Reason = None,
    machine: Machine = None,
    date: Date = None,
    days: Days = 7,
    accept_late: Annotated[
        bool,
        typer.Option(
            "--accept-late", help="Let in what came too late: mark it as replayed, as history sent on purpose."
        ),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be let in, and change nothing.")] = False,
    stack: StackName = "local",
    outputs: OutputsFile = None,
    as_json: AsJson = False,
) -> None:
    """Judge refused messages again, by the code of today, and let in those that are valid now.

    Each is written into the lake first and then removed from quarantine: stop it and start it as you like, nothing
    is lost or doubled. One that cannot be moved stays, is named, and keeps no other from being let in.
    """
    from handlers.stores import Unreadable
    from ops.quarantined import release_of, retry, second_chance
    from ops.ranges import reach

    loaded, wanted = open_stack(stack, outputs), _wanted(reason, machine)
    records = loaded.quarantine.records(loaded.quarantine.keys(_chosen(date, days)))
    refused = (one for one in records if isinstance(one, Unreadable) or wanted(one.record))
    chance = second_chance(loaded, accept_late=accept_late)
    retried = retry(refused, chance, None if dry_run else release_of(loaded))
    for one in (*retried.failed, *retried.unreadable):
        print_error(f"{one.key}: {one.problem}")
    if as_json:
        print_json({"stack": stack, "dry_run": dry_run, **retried.as_report()})
        if retried.failed:
            raise typer.Exit(1)
        return
    print_line(f"{'Would be let in' if dry_run else 'Let in'}: {retried.accepted:,}")
    for still, number in retried.still_refused.most_common():
        print_line(f"Still refused, {still}: {number:,}")
    if retried.failed:
        print_line(f"Valid, but not moved (run this again): {len(retried.failed):,}")
    if retried.unreadable:
        print_line(f"Objects that hold no message (left alone): {len(retried.unreadable):,}")
    if retried.first is not None and retried.last is not None and not dry_run:
        longest = timedelta(hours=max(loaded.outputs.feature_lengths_hours))
        start, end = reach(retried.first, retried.last, longest, now=datetime.now(UTC))
        command = f"mlops backfill --stack {stack} --start {start:%Y-%m-%dT%HZ} --end {end:%Y-%m-%dT%HZ}"
        print_line(f"To have their features computed now: {command}")
    if retried.failed:
        raise typer.Exit(1)


@app.command("redrive")
def redrive(
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many messages.")] = 100_000,
    stack: StackName = "local",
    outputs: OutputsFile = None,
    as_json: AsJson = False,
) -> None:
    """Put dead letters back into the queues that they were meant for; first mend what made them die.

    A message that is handled twice is kept once. What is no message of a machine (a refused start of a function) stays.
    """
    from ops.dead_letters import DeadLetters

    loaded = open_stack(stack, outputs)
    letters = DeadLetters(
        loaded.sqs,
        loaded.outputs.dead_letter_queue_url,
        readings=loaded.outputs.ingestion_queue_url,
        failures=loaded.outputs.label_queue_url,
    )
    redriven = letters.redrive(limit)
    lines = [f"Sent back: {redriven.sent.total():,}"]
    if redriven.left:
        lines.append(
            f"{redriven.left:,} are no messages of machines and stay: they name a function that could not be started."
        )
    print_answer(
        {"stack": stack, "sent": dict(redriven.sent), "left": redriven.left},
        *lines,
        as_json=as_json,
    )


def _chosen(date: str | None, days: int) -> list[date]:
    from handlers.stores import days_until

    if date is None:
        return days_until(datetime.now(UTC), days)
    try:
        return [datetime.strptime(date, "%Y-%m-%d").replace(tzinfo=UTC).date()]
    except ValueError:
        raise OptionError(f"{date!r} is not a day.", "Write --date 2026-01-31, say.") from None


def _wanted(reason: str | None, machine: str | None) -> "Callable[[QuarantineRecord], bool]":
    """Whether a refused message has this reason and came on a topic of this machine; None: any."""
    if reason is not None and reason not in set(QuarantineReason):
        raise OptionError(f"{reason!r} is no reason of a refusal.", f"The reasons are: {', '.join(QuarantineReason)}")

    def wanted(record: "QuarantineRecord") -> bool:
        return reason in {None, record.reason} and (machine is None or f"/{machine}/" in record.topic)

    return wanted
